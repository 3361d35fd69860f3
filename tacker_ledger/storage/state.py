# SPDX-License-Identifier: Apache-2.0
"""The authenticated state: values in LMDB, inner nodes in a mapped file.

The file ``state.map`` holds the top of the map as an array of digests, node
``i`` at ``32 * i``.  The node process is its only writer and changes it in
one burst after a block is durable; readers map it read-only, fold what they
read and compare it with a certified root, so they need no lock and notice
damage.  Whether the array belongs to the chain's head is noted in LMDB
(``meta``): after an unclean stop it is built again from the values.
"""

from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import errno
import functools
import hashlib
import mmap
import os

import lmdb

from tacker_ledger.core import errors
from tacker_ledger.storage import environment

NODE_BYTES = 32
#: Levels of the array; its leaves are buckets of keys with that prefix.
DEPTH = 20
NODES = 1 << (DEPTH + 1)
FILE_NAME = 'state.map'

_FILE_BYTES = NODES * NODE_BYTES
_CHUNK_BYTES = 65536
#: MADV_POPULATE_WRITE of Linux 5.14: map all pages now, in some twenty
#: milliseconds.  Keys are digests, so each block touches pages all over the
#: array, and the fault at the first touch of one costs as much as ten hashes.
_POPULATE_WRITE = 23
_COPY_BYTES = 1024 * 1024
_CLEAN_KEY = b'state-map-clean'
_PREFIX_SHIFT = 24 - DEPTH


def is_clean(env: environment.Environment, txn: lmdb.Transaction) -> bool:
    """Return whether a store was closed in order, its array in step."""
    return environment.get(txn, env.meta, _CLEAN_KEY) == b'1'


def mark(env: environment.Environment, txn: lmdb.Transaction,
         clean: bool) -> None:
    """Note whether the array is in step with the values."""
    environment.put(txn, env.meta, _CLEAN_KEY, b'1' if clean else b'0')


class MappedNodes:
    """The array of inner nodes in a mapped file of 64 MiB.

    :param path: the file; made when it does not exist
    :param readonly: map it for reading
    :raises CorruptStore: the file has another size
    :raises NotFound: it is read only and does not exist
    :raises StorageFailed: the disk has no room for it
    """

    def __init__(self, path: str | os.PathLike[str],
                 readonly: bool = False) -> None:
        flags = os.O_RDONLY if readonly else os.O_RDWR | os.O_CREAT
        try:
            descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise errors.NotFound(
                f'State map {path}: {error.strerror}.') from error
        try:
            size = os.fstat(descriptor).st_size
            #: Its content has to be built: it was not left by this class.
            self.fresh = size != _FILE_BYTES
            if self.fresh and not readonly:
                os.ftruncate(descriptor, 0)
                os.ftruncate(descriptor, _FILE_BYTES)
            elif self.fresh:
                raise errors.CorruptStore(
                    f'State map {path} has {size} bytes.')
            if not readonly:
                # a full disk must show here, not at a write to a hole
                os.posix_fallocate(descriptor, 0, _FILE_BYTES)
            self._map = mmap.mmap(
                descriptor, _FILE_BYTES,
                access=mmap.ACCESS_READ if readonly else mmap.ACCESS_WRITE)
        except OSError as error:
            raise errors.StorageFailed(
                f'State map {path}: {error.strerror}.') from error
        finally:
            os.close(descriptor)
        self._path = path
        if not readonly:
            with contextlib.suppress(OSError, ValueError):
                # older kernels do not know it, and do without
                self._map.madvise(_POPULATE_WRITE)

    def get(self, index: int) -> bytes:
        """Return node ``index``; zeros if it was never set."""
        at = index * NODE_BYTES
        return self._map[at:at + NODE_BYTES]

    def set(self, index: int, digest: bytes) -> None:
        """Change node ``index``."""
        at = index * NODE_BYTES
        self._map[at:at + NODE_BYTES] = digest

    def update(self, nodes: Mapping[int, bytes]) -> None:
        """Change many nodes: a block brings thousands."""
        mapped = self._map
        for index, digest in nodes.items():
            at = index * NODE_BYTES
            mapped[at:at + NODE_BYTES] = digest

    def copy(self, other: 'MappedNodes') -> None:
        """Take over every node of another array, in place."""
        for at in range(0, _FILE_BYTES, _COPY_BYTES):
            self._map[at:at + _COPY_BYTES] = other._map[at:at + _COPY_BYTES]

    def clear(self) -> None:
        """Make every node zeros again.

        In place, because readers have it mapped.  Holes of the file are
        zeros already: looking at them would only fill memory.
        """
        for start, end in self._extents():
            for at in range(start, end, _CHUNK_BYTES):
                size = min(_CHUNK_BYTES, end - at)
                self._map[at:at + size] = bytes(size)

    def _extents(self) -> list[tuple[int, int]]:
        """Return (start, end) of what the file holds data for."""
        found = []
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            end = 0
            while end < _FILE_BYTES:
                try:
                    start = os.lseek(descriptor, end, os.SEEK_DATA)
                except OSError as error:
                    if error.errno == errno.ENXIO:
                        break  # a hole to the end
                    raise
                end = os.lseek(descriptor, start, os.SEEK_HOLE)
                found.append((start, min(end, _FILE_BYTES)))
        finally:
            os.close(descriptor)
        return found

    def sync(self) -> None:
        """Force the array to disk.

        :raises StorageFailed: the disk refuses
        """
        try:
            self._map.flush()
        except OSError as error:
            raise errors.StorageFailed(
                f'State map {self._path}: {error.strerror}.') from error

    def close(self) -> None:
        """Unmap; nothing may use it afterwards."""
        self._map.close()


class StateStore:
    """Values and buckets as the newest committed block left them.

    For one thread: it keeps a read transaction open and takes a new one
    when :meth:`moved` was called, because opening one for each value costs
    more than reading it.  :meth:`at` gives the same view inside any read
    transaction.
    """

    def __init__(self, env: environment.Environment) -> None:
        self._env = env
        self._opened: contextlib.ExitStack | None = None
        self._snapshot: StateSnapshot | None = None
        self._stale = False

    def moved(self) -> None:
        """Say that a block was committed; from any thread."""
        self._stale = True

    def close(self) -> None:
        """Give the read transaction back."""
        if self._opened is not None:
            self._opened.close()
        self._opened = self._snapshot = None

    def _newest(self) -> 'StateSnapshot':
        if self._stale or self._snapshot is None:
            self._stale = False
            self.close()
            opened = contextlib.ExitStack()
            self._snapshot = self.at(opened.enter_context(self._env.read()))
            self._opened = opened
        return self._snapshot

    def get(self, state_key: bytes) -> bytes | None:
        """Return the value of a state key (``StateView``)."""
        return self._newest().get(state_key)

    def bucket(self, prefix20: int) -> list[tuple[bytes, bytes]]:
        """Return (key, value hash) of a bucket (``BucketSource``)."""
        return self._newest().bucket(prefix20)

    def knows(self, txid: bytes) -> bool:
        """Return whether the chain has a transaction."""
        return self._newest().knows(txid)

    def at(self, txn: lmdb.Transaction) -> 'StateSnapshot':
        """Return the view of one transaction."""
        return StateSnapshot(self._env, txn)

    def clean(self) -> bool:
        """Return whether the array was left in step with the values."""
        with self._env.read() as txn:
            return is_clean(self._env, txn)

    def mark(self, clean: bool) -> None:
        """Note, durably, whether the array is in step with the values."""
        with self._env.write() as txn:
            mark(self._env, txn, clean)


class StateSnapshot:
    """Values and buckets in one read transaction."""

    def __init__(self, env: environment.Environment,
                 txn: lmdb.Transaction) -> None:
        self._env = env
        self._txn = txn

    @functools.cached_property
    def _buckets(self) -> lmdb.Cursor:
        """One cursor for all buckets: opening it costs more than using it.

        It ends with the transaction.
        """
        return self._txn.cursor(db=self._env.state.handle)

    def get(self, state_key: bytes) -> bytes | None:
        """Return the value of a state key (``StateView``)."""
        return environment.get(self._txn, self._env.state, state_key)

    def knows(self, txid: bytes) -> bool:
        """Return whether the chain has a transaction."""
        return environment.get(self._txn, self._env.txids, txid) is not None

    def bucket(self, prefix20: int) -> list[tuple[bytes, bytes]]:
        """Return (key, value hash) of a bucket, sorted by key."""
        start = prefix20 << _PREFIX_SHIFT
        last = (start | (1 << _PREFIX_SHIFT) - 1).to_bytes(3, 'big')
        return [(key, hashlib.sha256(value).digest())
                for key, value in environment.between(
                    self._buckets, self._env.state,
                    start.to_bytes(3, 'big'), last)]

    def hashes(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value hash) of everything, sorted by key."""
        for key, value in environment.scan(self._txn, self._env.state):
            yield key, hashlib.sha256(value).digest()
