# SPDX-License-Identifier: Apache-2.0
"""Tests of the checks of one transaction."""

from tacker_ledger.core.configuration import acceptance
from tacker_ledger.core.configuration import trust
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import transaction
from tacker_ledger.tests import base

CONFIGURATION = payload.Configuration('file', 'firewall', b'drop')


class AcceptanceCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.provider = providers.default()
        self.h = hashing.hasher(b'\x05' * 32)
        self.tenant = self.provider.generate(2)
        self.vnf = self.provider.generate(2)
        self.group = self.provider.generate(2)
        self.trust = trust.Trust(
            (trust.Commander(self.tenant.document),),
            own_ids=(self.vnf.document.key_id,)).join(
                (5, 0), self.group.document.key_id, 1)

    def author(self, *, pair=None, recipient=None, body=CONFIGURATION,
               vid=1, cid=None, nonce=None, **options):
        return authoring.author_configuration(
            self.h, self.provider, pair or self.tenant, vid=vid,
            payload=body, timestamp_ms=1, cid=cid,
            nonce=nonce or self.provider.random_bytes(16),
            content_key=self.provider.random_bytes(32),
            recipient=(recipient or self.vnf).document, **options
        ).transaction

    def request(self, *, recipient=None, expiry_ms=1000):
        return authoring.author_request(
            self.h, self.tenant, vid=1,
            recipient_id=(recipient or self.vnf).document.key_id,
            slot_expiry_ms=expiry_ms, timestamp_ms=1,
            nonce=self.provider.random_bytes(16))

    def check(self, one, memory=None, position=(10, 0)):
        acceptance.check(self.h, self.provider, self.trust,
                         memory or acceptance.Memory(),
                         acceptance.Located(position, one))


class TestCheck(AcceptanceCase):

    def test_good(self):
        self.check(self.author())
        self.check(self.author(recipient=self.group))
        self.check(self.request())

    def test_addressed_to_another(self):
        other = self.provider.generate(2)
        self.assertRaises(errors.NotForMe, self.check,
                          self.author(recipient=other))

    def test_unknown_sender(self):
        self.assertRaises(errors.UnknownSender, self.check,
                          self.author(pair=self.provider.generate(2)))

    def test_signature(self):
        good = self.author()
        forged = transaction.Transaction(
            good.raw, good.txid, self.provider.generate(2).sign(
                transaction.signed_message(self.h, good.txid)),
            good.content_bytes, good.content, good.sender)
        self.assertRaises(errors.BadSignature, self.check, forged)

    def test_nonce_of_the_last_transaction(self):
        one = self.author()
        self.assertRaises(
            errors.NonceRepeated, self.check, one,
            acceptance.Memory(last_nonce=one.content.nonce))

    def test_order_of_versions(self):
        one = self.author(vid=3, cid=b'\x01' * 16)
        self.check(one, acceptance.Memory(highest_vids={b'\x01' * 16: 2}))
        for highest in (3, 4):
            self.assertRaises(
                errors.VidOrder, self.check, one,
                acceptance.Memory(highest_vids={b'\x01' * 16: highest}))

    def test_a_version_that_failed(self):
        one = self.author()
        self.assertRaises(errors.VersionFailedBefore, self.check, one,
                          acceptance.Memory(failed={one.txid}))


class TestRequest(AcceptanceCase):

    def check_request(self, one, head_time_ms):
        acceptance.check_request(
            self.trust, acceptance.Located((10, 0), one), head_time_ms)

    def test_due(self):
        self.check_request(self.request(), 999)
        self.assertRaises(errors.SlotClosed, self.check_request,
                          self.request(), 1000)

    def test_a_group_does_not_answer(self):
        self.assertRaises(errors.NotForMe, self.check_request,
                          self.request(recipient=self.group), 0)


class TestOpen(AcceptanceCase):

    def open(self, one, pairs=(), content_key=None):
        return acceptance.open_located(
            self.h, self.provider,
            {pair.document.key_id: pair for pair in pairs},
            acceptance.Located((10, 0), one), content_key)

    def test_with_my_key(self):
        opened = self.open(self.author(), [self.vnf])
        self.assertEqual(CONFIGURATION, opened.payload)
        self.assertEqual(payload.encode_payload(CONFIGURATION),
                         opened.encoded)
        again = self.open(opened.located.transaction, (),
                          opened.content_key)
        self.assertEqual(opened, again)

    def test_sealed_to_another(self):
        self.assertRaises(errors.Undecryptable, self.open, self.author(), [])
        other = self.provider.generate(2)
        self.assertRaises(errors.Undecryptable, self.open,
                          self.author(recipient=other), [self.vnf])

    def test_another_content_key(self):
        self.assertRaises(errors.WrongContentKey, self.open, self.author(),
                          [self.vnf], bytes(32))

    def test_public(self):
        template = payload.Template('file', 'firewall', b'x', 'v', '1')
        one = authoring.author_public(
            self.h, self.tenant, vid=1, payload=template, timestamp_ms=1,
            nonce=bytes(16))
        opened = self.open(one)
        self.assertEqual((template, None),
                         (opened.payload, opened.content_key))

    def test_a_request_has_none(self):
        self.assertRaises(errors.WrongPayload, self.open, self.request())

    def test_personal(self):
        located = acceptance.Located((10, 0), self.author())
        acceptance.check_personal(self.trust, located)
        located = acceptance.Located(
            (10, 0), self.author(recipient=self.group))
        self.assertRaises(errors.WrongPayload, acceptance.check_personal,
                          self.trust, located)
