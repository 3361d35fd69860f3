# SPDX-License-Identifier: Apache-2.0
"""Tests of lines that are not repeated too often."""

from tacker_ledger.tests import base
from tacker_ledger.transport import quiet


class Clock:
    """Monotonic seconds that a test moves."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class TestQuiet(base.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = Clock()
        self.quiet = quiet.Quiet(5.0, self.clock)

    def test_once_in_a_while_and_how_often_it_was_silent(self):
        self.assertEqual(0, self.quiet.say('a'))
        for _ in range(3):
            self.assertIsNone(self.quiet.say('a'))
        self.assertEqual(0, self.quiet.say('b'))
        self.clock.now += 5.0
        self.assertEqual(3, self.quiet.say('a'))
        self.clock.now += 5.0
        self.assertEqual(0, self.quiet.say('a'))

    def test_keys_are_bounded(self):
        for number in range(3_000):
            self.quiet.say(number)
        self.assertEqual(1_000, len(self.quiet._said))
        # the newest is remembered, the first is forgotten
        self.assertIsNone(self.quiet.say(2_999))
        self.assertEqual(0, self.quiet.say(0))

    def test_what_is_added_to_a_line(self):
        self.assertEqual('', quiet.also(0))
        self.assertIn('7 more', quiet.also(7))
