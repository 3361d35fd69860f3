# SPDX-License-Identifier: Apache-2.0
"""The formats of a change of leader, and when they count."""

import dataclasses

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import view_change
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers
from tacker_ledger.tests.unit.core.consensus import scene


class ViewChangeCase(base.TestCase):
    """Four members, height 2 in flight on a committed block 1."""

    def setUp(self):
        super().setUp()
        self.made = federations.genesis(4)
        self.votes = scene.Votes(self.made)
        self.ledger = ledgers.Ledger(self.made)
        self.head = self.ledger.commit()
        self.block = self.ledger.propose().block
        self.other = self.ledger.propose(time_ms=scene.NOW_MS + 9999).block

    def signed(self, message):
        return dataclasses.replace(
            message, signature=self.made.sites[message.member].sign_vote(
                messages.signed_part(self.made.h, message)))

    def change(self, member=2, view=1, prepared=None, **fields):
        fields = {'height': 2, 'view': view, 'member': member,
                  'head': messages.head_pair(*self.head.pair),
                  'prepared': prepared, 'signature': bytes(64), **fields}
        return self.signed(messages.ViewChange(**fields))

    def arguments(self):
        return self.made.h, scene.PROVIDER, self.made.federation


class TestLeader(base.TestCase):
    """Views take turns."""

    def test_leader(self):
        self.assertEqual([0, 1, 2, 3, 0], [
            view_change.leader_of(view, 4) for view in range(5)])


class TestPrepared(ViewChangeCase):
    """Prepared certificates."""

    def check(self, prepared, height=2):
        return view_change.check_prepared(*self.arguments(), height,
                                          prepared)

    def test_good(self):
        for members in ((0, 1, 2), (0, 1, 2, 3)):
            self.assertEqual(self.block.digest, self.check(
                self.votes.prepared(members, self.block)))
        self.assertEqual(self.block.digest, self.check(
            self.votes.prepared((1, 2, 3), self.block, view=1)))

    def test_refused(self):
        good = self.votes.prepared((0, 1, 2), self.block)
        wrong = {
            'too few': self.votes.prepared((0, 1), self.block),
            'without the leader': self.votes.prepared((1, 2, 3), self.block),
            'twice': dataclasses.replace(
                good, votes=(good.votes[0], *good.votes[:2])),
            'out of order': dataclasses.replace(good,
                                                votes=good.votes[::-1]),
            'another view': dataclasses.replace(good, view=4),
            'another header': dataclasses.replace(
                good, header=self.other.header_bytes),
            'no header': dataclasses.replace(good, header=b'\x00'),
            'another height': self.votes.prepared((0, 1, 2),
                                                  self.head.block),
            'no member': dataclasses.replace(
                good, votes=(*good.votes, (9, bytes(64)))),
            'a commit': dataclasses.replace(good, votes=(
                *good.votes[:2],
                (2, self.votes.commit(2, self.block).signature))),
        }
        for why, prepared in wrong.items():
            with self.subTest(why):
                self.assertRaises(errors.BadCertificate, self.check,
                                  prepared)
        self.assertRaises(errors.BadCertificate, self.check, good, 3)


class TestViewChange(ViewChangeCase):
    """Single view changes."""

    def check(self, message):
        view_change.check_view_change(
            *self.arguments(), self.head.block.digest, message)

    def test_good(self):
        self.check(self.change())
        self.check(self.change(prepared=self.votes.prepared(
            (0, 1, 3), self.block)))
        self.check(self.change(view=7, prepared=self.votes.prepared(
            (0, 1, 2), self.block, view=4)))

    def test_not_signed(self):
        message = dataclasses.replace(self.change(), view=2)
        self.assertRaises(errors.BadSignature, self.check, message)
        message = dataclasses.replace(self.change(), member=200)
        self.assertRaises(errors.BadSignature, self.check, message)

    def test_another_head(self):
        genesis = block_module.genesis_header(
            self.made.h, self.made.federation).to_bytes()
        message = self.change(head=messages.head_pair(genesis, b''))
        self.assertRaises(errors.ForkedChain, self.check, message)
        self.assertRaises(errors.FormatError, self.check,
                          self.change(head=b'\x00'))

    def test_prepared_in_a_view_to_come(self):
        for view in (1, 4):
            message = self.change(view=1, prepared=self.votes.prepared(
                (0, 1, 2, 3), self.block, view=view))
            self.assertRaises(errors.BadCertificate, self.check, message)

    def test_prepared_proves_nothing(self):
        message = self.change(prepared=self.votes.prepared(
            (0, 1), self.block))
        self.assertRaises(errors.BadCertificate, self.check, message)


class TestNewView(ViewChangeCase):
    """New views."""

    def make(self, changes, header=None, member=1, view=1, **fields):
        return self.signed(messages.NewView(
            2, view, member, tuple(map(messages.encode, changes)), header,
            bytes(64), **fields))

    def check(self, message):
        return view_change.check_new_view(
            *self.arguments(), self.head.block.digest, message)

    def test_nothing_prepared(self):
        changes = [self.change(member) for member in (0, 2, 3)]
        self.assertEqual(tuple(changes), self.check(self.make(changes)))

    def test_the_highest_view_wins(self):
        old = self.votes.prepared((0, 1, 2), self.other, view=0)
        new = self.votes.prepared((1, 2, 3), self.block, view=1)
        changes = [self.change(0, 6, old), self.change(1, 6, new),
                   self.change(3, 6)]
        self.check(self.make(changes, self.block.header_bytes, 2, 6))
        for header in (None, self.other.header_bytes):
            self.assertRaises(errors.BadCertificate, self.check,
                              self.make(changes, header, 2, 6))

    def test_refused(self):
        changes = [self.change(member) for member in (0, 2, 3)]
        for why, error, message in (
                ('too few', errors.BadCertificate, self.make(changes[:2])),
                ('twice', errors.BadCertificate,
                 self.make([*changes[:2], changes[1]])),
                ('out of order', errors.BadCertificate,
                 self.make(changes[::-1])),
                ('by another member', errors.BadSignature,
                 self.make(changes, member=2)),
                ('not signed', errors.BadSignature, dataclasses.replace(
                    self.make(changes), header=self.block.header_bytes)),
                ('for another view', errors.BadCertificate,
                 self.make([*changes[:2], self.change(3, view=5)])),
                ('what nobody prepared', errors.BadCertificate,
                 self.make(changes, self.block.header_bytes)),
                ('a vote', errors.BadCertificate, self.make(
                    [*changes[:2], self.votes.prepare(3, self.block)])),
                ('a change not signed', errors.BadSignature, self.make(
                    [*changes[:2], dataclasses.replace(
                        changes[2], signature=bytes(64))]))):
            with self.subTest(why):
                self.assertRaises(error, self.check, message)
