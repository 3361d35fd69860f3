# SPDX-License-Identifier: Apache-2.0
"""Tests of copying a store that lives, and of putting one in place."""

import pathlib

from tacker_ledger.core import errors
from tacker_ledger.storage import backup
from tacker_ledger.storage import doubt
from tacker_ledger.storage import environment
from tacker_ledger.storage import lock
from tacker_ledger.storage import store
from tacker_ledger.tests import federations
from tacker_ledger.tests.unit.storage import stores


class BackupCase(stores.StoreCase):

    def setUp(self):
        super().setUp()
        self.stored.commit(self.stored.digest('one'))
        self.stored.commit(self.stored.digest('two'))
        self.source = self.stored.store.env.directory
        self.target = self.make_directory() / 'copy'
        self.reports = []

    def copy(self):
        """Copy in this process, which has the store open already."""
        self.stored.store.env.copy(self.target)
        return self.target

    def examine(self, directory):
        return backup.examine(directory, federations.PROVIDER,
                              self.reports.append)


class TestCopy(BackupCase):

    def test_a_copy_is_of_one_moment(self):
        target = self.copy()
        at = self.stored.store.head()
        self.stored.commit(self.stored.digest('three'))
        found = self.examine(target)
        self.assertEqual(
            {'chain_id': self.h.chain_id.hex(), 'height': 2,
             'head_digest': at.digest.hex(), 'time_ms': at.time_ms,
             'transactions': 2}, found)

    def test_a_closed_store_is_copied_in_another_process(self):
        self.stored.close()
        backup.copy(self.source, self.target, self.reports.append)
        self.assertEqual(2, self.examine(self.target)['height'])
        self.assertGreaterEqual(backup.size_bytes(self.source),
                                backup.size_bytes(self.target))
        # not over one that is there
        self.assertRaises(errors.StorageFailed, backup.copy, self.source,
                          self.target, self.reports.append)

    def test_without_a_store_there_is_nothing_to_copy(self):
        self.assertRaises(errors.NotFound, backup.size_bytes,
                          self.make_directory())

    def test_a_head_that_is_not_certified(self):
        target = self.copy()
        env = environment.Environment(target)
        with env.write() as txn:
            key = environment.U64.pack(2)
            raw = environment.get(txn, env.headers, key)
            environment.put(txn, env.headers, key, raw[:-1] + bytes(
                [raw[-1] ^ 1]))
        env.close()
        error = self.assertRaises(errors.CorruptStore, self.examine, target)
        self.assertIn('not certified', error.message)

    def test_a_record_that_is_damaged(self):
        target = self.copy()
        env = environment.Environment(target)
        with env.write() as txn:
            environment.put(txn, env.txids, bytes(32), bytes(12))
        env.close()
        self.assertRaises(errors.CorruptStore, self.examine, target)


class TestPlacement(BackupCase):

    def place(self):
        self.home = self.make_directory()
        with lock.DirectoryLock(self.home):
            self.assertTrue(backup.is_vacant(self.home))
            placement = backup.Placement(self.home)
            path = placement.prepare()
            path.write_bytes(backup.data_path(self.copy()).read_bytes())
            # broken off before it is done, it counts for nothing
            self.assertTrue(backup.is_vacant(self.home))
            placement.finish('restored')
        return self.home

    def test_it_is_marked_before_a_node_can_open_it(self):
        home = self.place()
        self.assertFalse(backup.is_vacant(home))
        self.assertEqual({'lock', 'ledger.mdb'}, {
            path.name for path in pathlib.Path(home).iterdir()})
        opened = store.LedgerStore(
            home, self.stored.made.federation,
            self.stored.made.signed.to_bytes(), max_bytes=1 << 26)
        try:
            self.assertEqual(2, opened.head().height)
            self.assertEqual('restored', opened.doubt())
            opened.keep_doubt('').result()
            self.assertEqual('', opened.doubt())
        finally:
            opened.close()

    def test_what_was_broken_off_is_begun_anew(self):
        home = self.make_directory()
        first = backup.Placement(home)
        first.prepare().write_bytes(b'half')
        again = backup.Placement(home)
        path = again.prepare()
        self.assertFalse(path.exists())
        path.write_bytes(backup.data_path(self.copy()).read_bytes())
        again.finish('restored')
        env = environment.Environment(home, readonly=True)
        self.addCleanup(env.close)
        with env.read() as txn:
            self.assertEqual('restored', doubt.read(env, txn))
