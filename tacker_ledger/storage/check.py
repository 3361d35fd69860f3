# SPDX-License-Identifier: Apache-2.0
"""Is what is stored what was stored?  Quick at a start, or complete.

The quick check looks at the newest blocks: a torn write hits what was
written last, in every database that a block touches.  After an unclean stop
it also walks the keys of everything but the bodies, so that the trees are
known to be whole before a query meets them; after several in a row, those
of the bodies too.  The complete check reads every record:
checksums, the chain of headers, each body under its header, each
transaction's place, the state under the newest header, each history under
its proven head.  Nothing here verifies signatures: that is ``chain
verify``.

A walk may meet pages which LMDB cannot survive: run it by ``guard``.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses

import lmdb

from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.storage import chain as chain_module
from tacker_ledger.storage import enrolments
from tacker_ledger.storage import environment
from tacker_ledger.storage import state
from tacker_ledger.storage import votes

#: Blocks that a start looks at, and as many may be dropped and fetched
#: again; damage below them is for a person.
TAIL_BLOCKS = 256

Report = Callable[[int], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Sound:
    """What a check found in order.

    :param height: the newest block
    :param first_body: bodies were looked at from here on
    :param blocks: how many
    :param transactions: in them
    :param clean: the store was closed in order
    """

    height: int
    first_body: int
    blocks: int
    transactions: int
    clean: bool


def quick(env: environment.Environment, h: hashing.Hasher, *,
          tail: int | None = None, walk: bool = False) -> Sound:
    """Check the head and the newest blocks.

    :param tail: how many blocks, ``TAIL_BLOCKS`` if None
    :param walk: walk the keys of everything, bodies too, which are most of
        what is on the disk
    :raises CorruptStore: the first thing that is wrong
    """
    with env.read() as txn:
        checker = _Checker(env, h, txn)
        clean = state.is_clean(env, txn)
        for database in env.databases.values():
            if walk or (not clean
                        and database is not env.bodies):
                checker.walk(database)
        height = checker.head()
        checker.small_records()
        first = max(checker.first_body, height + 1 - (
            TAIL_BLOCKS if tail is None else tail))
        count = checker.blocks(first, height)
        return Sound(height, checker.first_body, max(0, height - first + 1),
                     count, clean)


def complete(env: environment.Environment, h: hashing.Hasher,
             report: Report | None = None,
             array: state_map.NodeArray | None = None) -> Sound:
    """Check everything.

    :param report: called with each height reached
    :param array: the mapped array, if it is in step with the values
    :raises CorruptStore: the first thing that is wrong
    """
    with env.read() as txn:
        checker = _Checker(env, h, txn)
        for database in env.databases.values():
            checker.walk(database, values=True)
        height = checker.head()
        checker.small_records()
        checker.votes()
        checker.headers()
        count = checker.blocks(checker.first_body, height, report)
        checker.places(count)
        checker.state(array)
        checker.histories()
        return Sound(height, checker.first_body,
                     height - checker.first_body + 1, count,
                     state.is_clean(env, txn))


class _Compared:
    """Compares nodes that are built with those of an array."""

    def __init__(self, array: state_map.NodeArray) -> None:
        self._array = array
        self._root = state_map.ZEROS
        self.differing = 0

    def get(self, index: int) -> bytes:
        """See ``state_map.RootOnly``."""
        return self._root if index == state_map.ROOT else state_map.ZEROS

    def set(self, index: int, digest: bytes) -> None:
        """Compare a node."""
        if index == state_map.ROOT:
            self._root = digest
        self.differing += self._array.get(index) != digest

    def update(self, nodes: Mapping[int, bytes]) -> None:
        """Compare nodes by their index."""
        for index, digest in nodes.items():
            self.set(index, digest)

    def clear(self) -> None:
        """Nothing is kept."""


class _Checker:
    """The checks, in one read transaction."""

    def __init__(self, env: environment.Environment, h: hashing.Hasher,
                 txn: lmdb.Transaction) -> None:
        self._env = env
        self._h = h
        self._txn = txn
        self._chain = chain_module.Chain(env)
        self.first_body = self._chain.first_body(txn)

    def walk(self, database: environment.Database,
             values: bool = False) -> None:
        """Check that keys ascend and are as many as LMDB counts."""
        count = 0
        before = b''
        for key in self._keys(database, values):
            if count and key <= before:
                raise errors.CorruptStore(
                    f'The keys of the database {database.name} do not '
                    'ascend.', database=database.name)
            before = key
            count += 1
        if count != self._entries(database):
            raise errors.CorruptStore(
                f'The database {database.name} has {count} records where '
                f'{self._entries(database)} are counted.',
                database=database.name)

    def _keys(self, database: environment.Database,
              values: bool) -> Iterator[bytes]:
        if values:
            for key, _ in environment.scan(self._txn, database):
                yield key
            return
        yield from environment.keys(self._txn, database)

    def _entries(self, database: environment.Database) -> int:
        entries: int = self._txn.stat(database.handle)['entries']
        return entries

    def head(self) -> int:
        """Check how far the chain goes; return it."""
        height = self._chain.height(self._txn)
        if height is None:
            raise errors.CorruptStore('The store has no blocks.')
        # one that began with a snapshot lacks headers in between
        if not self.first_body and (
                self._entries(self._env.headers) != height + 1):
            raise errors.CorruptStore(
                f'Headers are missing below {height}.')
        body = environment.last(self._txn, self._env.bodies)
        if body is not None and environment.PLACE.unpack(
                body[0])[0] > height:
            raise errors.CorruptStore(
                f'There are bodies above the newest header, {height}.')
        return height

    def small_records(self) -> None:
        """Check what is small enough to be read at every start."""
        rows = self._chain.federations(self._txn)
        try:
            for row in rows:
                federation_module.SignedFederation.from_bytes(row.signed)
            enrolments.Enrolments(self._env).load(self._txn)
        except (errors.FormatError, UnicodeDecodeError) as error:
            raise errors.CorruptStore(
                'A federation document or an enrolment is damaged.'
            ) from error
        if not rows:
            raise errors.CorruptStore('There is no federation document.')
        # a key that was damaged would only be missed
        for database in (self._env.meta, self._env.evidence):
            for _ in environment.scan(self._txn, database):
                pass

    def votes(self) -> None:
        """Check the vote log."""
        votes.VoteLog(self._env).load(self._txn)

    def headers(self) -> None:
        """Check the chain of headers below the bodies that are held."""
        before = -1
        parent: bytes | None = None
        for key, _ in environment.scan(self._txn, self._env.headers):
            height = environment.U64.unpack(key)[0]
            if height >= self.first_body:
                return
            header, _, _ = self._header(
                height, parent if height == before + 1 else None)
            before, parent = height, header.digest(self._h)

    def _header(self, height: int, parent: bytes | None
                ) -> tuple[block_module.Header, bytes, bytes]:
        """Return header, its bytes and certificate, all as they should be."""
        pair = self._chain.head_pair(self._txn, height)
        if pair is None:
            raise errors.CorruptStore(f'Block {height} is missing.',
                                      height=height)
        try:
            header = block_module.Header.from_bytes(pair[0])
            if pair[1]:
                certificate_module.Certificate.from_bytes(pair[1])
        except errors.LedgerError as error:
            raise errors.CorruptStore(
                f'The header of block {height} is damaged.',
                height=height) from error
        if (header.height, header.chain_id) != (height, self._h.chain_id) or (
                parent is not None and header.parent != parent):
            raise errors.CorruptStore(
                f'Block {height} does not follow the one before.',
                height=height)
        return header, pair[0], pair[1]

    def blocks(self, first: int, last: int,
               report: Report | None = None) -> int:
        """Check blocks with their bodies; return their transactions."""
        count = 0
        parent = None
        if first > 0 and self._chain.head_pair(self._txn, first - 1):
            parent = self._header(first - 1, None)[0].digest(self._h)
        certificate = b''
        for height in range(first, last + 1):
            header, raw, certificate = self._header(height, parent)
            parent = header.digest(self._h)
            count += self._body(header, raw, certificate)
            if report is not None:
                report(height)
        if last > 0 and not certificate:
            raise errors.CorruptStore(
                f'The newest block, {last}, has no certificate.',
                height=last)
        return count

    def _body(self, header: block_module.Header, raw: bytes,
              certificate: bytes) -> int:
        height = header.height
        raws = self._chain.body(self._txn, height)
        try:
            block = block_module.Block.of_parts(self._h, raw, raws)
            transactions = block.transactions()
        except errors.LedgerError as error:
            raise errors.CorruptStore(
                f'The body of block {height} is not the one that its header '
                'names.', height=height) from error
        if raws and not certificate:
            raise errors.CorruptStore(
                f'Block {height} has lost its certificate.', height=height)
        for index, transaction in enumerate(transactions):
            if self._chain.place(self._txn, transaction.txid) != (
                    height, index):
                raise errors.CorruptStore(
                    f'Transaction {index} of block {height} is not found by '
                    'its id.', height=height)
        return len(raws)

    # What only the complete check looks at

    def places(self, count: int) -> None:
        """Check that ids lead nowhere but to the blocks."""
        ids = self._entries(self._env.txids)
        bodies = self._entries(self._env.bodies)
        # of older blocks some bodies are kept, and all ids or none
        if (bodies < count or ids < bodies if self.first_body
                else not bodies == ids == count):
            raise errors.CorruptStore(
                f'There are {bodies} transactions and {ids} ids of '
                f'transactions where the blocks have {count}.')

    def state(self, array: state_map.NodeArray | None) -> None:
        """Check all values against the newest header, and the array."""
        height = self._chain.height(self._txn)
        assert height is not None
        header, _, _ = self._header(height, None)
        snapshot = state.StateStore(self._env).at(self._txn)
        nodes = _Compared(array) if array else state_map.RootOnly()
        root = state_map.build(self._h, nodes, snapshot.hashes())
        if root != header.state_root:
            raise errors.CorruptStore(
                'The stored state is not the one that the newest block '
                'certifies.', height=height)
        if isinstance(nodes, _Compared) and nodes.differing:
            raise errors.CorruptStore(
                f'{nodes.differing} nodes of the mapped array are not those '
                'of the stored state.')

    def histories(self) -> None:
        """Check each history against the head that the state proves.

        After a start from a snapshot they have gaps, and cannot be.
        """
        if self._chain.base_height(self._txn):
            return
        counted = 0
        for key, value in environment.scan(self._txn, self._env.state):
            count, head = _history_of(key, value)
            counted += count
            self._history(key, count, head)
        if counted != self._entries(self._env.history):
            raise errors.CorruptStore(
                'There are histories that the state does not know.')

    def _history(self, key: bytes, count: int, head: bytes) -> None:
        folded = state_records.EMPTY_HEAD
        number = 0
        whole = True
        for at, height, index in self._chain.history(
                self._txn, key, 0, count + 1):
            number += 1
            raw = self._chain.raw_at(self._txn, height, index)
            if at != number or (raw is None and height >= self.first_body):
                raise errors.CorruptStore(
                    f'The history of {key.hex()} is damaged at its entry '
                    f'{number}.')
            if raw is None:
                whole = False
                continue
            transaction = transaction_module.Transaction.from_bytes(
                self._h, raw)
            folded = state_records.advance(self._h, folded, transaction.txid)
        if number != count or (whole and folded != head):
            raise errors.CorruptStore(
                f'The history of {key.hex()} is not the one the state '
                'proves.')


def _history_of(key: bytes, value: bytes) -> tuple[int, bytes]:
    """Return (count, head) of a state record of either kind."""
    try:
        pair = state_records.PairRecord.from_bytes(value)
        return pair.count, pair.head
    except errors.FormatError:
        pass
    try:
        record = state_records.CidRecord.from_bytes(value)
    except errors.FormatError as error:
        raise errors.CorruptStore(
            f'The state record {key.hex()} has no known form.') from error
    return record.history_count, record.history_head
