# SPDX-License-Identifier: Apache-2.0
"""Message bytes of many replicas in one process."""

from tacker_ledger.bench import simulated
from tacker_ledger.tests import base


class TestCount(base.TestCase):

    def test_frames_are_those_of_the_paper(self):
        # S0, Fig. 1: n - 1 proposals, n - 1 prepares of n - 1 members,
        # n - 1 commits of n members
        for nodes in (4, 7):
            found = simulated.count(nodes, size=40, batch=3)
            frames = {kind: count for kind, (count, _) in found.sent.items()}
            others = nodes - 1
            self.assertEqual(
                {'pre-prepare': others, 'prepare': others * others,
                 'commit': nodes * others}, frames)

    def test_bytes_add_up(self):
        found = simulated.count(4, size=40, batch=3)
        self.assertEqual(3 * 40 * 3, found.data)
        self.assertEqual(3 * found.body_bytes, found.encoded)
        self.assertGreater(found.encoded, found.data)
        self.assertEqual(
            sum(found.phase(kind)
                for kind in ('pre-prepare', 'prepare', 'commit')),
            found.overhead + found.encoded)
        # a vote's frame has at most 100 bytes
        for kind in ('prepare', 'commit'):
            frames, size = found.sent[kind]
            self.assertLessEqual(size, 104 * frames)

    def test_one_member_says_nothing(self):
        found = simulated.count(1, size=40, batch=2)
        self.assertEqual({}, found.sent)
        self.assertEqual(0, found.overhead)
