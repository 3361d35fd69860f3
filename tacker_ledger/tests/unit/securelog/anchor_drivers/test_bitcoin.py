# SPDX-License-Identifier: Apache-2.0
"""What goes under one root."""

import fixtures

from tacker_ledger.core import limits
from tacker_ledger.securelog.anchor_drivers import bitcoin
from tacker_ledger.storage import anchors
from tacker_ledger.tests import base


def _found(log, writer):
    return anchors.Checkpoint(log * 16, writer, 1, 1, bytes([writer]) * 32,
                              b'record', '/log', writer)


class TestBounded(base.TestCase):
    def test_more_than_an_anchor_may_hold_waits_for_the_next(self):
        self.useFixture(fixtures.MockPatchObject(
            limits, 'ANCHOR_CHECKPOINTS_MAX_COUNT', 2))
        self.useFixture(fixtures.MockPatchObject(
            limits, 'ANCHOR_LOGS_MAX_COUNT', 2))
        due = [_found(log, writer) for log in (b'a', b'b', b'c')
               for writer in (1, 2, 3)]
        taken = bitcoin._bounded(due)
        self.assertEqual(
            [(b'a', 1), (b'a', 2), (b'b', 1), (b'b', 2)],
            [(one.log_id[:1], one.writer) for one in taken])
        bitcoin.tree_of(taken, None)
