# SPDX-License-Identifier: Apache-2.0
"""Bytes of strangers."""

from tacker_ledger.api import budget
from tacker_ledger.core import errors
from tacker_ledger.tests import base


class TestBudget(base.TestCase):
    """Taken, given back, never over."""

    def test_bound(self):
        shared = budget.Budget(10)
        shared.take(6)
        self.assertRaises(errors.Busy, shared.take, 5)
        with shared.taken(4):
            self.assertEqual(10, shared.taken_bytes)
        shared.give(6)
        self.assertEqual(0, shared.taken_bytes)

    def test_given_back_after_a_fault(self):
        shared = budget.Budget(10)

        def fail():
            with shared.taken(10):
                raise ValueError

        self.assertRaises(ValueError, fail)
        self.assertEqual(0, shared.taken_bytes)
