# SPDX-License-Identifier: Apache-2.0
"""Cloned VNF.

An image was taken of a running VNF, keys and all, and a second instance was
made of it.  Both hold the same keys; one of them may be an attacker's.
"""

from tacker_ledger.core import errors
from tacker_ledger.tests.attacks import ledger_case
from tacker_ledger.tests.attacks import tenant_case


class TestClonedVnf(tenant_case.TenantCase):
    """One key is one VNF."""

    def setUp(self):
        super().setUp()
        self.clone = tenant_case.Guest(
            self.h, 'genuine', tenant_case.OTHER_UUID)
        self.assert_registered(self.genuine, self.genuine.block())

    def test_under_a_second_name(self):
        exc = self.assert_not_registered(
            errors.Duplicate, self.clone.block(), name='second',
            uuid=tenant_case.OTHER_UUID)
        self.assertEqual('firewall', exc.details['vnf'])
        # Asking for it does not make two VNFs of one key.
        self.assert_not_registered(
            errors.Duplicate, self.clone.block(), name='second',
            uuid=tenant_case.OTHER_UUID, replace=True)

    def test_in_the_place_of_the_first(self):
        exc = self.assert_not_registered(
            errors.Duplicate, self.clone.block(),
            uuid=tenant_case.OTHER_UUID)
        self.assertEqual(
            (tenant_case.UUID, tenant_case.OTHER_UUID),
            (exc.details['known_instance'], exc.details['shown_instance']))

    def test_a_clone_that_made_itself_a_new_vnf_key(self):
        """It still signs its receipts with the key of the first."""
        fresh = tenant_case.Guest(self.h, 'fresh', tenant_case.OTHER_UUID)
        exc = self.assert_not_registered(
            errors.Duplicate, fresh.block(receipt=self.genuine.receipt),
            name='second', uuid=tenant_case.OTHER_UUID)
        self.assertEqual('firewall', exc.details['vnf'])

    def test_a_clone_of_before_a_key_replacement(self):
        """A key that a VNF had before is still that VNF's."""
        newer = tenant_case.Guest(self.h, 'newer')
        self.assert_registered(newer, newer.block(), replace=True)
        self.assert_not_registered(
            errors.Duplicate, self.clone.block(), name='second',
            uuid=tenant_case.OTHER_UUID)

    def test_the_first_again(self):
        """The very same VNF, read again, is no clone."""
        before = self.stored()
        self.assert_registered(self.genuine, self.genuine.block(time_ms=1))
        self.assertEqual(before, self.stored())

    def test_both_answer_one_request(self):
        """One answer is on the chain, and the second one shows the clone."""
        first = ledger_case.Party(self.chain, pair=self.genuine.vnf)
        second = ledger_case.Party(self.chain, pair=self.clone.vnf)
        asked = self.tenant.request(first)
        self.assert_committed(asked)
        answers = first.answer(asked), second.answer(asked)
        self.assertNotEqual(answers[0].txid, answers[1].txid)
        self.assert_no_block(errors.SlotClosed, *answers)
        self.assert_committed(answers[0])
        self.assert_refused(errors.SlotClosed, answers[1])
