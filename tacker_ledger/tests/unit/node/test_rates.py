# SPDX-License-Identifier: Apache-2.0
"""Tests of token buckets."""

import math

from tacker_ledger.node import rates
from tacker_ledger.tests import base


class TestBuckets(base.TestCase):

    def test_burst_then_rate(self):
        buckets = rates.Buckets(2.0, 3)
        self.assertEqual([0.0] * 3, [buckets.take('k', 0.0)
                                     for _ in range(3)])
        self.assertAlmostEqual(0.5, buckets.take('k', 0.0))
        self.assertEqual(0.0, buckets.take('k', 0.5))
        self.assertGreater(buckets.take('k', 0.5), 0)
        self.assertEqual(0.0, buckets.take('other', 0.5))

    def test_a_full_bucket_overflows(self):
        buckets = rates.Buckets(100.0, 2)
        buckets.take('k', 0.0)
        self.assertEqual([0.0, 0.0], [buckets.take('k', 50.0)
                                      for _ in range(2)])
        self.assertGreater(buckets.take('k', 50.0), 0)

    def test_a_clock_that_steps_back_gives_nothing(self):
        buckets = rates.Buckets(1.0, 1)
        buckets.take('k', 10.0)
        self.assertGreater(buckets.take('k', 5.0), 0)

    def test_more_than_a_bucket_holds_never_comes(self):
        self.assertEqual(math.inf, rates.Buckets(1.0, 1).take('k', 0.0, 2))
        self.assertEqual(math.inf, rates.Buckets(0.0, 0.5).take('k', 0.0))

    def test_buckets_are_bounded(self):
        buckets = rates.Buckets(0.001, 1, max_count=2)
        for key in 'abc':
            buckets.take(key, 0.0)
        # a was used longest ago: its bucket is new again
        self.assertEqual(0.0, buckets.take('a', 0.0))
        self.assertGreater(buckets.take('c', 0.0), 0)
