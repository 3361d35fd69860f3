# SPDX-License-Identifier: Apache-2.0
"""Tests of the Merkle tree against the text of RFC 6962."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from tacker_ledger.core import merkle
from tacker_ledger.tests import base


def leaf(index):
    """Return a digest to stand for a leaf."""
    return hashlib.sha256(b'leaf %d' % index).digest()


def split(count):
    """Return the largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1


def mth(leaves):
    """Return the root as section 2.1 defines it, recursively."""
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return hashlib.sha256(
        b'\x01' + mth(leaves[:k]) + mth(leaves[k:])).digest()


def audit_path(m, leaves):
    """Return PATH(m, D[n]) as section 2.1.1 defines it."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*audit_path(m, leaves[:k]), mth(leaves[k:])]
    return [*audit_path(m - k, leaves[k:]), mth(leaves[:k])]


LEAVES = st.integers(1, 200).map(lambda n: [leaf(i) for i in range(n)])


class TestTree(base.TestCase):
    """Roots and paths are those of the RFC."""

    def test_empty(self):
        self.assertEqual(hashlib.sha256(b'').digest(), merkle.root([]))

    def test_one_leaf_is_its_own_root(self):
        self.assertEqual(leaf(0), merkle.root([leaf(0)]))
        self.assertEqual([], merkle.path([leaf(0)], 0))

    def test_every_small_tree(self):
        for size in range(1, 40):
            leaves = [leaf(i) for i in range(size)]
            root = merkle.root(leaves)
            self.assertEqual(mth(leaves), root)
            for index in range(size):
                path = merkle.path(leaves, index)
                self.assertEqual(audit_path(index, leaves), path)
                self.assertTrue(merkle.verify(
                    leaves[index], index, size, path, root))

    @given(LEAVES, st.data())
    def test_a_path_proves_one_place(self, leaves, draw):
        size = len(leaves)
        index = draw.draw(st.integers(0, size - 1))
        root, path = merkle.root(leaves), merkle.path(leaves, index)
        self.assertTrue(
            merkle.verify(leaves[index], index, size, path, root))
        for other in {0, 1, index - 1, index + 1, size - 1, size} - {index}:
            self.assertFalse(merkle.verify(
                leaves[index], other, size, path, root))
        self.assertFalse(merkle.verify(leaf(-1), index, size, path, root))
        self.assertFalse(merkle.verify(
            leaves[index], index, size, [*path, leaf(-1)], root))
        self.assertFalse(merkle.verify(
            leaves[index], index, size, path, leaf(-1)))
        if path:
            self.assertFalse(merkle.verify(
                leaves[index], index, size, path[:-1], root))
            at = draw.draw(st.integers(0, len(path) - 1))
            path[at] = leaf(-1)
            self.assertFalse(merkle.verify(
                leaves[index], index, size, path, root))

    def test_an_inner_node_is_no_leaf_of_the_size_claimed(self):
        leaves = [leaf(i) for i in range(4)]
        root = merkle.root(leaves)
        inner = merkle.root(leaves[:2])
        path = [merkle.root(leaves[2:])]
        # True of the smaller tree: why the size must be trusted.
        self.assertTrue(merkle.verify(inner, 0, 2, path, root))
        self.assertFalse(merkle.verify(inner, 0, 4, path, root))
        self.assertFalse(merkle.verify(inner, 0, 3, path, root))

    def test_digests_of_another_length(self):
        # Shifting a byte between neighbours gives the same node.
        a, b = leaf(0), leaf(1)
        root = merkle.root([a, b])
        self.assertTrue(merkle.verify(a, 0, 2, [b], root))
        self.assertFalse(merkle.verify(a[:-1], 0, 2, [a[-1:] + b], root))
        self.assertFalse(merkle.verify(a + b[:1], 0, 2, [b[1:]], root))

    def test_out_of_range(self):
        self.assertFalse(merkle.verify(leaf(0), 0, 0, [], merkle.root([])))
        self.assertFalse(merkle.verify(leaf(0), -1, 1, [], leaf(0)))
        self.assertFalse(merkle.verify(leaf(0), 1, 1, [], leaf(0)))
        self.assertRaises(AssertionError, merkle.path, [leaf(0)], 1)
