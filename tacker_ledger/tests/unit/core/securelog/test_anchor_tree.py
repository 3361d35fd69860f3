# SPDX-License-Identifier: Apache-2.0
"""Tests of the tree of an anchor and of path files."""

import dataclasses
import hashlib

import hypothesis
from hypothesis import strategies as st

from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core import merkle
from tacker_ledger.core.securelog import anchor_tree
from tacker_ledger.core.securelog import leaf
from tacker_ledger.core.securelog import transaction
from tacker_ledger.tests import base

HEAD = anchor_tree.Head(b'c' * 32, 7, b'b' * 32)
TIP = transaction.Outpoint('0a' * 32, 0)


def digest(number):
    return hashlib.sha256(b'%d' % number).digest()


def logs(sizes):
    """Return so many checkpoints for each log."""
    return {bytes([number]) * 16: [
        anchor_tree.Entry(writer, writer * 100, digest(1000 * number + writer))
        for writer in range(1, size + 1)]
        for number, size in enumerate(sizes)}


def walk(node, steps):
    """Do what a proof file says."""
    for before, after in steps:
        node = hashlib.sha256(before + node + after).digest()
    return node


SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=9)


class TestTree(base.TestCase):

    def test_one_checkpoint_is_the_root(self):
        self.assertEqual(digest(1), anchor_tree.AnchorTree(logs([1])).root)

    def test_by_hand(self):
        name = b'tacker-ledger/1/anchor-log'
        first = digest(1)
        second = hashlib.sha256(
            b'\x02' + bytes([len(name)]) + name + b'\x01' * 16
            + b'\0\0\0\x02' + hashing.inner_node(
                digest(1001), digest(1002))).digest()
        head = leaf.leaf_hash(leaf.ledger_leaf(*dataclasses.astuple(HEAD)))
        tree = anchor_tree.AnchorTree(logs([1, 2]), HEAD)
        self.assertEqual(merkle.root([first, second, head]), tree.root)
        old = leaf.leaf_hash(leaf.rebase_leaf(TIP))
        tree = anchor_tree.AnchorTree(logs([1, 2]), HEAD, TIP)
        self.assertEqual(merkle.root([old, first, second, head]), tree.root)

    def test_the_order_given_does_not_matter(self):
        some = logs([3, 1, 2])
        backwards = {key: list(reversed(some[key]))
                     for key in reversed(list(some))}
        self.assertEqual(anchor_tree.AnchorTree(some).root,
                         anchor_tree.AnchorTree(backwards).root)

    @hypothesis.given(SIZES, st.booleans(), st.booleans())
    def test_every_path_leads_to_the_root(self, sizes, head, rebase):
        some = logs(sizes)
        tree = anchor_tree.AnchorTree(some, HEAD if head else None,
                                      TIP if rebase else None)
        for log_id, entries in some.items():
            path = anchor_tree.decode_path(tree.log_path(log_id).encode())
            self.assertEqual(tree.log_path(log_id), path)
            self.assertEqual(tree.root, path.root())
            for one in entries:
                self.assertEqual(tree.root, walk(one.hash, path.ots_steps(
                    one.writer, one.sequence)))
            self.assertRaises(errors.NotFound, path.ots_steps, 99, 1)
        if head:
            path = anchor_tree.decode_path(tree.ledger_path().encode())
            self.assertEqual(HEAD, path.head)
            self.assertEqual(tree.root, path.root())
            self.assertEqual(tree.root, walk(
                leaf.leaf_hash(path.leaf_file()), path.ots_steps()))
        if rebase:
            path = anchor_tree.decode_path(tree.rebase_path().encode())
            self.assertEqual(TIP, path.tip)
            self.assertEqual(tree.root, path.root())

    @hypothesis.given(SIZES.filter(lambda sizes: max(sizes) > 1), st.data())
    def test_no_checkpoint_of_a_log_can_be_left_out(self, sizes, data):
        tree = anchor_tree.AnchorTree(logs(sizes))
        number = data.draw(st.sampled_from(
            [n for n, size in enumerate(sizes) if size > 1]))
        path = tree.log_path(bytes([number]) * 16)
        gone = data.draw(st.integers(0, len(path.entries) - 1))
        kept = path.entries[:gone] + path.entries[gone + 1:]
        self.assertNotEqual(tree.root, dataclasses.replace(
            path, entries=kept).root())

    def test_a_neighbour_cannot_be_passed_off_as_another_log(self):
        tree = anchor_tree.AnchorTree(logs([2]))
        first, second = tree.log_path(bytes(16)).entries
        lie = anchor_tree.LogPath(bytes(16), (first,), anchor_tree.Position(
            0, 2, (second.hash,)))
        self.assertNotEqual(tree.root, lie.root())

    def test_too_many(self):
        self.assertRaises(errors.TooLarge, anchor_tree.AnchorTree, {
            bytes(16): [anchor_tree.Entry(n, 1, bytes(32))
                        for n in range(1, 4098)]})


class TestDecode(base.TestCase):

    @hypothesis.given(st.binary(max_size=100))
    def test_any_bytes(self, data):
        self.assertRaises(errors.FormatError, anchor_tree.decode_path, data)

    @hypothesis.given(st.data())
    def test_a_changed_byte_is_noticed(self, data):
        tree = anchor_tree.AnchorTree(logs([1, 3, 2]), HEAD)
        good = bytearray(tree.log_path(b'\x01' * 16).encode())
        before = bytes(good)
        good[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(
            st.integers(1, 255))
        try:
            path = anchor_tree.decode_path(bytes(good))
            root = path.root()
        except errors.LedgerError:
            return
        # Who wrote a checkpoint is in its hash, which is in its leaf file;
        # how many leaves the tree has is nothing that anybody relies on.
        honest = anchor_tree.decode_path(before)

        def relied_on(one):
            return (one.log_id, [item.hash for item in one.entries],
                    one.position.siblings)

        if relied_on(path) != relied_on(honest):
            self.assertNotEqual(tree.root, root)

    def test_sessions_in_order_and_once(self):
        position = anchor_tree.Position(0, 1, ())
        for writers in ((1, 1), (2, 1)):
            path = anchor_tree.LogPath(bytes(16), tuple(
                anchor_tree.Entry(writer, 1, bytes(32))
                for writer in writers), position)
            self.assertRaises(errors.Malformed, anchor_tree.decode_path,
                              path.encode())

    def test_a_position_that_cannot_be(self):
        for position in (anchor_tree.Position(1, 1, ()),
                         anchor_tree.Position(0, 1, (bytes(32),)),
                         anchor_tree.Position(0, 2, ())):
            path = anchor_tree.LedgerPath(HEAD, position)
            self.assertRaises(errors.Malformed, anchor_tree.decode_path,
                              path.encode())
            self.assertRaises(errors.BadProof, path.root)
