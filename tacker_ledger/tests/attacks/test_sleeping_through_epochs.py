# SPDX-License-Identifier: Apache-2.0
"""A VNF sleeps while the federation, and its tenant, change their keys.

It wakes with the keys of long ago.  By the documents on the chain, each
proven under the one before, it comes to the keys of today; by nothing else.
What members of a past epoch certify beside the chain is believed no more.
"""

import dataclasses

from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import payload
from tacker_ledger.tests import agent_case


class TestSleepingThroughEpochs(agent_case.AgentCase):
    """Three epochs and two keys of the tenant are slept through."""

    def setUp(self):
        super().setUp()
        self.commit(self.author(self.configuration(b'of long ago')))
        self.poll()
        self.receipts()
        #: Keys of the members as they were when the VNF fell asleep.
        self.retired = list(self.chain.secrets)
        self.old_federation = self.chain.federation
        self.thief, self.owner = self.tenant, self.tenant

    def rotate_members(self, *indices):
        """Put a document in force under which members have other keys."""
        made = {index: (self.provider.random_bytes(32),
                        self.provider.random_bytes(32)) for index in indices}
        self.chain.change_federation(members=tuple(
            dataclasses.replace(
                member,
                vote_key=self.provider.ed25519_public(made[index][0]),
                answer_key=self.provider.ed25519_public(made[index][1]))
            if index in made else member for index, member
            in enumerate(self.chain.federation.members)))
        for index, (vote, answer) in made.items():
            self.chain.secrets[index] = dataclasses.replace(
                self.chain.secrets[index], vote=vote, answer=answer)
        self.vnf.clocks.pass_ms(1000)

    def rotate_tenant(self):
        """Replace the tenant's key under the recovery key."""
        new = self.provider.generate(agent_case.ED25519)
        self.commit(self.author(self.trust_change(payload.RotateTenant(
            self.owner.document.key_id, new.document)), pair=self.owner))
        self.owner = new

    def sleep(self):
        """Let it all happen while the VNF does not look."""
        self.rotate_members(0, 1)
        self.rotate_tenant()
        self.rotate_members(2, 3)
        self.rotate_tenant()
        self.rotate_members(0, 1, 2, 3)
        self.commit(self.author(self.configuration(b'of today'),
                                pair=self.owner))

    def test_it_comes_to_the_keys_of_today(self):
        self.sleep()
        self.poll()
        self.assertEqual(b'of today', self.vnf.content())
        trusted = self.vnf.agent.fetcher.light.trusted
        self.assertEqual([0, 1, 2, 3], [
            epoch.federation.epoch for epoch in trusted.epochs])
        self.assertEqual(self.chain.federation, trusted.federation)
        # whoever stole the first key while it slept is obeyed no more
        self.commit(self.author(self.configuration(b'by the thief'),
                                pair=self.thief))
        self.assertNothingChanged(self.poll)

    def test_with_a_document_left_out(self):
        """Nodes that hide one epoch convince with nothing that comes after."""
        self.sleep()
        hidden = self.chain.successors.pop(1)
        try:
            self.assertPollFails('bad-answer')
        finally:
            self.chain.successors.insert(1, hidden)
        self.poll()
        self.assertEqual(b'of today', self.vnf.content())

    def test_retired_members_in_the_place_of_the_documents(self):
        """Its old keys, all of them, go on with the chain of long ago."""
        self.sleep()
        self.poll()
        before = self.vnf.agent.fetcher.light.trusted
        parent = self.chain.blocks[1].block
        block = self.forged(parent)
        light = self.vnf.agent.fetcher.light
        for call in (light.accept_head, light.certify):
            self.assertRaises(errors.LedgerError, call, block.header_bytes,
                              self.certified(dataclasses.replace(
                                  block.header, height=9)))
        self.assertEqual(before, light.trusted)

    def forged(self, parent, *raws):
        """Return a block of the first epoch that is not on the chain."""
        header = dataclasses.replace(
            parent.header, height=parent.header.height + 1,
            parent=parent.digest,
            transactions_root=block_module.transactions_root(self.h, raws),
            timestamp_ms=parent.header.timestamp_ms + 1,
            federation=self.old_federation.digest)
        return block_module.Block.assembled(self.h, header, raws)

    def certified(self, header):
        """Return a certificate by the keys of the first epoch."""
        digest = header.digest(self.h)
        message = messages.vote_message(
            self.h, messages.Commit.KIND, header.height, 0, digest)
        return certificate_module.Certificate.of(0, [
            (index, self.provider.sign_raw_ed25519(own.vote, message))
            for index, own in enumerate(self.retired[:3])]).to_bytes()

    def test_a_transaction_beside_the_chain(self):
        """A lone proof of a past epoch is no proof of being on the chain.

        All keys of the first epoch certify a block at a height of their
        time, with something that was never committed.
        """
        self.sleep()
        self.poll()
        forged = self.template(b'never committed')
        block = self.forged(self.chain.blocks[0].block, forged.raw)
        seal = self.certified(block.header)
        shown = ((block.header_bytes, seal), block.inclusion(0).to_fields(),
                 forged.raw)
        fetcher = self.vnf.agent.fetcher
        # the certificate and the place are good, taken alone
        self.assertEqual(forged.txid, fetcher.light.check_transaction(
            *shown[0], forged.raw, shown[1]).txid)
        for door in self.doors:
            door.lie = lambda asked, body: (
                shown if forged.txid.hex() in asked else body)
        self.assertRaises(errors.ForkedChain, fetcher.transaction,
                          forged.txid, committed=False)
        # what was committed in that time is found as ever
        for door in self.doors:
            door.lie = None
        old = self.chain.blocks[2].block.raw_transactions[0]
        txid = next(txid for txid, place in self.chain.places.items()
                    if place == (2, 0))
        self.assertEqual(old, fetcher.transaction(
            txid, committed=False).transaction.raw)
