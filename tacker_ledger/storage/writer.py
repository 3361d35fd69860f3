# SPDX-License-Identifier: Apache-2.0
"""The one thread that writes to LMDB.

The event loop hands jobs over and goes on; jobs which wait while a commit
forces the disk share the next commit.  A job is reported done only after
its transaction is durable.

After a write or an fsync has failed nothing is written any more: what the
disk then holds is not known to this process, so it must not build on it.
"""

from collections.abc import Callable
import concurrent.futures
import queue
import threading
from typing import Any

import lmdb

from tacker_ledger.core import errors
from tacker_ledger.storage import environment

Job = Callable[[lmdb.Transaction], Any]
_JOBS_PER_COMMIT_MAX = 64


class _Item:
    """A job, what follows its commit, and where its result goes."""

    __slots__ = ('after', 'future', 'job', 'result')

    def __init__(self, job: Job, after: Callable[[], None] | None) -> None:
        self.job = job
        self.after = after
        self.future: concurrent.futures.Future[Any] = (
            concurrent.futures.Future())
        self.result: Any = None


class Writer(threading.Thread):
    """Runs jobs in write transactions, in the order they came.

    :param env: what is written to
    """

    def __init__(self, env: environment.Environment) -> None:
        super().__init__(name='ledger-writer', daemon=True)
        self._env = env
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._closed = False
        #: The first failure of the disk; nothing is written after it.
        self.failure: errors.StorageFailed | None = None

    def submit(self, job: Job, after: Callable[[], None] | None = None
               ) -> concurrent.futures.Future[Any]:
        """Queue a job; the future has its result once it is durable.

        :param job: called with the write transaction
        :param after: called in the writer's thread when the commit is
            durable, before any later job starts
        :returns: fails with what the job raised, or with StorageFailed
        """
        item = _Item(job, after)
        if self._closed:
            item.future.set_exception(
                errors.ShuttingDown('The store is closed.'))
        else:
            self._queue.put(item)
        return item.future

    def stop(self) -> None:
        """Finish what is queued and end."""
        self._closed = True
        self._queue.put(None)
        if self.is_alive():
            self.join()

    def run(self) -> None:
        """Take jobs until stopped."""
        while True:
            item = self._queue.get()
            if item is None:
                return
            items = [item]
            # what follows a commit comes before any later job
            while (items[-1].after is None
                   and len(items) < _JOBS_PER_COMMIT_MAX):
                try:
                    following = self._queue.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    self._commit(items)
                    return
                items.append(following)
            self._commit(items)

    def _commit(self, items: list[_Item]) -> None:
        try:
            self._together(items)
        except errors.StorageFailed as error:
            self.failure = self.failure or error
            for item in items:
                item.future.set_exception(self.failure)
        except Exception as error:  # noqa: BLE001 - goes to the caller
            if len(items) == 1:
                items[0].future.set_exception(error)
                return
            # each alone, so that only the job at fault fails
            for item in items:
                self._commit([item])
        else:
            self._finish(items)

    def _together(self, items: list[_Item]) -> None:
        if self.failure is not None:
            raise self.failure
        with self._env.write() as txn:
            for item in items:
                item.result = item.job(txn)

    @staticmethod
    def _finish(items: list[_Item]) -> None:
        for item in items:
            try:
                if item.after is not None:
                    item.after()
            except Exception as error:  # noqa: BLE001 - goes to the caller
                item.future.set_exception(error)
            else:
                item.future.set_result(item.result)
