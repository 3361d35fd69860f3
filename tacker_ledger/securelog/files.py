# SPDX-License-Identifier: Apache-2.0
"""The files of one log, and what each of them can say of earlier sessions.

=========================  ============================================
``<filename>``             records of slot 0
``<filename>.w<slot>``     records of further processes at the same time
``<filename>.w<slot>.lock``  locked while a session writes that slot
``<filename>.manifest``    one opening line for each session, in order
``<filename>.state``       cells of 64 bytes: the log, then each slot
=========================  ============================================

The state file is a note, not evidence: an opening signs what it found
there.  Locks are those of flock(2), which belong to an open file: children
inherit them, so an owner unlocks and a child only closes.
"""

import dataclasses
import fcntl
import os
import struct
import time
from typing import Any
import uuid
import zlib

from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import records

_BOOT_ID = '/proc/sys/kernel/random/boot_id'
_MODE = 0o640
_CELL_BYTES = 64
_CRC = struct.Struct('>I')
#: log id, last writer, digest of the manifest's last record
_LOG_CELL = struct.Struct('>4s16sI32s')
#: writer, sequence, h, flags
_SLOT_CELL = struct.Struct('>4sIQ32sB')
_LOG_MAGIC = b'tll1'
_SLOT_MAGIC = b'tls1'
_KNOWN = 1
_CLOSED = 2
_LOCK_TRIES = 50
_LOCK_PAUSE_SECONDS = 0.02
#: Enough for the last whole line and a torn one after it.
_TAIL_MAX_BYTES = 2 * limits.LOG_LINE_MAX_BYTES
#: Lines looked at for a record: a service waits meanwhile.
_TAIL_MAX_LINES = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class LogState:
    """What the state file says of the whole log."""

    log_id: bytes
    last_writer: int
    manifest_digest: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class SlotState:
    """What the state file says of one slot.

    :param known: (sequence, h) of the last opening or checkpoint on disk;
        None if the session has only been announced
    :param closed: whether that is the checkpoint of a clean close
    """

    writer: int
    known: tuple[int, bytes] | None
    closed: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Tail:
    """The end of a file of records.

    :param record: the last whole record, or None
    :param torn_bytes: length of what stands after the last line feed
    """

    record: records.Record | None
    torn_bytes: int


def slot_path(path: str, slot: int) -> str:
    """Return the file of a slot: slot 0 is the plain name."""
    return path if slot == 0 else f'{path}.w{slot}'


def boot_id() -> bytes:
    """Return 16 bytes that change with each start of the machine.

    Zeros where the kernel tells none.
    """
    try:
        with open(_BOOT_ID, encoding='ascii') as file:
            return uuid.UUID(file.read(64).strip()).bytes
    except (OSError, ValueError):
        return bytes(16)


def open_append(path: str) -> int:
    """Return a descriptor that appends to ``path`` and can read it."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC,
                   _MODE)


def take_slot(path: str) -> tuple[int, int]:
    """Return (slot, descriptor of its lock): the first that is free.

    :raises Busy: every slot is taken
    :raises OSError: the lock file cannot be opened
    """
    for slot in range(limits.LOG_SLOTS_MAX_COUNT):
        descriptor = os.open(f'{path}.w{slot}.lock',
                             os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        else:
            return slot, descriptor
    raise errors.Busy(f'{path}: all {limits.LOG_SLOTS_MAX_COUNT} slots are '
                      'in use')


def lock(descriptor: int) -> None:
    """Lock an open file, and wait a second at most.

    :raises Busy: another process holds it for longer
    """
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return
    raise errors.Busy('another process holds the manifest locked')


def release(descriptor: int) -> None:
    """Unlock and close."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def read_tail(descriptor: int) -> Tail:
    """Return how a file of records ends.

    Looks at a bounded part; lines which are no records are passed over,
    for they are the verifier's to name.
    """
    size = os.fstat(descriptor).st_size
    start = max(0, size - _TAIL_MAX_BYTES)
    data = _read(descriptor, start, size - start)
    whole, feed, torn = data.rpartition(b'\n')
    lines = whole.split(b'\n') if feed else []
    if start and lines:
        # its beginning lies before the part that was read
        del lines[0]
    for line in lines[:-_TAIL_MAX_LINES - 1:-1]:
        try:
            return Tail(records.parse_line(line), len(torn))
        except errors.FormatError:
            continue
    return Tail(None, len(torn))


def _read(descriptor: int, start: int, size: int) -> bytes:
    parts = []
    while size > 0:
        part = os.pread(descriptor, min(size, 1 << 20), start)
        if not part:
            break
        parts.append(part)
        start += len(part)
        size -= len(part)
    return b''.join(parts)


def append_whole(descriptor: int, data: bytes) -> None:
    """Append to a locked file: all of it or nothing.

    :raises OSError: nothing was appended
    """
    before = os.fstat(descriptor).st_size
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest):]
        os.fdatasync(descriptor)
    except BaseException:
        os.ftruncate(descriptor, before)
        raise


def cut_torn(manifest: int, tail: Tail, state: LogState) -> bool:
    """Take off the part of a line at the end of the locked manifest.

    Nothing was written under it, for a session writes once its whole
    opening stands there.  Left in, it would look like an alteration.

    :returns: whether it stays, since the state file knows a later session
    """
    if not tail.torn_bytes:
        return False
    if (isinstance(tail.record, records.Opening)
            and state.last_writer > tail.record.writer):
        return True
    size = os.fstat(manifest).st_size
    os.ftruncate(manifest, size - tail.torn_bytes)
    return False


class StateFile:
    """The state file, opened; close it by :meth:`close`.

    :param path: of the log
    """

    __slots__ = ('descriptor',)

    def __init__(self, path: str) -> None:
        self.descriptor = os.open(
            f'{path}.state', os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)

    def log(self) -> LogState | None:
        """Return what is noted of the log; None: nothing readable."""
        cell = self._read(0, _LOG_CELL, _LOG_MAGIC)
        return None if cell is None else LogState(*cell[1:])

    def note_log(self, state: LogState) -> None:
        """Note the log; under the manifest's lock."""
        self._write(0, _LOG_CELL.pack(
            _LOG_MAGIC, state.log_id, state.last_writer,
            state.manifest_digest))

    def slot(self, slot: int) -> SlotState | None:
        """Return what is noted of a slot; None: nothing readable."""
        cell = self._read(1 + slot, _SLOT_CELL, _SLOT_MAGIC)
        if cell is None:
            return None
        _, writer, sequence, chained, flags = cell
        return SlotState(writer, (sequence, chained) if flags & _KNOWN
                         else None, bool(flags & _CLOSED))

    def note_slot(self, slot: int, state: SlotState) -> None:
        """Note a slot; under the lock of that slot."""
        sequence, chained = state.known or (0, bytes(32))
        flags = ((_KNOWN if state.known else 0)
                 | (_CLOSED if state.closed else 0))
        self._write(1 + slot, _SLOT_CELL.pack(
            _SLOT_MAGIC, state.writer, sequence, chained, flags))

    def _read(self, place: int, form: struct.Struct, magic: bytes
              ) -> tuple[Any, ...] | None:
        cell = os.pread(self.descriptor, _CELL_BYTES, place * _CELL_BYTES)
        body = cell[:-_CRC.size]
        if (len(cell) != _CELL_BYTES or not cell.startswith(magic)
                or _CRC.pack(zlib.crc32(body)) != cell[-_CRC.size:]):
            return None
        return form.unpack_from(body)

    def _write(self, place: int, data: bytes) -> None:
        body = data.ljust(_CELL_BYTES - _CRC.size, b'\0')
        os.pwrite(self.descriptor, body + _CRC.pack(zlib.crc32(body)),
                  place * _CELL_BYTES)


def previous_session(noted: SlotState | None, tail: Tail, writer: int
                     ) -> records.PreviousSession | None:
    """Return what an opening has to say of the session before it.

    The note leads: where it names a session and the file ends in another,
    the file is not what that session left.  What names a session that is
    not before the new one is of another log, or forged: nothing is said.

    :param writer: number of the new session
    """
    record = tail.record
    if noted is not None and not 0 < noted.writer < writer:
        noted = None
    if record is not None and record.writer >= writer:
        record = None
    if noted is None and record is None:
        return None
    writer = noted.writer if noted is not None else _writer(record)
    found = None
    closed = noted is not None and noted.closed
    if record is not None and record.writer == writer:
        sequence = 0 if isinstance(record, records.Opening
                                   ) else record.sequence
        tag = records.NO_DIGEST if isinstance(record, records.Opening
                                              ) else record.tag
        found = (sequence, record.chained, tag)
        closed = (isinstance(record, records.Checkpoint)
                  and record.reason == records.REASON_CLOSE)
    return records.PreviousSession(
        writer, noted.known if noted is not None else None, found, closed,
        tail.torn_bytes)


def _writer(record: records.Record | None) -> int:
    assert record is not None
    return record.writer


def log_state(noted: LogState | None, tail: Tail, fresh_log_id: bytes
              ) -> LogState:
    """Return which log this is, and where its chain of openings ends.

    Numbers of writers never come twice: if the manifest was cut behind
    what the state file knows, the next opening goes on after what is
    known, and the gap shows.

    :param tail: of the manifest
    :param fresh_log_id: of the log that begins if there is none
    """
    record = tail.record
    if not isinstance(record, records.Opening):
        return noted or LogState(fresh_log_id, 0, records.NO_DIGEST)
    if noted is not None and noted.last_writer > record.writer:
        return noted
    return LogState(record.log_id, record.writer,
                    records.record_digest(record.to_bytes()))


assert _LOG_CELL.size <= _CELL_BYTES - _CRC.size
assert _SLOT_CELL.size <= _CELL_BYTES - _CRC.size
