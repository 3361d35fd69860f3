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

    def test_frames_and_objects_give_the_same_course(self):
        """The links may carry objects instead of their encoding."""
        for seed in (7, 8, 9):
            self.assertEqual(simulation.course_of(seed),
                             simulation.course_of(seed, wire=True))

    def test_judging_once_for_all_gives_the_same_course(self):
        self.assertEqual(simulation.course_of(7),
                         simulation.course_of(7, memoised=False))

    def test_s25_scenarios_end_alike_with_another_hash_seed(self):
        """S25: the same transcript of a liar's run, too."""
        command = [sys.executable, '-m', 'tacker_ledger.tests.simulation',
                   '--scenario', 'S8', '--seeds', '3-4', '--transcript']
        told = set()
        for hash_seed in ('0', '4242'):
            finished = subprocess.run(
                command, env={**os.environ, 'PYTHONHASHSEED': hash_seed},
                cwd=base.CHECKOUT, capture_output=True, text=True,
                timeout=60, check=True)
            told.add(finished.stdout)
        self.assertEqual(1, len(told))
        self.assertIn('refuse', told.pop())

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
