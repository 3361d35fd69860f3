# SPDX-License-Identifier: Apache-2.0
"""Types and bounds of fields, written as the tables of the pages are.

A *shape* is a function that takes a decoded value, refuses it with
``malformed`` if it is of another type or out of bounds, and else returns it.
"""

from collections.abc import Callable
from typing import Any

from tacker_ledger.tests.independent import cbor
from tacker_ledger.tests.independent import refusal

Shape = Callable[[Any], Any]


def integer(low: int, high: int) -> Shape:
    """Return the shape of an integer from ``low`` to ``high``."""
    def check(value: Any) -> int:
        refusal.require(type(value) is int and low <= value <= high,
                        'malformed', f'no integer from {low} to {high}')
        return value
    return check


def octets(low: int, high: int | None = None) -> Shape:
    """Return the shape of a byte string; exactly ``low`` bytes without high.
    """
    most = low if high is None else high

    def check(value: Any) -> bytes:
        refusal.require(type(value) is bytes and low <= len(value) <= most,
                        'malformed', f'not {low} to {most} bytes')
        return value
    return check


def text(high: int) -> Shape:
    """Return the shape of a text of at most ``high`` bytes in UTF-8."""
    def check(value: Any) -> str:
        refusal.require(
            type(value) is str and len(value.encode('utf-8')) <= high,
            'malformed', f'no text of at most {high} bytes')
        return value
    return check


def array(item: Shape, low: int, high: int) -> Shape:
    """Return the shape of an array of ``low`` to ``high`` items."""
    def check(value: Any) -> list[Any]:
        refusal.require(type(value) is list and low <= len(value) <= high,
                        'malformed', f'no array of {low} to {high}')
        return [item(each) for each in value]
    return check


def fields(*shapes: Shape) -> Shape:
    """Return the shape of an array with exactly these fields."""
    def check(value: Any) -> list[Any]:
        refusal.require(type(value) is list and len(value) == len(shapes),
                        'malformed', f'no array of {len(shapes)} fields')
        return [shape(each)
                for shape, each in zip(shapes, value, strict=True)]
    return check


def nullable(shape: Shape) -> Shape:
    """Return ``shape``, or null."""
    def check(value: Any) -> Any:
        return None if value is None else shape(value)
    return check


def one_of(*values: Any) -> Shape:
    """Return the shape of a value that is one of these."""
    def check(value: Any) -> Any:
        refusal.require(
            any(type(value) is type(each) and value == each
                for each in values),
            'malformed', f'not one of {values}')
        return value
    return check


def boolean(value: Any) -> bool:
    """Check a true or false."""
    refusal.require(type(value) is bool, 'malformed', 'no truth value')
    return value


def anything(value: Any) -> Any:
    """Take any value."""
    return value


ANY_INTEGER = integer(-1 << 63, (1 << 64) - 1)
DIGEST = octets(32)
CID = octets(16)
VID = integer(1, (1 << 32) - 1)
# Integers without other bounds.
UNBOUNDED = integer(0, (1 << 64) - 1)
HEIGHT = TIME = SIZE = COUNT = UNBOUNDED


def read(data: bytes, max_bytes: int, shape: Shape) -> Any:
    """Return the document in ``data``, of this shape."""
    return shape(cbor.decode(data, max_bytes))


def versioned(data: bytes, max_bytes: int, *shapes: Shape) -> list[Any]:
    """Return the fields behind field 0, the version, which is 1."""
    value = cbor.decode(data, max_bytes)
    refusal.require(type(value) is list and len(value) > 0, 'malformed')
    integer(0, 255)(value[0])
    refusal.require(value[0] == 1, 'unsupported-version')
    return fields(ANY_INTEGER, *shapes)(value)[1:]
