# SPDX-License-Identifier: Apache-2.0
"""Tests of trust changes and the recovery key's signature."""

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import trust_change
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.core.ledger import bodies
from tacker_ledger.tests.unit.core.ledger import samples

RECOVERY = samples.STRANGER
RECOVERY_ID = RECOVERY.document.key_id
CHANGES = (bodies.ROTATION, bodies.REVOCATION,
           payload.AddCommander(samples.VNF.document))


def verify(change, h=samples.H, recovery_key_id=RECOVERY_ID):
    """Verify a change against the recovery key of the tests."""
    change.verify(samples.PROVIDER, h, recovery_key_id)


class TestSignature(base.TestCase):
    """Whose word a change is."""

    def test_holds(self):
        for change in CHANGES:
            verify(bodies.trust_change(change))

    def test_retiring_is_the_tenants_own_word(self):
        change = payload.TrustChange(payload.RetireVnf(bytes(32), ''))
        verify(change, recovery_key_id=None)
        self.assertRaises(
            errors.Malformed, payload.TrustChange, change.change,
            RECOVERY.document, b'x')

    def test_the_others_need_a_signature(self):
        for change in CHANGES:
            for recovery, signature in (
                    (None, None), (RECOVERY.document, None), (None, b'x')):
                self.assertRaises(errors.Malformed, payload.TrustChange,
                                  change, recovery, signature)

    def test_another_recovery_key(self):
        made = bodies.trust_change(bodies.REVOCATION)
        for known in (None, samples.TENANT.document.key_id):
            self.assertRaises(errors.BadSignature, verify, made,
                              recovery_key_id=known)

    def test_a_thief_signs_with_his_own(self):
        made = payload.TrustChange.signed_by(
            samples.H, samples.TENANT, bodies.REVOCATION)
        self.assertRaises(errors.BadSignature, verify, made)
        posing = payload.TrustChange(made.change, RECOVERY.document,
                                     made.signature)
        self.assertRaises(errors.BadSignature, verify, posing)

    def test_another_chain(self):
        self.assertRaises(
            errors.BadSignature, verify,
            bodies.trust_change(bodies.REVOCATION), samples.OTHER_H)

    def test_another_change(self):
        made = bodies.trust_change(bodies.REVOCATION)
        other = payload.TrustChange(
            payload.RevokeTenant(bodies.KEY_ID), made.recovery,
            made.signature)
        self.assertRaises(errors.BadSignature, verify, other)

    def test_the_action_is_signed(self):
        message = payload.TrustChange.message(
            samples.H, payload.RevokeTenant(bodies.KEY_ID))
        body = codec.encode((bodies.KEY_ID, ()))
        self.assertTrue(message.endswith(b'\x03' + body))


class TestFields(base.TestCase):
    """What the inner body refuses."""

    def test_a_cid_stands_there_once(self):
        cid = bodies.CID
        self.assertRaises(errors.Malformed, payload.RevokeTenant, bytes(32),
                          ((cid, 1), (cid, 2)))
        self.assertRaises(
            errors.Malformed, payload.RotateTenant, bytes(32),
            samples.VNF.document, ((cid, 1, bytes(16)), (cid, 1, cid)))

    def test_inner_body(self):
        made = bodies.trust_change(bodies.REVOCATION)
        _, body, recovery, signature = made.to_fields()
        for action, inner in (
                (2, body), (4, body), (3, body + b'\x00'), (3, b'\x80'),
                (3, b'\x98\x02' + body[1:]), (1, body)):
            encoded = codec.encode(
                (1, 3, (action, inner, recovery, signature)))
            self.assertRaises(errors.FormatError, payload.decode_payload,
                              encoded, sealed=True)

    def test_new_keys_follow_the_rules_of_their_suite(self):
        for inner in ((b'junk',), (bodies.REFERENCE.txid,)):
            encoded = codec.encode((1, 3, (
                4, codec.encode(inner), RECOVERY.document.to_bytes(),
                bytes(64))))
            self.assertRaises(errors.BadKey, payload.decode_payload,
                              encoded, sealed=True)

    def test_actions_are_fixed(self):
        self.assertEqual(
            [1, 2, 3, 4],
            [cls.KIND for cls in (
                trust_change.RetireVnf, trust_change.RotateTenant,
                trust_change.RevokeTenant, trust_change.AddCommander)])
