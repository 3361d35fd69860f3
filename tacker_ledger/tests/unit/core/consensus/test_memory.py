# SPDX-License-Identifier: Apache-2.0
"""What is kept of the neighbouring heights."""

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import memory
from tacker_ledger.core.consensus import messages
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.core.consensus import scene


class TestMemory(base.TestCase):

    def setUp(self):
        super().setUp()
        self.memory = memory.Memory()
        self.ours = scene.Scene(1)
        self.block = self.ours.block(['one'])

    def end_height(self):
        """End height 1; members 0 and 3 were heard."""
        self.ours.hear(self.ours.proposal(0, self.block))
        self.ours.hear(self.ours.prepare(3, self.block))
        over = self.ours.replica._round
        for member in (0, 2, 3):
            found = self.ours.hear(self.ours.commit(member, self.block))
        self.ours.commit_block(scene.only(found, effects.Append)[0])
        self.memory.remember(over, self.ours.ledger.application)

    def test_early_votes(self):
        vote = messages.Prepare(2, 0, 3, bytes(8), bytes(64))
        self.assertIsNone(self.memory.early_member())
        self.memory.keep_early(vote)
        self.memory.keep_early(vote)
        self.assertEqual(3, self.memory.early_member())
        self.assertEqual([vote], self.memory.take_early())
        self.assertEqual([], self.memory.take_early())

    def test_the_height_before(self):
        self.end_height()
        prefix = self.block.digest[:8]
        self.assertEqual(self.block, self.memory.block(1, prefix))
        self.assertIsNone(self.memory.block(2, prefix))
        self.assertIsNone(self.memory.block(1, bytes(8)))
        self.assertEqual(messages.Commit.KIND, self.memory.newest(3).kind)
        self.assertIsNone(self.memory.newest(9))

    def test_late_votes_are_news_once(self):
        self.end_height()
        late = self.ours.prepare(2, self.block)
        self.assertEqual((True, []), self.memory.is_late_news(late))
        self.assertEqual((False, []), self.memory.is_late_news(late))
        self.assertEqual((False, []), self.memory.is_late_news(
            self.ours.proposal(0, self.block)))

    def test_what_comes_late_is_the_newest_too(self):
        """It is shown to its sender, should that have forgotten it."""
        self.end_height()
        self.memory.is_late_news(self.ours.commit(3, self.block))
        self.assertEqual(messages.Commit.KIND, self.memory.newest(3).kind)
        self.assertEqual(messages.Commit.KIND, self.memory.newest(2).kind)
        change = messages.ViewChange(1, 1, 2, b'head', None, bytes(64))
        self.memory.note(change)
        self.assertEqual(change, self.memory.newest(2))
        self.memory.is_late_news(self.ours.prepare(2, self.block))
        self.assertEqual(change, self.memory.newest(2))
        self.memory.note(None)

    def test_a_new_epoch_forgets_all(self):
        self.end_height()
        self.memory.keep_early(messages.Prepare(2, 0, 3, bytes(8),
                                                bytes(64)))
        over = self.ours.replica._round
        over.federation = object()
        self.memory.remember(over, self.ours.ledger.application)
        self.assertIsNone(self.memory.newest(3))
        self.assertIsNone(self.memory.block(1, self.block.digest[:8]))
        self.assertEqual([], self.memory.take_early())
