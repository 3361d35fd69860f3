# SPDX-License-Identifier: Apache-2.0
"""Finds the checkpoints and openings among the lines of a segment.

Candidates are found by the word their text begins with, which costs one
search through the bytes and nothing for each line.  A plain line may begin
with the same word, so a candidate is one only if it does not end as a plain
line does: with exactly 108 characters after its last space.
"""

import binascii
import struct

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import records

CHECKPOINT_WORD = b'checkpoint '
OPENING_WORD = b'opening of writer '

_AFTER_LINE_CHECKPOINT = b'\n' + CHECKPOINT_WORD
_AFTER_LINE_OPENING = b'\n' + OPENING_WORD
#: Base64 of a checkpoint that carries a wrap is longer than this, of one
#: without is not: a wrap has 80 bytes, all whole numbers together 45.
_WRAPPED_MIN_CHARS = 600
#: From K to the signature, with the heads of CBOR, where there is no wrap.
_FIXED = struct.Struct('2s32s2s80ss2s32s2s32s2s32s2s32s2s32s2s64s')
_HEADS = (b'\x58\x20', b'\x58\x50', b'\xf6', b'\x58\x20', b'\x58\x20',
          b'\x58\x20', b'\x58\x20', b'\x58\x20', b'\x58\x40')
#: Head of a time in milliseconds between 2004 and 2^53.
_TIME_HEAD = 0x1b
_TIME_BYTES = 9


def find_checkpoint(data: bytes, at: int) -> tuple[int, int]:
    """Return where the next candidate stands, without its line feed.

    :param data: whole lines, each with its line feed
    :param at: beginning of a line
    :returns: (begin, end); both the length of ``data`` if there is none
    """
    return _find(data, at, CHECKPOINT_WORD, _AFTER_LINE_CHECKPOINT)


def find_opening(data: bytes, at: int) -> tuple[int, int]:
    """Return where the next candidate of an opening stands, likewise."""
    return _find(data, at, OPENING_WORD, _AFTER_LINE_OPENING)


def find_last_checkpoint(data: bytes, end: int) -> tuple[int, int]:
    """Return where the last candidate before ``end`` stands.

    :param end: the end of a line, after its line feed
    :returns: (begin, end) without line feed; both 0 if there is none
    """
    while end > 0:
        begin = data.rfind(_AFTER_LINE_CHECKPOINT, 0, end) + 1
        if begin == 0 and not data.startswith(CHECKPOINT_WORD):
            break
        stop = data.index(b'\n', begin)
        if not is_plain(data, begin, stop):
            return begin, stop
        end = begin
    return 0, 0


def _find(data: bytes, at: int, word: bytes, after_line: bytes
          ) -> tuple[int, int]:
    size = len(data)
    while at < size:
        if not data.startswith(word, at):
            at = data.find(after_line, at) + 1
            if at == 0:
                break
        end = data.index(b'\n', at)
        if not is_plain(data, at, end):
            return at, end
        at = end + 1
    return size, size


def is_plain(data: bytes, begin: int, end: int) -> bool:
    """Return whether a line ends as a plain line does."""
    last = data.rfind(b' ', begin, end)
    return end - last - 1 == records.TRAILER_CHARS


def has_wrap(data: bytes, begin: int, end: int) -> bool:
    """Return whether a checkpoint's line is so long that it has a wrap."""
    return end - data.rfind(b' ', begin, end) - 1 >= _WRAPPED_MIN_CHARS


def parse(line: bytes) -> tuple[records.Checkpoint | None, bool]:
    """Return the checkpoint on a line, and whether its text is its own.

    :param line: without line feed
    :returns: a record whose readable text was changed with False; None
        with False if there is no record
    """
    try:
        record = records.parse_line(line)
    except errors.FormatError:
        return _salvage(line), False
    return ((record, True) if isinstance(record, records.Checkpoint)
            else (None, False))


def opening(line: bytes) -> records.Opening | None:
    """Return the opening on a line, or None."""
    try:
        record = records.parse_line(line)
    except errors.FormatError:
        return None
    return record if isinstance(record, records.Opening) else None


def _salvage(line: bytes) -> records.Checkpoint | None:
    """Return the record of a line that says something else beside it."""
    tail = line[-2 * limits.LOG_RECORD_MAX_BYTES:].rpartition(b' ')[2]
    try:
        return records.Checkpoint.from_bytes(
            binascii.a2b_base64(tail, strict_mode=True))
    except (binascii.Error, errors.FormatError):
        return None


def expect(line: bytes, log_id: bytes, writer: int, sequence: int,
           number: int, first: int
           ) -> tuple[records.Checkpoint, bytes] | None:
    """Return the checkpoint that has to stand here, and its CBOR.

    The same as :func:`parse` for a record of the usual shape whose place
    is known before, in a fraction of the time: every byte is compared with
    what the one encoding of these values has there.

    :param number: of the checkpoint
    :param first: sequence of its block's first record
    :returns: None if it is another record, or of a rarer shape; that says
        nothing about the line
    """
    text, _, tail = line.rpartition(b' ')
    place = b' |%d.%d' % (writer, sequence)
    if not text.endswith(place):
        return None
    try:
        data = binascii.a2b_base64(tail, strict_mode=True)
    except binascii.Error:
        return None
    uint = codec.encode_uint
    begin = b''.join((b'\x91\x01\x50', log_id, uint(writer),
                      uint(sequence), uint(number)))
    size = len(begin) + _TIME_BYTES + 1
    end = uint(first)
    fixed = size + len(end)
    if (len(data) != fixed + _FIXED.size or not data.startswith(begin)
            or data[len(begin)] != _TIME_HEAD or data[size:fixed] != end
            or data[size - 1] not in records.REASONS):
        return None
    time_ms = int.from_bytes(data[len(begin) + 1:size - 1], 'big')
    fields = _FIXED.unpack_from(data, fixed)
    heads = fields[0:4:2] + fields[4:5] + fields[5::2]
    if (heads != _HEADS or not 1 << 32 <= time_ms <= 1 << 53
            or binascii.b2a_base64(data, newline=False) != tail):
        return None
    record = records.Checkpoint(
        log_id, writer, sequence, number, time_ms, data[size - 1], first,
        fields[1], fields[3], None, *fields[6::2])
    if record.text() != text[:-len(place)]:
        return None
    return record, data
