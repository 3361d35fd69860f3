# SPDX-License-Identifier: Apache-2.0
"""One seed is one course of events, in any process."""

import os
import subprocess
import sys

from tacker_ledger.tests import base
from tacker_ledger.tests.simulation import simulation


class TestDeterminism(base.TestCase):
    """A failure that a seed shows can be had again."""

    TIMEOUT_SCALE = 3

    def test_the_same_seed_gives_the_same_course(self):
        self.assertEqual(simulation.course_of(7), simulation.course_of(7))

    def test_another_seed_gives_another_course(self):
        self.assertNotEqual(simulation.course_of(7), simulation.course_of(8))

    def test_hashing_of_strings_changes_nothing(self):
        courses = set()
        for hash_seed in ('0', '1', '4242'):
            finished = subprocess.run(
                [sys.executable, '-m',
                 'tacker_ledger.tests.simulation.simulation', '7'],
                env={**os.environ, 'PYTHONHASHSEED': hash_seed},
                cwd=base.CHECKOUT, capture_output=True, text=True,
                timeout=60, check=True)
            courses.add(finished.stdout)
        self.assertEqual({simulation.course_of(7) + '\n'}, courses)
