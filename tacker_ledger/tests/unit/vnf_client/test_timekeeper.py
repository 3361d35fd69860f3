# SPDX-License-Identifier: Apache-2.0
"""Tests of reading clocks and keeping agent time."""

import types

from tacker_ledger.core.configuration import clock
from tacker_ledger.core import errors
from tacker_ledger.tests import agent_case
from tacker_ledger.tests import base
from tacker_ledger.vnf_client import alarms
from tacker_ledger.vnf_client import state
from tacker_ledger.vnf_client import timekeeper

FLOOR_MS = 1_700_000_000_000
BOUND_MS = 120_000


def head(height: int, time_ms: int):
    return types.SimpleNamespace(height=height, time_ms=time_ms)


class TestTimekeeper(base.TestCase):

    def setUp(self):
        super().setUp()
        self.clocks = agent_case.ManualClocks(FLOOR_MS)

    def make(self, saved=None) -> timekeeper.Timekeeper:
        return timekeeper.Timekeeper(
            self.clocks, FLOOR_MS, saved or state.SavedTime(0),
            lambda: BOUND_MS)

    def test_starts_at_the_floor(self):
        self.assertEqual(FLOOR_MS, self.make().now_ms())

    def test_time_between_two_processes_of_one_boot_counts(self):
        keeper = self.make()
        keeper.accept(head(1, FLOOR_MS + 1000))
        saved = keeper.saved()
        self.clocks.pass_ms(1_000_000)
        self.assertEqual(FLOOR_MS + 1000 + 1_000_000 - 200,
                         self.make(saved).now_ms())

    def test_time_in_which_the_machine_was_off_does_not(self):
        keeper = self.make()
        keeper.accept(head(1, FLOOR_MS + 1000))
        saved = keeper.saved()
        self.clocks.boot = 'boot-2'
        self.clocks.monotonic_ms = 3
        self.assertEqual(FLOOR_MS + 1000, self.make(saved).now_ms())

    def test_stale_and_standing_still(self):
        keeper = self.make()
        keeper.accept(head(1, FLOOR_MS))
        self.assertFalse(keeper.standstill())
        self.clocks.pass_ms(BOUND_MS + 100)
        self.assertTrue(keeper.standstill())
        self.assertRaises(errors.StaleHead, keeper.accept, head(1, FLOOR_MS))
        keeper.accept(head(2, FLOOR_MS + BOUND_MS))
        self.assertFalse(keeper.standstill())

    def test_one_head_again_and_again_is_no_progress(self):
        keeper = self.make()
        keeper.accept(head(1, FLOOR_MS))
        for _ in range(10):
            self.clocks.pass_ms(BOUND_MS // 9)
            try:
                keeper.accept(head(1, FLOOR_MS))
            except errors.StaleHead:
                break
        self.assertTrue(keeper.standstill())

    def test_suspicion_and_offset(self):
        keeper = self.make()
        self.clocks.wall_ms = 0
        keeper.accept(head(1, FLOOR_MS))
        self.assertTrue(keeper.suspect)
        self.assertRaises(errors.ClockSuspect, keeper.check_trusted)
        keeper.confirm([clock.Testimony(0, FLOOR_MS)], 1)
        self.assertTrue(keeper.suspect)
        keeper.confirm([clock.Testimony(0, FLOOR_MS),
                        clock.Testimony(1, FLOOR_MS)], 1)
        keeper.check_trusted()
        self.assertEqual(FLOOR_MS, keeper.saved().offset_ms)

    def test_the_clocks_of_this_machine(self):
        clocks = timekeeper.SystemClocks()
        first, second = clocks.reading(), clocks.reading()
        self.assertGreaterEqual(second.monotonic_ms, first.monotonic_ms)
        self.assertGreater(first.wall_ms, FLOOR_MS)
        self.assertEqual(clocks.boot_id(), clocks.boot_id())


class TestAlarms(base.TestCase):

    def test_raised_once_repeated_now_and_then_and_ended(self):
        standing = alarms.Alarms()
        standing.set('isolated', True, 0, 'no node')
        standing.set('isolated', True, 1000, 'no node')
        self.assertEqual(1, self.log.output.count('ALARM isolated: no node'))
        standing.set('isolated', True, 600_000, 'no node')
        self.assertEqual(2, self.log.output.count('ALARM isolated'))
        standing.set('single-node', False, 600_000)
        self.assertEqual(('isolated',), standing.standing())
        standing.set('isolated', False, 600_001)
        self.assertEqual((), standing.standing())
        self.assertIn('End of alarm isolated', self.log.output)
