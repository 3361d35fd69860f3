# SPDX-License-Identifier: Apache-2.0
"""Accepted transactions outlive the process."""

import os

from tacker_ledger.core import errors
from tacker_ledger.storage import journal
from tacker_ledger.tests import base


class TestJournal(base.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.make_directory()
        self.path = self.directory / journal.FILE
        self.open()

    def open(self, max_bytes=1_000):
        self.journal = journal.Journal(self.directory, max_bytes)
        self.addCleanup(self.journal.close)

    def test_there_and_back(self):
        self.assertEqual([], self.journal.load())
        self.journal.append([b'one', b'two'])
        self.journal.append([b'three'])
        self.open()
        self.assertEqual([b'one', b'two', b'three'], self.journal.load())
        self.journal.append([b'four'])
        self.assertEqual(4, len(self.journal.load()))
        self.assertEqual(0o600, self.path.stat().st_mode & 0o777)

    def test_a_torn_tail_costs_nothing_before_it(self):
        self.journal.append([b'one', b'two'])
        whole = self.path.read_bytes()
        for length in range(len(whole)):
            self.path.write_bytes(whole[:length])
            self.assertEqual([b'one'][:length // 11], self.journal.load())

    def test_a_flipped_bit_ends_what_is_believed(self):
        self.journal.append([b'one', b'two', b'three'])
        data = bytearray(self.path.read_bytes())
        data[11 + 8] ^= 1
        self.path.write_bytes(data)
        self.assertEqual([b'one'], self.journal.load())
        self.path.write_bytes(b'\xff' * 100)
        self.assertEqual([], self.journal.load())

    def test_emptied_when_nothing_waits(self):
        self.journal.append([b'one'])
        self.journal.forget(lambda: self.fail('not asked'), anything=False)
        self.assertEqual(0, self.path.stat().st_size)
        self.journal.append([b'two'])
        self.assertEqual([b'two'], self.journal.load())

    def test_written_anew_when_large(self):
        for number in range(100):
            self.journal.append([b'%03d' % number])
            self.journal.forget(lambda: [b'098', b'099'], anything=True)
        self.assertGreater(1_100, self.path.stat().st_size)
        self.assertEqual([b'098', b'099'], [
            one for one in self.journal.load() if one >= b'098'][:2])
        self.journal.append([b'100'])
        self.assertEqual(b'100', self.journal.load()[-1])
        self.assertEqual([journal.FILE], os.listdir(self.directory))

    def test_a_disk_that_takes_nothing(self):
        self.journal.close()
        self.journal._descriptor = os.open('/dev/full', os.O_WRONLY)
        self.assertRaises(errors.StorageFailed, self.journal.append, [b'one'])
