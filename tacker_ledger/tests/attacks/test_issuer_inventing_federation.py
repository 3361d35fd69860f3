# SPDX-License-Identifier: Apache-2.0
"""The issuing party invents a federation alone.

Its key certifies node keys and signs documents.  Stolen or bribed, it must
not be able to name a federation of its own: that takes quorums of the
members in force and of the new ones.
"""

import dataclasses

from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import trusted_state
from tacker_ledger.tests.attacks import federation_case
from tacker_ledger.tests.attacks import ledger_case

PREDECESSOR = federation_case.PREDECESSOR
OWN = federation_case.OWN


class TestIssuerInventingFederation(federation_case.FederationCase):
    """No single key names a federation."""

    def setUp(self):
        super().setUp()
        self.invented = [federation_case.new_secrets() for _ in range(4)]
        self.new = list(enumerate(self.invented))
        self.signed = self.issued(self.document(self.members(self.invented)))

    def assert_not_taken(self, reason, *signed):
        """Demand that nobody takes a document, and why."""
        for one in signed:
            attack = self.published(one)
            self.assert_refused(errors.FederationConflict, attack)
            with self.nothing_changes():
                block = ledger_case.forged_block(self.chain, attack.raw)
                exc = self.assertRaises(
                    errors.FederationConflict,
                    self.chain.application.validate, block)
                self.assertEqual(reason.code, exc.details['reason'])
            self.assert_client_refuses(attack)

    def assert_client_refuses(self, attack):
        """Even where a whole quorum of nodes has let it into a block."""
        client = self.client()
        block = ledger_case.forged_block(self.chain, attack.raw)
        certificate = self.certificate(block, self.genuine()[:3])
        before = client.trusted
        client.certify(block.header_bytes, certificate)
        self.assertRaises(
            errors.UnknownFederation, client.advance_federation, attack.raw,
            block.inclusion(0).to_fields(), block.header_bytes, certificate)
        self.assertEqual(before, client.trusted)

    def test_signed_by_the_issuer_alone(self):
        self.assert_not_taken(errors.BadDocument, self.signed)

    def test_approved_by_the_invented_members(self):
        """As many keys as it likes, none of which anybody knows."""
        self.assert_not_taken(errors.BadDocument,
                              self.approved(self.signed, [], self.new))
        # The same keys given out for members of the federation in force.
        self.assert_not_taken(
            errors.BadSignature,
            self.approved(self.signed, self.new, self.new))

    def test_with_members_in_force_below_the_quorum(self):
        old = self.genuine()[:2]
        self.assert_not_taken(errors.BadDocument,
                              self.approved(self.signed, old, self.new))
        # One approval under two indices; one member's word counts once.
        twice = [*old, (2, self.chain.secrets[0])]
        self.assert_not_taken(errors.BadSignature,
                              self.approved(self.signed, twice, self.new))
        # An index that no member has.
        beyond = [*old, (7, self.chain.secrets[2])]
        self.assert_not_taken(errors.BadSignature,
                              self.approved(self.signed, beyond, self.new))

    def test_one_approval_twice(self):
        whole = self.approved(self.signed, self.genuine()[:3], self.new)
        first = whole.approvals[0]
        doubled = dataclasses.replace(whole, approvals=(
            first, first, *whole.approvals[1:2], *whole.approvals[3:]))
        self.assert_not_taken(errors.BadDocument, doubled)

    def test_newcomers_that_are_not_alive(self):
        """The old quorum agrees; of the new members only one has."""
        self.assert_not_taken(
            errors.BadDocument,
            self.approved(self.signed, self.genuine(), self.new[:2]))

    def test_approvals_that_were_given_to_another_document(self):
        harmless = self.issued(self.document())
        given = self.approvals(harmless, PREDECESSOR, self.genuine())
        self.assert_not_taken(
            errors.BadSignature, self.signed.with_approvals(
                given + self.approvals(self.signed, OWN, self.new)))
        # Those under the genesis document are for anybody to read.
        genesis = [dataclasses.replace(one, side=PREDECESSOR)
                   for one in self.chain.signed.approvals]
        self.assert_not_taken(
            errors.BadSignature, self.signed.with_approvals(
                genesis + self.approvals(self.signed, OWN, self.new)))

    def test_approvals_of_the_other_side(self):
        """Who approves as a newcomer has not approved as a member."""
        keeps = self.issued(self.document())
        own = self.approvals(keeps, OWN, self.genuine())
        self.assert_not_taken(errors.BadDocument,
                              keeps.with_approvals(own))

    def test_without_the_issuer(self):
        """A quorum can change the issuer, but somebody must sign."""
        other = ledger_case.PROVIDER.generate(2, encryption=False)
        signed = self.issued(
            self.document(self.members(self.invented)), issuer=other)
        self.assert_not_taken(
            errors.BadSignature,
            self.approved(signed, self.genuine(), self.new))

    def test_skipping_and_repeating_epochs(self):
        current = self.chain.application.federation
        for epoch in (current.epoch + 2, current.epoch + 100):
            signed = self.issued(self.document(
                self.members(self.invented), epoch=epoch))
            self.assert_not_taken(
                errors.BadDocument,
                self.approved(signed, self.genuine(), self.new))
        elsewhere = self.issued(self.document(
            self.members(self.invented), predecessor=b'\x01' * 32))
        self.assert_not_taken(
            errors.WrongFederation,
            self.approved(elsewhere, self.genuine(), self.new))

    def test_a_genesis_of_its_own(self):
        """It can found a chain, but not this one."""
        before = self.chain.application.federation.document
        founded = dataclasses.replace(
            before, nonce=b'\x01' * 16, members=self.members(self.invented))
        signed = federation_module.issue(self.chain.issuer, founded)
        self.assertRaises(errors.BadDocument, federation_module.check_genesis,
                          ledger_case.PROVIDER, signed)
        h = hashing.hasher(
            federation_module.chain_id_of(signed.document))
        signed = signed.with_approvals(
            federation_module.approve(h, secrets.node, signed, OWN, index)
            for index, secrets in self.new)
        federation_module.check_genesis(ledger_case.PROVIDER, signed)
        self.assertRaises(
            errors.WrongFederation, trusted_state.TrustedState.bootstrap,
            ledger_case.PROVIDER, self.h.chain_id, signed.to_bytes())
        self.assert_not_taken(errors.BadDocument, signed)

    def test_a_block_certified_by_the_invented_members(self):
        """Votes of keys that no document in force names are no votes."""
        whole = self.approved(self.signed, self.new, self.new)
        attack = self.published(whole)
        digest = federation_module.Federation.of(
            self.h, whole.document).digest
        client = self.client()
        before = client.trusted
        for fields, error in (({'federation': digest},
                               errors.UnknownFederation),
                              ({}, errors.BadCertificate)):
            block = self.block_after(attack.raw, **fields)
            certificate = self.certificate(block, self.new)
            for call in (client.accept_head, client.certify):
                self.assertRaises(error, call, block.header_bytes,
                                  certificate)
            self.assertRaises(
                error, client.advance_federation, attack.raw,
                block.inclusion(0).to_fields(), block.header_bytes,
                certificate)
        self.assertEqual(before, client.trusted)

    def test_two_documents_in_one_block(self):
        """Both are good; the first one wins, and there is one history."""
        both = []
        for _ in range(2):
            signed = self.issued(self.document())
            both.append(self.published(self.approved(
                signed, self.genuine(), self.genuine())))
        self.assert_no_block(errors.FederationConflict, *both)
        self.assert_committed(both[0])
        self.assertEqual(1, self.chain.application.federation.epoch)
        self.assert_refused(errors.FederationConflict, both[1])

    def test_the_same_with_everybody_is_taken(self):
        """So that it is the approvals that decide above."""
        whole = self.approved(self.signed, self.genuine()[:3], self.new[:3])
        publishing = self.published(whole, self.tenant)
        self.assert_committed(publishing)
        committed = self.chain.blocks[-1]
        client = self.client()
        client.advance_federation(
            publishing.raw, committed.block.inclusion(0).to_fields(),
            committed.block.header_bytes, committed.certificate)
        self.assertEqual(self.chain.application.federation,
                         client.trusted.federation)
