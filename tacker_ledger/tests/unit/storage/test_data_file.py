# SPDX-License-Identifier: Apache-2.0
"""LMDB's file is judged before it is mapped; what lies beside it."""

import os
import shutil
import struct

from tacker_ledger.core import errors
from tacker_ledger.storage import data_file
from tacker_ledger.storage import environment
from tacker_ledger.storage import head_mark
from tacker_ledger.tests import base

PAGE = 4096


class TestDataFile(base.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.make_directory()
        self.env = environment.Environment(self.directory, sync=False,
                                           max_bytes=1 << 24)
        self.addCleanup(self.env.close)
        self.home = self.directory / environment.DIRECTORY
        self.file = self.home / data_file.NAME

    def commit(self, size=5000):
        with self.env.write() as txn:
            environment.put(txn, self.env.meta, b'k', os.urandom(size))

    def test_every_state_that_lmdb_leaves_is_sound(self):
        self.assertTrue(data_file.check(self.home))
        for number in range(40):
            self.commit(100 + 977 * number)
            self.assertTrue(data_file.check(self.home))
        # what an aborted transaction leaves is sound too
        try:
            with self.env.write() as txn:
                environment.put(txn, self.env.meta, b'j', bytes(50_000))
                raise errors.CorruptStore('no')
        except errors.CorruptStore:
            pass
        self.commit()
        self.assertTrue(data_file.check(self.home))

    def test_a_copy_in_either_form_is_sound(self):
        for number in range(3):
            self.commit()
        for compact in (False, True):
            target = self.make_directory()
            self.env._lmdb.copy(str(target), compact=compact)
            self.assertTrue(data_file.check(target))

    def test_a_cut_file(self):
        self.commit(60_000)
        os.truncate(self.file, self.file.stat().st_size - PAGE)
        self.assertFalse(data_file.check(self.home))
        os.truncate(self.file, 2 * PAGE - 1)
        self.assertFalse(data_file.check(self.home))
        for size in (PAGE + 50, PAGE, 100, 1):
            os.truncate(self.file, size)
            self.assertRaises(errors.CorruptStore, data_file.check,
                              self.home)
        os.truncate(self.file, 0)
        self.assertRaises(errors.NotFound, data_file.check, self.home)
        self.file.unlink()
        self.assertRaises(errors.NotFound, data_file.check, self.home)

    def test_torn_meta_pages(self):
        self.commit()
        self.commit()
        whole = self.file.read_bytes()
        numbers = [struct.unpack_from('=Q', whole, page + 144)[0]
                   for page in (0, PAGE)]
        self.assertEqual(1, abs(numbers[0] - numbers[1]), numbers)
        for page in (0, PAGE):
            for offset, value in ((16, 0), (20, 7), (40, 12345),
                                  (144, 1 << 40), (144, 0)):
                changed = bytearray(whole)
                struct.pack_into('=I' if offset < 100 else '=Q', changed,
                                 page + offset, value)
                copy = self.make_directory()
                (copy / data_file.NAME).write_bytes(changed)
                self.assertRaises(errors.CorruptStore, data_file.check,
                                  copy)

    def test_no_room_is_an_error_not_a_signal(self):
        sparse = self.make_directory() / 'sparse'
        with open(sparse, 'wb') as file:
            file.truncate(1 << 20)
        self.assertEqual(0, os.stat(sparse).st_blocks)
        environment.reserve(sparse)
        self.assertGreaterEqual(os.stat(sparse).st_blocks * 512, 1 << 20)
        self.assertRaises(OSError, environment.reserve,
                          sparse.with_name('none'))


class TestHeadMark(base.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.make_directory()

    def test_the_newest_height_is_read_back(self):
        self.assertIsNone(head_mark.read(self.directory))
        mark = head_mark.HeadMark(self.directory)
        for height in (1, 2, 2 ** 40):
            mark.write(height)
            self.assertEqual(height, head_mark.read(self.directory))
        mark.close()
        mark = head_mark.HeadMark(self.directory)
        self.assertEqual(2 ** 40, head_mark.read(self.directory))
        mark.close()

    def test_a_damaged_mark_is_none(self):
        mark = head_mark.HeadMark(self.directory)
        mark.write(77)
        mark.close()
        file = self.directory / 'head'
        whole = file.read_bytes()
        for at in range(len(whole)):
            changed = bytearray(whole)
            changed[at] ^= 4
            file.write_bytes(changed)
            self.assertIsNone(head_mark.read(self.directory))
        for size in range(len(whole)):
            file.write_bytes(whole[:size])
            self.assertIsNone(head_mark.read(self.directory))

    def test_suspicions_and_runs(self):
        self.assertEqual('', head_mark.suspicion(self.directory))
        head_mark.suspect(self.directory, 'a page')
        self.assertEqual('a page', head_mark.suspicion(self.directory))
        head_mark.clear(self.directory)
        head_mark.clear(self.directory)
        self.assertEqual('', head_mark.suspicion(self.directory))
        self.assertEqual([0, 1, 2], [head_mark.begun(self.directory)
                                     for _ in range(3)])
        head_mark.ended(self.directory)
        head_mark.ended(self.directory)
        self.assertEqual(0, head_mark.begun(self.directory))

    def test_a_disk_that_refuses_costs_the_note(self):
        shutil.rmtree(self.directory)
        head_mark.suspect(self.directory, 'a page')
        self.assertEqual(0, head_mark.begun(self.directory))
        self.directory.mkdir()
