# SPDX-License-Identifier: Apache-2.0
"""Which transactions a leader passes over."""

from tacker_ledger.core.consensus import request_timers
from tacker_ledger.core import limits
from tacker_ledger.tests import base

_PASSES = request_timers.PASSES_MAX_COUNT
_FULL = request_timers.FULL_BLOCKS_PER_PASS


class TestRequestTimers(base.TestCase):

    def setUp(self):
        super().setUp()
        self.valid = {}
        self.made = request_timers.RequestTimers(
            lambda txid: self.valid.get(txid, True))
        self.made.told(b'one', b'sender')

    def blocks(self, count, full=False, held=()):
        return [self.made.block(held, full) for _ in range(count)]

    def handed(self):
        """Have the transaction passed over once, and handed over."""
        self.blocks(1)
        self.assertEqual([b'one'], self.made.to_hand())

    def test_three_blocks_with_room_after_it_was_handed_over(self):
        self.assertEqual([None], self.blocks(1))
        self.assertEqual([b'one'], self.made.to_hand())
        self.assertEqual([], self.made.to_hand())
        self.assertEqual([None, None, b'one'], self.blocks(3))
        self.assertEqual([], self.made.to_hand())

    def test_who_was_blamed_has_the_same_chances_again(self):
        self.assertEqual(([None] * 3 + [b'one']) * 2, self.blocks(8))

    def test_what_has_no_place_is_handed_over_later(self):
        count = limits.BLOCK_MAX_TRANSACTIONS
        for number in range(count):
            self.made.told(number.to_bytes(4, 'big'), b'sender')
        self.blocks(1)
        self.assertEqual(count, len(set(self.made.to_hand())))
        self.blocks(1)
        self.assertEqual([(count - 1).to_bytes(4, 'big')],
                         self.made.to_hand())

    def test_a_leader_that_was_gone_is_forgiven_once_in_a_view(self):
        self.handed()
        self.blocks(2)
        self.made.leader_returned()
        self.handed()
        self.blocks(2)
        self.made.leader_returned()
        self.assertEqual([b'one'], self.blocks(1))
        self.made.entered_view()
        self.handed()
        self.made.leader_returned()
        self.handed()

    def test_a_leader_that_passed_nothing_over_needs_no_forgiveness(self):
        self.made.leader_returned()
        self.handed()
        self.blocks(2)
        self.made.leader_returned()
        self.handed()

    def test_a_block_that_holds_it(self):
        self.blocks(2)
        self.assertEqual([None] * 5, self.blocks(
            5, held=[(b'one', b'sender')]))
        self.assertEqual(0, len(self.made))

    def test_full_blocks_hand_over_late(self):
        held = [(b'other', b'somebody')]
        self.blocks(_FULL - 1, full=True, held=held)
        self.assertEqual([], self.made.to_hand())
        self.blocks(1, full=True, held=held)
        self.assertEqual([b'one'], self.made.to_hand())

    def test_full_blocks_count_little(self):
        self.handed()
        found = self.blocks(_FULL * _PASSES, full=True,
                            held=[(b'other', b'somebody')])
        self.assertEqual([None] * (_FULL * _PASSES - 1) + [b'one'], found)

    def test_full_blocks_in_which_its_sender_had_a_turn(self):
        self.assertEqual({None}, set(self.blocks(
            10 * _FULL * _PASSES, full=True, held=[(b'other', b'sender')])))

    def test_full_blocks_and_blocks_with_room(self):
        self.handed()
        self.blocks(5, full=True, held=[(b'other', b'somebody')])
        self.assertEqual([None, None, b'one'], self.blocks(3))

    def test_another_leader_has_the_same_chances(self):
        self.blocks(3)
        self.made.entered_view()
        self.handed()
        self.assertEqual([None, None, b'one'], self.blocks(3))

    def test_what_could_not_follow_blames_nobody(self):
        self.handed()
        self.valid[b'one'] = False
        # The first block could have held it, as far as we knew.
        self.assertEqual([None] * 9, self.blocks(9))
        self.valid[b'one'] = True
        # From the block on after which it can follow.
        self.assertEqual([None, None, b'one'], self.blocks(3))

    def test_what_waits_no_more_is_forgotten(self):
        self.valid[b'one'] = None
        self.assertEqual([None] * 4, self.blocks(4))
        self.assertEqual(0, len(self.made))

    def test_told_twice_is_told_once(self):
        self.blocks(3)
        self.made.told(b'one', b'sender')
        self.assertEqual([b'one'], self.blocks(1))

    def test_bounded(self):
        for number in range(20_000):
            self.made.told(number.to_bytes(4, 'big'), b'sender')
        self.assertEqual(10_000, len(self.made))
