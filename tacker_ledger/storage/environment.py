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
"""

from collections.abc import Iterator
import contextlib
import os
import pathlib
import struct
from typing import Any
from typing import cast

import lmdb

from tacker_ledger.core import errors

FORMAT = b'tacker-ledger/1'
U32 = struct.Struct('>I')
U64 = struct.Struct('>Q')
#: (height, index) of a transaction
PLACE = struct.Struct('>QI')

_DIRECTORY = 'ledger.mdb'
_NAMES = ('meta', 'headers', 'bodies', 'txids', 'state', 'history',
          'federations', 'votes', 'enrolments', 'addressed', 'usage',
          'evidence')
_MAX_READERS = 512
_FORMAT_KEY = b'format'
_CHAIN_KEY = b'chain-id'


def get(txn: lmdb.Transaction, database: Any, key: bytes) -> bytes | None:
    """Return the value of ``key``, None if it has none."""
    # transactions are opened without buffers, so values are bytes
    return cast('bytes | None', txn.get(key, db=database))


def scan(txn: lmdb.Transaction, database: Any, start: bytes = b'',
         prefix: bytes = b'') -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, value) ascending from ``start`` on.

    :param prefix: ends at the first key which does not begin so
    """
    with txn.cursor(db=database) as cursor:
        if cursor.set_range(start or prefix):
            for key, value in cursor.iternext():
                if not cast(bytes, key).startswith(prefix):
                    return
                yield cast(bytes, key), cast(bytes, value)


def last(txn: lmdb.Transaction, database: Any,
         before: bytes | None = None) -> tuple[bytes, bytes] | None:
    """Return the last (key, value), or the last one below ``before``."""
    with txn.cursor(db=database) as cursor:
        if before is not None and cursor.set_range(before):
            found = cursor.prev()
        else:
            found = cursor.last()
        if not found:
            return None
        return cast(bytes, cursor.key()), cast(bytes, cursor.value())


class Environment:
    """The open environment; its databases are attributes by name.

    :param directory: the node's data directory
    :param max_bytes: bound on the size of the database
    :param readonly: open an existing environment for reading
    :param sync: force each commit to disk
    :raises CorruptStore: it is none of ours, or cannot be opened
    :raises NotFound: it is read only and does not exist
    """

    def __init__(self, directory: str | os.PathLike[str], *,
                 max_bytes: int = 1 << 38, readonly: bool = False,
                 sync: bool = True) -> None:
        self.directory = pathlib.Path(directory)
        self.readonly = readonly
        path = self.directory / _DIRECTORY
        if readonly and not path.exists():
            raise errors.NotFound(f'There is no chain in {directory}.')
        try:
            if not readonly:
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lmdb = lmdb.open(
                str(path), map_size=max_bytes, max_dbs=len(_NAMES) + 4,
                max_readers=_MAX_READERS, readonly=readonly, sync=sync,
                metasync=sync, readahead=False, create=not readonly)
            self._open_databases()
        except (lmdb.Error, OSError) as error:
            raise errors.CorruptStore(
                f'The chain in {directory} cannot be opened: {error}'
            ) from error

    def _open_databases(self) -> None:
        databases = {name: self._lmdb.open_db(name.encode(),
                                              create=not self.readonly)
                     for name in _NAMES}
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
            stored = get(transaction, self.meta, _FORMAT_KEY)
            chain = get(transaction, self.meta, _CHAIN_KEY)
        if stored is None and not self.readonly:
            with self.write() as transaction:
                transaction.put(_FORMAT_KEY, FORMAT, db=self.meta)
                transaction.put(_CHAIN_KEY, chain_id, db=self.meta)
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

    def used_bytes(self) -> int:
        """Return how much of the database file is in use."""
        info = self._lmdb.info()
        page: int = self._lmdb.stat()['psize']
        used: int = (info['last_pgno'] + 1) * page
        return used

    def close(self) -> None:
        """Close; nothing may use it afterwards."""
        self._lmdb.close()
