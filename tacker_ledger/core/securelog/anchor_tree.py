# SPDX-License-Identifier: Apache-2.0
"""The tree whose root one anchor publishes, and the paths up to it.

The checkpoints of one log stand together, ordered by (writer, sequence).
One alone is the log's node; several have the node::

    SHA-256(02 | tag | log id | u32 count | root over them)

which no path of sibling digests can imitate: a path of the log therefore
lists all of its checkpoints, and none can be passed off as another log's.
Over these nodes, ordered by log id, stands the tree of RFC 6962; before them
the leaf that names an older chain, if one is given up, after them the leaf
of the ledger's head, if there is one.  One node alone is its own root.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import hashlib
import itertools
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core import limits
from tacker_ledger.core import merkle
from tacker_ledger.core.securelog import leaf
from tacker_ledger.core.securelog import transaction

VERSION = 1
_LOG, _LEDGER, _REBASE = 1, 2, 3
_NODES_MAX = limits.ANCHOR_LOGS_MAX_COUNT + 2
_DIGEST = codec.Bytes.exact(hashing.DIGEST_BYTES)
#: index and size of the top tree, siblings from below
_POSITION = (codec.Int(0, _NODES_MAX - 1), codec.Int(1, _NODES_MAX),
             codec.Array(_DIGEST, 0, 17))
_ENTRY = codec.Record(codec.Int(1, 2 ** 32 - 1), codec.Int(), _DIGEST)
_PATH = codec.Tagged({
    _LOG: codec.Record(
        codec.Const(_LOG), codec.Const(VERSION),
        codec.Bytes.exact(leaf.LOG_ID_BYTES),
        codec.Array(_ENTRY, 1, limits.ANCHOR_CHECKPOINTS_MAX_COUNT),
        *_POSITION),
    _LEDGER: codec.Record(
        codec.Const(_LEDGER), codec.Const(VERSION), _DIGEST, codec.Int(),
        _DIGEST, *_POSITION),
    _REBASE: codec.Record(
        codec.Const(_REBASE), codec.Const(VERSION), _DIGEST,
        codec.Int(0, 2 ** 32 - 1), *_POSITION),
})

#: What leads from a digest to the next: SHA-256(before | digest | after).
Step = tuple[bytes, bytes]


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One checkpoint: its session's number, its sequence there, its hash."""

    writer: int
    sequence: int
    hash: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Head:
    """A certified head of the ledger."""

    chain_id: bytes
    height: int
    block_hash: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Position:
    """Where a node stands in the tree over all nodes."""

    index: int
    size: int
    siblings: tuple[bytes, ...]

    def root(self, node: bytes) -> bytes:
        """Return the root above ``node``.

        :raises BadProof: no tree of that size has such a path
        """
        root = merkle.fold(node, self.index, self.size, self.siblings)
        if root is None:
            raise errors.BadProof('The path fits no tree of its size')
        return root

    def steps(self) -> list[Step]:
        """Return what leads from the node to the root."""
        return _steps(self.index, self.size, self.siblings)


@dataclasses.dataclass(frozen=True, slots=True)
class LogPath:
    """All checkpoints of one log in one anchor, and their way to its root.

    The same for each of them: whoever has it knows of the others.
    """

    log_id: bytes
    entries: tuple[Entry, ...]
    position: Position

    def root(self) -> bytes:
        """Return the root that this leads to.

        :raises BadProof: the path fits no tree
        """
        return self.position.root(_node_of(self.log_id, self.entries))

    def ots_steps(self, writer: int, sequence: int) -> list[Step]:
        """Return what leads from one checkpoint's hash to the root.

        :raises NotFound: the log has no such checkpoint here
        """
        places = [(entry.writer, entry.sequence) for entry in self.entries]
        if (writer, sequence) not in places:
            raise errors.NotFound('The anchor holds no such checkpoint',
                                  writer=writer, sequence=sequence)
        index = places.index((writer, sequence))
        size = len(self.entries)
        if size == 1:
            return self.position.steps()
        hashes = [entry.hash for entry in self.entries]
        return [*_steps(index, size, merkle.path(hashes, index)),
                (_log_prefix(self.log_id, size), b''),
                *self.position.steps()]

    def encode(self) -> bytes:
        """Return the path file."""
        return codec.encode((
            _LOG, VERSION, self.log_id,
            tuple(dataclasses.astuple(entry) for entry in self.entries),
            *_fields(self.position)))


@dataclasses.dataclass(frozen=True, slots=True)
class LedgerPath:
    """The ledger's head in one anchor."""

    head: Head
    position: Position

    def root(self) -> bytes:
        """Return the root that this leads to; see :meth:`LogPath.root`."""
        return self.position.root(leaf.leaf_hash(self.leaf_file()))

    def leaf_file(self) -> bytes:
        """Return the file whose hash the steps begin with."""
        return leaf.ledger_leaf(self.head.chain_id, self.head.height,
                                self.head.block_hash)

    def ots_steps(self) -> list[Step]:
        """Return what leads from the leaf's hash to the root."""
        return self.position.steps()

    def encode(self) -> bytes:
        """Return the path file."""
        return codec.encode((
            _LEDGER, VERSION, self.head.chain_id, self.head.height,
            self.head.block_hash, *_fields(self.position)))


@dataclasses.dataclass(frozen=True, slots=True)
class RebasePath:
    """The chain of anchors that was given up, in the first of the next."""

    tip: transaction.Outpoint
    position: Position

    def root(self) -> bytes:
        """Return the root that this leads to; see :meth:`LogPath.root`."""
        return self.position.root(
            leaf.leaf_hash(leaf.rebase_leaf(self.tip)))

    def encode(self) -> bytes:
        """Return the path file."""
        return codec.encode((
            _REBASE, VERSION, bytes.fromhex(self.tip.txid)[::-1],
            self.tip.index, *_fields(self.position)))


class AnchorTree:
    """Everything that one anchor publishes.

    :param logs: by log id, its checkpoints: at most one of each session
    :param ledger: the ledger's newest certified head
    :param rebase: last output of the chain of anchors that is given up
    :raises TooLarge: more logs or checkpoints than one anchor may hold
    """

    def __init__(self, logs: Mapping[bytes, Iterable[Entry]],
                 ledger: Head | None = None,
                 rebase: transaction.Outpoint | None = None) -> None:
        self._logs = {log_id: tuple(sorted(logs[log_id]))
                      for log_id in sorted(logs)}
        self._ledger = ledger
        self._rebase = rebase
        if len(self._logs) > limits.ANCHOR_LOGS_MAX_COUNT:
            raise errors.TooLarge('More logs than one anchor may hold')
        nodes = []
        if rebase is not None:
            nodes.append(leaf.leaf_hash(leaf.rebase_leaf(rebase)))
        self._first_log = len(nodes)
        for log_id, entries in self._logs.items():
            assert entries and len({entry.writer for entry in entries}) \
                == len(entries), 'one checkpoint of each session'
            if len(entries) > limits.ANCHOR_CHECKPOINTS_MAX_COUNT:
                raise errors.TooLarge('More sessions of a log than one '
                                      'anchor may hold')
            nodes.append(_node_of(log_id, entries))
        if ledger is not None:
            nodes.append(leaf.leaf_hash(leaf.ledger_leaf(
                ledger.chain_id, ledger.height, ledger.block_hash)))
        assert nodes, 'an anchor of nothing'
        self._levels = merkle.levels(nodes)
        self._index = {log_id: self._first_log + position
                       for position, log_id in enumerate(self._logs)}

    @property
    def root(self) -> bytes:
        """What the OP_RETURN holds, 32 bytes."""
        return self._levels[-1][0]

    def log_path(self, log_id: bytes) -> LogPath:
        """Return the path of one log in this anchor."""
        return LogPath(log_id, self._logs[log_id],
                       self._position(self._index[log_id]))

    def ledger_path(self) -> LedgerPath:
        """Return the path of the ledger's head, which has to be in."""
        assert self._ledger is not None
        return LedgerPath(self._ledger,
                          self._position(len(self._levels[0]) - 1))

    def rebase_path(self) -> RebasePath:
        """Return the path of the chain given up, which has to be in."""
        assert self._rebase is not None
        return RebasePath(self._rebase, self._position(0))

    def _position(self, index: int) -> Position:
        return Position(index, len(self._levels[0]),
                        tuple(merkle.path_in(self._levels, index)))


def decode_path(data: bytes) -> LogPath | LedgerPath | RebasePath:
    """Return the path that a file holds.

    Its root has to be compared with an anchor's by the caller.

    :raises Malformed: not a path file, or one that contradicts itself
    :raises TooLarge: larger than a path file may be
    """
    fields = codec.decode(data, _PATH, limits.ANCHOR_PATH_MAX_BYTES)
    position = Position(*fields[-3:])
    if merkle.fold(b'', position.index, position.size,
                   position.siblings) is None:
        raise errors.Malformed('The path fits no tree of its size')
    if fields[0] == _LEDGER:
        return LedgerPath(Head(*fields[2:5]), position)
    if fields[0] == _REBASE:
        return RebasePath(transaction.Outpoint(
            fields[2][::-1].hex(), fields[3]), position)
    entries = tuple(Entry(*entry) for entry in fields[3])
    writers = [entry.writer for entry in entries]
    if any(one >= two for one, two in itertools.pairwise(writers)):
        raise errors.Malformed('Sessions out of order in a path')
    return LogPath(fields[2], entries, position)


def _fields(position: Position) -> tuple[Any, ...]:
    return position.index, position.size, position.siblings


def _node_of(log_id: bytes, entries: tuple[Entry, ...]) -> bytes:
    """Return the node of one log, 32 bytes."""
    root = merkle.root([entry.hash for entry in entries])
    if len(entries) == 1:
        return root
    return hashlib.sha256(_log_prefix(log_id, len(entries)) + root).digest()


def _log_prefix(log_id: bytes, count: int) -> bytes:
    return b''.join((b'\x02', hashing.Tag.ANCHOR_LOG.prefix, log_id,
                     count.to_bytes(4, 'big')))


def _steps(index: int, size: int, siblings: Iterable[bytes]) -> list[Step]:
    """Return the steps of an audit path, as :func:`merkle.fold` goes."""
    steps: list[Step] = []
    path = iter(siblings)
    last = size - 1
    while last:
        if index & 1:
            steps.append((b'\x01' + next(path), b''))
        elif index < last:
            steps.append((b'\x01', next(path)))
        index >>= 1
        last >>= 1
    return steps
