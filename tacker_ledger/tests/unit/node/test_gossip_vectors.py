# SPDX-License-Identifier: Apache-2.0
"""Enrolment frames agree with their golden vectors."""

from tacker_ledger.core import errors
from tacker_ledger.node import gossip
from tacker_ledger.tests import base
from tacker_ledger.tests import vectors


class TestVectors(base.TestCase):
    """Each kind is read and written as it stands there."""

    def setUp(self):
        super().setUp()
        self.vectors = vectors.load('enrolment-frames')

    def test_accepted(self):
        digest = gossip.digest_of(
            (bytes.fromhex(one['key_id']), one['label'])
            for one in self.vectors['keys'])
        for case in self.vectors['accepted']:
            frame = bytes.fromhex(case['frame'])
            self.assertTrue(gossip.is_gossip(frame))
            found = gossip.decode(frame, self.vectors['member'])
            self.assertEqual(case['kind'], found.KIND)
            self.assertEqual(frame, gossip.encode(found))
            if isinstance(found, gossip.Summary):
                self.assertEqual(digest, found.digest)

    def test_refused(self):
        for case in self.vectors['refused']:
            self.assertRaises(
                errors.LedgerError, gossip.decode,
                bytes.fromhex(case['frame']), self.vectors['member'])
