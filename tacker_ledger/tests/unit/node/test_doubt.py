# SPDX-License-Identifier: Apache-2.0
"""Tests of whether a process may sign."""

from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.node import doubt
from tacker_ledger.node import greeting
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers

OWN = 3
DIGEST = b'd' * 32


class TestDoubt(base.TestCase):

    def setUp(self):
        super().setUp()
        self.begin()

    def begin(self, n: int = 4):
        self.made = federations.genesis(n)
        self.ledger = ledgers.Ledger(self.made)
        for _ in range(3):
            self.ledger.commit()
        self.own = min(OWN, n - 1)
        self.doubt = self.make()

    def make(self) -> doubt.Doubt:
        """Return what a process starts with at the present head."""
        return doubt.Doubt(
            self.ledger.application, federations.PROVIDER, self.own,
            self.made.sites[self.own].member.vote_key)

    def vote(self, height: int, kind: int = messages.Prepare.KIND,
             site: int | None = None) -> messages.ShownVote:
        site = self.own if site is None else site
        signature = self.made.sites[site].sign_vote(messages.vote_message(
            self.made.h, kind, height, 0, DIGEST))
        return messages.ShownVote(height, 0, self.own, kind, DIGEST,
                                  signature)

    def record(self, height: int) -> bytes:
        vote = self.vote(height)
        return messages.encode(messages.Prepare(
            height, 0, self.own, DIGEST[:8], vote.signature))

    def show(self, member: int, vote=None, head: bool = True):
        self.doubt.shown(greeting.Shown(
            member, self.ledger.blocks[-1].pair if head else None,
            messages.encode(vote) if vote else None))

    def test_nothing_is_shown(self):
        self.show(0)
        self.assertEqual('', self.doubt.reason)

    def test_a_vote_that_the_log_lacks(self):
        self.show(0, self.vote(4))
        self.assertIn('member 0', self.doubt.reason)

    def test_a_vote_that_the_log_has(self):
        self.doubt.know([self.record(4)])
        self.show(0, self.vote(4))
        self.assertEqual('', self.doubt.reason)
        # of another kind it is another vote
        self.show(0, self.vote(4, messages.Commit.KIND))
        self.assertNotEqual('', self.doubt.reason)

    def test_a_vote_at_a_height_that_is_over(self):
        self.show(0, self.vote(3))
        self.assertEqual('', self.doubt.reason)

    def test_what_proves_nothing(self):
        self.show(0, self.vote(4, site=0))
        self.doubt.shown(greeting.Shown(0, None, b'junk'))
        self.doubt.shown(greeting.Shown(0, None, messages.encode(
            messages.Status(9, 0))))
        self.assertEqual('', self.doubt.reason)

    def test_a_certificate_with_a_forgotten_vote(self):
        block = self.ledger.propose().block
        for members, doubted in ((range(3), False), (range(1, 4), True)):
            certificate = ledgers.certify(
                self.made.h, self.made.sites, members, 4, block.digest)
            self.doubt.certified(4, certificate)
            self.assertEqual(doubted, bool(self.doubt.reason))

    def test_a_certificate_with_a_known_vote(self):
        vote = self.vote(4, messages.Commit.KIND)
        self.doubt.know([messages.encode(messages.Commit(
            4, 0, self.own, DIGEST[:8], vote.signature))])
        self.doubt.certified(4, ledgers.certify(
            self.made.h, self.made.sites, range(1, 4), 4, DIGEST))
        self.doubt.certified(3, ledgers.certify(
            self.made.h, self.made.sites, range(1, 4), 3, DIGEST))
        self.doubt.certified(5, b'')
        self.assertEqual('', self.doubt.reason)

    def test_it_ends_two_blocks_past_what_enough_members_showed(self):
        self.doubt.begin('a restored disk')
        for member in (0, 1):
            self.show(member)
        for _ in range(2):
            self.ledger.commit()
            self.doubt.moved()
        self.assertNotEqual('', self.doubt.reason)
        self.show(2)  # at height 5 by now
        self.doubt.moved()
        self.assertNotEqual('', self.doubt.reason)
        self.ledger.commit()
        self.doubt.moved()
        self.assertNotEqual('', self.doubt.reason)
        self.ledger.commit()
        self.doubt.moved()
        self.assertEqual('', self.doubt.reason)

    def test_a_head_that_is_not_certified_counts_for_nothing(self):
        self.doubt.begin('a restored disk')
        header, certificate = self.ledger.blocks[-1].pair
        for member in range(3):
            self.doubt.shown(greeting.Shown(
                member, (header, certificate[:-1] + b'\0'), None))
        for _ in range(3):
            self.ledger.commit()
        self.doubt.moved()
        self.assertNotEqual('', self.doubt.reason)

    def test_two_members_need_an_operator(self):
        self.begin(2)
        self.doubt.begin('a damaged log')
        self.show(0)
        for _ in range(5):
            self.ledger.commit()
        self.doubt.moved()
        self.assertNotEqual('', self.doubt.reason)
        self.doubt.end()
        self.assertEqual('', self.doubt.reason)

    def test_a_log_of_something_else(self):
        self.assertRaises(errors.CorruptStore, self.doubt.know, [b'junk'])

    def test_old_votes_are_forgotten_without_harm(self):
        self.doubt.know([self.record(4), self.record(5)])
        self.ledger.commit()
        self.ledger.commit()
        self.doubt.moved()
        self.show(0, self.vote(4))
        self.show(0, self.vote(5))
        self.assertEqual('', self.doubt.reason)
