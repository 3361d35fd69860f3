# SPDX-License-Identifier: Apache-2.0
"""Tests of making and opening transactions."""

import dataclasses

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import envelope
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import transaction
from tacker_ledger.core import limits
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.core.ledger import bodies
from tacker_ledger.tests.unit.core.ledger import samples

H = samples.H
Role = envelope.Role


def open_as(made, pair, role=Role.RECIPIENT):
    """Return the payload that a reader finds."""
    return authoring.open_configuration(H, made, pair, role)[0]


class TestConfiguration(base.TestCase):
    """Sealed for up to four readers."""

    def test_all_readers_open_the_same(self):
        for suite_pairs in (
                (samples.RSA_TENANT, samples.RSA_VNF, samples.VNF,
                 samples.TENANT),
                (samples.TENANT, samples.VNF, samples.STRANGER,
                 samples.RSA_VNF)):
            tenant, vnf, recovery, auditor = suite_pairs
            made = samples.configuration(
                tenant, vnf, recovery=recovery.document,
                auditor=auditor.document)
            for pair, role in ((vnf, Role.RECIPIENT), (tenant, Role.AUTHOR),
                               (recovery, Role.RECOVERY),
                               (auditor, Role.AUDITOR)):
                opened, key = authoring.open_configuration(
                    H, made.transaction, pair, role)
                self.assertEqual(samples.RULESET, opened)
                self.assertEqual(made.content_key, key)
            self.assertEqual(samples.RULESET, authoring.open_with_key(
                H, made.transaction, made.content_key))

    def test_nobody_else_opens_it(self):
        made = samples.sealed()
        for pair, role in ((samples.STRANGER, Role.RECIPIENT),
                           (samples.VNF, Role.AUTHOR),
                           (samples.VNF, Role.RECOVERY),
                           (samples.TENANT, Role.RECIPIENT),
                           (samples.RSA_VNF, Role.RECIPIENT),
                           (samples.RECEIPT, Role.RECIPIENT)):
            self.assertRaises(errors.Undecryptable, open_as, made, pair,
                              role)
        self.assertRaises(errors.Undecryptable, open_as, made, None)
        self.assertRaises(errors.WrongContentKey, authoring.open_with_key,
                          H, made, bytes(32))

    def test_a_new_cid_certifies_itself(self):
        made = samples.sealed()
        self.assertEqual(
            identifiers.cid_for(H, made.sender_id, made.content.nonce),
            made.content.cid)
        again = samples.sealed(cid=made.content.cid, vid=2)
        self.assertEqual(made.content.cid, again.content.cid)

    def test_wraps_are_four_of_one_suite(self):
        for pair, recipient, sizes in (
                (samples.RSA_TENANT, samples.RSA_VNF, {256}),
                (samples.TENANT, samples.VNF, {80}),
                (samples.RECEIPT, samples.RSA_TENANT, {256}),
                (samples.RSA_TENANT, samples.RECEIPT, {256})):
            made = samples.sealed(pair, recipient)
            self.assertEqual(4, len(made.content.wraps))
            self.assertEqual(sizes, {len(w) for w in made.content.wraps})
        made = samples.sealed(samples.RSA_TENANT, samples.VNF)
        self.assertEqual([80, 256, 80, 80],
                         [len(wrap) for wrap in made.content.wraps])

    def test_a_key_that_only_signs_gets_a_dummy(self):
        made = samples.configuration(recipient=samples.RECEIPT)
        self.assertEqual(samples.RECEIPT.document.key_id,
                         made.transaction.content.recipient_id)
        self.assertRaises(errors.Undecryptable, open_as, made.transaction,
                          samples.RECEIPT)
        self.assertEqual(samples.RULESET,
                         open_as(made.transaction, samples.TENANT,
                                 Role.AUTHOR))

    def test_a_recipient_known_by_id(self):
        made = samples.sealed(recipient_id=bytes(32))
        self.assertEqual(bytes(32), made.content.recipient_id)
        self.assertEqual(samples.RULESET,
                         open_as(made, samples.TENANT, Role.AUTHOR))

    def test_one_recipient(self):
        for fields in ({}, {'recipient': samples.VNF.document,
                            'recipient_id': bytes(32)}):
            self.assertRaises(
                errors.BadOption, authoring.author_configuration, H,
                samples.PROVIDER, samples.TENANT, vid=1,
                payload=samples.RULESET, timestamp_ms=0, nonce=bytes(16),
                content_key=bytes(32), **fields)

    def test_same_arguments_same_content(self):
        fields = {'nonce': bytes(16), 'content_key': b'k' * 32,
                  'description': 'x'}
        one = samples.sealed(**fields).content
        two = samples.sealed(**fields).content
        # Only what a provider draws differs.
        self.assertNotEqual(one.wraps, two.wraps)
        self.assertEqual(one, dataclasses.replace(two, wraps=one.wraps))

    def test_small_payloads_look_alike(self):
        sizes = {len(samples.sealed(body=body).content.configuration)
                 for body in bodies.PRIVATE[:5]}
        self.assertEqual({limits.PADDED_MIN_BYTES + 16}, sizes)

    def test_a_million_bytes(self):
        body = payload.Configuration('file', 'x', samples.fresh(1_000_000))
        made = samples.sealed(body=body)
        self.assertEqual(body, open_as(made, samples.VNF))
        self.assertLessEqual(len(made.raw), limits.TRANSACTION_MAX_BYTES)

    def test_too_large(self):
        body = payload.Configuration('file', 'x', samples.fresh(1_310_720))
        self.assertRaises(errors.TooLarge, samples.sealed, body=body)
        body = payload.Template('file', 'x', samples.fresh(1_310_720), '',
                                '')
        self.assertRaises(errors.TooLarge, samples.public, body=body)

    def test_bad_fields(self):
        for fields in ({'vid': 0}, {'description': 'a' * 257},
                       {'cid': bytes(3)}, {'timestamp_ms': -1},
                       {'compression': 7},
                       {'apply_before': [identifiers.Reference(bytes(16))]
                        * 2}):
            self.assertRaises(errors.Malformed, samples.sealed, **fields)

    @settings(max_examples=60)
    @given(bodies.DRAWN, st.sampled_from((0, 1)))
    def test_whatever_is_said_is_heard(self, body, compression):
        if payload.is_private(body):
            made = samples.sealed(body=body, compression=compression)
            self.assertEqual(body, open_as(made, samples.VNF))
        else:
            made = samples.public(body=body, compression=compression)
            self.assertEqual(body, open_as(made, None))

    def test_providers_open_each_other(self):
        for author in providers.names():
            for reader in providers.names():
                made = authoring.author_configuration(
                    H, providers.load(author), samples.TENANT, vid=1,
                    payload=samples.RULESET, timestamp_ms=0,
                    nonce=bytes(16), content_key=bytes(32),
                    recipient=samples.VNF.document)
                pair = providers.load(reader).load_private(
                    samples.VNF.to_private_bytes())
                opened, _ = authoring.open_configuration(
                    H, made.transaction, pair,
                    provider=providers.load(reader))
                self.assertEqual(samples.RULESET, opened)


class TestBinding(base.TestCase):
    """The sealed payload belongs to its other fields."""

    def test_every_field_before_the_wraps_is_bound(self):
        made = samples.configuration()
        content = made.transaction.content
        for change in ({'cid': bytes(16)}, {'vid': 2}, {'description': 'x'},
                       {'recipient_id': bytes(32)}, {'timestamp_ms': 1},
                       {'apply_before': (identifiers.Reference(bytes(16)),)},
                       {'apply_after': (identifiers.Reference(bytes(16)),)},
                       {'compression': 0},
                       {'sender': samples.STRANGER.document.to_bytes()}):
            moved = samples.resigned(
                samples.STRANGER, dataclasses.replace(content, **change))
            self.assertRaises(errors.Undecryptable, authoring.open_with_key,
                              H, moved, made.content_key)

    def test_nonce_and_commitment_are_bound_to_the_key(self):
        made = samples.configuration()
        content = made.transaction.content
        for change in ({'nonce': bytes(16)}, {'commitment': bytes(32)}):
            moved = samples.resigned(
                samples.TENANT, dataclasses.replace(content, **change))
            self.assertRaises(errors.WrongContentKey,
                              authoring.open_with_key, H, moved,
                              made.content_key)

    def test_wraps_can_be_made_again(self):
        made = samples.configuration()
        content = made.transaction.content
        swapped = (content.wraps[1], content.wraps[0], *content.wraps[2:])
        moved = samples.resigned(
            samples.TENANT, dataclasses.replace(content, wraps=swapped))
        self.assertEqual(samples.RULESET, open_as(moved, samples.TENANT))


class TestPublic(base.TestCase):
    """Readable by everybody, signed by somebody."""

    def test_all_kinds(self):
        for body in bodies.PUBLIC:
            made = samples.public(body=body)
            self.assertEqual((body, None), authoring.open_configuration(
                H, made))
            self.assertEqual(payload.encode_payload(body),
                             authoring.open_public_bytes(made))

    def test_a_federation_document_is_not_compressed(self):
        made = samples.public(body=payload.FederationDocument(b'doc'))
        self.assertEqual(0, made.content.compression)
        self.assertEqual(1, samples.public().content.compression)

    def test_wrong_payload(self):
        public, sealed = samples.public(), samples.configuration()
        self.assertRaises(errors.WrongPayload, authoring.open_with_key, H,
                          public, bytes(32))
        self.assertRaises(errors.WrongPayload, authoring.open_public,
                          sealed.transaction)
        self.assertRaises(errors.WrongPayload, authoring.open_configuration,
                          H, samples.request(), samples.VNF)

    def test_a_private_kind_in_the_open(self):
        content = dataclasses.replace(
            samples.public().content, compression=0,
            configuration=payload.encode_payload(payload.Welcome()))
        made = samples.resigned(samples.TENANT, content)
        self.assertRaises(errors.WrongPayload, authoring.open_configuration,
                          H, made)

    def test_junk_in_the_open(self):
        for compression, junk in ((0, b''), (0, b'\xff'), (1, b'junk')):
            content = dataclasses.replace(
                samples.public().content, compression=compression,
                configuration=junk)
            made = samples.resigned(samples.TENANT, content)
            self.assertRaises(errors.Malformed,
                              authoring.open_configuration, H, made)


class TestRequestAndAnswer(base.TestCase):
    """An answer takes its form from the request."""

    def test_answer(self):
        for compression in (0, 1):
            asked = samples.request(compression=compression,
                                    description='state please')
            made = samples.answer(asked)
            for name in ('cid', 'vid', 'compression', 'encryption',
                         'description'):
                self.assertEqual(getattr(asked.content, name),
                                 getattr(made.content, name))
            self.assertEqual(asked.sender_id, made.content.recipient_id)
            report = open_as(made, samples.TENANT)
            self.assertEqual(asked.txid, report.request_txid)

    def test_only_requests_are_answered(self):
        self.assertRaises(errors.BadOption, samples.answer,
                          samples.sealed())

    def test_digest_of_a_payload(self):
        made = samples.configuration()
        encoded = authoring.open_bytes(H, made.transaction,
                                       made.content_key)
        self.assertEqual(payload.encode_payload(samples.RULESET), encoded)
        digest = payload.payload_digest(H, encoded)
        self.assertEqual(32, len(digest))
        self.assertNotEqual(digest, payload.payload_digest(
            samples.OTHER_H, encoded))


class TestAuthored(base.TestCase):
    """What authors get back."""

    def test_the_key_is_not_shown(self):
        made = samples.configuration(content_key=b'S' * 32)
        self.assertNotIn('SSSS', repr(made))

    def test_transactions_are_valid_as_made(self):
        for made in (samples.sealed(), samples.public(), samples.request()):
            back = transaction.Transaction.from_bytes(H, made.raw)
            transaction.verify_signature(samples.PROVIDER, H, back)
            self.assertEqual(made.raw, codec.encode(
                (1, back.txid, back.signature, back.content_bytes)))
