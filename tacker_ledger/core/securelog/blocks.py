# SPDX-License-Identifier: Apache-2.0
"""The good path of verification: the lines of one block at a time.

A block is what stands between two checkpoints of one session, so its lines
have consecutive sequences, one writer and one key.  Everything here answers
"all of it is right" or "something is not"; what is wrong with a block that
is not right is found by :mod:`.diagnosis`, once.

The arithmetic is that of :mod:`.entry` (protocol section 8, S1 equation 1),
unrolled: SHA-256 states that hold the keys and prefixes are copied, the
trailers of a block are decoded together, and no object is made for a line.
"""

import binascii
from collections.abc import Sequence
import hashlib
import struct

from tacker_ledger.core import hashing

#: kind 1 | salt 16 | h 32 | t 32
TRAILER_BYTES = 81
#: The same in base64, without padding since 81 is divisible by 3.
TRAILER_CHARS = 108

_a2b = binascii.a2b_base64
_sha256 = hashlib.sha256
_fields = struct.Struct('x16s32s32s').iter_unpack
_place = struct.Struct('>IQ').pack

_BLOCK_BYTES = 64
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5c for byte in range(256))
_TEXT = hashlib.sha256(hashing.Tag.LOG_TEXT.prefix)
_EVOLVE = hashlib.sha512(hashing.Tag.LOG_EVOLVE.prefix)
#: The last two bytes of a sequence.
_LOW = [low.to_bytes(2, 'big') for low in range(65536)]


def verify_lines(lines: Sequence[bytes], log_id: bytes, writer: int,
                 sequence: int, h: bytes, key: bytes
                 ) -> tuple[tuple[bytes, ...], tuple[bytes, ...]] | None:
    """Return (h of each line, t of each line) if all lines are right.

    :param lines: plain lines without their newlines
    :param log_id: 16 bytes
    :param writer: number of the session
    :param sequence: of the first line
    :param h: of the record before the first line, 32 bytes
    :param key: the block's key, 32 bytes
    :returns: None if any line is not exactly what the session writes with
        these; tags are not checked here
    """
    count = len(lines)
    if not count:
        return (), ()
    width = len(b'%d' % sequence)
    fitting = 10 ** width - sequence
    if fitting < count:
        # The sequence grows by a digit: place texts end elsewhere.
        first = verify_lines(lines[:fitting], log_id, writer, sequence, h,
                             key)
        if first is None:
            return None
        second = verify_lines(lines[fitting:], log_id, writer,
                              sequence + fitting, first[0][-1], key)
        if second is None:
            return None
        return first[0] + second[0], first[1] + second[1]
    mark = b' |%d.' % writer
    after_text = -(len(mark) + width + 1 + TRAILER_CHARS)
    places = b''.join([line[after_text:-TRAILER_CHARS] for line in lines])
    expected = (mark + b'%d ') * count % tuple(
        range(sequence, sequence + count))
    if places != expected:
        return None
    try:
        raw = _a2b(b''.join([line[-TRAILER_CHARS:] for line in lines]),
                   strict_mode=True)
    except binascii.Error:
        return None
    if (len(raw) != TRAILER_BYTES * count
            or raw[::TRAILER_BYTES] != b'l' * count):
        return None
    salts, chain, tags = zip(*_fields(raw), strict=True)
    if _chain(lines, after_text, salts, _heads(log_id, writer, sequence,
                                               count), h, key) != chain:
        return None
    return chain, tags


def _heads(log_id: bytes, writer: int, sequence: int, count: int
           ) -> list[bytes]:
    """Return LogInfo of each line up to its digest."""
    low = sequence & 0xffff
    start = b'l' + log_id
    if low + count <= 0x10000:
        start += _place(writer, sequence)[:-2]
        return [start + end for end in _LOW[low:low + count]]
    return [start + _place(writer, one)
            for one in range(sequence, sequence + count)]


def _chain(lines: Sequence[bytes], after_text: int,
           salts: tuple[bytes, ...], heads: list[bytes], h: bytes,
           key: bytes) -> tuple[bytes, ...]:
    """Return the h of every line, as its text and salt have it."""
    inner, outer = _keyed(key)
    text_state = _TEXT.copy
    made: list[bytes] = []
    add = made.append
    for line, salt, head in zip(lines, salts, heads, strict=True):
        text = text_state()
        text.update(salt + line[:after_text])
        first = inner()
        first.update(h + head + text.digest())
        second = outer()
        second.update(first.digest())
        h = second.digest()
        add(h)
    return tuple(made)


def _keyed(key: bytes):  # type: ignore[no-untyped-def]
    """Return two functions that give the states of HMAC (RFC 2104)."""
    padded = key.ljust(_BLOCK_BYTES, b'\0')
    return (_sha256(padded.translate(_INNER)).copy,
            _sha256(padded.translate(_OUTER)).copy)


def mac(key: bytes, *parts: bytes) -> bytes:
    """Return HMAC-SHA256 of the parts one after another."""
    inner, outer = _keyed(key)
    first = inner()
    first.update(b''.join(parts))
    second = outer()
    second.update(first.digest())
    digest: bytes = second.digest()
    return digest


def evolve(state: bytes, chain: Sequence[bytes]
           ) -> tuple[tuple[bytes, ...], bytes]:
    """Return (t of each record, the state after the last one).

    :param state: A of the first record, 32 bytes
    :param chain: h of each record, 32 bytes each
    """
    start = _EVOLVE.copy
    tags: list[bytes] = []
    add = tags.append
    for h in chain:
        step = start()
        step.update(state + h)
        both = step.digest()
        add(both[:32])
        state = both[32:]
    return tuple(tags), state


def tags_digest(tags: Sequence[bytes]) -> bytes:
    """Return the digest of a block's tags that its checkpoint signs."""
    return hashing.tagged_hash(hashing.Tag.LOG_TAGS, b''.join(tags))
