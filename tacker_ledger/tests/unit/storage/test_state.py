# SPDX-License-Identifier: Apache-2.0
"""Tests of the mapped array and of the committed state."""

import os

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.storage import state
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.storage import stores

ZEROS = bytes(32)


class TestMappedNodes(base.TestCase):

    def setUp(self):
        super().setUp()
        self.path = self.make_directory() / 'state.map'
        self.nodes = state.MappedNodes(self.path)
        self.addCleanup(lambda: self.nodes.close())

    def used_bytes(self) -> int:
        return os.stat(self.path).st_blocks * 512

    def test_a_new_array_is_zeros_and_has_its_room(self):
        self.assertTrue(self.nodes.fresh)
        self.assertEqual(ZEROS, self.nodes.get(1))
        self.assertEqual(ZEROS, self.nodes.get(state.NODES - 1))
        self.nodes.clear()
        # a full disk must not meet a write to a hole of a mapped file
        self.assertGreaterEqual(self.used_bytes(),
                                state.NODES * state.NODE_BYTES)

    def test_what_is_set_is_kept(self):
        for index in (1, 12345, state.NODES - 1):
            self.nodes.set(index, bytes([index % 251]) * 32)
        self.nodes.sync()
        self.nodes.close()
        self.nodes = state.MappedNodes(self.path)
        self.assertFalse(self.nodes.fresh)
        self.assertEqual(bytes([12345 % 251]) * 32, self.nodes.get(12345))
        self.assertEqual(ZEROS, self.nodes.get(12346))

    def test_cleared_everywhere(self):
        indices = (1, 2, 70_000, state.NODES - 1)
        for index in indices:
            self.nodes.set(index, b'x' * 32)
        self.nodes.clear()
        self.assertEqual({ZEROS}, {self.nodes.get(index)
                                   for index in indices})

    def test_a_reader_sees_changes_and_makes_none(self):
        reader = state.MappedNodes(self.path, readonly=True)
        self.addCleanup(reader.close)
        self.nodes.set(7, b'y' * 32)
        self.assertEqual(b'y' * 32, reader.get(7))
        self.assertRaises(TypeError, reader.set, 7, ZEROS)

    def test_files_that_are_none(self):
        self.assertRaises(errors.NotFound, state.MappedNodes,
                          self.path.with_name('none'), readonly=True)
        other = self.path.with_name('other')
        other.write_bytes(b'short')
        self.assertRaises(errors.CorruptStore, state.MappedNodes, other,
                          readonly=True)


class TestStateStore(stores.StoreCase):

    def test_values_as_the_newest_commit_left_them(self):
        one = self.stored.digest('one')
        key = identifiers.cid_state_key(self.h, one.content.cid)
        view = self.stored.store.state
        self.assertIsNone(view.get(key))
        self.stored.commit(one)
        self.assertEqual(self.stored.ledger.state.get(key), view.get(key))

    def test_buckets(self):
        written = [self.stored.digest(f'{number}') for number in range(20)]
        self.stored.commit(*written)
        memory = self.stored.ledger.state
        for one in written:
            key = identifiers.cid_state_key(self.h, one.content.cid)
            prefix = int.from_bytes(key[:3], 'big') >> 4
            self.assertEqual(memory.bucket(prefix),
                             self.stored.store.state.bucket(prefix))
        empty = next(prefix for prefix in range(1 << 20)
                     if not memory.bucket(prefix))
        self.assertEqual([], self.stored.store.state.bucket(empty))

    def test_all_of_it_in_order(self):
        self.stored.commit(*[self.stored.digest(f'{number}')
                             for number in range(20)])
        with self.stored.store.env.read() as txn:
            self.assertEqual(
                self.stored.ledger.state.hashes(),
                list(self.stored.store.state.at(txn).hashes()))
