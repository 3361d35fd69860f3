# SPDX-License-Identifier: Apache-2.0
"""Canonical encoding (page *Primitives*, *Canonical encoding*)."""

from tacker_ledger.tests.independent import refusal

MAX_DEPTH = 16
MAX_ITEMS = 200_000

Value = int | bytes | str | bool | None | list['Value']

_SIMPLE = {0xf4: False, 0xf5: True, 0xf6: None}


class _Reader:
    """A walk over one document, from its first byte to its last."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._items = 0

    def whole(self) -> Value:
        value = self._item(0)
        refusal.require(self._at == len(self._data), 'malformed',
                        'bytes after the document')
        return value

    def _take(self, count: int) -> bytes:
        refusal.require(count <= len(self._data) - self._at, 'malformed',
                        'the document is cut')
        taken = self._data[self._at:self._at + count]
        self._at += count
        return taken

    def _argument(self, low: int) -> int:
        if low < 24:
            return low
        refusal.require(low <= 27, 'malformed', 'reserved or indefinite head')
        size = 1 << (low - 24)
        argument = int.from_bytes(self._take(size), 'big')
        least = 24 if size == 1 else 1 << (4 * size)
        refusal.require(argument >= least, 'malformed',
                        'not the shortest head')
        return argument

    def _item(self, depth: int) -> Value:
        self._items += 1
        refusal.require(self._items <= MAX_ITEMS, 'malformed',
                        'too many items')
        first = self._take(1)[0]
        if first in _SIMPLE:
            return _SIMPLE[first]
        major, low = first >> 5, first & 31
        refusal.require(major <= 4, 'malformed', 'no item of this kind')
        argument = self._argument(low)
        if major == 0:
            return argument
        if major == 1:
            refusal.require(argument < 1 << 63, 'malformed', 'below -2^63')
            return -1 - argument
        if major == 2:
            return self._take(argument)
        if major == 3:
            try:
                return self._take(argument).decode('utf-8')
            except UnicodeDecodeError:
                raise refusal.Refused('malformed', 'not UTF-8') from None
        refusal.require(depth < MAX_DEPTH, 'malformed', 'nested too deep')
        refusal.require(argument <= len(self._data) - self._at, 'malformed',
                        'the document is cut')
        return [self._item(depth + 1) for _ in range(argument)]


def decode(data: bytes, max_bytes: int) -> Value:
    """Return the value that ``data`` is the canonical encoding of."""
    refusal.require(len(data) <= max_bytes, 'too-large')
    return _Reader(data).whole()


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    for low, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << (8 * size):
            return bytes([major << 5 | low]) + argument.to_bytes(size, 'big')
    raise refusal.Refused('malformed', 'no head for this argument')


def encode(value: Value) -> bytes:
    """Return the one encoding of ``value``."""
    for first, simple in _SIMPLE.items():
        if value is simple:
            return bytes([first])
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode('utf-8')
        return _head(3, len(text)) + text
    if isinstance(value, list):
        return _head(4, len(value)) + b''.join(encode(i) for i in value)
    raise refusal.Refused('malformed', 'no item of this kind')
