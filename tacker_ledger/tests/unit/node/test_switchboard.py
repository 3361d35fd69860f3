# SPDX-License-Identifier: Apache-2.0
"""Tests of where frames go."""

from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.node import gossip
from tacker_ledger.node import switchboard
from tacker_ledger.tests.unit.node import test_greeting
from tacker_ledger.transport import link

NONCE = test_greeting.NONCE
instance = test_greeting.instance


class Parts:
    """Notes what a node's parts would get."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *arguments: self.calls.append((name, *arguments))


class TestSwitchboard(test_greeting.GreetingCase):

    def setUp(self):
        super().setUp()
        self.parts = Parts()
        self.board = switchboard.Switchboard(self.parts, self.greeter(1))

    def test_a_greeting(self):
        found = self.board.read_hello(0, self.greeter(0).hello(NONCE))
        self.assertEqual(link.Greeting(instance(0), NONCE), found)
        self.assertEqual([], self.parts.calls)
        self.greeter(1).read_hello(1, self.board.hello(0, NONCE))
        answer = self.greeter(0).answer(
            1, link.Greeting(instance(1), NONCE), instance(1))
        self.board.check_answer(0, NONCE, answer)
        self.assertEqual('on_shown', self.parts.calls[-1][0])
        self.board.peer_up(0, instance(0))
        self.assertEqual([('on_claim', 0, 0), ('on_up', 0)],
                         self.parts.calls[-2:])

    def test_an_answer_that_names_another_process(self):
        answer = self.greeter(0).answer(
            1, link.Greeting(instance(1), NONCE), b'x' * 16)
        self.assertRaises(errors.Duplicate, self.board.check_answer, 0,
                          NONCE, answer)
        self.assertEqual([('on_refused', 0)], self.parts.calls)

    def test_each_frame_goes_to_its_part(self):
        vote = messages.Commit(1, 0, 2, bytes(8), bytes(64))
        for message, part in (
                (messages.Transactions(True, (b'x',)), 'on_transactions'),
                (messages.GetBlocks(1, 1, 1), 'on_get_blocks'),
                (messages.Blocks(1, 1, ()), 'on_blocks'),
                (messages.Status(1, 0), 'on_consensus'),
                (vote, 'on_consensus')):
            self.board.received(2, messages.encode(message))
            self.assertEqual((part, 2, message), self.parts.calls[-1])
        frame = gossip.encode(gossip.Wanted(2))
        self.board.received(2, frame)
        self.assertEqual(('on_gossip', 2, frame), self.parts.calls[-1])

    def faults(self):
        return {(name, member, error.code)
                for name, member, error in self.parts.calls}

    def test_a_member_that_sends_only_junk_is_cut_off(self):
        self.board.peer_up(2, instance(2))
        self.parts.calls.clear()
        for _ in range(19):
            self.board.received(2, b'junk')
        self.assertEqual({('on_fault', 2, 'malformed')}, self.faults())
        # one good frame, and it may err again
        self.board.received(2, messages.encode(messages.Pong(1)))
        for _ in range(19):
            self.board.received(2, self.greeter(0).hello(NONCE))
        self.assertEqual({('on_fault', 2, 'malformed')}, self.faults())
        self.board.received(2, b'junk')
        self.assertEqual('cut', self.parts.calls[-1][0])
