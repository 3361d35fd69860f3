# SPDX-License-Identifier: Apache-2.0
"""Leaf files, the tree above them, path files and lists (page *Anchors*).
"""

import dataclasses
import itertools
from typing import Any

from tacker_ledger.tests.independent import hashing
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import shapes

MAX_RECORD_BYTES = 4096
MAX_PATH_BYTES = 256 * 1024
MAX_CHECKPOINTS = 4096
MAX_NODES = 65_538
MAX_ANCHORS = 190_000
MAX_LIST_BYTES = 12_540_256

#: (writer, sequence, hash) of one checkpoint.
Checkpoint = tuple[int, int, bytes]

_INDEX = shapes.integer(0, (1 << 32) - 1)
_WRITER = shapes.integer(1, (1 << 32) - 1)
_POSITION = (shapes.integer(0, MAX_NODES - 1), shapes.integer(1, MAX_NODES),
             shapes.array(shapes.DIGEST, 0, 17))
_PATHS = {
    1: shapes.fields(
        shapes.one_of(1), shapes.one_of(1), shapes.octets(16),
        shapes.array(shapes.fields(_WRITER, shapes.UNBOUNDED, shapes.DIGEST),
                     1, MAX_CHECKPOINTS), *_POSITION),
    2: shapes.fields(
        shapes.one_of(2), shapes.one_of(1), shapes.DIGEST, shapes.HEIGHT,
        shapes.DIGEST, *_POSITION),
    3: shapes.fields(
        shapes.one_of(3), shapes.one_of(1), shapes.DIGEST, _INDEX,
        *_POSITION)}
_LIST = shapes.fields(
    shapes.one_of(1), shapes.text(32), shapes.DIGEST, _INDEX,
    shapes.array(shapes.octets(64), 0, MAX_ANCHORS))


def _file(tag: str, *fields: bytes) -> bytes:
    return b'\x00' + hashing.message(tag, None, *fields)


def checkpoint_file(log_id: bytes, writer: int, sequence: int,
                    record: bytes) -> bytes:
    """Return the leaf file of a checkpoint."""
    return _file('anchor-checkpoint', log_id, writer.to_bytes(4, 'big'),
                 sequence.to_bytes(8, 'big'), record)


def ledger_file(chain_id: bytes, height: int, block_hash: bytes) -> bytes:
    """Return the leaf file of the ledger's head."""
    return _file('anchor-ledger', chain_id, height.to_bytes(8, 'big'),
                 block_hash)


def rebase_file(digest: bytes, index: int) -> bytes:
    """Return the leaf file of the last output of a chain given up."""
    return _file('anchor-rebase', digest, index.to_bytes(4, 'little'))


def read_checkpoint_file(data: bytes) -> tuple[bytes, int, int, bytes]:
    """Return log id, writer, sequence and record in a leaf file."""
    begin = _file('anchor-checkpoint')
    refusal.require(data.startswith(begin), 'malformed', 'another file')
    rest = data[len(begin):]
    record = rest[28:]
    refusal.require(1 <= len(record) <= MAX_RECORD_BYTES, 'malformed',
                    'no record, or too long')
    return (rest[:16], int.from_bytes(rest[16:20], 'big'),
            int.from_bytes(rest[20:28], 'big'), record)


def log_node(log_id: bytes, checkpoints: list[Checkpoint]) -> bytes:
    """Return the node of a log."""
    hashes = [each[2] for each in sorted(checkpoints)]
    root = hashing.tree_root(hashes)
    if len(hashes) == 1:
        return root
    return hashing.sha256(b'\x02' + hashing.message(
        'anchor-log', None, log_id, len(hashes).to_bytes(4, 'big'), root))


def anchor_root(logs: dict[bytes, list[Checkpoint]],
                ledger: bytes | None = None, rebase: bytes | None = None
                ) -> bytes:
    """Return the root over logs and the leaf files of a head and a rebase.
    """
    nodes = [log_node(log_id, logs[log_id]) for log_id in sorted(logs)]
    if rebase is not None:
        nodes.insert(0, hashing.sha256(rebase))
    if ledger is not None:
        nodes.append(hashing.sha256(ledger))
    return hashing.tree_root(nodes)


@dataclasses.dataclass(frozen=True, slots=True)
class Path:
    """What a path file says.

    :param kind: 1 a log, 2 the ledger's head, 3 a chain given up
    :param fields: behind the version and before the position
    """

    kind: int
    fields: list[Any]
    index: int
    size: int
    siblings: list[bytes]

    @property
    def node(self) -> bytes:
        """The node that the path leads up from."""
        if self.kind == 1:
            log_id, checkpoints = self.fields
            return log_node(log_id, [(each[0], each[1], each[2])
                                     for each in checkpoints])
        if self.kind == 2:
            return hashing.sha256(ledger_file(*self.fields))
        return hashing.sha256(rebase_file(*self.fields))

    def check_log(self, records: dict[tuple[int, int], bytes]) -> None:
        """Refuse unless the log has each checkpoint that is listed.

        The root covers hashes; only this ties the rest of the list to them.

        :param records: those of checkpoints in the log, by writer and
            sequence
        """
        log_id, checkpoints = self.fields
        for writer, sequence, digest in checkpoints:
            record = records.get((writer, sequence), b'')
            refusal.require(hashing.sha256(checkpoint_file(
                log_id, writer, sequence, record)) == digest, 'bad-hash',
                f'checkpoint {writer}.{sequence}')


def _siblings(index: int, size: int) -> int:
    """Return how many siblings lead up from a place."""
    count, last = 0, size - 1
    while last > 0:
        count += index % 2 or index < last
        index, last = index // 2, last // 2
    return count


def read_path(data: bytes, root: bytes) -> Path:
    """Return what a path file shows under the root of an anchor."""
    def of_its_kind(value: Any) -> list[Any]:
        refusal.require(type(value) is list and len(value) > 0
                        and type(value[0]) is int and value[0] in _PATHS,
                        'malformed', 'no kind of path')
        return _PATHS[value[0]](value)

    fields = shapes.read(data, MAX_PATH_BYTES, of_its_kind)
    found = Path(fields[0], fields[2:-3], *fields[-3:])
    if found.kind == 1:
        writers = [each[0] for each in found.fields[1]]
        refusal.require(all(one < two for one, two
                            in itertools.pairwise(writers)),
                        'malformed', 'order of writers')
    refusal.require(
        found.index < found.size and len(found.siblings)
        == _siblings(found.index, found.size), 'malformed', 'position')
    hashing.check_path(found.node, found.index, found.size, found.siblings,
                       root)
    return found


@dataclasses.dataclass(frozen=True, slots=True)
class AnchorList:
    """First output, and (transaction id, block hash) of each anchor."""

    network: str
    first: tuple[bytes, int]
    anchors: list[tuple[bytes, bytes]]


def read_list(data: bytes) -> AnchorList:
    """Return the list in a file."""
    network, digest, index, rows = shapes.read(
        data, MAX_LIST_BYTES, _LIST)[1:]
    return AnchorList(network, (digest, index),
                      [(row[:32], row[32:]) for row in rows])
