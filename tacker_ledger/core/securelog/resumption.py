# SPDX-License-Identifier: Apache-2.0
"""Where a verification ended, so that the next one reads only what is new.

Kept by whoever verifies, in a place that the host cannot write: a resumed
verification believes what stands here.  Up to there nothing was altered
(else there is nothing to resume), so it is what the sessions came to: their
openings, last records and checkpoints, and how far each file was read.

Held as canonical CBOR.  The auditor's walk through a session is a secret and
is not kept: who resumes walks again from the record that carries the wrap.
"""

import dataclasses
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import findings
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import runs
from tacker_ledger.core.securelog import unsealing

_VERSION = 1
MAX_BYTES = 64 << 20
_NAME_MAX_BYTES = 4096
_MAX_COUNT = 100_000

_COUNT = codec.Int(0, 2 ** 62)
_MAYBE = codec.Optional(_COUNT)
_NAME = codec.Text(_NAME_MAX_BYTES)
_LAST = codec.Optional(codec.Record(_COUNT, codec.Bytes.exact(32)))
_RECORD = codec.Optional(codec.Bytes(1, limits.LOG_RECORD_MAX_BYTES))
_WRITER = codec.Int(1, records.WRITER_MAX)


def _list(*schemas: codec.Schema) -> codec.Array:
    return codec.Array(codec.Record(*schemas), 0, _MAX_COUNT)


_TAIL = codec.Optional(codec.Record(
    _COUNT, _LAST, codec.Optional(_NAME), _MAYBE, _MAYBE))
_SCHEMA = codec.Record(
    codec.Const(_VERSION), codec.Bytes.exact(16),
    _list(_NAME, _COUNT, _COUNT, codec.Bytes.exact(32)),
    _list(_WRITER, _RECORD, _RECORD), codec.Bool(),
    _COUNT, _COUNT, _list(_WRITER, _COUNT),
    _list(_NAME, _NAME, codec.Optional(_WRITER), _MAYBE,
          codec.Optional(_NAME), _MAYBE, _MAYBE, _MAYBE, _COUNT),
    _list(_WRITER, _RECORD, _NAME, _COUNT, _LAST, _RECORD, _TAIL))


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """How far a segment was read.

    :param offset: of the first line that is to be read again
    :param line: its number
    :param digest: SHA-256 of all bytes before it that whoever keeps this
        compares; 32 zeros before it was computed
    """

    name: str
    offset: int
    line: int
    digest: bytes = bytes(32)


@dataclasses.dataclass(frozen=True, slots=True)
class Open:
    """A session that may go on.

    :param start: the record to go on from
    :param agreement: the one whose wrap is in force there
    """

    writer: int
    start: unsealing.Sealing | None
    agreement: unsealing.Sealing | None


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a session; see ``sessions.Session``."""

    writer: int
    opening: records.Opening | None
    file: str
    line: int
    last: tuple[int, bytes] | None
    checkpoint: records.Checkpoint | None
    tail: runs.Tail | None


@dataclasses.dataclass(frozen=True, slots=True)
class Memory:
    """What the runs of the earlier verification gave."""

    lines: int
    checkpoints: int
    confirmed: tuple[tuple[int, int], ...]
    findings: tuple[findings.Finding, ...]
    sessions: tuple[Seen, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Position:
    """Where a verification ended.

    :param audited: whether it had the auditor's key; one that has must not
        resume one that had not
    """

    log_id: bytes
    files: tuple[File, ...]
    open: tuple[Open, ...]
    audited: bool
    memory: Memory

    def to_bytes(self) -> bytes:
        """Return the canonical CBOR."""
        memory = self.memory
        return codec.encode((
            _VERSION, self.log_id,
            [(one.name, one.offset, one.line, one.digest)
             for one in self.files],
            [(one.writer, _encoded(one.start), _encoded(one.agreement))
             for one in self.open], self.audited,
            memory.lines, memory.checkpoints, memory.confirmed,
            [(one.kind.label, one.detail, one.writer, one.sequence, one.file,
              one.line, one.before, one.after, one.count)
             for one in memory.findings],
            [(one.writer, _encoded(one.opening), one.file, one.line,
              one.last, _encoded(one.checkpoint), _tail(one.tail))
             for one in memory.sessions]))

    @staticmethod
    def from_bytes(data: bytes) -> 'Position':
        """Return the position that ``data`` encodes.

        :raises FormatError: it encodes none
        """
        (_, log_id, files, opened, audited, lines, checkpoints, confirmed,
         found, seen) = codec.decode(data, _SCHEMA, MAX_BYTES)
        return Position(
            log_id, tuple(File(*one) for one in files),
            tuple(Open(writer, _sealing(start), _sealing(agreement))
                  for writer, start, agreement in opened), audited,
            Memory(lines, checkpoints, confirmed,
                   tuple(findings.Finding(_kind(one[0]), *one[1:])
                         for one in found),
                   tuple(_seen(one) for one in seen)))


def _encoded(record: unsealing.Sealing | None) -> bytes | None:
    return None if record is None else record.to_bytes()


def _tail(tail: runs.Tail | None) -> tuple[Any, ...] | None:
    if tail is None:
        return None
    return tail.count, tail.last, tail.file, tail.line, tail.number


def _sealing(data: bytes | None) -> unsealing.Sealing | None:
    if data is None:
        return None
    try:
        return records.Checkpoint.from_bytes(data)
    except errors.FormatError:
        return records.Opening.from_bytes(data)


def _kind(label: str) -> findings.Kind:
    for kind in findings.Kind:
        if kind.label == label:
            return kind
    raise errors.Malformed('a finding of an unknown kind')


def _seen(fields: tuple[Any, ...]) -> Seen:
    writer, opening, file, line, last, checkpoint, tail = fields
    return Seen(
        writer,
        None if opening is None else records.Opening.from_bytes(opening),
        file, line, last,
        None if checkpoint is None
        else records.Checkpoint.from_bytes(checkpoint),
        None if tail is None else runs.Tail(writer, *tail))
