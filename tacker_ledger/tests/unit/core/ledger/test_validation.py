# SPDX-License-Identifier: Apache-2.0
"""Tests of S0's three checks."""

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import state
from tacker_ledger.core.ledger import transaction
from tacker_ledger.core.ledger import validation
from tacker_ledger.core import limits
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.core.ledger import samples
from tacker_ledger.tests.unit.core.ledger import test_state

H = samples.H
NOW_MS = samples.NOW_MS


def check(raw):
    """Check a transaction by form, hash and signature."""
    return validation.check_transaction(H, samples.PROVIDER, raw)


class TestSubmission(base.TestCase):
    """Format, hash, signature."""

    def test_good(self):
        for made in (samples.sealed(), samples.public(), samples.request(),
                     samples.sealed(samples.RSA_TENANT, samples.RSA_VNF)):
            self.assertEqual(made, check(made.raw))
            for admission in (None, transaction.Admission(1, b'x')):
                submission = transaction.Submission(made.raw, admission)
                self.assertEqual(made, validation.check_submission(
                    H, samples.PROVIDER, submission.to_bytes()))

    def test_each_check(self):
        made = samples.sealed()
        signature = bytes([made.signature[0] ^ 1]) + made.signature[1:]
        self.assertRaises(errors.Malformed, check, made.raw[:-1])
        self.assertRaises(errors.BadHash, check, codec.encode(
            (1, bytes(32), made.signature, made.content_bytes)))
        self.assertRaises(errors.BadSignature, check, codec.encode(
            (1, made.txid, signature, made.content_bytes)))
        self.assertRaises(errors.Malformed, validation.check_submission, H,
                          samples.PROVIDER, made.raw)

    def test_signatures_of_a_block(self):
        made = [samples.sealed(), samples.public()]
        validation.check_signatures(H, samples.PROVIDER, made)
        forged = transaction.Transaction.from_bytes(H, codec.encode(
            (1, made[0].txid, made[1].signature, made[0].content_bytes)))
        exc = self.assertRaises(
            errors.BadSignature, validation.check_signatures, H,
            samples.PROVIDER, [made[1], forged])
        self.assertEqual(1, exc.details['index'])


class TestAgainst(base.TestCase):
    """The early answer to a sender."""

    def check(self, made, values=None, **options):
        """Check against a state at the tests' time."""
        options = {'now_ms': NOW_MS, 'head_time_ms': NOW_MS - 5, **options}
        validation.check_against(H, values or {}, made, **options)

    def test_the_pools_earlier_ones_count(self):
        first = samples.sealed()
        second = samples.sealed(cid=first.content.cid, vid=2)
        self.assertRaises(errors.CidNotCertified, self.check, second)
        self.check(second, state.RULES.apply(H, {}, first, NOW_MS))

    def test_the_pool_takes_less_than_a_block(self):
        limit = NOW_MS + limits.TIMESTAMP_FUTURE_MS - limits.POOL_SKEW_MS
        self.check(samples.sealed(timestamp_ms=limit))
        made = samples.sealed(timestamp_ms=limit + 1)
        self.assertRaises(errors.TimestampFuture, self.check, made)
        state.RULES.apply(H, {}, made, NOW_MS)

    def test_the_next_block_is_after_the_head(self):
        asked = samples.request(slot_expiry_ms=NOW_MS + 100)
        self.check(asked)
        self.assertRaises(errors.BadExpiry, self.check, asked,
                          head_time_ms=NOW_MS + 99)

    def test_federation_documents(self):
        made = samples.public(body=payload.FederationDocument(b'good'))
        tracker = test_state.Tracker(b'good')
        self.check(made, federation=tracker)
        for federation in (None, test_state.Tracker()):
            self.assertRaises(errors.FederationConflict, self.check, made,
                              federation=federation)
