# SPDX-License-Identifier: Apache-2.0
"""The federation document agrees with itself."""

import dataclasses

import hypothesis
from hypothesis import strategies

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import federation_document
from tacker_ledger.core import limits
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests.vectors import keys

_RAW = federations.genesis(3).federation.raw


class TestDocument(base.TestCase):
    """Format and rules."""

    def setUp(self):
        super().setUp()
        self.made = federations.genesis(4)
        self.document = self.made.federation.document

    def replaced(self, **fields):
        return dataclasses.replace(self.document, **fields)

    def with_member(self, **fields):
        members = list(self.document.members)
        members[1] = dataclasses.replace(members[1], **fields)
        return self.replaced(members=tuple(members))

    def test_there_and_back(self):
        for document in (
                self.document,
                self.with_member(engine_keys=(('cometbft', b'\x01'),
                                              ('other', b'\x02' * 32))),
                self.with_member(peer_address='[2001:db8::1]:2701'),
                self.replaced(rules=((0, 1), (100, 2), (101, 1))),
                federations.genesis(1).federation.document,
                federations.genesis(256).federation.document):
            raw = document.to_bytes()
            self.assertLessEqual(len(raw),
                                 limits.FEDERATION_DOCUMENT_MAX_BYTES)
            self.assertEqual(
                document, federation_document.Document.from_bytes(raw))

    def test_the_quorum_follows_from_the_members(self):
        self.assertEqual([1, 2, 2, 3, 4], [
            federations.genesis(n).federation.quorum for n in range(1, 6)])
        for wrong in (2, 4):
            self.assertRaises(errors.BadDocument, self.replaced,
                              quorum=wrong)

    def test_refused(self):
        member = self.document.members[0]
        other = keys.curve(federations.PROVIDER, 'other', encryption=False)
        for why, fields in (
                ('no members', {'members': ()}),
                ('an epoch without predecessor', {'epoch': 1, 'quorum': 3}),
                ('genesis with a predecessor', {'predecessor': b'\x01' * 32}),
                ('expired at once', {
                    'expiry_ms': self.document.created_ms}),
                ('no rules', {'rules': ()}),
                ('rules from later on', {'rules': ((1, 1),)}),
                ('rules that do not ascend', {'rules': ((0, 1), (5, 2),
                                                        (5, 1))}),
                ('too many archives', {
                    'parameters': federation_document.Parameters(
                        archive_minimum=5)}),
                ('an issuer that decrypts', {'issuer': keys.curve(
                    federations.PROVIDER, 'issuer').document}),
                ('a member twice', {'members': (member, member),
                                    'quorum': 2}),
                ('the issuer a member', {'issuer': member.node_key})):
            with self.subTest(why):
                self.assertRaises(errors.BadDocument, self.replaced,
                                  **fields)
        for why, fields in (
                ('no name', {'name': ''}),
                ('a name with a blank', {'name': 'a b'}),
                ('a name twice', {'name': member.name}),
                ('no port', {'peer_address': 'host'}),
                ('port 0', {'peer_address': 'host:0'}),
                ('port 65536', {'peer_address': 'host:65536'}),
                ('an address twice', {'peer_address': member.peer_address}),
                ('a door that is none', {'door_url': 'ftp://x'}),
                ('a door with a blank', {'door_url': 'https://x y'}),
                ('a node key twice', {'node_key': member.node_key}),
                ('a vote key twice', {'vote_key': member.vote_key}),
                ('one key in two roles', {'vote_key': member.answer_key}),
                ('a node key as vote key', {
                    'node_key': other.document,
                    'vote_key': other.document.signing[-32:]}),
                ('a vote key of small order', {'vote_key': bytes(32)}),
                ('an answer key of small order', {
                    'answer_key': b'\x01' + bytes(31)}),
                ('engines out of order', {'engine_keys': (
                    ('b', b'1'), ('a', b'1'))}),
                ('an engine twice', {'engine_keys': (
                    ('a', b'1'), ('a', b'2'))})):
            with self.subTest(why):
                self.assertRaises(errors.BadDocument, self.with_member,
                                  **fields)

    def test_refused_bytes(self):
        fields = list(codec.decode(_RAW, _Anything(), 10 ** 6))
        for place, value in ((1, bytes(15)), (2, -1), (3, bytes(31)),
                             (6, 'x' * 33), (7, ()), (8, 0),
                             (9, ((0, 0),)), (11, b'')):
            wrong = [*fields[:place], value, *fields[place + 1:]]
            self.assertRaises(errors.Malformed,
                              federation_document.Document.from_bytes,
                              codec.encode(wrong))
        for place, value in ((0, 49), (0, 86_400_001), (1, 60_001), (2, 0),
                             (2, 301), (3, 1), (3, 9 * 1024 ** 2), (4, 257)):
            parameters = list(fields[10])
            parameters[place] = value
            wrong = [*fields[:10], parameters, fields[11]]
            self.assertRaises(errors.Malformed,
                              federation_document.Document.from_bytes,
                              codec.encode(wrong))

    def test_another_version(self):
        fields = codec.decode(_RAW, _Anything(), 10 ** 6)
        self.assertRaises(errors.UnsupportedVersion,
                          federation_document.Document.from_bytes,
                          codec.encode((2, *fields[1:])))

    @hypothesis.given(strategies.integers(0, len(_RAW) - 1),
                      strategies.integers(1, 255))
    @hypothesis.settings(max_examples=150)
    def test_spoiled_bytes(self, at, change):
        data = bytearray(_RAW)
        data[at] ^= change
        try:
            document = federation_document.Document.from_bytes(bytes(data))
        except errors.FormatError:
            return
        self.assertEqual(bytes(data), document.to_bytes())


class _Anything:
    def check(self, value, path):
        pass
