# SPDX-License-Identifier: Apache-2.0
"""Tests of how far others are, and of dates that come near."""

import hypothesis
from hypothesis import strategies

from tacker_ledger.node import conditions
from tacker_ledger.node import expiries
from tacker_ledger.tests import base


class TestHeard(base.TestCase):
    """Claims are only claims."""

    def test_nobody_is_further(self):
        self.assertEqual(conditions.Heard(7, None, 7),
                         conditions.heard(7, {}, 1))
        self.assertEqual(conditions.Heard(7, None, 7),
                         conditions.heard(7, {1: 7, 2: 3}, 1))

    def test_the_highest_and_whom_it_is_heard_from(self):
        self.assertEqual(conditions.Heard(12, 2, 10),
                         conditions.heard(7, {1: 10, 2: 12, 3: 9}, 1))
        self.assertEqual(conditions.Heard(12, 2, 12),
                         conditions.heard(7, {2: 12}, 0))

    @hypothesis.settings(max_examples=100)
    @hypothesis.given(strategies.dictionaries(
        strategies.integers(0, 9), strategies.integers(0, 20)),
        strategies.integers(0, 3), strategies.integers(0, 20))
    def test_f_liars_move_nothing_that_is_vouched_for(self, honest, faults,
                                                      own):
        claims = {**honest, **{100 + liar: 2 ** 60
                               for liar in range(faults)}}
        vouched = conditions.heard(own, claims, faults).vouched
        self.assertEqual(max([own, *honest.values()]), vouched)


class TestExpiry(base.TestCase):

    def test_what_a_person_reads(self):
        one = expiries.Expiry('ca', 1_800_000_000_000)
        self.assertEqual('ca expires on 2027-01-15, in 3 days',
                         one.sentence(one.ends_ms - 3 * expiries.DAY_MS))
        self.assertEqual('ca has expired on 2027-01-15',
                         one.sentence(one.ends_ms + 1))
        self.assertEqual(
            {'what': 'ca', 'ends_ms': one.ends_ms, 'days_left': -1},
            one.record(one.ends_ms + 1))
