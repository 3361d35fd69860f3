# SPDX-License-Identifier: Apache-2.0
"""Retired members extend an old chain.

The federation has handed over to others; the keys of those who left are
sold, or lie on old disks.  All of them together can still certify blocks
after the last one of their time, or beside it.
"""

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import light_client
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core.ledger import trusted_state
from tacker_ledger.tests.attacks import federation_case
from tacker_ledger.tests.attacks import ledger_case


class TestRetiredMembers(federation_case.FederationCase):
    """An old federation certifies nothing after its end."""

    def setUp(self):
        super().setUp()
        self.before = self.tenant.sealed(self.vnf)
        self.assert_committed(self.before)
        #: What the members of the first epoch know at its end.
        self.retired = self.genuine()
        self.old_federation = self.chain.application.federation
        self.hand_over()
        self.last_of_old = self.chain.blocks[2].block
        self.chain.commit()
        self.chain.commit(self.tenant.sealed(
            self.vnf, cid=self.before.content.cid, vid=2))

    def hand_over(self):
        """Commit a document with four new members."""
        newcomers = [federation_case.new_secrets() for _ in range(4)]
        signed = self.issued(self.document(
            self.members(newcomers, 'newcomer')))
        self.publishing = self.published(self.approved(
            signed, self.genuine(), list(enumerate(newcomers))))
        self.assert_committed(self.publishing)
        self.chain.secrets = newcomers
        self.chain.federation = self.chain.application.federation

    def old_block(self, parent, height, *raws, time_ms=None):
        """Return a block such as retired members make it, with all votes."""
        block = self.block_after(
            *raws, height=height, parent=parent.digest,
            timestamp_ms=time_ms or parent.header.timestamp_ms + 1000,
            federation=self.old_federation.digest)
        return block, self.certificate(block, self.retired)

    def learned(self, client):
        """Let a client learn of the newcomers as a node shows it."""
        committed = self.chain.blocks[2]
        client.advance_federation(
            self.publishing.raw, committed.block.inclusion(0).to_fields(),
            committed.block.header_bytes, committed.certificate)
        return client

    def test_a_client_that_knows_the_newcomers(self):
        client = self.learned(self.client())
        self.heads(client)
        before = client.trusted
        for height in (3, 4, 5, 100):
            block, certificate = self.old_block(self.last_of_old, height)
            for call in (client.accept_head, client.certify):
                self.assertRaises(errors.UnknownFederation, call,
                                  block.header_bytes, certificate)
        self.assertEqual(before, client.trusted)

    def test_under_the_name_of_the_newcomers(self):
        """Old keys under a header that names the document in force."""
        client = self.learned(self.client())
        block = self.block_after()
        self.assertRaises(
            errors.BadCertificate, client.accept_head, block.header_bytes,
            self.certificate(block, self.retired))

    def test_a_history_that_they_make_longer(self):
        """What they certify beside the chain is in no proven history."""
        client = self.learned(self.client())
        self.heads(client)
        invented = self.tenant.sealed(
            self.vnf, cid=self.before.content.cid, vid=2)
        block, certificate = self.old_block(
            self.chain.blocks[1].block, 2, invented.raw)
        self.assertRaises(errors.ForkedChain, self._as_floor, block,
                          certificate)
        record = self.pair(self.vnf, self.tenant)
        self.assertEqual(2, record.count)
        genuine = self.chain.blocks[4].block.raw_transactions[0]
        self.assertRaises(
            errors.HistoryIncomplete, client.check_history, 0,
            state_records.EMPTY_HEAD,
            [(1, 0, self.before.raw), (2, 0, invented.raw)],
            record.count, record.head)
        client.check_history(
            0, state_records.EMPTY_HEAD,
            [(1, 0, self.before.raw), (4, 0, genuine)], record.count,
            record.head)

    def _as_floor(self, block, certificate):
        """Show a block to a client that was told another at its height."""
        last = self.last_of_old
        trusted = trusted_state.TrustedState.bootstrap(
            ledger_case.PROVIDER, self.h.chain_id,
            self.chain.signed.to_bytes(), trusted_state.Floor(
                last.header.height, last.digest, last.header.timestamp_ms))
        client = light_client.LightClient(
            ledger_case.PROVIDER, trusted)
        client.accept_head(block.header_bytes, certificate)

    def test_lower_than_what_a_client_has_seen(self):
        client = self.learned(self.client())
        self.heads(client)
        block, certificate = self.old_block(self.chain.blocks[1].block, 2)
        self.assertRaises(errors.HeadRollback, client.accept_head,
                          block.header_bytes, certificate)

    def test_a_client_that_slept(self):
        """It cannot know yet, but not for long, and then it names the fork.

        Between the hand-over and the expiry only the clock tells; so a head
        grows stale, and the true chain no longer fits to what it was shown.
        """
        client = self.client()
        block, certificate = self.old_block(self.last_of_old, 3)
        found = client.accept_head(block.header_bytes, certificate)
        self.assertRaises(
            errors.StaleHead, client.check_fresh, found,
            found.time_ms + 120_001, 120_000)
        self.assertRaises(errors.ForkedChain, self.learned, client)

    def test_time_bought_from_the_future(self):
        """To look fresh they must pass the end of their own document."""
        expiry_ms = self.old_federation.document.expiry_ms
        client = self.client()
        before = client.trusted
        block, certificate = self.old_block(
            self.last_of_old, 3, time_ms=expiry_ms + 1)
        self.assertRaises(errors.FederationExpired, client.accept_head,
                          block.header_bytes, certificate)
        self.assertEqual(before, client.trusted)

    def test_taking_the_federation_back(self):
        """A document of their own after the first epoch, well approved."""
        own = self.issued(self.document(
            self.old_federation.members,
            epoch=1, predecessor=self.old_federation.digest))
        publishing = self.published(self.approved(
            own, self.retired, self.retired))
        self.assert_refused(errors.FederationConflict, publishing)
        client = self.learned(self.client())
        before = client.trusted
        block, certificate = self.old_block(
            self.last_of_old, 3, publishing.raw)
        self.assertRaises(
            errors.UnknownFederation, client.advance_federation,
            publishing.raw, block.inclusion(0).to_fields(),
            block.header_bytes, certificate)
        self.assertEqual(before, client.trusted)

    def test_shown_to_a_member(self):
        """A node judges a block by the document that it has in force."""
        forged = self.tenant.sealed(self.vnf)
        head = self.chain.application.head
        block = self.block_after(
            forged.raw, federation=self.old_federation.digest)
        self.assertEqual(head.digest, block.header.parent)
        with self.nothing_changes():
            error = self.assertRaises(
                errors.BadBlock, self.chain.application.validate, block)
            self.assertIn('another federation', error.message)
        key = identifiers.cid_state_key(self.h, forged.content.cid)
        self.assertIsNone(self.chain.state.get(key))
