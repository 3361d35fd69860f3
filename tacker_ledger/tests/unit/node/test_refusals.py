# SPDX-License-Identifier: Apache-2.0
"""Tests of what is kept of messages that were not acceptable."""

from tacker_ledger.node import refusals
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.transport import test_quiet


class TestRefusals(base.TestCase):

    def test_all_are_counted_few_are_said(self):
        clock = test_quiet.Clock()
        held = refusals.Refusals('node-{}'.format, clock)
        with self.assertLogs(refusals.LOG.logger, 'WARNING') as logged:
            for _ in range(500):
                held.note(2, 'bad-signature', 'forged')
            held.note(2, 'malformed', 'junk')
            held.note(1, 'malformed', 'junk')
            clock.now += 30.0
            held.note(2, 'bad-signature', 'forged')
        self.assertEqual(4, len(logged.output))
        self.assertIn('node-2', logged.output[0])
        self.assertIn('499 more', logged.output[-1])
        self.assertEqual(
            [{'member': 1, 'name': 'node-1', 'count': 1,
              'codes': {'malformed': 1}},
             {'member': 2, 'name': 'node-2', 'count': 502,
              'codes': {'bad-signature': 501, 'malformed': 1}}],
            held.records())
