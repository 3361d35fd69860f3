# SPDX-License-Identifier: Apache-2.0
"""Extraneous dependencies.

Whoever may be referred to turns a small configuration into a large plan:
more and more references, circles, the same CID in two versions, versions
that came later, or configurations of people nobody has heard of.
"""

from tacker_ledger.core.configuration import acceptance
from tacker_ledger.core.configuration import plan
from tacker_ledger.core.configuration import trust
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload
from tacker_ledger.core import limits
from tacker_ledger.tests.attacks import ledger_case


class TestExtraneousDependencies(ledger_case.LedgerCase):
    """A plan is bounded, free of circles, and pinned by the tenant's act."""

    def setUp(self):
        super().setUp()
        self.vendor = ledger_case.Party(self.chain, 'vendor')
        self.trust = trust.Trust(
            (trust.Commander(self.tenant.document),),
            references=(self.vendor.key_id,), own_ids=(self.vnf.key_id,))
        #: CID -> transactions by version, as the chain has them
        self.versions = {}

    def commit(self, *transactions):
        """Commit, and remember the versions."""
        self.assert_committed(*transactions)
        for one in transactions:
            self.versions.setdefault(one.content.cid, []).append(one)
        return transactions[-1]

    def template(self, before=(), after=(), party=None, **fields):
        """Return a committed public template with references."""
        return self.commit((party or self.vendor).public(
            apply_before=before, apply_after=after, **fields))

    def base(self, before=(), after=(), **fields):
        """Return a committed configuration of the tenant's."""
        return self.commit(self.tenant.sealed(
            self.vnf, apply_before=before, apply_after=after, **fields))

    def pinned(self, one):
        """Return a reference to the very transaction."""
        return identifiers.Reference(one.content.cid, one.content.vid,
                                     one.txid)

    def versioned(self, one):
        """Return a reference to a version."""
        return identifiers.Reference(one.content.cid, one.content.vid)

    def opened(self, one):
        """Return a committed transaction as the VNF has opened it."""
        return acceptance.open_located(
            self.h, ledger_case.PROVIDER, {self.vnf.key_id: self.vnf.pair},
            acceptance.Located(self.chain.places[one.txid], one))

    def brought(self, need):
        """Return what the chain holds for a need."""
        at_height = [one for one in self.versions.get(need.cid, ())
                     if self.chain.places[one.txid][0] <= need.height]
        if need.vid is not None:
            at_height = [one for one in at_height
                         if one.content.vid == need.vid]
        return self.opened(at_height[-1]) if at_height else None

    def resolve(self, base):
        """Return the ids of a plan in its order; count the supplies."""
        resolver = plan.Resolver(self.trust, self.opened(base))
        self.supplied = 0
        while needs := resolver.needs():
            for need in needs:
                resolver.supply(need, self.brought(need))
                self.supplied += 1
        return [one.located.transaction.txid for one in resolver.plan()]

    def refused(self, error, base):
        """Demand that a plan is refused, and the ledger untouched."""
        with self.nothing_changes():
            exc = self.assertRaises(error, self.resolve, base)
            self.assertEqual(error.code, exc.code)

    def test_a_chain_of_references(self):
        """Each names one more; the plan ends at its bound."""
        last = self.template()
        for _ in range(limits.PLAN_MAX_COUNT - 2):
            last = self.template([self.versioned(last)])
        self.assertEqual(limits.PLAN_MAX_COUNT, len(self.resolve(
            self.base([self.versioned(last)]))))
        last = self.template([self.versioned(last)])
        self.refused(errors.PlanTooLarge, self.base([self.versioned(last)]))
        self.assertLess(self.supplied, limits.PLAN_MAX_COUNT)

    def test_a_tree_of_references(self):
        """Eight with eight each are seventy-three: no attempt is made."""
        leaves = [[self.template() for _ in range(8)] for _ in range(8)]
        twigs = [self.template([self.versioned(one) for one in group])
                 for group in leaves]
        self.refused(errors.PlanTooLarge, self.base(
            [self.versioned(one) for one in twigs]))
        self.assertLess(self.supplied, limits.PLAN_MAX_COUNT)

    def test_more_references_than_a_transaction_may_have(self):
        """The format refuses them: no node takes such a transaction."""
        references = tuple(
            identifiers.Reference(number.to_bytes(16, 'big'))
            for number in range(limits.REFERENCES_MAX_COUNT + 1))
        self.assertRaises(errors.FormatError, self.tenant.sealed, self.vnf,
                          apply_before=references)
        self.assertRaises(errors.FormatError, self.vendor.public,
                          apply_after=references)
        twice = identifiers.Reference(bytes(16))
        self.assertRaises(errors.Malformed, self.vendor.public,
                          apply_before=(twice, twice))

    def test_many_bytes(self):
        """Few in number, but more bytes than a VNF takes at once."""
        data = ledger_case.PROVIDER.random_bytes(1_200_000)
        large = [self.template(body=payload.Template(
            'file', '/etc/x', data, 'v', '1')) for _ in range(14)]
        self.refused(errors.PlanTooLarge, self.base(
            [self.pinned(one) for one in large]))

    def test_circles(self):
        """Of one, of two, through after, through latest."""
        nonce = ledger_case.PROVIDER.random_bytes(16)
        own = identifiers.cid_for(self.h, self.vendor.key_id, nonce)
        self.assertRaises(errors.Malformed, self.vendor.public, nonce=nonce,
                          apply_before=[identifiers.Reference(own)])
        first = self.template()
        second = self.template([self.versioned(first)])
        # The vendor goes on with the first, which now needs the second.
        turned = self.template([self.versioned(second)],
                               cid=first.content.cid, vid=2)
        self.refused(errors.ReferenceMismatch,
                     self.base([self.versioned(turned)]))
        loop_nonce = ledger_case.PROVIDER.random_bytes(16)
        loop = identifiers.Reference(identifiers.cid_for(
            self.h, self.tenant.key_id, loop_nonce), 1)
        back = self.template([loop], party=self.tenant)
        self.refused(errors.PlanCycle, self.base(
            [self.versioned(back)], nonce=loop_nonce))
        both = ledger_case.PROVIDER.random_bytes(16)
        me = identifiers.Reference(identifiers.cid_for(
            self.h, self.tenant.key_id, both), 1)
        after = self.template((), [me], party=self.tenant)
        self.refused(errors.PlanCycle, self.base(
            (), [self.versioned(after)], nonce=both))

    def test_one_cid_in_two_versions(self):
        first = self.template()
        second = self.template(cid=first.content.cid, vid=2)
        through = self.template([self.versioned(first)])
        self.refused(errors.ReferenceMismatch, self.base(
            [self.versioned(second), self.versioned(through)]))

    def test_what_a_vendor_adds_later(self):
        """After the tenant's act nothing new enters the plan."""
        template = self.template()
        base = self.base([identifiers.Reference(template.content.cid)])
        allowing = trust.Trust(
            self.trust.commanders, references=self.trust.references,
            allow_unpinned_references=True, own_ids=self.trust.own_ids)
        self.trust = allowing
        planned = self.resolve(base)
        self.template([self.versioned(self.template())],
                      cid=template.content.cid, vid=2)
        self.assertEqual(planned, self.resolve(base))
        missing = identifiers.Reference(template.content.cid, 3)
        early = self.base([missing])
        late = self.template(cid=template.content.cid, vid=3)
        self.refused(errors.ReferenceMissing, early)
        # A node that brings it all the same is not listened to.
        resolver = plan.Resolver(self.trust, self.opened(early))
        (need,) = resolver.needs()
        self.assertRaises(errors.ReferenceMissing, resolver.supply, need,
                          self.opened(late))

    def test_of_people_nobody_trusts(self):
        """Neither directly nor through a vendor who is trusted."""
        strange = self.template(party=self.thief)
        for reference in (self.versioned(strange), identifiers.Reference(
                strange.content.cid)):
            self.refused(errors.ReferenceNotAllowed, self.base([reference]))
            through = self.template([reference])
            self.refused(errors.ReferenceNotAllowed,
                         self.base([self.versioned(through)]))
        self.refused(errors.ReferenceNotAllowed, self.base(
            [identifiers.Reference(self.template().content.cid)]))

    def test_to_nothing(self):
        for reference in (identifiers.Reference(bytes(16)),
                          identifiers.Reference(bytes(16), 1),
                          identifiers.Reference(bytes(16), 1, bytes(32))):
            self.refused(errors.ReferenceMissing, self.base([reference]))

    def test_to_another_transaction_than_pinned(self):
        template = self.template()
        wrong = identifiers.Reference(template.content.cid, 1, bytes(32))
        self.refused(errors.ReferenceMismatch, self.base([wrong]))

    def test_to_what_is_no_configuration(self):
        asked = self.commit(self.tenant.request(self.vnf))
        reference = identifiers.Reference(asked.content.cid, 1, asked.txid)
        self.refused(errors.WrongPayload, self.base([reference]))
        welcome = self.commit(self.tenant.sealed(
            self.vnf, payload.Welcome('hello')))
        self.refused(errors.WrongPayload,
                     self.base([self.versioned(welcome)]))
        notice = self.commit(self.tenant.public(payload.TemplateWithdrawal(
            welcome.content.cid, 1, 1, 'gone')))
        self.refused(errors.WrongPayload,
                     self.base([self.versioned(notice)]))
