# SPDX-License-Identifier: Apache-2.0
"""The form that nearly all transactions and state values have, in one pass.

A node reads thousands of transactions each second, and the general decoder
(:mod:`~tacker_ledger.core.codec`) looks at each field four times: its head,
its value, its schema, its encoding.  These readers know where a usual
transaction has what.  They are stricter than the schema, never laxer: what
they accept is the canonical encoding of what they return, and the general
decoder returns the same for it.  For anything else they return None, and it
is the general decoder that accepts it or says what is wrong.
"""

from typing import Any

_ARRAY_3_V1 = b'\x83\x01'
_ARRAY_4_V1_DIGEST = b'\x84\x01\x58\x20'
#: Sixteen fields, version 1, a configuration, a byte string of 16.
_CONFIGURATION_CID = b'\x90\x01\x01\x50'
_DIGEST_HEAD = b'\x58\x20'
_PAIR_RECORD = b'\x83\x01'
_CID_RECORD = b'\x89\x01'
_NULL = 0xf6
_NO_ITEMS = 0x80
_NO_REFERENCES = b'\x80\x80'
_FOUR_ITEMS = 0x84
_FOUR = range(4)
_BYTES_16 = 0x50
_U64 = 0x1b
#: Below this an argument stands in its head.
_SHORT = 24


def _span(data: bytes, at: int) -> tuple[int, int]:
    """Return where a byte string's content starts and ends.

    :returns: (0, 0) if there is none at ``at`` in shortest form; the end
        may lie past that of ``data``
    :raises IndexError: ``data`` ends before
    """
    head = data[at]
    if head == 0x59:
        size = data[at + 1] << 8 | data[at + 2]
        return (at + 3, at + 3 + size) if size > 0xff else (0, 0)
    if head == 0x58:
        size = data[at + 1]
        return (at + 2, at + 2 + size) if size >= _SHORT else (0, 0)
    if 0x40 <= head < 0x58:
        return at + 1, at + 1 + head - 0x40
    if head == 0x5a:
        size = int.from_bytes(data[at + 1:at + 5], 'big')
        return (at + 5, at + 5 + size) if size > 0xffff else (0, 0)
    return 0, 0


def submission(data: bytes, max_bytes: int) -> bytes | None:
    """Return the transaction of a submission without an admission.

    :param max_bytes: of the transaction
    """
    try:
        if data[:2] != _ARRAY_3_V1:
            return None
        start, end = _span(data, 2)
        if (not 0 < end - start <= max_bytes or end + 1 != len(data)
                or data[end] != _NULL):
            return None
    except IndexError:
        return None
    return data[start:end]


def sender_of_submission(data: bytes) -> bytes | None:
    """Return the key document that a submission claims to come from.

    Of a configuration with a short description; nothing else is checked.
    """
    try:
        if data[:2] != _ARRAY_3_V1:
            return None
        at, _ = _span(data, 2)
        if not at or data[at:at + 4] != _ARRAY_4_V1_DIGEST:
            return None
        _, at = _span(data, at + 36)
        at, _ = _span(data, at)
        if not at or data[at:at + 4] != _CONFIGURATION_CID:
            return None
        at += 21 if data[at + 20] < _SHORT else 22
        text = data[at + 2]
        if not 0x60 <= text < 0x60 + _SHORT:
            return None
        start, end = _span(data, at + 3 + text - 0x60)
    except IndexError:
        return None
    return data[start:end] if start and end <= len(data) else None


def transaction(data: bytes, signature_max_bytes: int,
                content_max_bytes: int) -> tuple[bytes, bytes, bytes] | None:
    """Return (id, signature, content) of a transaction of version 1."""
    try:
        if data[:4] != _ARRAY_4_V1_DIGEST:
            return None
        start, end = _span(data, 36)
        if not 0 < end - start <= signature_max_bytes:
            return None
        begin, stop = _span(data, end)
        if not 0 < stop - begin <= content_max_bytes or stop != len(data):
            return None
    except IndexError:
        return None
    return data[4:36], data[start:end], data[begin:stop]


def configuration(data: bytes, *, compression_max: int,
                  key_max_bytes: int, wrap_max_bytes: int,
                  max_bytes: int) -> tuple[Any, ...] | None:
    """Return the fields of a configuration's content, from the CID on.

    Usual are no references, a short description, and no wraps or four.

    :param max_bytes: of the configuration field
    """
    try:
        return _configuration(data, compression_max, key_max_bytes,
                              wrap_max_bytes, max_bytes)
    except (IndexError, ValueError):
        # too short, or text that is not UTF-8
        return None


def _configuration(data: bytes, compression_max: int, key_max_bytes: int,
                   wrap_max_bytes: int, max_bytes: int
                   ) -> tuple[Any, ...] | None:
    if data[:4] != _CONFIGURATION_CID:
        return None
    vid, compression, encryption, text = data[20:24]
    at = 24
    if vid == 0x18:
        vid, compression, encryption, text = data[21:25]
        at = 25
        if vid < _SHORT:
            return None
    elif not 0 < vid < _SHORT:
        return None
    if (compression > compression_max or compression >= _SHORT
            or encryption > 1 or not 0x60 <= text < 0x60 + _SHORT):
        return None
    size = text - 0x60
    description = data[at:at + size].decode() if size else ''
    start, end = _span(data, at + size)
    if not 0 < end - start <= key_max_bytes:
        return None
    sender = data[start:end]
    recipient, at = _digest_or_none(data, end)
    if (not at or data[at] != _U64 or data[at + 9] != _BYTES_16
            or data[at + 26:at + 28] != _NO_REFERENCES):
        return None
    timestamp = int.from_bytes(data[at + 1:at + 9], 'big')
    if timestamp <= 0xffffffff:
        return None
    nonce = data[at + 10:at + 26]
    commitment, at = _digest_or_none(data, at + 28)
    wraps: list[bytes] = []
    if not at:
        return None
    if data[at] == _FOUR_ITEMS:
        end = at + 1
        for _ in _FOUR:
            start, end = _span(data, end)
            if not 0 < end - start <= wrap_max_bytes:
                return None
            wraps.append(data[start:end])
        at = end
    elif data[at] == _NO_ITEMS:
        at += 1
    else:
        return None
    start, end = _span(data, at)
    if not start or end - start > max_bytes or end != len(data):
        return None
    return (data[4:20], vid, compression, encryption, description, sender,
            recipient, timestamp, nonce, (), (), commitment, tuple(wraps),
            data[start:end])


def _digest_or_none(data: bytes, at: int) -> tuple[bytes | None, int]:
    """Return a digest, or None for null, and where the next item starts.

    :returns: (None, 0) if it is neither
    """
    if data[at] == _NULL:
        return None, at + 1
    if data[at:at + 2] == _DIGEST_HEAD:
        return data[at + 2:at + 34], at + 34
    return None, 0


def _uint(data: bytes, at: int) -> tuple[int, int]:
    """Return an unsigned integer and where the next item starts.

    :returns: (0, 0) if there is none in shortest form
    :raises IndexError: ``data`` ends before
    """
    head = data[at]
    if head < _SHORT:
        return head, at + 1
    if head > _U64:
        return 0, 0
    wide = 1 << (head - _SHORT)
    value = int.from_bytes(data[at + 1:at + 1 + wide], 'big')
    smallest = _SHORT if wide == 1 else 1 << (4 * wide)
    return (value, at + 1 + wide) if value >= smallest else (0, 0)


def pair_record(data: bytes) -> tuple[int, bytes] | None:
    """Return (count, head) of the state of a pair, version 1."""
    try:
        if data[:2] != _PAIR_RECORD:
            return None
        count, at = _uint(data, 2)
        if not count or at + 34 != len(data) or (
                data[at:at + 2] != _DIGEST_HEAD):
            return None
    except IndexError:
        return None
    return count, data[at + 2:]


def cid_record(data: bytes, vid_max: int) -> tuple[Any, ...] | None:
    """Return the fields of a CID's state, version 1, without slots.

    Kind, owner, next VID, latest VID, latest id, slots, count, head.
    """
    try:
        if (data[:2] != _CID_RECORD or not 1 <= data[2] <= 2
                or data[3:5] != _DIGEST_HEAD):
            return None
        next_vid, at = _uint(data, 37)
        latest_vid, at = _uint(data, at) if at else (0, 0)
        if (not 0 < latest_vid <= vid_max
                or not 2 <= next_vid <= vid_max + 1
                or data[at:at + 2] != _DIGEST_HEAD
                or data[at + 34] != _NO_ITEMS):
            return None
        count, end = _uint(data, at + 35)
        if not count or end + 34 != len(data) or (
                data[end:end + 2] != _DIGEST_HEAD):
            return None
    except IndexError:
        return None
    return (data[2], data[5:37], next_vid, latest_vid,
            data[at + 2:at + 34], (), count, data[end + 2:])
