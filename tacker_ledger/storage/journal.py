# SPDX-License-Identifier: Apache-2.0
"""Transactions this node has accepted and no block holds yet.

What a client was told is accepted outlives the process: each submission is
in this file before the answer leaves.  The disk is not forced, so a process
that is killed loses nothing and a power cut may; clients submit again what
they do not find, and a transaction is committed once however often it is
handed in.

One record is u32 length, u32 CRC-32 and the submission.  The file is only
appended to, emptied when nothing waits, and written anew when it has grown
large beside what waits.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import errno
import os
import pathlib
import struct
import zlib

from oslo_log import log as logging

from tacker_ledger.core import errors
from tacker_ledger.core import limits

LOG = logging.getLogger(__name__)

FILE = 'accepted'
_HEAD = struct.Struct('>II')
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


class Journal:
    """The file, open for writing.

    :param directory: the data directory
    :param max_bytes: it is written anew beyond that size
    """

    def __init__(self, directory: str | os.PathLike[str],
                 max_bytes: int) -> None:
        self._path = pathlib.Path(directory) / FILE
        self._max_bytes = max_bytes
        self._descriptor = os.open(self._path, _FLAGS, 0o600)
        self._size = os.fstat(self._descriptor).st_size

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def load(self) -> list[bytes]:
        """Return the submissions in the file, up to the first torn one."""
        return list(_records(self._path))

    def append(self, submissions: Iterable[bytes]) -> None:
        """Write submissions down before they are called accepted.

        :raises StorageFailed: the disk does not take them
        """
        data = b''.join(map(_record, submissions))
        try:
            written = os.write(self._descriptor, data)
        except OSError as exc:
            raise errors.StorageFailed(
                f'Nothing more can be accepted: {exc.strerror}.') from exc
        if written < len(data):
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise errors.StorageFailed(
                'Nothing more can be accepted: the disk is full.')
        self._size += written

    def forget(self, waiting: Callable[[], Iterable[bytes]],
               anything: bool) -> None:
        """Let go of what waits no more, if that is worthwhile.

        :param waiting: returns the submissions that still wait
        :param anything: whether these are any
        """
        if not self._size or (anything and self._size <= self._max_bytes):
            return
        try:
            if anything:
                self._write_anew(waiting())
            else:
                os.ftruncate(self._descriptor, 0)
                self._size = 0
        except OSError as exc:
            LOG.warning('%s cannot be shortened: %s', self._path,
                        exc.strerror)

    def _write_anew(self, submissions: Iterable[bytes]) -> None:
        data = b''.join(map(_record, submissions))
        beside = self._path.with_suffix('.new')
        descriptor = os.open(beside, _FLAGS | os.O_TRUNC, 0o600)
        try:
            if os.write(descriptor, data) < len(data):
                raise OSError(errno.ENOSPC, 'the disk is full')
            os.replace(beside, self._path)
        except OSError:
            os.close(descriptor)
            raise
        os.close(self._descriptor)
        self._descriptor, self._size = descriptor, len(data)
        # what waits may be large: look again when as much has come
        self._max_bytes = max(self._max_bytes, 2 * len(data))


def _record(submission: bytes) -> bytes:
    return _HEAD.pack(len(submission), zlib.crc32(submission)) + submission


def _records(path: pathlib.Path) -> Iterator[bytes]:
    with open(path, 'rb') as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, checksum = _HEAD.unpack(head)
            if length > limits.SUBMISSION_MAX_BYTES:
                return
            submission = file.read(length)
            if len(submission) < length or (
                    zlib.crc32(submission) != checksum):
                return
            yield submission
