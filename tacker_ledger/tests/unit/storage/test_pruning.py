# SPDX-License-Identifier: Apache-2.0
"""What is pruned is gone, the rest stays; who it is asked says so."""

import dataclasses
import io

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import export
from tacker_ledger.core.ledger import export_verifier
from tacker_ledger.core.ledger import partial_verifier
from tacker_ledger.node import indexing
from tacker_ledger.storage import check
from tacker_ledger.storage import environment
from tacker_ledger.storage import holdings
from tacker_ledger.storage import index as index_module
from tacker_ledger.storage import opening
from tacker_ledger.storage import pruning
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers
from tacker_ledger.tests.unit.storage import stores

PRUNED = holdings.Pruned(9, 12, bytes(32), 1)


class PrunedCase(stores.StoreCase):
    """Twelve blocks, one with a federation document; pruned below 9."""

    def setUp(self):
        super().setUp()
        for number in range(1, 13):
            if number == 4:
                following = federations.successor(self.stored.made)
                self.stored.commit(ledgers.federation_transaction(
                    self.h, following), next_made=following)
            elif number % 5 == 0:
                self.stored.commit()
            else:
                self.stored.commit(self.stored.digest(f'{number} a'),
                                   self.stored.digest(f'{number} b'))
        self.blocks = self.stored.ledger.blocks

    def prune(self, pruned=PRUNED):
        return pruning.prune(self.stored.store.env, pruned)

    def export(self):
        """Return what ``chain export`` writes."""
        reader = self.stored.reader
        found = export.header_record(self.h.chain_id,
                                     reader.federations()[0][0])
        for height in range(1, reader.height() + 1):
            try:
                (header, certificate), raws = reader.block(height)
            except errors.Pruned:
                (header, certificate), raws = reader.block(height, False)
            found += export.block_record(codec.encode(
                (block_module.VERSION, header, raws or ())), certificate)
        return found


class TestPruning(PrunedCase):

    def test_bodies_go_and_the_rest_stays(self):
        # 1, 2, 3, 6, 7, 8 with two each; 4 has a document, 5 nothing
        self.assertEqual(12, self.prune())
        self.assertEqual(0, self.prune())
        reader = self.stored.reader
        for committed in self.blocks:
            height = committed.block.header.height
            (header, certificate), _ = reader.block(height, body=False)
            self.assertEqual(committed.block.header_bytes, header)
            if committed.block.raw_transactions:
                self.assertEqual(committed.certificate, certificate)
            if height >= 9 or height in (4, 5):
                self.assertEqual(committed.block.raw_transactions,
                                 reader.block(height)[1])
            else:
                self.assertRaises(errors.Pruned, reader.block, height)
        self.assertEqual(2, len(reader.federations()))

    def test_the_newest_block_stays(self):
        self.assertRaises(errors.BadOption, self.prune,
                          dataclasses.replace(PRUNED, before=13))

    def test_what_is_gone_names_an_archive(self):
        self.prune()
        store = self.stored.store
        store.write(lambda txn: holdings.write(
            store.env, txn, holdings.Known(1, False, (2, 3)))).result()
        gone = self.blocks[0].outcome
        kept = self.blocks[11].outcome
        reader = self.stored.reader
        member = self.stored.made.federation.members[2]
        key = gone.changes.entries[0].state_key
        for ask in (lambda: reader.transaction(gone.transactions[0].txid),
                    lambda: reader.history(key, 0, 10),
                    lambda: reader.block(1)):
            error = self.assertRaises(errors.Pruned, ask)
            self.assertEqual((9, 1), (error.details['first_body'],
                                      error.details['height']))
            self.assertEqual({'name': member.name, 'url': member.door_url},
                             error.details['archives'][0])
            self.assertIn(member.door_url, error.message)
        # what is proven of the present, and what is new, is served
        _, ((_, value, _),) = reader.state([key])
        self.assertEqual(gone.changes.changes[key], value)
        self.assertEqual(kept.transactions[0].raw, reader.transaction(
            kept.transactions[0].txid)[2])

    def test_a_missing_body_above_the_mark_is_damage(self):
        with self.stored.store.env.write() as txn:
            environment.delete(txn, self.stored.store.env.bodies,
                               environment.PLACE.pack(3, 0))
        txid = self.blocks[2].outcome.transactions[0].txid
        self.assertRaises(errors.CorruptStore,
                          self.stored.reader.transaction, txid)

    def test_an_interrupted_run_is_completed(self):
        self.patch(pruning, '_PORTION_BODIES', 3)
        original, calls = pruning._portion, []

        def portion(*arguments):
            calls.append(1)
            if len(calls) == 3:
                raise errors.StorageFailed('no more')
            return original(*arguments)
        self.patch(pruning, '_portion', portion)
        self.assertRaises(errors.StorageFailed, self.prune)
        self.assertRaises(errors.Pruned, self.stored.reader.block, 1)
        # what is left below the mark is as good as it was
        self.assertEqual(self.blocks[7].block.raw_transactions,
                         self.stored.reader.block(8)[1])
        self.prune()
        self.assertRaises(errors.Pruned, self.stored.reader.block, 8)

    def test_a_pruned_store_is_sound_and_opens(self):
        self.prune()
        self.assertEqual(9, check.complete(
            self.stored.store.env, self.h).first_body)
        self.stored.close()
        made = self.stored.made
        store = opening.open_store(
            self.directory, made.federation, made.signed.to_bytes(),
            federations.PROVIDER, max_bytes=1 << 28, sync=False)
        self.stored.store = store
        self.assertEqual(12, store.head().height)
        with store.env.read() as txn:
            self.assertEqual(PRUNED, holdings.read_pruned(store.env, txn))

    def test_a_damaged_tail_of_a_pruned_store_is_not_replayed(self):
        self.prune()
        with self.stored.store.env.write() as txn:
            environment.delete(txn, self.stored.store.env.bodies,
                               environment.PLACE.pack(11, 1))
        self.stored.close()
        made = self.stored.made
        error = self.assertRaises(
            errors.CorruptStore, opening.open_store, self.directory,
            made.federation, made.signed.to_bytes(), federations.PROVIDER,
            max_bytes=1 << 28, sync=False)
        self.assertIn('Move everything', error.message)

    def test_the_index_goes_on_over_the_gap(self):
        self.prune()
        index = index_module.Index(f'sqlite:///{self.directory}/i.sqlite')
        self.addCleanup(index.close)
        indexer = indexing.make_indexer(index, self.stored.reader)
        self.assertEqual(12, indexer.catch_up())
        heights = {row[0] for table, row in index.content()
                   if table == 'transactions'}
        self.assertEqual({4, 9, 11, 12}, heights)


class TestPartialVerifier(PrunedCase):

    def steps(self, data):
        return list(partial_verifier.verify_partial(
            self.h, federations.PROVIDER, io.BytesIO(data)))

    def test_it_says_what_is_proven(self):
        self.prune()
        data = self.export()
        self.assertRaises(errors.Pruned, list, export_verifier.verify_export(
            self.h, federations.PROVIDER, io.BytesIO(data)))
        steps = self.steps(data)
        self.assertEqual([1, 2, 3, 6, 7, 8],
                         [step.height for step in steps if not step.whole])
        self.assertEqual(12, steps[-1].certified_height)
        self.assertEqual(1, steps[-1].federation.epoch)
        self.assertEqual(
            [committed.block.digest for committed in self.blocks],
            [step.digest for step in steps])
        self.assertEqual(7, sum(len(step.transactions) for step in steps))

    def test_a_whole_chain_verifies_too(self):
        self.assertTrue(all(step.whole for step in self.steps(
            self.export())))

    def assert_refused(self, code, height, change):
        reader = self.stored.reader
        records = []
        for at in range(1, 13):
            (header, certificate), raws = reader.block(at)
            if at in (1, 2, 3, 6, 7, 8):
                raws = ()
            if at == height:
                header, certificate, raws = change(header, certificate, raws)
            records.append(export.block_record(codec.encode(
                (block_module.VERSION, header, raws)), certificate))
        data = export.header_record(
            self.h.chain_id, reader.federations()[0][0]) + b''.join(records)
        error = self.assertRaises(errors.LedgerError, self.steps, data)
        self.assertEqual((code, height), (error.code,
                                          error.details['height']))

    def test_nothing_false_passes(self):
        bare = self.blocks[6]
        parsed = bare.block.header

        def header(**fields):
            made = dataclasses.replace(parsed, **fields).to_bytes()
            return lambda _, certificate, raws: (made, certificate, raws)
        self.assert_refused('bad-certificate', 7,
                            header(state_root=b's' * 32))
        self.assert_refused('bad-block', 7, header(parent=b'p' * 32))
        self.assert_refused('bad-block', 7, header(height=8))
        self.assert_refused('bad-block', 7, header(federation=b'f' * 32))
        self.assert_refused('bad-block', 7, header(
            timestamp_ms=parsed.timestamp_ms - 2_000))
        # a body cannot hide behind an empty certificate, nor a block
        self.assert_refused('bad-certificate', 7,
                            lambda head, _, raws: (head, b'', raws))
        self.assert_refused(
            'bad-block', 9,
            lambda head, certificate, raws: (head, certificate, raws[:1]))
        # without the document nobody knows who certifies what follows
        self.assert_refused(
            'bad-block', 5, lambda head, certificate, raws: (
                dataclasses.replace(
                    block_module.Header.from_bytes(head),
                    federation=self.stored.made.federation.digest
                ).to_bytes(), certificate, raws))

    def test_an_uncertified_end(self):
        self.stored.commit()
        data = self.export()
        cut = self.export()[:data.rindex(
            self.stored.ledger.blocks[-1].block.header_bytes)]
        self.assertRaises(errors.LedgerError, self.steps, cut)


class TestHoldings(PrunedCase):

    def test_kept_and_checked(self):
        env = self.stored.store.env
        known = holdings.Known(5, True, (0, 7))
        with env.write() as txn:
            self.assertIsNone(holdings.read(env, txn))
            self.assertIsNone(holdings.read_pruned(env, txn))
            holdings.write(env, txn, known)
            holdings.write_pruned(env, txn, PRUNED)
        with env.read() as txn:
            self.assertEqual(known, holdings.read(env, txn))
            self.assertEqual(PRUNED, holdings.read_pruned(env, txn))
        with env.write() as txn:
            environment.put(txn, env.meta, b'holdings', b'\x80')
            self.assertRaises(errors.CorruptStore, holdings.read, env, txn)
