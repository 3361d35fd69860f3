# SPDX-License-Identifier: Apache-2.0
"""Tests of a member's store as a whole."""

import pathlib
import shutil

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.storage import chain
from tacker_ledger.storage import environment
from tacker_ledger.storage import state
from tacker_ledger.storage import store
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers
from tacker_ledger.tests.unit.storage import stores


class TestLedgerStore(stores.StoreCase):

    def test_a_new_store_has_the_genesis_block(self):
        head = self.stored.store.head()
        self.assertEqual(self.stored.ledger.application.head, head)
        self.assertEqual(self.stored.made.federation,
                         self.stored.store.federation())

    def test_a_block_is_there_after_a_restart(self):
        one, two = self.stored.digest('one'), self.stored.digest('two')
        block = self.stored.commit(one, two)
        opened = self.reopen()
        self.assertEqual(self.stored.ledger.application.head, opened.head())
        self.assertEqual(self.stored.ledger.tree.root(), opened.tree.root())
        with opened.env.read() as txn:
            self.assertEqual((1, 1), opened.chain.place(txn, two.txid))
            self.assertEqual((one.raw, two.raw), opened.chain.body(txn, 1))
            self.assertEqual(block.pair, opened.chain.head_pair(txn, 1))
            self.assertEqual(
                [(one.sender_id, len(one.raw) + len(two.raw), 2)],
                opened.chain.usage(txn))

    def test_values_and_proofs_are_those_of_the_ledger(self):
        written = [self.stored.digest(f'tx {i}') for i in range(30)]
        for start in range(0, 30, 10):
            self.stored.commit(*written[start:start + 10])
        for one in written:
            key = identifiers.cid_state_key(self.h, one.content.cid)
            value, proof = self.stored.ledger.prove(key)
            self.assertEqual(value, self.stored.store.state.get(key))
            self.assertEqual(
                proof, self.stored.store.tree.prove(key).to_bytes())

    def test_a_block_that_does_not_follow_changes_nothing(self):
        block = self.stored.commit(self.stored.digest('one'))
        future = self.stored.store.append(
            [(block.outcome, block.certificate)])
        self.assertRaises(errors.CorruptStore, future.result)
        self.assertEqual(1, self.stored.store.head().height)

    def test_several_blocks_are_stored_together_or_not_at_all(self):
        run = [self.stored.ledger.commit() for _ in range(3)]
        bad = [(run[0].outcome, b''), (run[2].outcome, run[2].certificate)]
        self.assertRaises(errors.CorruptStore,
                          self.stored.store.append(bad).result)
        self.assertEqual(0, self.stored.store.head().height)
        good = [(one.outcome, one.certificate) for one in run]
        self.stored.store.append(good).result()
        self.assertEqual(3, self.stored.store.head().height)

    def test_heartbeats_lose_their_certificates_but_every_256th(self):
        self.patch(chain, 'CERTIFICATE_INTERVAL', 4)
        self.stored.commit(self.stored.digest('one'))
        for _ in range(9):
            self.stored.commit()
        with self.stored.store.env.read() as txn:
            kept = [height for height in range(1, 11)
                    if self.stored.store.chain.head_pair(txn, height)[1]]
        # the one with a transaction, multiples of 4, and the head
        self.assertEqual([1, 4, 8, 10], kept)

    def test_a_federation_document_is_kept_with_its_place(self):
        made = federations.successor(self.stored.made)
        self.stored.commit(ledgers.federation_transaction(self.h, made))
        self.assertEqual(made.federation, self.stored.store.federation())
        with self.stored.store.env.read() as txn:
            rows = self.stored.store.chain.federations(txn, 1)
        self.assertEqual(
            [chain.FederationRow(1, 1, 0, made.signed.to_bytes())], rows)

    def test_evidence_is_kept_once(self):
        for record in (b'one', b'two', b'one'):
            self.stored.store.add_evidence(record).result()
        self.assertEqual([b'one', b'two'], self.reopen().evidence())

    def test_votes_go_with_their_block(self):
        opened = self.stored.store
        opened.persist(1, [b'a', b'b']).result()
        opened.persist(2, [b'c']).result()
        self.assertEqual([b'a', b'b', b'c'], self.reopen().vote_records())
        self.stored.commit()
        self.assertEqual([b'c'], self.stored.store.vote_records())

    def test_one_process_at_a_time(self):
        self.assertRaises(errors.Busy, store.LedgerStore, self.directory,
                          self.stored.made.federation, b'')

    def test_another_federation(self):
        self.stored.close()
        other = federations.genesis(4, label='other')
        self.assertRaises(
            errors.WrongFederation, store.LedgerStore, self.directory,
            other.federation, other.signed.to_bytes())
        self.stored.open()


class TestMap(stores.StoreCase):
    """The mapped array against the values."""

    def setUp(self):
        super().setUp()
        for number in range(3):
            self.stored.commit(self.stored.digest(f'tx {number}'))
        self.rebuilt = []
        original = store.LedgerStore.rebuild_map
        self.patch(store.LedgerStore, 'rebuild_map', lambda opened: (
            self.rebuilt.append(True), original(opened)))

    def map_file(self) -> pathlib.Path:
        return self.directory / state.FILE_NAME

    def assert_root(self):
        self.assertEqual(self.stored.ledger.tree.root(),
                         self.stored.store.tree.root())

    def test_a_clean_stop_needs_no_rebuild(self):
        self.reopen()
        self.assertEqual([], self.rebuilt)
        self.assert_root()

    def test_an_unclean_stop_does(self):
        # what a killed process leaves behind
        copy = self.make_directory() / 'copy'
        shutil.copytree(self.directory, copy,
                        ignore=shutil.ignore_patterns('lock'))
        opened = store.LedgerStore(
            copy, self.stored.made.federation,
            self.stored.made.signed.to_bytes())
        self.addCleanup(opened.close)
        self.assertEqual([True], self.rebuilt)
        self.assertEqual(self.stored.ledger.tree.root(), opened.tree.root())

    def test_a_lost_map(self):
        self.stored.close()
        self.map_file().unlink()
        self.stored.open()
        self.assertEqual([True], self.rebuilt)
        self.assert_root()

    def test_a_map_of_another_size(self):
        self.stored.close()
        with open(self.map_file(), 'r+b') as file:
            file.truncate(1000)
        self.stored.open()
        self.assertEqual([True], self.rebuilt)
        self.assert_root()

    def test_a_changed_root(self):
        self.stored.close()
        with open(self.map_file(), 'r+b') as file:
            file.seek(state.NODE_BYTES)
            file.write(bytes(state.NODE_BYTES))
        self.stored.open()
        self.assertEqual([True], self.rebuilt)
        self.assert_root()

    def test_values_that_are_not_the_heads(self):
        self.stored.close()
        env = environment.Environment(self.directory)
        with env.write() as txn:
            key, value = environment.last(txn, env.state)
            environment.put(txn, env.state, key, value + b'x')
        with env.write() as txn:
            environment.put(txn, env.meta, b'state-map-clean', b'0')
        env.close()
        self.assertRaises(errors.CorruptStore, self.stored.open)
        with env_of(self.directory) as env, env.write() as txn:
            environment.put(txn, env.state, key, value)
        self.stored.open()
        self.assert_root()


class env_of:
    """An environment for a ``with`` statement."""

    def __init__(self, directory):
        self._env = environment.Environment(directory)

    def __enter__(self):
        return self._env

    def __exit__(self, *_):
        self._env.close()
