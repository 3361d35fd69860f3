# SPDX-License-Identifier: Apache-2.0
"""Frames of those who are no members (any more) count for nothing."""

import types

from tacker_ledger.core.consensus import messages
from tacker_ledger.node import gossip
from tacker_ledger.node import member_frames
from tacker_ledger.tests import base
from tacker_ledger.transport import peers

GUEST = peers.GUEST_FIRST + 3
VOTE = messages.Commit(7, 0, 1, bytes(8), bytes(64))


class TestGuests(base.TestCase):

    def setUp(self):
        super().setUp()
        self.calls = []

        def noting(name):
            return lambda *arguments: self.calls.append((name, *arguments))

        def part(*names):
            return types.SimpleNamespace(
                **{name: noting(name) for name in names})

        self.node = types.SimpleNamespace(
            ready=True, closing=False,
            hub=types.SimpleNamespace(send=noting('send'),
                                      claims=lambda member: True),
            consensus=types.SimpleNamespace(started=True, engine=(
                types.SimpleNamespace(view=4, received=noting('received'),
                                      connected=noting('connected')))),
            application=types.SimpleNamespace(
                head=types.SimpleNamespace(height=9)),
            intake=part('received_transactions', 'resend'),
            registry=part('received', 'connected'),
            sync=part('claim', 'connected'),
            claim=types.SimpleNamespace(offer=lambda: b'',
                                        up=noting('up')),
            voting=part('update'))
        self.frames = member_frames.MemberFrames(self.node)

    def test_its_votes_are_not_counted(self):
        """S21: a removed member's votes are refused; it hears why."""
        self.frames.on_consensus(GUEST, VOTE)
        self.assertEqual([('send', GUEST, messages.encode(
            messages.Status(10, 4)))], self.calls)

    def test_a_status_is_a_hint_and_no_question(self):
        self.frames.on_consensus(GUEST, messages.Status(12, 0))
        self.assertEqual([('claim', GUEST, 11)], self.calls)

    def test_nothing_else_is_taken_of_it(self):
        self.frames.on_transactions(GUEST, messages.Transactions(False, ()))
        self.frames.on_gossip(GUEST, gossip.encode(
            gossip.Unenrol(bytes(32), 0)))
        self.assertEqual([], self.calls)
        self.frames.on_up(GUEST)
        self.assertEqual([('connected', GUEST)], self.calls)

    def test_a_member_is_heard(self):
        self.frames.on_consensus(1, VOTE)
        self.assertEqual([('received', VOTE, 1)], self.calls)
