# SPDX-License-Identifier: Apache-2.0
"""The LMDB environment of a node: one file, many named databases.

One process writes; others on the host may read.  Big-endian integers make
keys sort by number.  Databases, key -> value:

==============  ========================================================
meta            name -> value (format, chain id, state of the map)
headers         u64 height -> canonical CBOR [header, certificate]
bodies          u64 height | u32 index -> raw transaction
txids           transaction id -> u64 height | u32 index
state           state key -> value
history         state key | u64 count -> u64 height | u32 index
federations     u32 epoch -> u64 height | u32 index | signed document
votes           see ``storage.votes``
enrolments      key id | u32 member -> label (UTF-8)
addressed       recipient id | sender id -> u64 height | u32 index, first
usage           sender id -> u64 bytes | u64 count
evidence        u64 number -> canonical CBOR of the record
==============  ========================================================

LMDB has no checksums, so each value is followed by four bytes of its own:
CRC-32 over the name of the database, the key and the value.  A record that
does not fit is ``corrupt-store``, never an answer; so records are read and
written by the functions of this module alone.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import dataclasses
import errno
import os
import pathlib
import struct
from typing import Any
from typing import cast
import zlib

import lmdb

from tacker_ledger.core import errors
from tacker_ledger.storage import head_mark

FORMAT = b'tacker-ledger/2'
#: Its values have no checksums.
_FORMAT_BEFORE = b'tacker-ledger/1'
U32 = struct.Struct('>I')
U64 = struct.Struct('>Q')
#: Of the checksum behind each value.
CHECK_BYTES = 4
#: (height, index) of a transaction
PLACE = struct.Struct('>QI')

DIRECTORY = 'ledger.mdb'
NAMES = ('meta', 'headers', 'bodies', 'txids', 'state', 'history',
         'federations', 'votes', 'enrolments', 'addressed', 'usage',
         'evidence')
_VOTES = 'votes'
#: The disk refuses; what it holds may be sound.
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
_MAX_READERS = 512
_FORMAT_KEY = b'format'
_CHAIN_KEY = b'chain-id'


@dataclasses.dataclass(frozen=True, slots=True)
class Database:
    """One named database.

    :param seed: what its records' checksums start from
    :param directory: the data directory
    """

    name: str
    handle: Any
    seed: int
    directory: pathlib.Path


def _checksum(database: Database, key: bytes, value: bytes) -> bytes:
    return zlib.crc32(value, zlib.crc32(key, database.seed)).to_bytes(
        CHECK_BYTES, 'big')


def _checked(database: Database, key: bytes, stored: bytes) -> bytes:
    """Return a stored value without its checksum.

    :raises CorruptStore: it does not fit
    """
    value = stored[:-CHECK_BYTES]
    if stored[-CHECK_BYTES:] != _checksum(database, key, value):
        raise _damaged(database, key)
    return value


def _damaged(database: Database, key: bytes) -> errors.CorruptStore:
    message = f'A record of the database {database.name} is damaged.'
    if database.name != _VOTES:
        # damage to votes is doubt, and no damage to the chain
        head_mark.suspect(database.directory, message)
    return errors.CorruptStore(message, database=database.name,
                               key=key.hex())


def get(txn: lmdb.Transaction, database: Database,
        key: bytes) -> bytes | None:
    """Return the value of ``key``, None if it has none.

    :raises CorruptStore: the record is damaged
    """
    # transactions are opened without buffers, so values are bytes
    stored = cast('bytes | None', txn.get(key, db=database.handle))
    return None if stored is None else _checked(database, key, stored)


def put(txn: lmdb.Transaction, database: Database, key: bytes, value: bytes,
        *, overwrite: bool = True, append: bool = False) -> bool:
    """Store a value with its checksum; return whether it was stored.

    :param overwrite: replace what is there
    :param append: the key is known to come last
    """
    stored: bool = txn.put(key, value + _checksum(database, key, value),
                           db=database.handle, overwrite=overwrite,
                           append=append)
    return stored


def put_all(txn: lmdb.Transaction, database: Database,
            items: Iterable[tuple[bytes, bytes]], *, append: bool = False
            ) -> None:
    """Store many values, in ascending order of keys if it can be had.

    :param append: they are in their order and come last
    """
    with txn.cursor(db=database.handle) as cursor:
        cursor.putmulti([
            (key, value + _checksum(database, key, value))
            for key, value in items], append=append)


def delete(txn: lmdb.Transaction, database: Database, key: bytes) -> bool:
    """Delete a record; return whether there was one."""
    found: bool = txn.delete(key, db=database.handle)
    return found


def scan(txn: lmdb.Transaction, database: Database, start: bytes = b'',
         prefix: bytes = b'') -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, value) ascending from ``start`` on.

    :param prefix: ends at the first key which does not begin so
    :raises CorruptStore: a record is damaged
    """
    with txn.cursor(db=database.handle) as cursor:
        if cursor.set_range(start or prefix):
            for key, stored in cursor.iternext():
                if not cast(bytes, key).startswith(prefix):
                    return
                yield cast(bytes, key), _checked(
                    database, cast(bytes, key), cast(bytes, stored))


def keys(txn: lmdb.Transaction, database: Database,
         start: bytes = b'') -> Iterator[bytes]:
    """Yield keys ascending from ``start`` on; values are not looked at."""
    with txn.cursor(db=database.handle) as cursor:
        if cursor.set_range(start):
            yield from cast('Iterator[bytes]', cursor.iternext(
                keys=True, values=False))


def between(cursor: lmdb.Cursor, database: Database, start: bytes,
            last_prefix: bytes) -> list[tuple[bytes, bytes]]:
    """Return (key, value) ascending from ``start`` to a prefix.

    :param cursor: of the database; moved
    :param last_prefix: keys that begin so are the last ones
    """
    found: list[tuple[bytes, bytes]] = []
    more = cursor.set_range(start)
    size = len(last_prefix)
    while more:
        key, stored = cast('tuple[bytes, bytes]', cursor.item())
        if key[:size] > last_prefix:
            break
        found.append((key, _checked(database, key, stored)))
        more = cursor.next()
    return found


def last(txn: lmdb.Transaction, database: Database,
         before: bytes | None = None) -> tuple[bytes, bytes] | None:
    """Return the last (key, value), or the last one below ``before``.

    :raises CorruptStore: the record is damaged
    """
    with txn.cursor(db=database.handle) as cursor:
        if not _to_last(cursor, before):
            return None
        key = cast(bytes, cursor.key())
        return key, _checked(database, key, cast(bytes, cursor.value()))


def last_key(txn: lmdb.Transaction, database: Database,
             before: bytes | None = None) -> bytes | None:
    """Return the last key, or the last one below ``before``.

    Its value is not looked at, so it may be a damaged one.
    """
    with txn.cursor(db=database.handle) as cursor:
        return cast(bytes, cursor.key()) if _to_last(
            cursor, before) else None


def _to_last(cursor: lmdb.Cursor, before: bytes | None) -> bool:
    if before is not None and cursor.set_range(before):
        return cursor.prev()
    return cursor.last()


def reserve(path: str | os.PathLike[str]) -> None:
    """Give a sparse file its blocks on the disk.

    Writing to a mapped page that has no block while the disk is full ends
    the process by SIGBUS; asking for the blocks first is an ordinary error.

    :raises OSError: there is no room, or no file
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        _reserve(descriptor)
    finally:
        os.close(descriptor)


def _reserve(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    if size:
        os.posix_fallocate(descriptor, 0, size)


class Environment:
    """The open environment; its databases are attributes by name.

    :param directory: the node's data directory
    :param max_bytes: bound on the size of the database
    :param readonly: open an existing environment for reading
    :param sync: force each commit to disk
    :param lock: False: nobody writes meanwhile, and the file of LMDB's
        locks is left alone
    :raises CorruptStore: it is none of ours, or cannot be opened
    :raises StorageFailed: the disk refuses
    :raises NotFound: it is read only and does not exist, or is empty
    """

    def __init__(self, directory: str | os.PathLike[str], *,
                 max_bytes: int = 1 << 38, readonly: bool = False,
                 sync: bool = True, lock: bool = True) -> None:
        self.directory = pathlib.Path(directory)
        self.readonly = readonly
        self._lock_file: int | None = None
        path = self.directory / DIRECTORY
        if readonly and not path.exists():
            raise errors.NotFound(f'There is no chain in {directory}.')
        try:
            if not readonly:
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lmdb = lmdb.open(
                str(path), map_size=max_bytes, max_dbs=len(NAMES) + 4,
                max_readers=_MAX_READERS, readonly=readonly, sync=sync,
                metasync=sync, readahead=False, create=not readonly,
                lock=lock)
            if readonly and not self._lmdb.stat()['entries']:
                raise errors.NotFound(f'The chain in {directory} is empty.')
            if not readonly:
                # Open as long as the environment is: to close any descriptor
                # of this file gives up all locks that the process has on it
                # (fcntl), and the next process to open the environment would
                # take it for its own and begin the table of readers anew.
                self._lock_file = os.open(path / 'lock.mdb',
                                          os.O_RDWR | os.O_CLOEXEC)
                _reserve(self._lock_file)
            self._open_databases()
        except (lmdb.Error, OSError) as error:
            refused = isinstance(error, lmdb.DiskError) or (
                isinstance(error, OSError) and error.errno in _DISK_ERRORS)
            raise (errors.StorageFailed if refused else errors.CorruptStore)(
                f'The chain in {directory} cannot be opened: {error}'
            ) from error

    def _open_databases(self) -> None:
        # all of them or none, should the process end here
        with (contextlib.nullcontext() if self.readonly
              else self._lmdb.begin(write=True)) as txn:
            databases = {
                name: Database(name, self._lmdb.open_db(
                    name.encode(), txn=txn, create=not self.readonly),
                    zlib.crc32(name.encode()), self.directory)
                for name in NAMES}
        self.databases = databases
        self.meta = databases['meta']
        self.headers = databases['headers']
        self.bodies = databases['bodies']
        self.txids = databases['txids']
        self.state = databases['state']
        self.history = databases['history']
        self.federations = databases['federations']
        self.votes = databases['votes']
        self.enrolments = databases['enrolments']
        self.addressed = databases['addressed']
        self.usage = databases['usage']
        self.evidence = databases['evidence']

    @contextlib.contextmanager
    def read(self) -> Iterator[lmdb.Transaction]:
        """Give a read transaction: one unchanging view of everything."""
        try:
            transaction = self._lmdb.begin()
        except lmdb.Error as error:
            raise errors.StorageFailed(
                f'The chain cannot be read: {error}') from error
        try:
            yield transaction
        except lmdb.Error as error:
            head_mark.suspect(self.directory, str(error))
            raise errors.CorruptStore(
                f'The chain cannot be read: {error}') from error
        finally:
            transaction.abort()

    @contextlib.contextmanager
    def write(self) -> Iterator[lmdb.Transaction]:
        """Give a write transaction; committed durably, or not at all.

        :raises StorageFailed: no space, an I/O error, a failed fsync:
            nothing of the transaction may be relied upon
        """
        try:
            with self._lmdb.begin(write=True) as transaction:
                yield transaction
        except (lmdb.Error, OSError) as error:
            raise errors.StorageFailed(
                f'The chain cannot be written: {error}') from error

    def bind(self, chain_id: bytes) -> None:
        """Note the chain this environment is of, or check it.

        :raises WrongFederation: it holds another chain
        :raises UnsupportedVersion: another release wrote it
        """
        with self.read() as transaction:
            if transaction.get(_FORMAT_KEY,
                               db=self.meta.handle) == _FORMAT_BEFORE:
                raise errors.UnsupportedVersion(
                    f'{self.directory} was written by an earlier release.')
            stored = get(transaction, self.meta, _FORMAT_KEY)
            chain = get(transaction, self.meta, _CHAIN_KEY)
            new = last_key(transaction, self.headers) is None
        if stored is None and new and not self.readonly:
            with self.write() as transaction:
                put(transaction, self.meta, _FORMAT_KEY, FORMAT)
                put(transaction, self.meta, _CHAIN_KEY, chain_id)
        elif stored is None or chain is None:
            raise errors.CorruptStore(
                f'{self.directory} does not say what it holds.')
        elif stored != FORMAT:
            raise errors.UnsupportedVersion(
                f'{self.directory} has a format this release does not know.')
        elif chain != chain_id:
            raise errors.WrongFederation(
                f'{self.directory} holds the chain of another federation.')

    def chain_id(self) -> bytes | None:
        """Return the chain this environment is of; None when it is new."""
        with self.read() as transaction:
            return get(transaction, self.meta, _CHAIN_KEY)

    def reap_readers(self) -> int:
        """Free what killed API processes left; return how many."""
        count: int = self._lmdb.reader_check()
        return count

    def copy(self, directory: str | os.PathLike[str]) -> None:
        """Write what is committed now, without free pages, elsewhere.

        Whoever writes meanwhile is not in the way, nor in the copy.

        :param directory: takes the place of a data directory; new
        :raises StorageFailed: it cannot be written
        """
        try:
            path = pathlib.Path(directory) / DIRECTORY
            path.mkdir(mode=0o700, parents=True)
            self._lmdb.copy(str(path), compact=True)
        except (lmdb.Error, OSError) as error:
            raise errors.StorageFailed(
                f'The copy cannot be written: {error}') from error

    def used_bytes(self) -> int:
        """Return how much of the database file is in use."""
        info = self._lmdb.info()
        page: int = self._lmdb.stat()['psize']
        used: int = (info['last_pgno'] + 1) * page
        return used

    def room_bytes(self) -> int:
        """Return how much more the database may hold.

        Pages that were freed count as used: some of them may be taken
        again before the bound is met.
        """
        size: int = self._lmdb.info()['map_size']
        return size - self.used_bytes()

    def sync(self) -> None:
        """Force everything to disk.

        :raises StorageFailed: the disk refuses
        """
        try:
            self._lmdb.sync(True)
        except lmdb.Error as error:
            raise errors.StorageFailed(
                f'The chain cannot be written: {error}') from error

    def close(self) -> None:
        """Close; nothing may use it afterwards."""
        self._lmdb.close()
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def __enter__(self) -> 'Environment':
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
