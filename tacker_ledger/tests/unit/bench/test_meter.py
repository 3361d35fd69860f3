# SPDX-License-Identifier: Apache-2.0
"""Tests of what processes are said to cost."""

import os

from tacker_ledger.bench import meter
from tacker_ledger.tests import base


class TestMeter(base.TestCase):

    def test_work_shows_in_its_span_and_sleep_does_not(self):
        with meter.watched([os.getpid()]) as span:
            while meter.cpu_seconds(os.getpid()) < 0.05:
                pass
            before = meter.cpu_seconds(os.getpid())
            while meter.cpu_seconds(os.getpid()) < before + 0.05:
                sum(range(1000))
        (spent,) = span.cpu_seconds
        self.assertGreaterEqual(spent, 0.05)
        self.assertGreater(span.wall_seconds, 0)

    def test_memory_is_split(self):
        before = meter.memory(os.getpid())
        held = bytearray(os.urandom(1 << 20)) * 32
        after = meter.memory(os.getpid())
        self.assertGreater(after.anonymous, before.anonymous + (30 << 20))
        self.assertGreater(after.mapped, 0)
        self.assertEqual(32 << 20, len(held))

    def test_quantiles_are_values(self):
        values = [5.0, 1.0, 4.0, 2.0, 3.0]
        self.assertEqual(3.0, meter.quantile(values, 0.5))
        self.assertEqual(5.0, meter.quantile(values, 0.95))
        self.assertEqual(1.0, meter.quantile(values, 0.0))
        self.assertEqual(7.0, meter.quantile([7.0], 0.5))
        self.assertRaises(AssertionError, meter.quantile, [], 0.5)
