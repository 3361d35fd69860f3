# SPDX-License-Identifier: Apache-2.0
"""Tests of whether a process votes."""

import types

from tacker_ledger.node import voting
from tacker_ledger.tests import base


class TestVoting(base.TestCase):
    """One of four members, of whom three decide."""

    def setUp(self):
        super().setUp()
        self.application = types.SimpleNamespace(
            federation=types.SimpleNamespace(quorum=3))
        self.doubt = types.SimpleNamespace(reason='')
        self.connected = 3
        self.told = []
        self.voting = voting.Voting(
            self.application, self.doubt, lambda: self.connected,
            self.told.append)

    def test_with_a_quorum_it_votes(self):
        self.voting.update()
        self.assertEqual([True], self.told)
        self.assertIsNone(self.voting.refusal())

    def test_without_a_quorum_it_votes_on_nothing_and_takes_nothing(self):
        self.connected = 2
        self.voting.update()
        self.assertEqual([False], self.told)
        refusal = self.voting.refusal()
        self.assertEqual(
            ('no-quorum', {'connected': 2, 'quorum': 3}),
            (refusal.code, refusal.details))

    def test_the_federation_in_force_says_what_a_quorum_is(self):
        self.application.federation.quorum = 5
        self.assertFalse(self.voting.may_vote())

    def test_in_doubt_it_signs_nothing_but_takes_submissions(self):
        self.doubt.reason = 'an old copy'
        self.assertFalse(self.voting.may_vote())
        self.assertIsNone(self.voting.refusal())
        self.doubt.reason = ''
        self.assertTrue(self.voting.may_vote())

    def test_halted_it_stays_so_with_the_reason(self):
        self.voting.halted('storage-failed', 'No space left on device.')
        self.assertEqual([False], self.told)
        self.assertEqual('storage-failed', self.voting.problem.code)
        self.voting.update()
        self.assertEqual([False, False], self.told)
        refusal = self.voting.refusal()
        self.assertEqual('storage-failed', refusal.code)
        self.assertIn('No space left', refusal.message)
