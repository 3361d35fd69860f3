# SPDX-License-Identifier: Apache-2.0
"""A compromised VNF answers into a configuration.

It holds its own keys and was asked once.  It wants to put a version of its
making into a CID that plans refer to, to answer what others were asked, or
to answer twice.
"""

from tacker_ledger.core.configuration import acceptance
from tacker_ledger.core.configuration import plan
from tacker_ledger.core.configuration import trust
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.tests.attacks import ledger_case


class TestCompromisedVnfAnswering(ledger_case.LedgerCase):
    """An answer goes into the slot it was asked for, once, and nowhere."""

    def setUp(self):
        super().setUp()
        self.other = ledger_case.Party(self.chain, 'another vnf')
        self.configured = self.tenant.sealed(self.vnf)
        self.asked = self.tenant.request(self.vnf)
        self.assert_committed(self.configured, self.asked)

    def answer_into(self, cid, vid):
        """Return a well-made answer with another CID and VID."""
        return self.vnf.sealed(
            self.tenant, ledger_case.report(self.asked), cid=cid, vid=vid,
            description=self.asked.content.description)

    def test_into_a_configuration(self):
        cid = self.configured.content.cid
        for vid in (1, 2, 3):
            self.assert_refused(errors.NotOwner, self.answer_into(cid, vid))
        self.assertEqual(self.configured.txid, self.cid(cid).latest_txid)

    def test_into_a_cid_that_nobody_has_founded(self):
        self.assert_refused(errors.CidNotCertified,
                            self.answer_into(bytes(16), 1))

    def test_what_was_not_asked(self):
        cid = self.asked.content.cid
        for vid in (2, 3, 2 ** 32 - 1):
            self.assert_refused(errors.SlotClosed,
                                self.answer_into(cid, vid))

    def test_twice(self):
        """Not with another report, nor under the same VID later."""
        self.assert_committed(self.vnf.answer(self.asked))
        self.assert_refused(errors.SlotClosed, self.vnf.answer(self.asked))
        second = self.tenant.request(
            self.vnf, cid=self.asked.content.cid, vid=2)
        self.assert_committed(second)
        self.assert_refused(errors.SlotClosed, self.vnf.answer(self.asked))
        self.assert_no_block(errors.SlotClosed, self.vnf.answer(second),
                             self.vnf.answer(second))

    def test_for_another_vnf(self):
        self.assert_refused(errors.WrongAnswerer,
                            self.other.answer(self.asked))
        elsewhere = self.tenant.request(self.other)
        self.assert_committed(elsewhere)
        self.assert_refused(errors.WrongAnswerer,
                            self.vnf.answer(elsewhere))

    def test_with_another_key_of_its_own(self):
        receipt = ledger_case.Party(self.chain, 'receipt key')
        self.assert_refused(errors.WrongAnswerer,
                            receipt.answer(self.asked))

    def test_after_the_time(self):
        told = self.vnf.answer(self.asked)
        self.chain.commit(time_ms=self.asked.content.slot_expiry_ms)
        self.assert_refused(errors.SlotClosed, told)

    def test_an_answer_is_no_version_that_plans_resolve_to(self):
        """*Latest* of a slot stays the request, which nothing applies."""
        cid = self.asked.content.cid
        told = self.vnf.sealed(
            self.tenant, cid=cid, vid=1,
            description=self.asked.content.description)
        self.assert_committed(told)
        record = self.cid(cid)
        self.assertEqual((1, self.asked.txid, 2),
                         (record.latest_vid, record.latest_txid,
                          record.next_vid))

    def test_a_plan_that_refers_to_an_answer(self):
        """It takes a digest: the tenant has seen what it pins."""
        cid = self.asked.content.cid
        told = self.vnf.authored(
            self.tenant, cid=cid, vid=1,
            description=self.asked.content.description)
        self.assert_committed(told.transaction)
        obeyed = trust.Trust((trust.Commander(self.tenant.document),),
                             own_ids=(self.vnf.key_id,))
        brought = acceptance.Opened(
            acceptance.Located(
                self.chain.places[told.transaction.txid], told.transaction),
            ledger_case.RULESET, b'', told.content_key)
        for vid in (None, 1):
            base = self.tenant.sealed(
                self.vnf, apply_before=[identifiers.Reference(cid, vid)])
            self.assert_committed(base)
            resolver = plan.Resolver(obeyed, acceptance.open_located(
                self.h, ledger_case.PROVIDER,
                {self.vnf.key_id: self.vnf.pair},
                acceptance.Located(self.chain.places[base.txid], base)))
            (need,) = resolver.needs()
            self.assertRaises(errors.ReferenceNotAllowed, resolver.supply,
                              need, brought)
