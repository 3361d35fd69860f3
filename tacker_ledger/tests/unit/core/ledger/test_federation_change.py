# SPDX-License-Identifier: Apache-2.0
"""Tests of successors: how they are made, described and counted."""

import dataclasses

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import federation_change
from tacker_ledger.core.ledger import federation_document
from tacker_ledger.tests import base
from tacker_ledger.tests import federations

PREDECESSOR = federation_module.SIDE_PREDECESSOR
OWN = federation_module.SIDE_OWN


class TestMembers(base.TestCase):

    def setUp(self):
        super().setUp()
        self.members = federations.genesis().federation.members
        self.new = federations.make_site('new').member

    def changed(self, **changes):
        return [member.name for member in federation_change.changed_members(
            self.members, **changes)]

    def test_who_stays_keeps_the_order(self):
        self.assertEqual(['node-0', 'node-2', 'node-3', 'new'],
                         self.changed(remove=['node-1'], add=[self.new]))

    def test_new_keys_take_the_old_place(self):
        other = dataclasses.replace(self.new, name='node-1')
        found = federation_change.changed_members(self.members,
                                                  rotate=[other])
        self.assertEqual(other, found[1])
        self.assertEqual(self.members[2:], found[2:])

    def test_what_cannot_be(self):
        for changes in (
                {'remove': ['nobody']}, {'rotate': [self.new]},
                {'remove': ['node-1', 'node-1']},
                {'add': [self.members[0]]}, {'add': [self.new, self.new]},
                {'remove': ['node-1'], 'rotate': [self.members[1]]},
                # one name is one member: it leaves first, then comes back
                {'remove': ['node-1'], 'add': [self.members[1]]}):
            self.assertRaises(errors.BadDocument, self.changed, **changes)


class TestChanges(base.TestCase):

    def setUp(self):
        super().setUp()
        self.made = federations.genesis()
        self.before = self.made.federation.document

    def successor(self, **fields):
        return federation_change.successor(
            self.made.federation, nonce=bytes(16),
            created_ms=federations.CREATED_MS + 1, **fields)

    def test_of_the_next_epoch(self):
        document = self.successor()
        self.assertEqual((1, self.made.federation.digest, 3),
                         (document.epoch, document.predecessor,
                          document.quorum))
        self.assertEqual([], federation_change.changes(self.before,
                                                       document))

    def test_the_quorum_follows_the_members(self):
        document = self.successor(members=self.before.members[:1])
        self.assertEqual(1, document.quorum)
        self.assertIn('quorum: 3 of 4 -> 1 of 1',
                      federation_change.changes(self.before, document))

    def test_everything_that_differs_is_told(self):
        site = federations.make_site('new')
        rotated = dataclasses.replace(
            self.before.members[2], vote_key=site.member.vote_key,
            door_url='https://elsewhere')
        issuer = federations.make_issuer('another')
        document = self.successor(
            members=(self.before.members[3], rotated,
                     self.before.members[0], federations.make_site(
                         'node-9').member),
            issuer=issuer.document, rules=((0, 1), (9, 2)),
            parameters=dataclasses.replace(self.before.parameters,
                                           heartbeat_ms=77),
            expiry_ms=self.before.expiry_ms + 1)
        text = '\n'.join(federation_change.changes(self.before, document))
        for part in ('REMOVE member node-1', 'ADD member node-9',
                     'CHANGE member node-2: vote key',
                     'door https://node-2.example:2801 -> https://elsewhere',
                     'REPLACE the issuing key', 'another order',
                     'heartbeat_ms: 30000 -> 77', 'rules: ', 'expires'):
            self.assertIn(part, text)
        self.assertNotIn('node-2: answer key', text)

    def test_a_member_alone(self):
        member = self.before.members[0]
        encoded = member.to_bytes()
        self.assertEqual(member, federation_document.Member.from_bytes(
            encoded))
        nameless = dataclasses.replace(member, name='').to_bytes()
        for data in (encoded[:-1], encoded + b'\0', b'', nameless):
            self.assertRaises(errors.FormatError,
                              federation_document.Member.from_bytes, data)


class TestStanding(base.TestCase):

    def setUp(self):
        super().setUp()
        self.made = federations.genesis()
        self.next = federations.successor(
            self.made, [*self.made.sites[1:], federations.make_site('new')])

    def standing(self, signed):
        return federation_change.standing(
            self.made.h, federations.PROVIDER, self.made.federation, signed)

    def partly(self, *places):
        return dataclasses.replace(self.next.signed, approvals=tuple(
            one for one in self.next.signed.approvals
            if (one.side, one.member) in places))

    def test_nobody_yet(self):
        found = self.standing(self.partly())
        self.assertEqual((3, ()), (found.own.needed, found.own.given))
        self.assertEqual(('node-1', 'node-2', 'node-3', 'new'),
                         found.own.missing)
        self.assertFalse(found.is_enough)

    def test_each_side_needs_its_own(self):
        old = [(PREDECESSOR, index) for index in range(4)]
        own = [(OWN, index) for index in range(4)]
        for places, enough in ((old, False), (own, False),
                               (old[:3] + own[:2], False),
                               (old[1:] + own[1:], True)):
            self.assertEqual(enough,
                             self.standing(self.partly(*places)).is_enough)

    def test_what_spoils_it(self):
        good = self.next.signed.approvals[0]
        wrong = dataclasses.replace(good, signature=bytes(64))
        for signed, error in (
                (self.next.signed.with_approvals([wrong]),
                 errors.BadSignature),
                (dataclasses.replace(self.next.signed,
                                     issuer_signature=bytes(64)),
                 errors.BadSignature),
                (self.made.signed, errors.BadDocument)):
            self.assertRaises(error, self.standing, signed)
        other = federations.genesis(label='other')
        self.assertRaises(
            errors.WrongFederation, federation_change.standing, self.made.h,
            federations.PROVIDER, other.federation, self.next.signed)

    def test_where_a_key_may_approve(self):
        def sides(site):
            return federation_change.sides_of(
                self.made.federation, self.next.federation,
                site.node.document.signing)
        self.assertEqual([(PREDECESSOR, 0)], sides(self.made.sites[0]))
        self.assertEqual([(PREDECESSOR, 1), (OWN, 0)],
                         sides(self.made.sites[1]))
        self.assertEqual([(OWN, 3)], sides(self.next.sites[3]))
        self.assertEqual([], sides(federations.make_site('nobody')))
