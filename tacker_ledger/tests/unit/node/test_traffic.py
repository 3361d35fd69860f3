# SPDX-License-Identifier: Apache-2.0
"""Tests of the counts of what a member sends."""

from tacker_ledger.core.consensus import messages
from tacker_ledger.node import traffic
from tacker_ledger.tests import base


class TestTraffic(base.TestCase):

    def test_kinds_are_called_as_the_papers_do(self):
        self.assertEqual(
            ['pre-prepare', 'prepare', 'commit', 'view-change', 'new-view'],
            [traffic.kind_name(kind) for kind in (
                messages.PrePrepare, messages.Prepare, messages.Commit,
                messages.ViewChange, messages.NewView)])

    def test_every_copy_counts_with_its_length(self):
        counts = traffic.Traffic()
        self.assertEqual({}, counts.records())
        message = messages.Status(3, 0)
        counts.sent(message, b'12345', 3)
        counts.sent(message, b'1', 1)
        counts.sent(message, b'123', 0)
        self.assertEqual({'status': {'frames': 4, 'bytes': 3 * 9 + 5}},
                         counts.records())
