# SPDX-License-Identifier: Apache-2.0
"""Re-signed duplicate.

PSS gives one content as many signatures as one likes.  Whoever holds the
key, or a leader who plays with it, hands in one transaction many times with
other bytes each time.
"""

import dataclasses

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.tests.attacks import ledger_case
from tacker_ledger.tests.vectors import keys


class TestResignedDuplicate(ledger_case.LedgerCase):
    """One content is one transaction, however it is signed."""

    def setUp(self):
        super().setUp()
        self.tenant = ledger_case.Party(
            self.chain, pair=keys.rsa(ledger_case.PROVIDER))

    def resigned(self, transaction):
        """Return the same content with another valid signature."""
        again = self.tenant.signed(transaction.content)
        self.assertNotEqual(transaction.raw, again.raw)
        self.assertNotEqual(transaction.signature, again.signature)
        transaction_module.verify_signature(
            ledger_case.PROVIDER, self.h, again)
        return again

    def test_the_id_does_not_cover_the_signature(self):
        first = self.tenant.sealed(self.vnf)
        copies = [self.resigned(first) for _ in range(5)]
        self.assertEqual({first.txid}, {one.txid for one in copies})
        self.assertEqual(5, len({one.raw for one in copies}))

    def test_while_the_first_waits_in_the_pool(self):
        first = self.tenant.sealed(self.vnf)
        self.assertIsNone(self.door.submit(first)[0].code)
        with self.nothing_changes():
            for _ in range(10):
                result = self.door.submit(self.resigned(first))[0]
                self.assertEqual('duplicate', result.code)
                self.assertEqual(first.txid, result.txid)

    def test_both_in_one_block(self):
        first = self.tenant.sealed(self.vnf)
        self.assert_no_block(errors.Duplicate, first, first)
        self.assert_no_block(errors.Duplicate, first, self.resigned(first))

    def test_after_the_first_was_committed(self):
        first = self.tenant.sealed(self.vnf)
        self.assert_committed(first)
        self.assert_refused(errors.Duplicate, first)
        self.assert_refused(errors.Duplicate, self.resigned(first))
        self.assertEqual(1, self.pair(self.vnf, self.tenant).count)

    def test_after_later_versions(self):
        """The state knows the newest id alone; the versions refuse it."""
        first = self.tenant.sealed(self.vnf)
        self.assert_committed(first)
        self.assert_committed(
            self.tenant.sealed(self.vnf, cid=first.content.cid, vid=2))
        for copy in (first, self.resigned(first)):
            self.assert_refused(errors.VidConflict, copy,
                                door=errors.Duplicate)
        self.assertEqual(2, self.pair(self.vnf, self.tenant).count)

    def test_requests_and_answers(self):
        vnf = ledger_case.Party(
            self.chain, pair=keys.rsa(ledger_case.PROVIDER, 1))
        asked = self.tenant.request(vnf)
        self.assert_committed(asked)
        self.assert_refused(errors.Duplicate, self.resigned(asked))
        told = vnf.answer(asked)
        again = vnf.signed(told.content)
        self.assertEqual(told.txid, again.txid)
        self.assert_no_block(errors.SlotClosed, told, again)
        self.assert_committed(told)
        self.assert_refused(errors.SlotClosed, again, door=errors.Duplicate)

    def test_a_broken_signature_behind_one_that_was_checked(self):
        """What is known of an id says nothing about other bytes with it."""
        first = self.tenant.sealed(self.vnf)
        self.assertIsNone(self.door.submit(first)[0].code)
        broken = bytearray(first.signature)
        broken[-1] ^= 1
        raw = codec.encode((1, first.txid, bytes(broken),
                            first.content_bytes))
        forged = transaction_module.Transaction.from_bytes(self.h, raw)
        self.assertEqual(first.txid, forged.txid)
        # The leader's application looks into this very pool.
        self.chain.pool.known = self.door.pool.known
        with self.nothing_changes():
            block = ledger_case.forged_block(self.chain, raw)
            self.assertRaises(errors.BadSignature,
                              self.chain.application.validate, block)
        # At another node, which has not seen the good one.
        other = ledger_case.Door(self.chain)
        self.addCleanup(other.close)
        self.assertEqual('bad-signature', other.submit(forged)[0].code)
        self.assertEqual(0, len(other.pool))
        self.chain.commit(first)

    def test_signature_of_the_same_size_by_another_key(self):
        thief = ledger_case.Party(
            self.chain, pair=keys.rsa(ledger_case.PROVIDER, 2))
        first = self.tenant.sealed(self.vnf)
        forged = dataclasses.replace(
            first, raw=thief.signed(first.content).raw)
        with self.nothing_changes():
            self.assertEqual('bad-signature',
                             self.door.submit(forged)[0].code)
            block = ledger_case.forged_block(self.chain, forged.raw)
            self.assertRaises(errors.BadSignature,
                              self.chain.application.validate, block)
