# SPDX-License-Identifier: Apache-2.0
"""Ciphertext re-signed by another tenant, or for another VNF.

A thief cannot read a sealed configuration but can take its bytes: he signs
them as his own, sends them to another VNF, or turns other fields around
them.  The ledger carries what he signs; nobody may obey it or read it.
"""

import dataclasses

from tacker_ledger.core.configuration import acceptance
from tacker_ledger.core.configuration import trust
from tacker_ledger.core.crypto import envelope
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.tests.attacks import ledger_case


class TestCiphertextResigned(ledger_case.LedgerCase):
    """Sealed bytes open only inside the transaction they were made for."""

    def setUp(self):
        super().setUp()
        self.made = self.tenant.authored(self.vnf)
        self.original = self.made.transaction
        self.assert_committed(self.original)

    def stolen(self, party, **fields):
        """Return a copy of the content, signed by ``party``."""
        nonce = fields.get('nonce', self.original.content.nonce)
        fields = {'sender': party.document.to_bytes(), 'cid':
                  identifiers.cid_for(self.h, party.key_id, nonce), **fields}
        return party.signed(dataclasses.replace(
            self.original.content, **fields))

    def assert_opens_for_nobody(self, error, transaction, *pairs):
        """Demand that neither readers nor the content key open it."""
        content_key = self.made.content_key
        self.assertEqual(error.code, self.code_of(
            authoring.open_with_key, self.h, transaction, content_key))
        for pair, role in pairs:
            self.assertEqual(error.code, self.code_of(
                authoring.open_configuration, self.h, transaction, pair,
                role))

    def test_signed_as_his_own(self):
        """Commitment and wraps are right; the sealing names the sender."""
        stolen = self.stolen(self.thief)
        before = self.pair(self.vnf, self.tenant)
        self.assert_committed(stolen)
        self.assertEqual(before, self.pair(self.vnf, self.tenant))
        self.assertEqual(1, self.pair(self.vnf, self.thief).count)
        self.assert_opens_for_nobody(
            errors.Undecryptable, stolen,
            (self.vnf.pair, envelope.Role.RECIPIENT),
            (self.tenant.pair, envelope.Role.AUTHOR))

    def test_by_a_thief_whom_the_vnf_obeys(self):
        """Even a second commander cannot pass it off as his word."""
        stolen = self.stolen(self.thief)
        self.assert_committed(stolen)
        located = acceptance.Located((self.chain.height, 0), stolen)
        obeyed = trust.Trust(
            (trust.Commander(self.tenant.document),
             trust.Commander(self.thief.document)),
            own_ids=(self.vnf.key_id,))
        pairs = {self.vnf.key_id: self.vnf.pair}
        acceptance.check(self.h, ledger_case.PROVIDER, obeyed,
                         acceptance.Memory(), located)
        self.assertRaises(
            errors.Undecryptable, acceptance.open_located, self.h,
            ledger_case.PROVIDER, pairs, located)
        alone = trust.Trust((trust.Commander(self.tenant.document),),
                            own_ids=(self.vnf.key_id,))
        self.assertRaises(
            errors.UnknownSender, acceptance.check, self.h,
            ledger_case.PROVIDER, alone, acceptance.Memory(), located)

    def test_sent_to_another_vnf(self):
        other = ledger_case.Party(self.chain, 'another vnf')
        stolen = self.stolen(self.thief, recipient_id=other.key_id)
        self.assert_committed(stolen)
        self.assert_opens_for_nobody(
            errors.Undecryptable, stolen,
            (other.pair, envelope.Role.RECIPIENT))

    def test_with_wraps_of_his_own(self):
        """He cannot wrap a key he does not know, nor commit to another."""
        other = self.thief.authored(self.vnf)
        content = other.transaction.content
        swapped = self.stolen(self.thief, wraps=content.wraps)
        self.assertEqual('wrong-content-key', self.code_of(
            authoring.open_configuration, self.h, swapped, self.vnf.pair))
        committed = self.stolen(
            self.thief, wraps=content.wraps, commitment=content.commitment,
            nonce=content.nonce)
        self.assertEqual('undecryptable', self.code_of(
            authoring.open_configuration, self.h, committed, self.vnf.pair))

    def test_under_the_tenants_own_name(self):
        """Not signed by the tenant's key it gets nowhere."""
        for fields in ({'vid': 2}, {'description': 'turned'},
                       {'apply_before': (identifiers.Reference(bytes(16)),)}):
            content = dataclasses.replace(self.original.content, **fields)
            forged = self.thief.signed(content)
            with self.nothing_changes():
                self.assertEqual('bad-signature',
                                 self.door.submit(forged)[0].code)
                block = ledger_case.forged_block(self.chain, forged.raw)
                self.assertRaises(errors.BadSignature,
                                  self.chain.application.validate, block)

    def test_every_field_around_it_is_bound(self):
        """Whatever is turned, the sealing no longer opens."""
        for fields in ({'vid': 2}, {'compression': 0},
                       {'description': 'turned'},
                       {'timestamp_ms': self.chain.time_ms + 1},
                       {'cid': bytes(16)},
                       {'recipient_id': self.thief.key_id},
                       {'apply_before': (identifiers.Reference(bytes(16)),)},
                       {'apply_after': (identifiers.Reference(bytes(16)),)}):
            turned = self.tenant.signed(dataclasses.replace(
                self.original.content, **fields))
            self.assert_opens_for_nobody(
                errors.Undecryptable, turned,
                (self.vnf.pair, envelope.Role.RECIPIENT),
                (self.tenant.pair, envelope.Role.AUTHOR))
        turned = self.tenant.signed(dataclasses.replace(
            self.original.content, nonce=bytes(16)))
        self.assert_opens_for_nobody(
            errors.WrongContentKey, turned,
            (self.vnf.pair, envelope.Role.RECIPIENT))
        payload, _key = authoring.open_configuration(
            self.h, self.original, self.vnf.pair)
        self.assertEqual(ledger_case.RULESET, payload)
