# SPDX-License-Identifier: Apache-2.0
"""The tenant's directory."""

import multiprocessing
import stat

from tacker_ledger.core import errors
from tacker_ledger.tenant_client import store
from tacker_ledger.tests import base


def _count(directory, times):
    subject = store.Store(directory)
    for _ in range(times):
        with subject.locked():
            value = int(subject.read('count', 100) or b'0')
            subject.write('count', str(value + 1).encode())


class TestStore(base.TestCase):
    """Files are whole, private and one writer's at a time."""

    def setUp(self):
        super().setUp()
        self.directory = self.make_directory() / 'a' / 'b'
        self.subject = store.Store(self.directory)

    def test_reading_makes_nothing(self):
        self.assertIsNone(self.subject.read('x', 10))
        self.assertEqual([], self.subject.names('folder', '.x'))
        self.assertFalse(self.directory.exists())

    def test_modes(self):
        self.subject.write('folder/x', b'1')
        self.assertEqual(0o700, stat.S_IMODE(self.directory.stat().st_mode))
        self.assertEqual(0o600, stat.S_IMODE(
            self.subject.path('folder/x').stat().st_mode))

    def test_names(self):
        for name in ('folder/b.x', 'folder/a.x', 'folder/c.y',
                     'folder/.d.x'):
            self.subject.write(name, b'')
        self.assertEqual(['folder/a.x', 'folder/b.x'],
                         self.subject.names('folder', '.x'))

    def test_too_long(self):
        self.subject.write('x', b'12345')
        self.assertEqual(b'12345', self.subject.read('x', 5))
        self.assertRaises(errors.CorruptStore, self.subject.read, 'x', 4)

    def test_open_to_others(self):
        self.subject.write('x', b'1')
        self.subject.path('x').chmod(0o644)
        self.assertRaises(errors.BadOption, self.subject.read, 'x', 10)

    def test_a_file_where_a_directory_should_be(self):
        self.subject.write('x', b'1')
        self.assertRaises(errors.BadOption, self.subject.write, 'x/y', b'')
        blocked = store.Store(self.subject.path('x'))
        self.assertRaises(errors.BadOption, blocked.write, 'y', b'')

    def test_the_lock_nests(self):
        with self.subject.locked():
            with self.subject.locked():
                self.subject.write('x', b'1')
        with self.subject.locked():
            pass

    def test_the_lock_keeps_other_processes_out(self):
        context = multiprocessing.get_context('spawn')
        workers = [context.Process(target=_count, args=(self.directory, 20))
                   for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(b'60', self.subject.read('count', 100))
