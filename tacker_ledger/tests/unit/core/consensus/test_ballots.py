# SPDX-License-Identifier: Apache-2.0
"""What a member says itself."""

from tacker_ledger.core.consensus import ballots
from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import outbox
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests.simulation import stub
from tacker_ledger.tests.unit.core.consensus import scene


class TestBallots(base.TestCase):

    def setUp(self):
        super().setUp()
        self.made = federations.genesis(4)
        self.votes = scene.Votes(self.made)
        self.out = outbox.Outbox()
        self.own = self.make(self.signer(2))
        self.vote = messages.Prepare(1, 0, 2, bytes(8), bytes(64))

    def signer(self, member):
        return stub.SeedSigner(scene.PROVIDER,
                               self.made.sites[member].vote_seed)

    def make(self, *signers):
        return ballots.Ballots(self.made.h, self.made.federation, 1, signers,
                               self.out)

    def test_the_key_that_the_federation_names(self):
        stranger = stub.SeedSigner(scene.PROVIDER, bytes(32))
        self.assertEqual(2, self.own.member)
        self.assertEqual(1, self.make(stranger, self.signer(1)).member)
        self.assertIsNone(self.make(stranger).member)
        self.assertIsNone(self.make().member)

    def test_a_message_is_sent_when_it_is_durable(self):
        other = self.votes.change(0)
        self.own.bind(self.vote, b'digest', (other,))
        write, = self.out.take()
        self.assertEqual((1, (other, self.vote)),
                         (write.height, write.messages))
        self.assertFalse(self.own.get(messages.Prepare.KIND).durable)
        self.assertTrue(self.own.send_again(3, ()) is False)
        self.assertEqual([], self.out.take())
        self.assertIsNone(self.own.persisted(77))
        self.assertEqual(self.vote,
                         self.own.persisted(write.record_id).message)
        self.assertEqual([effects.Send(self.vote)], self.out.take())
        self.assertIsNone(self.own.persisted(write.record_id))

    def test_what_was_bound_before_a_view_was_left_is_sent(self):
        self.own.bind(self.vote, b'digest')
        write, = self.out.take()
        self.own.begin_view()
        self.assertNotIn(messages.Prepare.KIND, self.own)
        self.own.persisted(write.record_id)
        self.assertEqual([effects.Send(self.vote)], self.out.take())

    def test_large_messages_go_to_those_who_lack_them(self):
        proposal = messages.PrePrepare(1, 0, 2, b'block', bytes(64))
        self.own.restore(proposal, b'digest')
        self.assertFalse(self.own.send_again(None, (0, 3)))
        self.assertEqual([effects.Send(proposal, 0),
                          effects.Send(proposal, 3)], self.out.take())
        self.own.restore(self.vote, b'digest')
        self.assertTrue(self.own.send_again(None, ()))
        self.assertEqual([effects.Send(self.vote)], self.out.take())

    def test_signatures(self):
        signature = self.own.sign_vote(messages.Commit.KIND, 3, bytes(32))
        self.assertEqual(signature, self.votes.sign(
            2, messages.Commit.KIND, 1, 3, bytes(32)))
        self.assertEqual(self.votes.change(2), self.own.signed(
            self.votes.change(2)))

    def test_who_is_alone_sends_nothing(self):
        self.made = federations.genesis(1)
        alone = self.make(self.signer(0))
        alone.bind(self.vote, b'digest')
        alone.persisted(self.out.take()[0].record_id)
        self.assertEqual([], self.out.take())
        self.assertTrue(alone.send_again(None, ()))
