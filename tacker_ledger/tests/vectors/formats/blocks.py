# SPDX-License-Identifier: Apache-2.0
"""Headers, blocks and inclusion proofs."""

import hashlib
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import by_hand
from tacker_ledger.tests.vectors.formats import transactions

NAME = 'blocks'

_SIZES = (0, 1, 2, 3, 5)
_NAMES = ('version', 'chain_id', 'height', 'parent', 'transactions_root',
          'state_root', 'timestamp_ms', 'proposer', 'federation')


def leaves(raws: list[bytes]) -> list[bytes]:
    """Return the leaves of a block's transactions."""
    size = len(raws).to_bytes(4, 'big')
    return [by_hand.hashed('block-transaction', index.to_bytes(4, 'big'),
                           size, raw) for index, raw in enumerate(raws)]


def root(hashes: list[bytes]) -> bytes:
    """Return MTH of RFC 6962 over leaf hashes."""
    if not hashes:
        return hashlib.sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(
        b'\x01' + root(hashes[:k]) + root(hashes[k:])).digest()


def path(index: int, hashes: list[bytes]) -> list[bytes]:
    """Return PATH of RFC 6962 for one leaf."""
    if len(hashes) == 1:
        return []
    k = 1 << (len(hashes) - 1).bit_length() - 1
    if index < k:
        return [*path(index, hashes[:k]), root(hashes[k:])]
    return [*path(index - k, hashes[k:]), root(hashes[:k])]


def header(raws: list[bytes], height: int = 7) -> tuple[Any, ...]:
    """Return the fields of a header over transactions."""
    return (1, by_hand.CHAIN_ID, height, vectors.fixed_bytes('parent', 32),
            root(leaves(raws)), vectors.fixed_bytes('state root', 32),
            by_hand.NOW_MS, 3, vectors.fixed_bytes('federation', 32))


def _transactions(count: int) -> list[bytes]:
    return [by_hand.transaction(by_hand.TENANT, transactions.public(
        by_hand.TENANT, nonce=vectors.fixed_bytes(f'nonce {i}', 16)))
        for i in range(count)]


def _block(raws: list[bytes], height: int = 7) -> dict[str, Any]:
    fields = header(raws, height)
    encoded = codec.encode(fields)
    hashes = leaves(raws)
    return {
        'header': dict(zip(_NAMES, fields, strict=True)),
        'header_encoded': encoded,
        'digest': by_hand.hashed('block', encoded),
        'transactions': raws,
        'leaves': hashes,
        'block': codec.encode((1, encoded, tuple(raws))),
        'inclusions': [
            codec.encode((index, len(raws), tuple(path(index, hashes))))
            for index in range(len(raws))],
    }


def _refused() -> list[dict[str, Any]]:
    raws = _transactions(3)
    fields = header(raws)
    encoded = codec.encode(fields)
    good = codec.encode((1, encoded, tuple(raws)))
    cases: list[tuple[str, str, Any]] = [
        ('version 2', 'unsupported-version', (2, encoded, raws)),
        ('header of version 2', 'unsupported-version',
         (1, codec.encode((2, *fields[1:])), raws)),
        ('proposer 256', 'malformed',
         (1, codec.encode((*fields[:7], 256, fields[8])), raws)),
        ('a header in another encoding', 'malformed',
         (1, b'\x98\x09' + encoded[1:], raws)),
        ('a transaction missing', 'bad-block', (1, encoded, raws[:2])),
        ('transactions in another order', 'bad-block',
         (1, encoded, raws[::-1])),
        ('a transaction twice', 'bad-block', (1, encoded, [*raws, raws[2]])),
        ('an empty transaction', 'malformed', (1, encoded, [b''])),
        ('a byte after the end', 'malformed', good + b'\x00'),
    ]
    return [{'why': why, 'code': code,
             'block': data if isinstance(data, bytes)
             else codec.encode(data)} for why, code, data in cases]


def _refused_inclusions() -> list[dict[str, Any]]:
    raws = _transactions(3)
    hashes = leaves(raws)
    good = tuple(path(2, hashes))

    def case(why: str, index: int, size: int, given: Any = good,
             raw: bytes = raws[2]) -> dict[str, Any]:
        return {'why': why, 'transaction': raw, 'root': root(hashes),
                'inclusion': codec.encode((index, size, given))}

    return [
        case('leaf 2 of 3 as leaf 1 of 2', 1, 2),
        case('leaf 2 of 3 as leaf 2 of 4', 2, 4),
        case('another transaction', 2, 3, raw=raws[1]),
        case('a path that is too long', 2, 3, (*good, good[0])),
        case('a path that is too short', 2, 3, ()),
        case('an index out of range', 3, 3),
    ]


def make() -> dict[str, Any]:
    """Return blocks of several sizes, and what is refused."""
    return {
        'chain_id': by_hand.CHAIN_ID,
        'genesis': {
            'created_ms': by_hand.NOW_MS,
            'federation': vectors.fixed_bytes('federation', 32),
            'header_encoded': codec.encode((
                1, by_hand.CHAIN_ID, 0, by_hand.ZEROS, root([]),
                by_hand.ZEROS, by_hand.NOW_MS, 0,
                vectors.fixed_bytes('federation', 32)))},
        'accepted': [_block(_transactions(size), height)
                     for size, height in zip(
                         _SIZES, (1, 2, 2 ** 64 - 1, 7, 8), strict=True)],
        'refused': _refused(),
        'refused_inclusions': _refused_inclusions(),
    }
