# SPDX-License-Identifier: Apache-2.0
"""Slots expired by cheap traffic.

Were requests to expire after so many heights or transactions, anybody who
may write could let them expire by writing.  They expire by header time,
which traffic does not move.
"""

from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.tests.attacks import ledger_case

BLOCKS = 12
PER_BLOCK = 250


class TestSlotsExpiredByCheapTraffic(ledger_case.LedgerCase):
    """Time closes a slot, and nothing else but its answer."""

    def setUp(self):
        super().setUp()
        self.asked = self.tenant.request(self.vnf)
        self.assert_committed(self.asked)

    def open_slots(self):
        """Return the VIDs of the open requests."""
        return [slot.vid
                for slot in self.cid(self.asked.content.cid).open_slots]

    def test_thousands_of_transactions(self):
        began_ms = self.chain.time_ms
        for _ in range(BLOCKS):
            self.chain.commit(
                *(self.thief.public() for _ in range(PER_BLOCK)),
                time_ms=self.chain.time_ms + 1)
        self.assertEqual(1 + BLOCKS, self.chain.height)
        self.assertEqual(BLOCKS, self.chain.time_ms - began_ms)
        self.assertEqual([1], self.open_slots())
        self.assert_committed(self.vnf.answer(self.asked))
        self.assertEqual([], self.open_slots())

    def test_as_many_empty_blocks(self):
        for _ in range(500):
            self.chain.commit(time_ms=self.chain.time_ms + 1)
        self.assert_committed(self.vnf.answer(self.asked))

    def test_the_last_moment(self):
        told = self.vnf.answer(self.asked)
        last_ms = self.asked.content.slot_expiry_ms
        with self.nothing_changes():
            for time_ms in (last_ms, last_ms + 1):
                block = ledger_case.forged_block(
                    self.chain, told.raw, time_ms=time_ms)
                self.assertRaises(errors.SlotClosed,
                                  self.chain.application.validate, block)
        self.chain.commit(told, time_ms=last_ms - 1)
        self.assertEqual([], self.open_slots())

    def test_no_traffic_and_much_time(self):
        """The other way round: a slot does not stay open on a quiet chain."""
        self.chain.commit(time_ms=self.asked.content.slot_expiry_ms)
        self.assertEqual(2, self.chain.height)
        self.assert_refused(errors.SlotClosed, self.vnf.answer(self.asked))

    def test_filling_the_slots_of_another(self):
        """Only the owner opens slots of a CID, and only so many."""
        cid = self.asked.content.cid
        self.assert_refused(errors.NotOwner, self.thief.request(
            self.vnf, cid=cid, vid=2))
        more = [self.tenant.request(self.vnf, cid=cid, vid=vid)
                for vid in range(2, limits.SLOTS_OPEN_MAX_COUNT + 1)]
        self.assert_committed(*more)
        one_more = self.tenant.request(
            self.vnf, cid=cid, vid=limits.SLOTS_OPEN_MAX_COUNT + 1)
        self.assert_refused(errors.SlotsFull, one_more)
        self.assertEqual(list(range(1, limits.SLOTS_OPEN_MAX_COUNT + 1)),
                         self.open_slots())
        # The oldest is still open to its answer, and makes room.
        self.assert_committed(self.vnf.answer(self.asked))
        self.assert_committed(one_more)

    def test_an_expiry_out_of_bounds(self):
        now_ms = self.chain.time_ms + 1000
        for expiry_ms in (0, self.chain.time_ms,
                          now_ms + limits.SLOT_LIFETIME_MAX_MS + 1000,
                          2 ** 64 - 1):
            self.assert_refused(errors.BadExpiry, self.tenant.request(
                self.vnf, slot_expiry_ms=expiry_ms))
