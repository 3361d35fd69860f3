# SPDX-License-Identifier: Apache-2.0
"""Reading the vote log back."""

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import vote_log
from tacker_ledger.core import errors
from tacker_ledger.tests import base

_S = bytes(64)


class TestRecords(base.TestCase):
    """Votes come back by height."""

    def test_by_height_proposals_first(self):
        commit = messages.Commit(5, 0, 1, bytes(8), _S)
        prepare = messages.Prepare(5, 0, 2, bytes(8), _S)
        proposal = messages.PrePrepare(5, 0, 0, b'block', _S)
        later = messages.Prepare(7, 0, 1, bytes(8), _S)
        records = vote_log.Records(map(messages.encode, (
            commit, later, prepare, proposal)))
        self.assertEqual([], records.take(4))
        self.assertEqual([proposal, prepare, commit], records.take(5))
        self.assertEqual([], records.take(5))
        self.assertEqual([], records.take(6))
        self.assertEqual([later], records.take(7))

    def test_damaged(self):
        for record in (b'', b'\x00', messages.encode(messages.Ping(1))):
            self.assertRaises(errors.CorruptStore, vote_log.Records,
                              [record])
