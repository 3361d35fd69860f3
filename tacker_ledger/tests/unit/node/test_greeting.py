# SPDX-License-Identifier: Apache-2.0
"""Tests of hello and its answer."""

import dataclasses

from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.node import greeting
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers
from tacker_ledger.transport import link

NONCE = b'n' * 16


def instance(member: int) -> bytes:
    """Return the instance of a member."""
    return bytes([member]) * 16


class GreetingCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.made = federations.genesis()
        self.ledger = ledgers.Ledger(self.made)

    def greeter(self, member: int, made=None, ledger=None):
        made = made or self.made
        return greeting.Greeter(
            (ledger or self.ledger).application, federations.PROVIDER,
            instance(member), member, made.sites[member].vote_seed,
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
