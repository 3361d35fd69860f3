# SPDX-License-Identifier: Apache-2.0
"""Tests of agent time."""

import hypothesis
from hypothesis import strategies as st

from tacker_ledger.core.configuration import clock
from tacker_ledger.core import errors
from tacker_ledger.tests import base

HOUR_MS = 3_600_000
NOW_MS = 1_700_000_000_000
BOUND_MS = 120_000


def reading(monotonic_ms: int, wall_ms: int = NOW_MS) -> clock.Reading:
    return clock.Reading(monotonic_ms, wall_ms)


class TestTime(base.TestCase):

    def test_starts_at_the_floor_or_where_it_was(self):
        self.assertEqual(
            NOW_MS, clock.start(NOW_MS, reading(5)).time_ms(5))
        self.assertEqual(
            NOW_MS + 7,
            clock.start(NOW_MS, reading(5), NOW_MS + 7).time_ms(5))

    def test_elapsed_time_counts_slowly(self):
        started = clock.start(NOW_MS, reading(1000))
        self.assertEqual(NOW_MS + 1_000_000 - 200,
                         started.time_ms(1_001_000))

    def test_many_small_steps_are_as_slow_as_one(self):
        now = clock.start(NOW_MS, reading(0))
        for step in range(1, 10_001):
            # a chain replayed a little too slowly, in many small blocks
            now = clock.advance(now, NOW_MS + step * 99, step * 100)
        self.assertEqual(NOW_MS + 1_000_000 - 200, now.time_ms(1_000_000))

    def test_a_newer_header_sets_it(self):
        now = clock.advance(clock.start(NOW_MS, reading(0)),
                            NOW_MS + 50_000, 10)
        self.assertEqual(NOW_MS + 50_000, now.time_ms(10))

    @hypothesis.given(st.lists(st.tuples(
        st.integers(0, 10_000), st.integers(-100_000, 100_000)),
        max_size=20))
    def test_never_decreases(self, steps):
        monotonic_ms = 0
        now = clock.start(NOW_MS, reading(0))
        seen = now.time_ms(0)
        for elapsed_ms, shift_ms in steps:
            monotonic_ms += elapsed_ms
            now = clock.advance(now, NOW_MS + shift_ms, monotonic_ms)
            self.assertGreaterEqual(now.time_ms(monotonic_ms), seen)
            seen = now.time_ms(monotonic_ms)

    def test_a_monotonic_clock_that_jumps_back_counts_nothing(self):
        started = clock.start(NOW_MS, reading(1000))
        self.assertEqual(NOW_MS, started.time_ms(0))


class TestFreshness(base.TestCase):

    def test_within_and_beyond_the_bound(self):
        now = clock.start(NOW_MS, reading(0))
        clock.check_fresh(now, NOW_MS - BOUND_MS, 0, BOUND_MS)
        error = self.assertRaises(
            errors.StaleHead, clock.check_fresh, now, NOW_MS - BOUND_MS - 1,
            0, BOUND_MS)
        self.assertEqual(BOUND_MS + 1, error.details['late_ms'])

    def test_slow_replay_grows_stale(self):
        now = clock.start(NOW_MS, reading(0))
        stale_after = None
        for minute in range(1, 200):
            monotonic_ms = minute * 60_000
            # the true chain, replayed at half its pace
            head_ms = NOW_MS + minute * 30_000
            try:
                clock.check_fresh(now, head_ms, monotonic_ms, BOUND_MS)
            except errors.StaleHead:
                stale_after = minute
                break
            now = clock.advance(now, head_ms, monotonic_ms)
        self.assertEqual(5, stale_after)

    def test_standstill(self):
        now = clock.advance(clock.start(NOW_MS, reading(0)), NOW_MS, 40)
        self.assertEqual(60, clock.standstill_ms(now, 100))


class TestWallClock(base.TestCase):

    def setUp(self):
        super().setUp()
        self.now = clock.start(NOW_MS, reading(0))

    def judge(self, wall_ms: int, now=None) -> clock.AgentClock:
        return clock.judge_wall(now or self.now, reading(0, wall_ms),
                                BOUND_MS)

    def test_agreement_is_no_suspicion(self):
        for shift_ms in (0, BOUND_MS, -BOUND_MS):
            judged = self.judge(NOW_MS + shift_ms)
            self.assertFalse(judged.suspect)
            clock.check_trusted(judged)

    def test_1970_an_hour_off_and_a_jump_are_suspect(self):
        for wall_ms in (0, NOW_MS - HOUR_MS, NOW_MS + HOUR_MS):
            judged = self.judge(wall_ms)
            self.assertTrue(judged.suspect)
            self.assertRaises(errors.ClockSuspect, clock.check_trusted,
                              judged)
            # agent time is untouched
            self.assertEqual(NOW_MS, judged.time_ms(0))

    def test_clears_when_the_wall_clock_agrees_again(self):
        suspect = self.judge(NOW_MS - HOUR_MS)
        self.assertFalse(self.judge(NOW_MS, suspect).suspect)

    def test_f_plus_one_members_clear_and_store_the_offset(self):
        suspect = self.judge(0)
        given = [clock.Testimony(2, NOW_MS - 1000),
                 clock.Testimony(3, NOW_MS + 1000)]
        cleared = clock.confirm(suspect, reading(0, 0), given, 1, BOUND_MS)
        self.assertFalse(cleared.suspect)
        self.assertEqual(NOW_MS, cleared.offset_ms)
        # from there on the wall clock counts with its offset
        self.assertFalse(self.judge(1000, cleared).suspect)
        self.assertTrue(self.judge(NOW_MS, cleared).suspect)

    def test_f_members_or_one_twice_or_at_another_time_do_not(self):
        suspect = self.judge(0)
        for given in ([], [clock.Testimony(2, NOW_MS)],
                      [clock.Testimony(2, NOW_MS)] * 2,
                      [clock.Testimony(2, NOW_MS),
                       clock.Testimony(3, NOW_MS + HOUR_MS)]):
            self.assertIs(suspect, clock.confirm(
                suspect, reading(0, 0), given, 1, BOUND_MS))

    def test_without_faults_one_member_is_enough(self):
        cleared = clock.confirm(self.judge(0), reading(0, 0),
                                [clock.Testimony(0, NOW_MS)], 0, BOUND_MS)
        self.assertFalse(cleared.suspect)
