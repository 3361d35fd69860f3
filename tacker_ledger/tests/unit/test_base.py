# SPDX-License-Identifier: Apache-2.0
"""What the common test case promises."""

import os
import time
import unittest

import fixtures

from tacker_ledger.tests import base
from tacker_ledger.tests import parts


class Example(base.TestCase):
    """Run by the tests below; no name here is one that discovery takes."""

    def needs_a_part(self):
        self.skip_missing('orchard', 'no trees')

    def needs_what_minicloud_lacks(self):
        self.require_part('orchard')

    def takes_too_long(self):
        time.sleep(30)

    def shows_the_environment(self):
        self.assertNotIn('OS_USERNAME', os.environ)


class TestTestCase(base.TestCase):

    def run_example(self, name: str) -> unittest.TestResult:
        result = unittest.TestResult()
        Example(name).run(result)
        self.assertEqual(1, result.testsRun)
        return result

    def set(self, name: str, value: str | None):
        self.useFixture(fixtures.EnvironmentVariable(name, value))

    def test_a_missing_part_is_named(self):
        self.set('CI', None)
        result = self.run_example('needs_a_part')
        self.assertEqual(['missing part: orchard (no trees)'],
                         [reason for _test, reason in result.skipped])
        self.assertTrue(result.wasSuccessful())

    def test_nothing_may_be_missing_in_ci(self):
        self.set('CI', 'true')
        result = self.run_example('needs_a_part')
        self.assertEqual([], result.skipped)
        self.assertIn('orchard', result.failures[0][1])

    def test_a_part_which_cannot_be_had(self):
        def missing():
            raise parts.Missing('orchard', 'winter')

        self.useFixture(fixtures.MonkeyPatch(
            'tacker_ledger.tests.parts.BY_NAME', {'orchard': missing}))
        self.set('CI', None)
        result = self.run_example('needs_what_minicloud_lacks')
        self.assertEqual(['missing part: orchard (winter)'],
                         [reason for _test, reason in result.skipped])

    def test_time_limit(self):
        self.set('OS_TEST_TIMEOUT', '1')
        began = time.monotonic()
        result = self.run_example('takes_too_long')
        self.assertLess(time.monotonic() - began, 10)
        self.assertFalse(result.wasSuccessful())

    def test_nobodys_credentials(self):
        self.set('OS_USERNAME', 'somebody')
        self.assertTrue(
            self.run_example('shows_the_environment').wasSuccessful())
