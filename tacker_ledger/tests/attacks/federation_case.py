# SPDX-License-Identifier: Apache-2.0
"""A federation to attack: documents, approvals, certificates, a client."""

import dataclasses

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import federation_document
from tacker_ledger.core.ledger import light_client
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import trusted_state
from tacker_ledger.tests.attacks import ledger_case
from tacker_ledger.tests import ledger_simulator

PREDECESSOR = federation_module.SIDE_PREDECESSOR
OWN = federation_module.SIDE_OWN


def new_secrets():
    """Return the keys of somebody who is no member yet."""
    provider = ledger_case.PROVIDER
    return ledger_simulator.Secrets(
        provider.generate(2, encryption=False), provider.random_bytes(32),
        provider.random_bytes(32))


class FederationCase(ledger_case.LedgerCase):
    """Attacks on who the members are and what they have decided."""

    def member(self, name, secrets, port=9500):
        """Return a member of a document with these keys."""
        provider = ledger_case.PROVIDER
        return federation_document.Member(
            name=name, peer_address=f'127.0.0.1:{port}',
            door_url=f'http://127.0.0.1:{port + 100}',
            node_key=secrets.node.document,
            vote_key=provider.ed25519_public(secrets.vote),
            answer_key=provider.ed25519_public(secrets.answer))

    def members(self, all_secrets, prefix='invented'):
        """Return as many members with these keys."""
        return tuple(
            self.member(f'{prefix}-{index}', secrets, 9500 + index)
            for index, secrets in enumerate(all_secrets))

    def document(self, members=None, **fields):
        """Return a document that would follow the one in force."""
        before = self.chain.application.federation
        fields = {'nonce': ledger_case.PROVIDER.random_bytes(16),
                  'epoch': before.epoch + 1, 'predecessor': before.digest,
                  'created_ms': self.chain.time_ms,
                  'expiry_ms': before.document.expiry_ms,
                  'issuer': self.chain.issuer.document,
                  'members': members or before.members,
                  'parameters': before.parameters, **fields}
        return federation_document.Document(**fields)

    def issued(self, document, issuer=None):
        """Return a document signed by the issuing party alone."""
        return federation_module.issue(
            issuer or self.chain.issuer, document, self.h.chain_id)

    def approvals(self, signed, side, all_secrets):
        """Return approvals of one side by (index, secrets) pairs."""
        return [federation_module.approve(
            self.h, secrets.node, signed, side, index)
            for index, secrets in all_secrets]

    def approved(self, signed, old, new):
        """Return a document with approvals of both sides.

        :param old: (index, secrets) of members of the document in force
        :param new: the same of members of this one
        """
        return signed.with_approvals(
            self.approvals(signed, PREDECESSOR, old)
            + self.approvals(signed, OWN, new))

    def published(self, signed, party=None):
        """Return the transaction that publishes a document."""
        return (party or self.thief).public(
            payload.FederationDocument(signed.to_bytes()))

    def client(self):
        """Return a light client that knows the genesis document."""
        return light_client.LightClient(
            ledger_case.PROVIDER, trusted_state.TrustedState.bootstrap(
                ledger_case.PROVIDER, self.h.chain_id,
                self.chain.signed.to_bytes()))

    def votes(self, block, voters, *, view=0, height=None, kind=None):
        """Return commit votes of (index, secrets) pairs for a header."""
        message = messages.vote_message(
            self.h, kind or messages.Commit.KIND,
            block.header.height if height is None else height, view,
            block.digest)
        return [(index, ledger_case.PROVIDER.sign_raw_ed25519(
            secrets.vote, message)) for index, secrets in voters]

    def certificate(self, block, voters, **options):
        """Return a certificate of those votes."""
        return certificate_module.Certificate.of(
            options.get('view', 0),
            self.votes(block, voters, **options)).to_bytes()

    def genuine(self):
        """Return (index, secrets) of the members of the simulated chain."""
        return list(enumerate(self.chain.secrets))

    def block_after(self, *raws, **fields):
        """Return a block after the head; ``fields`` change its header."""
        made = ledger_case.forged_block(self.chain, *raws)
        return block_module.Block.assembled(
            self.h, dataclasses.replace(made.header, **fields), raws)

    def heads(self, client):
        """Let a client believe the chain's head."""
        head = self.chain.application.head
        return client.accept_head(head.header, head.certificate)
