# SPDX-License-Identifier: Apache-2.0
"""Tests of leaf files."""

import hashlib

import hypothesis
from hypothesis import strategies as st

from tacker_ledger.core import errors
from tacker_ledger.core.securelog import leaf
from tacker_ledger.core.securelog import transaction
from tacker_ledger.tests import base


class TestLeaf(base.TestCase):

    def test_by_hand(self):
        name = b'tacker-ledger/1/anchor-checkpoint'
        data = (b'\0' + bytes([len(name)]) + name + b'L' * 16
                + b'\0\0\0\x02' + b'\0' * 7 + b'\x64' + b'record')
        self.assertEqual(data, leaf.leaf_file(b'L' * 16, 2, 100, b'record'))
        self.assertEqual(hashlib.sha256(data).digest(),
                         leaf.checkpoint_hash(b'L' * 16, 2, 100, b'record'))

    def test_kinds_differ(self):
        tip = transaction.Outpoint('0a' * 32, 1)
        files = (leaf.leaf_file(bytes(16), 1, 1, b'r'),
                 leaf.ledger_leaf(bytes(32), 1, bytes(32)),
                 leaf.rebase_leaf(tip))
        self.assertEqual(3, len({data[1:30] for data in files}))
        self.assertTrue(files[2].endswith(b'\x0a' * 32 + b'\x01\0\0\0'))
        for data in files[1:]:
            self.assertRaises(errors.Malformed, leaf.parse_leaf_file, data)

    @hypothesis.given(st.binary(min_size=16, max_size=16),
                      st.integers(0, 2 ** 32 - 1),
                      st.integers(0, 2 ** 64 - 1),
                      st.binary(min_size=1, max_size=99))
    def test_round_trip(self, log_id, writer, sequence, record):
        data = leaf.leaf_file(log_id, writer, sequence, record)
        self.assertEqual((log_id, writer, sequence, record),
                         leaf.parse_leaf_file(data))

    @hypothesis.given(st.binary(max_size=120))
    def test_any_bytes(self, data):
        self.assertRaises(errors.Malformed, leaf.parse_leaf_file, data)

    def test_bounds(self):
        data = leaf.leaf_file(bytes(16), 1, 1, bytes(4096))
        for bad in (data + b'x', data[:62]):
            self.assertRaises(errors.Malformed, leaf.parse_leaf_file, bad)
