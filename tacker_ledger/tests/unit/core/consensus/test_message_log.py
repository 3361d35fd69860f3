# SPDX-License-Identifier: Apache-2.0
"""What a replica keeps of what it hears."""

import dataclasses

from tacker_ledger.core.consensus import evidence
from tacker_ledger.core.consensus import message_log
from tacker_ledger.core.consensus import messages
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers
from tacker_ledger.tests.unit.core.consensus import scene


class CountingVerifier:
    """Verifies, and counts how often it had to."""

    def __init__(self):
        self.count = 0

    def verify_raw_ed25519(self, public32, message, signature):
        self.count += 1
        return scene.PROVIDER.verify_raw_ed25519(public32, message,
                                                 signature)


class TestMessageLog(base.TestCase):
    """Four members, member 0 leads, height 1."""

    def setUp(self):
        super().setUp()
        self.made = federations.genesis(4)
        self.votes = scene.Votes(self.made)
        ledger = ledgers.Ledger(self.made)
        self.block = ledger.propose().block
        self.other = ledger.propose(time_ms=scene.NOW_MS + 5).block
        self.verifier = CountingVerifier()
        self.log = message_log.MessageLog(
            self.made.h, self.verifier, self.made.federation, 1)

    def propose(self, block=None, log=None):
        block = block or self.block
        return self.log.add_proposal(self.votes.proposal(0, block), block)

    def test_prepared(self):
        digest = self.block.digest
        self.assertIsNone(self.log.prepares(0, digest))
        self.propose()
        self.log.add_vote(self.votes.prepare(1, self.block))
        self.assertIsNone(self.log.prepares(0, digest))
        self.log.add_vote(self.votes.prepare(3, self.block))
        found, proposed = self.log.prepares(0, digest)
        self.assertEqual([1, 3], [vote.member for vote in found])
        self.assertEqual(self.votes.proposal(0, self.block).signature,
                         proposed)
        self.assertIsNone(self.log.prepares(0, self.other.digest))
        self.assertIsNone(self.log.prepares(1, digest))

    def test_the_leader_does_not_prepare_twice(self):
        self.propose()
        self.log.add_vote(self.votes.prepare(0, self.block))
        self.log.add_vote(self.votes.prepare(1, self.block))
        self.assertIsNone(self.log.prepares(0, self.block.digest))

    def test_committed_in_any_order_of_arrival(self):
        for member in (3, 0):
            self.log.add_vote(self.votes.commit(member, self.block))
        self.propose()
        self.assertIsNone(self.log.commits(0, self.block.digest))
        self.log.add_vote(self.votes.commit(1, self.block))
        self.assertEqual([0, 1, 3], [
            vote.member for vote in self.log.commits(0, self.block.digest)])

    def test_votes_of_one_view_do_not_help_another(self):
        self.propose()
        for member, view in ((0, 0), (1, 0), (3, 1)):
            self.log.add_vote(self.votes.commit(member, self.block, view))
        self.assertIsNone(self.log.commits(0, self.block.digest))
        self.assertIsNone(self.log.commits(1, self.block.digest))

    def test_nothing_is_verified_before_it_may_be_enough(self):
        self.propose()
        self.verifier.count = 0
        for member in (1, 2):
            self.log.add_vote(self.votes.commit(member, self.block))
            self.log.commits(0, self.block.digest)
        self.assertEqual(0, self.verifier.count)
        self.log.add_vote(self.votes.commit(3, self.block))
        self.log.commits(0, self.block.digest)
        self.log.add_vote(self.votes.commit(0, self.block))
        self.assertIsNotNone(self.log.commits(0, self.block.digest))
        self.assertEqual(3, self.verifier.count)

    def test_wrong_signatures_do_not_count_and_are_tried_once(self):
        self.propose()
        for member in (0, 1):
            self.log.add_vote(self.votes.commit(member, self.block))
        bad = dataclasses.replace(self.votes.commit(2, self.block),
                                  signature=bytes(64))
        self.log.add_vote(bad)
        for _ in range(5):
            self.assertIsNone(self.log.commits(0, self.block.digest))
        self.assertEqual(1 + 3, self.verifier.count)
        # Neither does it keep out what the member says rightly.
        self.assertTrue(self.log.add_vote(self.votes.commit(2, self.block)))
        self.assertIsNotNone(self.log.commits(0, self.block.digest))
        self.assertEqual([], self.log.take_evidence())

    def test_a_flood_by_one_member_is_bounded(self):
        self.propose()
        for number in range(20):
            self.log.add_vote(messages.Commit(
                1, 0, 2, bytes([number]) * 8, bytes(64)))
        self.assertFalse(self.log.add_vote(
            self.votes.commit(2, self.block)))
        for member in (0, 1, 3):
            self.log.add_vote(self.votes.commit(member, self.block))
        self.assertIsNotNone(self.log.commits(0, self.block.digest))

    def test_duplicates_are_no_news(self):
        self.assertTrue(self.propose())
        self.assertFalse(self.propose())
        vote = self.votes.prepare(1, self.block)
        self.assertTrue(self.log.add_vote(vote))
        self.assertFalse(self.log.add_vote(vote))

    def test_a_proposal_with_a_wrong_signature(self):
        message = dataclasses.replace(
            self.votes.proposal(0, self.block), signature=bytes(64))
        self.assertFalse(self.log.add_proposal(message, self.block))
        self.assertIsNone(self.log.proposal(0))
        self.assertTrue(self.propose())

    def test_wanted(self):
        prefix = self.block.digest[:8]
        for member in (0, 2):
            self.log.add_vote(self.votes.commit(member, self.block))
        self.assertIsNone(self.log.wanted())
        self.log.add_vote(self.votes.commit(3, self.block))
        self.assertEqual((prefix, [0, 2, 3]), self.log.wanted())
        self.log.add_block(self.block)
        self.assertIsNone(self.log.wanted())
        self.assertIsNotNone(self.log.commits(0, self.block.digest))

    def test_heard(self):
        self.propose()
        self.log.add_vote(self.votes.prepare(1, self.block))
        self.log.add_vote(self.votes.commit(2, self.block))
        self.assertEqual([True, True, True, False], [
            self.log.heard(0, member) for member in range(4)])
        self.assertFalse(self.log.heard(1, 1))

    def test_newest(self):
        self.propose()
        self.log.add_vote(self.votes.prepare(1, self.block))
        self.log.add_vote(self.votes.prepare(2, self.block))
        self.log.add_vote(self.votes.commit(2, self.block))
        self.assertEqual([3, 4, 5, None], [
            one and one.kind for one in map(self.log.newest, range(4))])
        shown = self.log.newest(2)
        self.assertEqual((1, 0, 2, self.block.digest), (
            shown.height, shown.view, shown.member, shown.digest))
        # Whoever is shown it needs nothing else to verify it.
        self.assertTrue(scene.PROVIDER.verify_raw_ed25519(
            self.made.sites[2].member.vote_key, messages.vote_message(
                self.made.h, shown.kind, 1, 0, shown.digest),
            shown.signature))

    def test_a_vote_for_an_unknown_block_cannot_be_shown(self):
        self.log.add_vote(self.votes.prepare(1, self.block))
        self.assertIsNone(self.log.newest(1))


class TestEvidence(base.TestCase):
    """Contradictions are found whatever the order of arrival."""

    def setUp(self):
        super().setUp()
        self.made = federations.genesis(4)
        self.votes = scene.Votes(self.made)
        ledger = ledgers.Ledger(self.made)
        self.one = ledger.propose().block
        self.two = ledger.propose(time_ms=scene.NOW_MS + 5).block
        self.log = message_log.MessageLog(
            self.made.h, scene.PROVIDER, self.made.federation, 1)

    def convicted(self):
        found = self.log.take_evidence()
        for record in found:
            evidence.check(self.made.h, scene.PROVIDER,
                           self.made.federation, record)
        return [record.member for record in found]

    def test_two_proposals(self):
        for block in (self.one, self.two):
            self.log.add_proposal(self.votes.proposal(0, block), block)
        self.assertEqual([0], self.convicted())
        # The first is the proposal; the second body is not kept.
        self.assertEqual(self.one.digest, self.log.proposal(0).digest)
        self.assertEqual([self.one.digest], list(self.log.blocks))
        third = dataclasses.replace(self.votes.proposal(0, self.two))
        self.assertFalse(self.log.add_proposal(third, self.two))
        self.assertEqual([], self.convicted())

    def test_two_votes(self):
        for kinds in ((messages.Prepare, messages.Prepare),
                      (messages.Commit, messages.Commit),
                      (messages.Prepare, messages.Commit)):
            for first in ('votes', 'blocks'):
                log = self.log = message_log.MessageLog(
                    self.made.h, scene.PROVIDER, self.made.federation, 1)
                todo = [
                    lambda log=log: [log.add_block(block) for block
                                     in (self.one, self.two)],
                    lambda log=log, kinds=kinds: [
                        log.add_vote(self.votes.vote(kind, 3, block))
                        for kind, block in zip(kinds, (self.one, self.two),
                                               strict=True)]]
                for action in todo if first == 'blocks' else todo[::-1]:
                    action()
                self.assertEqual([3], self.convicted())

    def test_the_leader_commits_to_another_block(self):
        self.log.add_proposal(self.votes.proposal(0, self.one), self.one)
        self.log.add_block(self.two)
        self.log.add_vote(self.votes.commit(0, self.two))
        self.assertEqual([0], self.convicted())

    def test_garbage_convicts_nobody(self):
        self.log.add_block(self.one)
        self.log.add_block(self.two)
        self.log.add_vote(self.votes.prepare(3, self.one))
        self.log.add_vote(dataclasses.replace(
            self.votes.prepare(3, self.two), signature=bytes(64)))
        self.assertEqual([], self.convicted())

    def test_two_views_convict_nobody(self):
        self.log.add_block(self.one)
        self.log.add_block(self.two)
        self.log.add_vote(self.votes.prepare(3, self.one, 0))
        self.log.add_vote(self.votes.prepare(3, self.two, 1))
        self.assertEqual([], self.convicted())
