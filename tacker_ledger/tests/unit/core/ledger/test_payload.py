# SPDX-License-Identifier: Apache-2.0
"""Tests of payloads: every kind, its one encoding, its class of field."""

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload
from tacker_ledger.core import limits
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.core.ledger import bodies
from tacker_ledger.tests.unit.core.ledger import samples

CID, TXID = bodies.CID, bodies.TXID


def read(encoded, sealed=True):
    """Read a payload, private unless told otherwise."""
    return payload.decode_payload(encoded, sealed=sealed)


def encoded_of(kind, *fields):
    """Return a payload of any fields at all."""
    return codec.encode((1, kind, fields))


class TestRoundTrip(base.TestCase):
    """What is read is what was written."""

    def test_every_kind_is_tested(self):
        self.assertEqual(set(payload.PRIVATE_KINDS),
                         {body.KIND for body in bodies.PRIVATE})
        self.assertEqual(set(payload.PUBLIC_KINDS),
                         {body.KIND for body in bodies.PUBLIC})

    def test_all(self):
        for body in bodies.ALL:
            encoded = payload.encode_payload(body)
            back = read(encoded, payload.is_private(body))
            self.assertEqual(body, back)
            self.assertIs(type(body), type(back))

    @settings(max_examples=150)
    @given(bodies.DRAWN)
    def test_drawn(self, body):
        encoded = payload.encode_payload(body)
        back = read(encoded, payload.is_private(body))
        self.assertEqual(body, back)
        self.assertEqual(encoded, payload.encode_payload(back))

    def test_kinds_are_fixed(self):
        self.assertEqual(
            {'Configuration': 1, 'GroupKey': 2, 'TrustChange': 3,
             'KeyReplacement': 4, 'Receipt': 5, 'StateReport': 6,
             'Withdrawal': 7, 'Welcome': 8, 'Delivery': 9, 'Template': 32,
             'TemplateWithdrawal': 33, 'FederationDocument': 34,
             'LogCheckpoint': 35, 'Digest': 36},
            {cls.__name__: cls.KIND for kinds in
             (payload.PRIVATE_KINDS, payload.PUBLIC_KINDS)
             for cls in kinds.values()})

    def test_secrets_are_not_shown(self):
        for body in bodies.ALL:
            for secret in (bodies.CONTENT_KEY, b'private'):
                self.assertNotIn(repr(secret), repr(body))


class TestOneEncoding(base.TestCase):
    """No other bytes are the same payload."""

    def test_no_other_encoding(self):
        for body in bodies.ALL:
            sealed = payload.is_private(body)
            for encoded in samples.spoiled(payload.encode_payload(body)):
                self.assertRaises(errors.FormatError, read, encoded, sealed)

    def test_the_wrong_class_of_field(self):
        for body in bodies.ALL:
            self.assertRaises(
                errors.WrongPayload, read, payload.encode_payload(body),
                not payload.is_private(body))

    @settings(max_examples=150)
    @given(st.data())
    def test_a_changed_byte_is_another_payload(self, data):
        body = data.draw(st.sampled_from(bodies.ALL))
        encoded = bytearray(payload.encode_payload(body))
        place = data.draw(st.integers(0, len(encoded) - 1))
        encoded[place] ^= data.draw(st.integers(1, 255))
        try:
            back = read(bytes(encoded), payload.is_private(body))
        except (errors.FormatError, errors.WrongPayload):
            return
        self.assertEqual(bytes(encoded), payload.encode_payload(back))
        self.assertNotEqual(body, back)

    @settings(max_examples=100)
    @given(st.binary(max_size=100), st.booleans())
    def test_junk(self, junk, sealed):
        self.assertRaises(errors.LedgerError, read, junk, sealed)

    def test_unknown_kinds_and_versions(self):
        for fields in ((1, 0, ()), (1, 10, ()), (1, 31, ()), (1, 37, ()),
                       (2, 8, ('',)), (1, 2 ** 60, ())):
            self.assertRaises(errors.UnsupportedVersion, read,
                              codec.encode(fields))
        for fields in ((), (1,), (1, 8), (1, 8, ('',), 0), (True, 8, ('',)),
                       (1, True, ()), (1, None, ()), (1, 8, None)):
            self.assertRaises(errors.Malformed, read, codec.encode(fields))


class TestBounds(base.TestCase):
    """What the schemas refuse."""

    def test_private_bodies(self):
        reference = bodies.REFERENCE.to_fields()
        for kind, *fields in (
                (1, 'a' * 65, '', b'', (), ()),
                (1, '', 'a' * 257, b'', (), ()),
                (1, '', '', b'', (reference,) * 65, ()),
                (1, '', '', b'', ((CID, 0, TXID, None),), ()),
                (1, '', '', b'', ((CID, 1, TXID, bytes(31)),), ()),
                (1, '', '', b'', ((CID, 1, None, None),), ()),
                (1, '', '', b'', ()),
                (2, 0, TXID, 0, None), (2, 3, TXID, 0, None),
                (2, 1, TXID, 0, None), (2, 2, TXID, 0, b'key'),
                (2, 1, TXID, 2 ** 32, b'key'), (2, 1, TXID, 0, b''),
                (4, 256, ''), (4, 0, 'a' * 257), (4, 0),
                (5, TXID, CID, 1, 0, '', '', 0, (), None),
                (5, TXID, CID, 1, 8, '', '', 0, (), None),
                (5, TXID, CID, 0, 1, '', '', 0, (), None),
                (5, TXID, CID, 1, 1, 'a' * 65, '', 0, (), None),
                (5, TXID, CID, 1, 1, '', '', 0, ((CID, 0),), None),
                (5, TXID, CID, 1, 1, '', '', 0, (), (b'x', b'y')),
                (5, TXID, CID, 1, 1, '', '', 0, ((CID, 1),) * 1025, None),
                (6, TXID, (), (), -1), (6, TXID, ((CID, 1, TXID, TXID),),
                                        (), 0),
                (6, TXID, (), (('', '', b''),) * 257, 0),
                (7, bytes(15)), (7, CID, 1), (8, 'a' * 257), (8, b''),
                (9, ((CID, 1),), None), (9, (), ())):
            self.assertRaises(errors.FormatError, read,
                              encoded_of(kind, *fields))

    def test_public_bodies(self):
        for kind, *fields in (
                (32, '', '', b'', 'a' * 257, ''),
                (32, '', '', b'', '', 'a' * 65), (32, '', '', b'', (), ()),
                (33, CID, 2, 1, ''), (33, CID, 0, 1, ''),
                (34, b''), (34, bytes(512 * 1024 + 1)),
                (35, bytes(15), b'x'), (35, bytes(16), b''),
                (35, bytes(16), bytes(64 * 1024 + 1)),
                (36, 'sha256', bytes(48), 0, '', ''),
                (36, 'sha1', bytes(32), 0, '', ''),
                (36, 'SHA256', bytes(32), 0, '', ''),
                (36, 'sha256', bytes(32), 0, 'a' * 129, ''),
                (36, 'sha256', bytes(32), -1, '', '')):
            self.assertRaises(errors.FormatError, read,
                              encoded_of(kind, *fields), False)

    def test_authors_are_bound_too(self):
        for body in (payload.Welcome('a' * 257),
                     payload.Withdrawal(bytes(3)),
                     payload.Template('a' * 65, '', b'', '', '')):
            self.assertRaises(errors.Malformed, payload.encode_payload, body)

    def test_too_large(self):
        body = payload.Configuration(
            '', '', bytes(limits.INFLATED_MAX_BYTES))
        self.assertRaises(errors.TooLarge, payload.encode_payload, body)


class TestAnnouncement(base.TestCase):
    """A VNF's old key vouches for its new one."""

    def setUp(self):
        super().setUp()
        self.made = payload.Announcement.signed_by(
            samples.H, samples.VNF, samples.STRANGER.document)

    def test_holds(self):
        self.made.verify(samples.PROVIDER, samples.H, samples.VNF.document)

    def test_binds_both_keys_and_the_chain(self):
        other = payload.Announcement(samples.TENANT.document,
                                     self.made.signature)
        for made, h, old in (
                (self.made, samples.H, samples.TENANT.document),
                (self.made, samples.OTHER_H, samples.VNF.document),
                (other, samples.H, samples.VNF.document)):
            self.assertRaises(errors.BadSignature, made.verify,
                              samples.PROVIDER, h, old)


class TestFederationDocumentOf(base.TestCase):
    """The one payload that nodes look for."""

    def test_found(self):
        made = samples.public(body=payload.FederationDocument(b'doc'))
        self.assertEqual(b'doc',
                         payload.federation_document_of(made.content))

    def test_not_found_elsewhere(self):
        for made in (samples.public(), samples.sealed(), samples.request()):
            self.assertIsNone(payload.federation_document_of(made.content))

    def test_not_looked_for_in_compressed_ones(self):
        made = samples.public(body=payload.FederationDocument(b'doc'),
                              compression=1)
        self.assertIsNone(payload.federation_document_of(made.content))

    def test_begins_as_one_and_is_not(self):
        made = samples.public(body=payload.FederationDocument(b'doc'))
        fields = list(made.content.to_fields())
        for configuration in (fields[15] + b'\x00', fields[15][:4],
                              b'\x83\x01\x18\x22\x80'):
            fields[15] = configuration
            broken = samples.resigned(
                samples.TENANT, type(made.content)(
                    *fields[2:11], (), (), *fields[13:]))
            self.assertRaises(errors.FormatError,
                              payload.federation_document_of, broken.content)
