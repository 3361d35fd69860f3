# SPDX-License-Identifier: Apache-2.0
"""Tests of whether a process votes."""

import asyncio
import types

from tacker_ledger.core.consensus import instances
from tacker_ledger.node import voting
from tacker_ledger.tests import base


class TestVoting(base.TestCase):
    """One of four members, of whom three decide."""

    def setUp(self):
        super().setUp()
        self.application = types.SimpleNamespace(
            federation=types.SimpleNamespace(quorum=3))
        self.doubt = types.SimpleNamespace(reason='', ends_height=None)
        self.claim = instances.Claim(b'i' * 16)
        self.connected = 3
        for member in (0, 1):
            self.claim.up(member, b'i' * 16)
        self.told = []
        self.released = []
        self.voting = voting.Voting(
            self.application, self.doubt, self.claim,
            lambda: self.connected, self.told.append,
            lambda reason, away: self.released.append((reason, away)), 0.1)

    def test_with_a_quorum_it_votes(self):
        self.voting.update()
        self.assertEqual([True], self.told)
        self.assertIsNone(self.voting.refusal())

    def test_without_a_quorum_it_votes_on_nothing_and_takes_nothing(self):
        self.connected = 2
        self.claim.down(1)
        self.voting.update()
        self.assertEqual([False], self.told)
        self.assertIn('no-quorum', self.voting.why_not())
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
        self.assertEqual('', self.voting.why_not())

    def test_doubt_claims_nothing_until_it_ends(self):
        self.doubt.reason = 'an old copy'
        self.voting.update()
        self.voting.update()
        self.assertEqual(1, len(self.released))
        self.assertEqual(instances.NOBODY, self.claim.offer())
        self.doubt.ends_height = 17
        self.assertIn('an old copy; it ends at height 17',
                      self.voting.why_not())
        self.doubt.reason = ''
        self.voting.update()
        self.assertEqual(2, len(self.released))
        # the members have to hold it again first
        self.assertEqual([False, False, False], self.told)

    def test_another_process_is_named(self):
        self.claim.down(1)
        self.voting.refused(1)
        self.voting.refused(1)
        self.assertIn('held by members 1', self.voting.why_not())

    def test_it_lets_go_when_neither_can_have_a_quorum(self):
        self.claim.down(1)
        self.voting.refused(1)

        async def watch():
            self.voting.start()
            async with asyncio.timeout(30):
                while not self.released:
                    await asyncio.sleep(0.01)
            await self.voting.stop()

        asyncio.run(watch())
        reason, away = self.released[0]
        self.assertIn('another process', reason)
        self.assertGreater(away, 0.1)

    def test_halted_it_stays_so_with_the_reason(self):
        self.voting.halted('storage-failed', 'No space left on device.')
        self.assertEqual([False], self.told)
        self.assertEqual('storage-failed', self.voting.problem.code)
        self.voting.update()
        self.assertEqual([False, False], self.told)
        refusal = self.voting.refusal()
        self.assertEqual('storage-failed', refusal.code)
        self.assertIn('No space left', refusal.message)
