# SPDX-License-Identifier: Apache-2.0
"""Tests of the authenticated map against its definition."""

import hashlib
import random

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import state_proof
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.core.ledger import samples

H = samples.H
ZEROS = bytes(32)


def key_of(*places):
    """Return a key that starts with these bytes and is zeros after."""
    return bytes(places) + bytes(32 - len(places))


def defined(items, depth=0):
    """Return the root over items as the specification defines it."""
    if (depth >= 20 and len(items) <= 1) or not items:
        for key, value in items.items():
            return H.hash(state_map.hashing.Tag.STATE_LEAF, key,
                          hashlib.sha256(value).digest())
        return ZEROS
    halves = [{}, {}]
    for key, value in items.items():
        halves[key[depth // 8] >> (7 - depth % 8) & 1][key] = value
    left, right = (defined(half, depth + 1) for half in halves)
    return hashlib.sha256(b'\x01' + left + right).digest()


class Tree:
    """A map in memory with the values below it."""

    def __init__(self):
        self.values = state_map.MemoryState()
        self.nodes = state_map.SparseNodes()
        self.map = state_map.StateMap(H, self.nodes, self.values)

    def update(self, changes):
        """Commit changes and return the new root."""
        overlay = self.map.overlay(changes)
        self.values.update(changes)
        self.map.commit(overlay)
        return overlay.root

    def check(self, key, value):
        """Verify the tree's own proof of a value."""
        proof = self.map.prove(key).to_bytes()
        state_map.verify(H, self.map.root(), key, value, proof)
        return state_map.Proof.from_bytes(proof)


#: Keys that meet: in the first bytes, in a bucket, deep in a bucket.
KEYS = st.one_of(
    st.binary(min_size=32, max_size=32),
    st.integers(0, 15).map(lambda i: key_of(7, 7, 0x70 | i)),
    st.integers(0, 255).map(lambda i: key_of(7, 7, 0x70, 0, 0, i)),
    st.integers(0, 7).map(lambda i: key_of(7, 7, 0x70)[:31] + bytes([i])))
CHANGES = st.dictionaries(KEYS, st.binary(max_size=8), max_size=12)


class TestRoot(base.TestCase):
    """The root is that of the definition, however it came about."""

    def test_empty(self):
        tree = Tree()
        self.assertEqual(ZEROS, tree.map.root())
        self.assertEqual(ZEROS, tree.map.overlay({}).root)

    def test_one_key(self):
        tree = Tree()
        key = hashlib.sha256(b'key').digest()
        self.assertEqual(defined({key: b'v'}), tree.update({key: b'v'}))

    @settings(max_examples=60)
    @given(st.lists(CHANGES, max_size=4))
    def test_as_defined(self, blocks):
        tree, items = Tree(), {}
        for changes in blocks:
            items.update(changes)
            tree.update(changes)
            self.assertEqual(defined(items), tree.map.root())

    @settings(max_examples=40)
    @given(CHANGES, st.randoms(use_true_random=False))
    def test_the_order_does_not_matter(self, changes, rnd):
        at_once, one_by_one = Tree(), Tree()
        at_once.update(changes)
        items = list(changes.items())
        rnd.shuffle(items)
        for key, value in items:
            one_by_one.update({key: value})
        self.assertEqual(at_once.map.root(), one_by_one.map.root())

    @settings(max_examples=40)
    @given(CHANGES)
    def test_built_anew(self, changes):
        tree = Tree()
        tree.update(changes)
        nodes = state_map.SparseNodes()
        nodes.set(1, b'x' * 32)
        nodes.set(99, b'x' * 32)
        root = state_map.build(H, nodes, iter(tree.values.hashes()))
        self.assertEqual(tree.map.root(), root)
        for one, other in ((tree.nodes, nodes), (nodes, tree.nodes)):
            for index, node in one._nodes.items():
                self.assertEqual(node, other.get(index))
        again = state_map.StateMap(H, nodes, tree.values)
        self.assertEqual(tree.map.root(), again.root())
        for key in changes:
            self.assertEqual(tree.map.prove(key), again.prove(key))

    def test_an_overlay_stores_nothing(self):
        tree = Tree()
        tree.update({key_of(1): b'a'})
        root = tree.map.root()
        overlay = tree.map.overlay({key_of(1): b'b', key_of(2): b'c'})
        self.assertEqual(root, tree.map.root())
        self.assertNotEqual(root, overlay.root)
        tree.check(key_of(1), b'a')
        tree.check(key_of(2), None)

    def test_an_overlay_names_each_node_once(self):
        tree = Tree()
        rnd = random.Random(5)
        changes = {rnd.randbytes(32): b'v' for _ in range(200)}
        updates = tree.map.overlay(changes).node_updates
        expected = set()
        for key in changes:
            index = (1 << 20) + state_map.prefix_of(key)
            while index:
                expected.add(index)
                index >>= 1
        self.assertEqual(expected, set(updates))

    def test_prefixes(self):
        self.assertEqual(0, state_map.prefix_of(key_of(0)))
        self.assertEqual(0xfffff, state_map.prefix_of(b'\xff' * 32))
        self.assertEqual(0x12345, state_map.prefix_of(
            bytes.fromhex('123456') + bytes(29)))


class TestProofs(base.TestCase):
    """Every key has one proof, and it tells the truth."""

    @settings(max_examples=80)
    @given(CHANGES, KEYS)
    def test_of_presence_and_absence(self, changes, key):
        tree = Tree()
        tree.update(changes)
        for present, value in changes.items():
            tree.check(present, value)
        tree.check(key, changes.get(key))

    @settings(max_examples=60)
    @given(CHANGES, CHANGES, KEYS)
    def test_of_the_latest(self, first, second, key):
        tree = Tree()
        tree.update(first)
        stale = tree.map.prove(key).to_bytes()
        value = first.get(key)
        before = tree.map.root()
        after = tree.update(second)
        state_map.verify(H, before, key, value, stale)
        if after != before:
            self.assertRaises(state_proof.errors.BadProof, state_map.verify,
                              H, after, key, value, stale)

    def test_forms_of_absence(self):
        tree = Tree()
        taken = key_of(7, 7, 0x70, 1)
        tree.update({taken: b'v'})
        empty = tree.check(key_of(9), None)
        self.assertEqual((20, None), (empty.depth, empty.other))
        other = tree.check(key_of(7, 7, 0x70, 2), None)
        self.assertEqual((20, taken), (other.depth, other.other[0]))
        tree.update({key_of(7, 7, 0x70, 2): b'w'})
        deep = tree.check(key_of(7, 7, 0x7f), None)
        self.assertEqual((21, None), (deep.depth, deep.other))

    def test_keys_that_differ_in_the_last_bit(self):
        tree = Tree()
        one, two = key_of(7)[:31] + b'\x00', key_of(7)[:31] + b'\x01'
        tree.update({one: b'1', two: b'2'})
        proof = tree.check(one, b'1')
        self.assertEqual((256, 1), (proof.depth, len(proof.siblings)))
        self.assertLess(len(proof.to_bytes()), 100)
        tree.check(two, b'2')
        self.assertEqual(256, tree.check(one, b'1').depth)

    def test_sizes(self):
        tree = Tree()
        rnd = random.Random(7)
        keys = [rnd.randbytes(32) for _ in range(1000)]
        tree.update(dict.fromkeys(keys, b'v'))
        sizes = [len(tree.map.prove(key).to_bytes()) for key in keys[:50]]
        self.assertLess(max(sizes), 700)
