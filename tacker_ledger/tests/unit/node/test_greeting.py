# SPDX-License-Identifier: Apache-2.0
"""Tests of hello and its answer."""

import dataclasses

from tacker_ledger.core.consensus import instances
from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.node import greeting
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers
from tacker_ledger.transport import link

NONCE = b'n' * 16


def instance(member: int) -> bytes:
    """Return the instance of a member."""
    return bytes([member + 1]) * 16


class GreetingCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.made = federations.genesis()
        self.ledger = ledgers.Ledger(self.made)

    def greeter(self, member: int, made=None, ledger=None, claim=None):
        made = made or self.made
        return greeting.Greeter(
            (ledger or self.ledger).application, federations.PROVIDER,
            claim or instances.Claim(instance(member)), member,
            made.sites[member].vote_seed,
            lambda about: f'vote of {about}'.encode())


class TestGreeter(GreetingCase):

    def test_two_members_greet(self):
        block = self.ledger.commit()
        hello = self.greeter(1).read_hello(0, self.greeter(0).hello(NONCE))
        self.assertEqual((instance(0), NONCE, 0, 1, block.block.digest), (
            hello.instance, hello.nonce, hello.epoch, hello.head_height,
            hello.head_digest))
        answer = self.greeter(1).answer(
            0, link.Greeting(hello.instance, hello.nonce), instance(0))
        shown = self.greeter(0).check_answer(1, NONCE, answer)
        self.assertEqual(greeting.Shown(1, block.pair, b'vote of 0'), shown)

    def test_at_genesis_there_is_no_head_to_show(self):
        answer = self.greeter(1).answer(
            0, link.Greeting(instance(0), NONCE), instance(0))
        self.assertIsNone(
            self.greeter(0).check_answer(1, NONCE, answer).head)

    def test_hellos_that_are_refused(self):
        good = messages.decode(self.greeter(0).hello(NONCE))
        other = federations.genesis(4, label='other')
        stranger = self.greeter(0, other, ledgers.Ledger(other))
        for frame, member, error in (
                (stranger.hello(NONCE), 0, errors.WrongFederation),
                (messages.encode(good), 2, errors.Forbidden),
                (messages.encode(dataclasses.replace(good, version=2)), 0,
                 errors.UnsupportedVersion),
                (messages.encode(messages.Ping(1)), 0, errors.Malformed),
                (b'junk', 0, errors.Malformed)):
            self.assertRaises(error, self.greeter(1).read_hello, member,
                              frame)

    def test_answers_that_are_refused(self):
        answer = self.greeter(1).answer(
            0, link.Greeting(instance(0), NONCE), instance(0))
        taken = self.greeter(1).answer(
            0, link.Greeting(instance(0), NONCE), b'x' * 16)
        flipped = answer[:-1] + bytes([answer[-1] ^ 1])
        for frame, member, nonce, error in (
                (answer, 2, NONCE, errors.BadSignature),
                (answer, 9, NONCE, errors.BadSignature),
                (answer, 1, bytes(16), errors.BadSignature),
                (flipped, 1, NONCE, errors.BadSignature),
                (taken, 1, NONCE, errors.Duplicate),
                (messages.encode(messages.Pong(1)), 1, NONCE,
                 errors.Malformed)):
            self.assertRaises(error, self.greeter(0).check_answer, member,
                              nonce, frame)

    def test_somebody_of_another_epoch(self):
        """Its node key says who it is; what it shows counts for nothing."""
        other = self.greeter(1)
        hello = messages.decode(other.hello(NONCE))
        own = self.greeter(0)
        # there it has another index, and another vote key
        own.read_hello(1, messages.encode(dataclasses.replace(
            hello, member=3, epoch=1)))
        answer = other.answer(0, link.Greeting(instance(0), NONCE),
                              instance(0))
        flipped = answer[:-1] + bytes([answer[-1] ^ 1])
        self.assertIsNone(own.check_answer(1, NONCE, flipped))
        # it is not greeted again before we are there too
        self.assertEqual([], own.moved(0, bytes(32)))
        own.read_hello(1, messages.encode(hello))
        self.assertEqual([1], own.moved(0, bytes(32)))
        self.assertEqual([], own.moved(0, bytes(32)))
        self.assertRaises(errors.BadSignature, own.check_answer, 1, NONCE,
                          flipped)
        # who holds another process of ours is refused in any epoch
        taken = other.answer(0, link.Greeting(instance(0), NONCE), b'x' * 16)
        own.read_hello(1, messages.encode(dataclasses.replace(
            hello, epoch=1)))
        self.assertRaises(errors.Duplicate, own.check_answer, 1, NONCE,
                          taken)

    def test_who_is_no_member_greets(self):
        observer = self.greeter(2)
        observer.moved(-1, bytes(32))
        self.assertEqual(0, messages.decode(observer.hello(NONCE)).member)
        guest = limits.MEMBERS_MAX_COUNT
        self.greeter(1).read_hello(guest, observer.hello(NONCE))

    def test_who_is_in_doubt_claims_nothing(self):
        claim = instances.Claim(instance(0))
        greeter = self.greeter(0, claim=claim)
        claimed, nobody = (self.greeter(1).answer(
            0, link.Greeting(held, NONCE), held)
            for held in (instance(0), instances.NOBODY))
        claim.observe(True)
        self.assertEqual(instances.NOBODY,
                         messages.decode(greeter.hello(NONCE)).instance)
        greeter.check_answer(1, NONCE, nobody)
        # an answer to what was offered before ends the connection
        self.assertRaises(errors.Busy, greeter.check_answer, 1, NONCE,
                          claimed)
        claim.observe(False)
        greeter.check_answer(1, NONCE, claimed)
        self.assertRaises(errors.Busy, greeter.check_answer, 1, NONCE,
                          nobody)

    def test_a_peer_of_a_later_epoch_counts_when_it_can_be_verified(self):
        """What it knows about us may be under keys that we lack yet."""
        ours = self.greeter(0)
        rotated = greeting.Greeter(
            self.ledger.application, federations.PROVIDER,
            instances.Claim(instance(1)), 1, b's' * 32, lambda about: None)
        answer = rotated.answer(0, link.Greeting(instance(0), NONCE),
                                instance(0))
        hello = messages.decode(self.greeter(1).hello(NONCE))
        ours.read_hello(1, messages.encode(hello))
        self.assertRaises(errors.BadSignature, ours.check_answer, 1, NONCE,
                          answer)
        ours.read_hello(1, messages.encode(
            dataclasses.replace(hello, epoch=1)))
        self.assertIsNone(ours.check_answer(1, NONCE, answer))
        self.assertTrue(ours.is_ahead(1))
        self.assertFalse(ours.is_ahead(2))
        # the same process under the key that we know
        self.assertIsNotNone(ours.check_answer(1, NONCE, self.greeter(
            1).answer(0, link.Greeting(instance(0), NONCE), instance(0))))
        self.assertFalse(ours.is_ahead(1))

    def test_what_is_too_large_is_not_shown(self):
        greeter = greeting.Greeter(
            self.ledger.application, federations.PROVIDER,
            instances.Claim(instance(1)), 1, self.made.sites[1].vote_seed,
            lambda about: bytes(9 * 1024 * 1024))
        answer = greeter.answer(0, link.Greeting(instance(0), NONCE),
                                instance(0))
        self.assertIsNone(
            self.greeter(0).check_answer(1, NONCE, answer).newest)


class TestRemembered(GreetingCase):
    """What a process shows of others before its engine runs."""

    def setUp(self):
        super().setUp()
        self.block = self.ledger.propose().block

    def vote(self, cls, member, view=0):
        signature = self.made.sites[member].sign_vote(messages.vote_message(
            self.made.h, cls.KIND, 1, view, self.block.digest))
        if cls is messages.PrePrepare:
            return cls(1, view, member, self.block.to_bytes(), signature)
        return cls(1, view, member, self.block.digest[:8], signature)

    def remembered(self, *records, height=1):
        return {member: messages.decode(shown) for member, shown
                in greeting.remembered(
                    self.made.h, height,
                    map(messages.encode, records)).items()}

    def test_the_newest_of_each_member(self):
        found = self.remembered(
            self.vote(messages.Commit, 2), self.vote(messages.Prepare, 2),
            self.vote(messages.PrePrepare, 0),
            self.vote(messages.Prepare, 3))
        self.assertEqual(
            {0: messages.PrePrepare.KIND, 2: messages.Commit.KIND,
             3: messages.Prepare.KIND},
            {member: shown.kind for member, shown in found.items()})
        for member, shown in found.items():
            self.assertTrue(federations.PROVIDER.verify_raw_ed25519(
                self.made.sites[member].member.vote_key,
                messages.vote_message(self.made.h, shown.kind, 1, 0,
                                      shown.digest), shown.signature))

    def test_a_view_change_is_shown_as_it_is(self):
        change = messages.ViewChange(1, 1, 2, b'head', None, bytes(64))
        found = self.remembered(self.vote(messages.Commit, 2), change)
        self.assertEqual({2: change}, found)

    def test_a_vote_whose_block_is_gone_cannot_be_verified(self):
        self.assertEqual({}, self.remembered(self.vote(messages.Commit, 2)))

    def test_other_heights_are_over(self):
        self.assertEqual({}, self.remembered(
            self.vote(messages.PrePrepare, 0), height=2))

    def test_a_damaged_log(self):
        self.assertRaises(errors.CorruptStore, greeting.remembered,
                          self.made.h, 1, [b'junk'])
        self.assertRaises(
            errors.CorruptStore, self.remembered, messages.PrePrepare(
                1, 0, 0, b'no block', bytes(64)))
