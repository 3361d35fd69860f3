# SPDX-License-Identifier: Apache-2.0
"""Deterministic CBOR, strictly: one value has one encoding and no other.

The subset of RFC 8949 section 4.2.1 that signed content uses: unsigned and
negative integers from -2^63 to 2^64 - 1, byte strings, text strings, arrays,
false, true and null.  No maps, tags, floating point or indefinite lengths.

Decoding bounds before it believes: the size; then every head, read in place
without building anything (type, shortest form, declared length against the
bytes left, depth, number of items, UTF-8); then the value; then its schema;
last it is encoded again and must give the bytes received.  What a decoder
accepts is therefore what it can hash and keep.
"""

from typing import Any
from typing import Protocol

import cbor2

from tacker_ledger.core import errors
from tacker_ledger.core import limits

INT_MIN = -2 ** 63
INT_MAX = 2 ** 64 - 1


class Schema(Protocol):
    """What a decoded value has to look like."""

    def check(self, value: Any, path: str) -> None:
        """Raise :class:`~.errors.Malformed` unless ``value`` fits.

        :param value: what the decoder built; arrays are tuples
        :param path: where it stands, for the error: ``$`` is the document,
            ``$[3][0]`` the first item of its fourth
        """


def _refuse(path: str, expected: str) -> errors.Malformed:
    return errors.Malformed(f'{path} is not {expected}', path=path,
                            expected=expected)


class Int:
    """An integer from ``low`` to ``high``, both included."""

    __slots__ = ('low', 'high')

    def __init__(self, low: int = 0, high: int = INT_MAX) -> None:
        assert INT_MIN <= low <= high <= INT_MAX
        self.low = low
        self.high = high

    def check(self, value: Any, path: str) -> None:
        # Not isinstance: True is an int in Python, not in CBOR.
        if type(value) is not int or not self.low <= value <= self.high:
            raise _refuse(path, f'an integer in {self.low}..{self.high}')


class Bytes:
    """A byte string of ``low`` to ``high`` bytes, both included."""

    __slots__ = ('low', 'high')

    def __init__(self, low: int, high: int) -> None:
        assert 0 <= low <= high
        self.low = low
        self.high = high

    @classmethod
    def exact(cls, size: int) -> 'Bytes':
        """Return the schema of a byte string of ``size`` bytes."""
        return cls(size, size)

    def holds(self, values: tuple[Any, ...]) -> bool:
        """Return whether all values fit; for many, with no path of each."""
        low, high = self.low, self.high
        for value in values:
            if type(value) is not bytes or not low <= len(value) <= high:
                return False
        return True

    def check(self, value: Any, path: str) -> None:
        if (type(value) is not bytes
                or not self.low <= len(value) <= self.high):
            raise _refuse(path, f'{self.low}..{self.high} bytes')


class Text:
    """A text string of at most ``max_bytes`` bytes in UTF-8."""

    __slots__ = ('max_bytes',)

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes

    def check(self, value: Any, path: str) -> None:
        if (type(value) is not str
                or len(value.encode('utf-8')) > self.max_bytes):
            raise _refuse(path, f'text of at most {self.max_bytes} bytes')


class Bool:
    """False or true."""

    __slots__ = ()

    def check(self, value: Any, path: str) -> None:
        if type(value) is not bool:
            raise _refuse(path, 'a boolean')


class Const:
    """One value (integer, bytes, text, boolean or null), nothing else."""

    __slots__ = ('value',)

    def __init__(self, value: int | bytes | str | bool | None) -> None:
        self.value = value

    def check(self, value: Any, path: str) -> None:
        # The type too, because 1 == True.
        if type(value) is not type(self.value) or value != self.value:
            raise _refuse(path, f'the constant {self.value!r}')


class Optional:
    """Null, or what another schema allows."""

    __slots__ = ('schema',)

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def check(self, value: Any, path: str) -> None:
        if value is not None:
            self.schema.check(value, path)


class Array:
    """An array of ``low`` to ``high`` items that all fit one schema."""

    __slots__ = ('item', 'low', 'high')

    def __init__(self, item: Schema, low: int, high: int) -> None:
        assert 0 <= low <= high
        self.item = item
        self.low = low
        self.high = high

    def check(self, value: Any, path: str) -> None:
        if (type(value) is not tuple
                or not self.low <= len(value) <= self.high):
            raise _refuse(path, f'an array of {self.low}..{self.high} items')
        if type(self.item) is Bytes and self.item.holds(value):
            return
        check = self.item.check
        for index, item in enumerate(value):
            check(item, f'{path}[{index}]')


class Record:
    """An array of fixed length, each place with its own schema."""

    __slots__ = ('schemas', '_places')

    def __init__(self, *schemas: Schema) -> None:
        self.schemas = schemas
        # Formatted once: a check writes the path of every item.
        self._places = [(schema.check, index, f'[{index}]')
                        for index, schema in enumerate(schemas)]

    def check(self, value: Any, path: str) -> None:
        places = self._places
        if type(value) is not tuple or len(value) != len(places):
            raise _refuse(path, f'an array of {len(places)} items')
        for check, index, place in places:
            check(value[index], path + place)


class Tagged:
    """An array whose first item, an integer, selects the record.

    :param records: what the first item may be, and the schema of the whole
        array (first item included) for each
    """

    __slots__ = ('records',)

    def __init__(self, records: dict[int, Record]) -> None:
        self.records = dict(records)

    def check(self, value: Any, path: str) -> None:
        if type(value) is not tuple or not value:
            raise _refuse(path, 'an array that starts with its kind')
        kind = value[0]
        record = self.records.get(kind) if type(kind) is int else None
        if record is None:
            known = ', '.join(str(known) for known in self.records)
            raise _refuse(f'{path}[0]', f'one of the kinds {known}')
        record.check(value, path)


def encode(value: Any) -> bytes:
    """Return the one encoding of ``value``.

    :param value: integers in range, bytes, text, booleans, None, and lists
        or tuples of these
    :raises AssertionError: for anything else: what is encoded comes from
        our own code, so it is a mistake there
    """
    _assert_encodable(value, 0)
    return cbor2.dumps(value)


def encode_uint(value: int) -> bytes:
    """Return the encoding of one unsigned integer.

    For classes that put their few fields together themselves, because it
    is done thousands of times each second.
    """
    if value < 24:
        return _SHORT_UINTS[value]
    for width, head, limit in _UINT_HEADS:
        if value < limit:
            return head + value.to_bytes(width, 'big')
    raise AssertionError('integer out of range')


_SHORT_UINTS = tuple(bytes((value,)) for value in range(24))
#: (bytes of the argument, head, first value that needs more)
_UINT_HEADS = tuple((1 << power, bytes((24 + power,)), 1 << (8 << power))
                    for power in range(4))


def _assert_encodable(value: Any, depth: int) -> None:
    kind = type(value)
    if kind is tuple or kind is list:
        depth += 1
        assert depth <= limits.NESTING_MAX_DEPTH, 'nested too deeply'
        for item in value:
            if type(item) is not bytes:  # as most are
                _assert_encodable(item, depth)
    elif kind is int:
        assert INT_MIN <= value <= INT_MAX, 'integer out of range'
    else:
        assert (kind is bytes or kind is str or kind is bool
                or value is None), f'{kind.__name__} cannot be encoded'


def decode(data: bytes, schema: Schema, max_bytes: int) -> Any:
    """Return the value that ``data`` is the canonical encoding of.

    :param data: one encoded value and nothing after it
    :param schema: what it must look like
    :param max_bytes: the largest size to look at
    :returns: the value; arrays are tuples
    :raises Malformed: ``data`` is not canonical or not of the schema
    :raises TooLarge: more bytes or more items than allowed
    """
    if len(data) > max_bytes:
        raise errors.TooLarge(
            f'{len(data)} bytes where at most {max_bytes} are allowed',
            size=len(data), limit=max_bytes)
    _scan(data)
    try:
        value = _load(data)
    except (cbor2.CBORDecodeError, ValueError) as exc:  # pragma: no cover
        # The scan lets nothing through that a decoder cannot read.
        raise errors.Malformed('not readable as CBOR') from exc
    schema.check(value, '$')
    if cbor2.dumps(value) != data:  # pragma: no cover
        raise errors.Malformed('not the canonical encoding of its value')
    return value


def _freeze(value: Any) -> Any:
    """Return ``value`` with every list turned into a tuple."""
    if type(value) is list:
        return tuple([_freeze(item) for item in value])
    return value


def _load(data: bytes) -> Any:
    return cbor2.loads(data, immutable=True)


def _load_and_freeze(data: bytes) -> Any:
    return _freeze(cbor2.loads(data))


try:
    _load(b'\x80')
except TypeError:
    # cbor2 before 6 builds lists only.
    _load = _load_and_freeze

# What the first byte of an item says. The low five bits of a head are its
# argument or, from 24 to 27, the number of bytes the argument takes.
_BAD, _SCALAR, _BYTES, _TEXT, _ARRAY = range(5)
_KIND_OF_MAJOR = {0: _SCALAR, 1: _SCALAR, 2: _BYTES, 3: _TEXT, 4: _ARRAY}
_SIMPLE = {0xf4, 0xf5, 0xf6}


def _table() -> list[tuple[int, int, int]]:
    """Return (kind, argument, bytes of argument) for each first byte."""
    table = []
    for head in range(256):
        kind = _KIND_OF_MAJOR.get(head >> 5, _BAD)
        low = head & 31
        if head in _SIMPLE:
            table.append((_SCALAR, 0, 0))
        elif kind == _BAD or low > 27:
            table.append((_BAD, 0, 0))
        elif low < 24:
            table.append((kind, low, 0))
        else:
            table.append((kind, 0, 1 << (low - 24)))
    return table


_HEADS = _table()
#: The smallest argument that needs so many bytes; less is not the shortest.
_SMALLEST = {1: 24, 2: 1 << 8, 4: 1 << 16, 8: 1 << 32}


def _scan(data: bytes) -> None:
    """Read every head of ``data`` and build nothing.

    :raises Malformed: anything outside the subset, a head that is not the
        shortest, a length past the end, bytes missing or left over, too
        deep, text that is not UTF-8
    :raises TooLarge: more items than a document may hold
    """
    heads = _HEADS
    size = len(data)
    at = 0
    items = 1
    left = 1  # items still to come in the innermost array
    open_arrays: list[int] = []  # the same for the arrays around it
    while True:
        while left == 0:
            if not open_arrays:
                if at != size:
                    raise errors.Malformed('bytes after the value', at=at)
                return
            left = open_arrays.pop()
        left -= 1
        if at >= size:
            raise errors.Malformed('the value ends early', at=at)
        kind, argument, wide = heads[data[at]]
        at += 1
        if wide:
            argument = _argument(data, at, wide)
            at += wide
        if kind == _SCALAR:
            # Below -2^63 there is nothing to say that 64 bits can hold.
            if argument >= 1 << 63 and data[at - 9] == 0x3b:
                raise errors.Malformed('integer out of range', at=at - 9)
        elif kind == _BAD:
            raise errors.Malformed('a type or form that is not used here',
                                   at=at - 1)
        elif argument > size - at:
            # An item takes a byte at least, so this bounds arrays too.
            raise errors.Malformed('a length past the end', at=at)
        elif kind == _ARRAY:
            items += argument
            open_arrays.append(left)
            left = argument
            _check_counts(items, len(open_arrays))
        else:
            if kind == _TEXT:
                _check_text(data[at:at + argument], at)
            at += argument


def _argument(data: bytes, at: int, wide: int) -> int:
    """Return the big-endian argument of ``wide`` bytes at ``at``."""
    if at + wide > len(data):
        raise errors.Malformed('the value ends early', at=at)
    argument = int.from_bytes(data[at:at + wide], 'big')
    if argument < _SMALLEST[wide]:
        raise errors.Malformed('a head that is not the shortest', at=at - 1)
    return argument


def _check_counts(items: int, depth: int) -> None:
    if items > limits.ITEMS_MAX_COUNT:
        raise errors.TooLarge('too many items', size=items,
                              limit=limits.ITEMS_MAX_COUNT)
    if depth > limits.NESTING_MAX_DEPTH:
        raise errors.Malformed('nested too deeply', depth=depth,
                               limit=limits.NESTING_MAX_DEPTH)


def _check_text(text: bytes, at: int) -> None:
    try:
        text.decode('utf-8')
    except UnicodeDecodeError as exc:
        raise errors.Malformed('text that is not UTF-8', at=at) from exc
