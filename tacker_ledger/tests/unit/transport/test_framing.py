# SPDX-License-Identifier: Apache-2.0
"""Tests of frames."""

import hypothesis
from hypothesis import strategies

from tacker_ledger.core import errors
from tacker_ledger.tests import base
from tacker_ledger.transport import framing


class TestFrames(base.TestCase):

    @hypothesis.settings(max_examples=100)
    @hypothesis.given(
        strategies.lists(strategies.binary(min_size=1, max_size=50),
                         max_size=6),
        strategies.lists(strategies.integers(1, 20), min_size=1))
    def test_any_cut_gives_the_same_frames(self, payloads, cuts):
        stream = b''.join(framing.frame(payload) for payload in payloads)
        reader = framing.FrameReader(100)
        found = []
        at = turn = 0
        while at < len(stream):
            size = cuts[turn % len(cuts)]
            found += reader.feed(stream[at:at + size])
            at += size
            turn += 1
        self.assertEqual(payloads, found)
        self.assertEqual(0, reader.pending_bytes)

    def test_a_length_over_the_bound_ends_it_before_the_body(self):
        reader = framing.FrameReader(100)
        self.assertEqual([], list(reader.feed(b'\0\0\0')))
        self.assertRaises(errors.TooLarge, list, reader.feed(b'\x65'))

    def test_an_empty_frame(self):
        reader = framing.FrameReader(100)
        self.assertRaises(errors.Malformed, list, reader.feed(bytes(4)))

    def test_the_bound_itself_passes(self):
        reader = framing.FrameReader(100)
        self.assertEqual([bytes(100)],
                         list(reader.feed(framing.frame(bytes(100)))))
