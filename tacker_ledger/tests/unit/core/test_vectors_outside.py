# SPDX-License-Identifier: Apache-2.0
"""The code agrees with the vectors of what leaves the ledger."""

import io

from tacker_ledger.core.configuration import console_block
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import export_verifier
from tacker_ledger.tests import base
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import keys

unhex = bytes.fromhex
PROVIDER = providers.default()


class TestConsoleBlocks(base.TestCase):
    """What VNFs print, and what is passed over."""

    def setUp(self):
        super().setUp()
        self.vectors = vectors.load('console-blocks')
        self.h = hashing.hasher(unhex(self.vectors['chain_id']))

    def read(self, text):
        (found,) = console_block.find(text)
        return console_block.parse(self.h, PROVIDER, found)

    def test_accepted(self):
        for case in self.vectors['accepted']:
            found = self.read('noise\n' + case['text'])
            self.assertEqual(
                (case['instance'], case['vnf_key'], case['receipt_key'],
                 case['time_ms']),
                (found.instance_uuid, found.vnf_key.to_bytes().hex(),
                 found.receipt_key.to_bytes().hex(), found.time_ms))
            self.assertEqual(case['text'], console_block.make(
                self.h, keys.curve(PROVIDER, 'console vnf'),
                keys.curve(PROVIDER, 'console receipt', False),
                case['instance'], case['time_ms']))

    def test_refused(self):
        for case in self.vectors['refused']:
            self.assertRaises(errors.LedgerError, self.read, case['text'])


class TestExports(base.TestCase):
    """Streams that verify from genesis, and streams that do not."""

    def setUp(self):
        super().setUp()
        self.vectors = vectors.load('exports')
        self.h = hashing.hasher(unhex(self.vectors['chain_id']))

    def verify(self, stream):
        return list(export_verifier.verify_export(
            self.h, PROVIDER, io.BytesIO(stream)))

    def test_accepted(self):
        for case in self.vectors['accepted']:
            last = self.verify(unhex(case['stream']))[-1]
            self.assertEqual(case['height'], last.height)

    def test_refused(self):
        believed = []
        for case in self.vectors['refused']:
            try:
                self.verify(unhex(case['stream']))
            except errors.LedgerError:
                continue
            believed.append(case['why'])
        self.assertEqual([], believed)
