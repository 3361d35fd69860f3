# SPDX-License-Identifier: Apache-2.0
"""Frames that carry a snapshot, and a whole small snapshot in them."""

import hashlib
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.tests.vectors import by_hand
from tacker_ledger.tests.vectors import by_hand_federation as federation

NAME = 'snapshot-messages'

_HEIGHT = 7
_SENDER, _RECIPIENT = (by_hand.fixed(f'snapshot {name}', 32)
                       for name in ('sender', 'recipient'))
_PAIR = federation.hashed('state-key', b'\x02', _RECIPIENT, _SENDER)
_CID = federation.hashed('state-key', b'\x01', by_hand.fixed('a cid', 16))
_HEAD = by_hand.fixed('a history head', 32)
_STATE = tuple(sorted((
    (_PAIR, codec.encode((1, 1, _HEAD))),
    (_CID, codec.encode((1, 1, _SENDER, 2, 1, by_hand.fixed('a txid', 32),
                         (), 1, _HEAD))))))
_PLACE = (6).to_bytes(8, 'big') + (3).to_bytes(4, 'big')
_ADDRESSED = ((_RECIPIENT + _SENDER, _PLACE),)
_Items = tuple[tuple[bytes, bytes], ...]


def _root(items: _Items, level: int = 0) -> bytes:
    """Return the node over items, which share ``level`` bits."""
    if not items:
        return by_hand.ZEROS
    if len(items) == 1 and level >= 20:
        ((key, value),) = items
        return federation.hashed('state-leaf', key,
                                 hashlib.sha256(value).digest())
    halves = [tuple(item for item in items
                    if item[0][level // 8] >> (7 - level % 8) & 1 == side)
              for side in (0, 1)]
    return hashlib.sha256(b'\x01' + b''.join(
        _root(half, level + 1) for half in halves)).digest()


_HEADER = federation.header(_HEIGHT, state_root=_root(_STATE))
_BLOCK = codec.encode((1, _HEADER, ()))
_CERTIFICATE = federation.certificate(_HEADER, _HEIGHT, (0, 1, 3))


def _messages() -> list[tuple[str, tuple[Any, ...]]]:
    pair = codec.encode((_BLOCK, _CERTIFICATE))
    return [
        ('get-snapshot', (25, 7, 1)),
        ('get-snapshot from a later epoch', (25, 2 ** 64 - 1, 2 ** 32 - 1)),
        ('snapshot', (26, 7, 3, _BLOCK, _CERTIFICATE)),
        ('get-page, the first', (27, 8, 3, 1, b'')),
        ('get-page, one that follows', (27, 8, 3, 2, _ADDRESSED[0][0])),
        ('page of federation documents', (28, 8, (
            (b'\x00\x00\x00\x01', pair),), False)),
        ('page of the state', (28, 8, _STATE, True)),
        ('page, the last and empty', (28, 8, (), False)),
        ('no-snapshot', (29, 7, 'busy')),
        ('end-snapshot', (30, 3)),
    ]


def _refused() -> list[dict[str, Any]]:
    def case(why: str, *fields: Any) -> dict[str, Any]:
        return {'why': why, 'code': 'malformed',
                'frame': codec.encode(fields)}

    return [
        case('kind 24', 24, 1), case('kind 31', 31, 1),
        case('epoch 0', 25, 7, 0),
        case('no certificate', 26, 7, 3, _BLOCK, b''),
        case('part 3', 27, 8, 3, 3, b''),
        case('a key of 65 bytes', 27, 8, 3, 1, bytes(65)),
        case('an empty key', 28, 8, ((b'', b'x'),), True),
        case('an empty value', 28, 8, ((b'x', b''),), True),
        case('more as a number', 28, 8, (), 1),
        case('a field too many', 30, 3, 3),
    ]


def _snapshots() -> dict[str, Any]:
    (first, one), (second, two) = _STATE
    zero = bytes(32)
    elsewhere = codec.encode((1, 2, _HEAD))
    refused: tuple[tuple[str, _Items, _Items], ...] = (
        ('a value changed', tuple(
            (key, elsewhere if key == _PAIR else value)
            for key, value in _STATE), _ADDRESSED),
        ('a key missing', _STATE[1:], _ADDRESSED),
        ('a key too many', ((zero, one), *_STATE), _ADDRESSED),
        ('out of order', ((second, two), (first, one)), _ADDRESSED),
        ('a pair that nobody is in', _STATE, ()),
        ('a pair that is not in the state', _STATE, (
            (_SENDER + _RECIPIENT, _PLACE),)),
        ('a place above the height', _STATE, (
            (_RECIPIENT + _SENDER, bytes(7) + b'\x08' + bytes(4)),)),
    )
    return {
        'block': _BLOCK, 'certificate': _CERTIFICATE,
        'state': _items(_STATE), 'addressed': _items(_ADDRESSED),
        'refused': [{'why': why, 'code': 'bad-proof', 'state': _items(state),
                     'addressed': _items(addressed)}
                    for why, state, addressed in refused]}


def _items(items: _Items) -> list[dict[str, bytes]]:
    return [{'key': key, 'value': value} for key, value in items]


def make() -> dict[str, Any]:
    """Return a frame of each kind, refused ones, and a snapshot."""
    return {
        'chain_id': federation.CHAIN_ID, 'federation': federation.GENESIS,
        'accepted': [{'what': what, 'kind': fields[0],
                      'frame': codec.encode(fields)}
                     for what, fields in _messages()],
        'refused': _refused(), 'snapshot': _snapshots()}
