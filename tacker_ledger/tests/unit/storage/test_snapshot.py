# SPDX-License-Identifier: Apache-2.0
"""Tests of snapshots: held, kept, checked, put in; and the lies about them.
"""

import contextlib
import dataclasses

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import snapshot_messages
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import snapshot
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core import limits
from tacker_ledger.node import indexing
from tacker_ledger.node import supply
from tacker_ledger.storage import check as check_module
from tacker_ledger.storage import index as index_module
from tacker_ledger.storage import snapshot as storage
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers
from tacker_ledger.tests.unit.storage import stores
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import keys

Part = snapshot.Part


def same(part, items, more):
    """Change nothing."""
    return items, more


class SnapshotCase(stores.StoreCase):
    """A chain with transactions, addressed pairs and a change of epoch."""

    def setUp(self):
        super().setUp()
        for number in range(4):
            self.stored.commit(self.stored.digest(f'tx {number}'))
            self.stored.commit()
        self.joiner = stores.Stored(self.make_directory() / 'joiner')
        self.addCleanup(self.joiner.close)

    def change_epoch(self):
        """Commit a second federation document."""
        second = federations.successor(self.stored.made)
        return self.stored.commit(
            ledgers.federation_transaction(self.h, second),
            next_made=second)

    def transfer(self, lie=same, lowest=1, from_epoch=None):
        """Return (check, kept files) of a snapshot that came."""
        application = self.joiner.ledger.application
        held = storage.Held(self.stored.store.env,
                            from_epoch or application.federation.epoch + 1)
        try:
            check = snapshot.SnapshotCheck(
                self.h, federations.PROVIDER, application.federation,
                application.head, *held.block(), lowest)
            incoming = storage.Incoming(self.joiner.directory)
            self.addCleanup(incoming.remove)
            for part in Part:
                after, more = b'', True
                while more:
                    items, more = lie(part, *held.page(part, after))
                    after = items[-1][0] if items else b''
                    more = check.page(part, items, more)
                    if part != Part.FEDERATIONS:
                        incoming.add(part, items)
            incoming.finish()
            check.check_state(incoming.items(Part.STATE), incoming.nodes)
            return check, incoming
        finally:
            held.close()

    def join(self, **arguments):
        """Let the joiner have a snapshot; return what it was checked by."""
        fetched = self.transfer(**arguments)
        self.joiner.store.install(*fetched).result()
        fetched[1].remove()
        return fetched[0]

    def state_of(self, stored):
        with stored.store.env.read() as txn:
            return list(stored.store.state.at(txn).hashes())


class TestSnapshot(SnapshotCase):

    def test_a_joiner_has_the_state_and_the_head(self):
        check = self.join()
        theirs, ours = self.stored.store, self.joiner.store
        self.assertEqual(theirs.head(), ours.head())
        self.assertEqual(theirs.head(), check.head)
        self.assertEqual(self.state_of(self.stored),
                         self.state_of(self.joiner))
        self.assertEqual(theirs.tree.root(), ours.tree.root())
        with ours.env.read() as txn:
            height = ours.head().height
            self.assertEqual((height, height), (
                ours.chain.first_body(txn), ours.chain.base_height(txn)))
            self.assertIsNone(ours.chain.head_pair(txn, height - 1))

    def test_it_goes_on_from_there(self):
        self.join()
        joined = self.joiner
        joined.ledger.application.start_from(
            joined.store.head(), joined.store.federation())
        block = self.stored.commit(self.stored.digest('after'))
        joined.store.append([(block.outcome, block.certificate)]).result()
        self.assertEqual(self.stored.store.tree.root(),
                         joined.store.tree.root())
        # and after a restart, with its map in step or not
        joined.close()
        (joined.directory / 'state.map').unlink()
        joined.open()
        self.assertEqual(self.stored.store.head(), joined.store.head())

    def test_addressed_pairs_come_along(self):
        sealed = self.addressed('one')
        self.stored.commit(sealed)
        check = self.join()
        self.assertEqual(1, check.pairs)
        with self.joiner.store.env.read() as txn:
            self.assertEqual([sealed.sender_id],
                             self.joiner.store.enrolments.addressers(
                                 txn, sealed.content.recipient_id, 9))

    def addressed(self, label, vid=1, cid=None):
        """Return a transaction to somebody."""
        pair = keys.curve(federations.PROVIDER, 'a tenant')
        return authoring.author_request(
            self.h, pair, recipient_id=vectors.fixed_bytes(label, 32),
            vid=vid, cid=cid, timestamp_ms=ledgers.START_MS,
            nonce=vectors.fixed_bytes(f'{label} {vid}', 16),
            slot_expiry_ms=ledgers.START_MS + 3_600_000)

    def test_federations_are_followed_by_their_blocks(self):
        self.change_epoch()
        self.stored.commit(self.stored.digest('under the second'))
        check = self.join()
        self.assertEqual([1], [one.epoch for one in check.documents])
        theirs, ours = self.stored.reader, self.joiner.reader
        self.assertEqual(theirs.federations(), ours.federations())
        self.assertEqual(1, self.joiner.store.federation().epoch)

    def test_a_document_in_the_last_block(self):
        self.change_epoch()
        self.join()
        self.assertEqual(1, self.joiner.store.federation().epoch)

    def test_small_pages(self):
        self.patch(limits, 'SNAPSHOT_PAGE_MAX_COUNT', 2)
        self.join()
        self.assertEqual(self.stored.store.tree.root(),
                         self.joiner.store.tree.root())

    def test_a_snapshot_does_not_move(self):
        held = storage.Held(self.stored.store.env, 1)
        self.addCleanup(held.close)
        before = held.page(Part.STATE, b'')
        self.stored.commit(self.stored.digest('later'))
        self.assertEqual(before, held.page(Part.STATE, b''))

    def test_there_is_none_of_the_genesis_block(self):
        self.assertRaises(errors.NotFound, storage.Held,
                          self.joiner.store.env, 1)

    # Lies

    def assert_refused(self, lie, error=errors.BadProof):
        before = self.joiner.store.head()
        self.assertRaises(error, self.join, lie=lie)
        self.assertEqual(before, self.joiner.store.head())
        self.assertEqual([], self.state_of(self.joiner))

    def lie_about(self, part, change):
        """Return a lie about the first page of a part."""
        def lie(asked, items, more):
            return (change(list(items)) if asked == part else items), more
        return lie

    def test_s16_a_changed_value(self):
        def change(items):
            key, value = items[1]
            record = state_records.CidRecord.from_bytes(value)
            return [items[0], (key, dataclasses.replace(
                record, history_count=7).to_bytes()), *items[2:]]
        self.assert_refused(self.lie_about(Part.STATE, change))

    def test_s16_a_missing_key(self):
        self.assert_refused(self.lie_about(
            Part.STATE, lambda items: items[1:]))

    def test_s16_an_extra_key(self):
        self.assert_refused(self.lie_about(
            Part.STATE, lambda items: [*items, (b'\xff' * 32, b'x')]))

    def test_s16_keys_out_of_order(self):
        for change in (lambda items: items[::-1],
                       lambda items: [items[0], *items]):
            self.assert_refused(self.lie_about(Part.STATE, change))

    def test_s16_keys_of_another_form(self):
        self.assert_refused(self.lie_about(
            Part.STATE, lambda items: [(b'\x00' * 31, b'x'), *items]))
        self.assert_refused(self.lie_about(
            Part.STATE, lambda items: [(b'\x00' * 32, bytes(4097))]))

    def test_s16_endless(self):
        self.assert_refused(lambda part, items, more: (
            [(number.to_bytes(32, 'big'), b'x') for number in range(
                self.stored.store.head().height * 600 + 1)]
            if part == Part.STATE else items, more))

    def test_s16_crumbs(self):
        self.assert_refused(lambda part, items, more: (
            items[:1], part == Part.STATE or more))
        self.assert_refused(lambda part, items, more: ([], True))

    def test_s16_an_old_snapshot(self):
        self.assertRaises(errors.StaleHead, self.transfer, lowest=9)
        self.join()
        self.joiner.ledger.application.start_from(
            self.joiner.store.head(), self.joiner.store.federation())
        self.assertRaises(errors.StaleHead, self.transfer)

    def test_s16_a_block_that_is_not_certified(self):
        block = storage.Held.block

        def forged(held):
            raw, _certificate = block(held)
            return raw, ledgers.certify(
                self.h, federations.genesis(4, label='x').sites, range(3),
                8, b'x' * 32)

        self.patch(storage.Held, 'block', forged)
        self.assert_refused(same, errors.BadCertificate)

    def test_s16_a_withheld_federation_document(self):
        self.change_epoch()
        withheld = self.lie_about(Part.FEDERATIONS, lambda items: [])
        # in the last block, and before it
        self.assert_refused(withheld, errors.UnknownFederation)
        self.stored.commit()
        self.assert_refused(withheld, errors.UnknownFederation)

    def test_s16_a_block_without_a_document(self):
        raw, certificate = (self.stored.ledger.blocks[0].block.to_bytes(),
                            self.stored.ledger.blocks[0].certificate)
        self.assert_refused(self.lie_about(
            Part.FEDERATIONS, lambda items: [(
                b'\x00\x00\x00\x01', snapshot_messages.certified_block(
                    raw, certificate))]), errors.UnknownFederation)

    def test_s16_addressed_pairs_that_are_none(self):
        invented = (b'r' * 32 + b's' * 32, bytes(12))
        add = self.lie_about(Part.ADDRESSED, lambda items: [invented])
        self.assert_refused(add)
        self.stored.commit(self.addressed('one'))
        self.assert_refused(self.lie_about(Part.ADDRESSED, lambda items: []))
        # as many as there are, but others: noticed when they are put in
        self.assert_refused(add)

    def test_the_checks_of_a_start_find_it_sound(self):
        """Of a joiner, and of one that had some blocks before."""
        self.change_epoch()
        self.stored.commit(self.addressed('one'))
        for held in (0, 3):
            self.joiner.close()
            self.joiner = stores.Stored(
                self.make_directory() / f'joiner-{held}')
            self.addCleanup(self.joiner.close)
            self.follow(held)
            check = self.join()
            found = check_module.complete(
                self.joiner.store.env, self.h,
                array=self.joiner.store.nodes)
            self.assertEqual((check.height, check.height, 1), (
                found.height, found.first_body, found.transactions))
            check_module.quick(self.joiner.store.env, self.h, walk=True)

    def follow(self, count):
        """Let the joiner have the first blocks."""
        for one in self.stored.ledger.blocks[:count]:
            self.joiner.store.append(
                [(one.outcome, one.certificate)]).result()
        if count:
            application = self.joiner.ledger.application
            application._head = dataclasses.replace(
                application.head, height=count, digest=one.block.digest)

    # What is not there

    def test_history_from_before_is_pruned(self):
        """One clear error, with the height from which all is here."""
        sealed = self.addressed('one')
        old = self.stored.commit(sealed)
        self.stored.commit()
        check = self.join()
        reader = self.joiner.reader
        key = identifiers.pair_state_key(
            self.h, sealed.content.recipient_id, sealed.sender_id)
        for ask in (lambda: reader.block(old.block.header.height),
                    lambda: reader.transaction(sealed.txid),
                    lambda: reader.transaction(b'x' * 32),
                    lambda: reader.history(key, 0, 10)):
            error = self.assertRaises(errors.Pruned, ask)
            self.assertEqual(('pruned', check.height),
                             (error.code, error.details['first_body']))
        self.assertEqual(check.height, reader.begins_at())
        # nothing is said to be missing that is not
        self.assertEqual((), reader.history(key, 1, 10)[2])
        self.assertEqual((), reader.history(b'x' * 32, 0, 10)[2])
        self.assertIsNone(reader.block(check.height + 1))
        self.assertIsNotNone(reader.block(check.height))
        # who waits for a change since before looks at once
        self.assertTrue(reader.changed_since([key], check.height - 1))
        self.assertFalse(reader.changed_since([key], check.height))
        self.assertFalse(reader.changed_since([b'x' * 32], 0))

    def test_history_goes_on_after_it(self):
        first = self.addressed('one')
        self.stored.commit(first)
        self.join()
        self.joiner.ledger.application.start_from(
            self.joiner.store.head(), self.joiner.store.federation())
        second = self.addressed('one', vid=2, cid=first.content.cid)
        block = self.stored.commit(second)
        self.joiner.store.append([(block.outcome,
                                   block.certificate)]).result()
        key = identifiers.pair_state_key(
            self.h, first.content.recipient_id, first.sender_id)
        reader = self.joiner.reader
        self.assertRaises(errors.Pruned, reader.history, key, 0, 10)
        self.assertEqual(
            [(block.block.header.height, 0, second.raw)],
            list(reader.history(key, 1, 10)[2]))
        self.assertEqual(self.stored.reader.transaction(second.txid),
                         reader.transaction(second.txid))

    def test_the_index_begins_there(self):
        self.join()
        index = index_module.Index('sqlite://')
        with contextlib.closing(index):
            indexer = indexing.make_indexer(index, self.joiner.reader)
            height = self.joiner.store.head().height
            self.assertEqual(height, indexer.catch_up())

    def test_blocks_from_before_are_not_supplied(self):
        check = self.join()
        env = self.joiner.store.env
        self.assertEqual((), supply.blocks(
            env, messages.GetBlocks(1, 1, 256)).blocks)
        self.assertEqual(1, len(supply.blocks(
            env, messages.GetBlocks(1, check.height, 256)).blocks))

    # Crashes and disks

    def test_what_a_crash_leaves_is_thrown_away(self):
        self.transfer()  # kept, never put in
        self.joiner.close()
        self.joiner.open()
        self.assertEqual(0, self.joiner.store.head().height)
        self.join()
        self.assertEqual(self.stored.store.head(),
                         self.joiner.store.head())
        self.assertEqual([], list(self.joiner.directory.glob('incoming*')))

    def test_a_crash_before_the_map_follows(self):
        fetched = self.transfer()
        with self.joiner.store.env.write() as txn:
            storage.put_in(self.joiner.store.env, txn, self.h, *fetched)
        # the process ends here: the array is that of the genesis block
        self.joiner.store.close()
        self.joiner.open()
        self.assertEqual(self.stored.store.tree.root(),
                         self.joiner.store.tree.root())

    def test_kept_files_that_change_are_noticed(self):
        check, incoming = self.transfer()
        path = self.joiner.directory / 'incoming-snapshot' / 'state'
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        future = self.joiner.store.install(check, incoming)
        self.assertRaises(errors.StorageFailed, future.result)
        self.assertEqual(0, self.joiner.store.head().height)

    def test_a_node_that_was_behind_keeps_what_it_had(self):
        self.follow(3)
        self.join()
        reader = self.joiner.reader
        self.assertEqual(self.stored.reader.block(1), reader.block(1))
        self.assertEqual(self.stored.store.tree.root(),
                         self.joiner.store.tree.root())
