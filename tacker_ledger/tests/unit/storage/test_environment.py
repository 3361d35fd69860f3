# SPDX-License-Identifier: Apache-2.0
"""Tests of the LMDB environment, the vote log, the writer and the lock."""

import subprocess
import sys
import threading

from tacker_ledger.core import errors
from tacker_ledger.storage import environment
from tacker_ledger.storage import lock
from tacker_ledger.storage import votes
from tacker_ledger.storage import writer
from tacker_ledger.tests import base

CHAIN = b'c' * 32


class EnvironmentCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.make_directory()
        self.env = environment.Environment(self.directory, sync=False,
                                           max_bytes=1 << 21)
        self.addCleanup(self.env.close)


#: Tries to be the first process to open an environment, as LMDB does.
_FIRST = """
import fcntl, sys
with open(sys.argv[1], 'r+b') as file:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
"""


class TestLocks(base.TestCase):

    def first(self, path) -> bool:
        """Return whether another process would take it for its own."""
        return subprocess.run([sys.executable, '-c', _FIRST, str(path)],
                              capture_output=True,
                              check=False).returncode == 0

    def test_nobody_begins_the_table_of_readers_anew(self):
        """A process that opens it later must not think it is the first."""
        directory = self.make_directory()
        path = directory / environment.DIRECTORY / 'lock.mdb'
        with environment.Environment(directory, max_bytes=1 << 24):
            self.assertFalse(self.first(path))
        self.assertTrue(self.first(path))


class TestEnvironment(EnvironmentCase):

    def test_it_belongs_to_one_chain(self):
        self.assertIsNone(self.env.chain_id())
        self.env.bind(CHAIN)
        self.env.bind(CHAIN)
        self.assertEqual(CHAIN, self.env.chain_id())
        self.assertRaises(errors.WrongFederation, self.env.bind, bytes(32))

    def test_another_format(self):
        self.env.bind(CHAIN)
        with self.env.write() as txn:
            environment.put(txn, self.env.meta, b'format',
                            b'tacker-ledger/3')
        self.assertRaises(errors.UnsupportedVersion, self.env.bind, CHAIN)

    def test_a_full_store_keeps_what_it_has(self):
        def fill():
            with self.env.write() as txn:
                for number in range(100):
                    environment.put(txn, self.env.bodies, b'%d' % number,
                                    bytes(100_000))
        self.assertRaises(errors.StorageFailed, fill)
        with self.env.read() as txn:
            self.assertIsNone(environment.last(txn, self.env.bodies))
        with self.env.write() as txn:
            environment.put(txn, self.env.bodies, b'small', b'fits')

    def test_what_a_failed_job_wrote_is_gone(self):
        def fail():
            with self.env.write() as txn:
                environment.put(txn, self.env.meta, b'k', b'v')
                raise errors.CorruptStore('no')
        self.assertRaises(errors.CorruptStore, fail)
        with self.env.read() as txn:
            self.assertIsNone(environment.get(txn, self.env.meta, b'k'))

    def test_a_read_sees_one_moment(self):
        with self.env.read() as before:
            with self.env.write() as txn:
                environment.put(txn, self.env.meta, b'k', b'v')
            self.assertIsNone(environment.get(before, self.env.meta, b'k'))

    def test_scan_and_last(self):
        keys = [b'a1', b'a2', b'b1', b'b2']
        with self.env.write() as txn:
            for key in keys:
                environment.put(txn, self.env.meta, key, key)
        with self.env.read() as txn:
            def found(**bounds):
                return [key for key, _ in environment.scan(
                    txn, self.env.meta, **bounds)]
            self.assertEqual(keys, found())
            self.assertEqual(keys[1:], found(start=b'a2'))
            self.assertEqual(keys[:2], found(prefix=b'a'))
            self.assertEqual(keys[1:2], found(start=b'a2', prefix=b'a'))
            self.assertEqual([], found(prefix=b'c'))
            last = environment.last
            self.assertEqual((b'b2', b'b2'), last(txn, self.env.meta))
            self.assertEqual((b'a2', b'a2'), last(txn, self.env.meta, b'b'))
            self.assertIsNone(last(txn, self.env.meta, b'a'))
            self.assertEqual((b'b2', b'b2'), last(txn, self.env.meta, b'z'))

    def test_no_directory(self):
        self.assertRaises(errors.NotFound, environment.Environment,
                          self.directory / 'none', readonly=True)
        file = self.directory / 'file'
        file.write_bytes(b'')
        self.assertRaises(errors.CorruptStore, environment.Environment,
                          file)

    def test_a_damaged_file(self):
        other = self.make_directory()
        (other / 'ledger.mdb').mkdir()
        (other / 'ledger.mdb' / 'data.mdb').write_bytes(b'x' * 20_000)
        self.assertRaises(errors.CorruptStore, environment.Environment,
                          other)


class TestChecksums(EnvironmentCase):

    def setUp(self):
        super().setUp()
        with self.env.write() as txn:
            environment.put(txn, self.env.state, b'key', b'value')
            self.stored = txn.get(b'key', db=self.env.state.handle)

    def assert_damaged(self):
        readers = (
            lambda txn: environment.get(txn, self.env.state, b'key'),
            lambda txn: environment.last(txn, self.env.state),
            lambda txn: list(environment.scan(txn, self.env.state)))
        for reader in readers:
            with self.env.read() as txn:
                error = self.assertRaises(errors.CorruptStore, reader, txn)
                self.assertEqual('state', error.details['database'])

    def put_raw(self, stored, key=b'key'):
        with self.env.write() as txn:
            txn.put(key, stored, db=self.env.state.handle)

    def test_every_flipped_bit_is_noticed(self):
        for at in range(8 * len(self.stored)):
            changed = bytearray(self.stored)
            changed[at // 8] ^= 1 << at % 8
            self.put_raw(bytes(changed))
            self.assert_damaged()

    def test_a_record_that_is_cut_or_empty(self):
        for size in range(len(self.stored)):
            self.put_raw(self.stored[:size])
            self.assert_damaged()

    def test_a_record_under_another_key_or_in_another_database(self):
        with self.env.write() as txn:
            environment.put(txn, self.env.usage, b'key', b'value')
            other = txn.get(b'key', db=self.env.usage.handle)
            environment.put(txn, self.env.state, b'yek', b'value')
            moved = txn.get(b'yek', db=self.env.state.handle)
            environment.delete(txn, self.env.state, b'yek')
        for stored in (other, moved):
            self.put_raw(stored)
            self.assert_damaged()

    def test_a_store_without_them(self):
        with self.env.write() as txn:
            txn.put(b'format', b'tacker-ledger/1', db=self.env.meta.handle)
        self.assertRaises(errors.UnsupportedVersion, self.env.bind, CHAIN)


class TestVoteLog(EnvironmentCase):

    def setUp(self):
        super().setUp()
        self.votes = votes.VoteLog(self.env)

    def add(self, height, *records):
        with self.env.write() as txn:
            self.votes.add(txn, height, records)

    def load(self):
        with self.env.read() as txn:
            return self.votes.load(txn)

    def test_in_the_order_they_came(self):
        self.add(7, b'c')
        self.add(5, b'a')
        self.add(5, b'b', b'')
        self.add(7, b'd')
        self.assertEqual([b'a', b'b', b'', b'c', b'd'], self.load())

    def test_pruned_by_height(self):
        self.add(5, b'a')
        self.add(6, b'b', b'c')
        self.add(7, b'd')
        with self.env.write() as txn:
            self.votes.prune(txn, 6)
        self.assertEqual([b'd'], self.load())

    def test_damage_is_noticed(self):
        self.add(5, b'a record')
        for at in (0, -1):
            with self.env.write() as txn:
                key, value = environment.last(txn, self.env.votes)
                changed = bytearray(value)
                changed[at] ^= 1
                environment.put(txn, self.env.votes, key, bytes(changed))
            self.assertRaises(errors.CorruptStore, self.load)
            with self.env.write() as txn:
                environment.put(txn, self.env.votes, key, value)
        self.assertEqual([b'a record'], self.load())


class TestWriter(EnvironmentCase):

    def setUp(self):
        super().setUp()
        self.writer = writer.Writer(self.env)

    def put(self, key, value=b''):
        return lambda txn: environment.put(txn, self.env.meta, key,
                                           value)

    def keys(self):
        with self.env.read() as txn:
            return [key for key, _ in environment.scan(txn, self.env.meta)]

    def test_jobs_that_wait_share_a_commit(self):
        commits = []
        original = self.env.write
        self.patch(self.env, 'write', lambda: (
            commits.append(1), original())[1])
        futures = [self.writer.submit(self.put(b'%d' % number))
                   for number in range(9)]
        self.writer.start()
        self.assertEqual([True] * 9, [future.result() for future in futures])
        self.assertEqual(1, len(commits))
        self.assertEqual(9, len(self.keys()))
        self.writer.stop()

    def test_a_job_that_fails_fails_alone(self):
        def fail(txn):
            environment.put(txn, self.env.meta, b'half', b'')
            raise errors.CorruptStore('no')
        futures = [self.writer.submit(self.put(b'a')),
                   self.writer.submit(fail),
                   self.writer.submit(self.put(b'b'))]
        self.writer.start()
        self.assertRaises(errors.CorruptStore, futures[1].result)
        futures[2].result()
        self.assertEqual([b'a', b'b'], self.keys())
        self.writer.stop()

    def test_what_follows_a_commit_sees_it_and_comes_before_later_jobs(self):
        order = []
        self.writer.submit(self.put(b'a'),
                           lambda: order.append(('after', self.keys())))
        last = self.writer.submit(
            lambda txn: order.append(('job', threading.current_thread())))
        self.writer.start()
        last.result()
        self.assertEqual([('after', [b'a']), ('job', self.writer)], order)
        self.writer.stop()

    def test_after_a_stop_nothing_is_taken(self):
        first = self.writer.submit(self.put(b'a'))
        self.writer.start()
        self.writer.stop()
        self.assertTrue(first.result())
        self.assertRaises(errors.ShuttingDown, self.writer.submit(
            self.put(b'b')).result)
        self.assertEqual([b'a'], self.keys())


class TestLock(base.TestCase):

    def test_one_at_a_time(self):
        directory = self.make_directory()
        with lock.DirectoryLock(directory) as held:
            self.assertRaises(errors.Busy, lock.DirectoryLock, directory)
            held.close()
            lock.DirectoryLock(directory).close()
        self.assertRaises(errors.NotFound, lock.DirectoryLock,
                          directory / 'none')
