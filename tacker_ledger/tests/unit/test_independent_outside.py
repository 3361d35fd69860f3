# SPDX-License-Identifier: Apache-2.0
"""The second reader agrees about what leaves the ledger."""

import hashlib
import io

from tacker_ledger.tests.independent import cbor
from tacker_ledger.tests.independent import console
from tacker_ledger.tests.independent import export
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests import independent_cases

unhexed = bytes.fromhex


class TestConsoleBlocks(independent_cases.IndependentTestCase):
    """What VNFs print."""

    def test_vectors(self):
        """The block is read, what is wrong is passed over."""
        loaded = self.load('console-blocks')
        chain_id = unhexed(loaded['chain_id'])
        for case in loaded['accepted']:
            found = console.read(chain_id, case['text'], case['instance'])
            self.assertEqual(case['time_ms'], found.time_ms)
        instance = loaded['accepted'][0]['instance']
        for case in loaded['refused']:
            self.assertRaises(refusal.Refused, console.read, chain_id,
                              case['text'], instance)


class TestExports(independent_cases.IndependentTestCase):
    """Exported chains."""

    def test_vectors(self):
        """What verifies does, what does not does not."""
        loaded = self.load('exports')
        chain_id = unhexed(loaded['chain_id'])
        for case in loaded['accepted']:
            found = export.verify(io.BytesIO(unhexed(case['stream'])),
                                  chain_id)
            self.assertEqual(case['height'], found.height)
        for case in loaded['refused']:
            self.assertRaises(refusal.Refused, export.verify,
                              io.BytesIO(unhexed(case['stream'])), chain_id)


class TestEnrolmentFrames(independent_cases.IndependentTestCase):
    """What members tell each other beside the consensus."""

    def test_vectors(self):
        """The fields stand where the page puts them."""
        loaded = self.load('enrolment-frames')
        keys = [[unhexed(one['key_id']), one['label']]
                for one in loaded['keys']]
        frames = {}
        for case in loaded['accepted']:
            frame = unhexed(case['frame'])
            frames[case['kind']] = list(cbor.decode(frame, len(frame)))
        self.assertEqual([20, 21, 22, 23, 24], sorted(frames))
        self.assertEqual([20, *keys[0], 1], frames[20])
        self.assertEqual([21, keys[0][0], 1], frames[21])
        self.assertEqual(
            hashlib.sha256(cbor.encode(keys)).digest(), frames[22][2])
        self.assertEqual([23, 1], frames[23])
        self.assertEqual(keys, [list(one) for one in frames[24][2]])
