# SPDX-License-Identifier: Apache-2.0
"""Blocks, transactions, histories and federation documents in LMDB.

Functions take the transaction they act in, so that a caller decides what is
atomic: a committed block is one write transaction (:meth:`Chain.append`),
an answer is one read transaction.

A heartbeat's certificate is dropped once its successor is stored, because
the successor's parent digest certifies it; every 256th is kept so that a
neighbour which catches up never has to take a long uncertified run at once.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses

import lmdb

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.storage import environment

#: Heights divisible by this keep their certificate, heartbeat or not.
CERTIFICATE_INTERVAL = limits.CERTIFICATE_INTERVAL_BLOCKS

_HEADER_SCHEMA = codec.Record(
    codec.Bytes(1, limits.HEADER_MAX_BYTES),
    codec.Bytes(0, limits.CERTIFICATE_MAX_BYTES))
_ROW_MAX_BYTES = limits.HEADER_MAX_BYTES + limits.CERTIFICATE_MAX_BYTES + 16
_COUNT_MAX = 2 ** 64 - 1
#: In ``meta``: the first height whose body, and every later one, is held.
_FIRST_BODY_KEY = b'first-body'
#: In ``meta``: the height whose state came as a snapshot.
_BASE_HEIGHT_KEY = b'base-height'


@dataclasses.dataclass(frozen=True, slots=True)
class StoredTransaction:
    """What the chain keeps of a transaction besides its bytes."""

    txid: bytes
    sender_id: bytes
    raw: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class StoredBlock:
    """A block with everything its commit changes.

    :param changes: state key -> new value
    :param entries: (state key, count, index in block) of each history
    :param federation: (epoch, index in block, signed document) if one of
        the transactions changes the federation
    """

    height: int
    header: bytes
    certificate: bytes
    transactions: Sequence[StoredTransaction]
    changes: Mapping[bytes, bytes]
    entries: Iterable[tuple[bytes, int, int]]
    federation: tuple[int, int, bytes] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class FederationRow:
    """A federation document and where on the chain it stands."""

    epoch: int
    height: int
    index: int
    signed: bytes


class Chain:
    """The chain's databases.

    :param env: where they are
    """

    def __init__(self, env: environment.Environment) -> None:
        self._env = env

    def append(self, txn: lmdb.Transaction, block: StoredBlock) -> None:
        """Store a block and what it changes.

        :raises CorruptStore: it is not the next height
        """
        newest = self.height(txn)
        if block.height != (0 if newest is None else newest + 1):
            raise errors.CorruptStore(
                f'Block {block.height} does not follow height {newest}.')
        self._put_header(txn, block)
        places = [environment.PLACE.pack(block.height, index)
                  for index in range(len(block.transactions))]
        environment.put_all(txn, self._env.bodies, (
            (place, transaction.raw) for place, transaction in zip(
                places, block.transactions, strict=True)), append=True)
        # sorted: neighbours in a tree are on one page
        environment.put_all(txn, self._env.txids, sorted(
            (transaction.txid, place) for place, transaction in zip(
                places, block.transactions, strict=True)))
        environment.put_all(txn, self._env.state,
                            sorted(block.changes.items()))
        environment.put_all(txn, self._env.history, sorted(
            (key + environment.U64.pack(count), places[index])
            for key, count, index in block.entries))
        self._add_usage(txn, block.transactions)
        if block.federation is not None:
            epoch, index, signed = block.federation
            self.put_federation(txn, FederationRow(
                epoch, block.height, index, signed))

    def _put_header(self, txn: lmdb.Transaction, block: StoredBlock) -> None:
        environment.put(txn, self._env.headers,
                        environment.U64.pack(block.height),
                        codec.encode((block.header, block.certificate)),
                        append=True)
        before = block.height - 1
        if before < 1 or before % CERTIFICATE_INTERVAL == 0:
            return
        pair = self.head_pair(txn, before)
        if pair and pair[1] and not self.transaction_count(txn, before):
            environment.put(txn, self._env.headers,
                            environment.U64.pack(before),
                            codec.encode((pair[0], b'')))

    def _add_usage(self, txn: lmdb.Transaction,
                   transactions: Iterable[StoredTransaction]) -> None:
        added: dict[bytes, tuple[int, int]] = {}
        for transaction in transactions:
            size, count = added.get(transaction.sender_id, (0, 0))
            added[transaction.sender_id] = (size + len(transaction.raw),
                                            count + 1)
        for sender, (size, count) in added.items():
            old_size, old_count = self._usage(txn, sender)
            environment.put(txn, self._env.usage, sender,
                            environment.U64.pack(old_size + size)
                            + environment.U64.pack(old_count + count))

    def _usage(self, txn: lmdb.Transaction, sender: bytes) -> tuple[int, int]:
        value = environment.get(txn, self._env.usage, sender)
        return (0, 0) if value is None else _unpack_usage(value)

    def usage(self, txn: lmdb.Transaction) -> list[tuple[bytes, int, int]]:
        """Return (sender id, bytes, count) of every sender, by sender id."""
        return [(key, *_unpack_usage(value)) for key, value
                in environment.scan(txn, self._env.usage)]

    def put_federation(self, txn: lmdb.Transaction,
                       row: FederationRow) -> None:
        """Store a federation document (genesis stands at height 0)."""
        environment.put(
            txn, self._env.federations, environment.U32.pack(row.epoch),
            environment.PLACE.pack(row.height, row.index) + row.signed)

    def federations(self, txn: lmdb.Transaction,
                    from_epoch: int = 0) -> list[FederationRow]:
        """Return the documents from an epoch on, in their order."""
        rows = []
        size = environment.PLACE.size
        for key, value in environment.scan(
                txn, self._env.federations, environment.U32.pack(from_epoch)):
            height, index = environment.PLACE.unpack(value[:size])
            rows.append(FederationRow(environment.U32.unpack(key)[0],
                                      height, index, value[size:]))
        return rows

    def height(self, txn: lmdb.Transaction) -> int | None:
        """Return the newest height; None if not even genesis is stored."""
        key = environment.last_key(txn, self._env.headers)
        return None if key is None else _number(key)

    def head_pair(self, txn: lmdb.Transaction,
                  height: int) -> tuple[bytes, bytes] | None:
        """Return (header, certificate) at a height, None if not there."""
        row = environment.get(txn, self._env.headers,
                              environment.U64.pack(height))
        if row is None:
            return None
        try:
            header, certificate = codec.decode(row, _HEADER_SCHEMA,
                                               _ROW_MAX_BYTES)
        except errors.FormatError as error:
            raise errors.CorruptStore(
                f'The header at height {height} is damaged.') from error
        return header, certificate

    def transaction_count(self, txn: lmdb.Transaction, height: int) -> int:
        """Return how many transactions the block at ``height`` has."""
        row = environment.last(txn, self._env.bodies,
                               environment.PLACE.pack(height + 1, 0))
        if row is None:
            return 0
        at, index = _place(row[0])
        return index + 1 if at == height else 0

    def body(self, txn: lmdb.Transaction, height: int) -> tuple[bytes, ...]:
        """Return the raw transactions of the block at ``height``."""
        return tuple(value for _, value in environment.scan(
            txn, self._env.bodies, prefix=environment.U64.pack(height)))

    def first_body(self, txn: lmdb.Transaction) -> int:
        """Return the first height from which on every body is held.

        0 unless old bodies were pruned, or never fetched because the node
        started from a snapshot.  Headers below may be there or not.
        """
        value = environment.get(txn, self._env.meta, _FIRST_BODY_KEY)
        return 0 if value is None else _number(value)

    def set_first_body(self, txn: lmdb.Transaction, height: int) -> None:
        """Note the first height from which on every body is held."""
        environment.put(txn, self._env.meta, _FIRST_BODY_KEY,
                        environment.U64.pack(height))

    def base_height(self, txn: lmdb.Transaction) -> int:
        """Return the height whose state came as a snapshot; 0 if none did.

        At and below it histories have gaps, and transactions and headers
        may be missing.
        """
        value = environment.get(txn, self._env.meta, _BASE_HEIGHT_KEY)
        return 0 if value is None else _number(value)

    def set_base_height(self, txn: lmdb.Transaction, height: int) -> None:
        """Note the height whose state came as a snapshot."""
        environment.put(txn, self._env.meta, _BASE_HEIGHT_KEY,
                        environment.U64.pack(height))

    def raw_at(self, txn: lmdb.Transaction, height: int,
               index: int) -> bytes | None:
        """Return one transaction's bytes by its place."""
        return environment.get(txn, self._env.bodies,
                               environment.PLACE.pack(height, index))

    def place(self, txn: lmdb.Transaction,
              txid: bytes) -> tuple[int, int] | None:
        """Return (height, index) of a transaction, None if unknown."""
        value = environment.get(txn, self._env.txids, txid)
        return None if value is None else _place(value)

    def history(self, txn: lmdb.Transaction, state_key: bytes, after: int,
                limit: int) -> list[tuple[int, int, int]]:
        """Return (count, height, index) with a count above ``after``."""
        if after >= _COUNT_MAX or limit <= 0:
            return []
        found = []
        for key, value in environment.scan(
                txn, self._env.history,
                state_key + environment.U64.pack(after + 1), state_key):
            found.append((_number(key[len(state_key):]), *_place(value)))
            if len(found) == limit:
                break
        return found

    def changed_at(self, txn: lmdb.Transaction, state_key: bytes) -> int:
        """Return the height of a state key's newest change; -1 if none.

        What came with a snapshot may have changed there, for all we know.
        """
        row = environment.last(txn, self._env.history,
                               state_key + environment.U64.pack(_COUNT_MAX))
        if row is None or not row[0].startswith(state_key):
            found = -1
        else:
            found = _place(row[1])[0]
        base = self.base_height(txn)
        if found < base and environment.get(
                txn, self._env.state, state_key) is not None:
            return base
        return found


def _number(value: bytes) -> int:
    number: int = environment.U64.unpack(value)[0]
    return number


def _place(value: bytes) -> tuple[int, int]:
    height, index = environment.PLACE.unpack(value)
    return height, index


def _unpack_usage(value: bytes) -> tuple[int, int]:
    return _number(value[:8]), _number(value[8:])
