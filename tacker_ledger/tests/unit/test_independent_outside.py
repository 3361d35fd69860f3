# SPDX-License-Identifier: Apache-2.0
"""The second reader agrees about what leaves the ledger."""

import io

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
