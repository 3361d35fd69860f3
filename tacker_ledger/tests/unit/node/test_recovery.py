# SPDX-License-Identifier: Apache-2.0
"""S19: after a refusal of the disk nothing is written until all is reread."""

import asyncio
import contextlib
import os
import types

from tacker_ledger.core import errors
from tacker_ledger.node import recovery
from tacker_ledger.storage import data_file
from tacker_ledger.storage import environment
from tacker_ledger.storage import state
from tacker_ledger.tests.unit.storage import stores


class RecoveryCase(stores.StoreCase):

    def setUp(self):
        super().setUp()
        self.stored.commit(self.stored.digest('one'))
        self.store = self.stored.store

    @contextlib.contextmanager
    def failing_fsync(self):
        """Let every commit fail as a failed fsync does (``lmdb.DiskError``).

        The kernel cannot be made to fail one here, so the commit is undone
        and reported as failed.
        """
        original = self.store.env.write

        @contextlib.contextmanager
        def write():
            with original() as txn:
                yield txn
                txn.abort()
            raise errors.StorageFailed('The chain cannot be written: '
                                       'Input/output error')
        self.store.env.write = write
        try:
            yield
        finally:
            self.store.env.write = original


class TestWriter(RecoveryCase):

    def test_s19_nothing_is_written_after_a_failed_fsync(self):
        """S19: what came after it fails too, although the disk is back."""
        with self.failing_fsync():
            first = self.store.persist(2, [b'a vote'])
            self.assertRaises(errors.StorageFailed, first.result)
        for later in (self.store.persist(2, [b'another']),
                      self.store.write(lambda txn: None)):
            error = self.assertRaises(errors.StorageFailed, later.result)
            self.assertIn('Input/output error', error.message)
        self.assertEqual([], self.store.vote_records())
        # reading goes on
        self.assertEqual(1, self.store.head().height)
        # and the next process relies on nothing but what is durable
        self.stored.close()
        self.assertFalse(self.is_clean())
        self.store = self.stored.open()
        self.assertEqual([], self.store.vote_records())
        self.store.persist(2, [b'a vote']).result()
        self.assertEqual([b'a vote'], self.store.vote_records())

    def is_clean(self):
        with environment.Environment(self.directory,
                                     max_bytes=1 << 28) as env:
            with env.read() as txn:
                return state.is_clean(env, txn)

    def test_s19_all_that_shared_the_commit_fail(self):
        with self.failing_fsync():
            futures = [self.store.persist(2, [bytes([number])])
                       for number in range(5)]
            for future in futures:
                self.assertRaises(errors.StorageFailed, future.result)

    def test_a_fault_of_a_job_is_no_refusal_of_the_disk(self):
        def fail(txn):
            raise errors.CorruptStore('no')
        self.assertRaises(errors.CorruptStore,
                          self.store.write(fail).result)
        self.store.write(lambda txn: None).result()


class TestRecovery(RecoveryCase):

    def test_a_disk_is_tried_by_writing(self):
        recovery.try_disk(self.directory)
        self.assertFalse((self.directory / 'trial').exists())
        self.assertRaises(errors.StorageFailed, recovery.try_disk,
                          self.directory / 'none')

        def refuse(descriptor):
            raise OSError(28, 'No space left on device')
        self.patch(os, 'fsync', refuse)
        error = self.assertRaises(errors.StorageFailed, recovery.try_disk,
                                  self.directory)
        self.assertIn('No space', error.message)
        self.assertFalse((self.directory / 'trial').exists())

    def run_watch(self, voting, change, mended=False):
        """Return what the watch returned after a change."""
        async def run():
            task = asyncio.create_task(recovery.has_to_start_over(
                voting, self.store, mended, 0.01))
            await asyncio.sleep(0.05)
            self.assertFalse(task.done())
            change()
            async with asyncio.timeout(30):
                return await task
        return asyncio.run(run())

    def test_it_waits_for_the_disk(self):
        voting = types.SimpleNamespace(problem=errors.StorageFailed('full'))
        tries = []

        def refuse(directory):
            tries.append(directory)
            raise errors.StorageFailed('No space left on device.')
        original = recovery.try_disk
        recovery.try_disk = refuse
        self.addCleanup(setattr, recovery, 'try_disk', original)
        self.run_watch(voting,
                       lambda: setattr(recovery, 'try_disk', original))
        self.assertTrue(tries)
        said = self.log.output
        for line in ('only reads until it takes writes again: full',
                     'The disk still refuses: No space left',
                     'The disk takes writes again'):
            self.assertEqual(1, said.count(line), said)

    def test_other_troubles_are_not_its(self):
        voting = types.SimpleNamespace(problem=errors.CorruptStore('no'))
        self.assertFalse(self.run_watch(voting, lambda: setattr(
            voting, 'problem', errors.StorageFailed('full'))))

    def test_any_write_that_fails_halts(self):
        voting = types.SimpleNamespace(problem=None)
        voting.halted = lambda code, reason: setattr(
            voting, 'problem', errors.ALL_CODES[code](reason))

        def fail():
            with self.failing_fsync():
                self.assertRaises(errors.StorageFailed, self.store.write(
                    lambda txn: None).result)
        self.assertFalse(self.run_watch(voting, fail))
        self.assertEqual('storage-failed', voting.problem.code)

    def test_damage_is_looked_at_once(self):
        voting = types.SimpleNamespace(problem=errors.BadBlock('no'))
        self.assertTrue(self.run_watch(
            voting, lambda: self.store.suspect('a block is refused')))
        self.assertFalse(self.run_watch(voting, lambda: setattr(
            voting, 'problem', errors.StorageFailed('full')), mended=True))

    def test_a_full_map_is_no_full_disk(self):
        self.patch(recovery, 'ROOM_BYTES', 1 << 40)
        error = self.assertRaises(errors.StorageFailed, recovery._look,
                                  self.store.env)
        self.assertIn('storage_max_gib', error.message)

    def test_what_is_read_next_comes_from_the_disk(self):
        self.stored.close()
        recovery.forget_cached(self.directory)
        self.stored.open()
        self.assertEqual(1, self.stored.store.head().height)
        self.assertRaises(errors.StorageFailed, recovery.forget_cached,
                          self.directory / 'none')
        self.assertTrue(data_file.check(self.directory / 'ledger.mdb'))
