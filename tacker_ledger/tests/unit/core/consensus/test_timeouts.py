# SPDX-License-Identifier: Apache-2.0
"""How long a leader may take."""

from tacker_ledger.core.consensus import timeouts
from tacker_ledger.tests import base


class TestTimeouts(base.TestCase):

    def setUp(self):
        super().setUp()
        self.made = timeouts.Timeouts(1_000, 60_000)

    def test_each_failed_view_doubles_it_up_to_the_cap(self):
        self.assertEqual(
            [1_000, 2_000, 4_000, 32_000, 60_000, 60_000],
            [self.made.after(failed) for failed in (0, 1, 2, 5, 6, 10 ** 6)])

    def test_slow_heights_are_given_more(self):
        self.made.observe(100)
        self.assertEqual(1_000, self.made.base_ms)
        self.made.observe(700)
        self.assertEqual(2_800, self.made.base_ms)
        self.made.observe(2_000)
        self.assertEqual(8_000, self.made.base_ms)

    def test_what_was_slow_once_is_forgotten(self):
        self.made.observe(1_000)
        for _ in range(40):
            self.made.observe(10)
        self.assertEqual(1_000, self.made.base_ms)

    def test_no_height_is_slower_than_the_bound_that_held(self):
        # The wall clock was set forward by a day, then back.
        self.made.observe(86_400_000)
        self.assertEqual(4_000, self.made.base_ms)
        self.made.observe(-86_400_000)
        self.assertEqual(3_500, self.made.base_ms)

    def test_the_cap_holds(self):
        for _ in range(10):
            self.made.observe(10 ** 9)
        self.assertEqual(60_000, self.made.base_ms)
