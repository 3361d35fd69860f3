# SPDX-License-Identifier: Apache-2.0
"""Forged certificates and votes: scenarios S9 and S10.

S9: a forged signature, a wrong signer, a signature of another kind, height,
view or federation.  S10: a certificate with a duplicate signer, a signer
who is no member or was one in an old epoch, a quorum less one and junk.
Each is shown to a light client, to a node that catches up from a liar, and,
as single votes, to a replica.
"""

import asyncio
import dataclasses

from tacker_ledger.core import codec
from tacker_ledger.core.consensus import catch_up
from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.node import sync
from tacker_ledger.tests.attacks import federation_case
from tacker_ledger.tests.attacks import ledger_case
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.core.consensus import scene

#: The order of the group of Ed25519 (RFC 8032, section 5.1).
_L = 2 ** 252 + 27742317777372353535851937790883648493


class _Liar:
    """A neighbour whose blocks a node asks for; ``sync.Host``."""

    def __init__(self, chain, height, answer):
        self._chain = chain
        self._answer = answer
        self.taken = []
        self.asked = 0
        self._height = height
        self.sync = sync.Sync(self, chain.application, ledger_case.PROVIDER,
                              catch_up.Config())

    async def attempt(self):
        """Let the node ask once."""
        self.sync.connected(1)
        self.sync.claim(1, self._height)
        try:
            await self.sync.settled()
        except errors.Busy:
            pass
        await self.sync.stop()

    def send_to(self, member, message):
        self.asked += 1
        asyncio.get_running_loop().call_soon(
            self.sync.received, member, messages.Blocks(
                message.request_id, 1, (self._answer,)))
        return True

    async def take_over(self, blocks):
        for block, _ in blocks:
            self._chain.application.validate(block)
            self.taken.append(block)
        raise errors.Busy('taken, which ends the attempt')

    def disagrees(self, error):
        """See ``sync.Host``."""


class CertificateCase(federation_case.FederationCase):
    """A valid block after the head, and ways to certify it."""

    def setUp(self):
        super().setUp()
        self.chain.commit(self.tenant.sealed(self.vnf))
        self.block = self.valid_block()

    def valid_block(self):
        """Return a block that everybody finds valid, without votes."""
        self.chain.pool.waiting = []
        return self.chain.application.propose(
            self.chain.time_ms + 1000, 0, allow_empty=True).block

    def encoded(self, votes, view=0):
        """Return a certificate of any votes, in any order."""
        return codec.encode((
            certificate_module.VERSION, certificate_module.ENGINE_PBFT_NUMBER,
            view, tuple(votes)))

    def assert_certifies_nothing(self, certificate, error=None, block=None):
        """Demand that neither a client nor a node believes it."""
        error = error or errors.BadCertificate
        block = block or self.block
        client = self.client()
        self.heads(client)
        before = client.trusted
        for call in (client.accept_head, client.certify):
            self.assertRaises(error, call, block.header_bytes, certificate)
        self.assertEqual(before, client.trusted)
        with self.nothing_changes():
            liar = _Liar(self.chain, block.header.height,
                         (block.to_bytes(), certificate))
            asyncio.run(liar.attempt())
        self.assertEqual((1, []), (liar.asked, liar.taken))

    def assert_certifies(self, certificate, block=None):
        """Demand that both believe it: the counter-test."""
        block = block or self.block
        client = self.client()
        client.accept_head(block.header_bytes, certificate)
        liar = _Liar(self.chain, block.header.height,
                     (block.to_bytes(), certificate))
        asyncio.run(liar.attempt())
        self.assertEqual([block], liar.taken)


class TestForgedCertificates(CertificateCase):
    """S10, and S9 for the votes inside a certificate."""

    def test_a_quorum_is_believed(self):
        votes = self.votes(self.block, self.genuine())
        for chosen in (votes, votes[:3], votes[1:], [*votes[:1], *votes[2:]]):
            self.assert_certifies(self.encoded(chosen))

    def test_a_duplicate_signer(self):
        one, two, three, _four = self.votes(self.block, self.genuine())
        for votes in ((one, two, two), (one, one, one), (one, two, two, two),
                      (two, one, three)):
            self.assert_certifies_nothing(self.encoded(votes))

    def test_one_signature_under_several_indices(self):
        one, two, *_ = self.votes(self.block, self.genuine())
        for index in (2, 3):
            self.assert_certifies_nothing(
                self.encoded((one, two, (index, one[1]))))

    def test_no_member(self):
        one, two, *_ = self.votes(self.block, self.genuine())
        strangers = [(index, federation_case.new_secrets())
                     for index in (2, 3, 4, 255)]
        for vote in self.votes(self.block, strangers):
            self.assert_certifies_nothing(self.encoded((one, two, vote)))
        self.assert_certifies_nothing(self.encoded(
            self.votes(self.block, strangers)))

    def test_a_quorum_less_one(self):
        one, two, *_ = self.votes(self.block, self.genuine())
        junk = bytes(64)
        self.assert_certifies_nothing(self.encoded((one,)))
        self.assert_certifies_nothing(self.encoded((one, two)))
        for index in (2, 3):
            self.assert_certifies_nothing(
                self.encoded((one, two, (index, junk))))

    def test_a_quorum_and_junk(self):
        """Every signature listed counts, or the certificate does not."""
        votes = self.votes(self.block, self.genuine()[:3])
        self.assert_certifies_nothing(self.encoded([*votes, (3, bytes(64))]))
        self.assert_certifies_nothing(self.encoded([*votes, (9, votes[0][1])]))

    def test_votes_of_another_kind(self):
        """Prepares, proposals and views prove no decision."""
        for kind in (messages.Prepare.KIND, messages.PrePrepare.KIND):
            self.assert_certifies_nothing(self.encoded(
                self.votes(self.block, self.genuine(), kind=kind)))
            mixed = [*self.votes(self.block, self.genuine()[:2]),
                     *self.votes(self.block, self.genuine()[2:], kind=kind)]
            self.assert_certifies_nothing(self.encoded(mixed))

    def test_votes_of_another_height(self):
        for height in (0, 1, 3):
            self.assert_certifies_nothing(self.encoded(
                self.votes(self.block, self.genuine(), height=height)))

    def test_votes_of_another_view(self):
        """One view only: a quorum put together of two decides nothing."""
        self.assert_certifies_nothing(self.encoded(
            self.votes(self.block, self.genuine(), view=1), view=0))
        mixed = [*self.votes(self.block, self.genuine()[:2], view=0),
                 *self.votes(self.block, self.genuine()[2:], view=1)]
        for view in (0, 1):
            self.assert_certifies_nothing(self.encoded(mixed, view=view))
        self.assert_certifies(self.encoded(
            self.votes(self.block, self.genuine(), view=7), view=7))

    def test_votes_for_another_block(self):
        other = self.block_after(timestamp_ms=self.chain.time_ms + 999)
        self.assert_certifies_nothing(self.encoded(
            self.votes(other, self.genuine())))
        newest = self.chain.blocks[-1]
        self.assert_certifies_nothing(newest.certificate)

    def test_votes_for_another_federation(self):
        """The same keys may vote on two chains; each vote is for one."""
        other = hashing.hasher(b'\x07' * 32)
        message = messages.vote_message(
            other, messages.Commit.KIND, self.block.header.height, 0,
            self.block.digest)
        votes = [(index, ledger_case.PROVIDER.sign_raw_ed25519(
            secrets.vote, message)) for index, secrets in self.genuine()]
        self.assert_certifies_nothing(self.encoded(votes))

    def test_votes_with_the_wrong_key_of_a_member(self):
        """The answer key and the node key certify no block."""
        crossed = [(index, dataclasses.replace(
            secrets, vote=secrets.answer))
            for index, secrets in self.genuine()]
        self.assert_certifies_nothing(self.encoded(
            self.votes(self.block, crossed)))

    def test_malleable_signatures(self):
        """S + L is the same number to a careless verifier."""
        one, two, three, _ = self.votes(self.block, self.genuine())
        number = int.from_bytes(three[1][32:], 'little') + _L
        malleable = three[1][:32] + number.to_bytes(32, 'little')
        self.assert_certifies_nothing(
            self.encoded((one, two, (2, malleable))))

    def test_none_at_all(self):
        """Only genesis has no certificate, and there is one genesis."""
        self.assert_certifies_nothing(b'')
        genesis = self.chain.blocks[0].block
        forged = dataclasses.replace(genesis.header, timestamp_ms=1)
        client = self.client()
        self.assertRaises(errors.BadCertificate, client.accept_head,
                          forged.to_bytes(), b'')
        self.assertRaises(
            errors.BadCertificate, client.certify, forged.to_bytes(),
            self.encoded(self.votes(self.block, self.genuine())))

    def test_another_engine_or_version(self):
        votes = tuple(self.votes(self.block, self.genuine()))
        for fields in ((2, 1, 0, votes), (1, 2, 0, votes)):
            self.assert_certifies_nothing(codec.encode(fields),
                                          errors.UnsupportedVersion)


class TestFormerMembersCertificates(CertificateCase):
    """S10: a signer who was a member in an old epoch only."""

    def setUp(self):
        super().setUp()
        self.left = self.chain.secrets[3]
        joined = federation_case.new_secrets()
        before = self.chain.application.federation
        remaining = before.members[:3]
        new = [*self.chain.secrets[:3], joined]
        signed = self.issued(self.document((
            *remaining, self.member('joiner', joined))))
        publishing = self.published(self.approved(
            signed, self.genuine(), list(enumerate(new))))
        self.chain.commit(publishing)
        self.changed = self.chain.blocks[-1]
        self.publishing = publishing
        self.chain.secrets = new
        self.chain.federation = self.chain.application.federation
        self.block = self.valid_block()

    def client(self):
        """Return a client that knows the change."""
        client = super().client()
        client.advance_federation(
            self.publishing.raw, self.changed.block.inclusion(0).to_fields(),
            self.changed.block.header_bytes, self.changed.certificate)
        return client

    def test_the_former_member_counts_no_more(self):
        stay = self.genuine()[:2]
        for index in (3, 4):
            self.assert_certifies_nothing(self.encoded(self.votes(
                self.block, [*stay, (index, self.left)])))
        self.assert_certifies(self.encoded(self.votes(
            self.block, [*stay, (3, self.chain.secrets[3])])))

    def test_under_the_old_document(self):
        """All that are left of the old quorum sign a block of old."""
        old = [*self.genuine()[:3], (3, self.left)]
        block = self.block_after(
            federation=self.chain.blocks[1].block.header.federation)
        self.assert_certifies_nothing(
            self.encoded(self.votes(block, old)), errors.UnknownFederation,
            block)


class TestForgedVotes(base.TestCase):
    """S9: single votes, as a replica hears them."""

    def setUp(self):
        super().setUp()
        self.scene = scene.Scene(1)
        self.block = self.scene.block(['one'])
        found = self.scene.hear(self.scene.proposal(0, self.block))
        self.scene.write(found)
        self.head = self.scene.ledger.application.head

    def heard(self, *votes):
        """Return whether votes, after two that are good, append a block."""
        found = []
        for member in (0, 2):
            found += self.scene.hear(self.scene.commit(member, self.block))
        for vote, sender in votes:
            found += self.scene.hear(vote, sender)
        return bool(scene.only(found, effects.Append))

    def vote(self, member, signer=None, kind=messages.Commit,
             height=None, view=0, digest=None):
        """Return a commit of a member with a signature of any kind."""
        signer = member if signer is None else signer
        place = self.block.header.height if height is None else height
        return messages.Commit(
            self.block.header.height, 0, member, self.block.digest[:8],
            self.scene.sign(signer, kind.KIND, place, view,
                            digest or self.block.digest))

    def test_a_third_good_one_decides(self):
        self.assertTrue(self.heard((self.vote(3), 3)))

    def test_forged(self):
        good = self.vote(3)
        spoiled = bytes([good.signature[0] ^ 1]) + good.signature[1:]
        self.assertFalse(self.heard(
            (dataclasses.replace(good, signature=spoiled), 3),
            (dataclasses.replace(good, signature=bytes(64)), 3)))

    def test_by_another_signer(self):
        self.assertFalse(self.heard((self.vote(3, signer=0), 3),
                                    (self.vote(3, signer=2), 3)))

    def test_sent_by_another(self):
        """A member that relays a vote in another's name is no witness."""
        self.assertFalse(self.heard((self.vote(3), 0), (self.vote(3), 2)))

    def test_twice_by_one(self):
        again = self.vote(2)
        self.assertFalse(self.heard(*[(again, 2)] * 5))

    def test_of_no_member(self):
        self.assertFalse(self.heard(
            (dataclasses.replace(self.vote(3), member=4), 4),
            (dataclasses.replace(self.vote(3), member=255), 255)))

    def test_of_another_kind_height_view_and_block(self):
        self.assertFalse(self.heard(
            (self.vote(3, kind=messages.Prepare), 3),
            (self.vote(3, kind=messages.PrePrepare), 3),
            (self.vote(3, height=2), 3), (self.vote(3, view=1), 3),
            (self.vote(3, digest=self.block.digest[:8] + bytes(24)), 3)))

    def tearDown(self):
        self.assertEqual(self.head, self.scene.ledger.application.head)
        super().tearDown()
