# SPDX-License-Identifier: Apache-2.0
"""Reading the chain: what answers are made of.

A :class:`Query` reads LMDB and the mapped state array of a node directory,
read-only, in the node's process or in any other one on the host.  All
methods are plain functions, safe to call from any thread, and take tens of
microseconds, except :meth:`Query.search`, which asks the SQL index: call
that one in a thread.

Results have the shapes of the answer bodies (``core.ledger.answer``), so a
door encodes them as they are.  ``HeadPair`` is (header bytes, certificate
bytes); the certificate of the genesis block is empty.
"""

from collections.abc import Sequence
import pathlib
import time
from typing import Any
from typing import Protocol

import lmdb

from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import snapshot
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import state_proof
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core import limits
from tacker_ledger.core import merkle
from tacker_ledger.storage import chain as chain_module
from tacker_ledger.storage import environment
from tacker_ledger.storage import holdings
from tacker_ledger.storage import index as index_module
from tacker_ledger.storage import rows as index_rows
from tacker_ledger.storage import state

#: A reader meets the array between two blocks at most for some
#: milliseconds; after so many tries it is not that.
_TRIES = 40
_PAUSE_SECONDS = 0.005
#: Proofs kept to be given again, some 1.5 kB each.
_PROVEN_MAX_COUNT = 4096
#: Trees over blocks' transactions kept, some 60 kB each at most.
_TREES_MAX_COUNT = 128
#: Transactions of one page of a history, in bytes: an answer has room for
#: the one that passes it.
_PAGE_BYTES = limits.ANSWER_MAX_BYTES // 2

#: (header bytes, certificate bytes)
HeadPair = tuple[bytes, bytes]
#: (index, size, path): the wire form of an inclusion proof
Inclusion = tuple[int, int, tuple[bytes, ...]]
#: (key, value or None, encoded proof)
ProvenValue = tuple[bytes, bytes | None, bytes]
#: (height, index in the block, raw transaction)
HistoryEntry = tuple[int, int, bytes]


class Reader(Protocol):
    """What a door may read; :class:`Query` is the implementation."""

    @property
    def chain_id(self) -> bytes:
        """32 bytes."""

    def height(self) -> int:
        """Return the height of the newest committed block."""

    def head(self) -> HeadPair:
        """Return the newest committed header and its certificate."""

    def state(self, keys: Sequence[bytes]) -> tuple[
            HeadPair, tuple[ProvenValue, ...]]:
        """Return values with proofs, all at one head.

        :param keys: state keys, 32 bytes each, at most
            ``limits.STATE_KEYS_PER_QUERY_MAX_COUNT``
        """

    def changed_since(self, keys: Sequence[bytes], height: int) -> bool:
        """Return whether one of ``keys`` changed above ``height``."""

    def history(self, state_key: bytes, after: int, limit: int) -> tuple[
            HeadPair, bytes, tuple[HistoryEntry, ...]]:
        """Return the entries with a count above ``after``, ascending.

        The page ends early rather than exceed an answer's size.

        :raises Pruned: they are not here any more, or never were
        """

    def begins_at(self) -> int:
        """Return the height at which histories and the index begin.

        0, unless the state of a height came as a snapshot.
        """

    def transaction(self, txid: bytes) -> tuple[
            HeadPair, Inclusion, bytes] | None:
        """Return a transaction, its place and its block's head pair.

        :returns: None if there is none
        :raises Pruned: it is not here; whether it exists, only an archive
            can say
        """

    def near(self, txid: bytes) -> tuple[
            HeadPair, Inclusion, bytes] | None:
        """Return the same if it takes some microseconds.

        None also where its whole block would have to be read first.
        """

    def block(self, height: int, body: bool = True) -> tuple[
            HeadPair, tuple[bytes, ...] | None] | None:
        """Return the block at ``height``; None if it is not there yet.

        :raises Pruned: it is not there any more, or its body is not

        A heartbeat block whose successor is committed has lost its
        certificate (empty bytes); its digest stands in the successor.
        """

    def federations(self, from_epoch: int = 0) -> tuple[tuple[
            bytes, HeadPair | None, Inclusion | None, bytes | None], ...]:
        """Return (signed document, head pair, inclusion, transaction).

        In the order of epochs; genesis has no transaction.
        """

    def federation(self) -> federation_module.Federation:
        """Return the ``Federation`` in force for the next block."""

    def search(self, *, sender: bytes | None = None,
               recipient: bytes | None = None, cid: bytes | None = None,
               kind: int | None = None, after_height: int = -1,
               limit: int = 100) -> list[dict[str, Any]]:
        """Ask the SQL index; not proven, and it says so.  Blocks.

        :param kind: the transaction's type number
        :returns: records with ``txid``, ``height``, ``position``, ``type``,
            ``cid``, ``vid``, ``sender``, ``recipient``, ``timestamp_ms``,
            ``description``, ``size``; ascending by (height, position)
        """


class Query:
    """Reads a node directory; see :class:`Reader`.

    :param env: its environment, opened for reading or by the node itself
    :param nodes: its mapped array of the state map
    :param index: the SQL index; None: searches are refused
    """

    def __init__(self, env: environment.Environment,
                 nodes: state_map.NodeArray,
                 index: index_module.Index | None = None) -> None:
        chain_id = env.chain_id()
        if chain_id is None:
            raise errors.NotFound('The directory holds no chain yet.')
        self._env = env
        self._h = hashing.hasher(chain_id)
        self._chain = chain_module.Chain(env)
        self._state = state.StateStore(env)
        self._nodes = nodes
        self._index = index
        self._federation: tuple[int, federation_module.Federation] | None = (
            None)
        #: (height, head pair, state root) of the newest block seen
        self._head: tuple[int, HeadPair, bytes] | None = None
        self._proven: dict[tuple[bytes, bytes], ProvenValue] = {}
        #: height -> the tree over its transactions
        self._trees: dict[int, list[list[bytes]]] = {}

    @property
    def chain_id(self) -> bytes:
        """See :class:`Reader`."""
        assert self._h.chain_id is not None
        return self._h.chain_id

    def height(self) -> int:
        """See :meth:`Reader.height`."""
        with self._env.read() as txn:
            return self._height(txn)

    def _height(self, txn: lmdb.Transaction) -> int:
        height = self._chain.height(txn)
        if height is None:
            raise errors.NotFound('The directory holds no chain yet.')
        return height

    def _pair(self, txn: lmdb.Transaction, height: int) -> HeadPair:
        pair = self._chain.head_pair(txn, height)
        if pair is None:
            raise errors.CorruptStore(f'Header {height} is missing.')
        return pair

    def head(self) -> HeadPair:
        """See :meth:`Reader.head`."""
        with self._env.read() as txn:
            return self._newest(txn)[0]

    def state(self, keys: Sequence[bytes]) -> tuple[
            HeadPair, tuple[ProvenValue, ...]]:
        """See :meth:`Reader.state`."""
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_PAUSE_SECONDS)
            with self._env.read() as txn:
                pair, root = self._newest(txn)
                try:
                    return pair, self._prove(txn, root, keys)
                except errors.BadProof:
                    # the array is a block behind or ahead
                    continue
        raise errors.CorruptStore(
            'The state map does not lead to the certified root.')

    def _newest(self, txn: lmdb.Transaction) -> tuple[HeadPair, bytes]:
        """Return the head's pair and its state root."""
        height = self._height(txn)
        newest = self._head
        if newest is None or newest[0] != height:
            pair = self._pair(txn, height)
            root = block_module.Header.from_bytes(pair[0]).state_root
            newest = self._head = height, pair, root
        return newest[1:]

    def _prove(self, txn: lmdb.Transaction, root: bytes,
               keys: Sequence[bytes]) -> tuple[ProvenValue, ...]:
        # One root admits one proof per key, so a proof is made once, and
        # heartbeats, which change no state, cost none.
        made = self._proven
        if len(made) > _PROVEN_MAX_COUNT:
            made = self._proven = {}
        proven = []
        for key in keys:
            item = made.get((root, key))
            if item is None:
                item = made[root, key] = self._prove_one(txn, root, key)
            proven.append(item)
        return tuple(proven)

    def _prove_one(self, txn: lmdb.Transaction, root: bytes,
                   key: bytes) -> ProvenValue:
        snapshot = self._state.at(txn)
        value = snapshot.get(key)
        proof = state_map.StateMap(self._h, self._nodes, snapshot).prove(key)
        state_proof.check(self._h, root, key, value, proof)
        return key, value, proof.to_bytes()

    def changed_since(self, keys: Sequence[bytes], height: int) -> bool:
        """See :meth:`Reader.changed_since`."""
        with self._env.read() as txn:
            return any(self._chain.changed_at(txn, key) > height
                       for key in keys)

    def history(self, state_key: bytes, after: int, limit: int) -> tuple[
            HeadPair, bytes, tuple[HistoryEntry, ...]]:
        """See :meth:`Reader.history`."""
        limit = max(0, min(limit, limits.HISTORY_PAGE_MAX_COUNT))
        entries = []
        size = 0
        with self._env.read() as txn:
            pair = self._pair(txn, self._height(txn))
            for height, index in self._places(txn, state_key, after, limit):
                raw = self._chain.raw_at(txn, height, index)
                if raw is None:
                    raise self._missing(txn, height)
                entries.append((height, index, raw))
                size += len(raw)
                if size >= _PAGE_BYTES:
                    break
        return pair, state_key, tuple(entries)

    def _places(self, txn: lmdb.Transaction, state_key: bytes, after: int,
                limit: int) -> list[tuple[int, int]]:
        """Return (height, index) of what follows in a history.

        :raises Pruned: the state came as a snapshot, without that
        """
        rows = self._chain.history(txn, state_key, after, limit)
        base = self._chain.base_height(txn)
        found = [(height, index)
                 for offset, (count, height, index) in enumerate(rows)
                 if count == after + 1 + offset]
        if base and limit and not found and after < _history_count(
                self._state.at(txn).get(state_key)):
            raise self._pruned(txn, 'all of this history')
        return found

    def begins_at(self) -> int:
        """See :meth:`Reader.begins_at`."""
        with self._env.read() as txn:
            return self._chain.base_height(txn)

    def transaction(self, txid: bytes) -> tuple[
            HeadPair, Inclusion, bytes] | None:
        """See :meth:`Reader.transaction`."""
        with self._env.read() as txn:
            place = self._chain.place(txn, txid)
            if place is not None:
                return self._placed(txn, *place)
            if self._chain.base_height(txn):
                # who says "not found" of what is on the chain is a liar
                raise self._pruned(txn, 'this transaction, if it is older')
            return None

    def near(self, txid: bytes) -> tuple[
            HeadPair, Inclusion, bytes] | None:
        """See :meth:`Reader.near`."""
        with self._env.read() as txn:
            place = self._chain.place(txn, txid)
            if place is None or place[0] not in self._trees:
                return None
            return self._placed(txn, *place)

    def place(self, txid: bytes) -> tuple[int, int] | None:
        """Return (height, index) of a committed transaction."""
        with self._env.read() as txn:
            return self._chain.place(txn, txid)

    def _placed(self, txn: lmdb.Transaction, height: int, index: int
                ) -> tuple[HeadPair, Inclusion, bytes]:
        raw = self._chain.raw_at(txn, height, index)
        if raw is None:
            raise self._missing(txn, height)
        levels = self._levels(txn, height)
        if index >= len(levels[0]):
            raise errors.CorruptStore(
                f'Transaction {index} of block {height} is missing.')
        proof = block_module.InclusionProof(
            index, len(levels[0]), tuple(merkle.path_in(levels, index)))
        return self._pair(txn, height), proof.to_fields(), raw

    def _levels(self, txn: lmdb.Transaction,
                height: int) -> list[list[bytes]]:
        """Return the tree over a block's transactions, leaves first.

        It is made of the whole block and costs as much; a block that is
        read is read again, and it never changes.
        """
        levels = self._trees.get(height)
        if levels is None:
            levels = block_module.transactions_tree(
                self._h, self._chain.body(txn, height))
            self.keep_tree(height, levels)
        return levels

    def keep_tree(self, height: int, levels: list[list[bytes]]) -> None:
        """Keep the tree over a block's transactions for a while."""
        if len(self._trees) >= _TREES_MAX_COUNT:
            self._trees = {}
        self._trees[height] = levels

    def block(self, height: int, body: bool = True) -> tuple[
            HeadPair, tuple[bytes, ...] | None] | None:
        """See :meth:`Reader.block`."""
        with self._env.read() as txn:
            pair = self._chain.head_pair(txn, height)
            if pair is None:
                if height < self._chain.first_body(txn):
                    raise self._missing(txn, height)
                return None
            if not body:
                return pair, None
            raws = self._chain.body(txn, height)
            if not raws and height < self._chain.first_body(txn) and (
                    block_module.Header.from_bytes(pair[0])
                    .transactions_root != merkle.EMPTY_ROOT):
                raise self._missing(txn, height)
            return pair, raws

    def _missing(self, txn: lmdb.Transaction,
                 height: int) -> errors.LedgerError:
        """Return why a block that was stored is not there."""
        first = self._chain.first_body(txn)
        if height >= first:
            return errors.CorruptStore(f'Block {height} is not whole.',
                                       height=height)
        return self._pruned(txn, f'block {height}', height=height)

    def _pruned(self, txn: lmdb.Transaction, what: str,
                **details: int) -> errors.Pruned:
        """Return the error that names an archive."""
        first = self._chain.first_body(txn)
        archives = []
        known = holdings.read(self._env, txn)
        federation = self.federation()
        for index in known.archives if known else ():
            member = federation.member(index)
            if member is not None:
                archives.append({'name': member.name,
                                 'url': member.door_url})
        named = ', '.join(f'{one["name"]} at {one["url"]}'
                          for one in archives[:3])
        return errors.Pruned(
            f'This node holds blocks from {first} on, not {what}; '
            + (f'ask {named}.' if named else 'ask an archive.'),
            first_body=first, archives=archives[:3], **details)

    def federations(self, from_epoch: int = 0) -> tuple[tuple[
            bytes, HeadPair | None, Inclusion | None, bytes | None], ...]:
        """See :meth:`Reader.federations`."""
        found: list[tuple[bytes, HeadPair | None, Inclusion | None,
                          bytes | None]] = []
        with self._env.read() as txn:
            for row in self._chain.federations(txn, from_epoch):
                if row.epoch == 0:
                    found.append((row.signed, None, None, None))
                else:
                    found.append((row.signed, *self._placed(
                        txn, row.height, row.index)))
        return tuple(found)

    def federation(self) -> federation_module.Federation:
        """See :meth:`Reader.federation`."""
        with self._env.read() as txn:
            row = environment.last(txn, self._env.federations)
            if row is None:
                raise errors.NotFound('The directory holds no chain yet.')
            epoch = environment.U32.unpack(row[0])[0]
            if self._federation is None or self._federation[0] != epoch:
                newest = self._chain.federations(txn, epoch)[-1]
                signed = federation_module.SignedFederation.from_bytes(
                    newest.signed)
                self._federation = epoch, federation_module.Federation.of(
                    self._h, signed.document)
        return self._federation[1]

    def search(self, *, sender: bytes | None = None,
               recipient: bytes | None = None, cid: bytes | None = None,
               kind: int | None = None, after_height: int = -1,
               limit: int = 100) -> list[dict[str, Any]]:
        """See :meth:`Reader.search`."""
        if self._index is None:
            raise errors.NotFound('This process has no index.')
        conditions = {name: value for name, value in (
            ('sender', sender), ('recipient', recipient), ('cid', cid),
            ('type', kind)) if value is not None}
        rows = self._index.search(conditions, after_height,
                                  max(1, min(limit, SEARCH_MAX_COUNT)))
        self._check_rows(rows)
        return [_record(row) for row in rows]

    def _check_rows(self, rows: Sequence[index_module.Row]) -> None:
        """Compare what the index shows with the chain it was made from.

        :raises CorruptStore: a row is damaged: SQL databases have no
            checksums
        """
        with self._env.read() as txn:
            for row in rows:
                place = row['height'], row['position']
                raw = self._chain.raw_at(txn, *place)
                if (self._chain.place(txn, row['txid']) == place
                        if raw is None
                        else index_rows.is_row_of(self._h, row, raw)):
                    continue
                assert self._index is not None
                self._index.distrust()
                raise errors.CorruptStore(
                    'The index is damaged; it is built anew at the next '
                    'start, or by "tacker-ledger-manage index rebuild".',
                    height=row['height'], index=row['position'])


def _history_count(value: bytes | None) -> int:
    """Return how many transactions a state key's history has."""
    if value is None:
        return 0
    if snapshot.is_pair(value):
        return state_records.PairRecord.from_bytes(value).count
    return state_records.CidRecord.from_bytes(value).history_count


#: Rows of one page of a search; a page may run on to the end of a block.
SEARCH_MAX_COUNT = 1000


def _record(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.hex() if isinstance(value, bytes) else value
            for name, value in row.items()}


def open_directory(directory: str, index: index_module.Index | None = None
                   ) -> Query:
    """Return a reader of a node's data directory, for another process.

    :param directory: the node's data directory
    :raises NotFound: no node has run there yet
    """
    env = environment.Environment(directory, readonly=True)
    nodes = state.MappedNodes(
        pathlib.Path(directory) / state.FILE_NAME, readonly=True)
    return Query(env, nodes, index)
