# SPDX-License-Identifier: Apache-2.0
"""Records of a secure log: what stands on its lines, and strict parsers.

A line on disk is::

    text SP "|" writer "." sequence SP base64 LF

For a plain line the base64 (108 characters) holds kind (1), salt (16),
h (32) and t (32).  For an opening or a checkpoint it holds canonical CBOR
and the text is a function of it, so that nothing can be said beside it.
A redacted line has kind ``r``, zeros for the salt, and for a text
``[redacted <hex D>]``.
"""

import binascii
import dataclasses
import re
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import entry

VERSION = 1
NO_DIGEST = bytes(hashing.DIGEST_BYTES)

#: Why a checkpoint was made.
REASON_COUNT = 1
REASON_TIME = 2
REASON_CLOSE = 3
REASONS = {REASON_COUNT: 'count', REASON_TIME: 'time',
           REASON_CLOSE: 'a clean close'}

TRAILER_BYTES = 81
TRAILER_CHARS = 108
WRAP_BYTES = 80
#: K and A, sealed by AES-256-GCM.
SEALED_BYTES = 2 * entry.KEY_BYTES + 16
SIGNATURE_BYTES = 64
WRITER_MAX = 2 ** 32 - 1

_POSITION = re.compile(rb' \|(0|[1-9][0-9]{0,9})\.(0|[1-9][0-9]{0,19})\Z')
_POSITION_MAX_BYTES = 34
_REDACTED = re.compile(rb'\[redacted ([0-9a-f]{64})\]\Z')
_CHECKPOINT_WORD = b'checkpoint '
_OPENING_WORD = b'opening '

_DIGEST = codec.Bytes.exact(hashing.DIGEST_BYTES)
_SEQUENCE = codec.Int()
_WRITER = codec.Int(1, WRITER_MAX)
_TIME = codec.Int(0, 2 ** 53)
_CHECKPOINT = codec.Record(
    codec.Const(VERSION), codec.Bytes.exact(entry.LOG_ID_BYTES), _WRITER,
    _SEQUENCE, codec.Int(1), _TIME,
    codec.Int(min(REASONS), max(REASONS)), _SEQUENCE, _DIGEST,
    codec.Bytes.exact(SEALED_BYTES),
    codec.Optional(codec.Bytes.exact(WRAP_BYTES)),
    _DIGEST, _DIGEST, _DIGEST, _DIGEST, _DIGEST,
    codec.Bytes.exact(SIGNATURE_BYTES))
_PREVIOUS = codec.Record(
    _WRITER, codec.Optional(codec.Record(_SEQUENCE, _DIGEST)),
    codec.Optional(codec.Record(_SEQUENCE, _DIGEST, _DIGEST)), codec.Bool(),
    codec.Int(0, 2 ** 53))
_OPENING = codec.Record(
    codec.Const(VERSION), codec.Bytes.exact(entry.LOG_ID_BYTES), _WRITER,
    codec.Int(0, limits.LOG_SLOTS_MAX_COUNT - 1),
    codec.Bytes.exact(16), _TIME, codec.Text(limits.LOG_NAME_MAX_BYTES),
    _DIGEST, _DIGEST, _DIGEST, codec.Optional(_PREVIOUS),
    codec.Bytes.exact(WRAP_BYTES), codec.Bytes.exact(SEALED_BYTES), _DIGEST,
    codec.Bytes.exact(SIGNATURE_BYTES))


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """A plain or redacted line.

    :param kind: ``entry.KIND_LINE`` or ``entry.KIND_REDACTED``
    :param digest: D: computed, or for a redacted line as committed
    """

    kind: int
    text: bytes
    writer: int
    sequence: int
    salt: bytes
    chained: bytes
    tag: bytes
    digest: bytes

    def log_info(self, log_id: bytes) -> bytes:
        """Return LogInfo: the same before and after a redaction."""
        return entry.log_info(entry.KIND_LINE, log_id, self.writer,
                              self.sequence, self.digest)


@dataclasses.dataclass(frozen=True, slots=True)
class Checkpoint:
    """What closes a block of lines (S1, eq. 2).

    :param number: 1 for the first of its session
    :param time_ms: of the writer's wall clock
    :param reason: a key of :data:`REASONS`; a close ends the session
    :param first: sequence of the block's first record
    :param key: K of the block that this closes, now public
    :param sealed: K and A of the next block, for the auditor
    :param wrap: a new secret for the auditor from here on, or None
    :param chained_before: h of the record before
    :param chained: h of this record
    :param tag: t of this record
    :param tags: digest of the t of the whole block, this one's included
    :param previous: digest of the checkpoint or opening before
    """

    log_id: bytes
    writer: int
    sequence: int
    number: int
    time_ms: int
    reason: int
    first: int
    key: bytes = dataclasses.field(repr=False)
    sealed: bytes = dataclasses.field(repr=False)
    wrap: bytes | None = dataclasses.field(repr=False)
    chained_before: bytes
    chained: bytes
    tag: bytes
    tags: bytes
    previous: bytes
    signature: bytes = dataclasses.field(repr=False)

    def to_bytes(self) -> bytes:
        """Return the canonical CBOR of the record."""
        return codec.encode((
            VERSION, self.log_id, self.writer, self.sequence, self.number,
            self.time_ms, self.reason, self.first, self.key, self.sealed,
            self.wrap, self.chained_before, self.chained, self.tag,
            self.tags, self.previous, self.signature))

    @staticmethod
    def from_bytes(data: bytes) -> 'Checkpoint':
        """Return the record that ``data`` encodes.

        :raises FormatError: it encodes none
        """
        fields = codec.decode(data, _CHECKPOINT, limits.LOG_RECORD_MAX_BYTES)
        made = Checkpoint(*fields[1:])
        if not 0 < made.first <= made.sequence:
            raise errors.Malformed('a checkpoint before its own block')
        return made

    def digest(self) -> bytes:
        """Return D: tagged hash of what the checkpoint describes."""
        return checkpoint_digest(self.number, self.time_ms, self.reason,
                                 self.first, self.previous)

    def log_info(self) -> bytes:
        """Return LogInfo."""
        return entry.log_info(entry.KIND_CHECKPOINT, self.log_id,
                              self.writer, self.sequence, self.digest())

    def message(self) -> bytes:
        """Return what the signature covers."""
        return checkpoint_message(
            self.chained_before, self.key, self.chained, self.log_info(),
            self.tags, self.sealed, self.wrap)

    def text(self) -> bytes:
        """Return the text before the record, for people."""
        count = self.sequence - self.first
        lines = 'line' if count == 1 else 'lines'
        return (f'checkpoint {self.number}: {count} {lines}, closed by '
                f'{REASONS[self.reason]}, {utc(self.time_ms)}').encode()

    def to_line(self) -> bytes:
        """Return the whole line."""
        return _record_line(self.text(), self.writer, self.sequence,
                            self.to_bytes())


@dataclasses.dataclass(frozen=True, slots=True)
class PreviousSession:
    """What an opening found of the session before it in the same file.

    :param writer: its number
    :param known: (sequence, h) of its last checkpoint by the state file
    :param found: (sequence, h, t) of the last whole record on disk
    :param closed: whether that record is the checkpoint of a clean close
    :param torn_bytes: length of a part of a line after that record
    """

    writer: int
    known: tuple[int, bytes] | None
    found: tuple[int, bytes, bytes] | None
    closed: bool
    torn_bytes: int


@dataclasses.dataclass(frozen=True, slots=True)
class Opening:
    """The first record of a session: its sequence 0, its checkpoint 0.

    :param slot: number of the file that the session begins in
    :param boot_id: 16 bytes, of the machine's start
    :param name: of the log, for people
    :param signing_key_id: of the log signing key
    :param auditor_key_id: of whom secrets are sealed for
    :param manifest_previous: digest of the manifest's record before
    :param wrap: the session's first secret, for the auditor
    :param sealed: K of the first block and A of its first line
    :param chained: h of sequence 0: tagged hash of all fields before it
    """

    log_id: bytes
    writer: int
    slot: int
    boot_id: bytes
    time_ms: int
    name: str
    signing_key_id: bytes
    auditor_key_id: bytes
    manifest_previous: bytes
    previous: PreviousSession | None
    wrap: bytes = dataclasses.field(repr=False)
    sealed: bytes = dataclasses.field(repr=False)
    chained: bytes
    signature: bytes = dataclasses.field(repr=False)

    def _body(self) -> tuple[Any, ...]:
        before = self.previous
        return (VERSION, self.log_id, self.writer, self.slot, self.boot_id,
                self.time_ms, self.name, self.signing_key_id,
                self.auditor_key_id, self.manifest_previous,
                None if before is None else (
                    before.writer, before.known, before.found, before.closed,
                    before.torn_bytes),
                self.wrap, self.sealed)

    def to_bytes(self) -> bytes:
        """Return the canonical CBOR of the record."""
        return codec.encode((*self._body(), self.chained, self.signature))

    @staticmethod
    def from_bytes(data: bytes) -> 'Opening':
        """Return the record that ``data`` encodes.

        :raises FormatError: it encodes none
        """
        fields = list(codec.decode(
            data, _OPENING, limits.LOG_RECORD_MAX_BYTES))
        if fields[10] is not None:
            fields[10] = PreviousSession(*fields[10])
        made = Opening(*fields[1:])
        if made.previous is not None and made.previous.writer >= made.writer:
            raise errors.Malformed('an opening after a later session')
        return made

    def expected_chained(self) -> bytes:
        """Return what h of sequence 0 has to be."""
        return hashing.tagged_hash(hashing.Tag.LOG_OPENING,
                                   codec.encode(self._body()))

    def message(self) -> bytes:
        """Return what the signature covers."""
        return hashing.tagged_message(hashing.Tag.LOG_OPENING_SIGNATURE,
                                      self.chained)

    def text(self) -> bytes:
        """Return the text before the record, for people."""
        return (f'opening of writer {self.writer} in slot {self.slot}: '
                .encode() + entry.escape(self.name)
                + f', {utc(self.time_ms)}'.encode())

    def to_line(self) -> bytes:
        """Return the whole line."""
        return _record_line(self.text(), self.writer, 0, self.to_bytes())


Record = Line | Checkpoint | Opening


def checkpoint_digest(number: int, time_ms: int, reason: int, first: int,
                      previous: bytes) -> bytes:
    """Return D of a checkpoint: over what it describes."""
    return hashing.tagged_hash(
        hashing.Tag.LOG_CHECKPOINT, number.to_bytes(8, 'big'),
        time_ms.to_bytes(8, 'big'), bytes((reason,)),
        first.to_bytes(8, 'big'), previous)


def checkpoint_message(chained_before: bytes, key: bytes, chained: bytes,
                       log_info: bytes, tags: bytes, sealed: bytes,
                       wrap: bytes | None) -> bytes:
    """Return what the signature of a checkpoint covers."""
    return hashing.tagged_message(
        hashing.Tag.LOG_CHECKPOINT_SIGNATURE, chained_before, key, chained,
        log_info, tags, sealed, wrap or b'')


def record_digest(record: bytes) -> bytes:
    """Return the digest by which the next record names this one.

    :param record: canonical CBOR of an opening or a checkpoint
    """
    return hashing.tagged_hash(hashing.Tag.LOG_PREVIOUS, record)


def build_line(text: bytes, writer: int, sequence: int, salt: bytes,
               chained: bytes, tag: bytes) -> bytes:
    """Return a plain line as it stands on disk.

    :param text: escaped
    """
    trailer = binascii.b2a_base64(b'l' + salt + chained + tag, newline=False)
    return b'%b |%d.%d %b\n' % (text, writer, sequence, trailer)


def build_redacted(line: Line) -> bytes:
    """Return the line that takes the place of one whose text goes."""
    trailer = binascii.b2a_base64(
        b'r' + bytes(entry.SALT_BYTES) + line.chained + line.tag,
        newline=False)
    return b'[redacted %b] |%d.%d %b\n' % (
        line.digest.hex().encode(), line.writer, line.sequence, trailer)


def _record_line(text: bytes, writer: int, sequence: int, record: bytes
                 ) -> bytes:
    return b'%b |%d.%d %b\n' % (
        text, writer, sequence, binascii.b2a_base64(record, newline=False))


def parse_line(data: bytes) -> Record:
    """Return the record on one line.

    Nothing is verified but the form: hashes, tags and signatures are the
    verifier's.

    :param data: with or without the line feed at its end
    :raises Malformed: no record of this format
    :raises TooLarge: longer than any record can be
    """
    if len(data) > limits.LOG_LINE_MAX_BYTES:
        raise errors.TooLarge('longer than any line', size=len(data))
    data = data.removesuffix(b'\n')
    if b'\n' in data:
        raise errors.Malformed('more than one line')
    head, space, tail = data.rpartition(b' ')
    place = _POSITION.search(
        head, max(0, len(head) - _POSITION_MAX_BYTES)) if space else None
    if place is None:
        raise errors.Malformed('no position in its log')
    text = head[:place.start()]
    writer, sequence = int(place[1]), int(place[2])
    if not 0 < writer <= WRITER_MAX or sequence > codec.INT_MAX:
        raise errors.Malformed('a position out of range')
    if len(tail) == TRAILER_CHARS:
        return _parse_plain(text, writer, sequence, _base64(tail))
    record: Checkpoint | Opening
    if text.startswith(_CHECKPOINT_WORD):
        record = Checkpoint.from_bytes(_base64(tail))
        place_in_record = (record.writer, record.sequence)
    elif text.startswith(_OPENING_WORD):
        record = Opening.from_bytes(_base64(tail))
        place_in_record = (record.writer, 0)
    else:
        raise errors.Malformed('not of any kind')
    if place_in_record != (writer, sequence) or record.text() != text:
        raise errors.Malformed('the text is not that of its record')
    return record


def _parse_plain(text: bytes, writer: int, sequence: int, trailer: bytes
                 ) -> Line:
    kind = trailer[0]
    salt, chained, tag = trailer[1:17], trailer[17:49], trailer[49:]
    if len(text) > limits.LOG_TEXT_MAX_BYTES:
        raise errors.TooLarge('a text over the limit', size=len(text))
    if kind == entry.KIND_LINE:
        digest = entry.text_digest(salt, text)
    elif kind == entry.KIND_REDACTED:
        committed = _REDACTED.match(text)
        if committed is None or any(salt):
            raise errors.Malformed('not the form of a redacted line')
        digest = bytes.fromhex(committed[1].decode('ascii'))
    else:
        raise errors.Malformed('a line of an unknown kind')
    return Line(kind, text, writer, sequence, salt, chained, tag, digest)


def _base64(text: bytes) -> bytes:
    """Return the bytes of strict base64: one text for one value."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise errors.Malformed('not base64') from None
    if binascii.b2a_base64(data, newline=False) != text:
        raise errors.Malformed('not the one base64 of its bytes')
    return data


def utc(time_ms: int) -> str:
    """Return a time in RFC 3339, as UTC with milliseconds.

    :param time_ms: since 1970, up to the year 287396
    """
    seconds, ms = divmod(time_ms, 1000)
    days, seconds = divmod(seconds, 86400)
    # the proleptic Gregorian calendar in years that begin in March
    era, day = divmod(days + 719468, 146097)
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    month += 3 if month < 10 else -9
    year += 400 * era + (month <= 2)
    return (f'{year:04d}-{month:02d}-{day + 1:02d}T{seconds // 3600:02d}:'
            f'{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}Z')
