# SPDX-License-Identifier: Apache-2.0
"""Tests of the judgement of a chain of anchors."""

import dataclasses

import hypothesis
from hypothesis import strategies as st

from tacker_ledger.core import errors
from tacker_ledger.core.securelog import anchor_chain
from tacker_ledger.core.securelog import anchor_tree
from tacker_ledger.core.securelog import op_return
from tacker_ledger.core.securelog import transaction
from tacker_ledger.tests import base

FIRST = transaction.Outpoint('ab' * 32, 0)
EXPECTED = anchor_chain.Expected(FIRST, '11' * 32, 6, (9, '22' * 32))
SEEN = anchor_chain.Seen('11' * 32, '22' * 32, True)


def root_of(number):
    return bytes([number]) * 32


def raw(spent, scripts):
    """Return a transaction of one input."""
    return b''.join((
        b'\x02\0\0\0\x01', bytes.fromhex(spent.txid)[::-1],
        spent.index.to_bytes(4, 'little'), b'\0', b'\xff' * 4,
        bytes([len(scripts)]),
        *(b'\x07' + bytes(7) + bytes([len(item)]) + item
          for item in scripts), bytes(4)))


def anchor(number, spent, confirmations, root=None):
    one = transaction.parse(raw(spent, (
        b'\x51', op_return.script(root or root_of(number)), b'\x51')))
    return anchor_chain.Anchor(
        one, 100 + number if confirmations > 0 else None, confirmations)


def chain(count, last_confirmations=3):
    """Return anchors, each a block after the one before."""
    anchors, tip = [], FIRST
    for number in range(count):
        anchors.append(anchor(
            number, tip, last_confirmations + count - 1 - number))
        tip = transaction.Outpoint(anchors[-1].transaction.txid, 0)
    return anchors


def judge(anchors, expected=EXPECTED, seen=SEEN):
    return anchor_chain.judge(anchors, expected, seen)


class TestJudge(base.TestCase):

    def test_a_good_chain(self):
        anchors = chain(5)
        judgement = judge(anchors)
        self.assertTrue(judgement.good)
        judgement.require_good()
        self.assertEqual(['final'] * 2 + ['confirmed'] * 3,
                         [one.state for one in judgement.verdicts])
        self.assertEqual([root_of(n) for n in range(5)],
                         [one.root for one in judgement.verdicts])
        self.assertEqual(anchors[-1].transaction.txid, judgement.tip.txid)
        self.assertEqual(FIRST, judge([]).tip)

    def test_another_first_output(self):
        other = dataclasses.replace(
            EXPECTED, first=transaction.Outpoint('cd' * 32, 0))
        judgement = judge(chain(2), other)
        self.assertEqual(('not-chained',), judgement.problems)
        self.assertRaises(errors.BadAnchorChain, judgement.require_good)

    @hypothesis.given(st.integers(2, 6), st.data())
    def test_one_left_out_or_moved(self, count, data):
        anchors = chain(count)
        at = data.draw(st.integers(0, count - 2))
        self.assertIn('not-chained',
                      judge(anchors[:at] + anchors[at + 1:]).problems)
        anchors[at], anchors[at + 1] = anchors[at + 1], anchors[at]
        self.assertIn('not-chained', judge(anchors).problems)

    def test_another_output_than_the_first_one_is_no_link(self):
        first, = chain(1)
        second = anchor(1, transaction.Outpoint(first.transaction.txid, 2), 1)
        self.assertEqual(('not-chained',),
                         judge([first, second]).problems)

    def test_a_newer_one_hidden(self):
        seen = dataclasses.replace(SEEN, tip_unspent=False)
        self.assertEqual(('tip-spent',), judge(chain(2), seen=seen).problems)

    def test_another_network_proves_nothing(self):
        for seen in (dataclasses.replace(SEEN, genesis='33' * 32),
                     dataclasses.replace(SEEN, pinned='33' * 32),
                     dataclasses.replace(SEEN, pinned=None)):
            judgement = judge(chain(3), seen=seen)
            self.assertEqual(('wrong-network',), judgement.problems)
            self.assertEqual({'refused'},
                             {one.state for one in judgement.verdicts})

    def test_no_root(self):
        one = anchor_chain.Anchor(
            transaction.parse(raw(FIRST, (b'\x51',))), 5, 9)
        verdict, = judge([one]).verdicts
        self.assertEqual(('refused', None, 'not-an-anchor'),
                         (verdict.state, verdict.root, verdict.problem))

    def test_waiting_only_at_the_end(self):
        anchors = chain(3, 0)
        self.assertEqual('pending', judge(anchors).verdicts[-1].state)
        self.assertTrue(judge(anchors).good)
        anchors[1] = dataclasses.replace(anchors[1], height=None,
                                         confirmations=0)
        self.assertEqual(('out-of-order',), judge(anchors).problems)

    def test_blocks_do_not_go_back(self):
        anchors = chain(2)
        anchors[1] = dataclasses.replace(anchors[1], height=50)
        self.assertEqual(('out-of-order',), judge(anchors).problems)

    def test_a_chain_given_up(self):
        old, = chain(1)
        tip = transaction.Outpoint(old.transaction.txid, 0)
        tree = anchor_tree.AnchorTree(
            {bytes(16): [anchor_tree.Entry(1, 1, bytes(32))]}, rebase=tip)
        new = anchor(9, transaction.Outpoint('ee' * 32, 0), 2, tree.root)
        path = tree.rebase_path()
        told = dataclasses.replace(new, rebase=path)
        judgement = judge([old, told])
        self.assertTrue(judgement.good)
        self.assertEqual((anchor_chain.Gap(tip, new.transaction.txid),),
                         judgement.gaps)
        # not told, of another chain, or not in this anchor
        for lie in (new, dataclasses.replace(new, rebase=dataclasses.replace(
                path, tip=FIRST)), dataclasses.replace(
                    anchor(9, FIRST, 2), rebase=path)):
            self.assertEqual(('not-chained',), judge([old, lie]).problems)


class TestList(base.TestCase):

    @hypothesis.given(st.lists(st.tuples(
        st.binary(min_size=32, max_size=32),
        st.binary(min_size=32, max_size=32)), max_size=5))
    def test_round_trip(self, rows):
        one = anchor_chain.AnchorList('regtest', FIRST, tuple(
            (txid.hex(), block.hex()) for txid, block in rows))
        self.assertEqual(one, anchor_chain.decode_list(one.encode()))

    @hypothesis.given(st.binary(max_size=100))
    def test_any_bytes(self, data):
        self.assertRaises(errors.FormatError, anchor_chain.decode_list, data)
