# SPDX-License-Identifier: Apache-2.0
"""Snapshots of the state: held for a neighbour, kept as they come, put in.

:class:`Held` is one unchanging view of the newest state; while it is open
LMDB cannot use freed pages again, so whoever opens one bounds how long.
:class:`Incoming` keeps what comes in files beside the chain until it is
checked; what a crash leaves of them is thrown away at the next attempt.
:func:`put_in` replaces the state in the caller's one write transaction, so
the chain is the old one or the new one, never a mixture.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import hashlib
import os
import pathlib
import shutil
import struct
from typing import BinaryIO

import lmdb

from tacker_ledger.core import codec
from tacker_ledger.core.consensus import snapshot_messages
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import snapshot
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.storage import chain as chain_module
from tacker_ledger.storage import environment
from tacker_ledger.storage import state
from tacker_ledger.storage import votes

_DIRECTORY = 'incoming-snapshot'
_LENGTHS = struct.Struct('>HI')
_BUFFER_BYTES = 1024 * 1024

Part = snapshot.Part
Item = snapshot.Item


class Held:
    """The newest state, as it is when this is made.

    :param env: whose
    :param from_epoch: the first federation document that is wanted
    :raises NotFound: there is nothing but the genesis block
    """

    def __init__(self, env: environment.Environment, from_epoch: int) -> None:
        self._env = env
        self._chain = chain_module.Chain(env)
        self._from_epoch = from_epoch
        self._opened = contextlib.ExitStack()
        self._txn = self._opened.enter_context(env.read())
        height = self._chain.height(self._txn)
        if not height:
            self.close()
            raise errors.NotFound('There is no state yet.')
        self.height = height

    def block(self) -> tuple[bytes, bytes]:
        """Return (encoded block, certificate) of the state's height."""
        return self._block(self.height)

    def _block(self, height: int) -> tuple[bytes, bytes]:
        pair = self._chain.head_pair(self._txn, height)
        if pair is None:
            raise errors.CorruptStore(f'Header {height} is missing.')
        return codec.encode((block_module.VERSION, pair[0], self._chain.body(
            self._txn, height))), pair[1]

    def page(self, part: Part, after: bytes) -> tuple[list[Item], bool]:
        """Return a page and whether there are more.

        :param after: the last key of the page before
        """
        return snapshot.fill_page(self._items(part, after))

    def _items(self, part: Part, after: bytes) -> Iterator[Item]:
        """Yield what follows a key, ascending."""
        if part == Part.FEDERATIONS:
            epoch = self._from_epoch
            if len(after) == environment.U32.size:
                epoch = max(epoch, environment.U32.unpack(after)[0] + 1)
            for row in self._chain.federations(self._txn, epoch):
                yield (environment.U32.pack(row.epoch),
                       snapshot_messages.certified_block(
                           *self._block(row.height)))
            return
        database = (self._env.state if part == Part.STATE
                    else self._env.addressed)
        # no key is the other with a zero behind it
        start = after + b'\x00' if after else b''
        yield from environment.scan(self._txn, database, start)

    def close(self) -> None:
        """Let it go."""
        self._opened.close()


class Incoming:
    """A snapshot as it comes, in files.

    :param directory: the node's data directory
    :raises StorageFailed: the disk has no room, or fails
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = pathlib.Path(directory) / _DIRECTORY
        self._files: dict[Part, BinaryIO] = {}
        self._digests: dict[Part, bytes] = {}
        self._opened = contextlib.ExitStack()
        clean(directory)
        with _failures():
            self._directory.mkdir(mode=0o700)
            for part in (Part.STATE, Part.ADDRESSED):
                opened = open(self._path(part), 'wb',  # noqa: SIM115
                              buffering=_BUFFER_BYTES)
                self._files[part] = self._opened.enter_context(opened)

    def _path(self, part: Part) -> pathlib.Path:
        return self._directory / part.name.lower()

    def add(self, part: Part, items: Iterable[Item]) -> None:
        """Keep a page.

        :raises StorageFailed: the disk has no room, or fails
        """
        with _failures():
            for key, value in items:
                self._files[part].write(
                    _LENGTHS.pack(len(key), len(value)) + key + value)

    def finish(self) -> None:
        """Nothing more comes: make room for the map over it.

        :raises StorageFailed: the disk has no room, or fails
        """
        with _failures():
            for file in self._files.values():
                file.close()
        #: The inner nodes of its map, to be filled.
        self.nodes = state.MappedNodes(self._directory / state.FILE_NAME)
        self._opened.callback(self.nodes.close)

    def items(self, part: Part) -> Iterator[Item]:
        """Yield what was kept, in its order.

        The second time it has to be the same as the first.

        :raises StorageFailed: it is not
        """
        digest = hashlib.sha256()
        with _failures(), open(self._path(part), 'rb',
                               buffering=_BUFFER_BYTES) as file:
            while lengths := file.read(_LENGTHS.size):
                key_bytes, value_bytes = _LENGTHS.unpack(lengths)
                data = file.read(key_bytes + value_bytes)
                digest.update(lengths)
                digest.update(data)
                yield data[:key_bytes], data[key_bytes:]
        found = digest.digest()
        if self._digests.setdefault(part, found) != found:
            raise errors.StorageFailed(
                'The snapshot has changed on the disk.')

    def remove(self) -> None:
        """Delete the files."""
        with contextlib.suppress(OSError):
            self._opened.close()
        shutil.rmtree(self._directory, ignore_errors=True)


def clean(directory: str | os.PathLike[str]) -> None:
    """Throw away what a crash has left of a snapshot that came.

    :param directory: the node's data directory
    """
    shutil.rmtree(pathlib.Path(directory) / _DIRECTORY, ignore_errors=True)


def put_in(env: environment.Environment, txn: lmdb.Transaction,
           h: hashing.Hasher, check: snapshot.SnapshotCheck,
           incoming: Incoming) -> None:
    """Replace the state by a checked snapshot, and move the chain there.

    Old blocks stay as they are; those between them and the snapshot are
    missing from then on.

    :raises BadProof: the addressed pairs are not those of the state; the
        transaction has to be aborted
    :raises StorageFailed: what was kept cannot be read
    """
    chain = chain_module.Chain(env)
    for database in (env.state, env.addressed):
        txn.drop(database.handle, delete=False)
    for key, value in incoming.items(Part.STATE):
        environment.put(txn, env.state, key, value, append=True)
    for key, value in snapshot.check_addressed(
            h, incoming.items(Part.ADDRESSED),
            lambda pair: environment.get(txn, env.state, pair)):
        environment.put(txn, env.addressed, key, value, append=True)
    for document in check.documents:
        if document.block.header.height < check.height:
            _put_block(env, txn, h, document.block, document.certificate)
        chain.put_federation(txn, chain_module.FederationRow(
            document.epoch, document.block.header.height, document.index,
            document.signed))
    _put_block(env, txn, h, check.block, check.certificate)
    chain.set_first_body(txn, check.height)
    chain.set_base_height(txn, check.height)
    votes.VoteLog(env).prune(txn, check.height)


def _put_block(env: environment.Environment, txn: lmdb.Transaction,
               h: hashing.Hasher, block: block_module.Block,
               certificate: bytes) -> None:
    height = block.header.height
    environment.put(txn, env.headers, environment.U64.pack(height),
                    codec.encode((block.header_bytes, certificate)))
    for index, raw in enumerate(block.raw_transactions):
        place = environment.PLACE.pack(height, index)
        txid = transaction_module.Transaction.from_bytes(h, raw).txid
        environment.put(txn, env.bodies, place, raw)
        environment.put(txn, env.txids, txid, place)


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise errors.StorageFailed(
            f'The snapshot cannot be kept: {error.strerror}.') from error
