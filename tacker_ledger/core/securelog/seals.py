# SPDX-License-Identifier: Apache-2.0
"""Finds the checkpoints and openings among the lines of a segment.

Candidates are found by the word their text begins with, which costs one
search through the bytes and nothing for each line.  A plain line may begin
with the same word, so a candidate is one only if it does not end as a plain
line does: with exactly 108 characters after its last space.
"""

import binascii

from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import records

CHECKPOINT_WORD = b'checkpoint '
OPENING_WORD = b'opening '

_AFTER_LINE_CHECKPOINT = b'\n' + CHECKPOINT_WORD
_AFTER_LINE_OPENING = b'\n' + OPENING_WORD
#: Base64 of a checkpoint that carries a wrap is longer than this, of one
#: without is not: a wrap has 80 bytes, all whole numbers together 45.
_WRAPPED_MIN_CHARS = 600


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


def _salvage(line: bytes) -> records.Checkpoint | None:
    """Return the record of a line that says something else beside it."""
    tail = line[-2 * limits.LOG_RECORD_MAX_BYTES:].rpartition(b' ')[2]
    try:
        return records.Checkpoint.from_bytes(
            binascii.a2b_base64(tail, strict_mode=True))
    except (binascii.Error, errors.FormatError):
        return None
