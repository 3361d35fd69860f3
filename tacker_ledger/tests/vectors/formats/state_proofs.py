# SPDX-License-Identifier: Apache-2.0
"""Authenticated maps with their roots and proofs, by the definition."""

import hashlib
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import by_hand

NAME = 'state-proofs'

ZEROS = by_hand.ZEROS
_DEPTH = 20
_Items = dict[bytes, bytes]


def bit(key: bytes, level: int) -> int:
    """Return bit ``level`` of a key, from the front."""
    return key[level // 8] >> (7 - level % 8) & 1


def value_hash(value: bytes) -> bytes:
    """Return what a leaf holds of a value."""
    return hashlib.sha256(value).digest()


def half(items: _Items, level: int, side: int) -> _Items:
    """Return the items whose key has ``side`` at ``level``."""
    return {key: value for key, value in items.items()
            if bit(key, level) == side}


def root(items: _Items, level: int = 0) -> bytes:
    """Return the node over all items, which share ``level`` bits."""
    if not items:
        return ZEROS
    if len(items) == 1 and level >= _DEPTH:
        ((key, value),) = items.items()
        return by_hand.hashed('state-leaf', key, value_hash(value))
    return hashlib.sha256(
        b'\x01' + root(half(items, level, 0), level + 1)
        + root(half(items, level, 1), level + 1)).digest()


def proof(items: _Items, key: bytes) -> bytes:
    """Return the encoded proof of a key."""
    siblings = []
    level = 0
    while level < _DEPTH or len(items) > 1:
        side = bit(key, level)
        siblings.append(root(half(items, level, 1 - side), level + 1))
        items = half(items, level, side)
        level += 1
    other = None
    if items and key not in items:
        ((found, value),) = items.items()
        other = (found, value_hash(value))
    return encoded(siblings, other)


def encoded(siblings: list[bytes], other: Any) -> bytes:
    """Return the proof with these siblings, from the root downwards."""
    bits = ''.join('0' if sibling == ZEROS else '1' for sibling in siblings)
    bits += '0' * (-len(bits) % 8)
    return codec.encode((
        bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8)),
        tuple(s for s in siblings if s != ZEROS), len(siblings), other))


def key(*places: int) -> bytes:
    """Return a key that starts with these bytes and is zeros after."""
    return bytes(places) + bytes(32 - len(places))


_BUCKET = (7, 7, 0x70)
_LAST_BIT = bytes(31) + b'\x01'
_CROWDED = {
    **{vectors.fixed_bytes(f'state key {i}', 32): b'value %d' % i
       for i in range(20)},
    key(*_BUCKET, 1): b'one', key(*_BUCKET, 2): b'two',
    key(*_BUCKET, 2, 1): b'three', key(9): b''}
_MAPS: list[tuple[str, _Items, list[bytes]]] = [
    ('empty', {}, [key(), b'\xff' * 32]),
    ('one key', {key(9): b'alone'}, [key(9), key(9, 0, 0, 1), key(10)]),
    ('two keys that differ in the last bit',
     {key(): b'0', _LAST_BIT: b'1'},
     [key(), _LAST_BIT, bytes(31) + b'\x02', key(0, 0, 0, 1)]),
    ('many keys, some in one bucket', _CROWDED,
     [key(9), key(*_BUCKET, 1), key(*_BUCKET, 2, 1), key(*_BUCKET, 0x80),
      key(*_BUCKET, 3), key(*_BUCKET), key(0xab),
      vectors.fixed_bytes('state key 3', 32)]),
]


def _refused() -> list[dict[str, Any]]:
    top = root(_CROWDED)
    present, absent = key(*_BUCKET, 1), key(0xab)
    good, empty = proof(_CROWDED, present), proof(_CROWDED, absent)
    schema = codec.Record(
        codec.Bytes(0, 32), codec.Array(codec.Bytes.exact(32), 0, 256),
        codec.Int(), codec.Optional(codec.Record(
            codec.Bytes.exact(32), codec.Bytes.exact(32))))
    bitmap, siblings, depth, _ = codec.decode(good, schema, 16384)
    e_bitmap, e_siblings, _, _ = codec.decode(empty, schema, 16384)
    own = (present, value_hash(b'one'))
    padded = e_bitmap[:2] + bytes([e_bitmap[2] | 1])

    def case(why: str, at: bytes, value: bytes | None, *fields: Any,
             data: bytes | None = None) -> dict[str, Any]:
        return {'why': why, 'root': top, 'key': at, 'value': value,
                'proof': data or codec.encode(fields)}

    return [
        case('another value', present, b'two', data=good),
        case('no value', present, None, data=good),
        case('a value where there is none', absent, b'', data=empty),
        case('of another key', absent, None, data=good),
        case('its own leaf stands in the way', present, None, bitmap,
             siblings, depth, own),
        case('a key elsewhere stands in the way', absent, None, e_bitmap,
             e_siblings, 20, own),
        case('presence that names another key', present, b'one', bitmap,
             siblings, depth, (key(9), value_hash(b''))),
        case('a walk beyond zeros', absent, None, e_bitmap, e_siblings, 21,
             None),
        case('a walk that is too short', absent, None, e_bitmap, e_siblings,
             19, None),
        case('a bit in the padding', absent, None, padded, e_siblings, 20,
             None),
        case('zeros given as a sibling', absent, None,
             e_bitmap[:2] + bytes([e_bitmap[2] | 0x10]),
             (*e_siblings, ZEROS), 20, None),
        case('a sibling missing', absent, None, e_bitmap, e_siblings[:-1],
             20, None),
        case('siblings in the wrong order', present, b'one', bitmap,
             siblings[::-1], depth, None),
        case('a byte after the end', present, b'one', data=good + b'\x00'),
        case('a longer head', present, b'one', data=b'\x98\x04' + good[1:]),
    ]


def make() -> dict[str, Any]:
    """Return maps with proofs, and what proves nothing."""
    return {
        'chain_id': by_hand.CHAIN_ID,
        'maps': [
            {'why': why, 'items': sorted(items.items()),
             'root': root(items),
             'proofs': [{'key': at, 'value': items.get(at),
                         'proof': proof(items, at)} for at in keys]}
            for why, items, keys in _MAPS],
        'refused': _refused(),
    }
