# SPDX-License-Identifier: Apache-2.0
"""One ciphertext, two plaintexts.

A tenant that cheats its auditor seals bytes that open under two keys: the
author's, recovery's and auditor's wraps hold one key, which shows a tame
configuration, the VNF's wrap holds the other, which shows a wild one.  On
AES-GCM alone this works; the commitment in the signed content ends it.
"""

import dataclasses

from tacker_ledger.core.crypto import envelope
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.tests.attacks import gcm
from tacker_ledger.tests.attacks import ledger_case
from tacker_ledger.tests import vectors

WILD = b'policy accept; # and nothing else matters here'.ljust(48)
_FREE = 20
_WILD_AT = 8


class TestOneCiphertextTwoPlaintexts(ledger_case.LedgerCase):
    """All readers of one transaction read the same, or nothing."""

    def setUp(self):
        super().setUp()
        self.auditor = ledger_case.Party(self.chain, 'auditor')
        self.tame_key = vectors.fixed_bytes('tame', 32)
        self.wild_key = vectors.fixed_bytes('wild', 32)
        # Payload and padding fill 512 bytes, so the data of the
        # configuration covers every block that will be garbage.
        self.tame = payload.Configuration(
            'nftables', 'inet filter', b'policy drop;'.ljust(481))
        encoded = payload.encode_payload(self.tame)
        self.assertEqual(511, len(encoded))
        self.transaction = self.made(envelope.pad(encoded))

    def made(self, plaintext):
        """Return a transaction that shows two faces."""
        honest = self.tenant.authored(
            self.vnf, self.tame, content_key=self.tame_key, compression=0,
            auditor=self.auditor.document)
        content = honest.transaction.content
        ciphertext = gcm.two_faced(
            self.tame_key, self.wild_key, content.nonce[:12],
            transaction_module.associated_data(content.unsealed_fields()),
            plaintext, _FREE, WILD, _WILD_AT)
        wild = ledger_case.PROVIDER.wrap(self.vnf.document, self.wild_key)
        return self.tenant.signed(dataclasses.replace(
            content, wraps=(wild, *content.wraps[1:]),
            configuration=ciphertext))

    def plain_gcm(self, key):
        """Return what a reader without the commitment sees."""
        content = self.transaction.content
        return ledger_case.PROVIDER.open(
            key, content.nonce[:12], content.configuration,
            transaction_module.associated_data(content.unsealed_fields()))

    def test_the_attack_works_on_gcm_alone(self):
        """Both keys pass the tag, and each shows its own face."""
        shown = payload.decode_payload(
            envelope.unpad(self.plain_gcm(self.tame_key)), sealed=True)
        self.assertTrue(shown.data.startswith(b'policy drop;'))
        at = _WILD_AT * gcm.BLOCK_BYTES
        self.assertEqual(
            WILD, self.plain_gcm(self.wild_key)[at:at + len(WILD)])

    def test_the_vnf_opens_nothing(self):
        self.assertEqual(self.wild_key, envelope.unwrap(
            self.vnf.pair, envelope.Role.RECIPIENT,
            self.transaction.content.wraps))
        self.assertRaises(
            errors.WrongContentKey, authoring.open_configuration, self.h,
            self.transaction, self.vnf.pair)
        self.assertRaises(
            errors.WrongContentKey, authoring.open_with_key, self.h,
            self.transaction, self.wild_key)

    def test_who_holds_the_committed_key_reads_the_tame_face(self):
        for party, role in ((self.tenant, envelope.Role.AUTHOR),
                            (self.auditor, envelope.Role.AUDITOR)):
            shown, key = authoring.open_configuration(
                self.h, self.transaction, party.pair, role)
            self.assertEqual(self.tame_key, key)
            self.assertTrue(shown.data.startswith(b'policy drop;'))

    def test_committing_to_the_other_key_only_turns_it_round(self):
        """One commitment names one key: now the author opens nothing."""
        content = self.transaction.content
        turned = self.tenant.signed(dataclasses.replace(
            content, commitment=envelope.commitment(
                self.h, self.wild_key, content.nonce)))
        self.assertRaises(
            errors.WrongContentKey, authoring.open_configuration, self.h,
            turned, self.auditor.pair, envelope.Role.AUDITOR)
        # And the sealing is bound to the commitment it was made with.
        self.assertRaises(
            errors.Undecryptable, authoring.open_configuration, self.h,
            turned, self.vnf.pair)

    def test_the_ledger_keeps_the_evidence(self):
        """The transaction is on the chain; no state but the usual moves."""
        self.assert_committed(self.transaction)
        self.assertEqual(1, self.pair(self.vnf, self.tenant).count)
