# SPDX-License-Identifier: Apache-2.0
"""Tests of whether a process may sign."""

import dataclasses

from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.node import doubt
from tacker_ledger.node import greeting
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers

OWN = 3
DIGEST = b'd' * 32


class DoubtCase(base.TestCase):
    """A process of one member, started at height 3."""

    def setUp(self):
        super().setUp()
        self.begin()

    def begin(self, n: int = 4):
        self.made = federations.genesis(n)
        self.ledger = ledgers.Ledger(self.made)
        for _ in range(3):
            self.ledger.commit()
        self.own = min(OWN, n - 1)
        self.kept = []
        self.doubt = self.make()

    def make(self, **options) -> doubt.Doubt:
        """Return what a process starts with at the present head."""
        return doubt.Doubt(
            self.ledger.application, federations.PROVIDER,
            lambda: [self.made.sites[self.own].member.vote_key],
            self.kept.append, **options)

    def vote(self, height: int, kind: int = messages.Prepare.KIND,
             site: int | None = None, digest: bytes = DIGEST,
             made=None) -> messages.ShownVote:
        site = self.own if site is None else site
        made = made or self.made
        signature = made.sites[site].sign_vote(messages.vote_message(
            made.h, kind, height, 0, digest))
        return messages.ShownVote(height, 0, self.own, kind, digest,
                                  signature)

    def record(self, height: int, kind=messages.Prepare) -> bytes:
        vote = self.vote(height, kind.KIND)
        return messages.encode(kind(
            height, 0, self.own, DIGEST[:8], vote.signature))

    def change(self, height: int, cls=messages.ViewChange):
        """Return a signed view change or new view of our own."""
        head = messages.head_pair(*self.ledger.blocks[-1].pair)
        unsigned = messages.ViewChange(height, 1, self.own, head, None,
                                       bytes(64))
        if cls is messages.NewView:
            unsigned = cls(height, 3, self.own,
                           (messages.encode(unsigned),), None, bytes(64))
        return dataclasses.replace(
            unsigned, signature=self.made.sites[self.own].sign_vote(
                messages.signed_part(self.made.h, unsigned)))

    def show(self, member: int, message=None, head=-1):
        self.doubt.shown(greeting.Shown(
            member, None if head is None else self.ledger.blocks[head].pair,
            messages.encode(message) if message else None))

    def commit(self, count: int = 1):
        for _ in range(count):
            self.ledger.commit()
            self.doubt.moved()


class TestBeginning(DoubtCase):

    def test_nothing_is_shown(self):
        self.show(0)
        self.assertEqual('', self.doubt.reason)
        self.assertIsNone(self.doubt.ends_height)

    def test_a_vote_that_the_log_lacks(self):
        self.show(0, self.vote(4))
        self.assertIn('member 0', self.doubt.reason)
        self.assertEqual([self.doubt.reason], self.kept)

    def test_a_vote_that_the_log_has(self):
        self.doubt.know([self.record(4)])
        self.show(0, self.vote(4))
        self.assertEqual('', self.doubt.reason)
        # of another kind, or for another block, it is another vote
        self.show(0, self.vote(4, messages.Commit.KIND))
        self.assertNotEqual('', self.doubt.reason)
        self.doubt = self.make()
        self.doubt.know([self.record(4)])
        self.show(0, self.vote(4, digest=b'e' * 32))
        self.assertNotEqual('', self.doubt.reason)

    def test_a_vote_that_this_process_has_cast(self):
        self.doubt.signed([self.record(4)])
        self.show(0, self.vote(4))
        self.assertEqual('', self.doubt.reason)

    def test_messages_of_a_view_change(self):
        for cls in (messages.ViewChange, messages.NewView):
            self.doubt = self.make()
            self.doubt.know([messages.encode(self.change(4, cls))])
            self.show(0, self.change(4, cls))
            self.assertEqual('', self.doubt.reason)
            self.doubt = self.make()
            self.show(0, self.change(4, cls))
            self.assertIn('height 4', self.doubt.reason)

    def test_what_was_not_forgotten_is_not_asked_for_again(self):
        """Votes below what this process signed were in its log."""
        self.commit(3)
        self.doubt.signed([self.record(7)])
        self.commit(5)
        # a member that lagged shows what has left our memory since
        self.show(0, self.vote(8))
        self.assertEqual('', self.doubt.reason)

    def test_a_vote_above_the_disk_counts_after_catching_up_too(self):
        """The disk is old, and later votes may be forgotten as well."""
        self.commit(5)
        self.show(0, self.vote(5))
        self.assertIn('height 5', self.doubt.reason)

    def test_a_certificate_with_a_forgotten_vote(self):
        block = self.ledger.propose().block
        for members, doubted in ((range(3), False), (range(1, 4), True)):
            certificate = ledgers.certify(
                self.made.h, self.made.sites, members, 4, block.digest)
            self.doubt.certified(4, certificate)
            self.assertEqual(doubted, bool(self.doubt.reason))

    def test_a_certificate_under_another_federation(self):
        """An index may mean somebody else there; a signature does not."""
        other = federations.genesis(4)
        places = list(other.federation.document.members)
        places[0], places[3] = places[3], places[0]
        moved = dataclasses.replace(other.federation, document=(
            dataclasses.replace(other.federation.document,
                                members=tuple(places))))
        certificate = ledgers.certify(
            self.made.h, self.made.sites, range(1, 4), 9, DIGEST)
        self.doubt.certified(9, certificate, federation=moved,
                             digest=DIGEST)
        self.assertEqual('', self.doubt.reason)
        self.doubt.certified(9, certificate, digest=b'e' * 32)
        self.assertEqual('', self.doubt.reason)
        self.doubt.certified(9, certificate, digest=DIGEST)
        self.assertNotEqual('', self.doubt.reason)

    def test_a_certificate_with_a_known_vote(self):
        self.doubt.know([self.record(4, messages.Commit)])
        self.doubt.certified(4, ledgers.certify(
            self.made.h, self.made.sites, range(1, 4), 4, DIGEST))
        self.doubt.certified(3, ledgers.certify(
            self.made.h, self.made.sites, range(1, 4), 3, DIGEST))
        self.doubt.certified(5, b'')
        self.assertEqual('', self.doubt.reason)

    def test_a_log_of_something_else(self):
        self.assertRaises(errors.CorruptStore, self.doubt.know, [b'junk'])

    def test_the_operator_overrules_it_for_one_process(self):
        self.doubt = self.make(overruled=True)
        self.doubt.begin('a damaged log')
        self.show(0, self.vote(4))
        self.assertEqual('', self.doubt.reason)
        self.assertEqual({''}, set(self.kept))


class TestWhatProvesNothing(DoubtCase):
    """A liar cannot silence an honest node with what it did not sign."""

    def test_a_vote_at_a_height_that_is_over(self):
        self.show(0, self.vote(3))
        self.show(0, self.change(2))
        self.assertEqual('', self.doubt.reason)

    def test_what_is_forged_or_is_none(self):
        self.show(0, self.vote(4, site=0))
        flipped = dataclasses.replace(self.vote(4), height=5)
        self.show(0, flipped)
        self.show(0, dataclasses.replace(self.change(4), view=2))
        for junk in (b'junk', messages.encode(messages.Status(9, 0)),
                     self.record(4)):
            self.doubt.shown(greeting.Shown(0, None, junk))
        self.assertEqual('', self.doubt.reason)

    def test_a_vote_on_another_chain(self):
        """The same keys, but the signature names the chain."""
        other = federations.genesis(4, label='other')
        sites = self.made.sites
        shown = messages.vote_message(other.h, messages.Prepare.KIND, 9, 0,
                                      DIGEST)
        self.show(0, messages.ShownVote(
            9, 0, self.own, messages.Prepare.KIND, DIGEST,
            sites[self.own].sign_vote(shown)))
        self.assertEqual('', self.doubt.reason)

    def test_a_vote_under_a_key_that_was_replaced(self):
        old = self.vote(9)
        self.doubt = doubt.Doubt(
            self.ledger.application, federations.PROVIDER, lambda: [
                self.made.sites[0].member.vote_key])
        self.show(1, old)
        self.assertEqual('', self.doubt.reason)

    def test_an_intact_log_is_never_in_doubt(self):
        """Whatever of its genuine votes is shown, whenever."""
        votes = [self.vote(height, kind) for height in range(1, 12)
                 for kind in (messages.Prepare.KIND, messages.Commit.KIND)]
        self.doubt.know([self.record(4), self.record(4, messages.Commit)])
        for height in range(4, 12):
            self.doubt.signed([self.record(height),
                               self.record(height, messages.Commit)])
            for vote in votes:
                if vote.height <= height:
                    self.show(vote.height % 3, vote)
            self.commit()
        self.assertEqual('', self.doubt.reason)


class TestEnding(DoubtCase):

    def test_it_ends_two_blocks_past_what_enough_members_showed(self):
        self.doubt.begin('a restored disk')
        for member in (0, 1):
            self.show(member)
        self.commit(2)
        self.assertNotEqual('', self.doubt.reason)
        self.assertIsNone(self.doubt.ends_height)
        self.show(2)  # at height 5 by now
        self.assertEqual(7, self.doubt.ends_height)
        self.commit()
        self.assertNotEqual('', self.doubt.reason)
        self.commit()
        self.assertEqual('', self.doubt.reason)
        self.assertEqual(['a restored disk', ''], self.kept)

    def test_it_is_over_for_what_lies_below(self):
        self.show(0, self.vote(4))
        for member in range(3):
            self.show(member)
        self.commit(2)
        self.assertEqual('', self.doubt.reason)
        self.show(1, self.vote(4))
        self.show(1, self.vote(5))
        self.assertEqual('', self.doubt.reason)
        self.show(1, self.vote(6))
        self.assertNotEqual('', self.doubt.reason)

    def test_what_was_shown_before_does_not_count(self):
        for member in range(3):
            self.show(member)
        self.commit(4)
        self.doubt.begin('a restored disk')
        self.commit(2)
        self.assertNotEqual('', self.doubt.reason)

    def test_a_member_whose_connection_closed_does_not_count(self):
        self.doubt.begin('a restored disk')
        for member in range(3):
            self.show(member)
        self.doubt.lost(1)
        self.commit(3)
        self.assertNotEqual('', self.doubt.reason)
        self.show(1)
        self.commit(2)
        self.assertEqual('', self.doubt.reason)

    def test_a_head_that_is_not_certified_counts_for_nothing(self):
        self.doubt.begin('a restored disk')
        self.show(0)
        self.show(1)
        header = block_module.Header.from_bytes(
            self.ledger.blocks[-1].pair[0])
        for far in (7, 2 ** 40):
            false = dataclasses.replace(header, height=far)
            self.doubt.shown(greeting.Shown(
                2, (false.to_bytes(), self.ledger.blocks[-1].pair[1]),
                None))
            self.assertIsNone(self.doubt.ends_height)
        self.doubt.shown(greeting.Shown(2, (b'junk', b''), None))
        self.commit(3)
        self.assertNotEqual('', self.doubt.reason)
        # an old head of the chain claims nothing that is false
        self.show(2, head=0)
        self.assertEqual('', self.doubt.reason)

    def test_a_member_at_genesis_shows_that(self):
        self.doubt.begin('a restored disk')
        for member in range(3):
            self.show(member, head=None)
        self.assertEqual('', self.doubt.reason)

    def test_two_members_need_an_operator(self):
        self.begin(2)
        self.doubt.begin('a damaged log')
        self.show(0)
        self.commit(5)
        self.assertNotEqual('', self.doubt.reason)
        self.assertIsNone(self.doubt.ends_height)
        self.doubt.end()
        self.assertEqual('', self.doubt.reason)
