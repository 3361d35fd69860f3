# SPDX-License-Identifier: Apache-2.0
"""When the disk has refused: waiting for it, and starting over.

A write or an fsync that failed leaves nobody able to say what the disk
holds (the page cache may show what never reached it), so a process that met
one votes no more and writes no more; it goes on reading.  Once the disk
takes and keeps a trial of its own, the store is closed, its cached pages
are dropped, and the node starts over like a fresh process: what is durable
is read again, a new instance is drawn, and the rules of doubt decide.

A node that halted over damage of its own store starts over once: the store
is looked at as at any start, and mended, or refused with what to do.
"""

import asyncio
import os
import pathlib
from typing import Protocol

from oslo_log import log as logging

from tacker_ledger.core import errors
from tacker_ledger.storage import data_file
from tacker_ledger.storage import environment
from tacker_ledger.storage import head_mark
from tacker_ledger.storage import store as store_module

LOG = logging.getLogger(__name__)

#: What has to fit again before it is worth a start: some blocks.
ROOM_BYTES = 8 * 1024 * 1024
PAUSE_MIN_SECONDS = 0.5
PAUSE_MAX_SECONDS = 10.0
_TRIAL_FILE = 'trial'
_CHUNK = bytes(1024 * 1024)


class Voting(Protocol):
    """What is asked of the part of a node that knows why it halted."""

    @property
    def problem(self) -> errors.LedgerError | None:
        """Why the node votes no more, if so."""

    def halted(self, code: str, reason: str) -> None:
        """Vote no more."""


def try_disk(directory: str | os.PathLike[str]) -> None:
    """Write, force and remove a file as large as some blocks.

    :raises StorageFailed: the disk refuses
    """
    path = pathlib.Path(directory) / _TRIAL_FILE
    try:
        try:
            with open(path, 'wb', buffering=0) as file:
                for _ in range(0, ROOM_BYTES, len(_CHUNK)):
                    if file.write(_CHUNK) != len(_CHUNK):
                        raise errors.StorageFailed('No space left.')
                os.fsync(file.fileno())
        finally:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise errors.StorageFailed(f'{error.strerror}.') from error


async def has_to_start_over(voting: Voting, store: store_module.LedgerStore,
                            mended: bool,
                            poll_seconds: float = PAUSE_MIN_SECONDS) -> bool:
    """Return when a node that has halted should start over.

    :param store: the node's; looked at, never written to
    :param mended: False: if it halted because its store seems damaged, it
        starts over once, and the store is looked at and mended
    :param poll_seconds: the shortest pause
    :returns: whether it is for damage
    """
    while True:
        if voting.problem is None and store.failure is not None:
            voting.halted(store.failure.code, store.failure.message)
        if voting.problem is not None:
            if voting.problem.code == errors.StorageFailed.code:
                break
            if not mended and head_mark.suspicion(store.env.directory):
                LOG.error('The store seems damaged: this node starts over '
                          'and looks at all of it: %s',
                          voting.problem.message)
                return True
        await asyncio.sleep(poll_seconds)
    LOG.error('The disk has refused: this node only reads until it takes '
              'writes again: %s', voting.problem.message)
    await _disk_is_back(store.env, poll_seconds)
    LOG.warning('The disk takes writes again: the store is opened anew and '
                'this node starts over')
    return False


async def _disk_is_back(env: environment.Environment,
                        poll_seconds: float) -> None:
    pause = poll_seconds
    said = ''
    while True:
        await asyncio.sleep(pause)
        try:
            await asyncio.to_thread(_look, env)
            return
        except errors.StorageFailed as error:
            if error.message != said:
                LOG.warning('The disk still refuses: %s', error.message)
                said = error.message
        pause = min(2 * pause, PAUSE_MAX_SECONDS)


def _look(env: environment.Environment) -> None:
    if env.room_bytes() < ROOM_BYTES:
        raise errors.StorageFailed(
            'The database is as large as storage_max_gib in [node] lets it '
            'be: raise it and restart the node.')
    try_disk(env.directory)


def forget_cached(directory: str | os.PathLike[str]) -> None:
    """Let what the next store reads come from the disk.

    :raises StorageFailed: the disk refuses again
    """
    data_file.forget_cached(
        pathlib.Path(directory) / environment.DIRECTORY)
