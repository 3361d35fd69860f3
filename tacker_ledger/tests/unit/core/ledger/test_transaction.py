# SPDX-License-Identifier: Apache-2.0
"""Tests of the two transaction classes and their one encoding."""

import dataclasses

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import transaction
from tacker_ledger.core import limits
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.core.ledger import samples

H = samples.H
CONFIGURATION = samples.sealed(
    description='drop all', apply_before=(
        identifiers.Reference(bytes(16)),
        identifiers.Reference(b'\x01' * 16, 7),
        identifiers.Reference(b'\x02' * 16, 7, bytes(32))))
PUBLIC = samples.public()
REQUEST = samples.request()
RSA = samples.sealed(samples.RSA_TENANT, samples.RSA_VNF)


def parse(raw):
    """Read a transaction of the tests' chain."""
    return transaction.Transaction.from_bytes(H, raw)


class TestRoundTrip(base.TestCase):
    """What is read is what was written."""

    def test_all_classes(self):
        for made in (CONFIGURATION, PUBLIC, REQUEST, RSA):
            back = parse(made.raw)
            self.assertEqual(made, back)
            self.assertEqual(made.content_bytes,
                             codec.encode(back.content.to_fields()))
            transaction.verify_signature(samples.PROVIDER, H, back)

    def test_fields(self):
        content = CONFIGURATION.content
        self.assertIsInstance(content, transaction.Configuration)
        self.assertEqual(samples.TENANT.document.key_id,
                         CONFIGURATION.sender_id)
        self.assertEqual(samples.VNF.document.key_id, content.recipient_id)
        self.assertEqual([None, 7, 7],
                         [ref.vid for ref in content.apply_before])
        self.assertEqual((), content.apply_after)
        self.assertTrue(content.is_sealed)
        self.assertFalse(PUBLIC.content.is_sealed)
        self.assertIsNone(PUBLIC.content.recipient_id)
        self.assertEqual(samples.NOW_MS + 60_000,
                         REQUEST.content.slot_expiry_ms)

    def test_associated_data_is_all_but_wraps_and_configuration(self):
        fields = CONFIGURATION.content.to_fields()
        self.assertEqual(16, len(fields))
        self.assertEqual(codec.encode(fields[:14]),
                         transaction.associated_data(fields))
        self.assertEqual(fields[:14],
                         CONFIGURATION.content.unsealed_fields())

    def test_the_id_does_not_cover_the_signature(self):
        again = samples.resigned(samples.RSA_TENANT, RSA.content)
        self.assertNotEqual(RSA.signature, again.signature)
        self.assertEqual(RSA.txid, again.txid)


class TestOneEncoding(base.TestCase):
    """No other bytes are the same transaction."""

    def test_no_other_encoding_outside(self):
        for made in (CONFIGURATION, PUBLIC, REQUEST, RSA):
            count = 0
            for raw in samples.spoiled(made.raw):
                self.assertRaises(errors.FormatError, parse, raw)
                count += 1
            self.assertGreater(count, 8)

    def test_no_other_encoding_inside(self):
        for made in (CONFIGURATION, PUBLIC, REQUEST):
            count = 0
            for content in samples.spoiled(made.content_bytes):
                self.assertRaises(errors.FormatError,
                                  transaction.decode_content, content)
                count += 1
            self.assertGreater(count, 30)

    @settings(max_examples=150)
    @given(st.data())
    def test_a_changed_byte_is_noticed(self, data):
        made = data.draw(st.sampled_from((CONFIGURATION, PUBLIC, REQUEST)))
        raw = bytearray(made.raw)
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place] ^= data.draw(st.integers(1, 255))
        with self.assertRaisesRegex(errors.LedgerError, '.'):
            transaction.verify_signature(samples.PROVIDER, H,
                                         parse(bytes(raw)))

    @settings(max_examples=100)
    @given(st.binary(max_size=200))
    def test_junk(self, junk):
        self.assertRaises(errors.LedgerError, parse, junk)
        self.assertRaises(errors.LedgerError, transaction.decode_content,
                          junk)

    def test_cut(self):
        for size in range(0, len(PUBLIC.raw), 7):
            self.assertRaises(errors.FormatError, parse, PUBLIC.raw[:size])


class TestHashAndSignature(base.TestCase):
    """An id is the hash of its content on its chain; a sender signed it."""

    def test_another_content(self):
        raw = codec.encode((1, PUBLIC.txid, PUBLIC.signature,
                            REQUEST.content_bytes))
        self.assertRaises(errors.BadHash, parse, raw)

    def test_another_chain(self):
        self.assertRaises(errors.BadHash, transaction.Transaction.from_bytes,
                          samples.OTHER_H, PUBLIC.raw)

    def test_another_signer(self):
        signature = samples.STRANGER.sign(
            transaction.signed_message(H, PUBLIC.txid))
        forged = parse(codec.encode(
            (1, PUBLIC.txid, signature, PUBLIC.content_bytes)))
        self.assertRaises(errors.BadSignature, transaction.verify_signature,
                          samples.PROVIDER, H, forged)

    def test_signature_of_another_suite(self):
        raw = codec.encode((1, PUBLIC.txid, RSA.signature,
                            PUBLIC.content_bytes))
        self.assertRaises(errors.Malformed, parse, raw)

    def test_later_version(self):
        raw = codec.encode((2, PUBLIC.txid, PUBLIC.signature,
                            PUBLIC.content_bytes))
        self.assertRaises(errors.UnsupportedVersion, parse, raw)
        for version in (0, 2, 255):
            raw = samples.raw_of((version, *PUBLIC.content.to_fields()[1:]))
            self.assertRaises(errors.UnsupportedVersion, parse, raw)


class TestRules(base.TestCase):
    """Each rule of the format, by a signed transaction that breaks it."""

    def refused(self, made, place, value, error=errors.Malformed):
        fields = list(made.content.to_fields())
        fields[place] = value
        exc = self.assertRaises(error, parse, samples.raw_of(fields))
        self.assertIsInstance(exc, errors.FormatError)

    def test_bounds_of_common_fields(self):
        for made in (CONFIGURATION, PUBLIC, REQUEST):
            for place, values in {
                    0: (None, True), 1: (0, 3, True, None),
                    2: (bytes(15), bytes(17), 'text'),
                    3: (0, -1, 2 ** 32, None), 4: (2, -1, False),
                    5: (2, None, True), 6: ('é' * 129, b'', None),
                    8: (bytes(31), bytes(33)),
                    9: (-1, None), 10: (bytes(15), bytes(17))}.items():
                for value in values:
                    self.refused(made, place, value)

    def test_length_of_the_record(self):
        for made in (CONFIGURATION, REQUEST):
            fields = made.content.to_fields()
            for other in (fields[:-1], (*fields, 0), (), (1,), fields[:2]):
                self.assertRaises(errors.FormatError, parse,
                                  samples.raw_of(other))

    def test_the_other_type(self):
        self.refused(CONFIGURATION, 1, 2)
        self.refused(REQUEST, 1, 1)

    def test_sender(self):
        self.refused(PUBLIC, 7, b'junk', errors.BadKey)
        self.refused(PUBLIC, 7, b'', errors.Malformed)

    def test_description_may_be_as_long_as_it_says(self):
        text = 'é' * (limits.DESCRIPTION_MAX_BYTES // 2)
        self.assertEqual(text, parse(samples.public(
            description=text).raw).content.description)

    def test_sealed_needs_everything(self):
        self.refused(CONFIGURATION, 8, None)
        self.refused(CONFIGURATION, 13, None)
        wraps = CONFIGURATION.content.wraps
        self.refused(CONFIGURATION, 14, ())
        self.refused(CONFIGURATION, 14, wraps[:3])
        self.refused(CONFIGURATION, 14, (*wraps, wraps[0]))
        self.refused(CONFIGURATION, 14, (*wraps[:3], bytes(64)))
        self.refused(CONFIGURATION, 14, (*wraps[:3], wraps[0][:-1]))
        self.refused(CONFIGURATION, 5, 0)

    def test_public_has_none_of_it(self):
        self.refused(PUBLIC, 8, bytes(32))
        self.refused(PUBLIC, 13, bytes(32))
        self.refused(PUBLIC, 14, CONFIGURATION.content.wraps)
        self.refused(PUBLIC, 5, 1)

    def test_an_rsa_wrap_is_below_half(self):
        wraps = RSA.content.wraps
        self.assertEqual({256}, {len(wrap) for wrap in wraps})
        high = b'\x80' + wraps[0][1:]
        self.refused(RSA, 14, (high, *wraps[1:]))

    def test_sealed_sizes_are_classes(self):
        for size in (0, 16, 527, 529, 543, 545):
            self.refused(CONFIGURATION, 15, bytes(size))
        for size in (528, 560):
            fields = list(CONFIGURATION.content.to_fields())
            fields[15] = bytes(size)
            parse(samples.raw_of(fields))

    def test_too_large(self):
        size = limits.CONFIGURATION_MAX_BYTES
        fields = list(PUBLIC.content.to_fields())
        fields[15] = bytes(size)
        parse(samples.raw_of(fields))
        fields[15] = bytes(size + 1)
        self.assertRaises(errors.FormatError, parse, samples.raw_of(fields))
        self.assertRaises(errors.TooLarge, parse,
                          bytes(limits.TRANSACTION_MAX_BYTES + 1))

    def test_references(self):
        own, other = CONFIGURATION.content.cid, bytes(16)
        for place in (11, 12):
            self.refused(CONFIGURATION, place, ((own, None, None),))
            self.refused(CONFIGURATION, place, ((other, None, bytes(32)),))
            self.refused(CONFIGURATION, place,
                         ((other, None, None), (other, 1, None)))
            self.refused(CONFIGURATION, place, ((other, 0, None),))
            self.refused(CONFIGURATION, place, ((other, None),))
            self.refused(CONFIGURATION, place, tuple(
                (i.to_bytes(16, 'big'), None, None)
                for i in range(limits.REFERENCES_MAX_COUNT + 1)))

    def test_a_request_asks_one_recipient_for_encryption(self):
        self.refused(REQUEST, 8, None)
        self.refused(REQUEST, 5, 0)
        self.refused(REQUEST, 11, None)

    def test_contradictions_are_refused_when_made_too(self):
        self.assertRaises(errors.Malformed, dataclasses.replace,
                          CONFIGURATION.content, wraps=())
        self.assertRaises(errors.Malformed, dataclasses.replace,
                          REQUEST.content, recipient_id=None)


class TestSubmission(base.TestCase):
    """A transaction and why a node should take it."""

    def test_round_trip(self):
        for admission in (None, transaction.Admission(0, b''),
                          transaction.Admission(255, bytes(4096))):
            made = transaction.Submission(PUBLIC.raw, admission)
            self.assertEqual(made, transaction.Submission.from_bytes(
                made.to_bytes()))

    def test_one_encoding(self):
        made = transaction.Submission(
            PUBLIC.raw, transaction.Admission(1, b'x')).to_bytes()
        for raw in samples.spoiled(made):
            self.assertRaises(errors.FormatError,
                              transaction.Submission.from_bytes, raw)

    def test_bounds(self):
        for fields in ((1, b'', None), (1, b'x', (256, b'')),
                       (1, b'x', (0, bytes(4097))), (1, b'x', (0,)),
                       (1, b'x'), (1, 'x', None), (1, b'x', 0)):
            self.assertRaises(errors.FormatError,
                              transaction.Submission.from_bytes,
                              codec.encode(fields))
        self.assertRaises(
            errors.UnsupportedVersion, transaction.Submission.from_bytes,
            codec.encode((2, b'x', None)))

    def test_the_largest_fits(self):
        made = transaction.Submission(
            bytes(limits.TRANSACTION_MAX_BYTES),
            transaction.Admission(0, bytes(limits.ADMISSION_MAX_BYTES)))
        transaction.Submission.from_bytes(made.to_bytes())
