# SPDX-License-Identifier: Apache-2.0
"""Tests of the frames that tell enrolments."""

import unittest

import hypothesis
from hypothesis import strategies

from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.node import gossip
from tacker_ledger.tests import base

_KEY_IDS = strategies.binary(min_size=32, max_size=32)
_LABELS = strategies.text(max_size=20)
_MEMBERS = strategies.integers(0, 255)


class TestGossip(base.TestCase):

    @hypothesis.settings(max_examples=100)
    @hypothesis.given(strategies.one_of(
        strategies.builds(gossip.Enrol, _KEY_IDS, _LABELS, _MEMBERS),
        strategies.builds(gossip.Unenrol, _KEY_IDS, _MEMBERS),
        strategies.builds(gossip.Summary, _MEMBERS, _KEY_IDS),
        strategies.builds(gossip.Wanted, _MEMBERS),
        strategies.builds(gossip.Listing, _MEMBERS, strategies.lists(
            strategies.tuples(_KEY_IDS, _LABELS), max_size=4).map(tuple)),
        strategies.builds(gossip.Holding, _MEMBERS,
                          strategies.integers(0, 2 ** 64 - 1),
                          strategies.booleans())))
    def test_round_trip(self, message):
        frame = gossip.encode(message)
        self.assertTrue(gossip.is_gossip(frame))
        self.assertEqual(isinstance(message, gossip.Holding),
                         gossip.is_holding(frame))
        self.assertEqual(message, gossip.decode(frame, message.member))

    @hypothesis.settings(max_examples=200)
    @hypothesis.given(strategies.binary(max_size=100))
    def test_junk_is_refused(self, junk):
        with unittest.TestCase().assertRaises(errors.LedgerError):
            gossip.decode(junk, 0)

    def test_a_member_speaks_of_its_own_holding_alone(self):
        frame = gossip.encode(gossip.Holding(2, 7, True))
        self.assertEqual('8418200207f5', frame.hex())
        self.assertRaises(errors.Forbidden, gossip.decode, frame, 1)

    def test_consensus_frames_are_none(self):
        frames = [
            messages.encode(messages.Status(1, 0)),
            messages.encode(messages.Ping(20)),
            messages.encode(messages.Commit(1, 2, 3, bytes(8), bytes(64))),
            messages.encode(messages.ShownVote(
                1, 2, 3, 4, bytes(32), bytes(64)))]
        self.assertEqual([False] * 4, [gossip.is_gossip(frame)
                                       for frame in frames])
