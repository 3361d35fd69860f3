# SPDX-License-Identifier: Apache-2.0
"""Tests of the reason for doubt as it is kept."""

from tacker_ledger.core import errors
from tacker_ledger.storage import doubt
from tacker_ledger.storage import environment
from tacker_ledger.tests import base


class TestDoubt(base.TestCase):

    def setUp(self):
        super().setUp()
        self.env = environment.Environment(self.make_directory(),
                                           max_bytes=1 << 24)
        self.addCleanup(self.env.close)

    def write(self, reason):
        with self.env.write() as txn:
            doubt.write(self.env, txn, reason)

    def read(self):
        with self.env.read() as txn:
            return doubt.read(self.env, txn)

    def test_a_reason_is_kept_until_it_is_removed(self):
        self.assertEqual('', self.read())
        self.write('')
        self.write('restored, höhe 7')
        self.assertEqual('restored, höhe 7', self.read())
        self.write('')
        self.assertEqual('', self.read())

    def test_a_long_one_is_cut(self):
        self.write('ö' * 10_000)
        self.assertEqual('ö' * 500, self.read())

    def test_a_damaged_one_is_doubt_too(self):
        with self.env.write() as txn:
            environment.put(txn, self.env.meta, b'doubt', b'\xff')
        self.assertRaises(errors.CorruptStore, self.read)
