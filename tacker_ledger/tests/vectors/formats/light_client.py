# SPDX-License-Identifier: Apache-2.0
"""What a light client keeps, and the histories that it refolds."""

from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.tests.vectors import by_hand
from tacker_ledger.tests.vectors import by_hand_federation as federation

NAME = 'light-client'

_HEADER = federation.header(1)
_PAIR = (_HEADER, federation.certificate(_HEADER, 1, (0, 1, 2)))
_GENESIS = federation.header(0)


def _state(epochs: tuple[Any, ...], floor: tuple[Any, ...],
           head: tuple[bytes, bytes] | None) -> dict[str, Any]:
    return {
        'epochs': [{'document': raw, 'from_height': height}
                   for raw, height in epochs],
        'floor': dict(zip(('height', 'digest', 'time_ms'), floor,
                          strict=True)),
        'head': None if head is None else dict(zip(
            ('header', 'certificate'), head, strict=True)),
        'state': codec.encode(
            (1, federation.CHAIN_ID, epochs, floor, head))}


def _history(count: int) -> dict[str, Any]:
    head = by_hand.ZEROS
    txids = [by_hand.fixed(f'transaction id {i}', 32) for i in range(count)]
    heads = [head]
    for txid in txids:
        head = federation.hashed('history', head, txid)
        heads.append(head)
    return {'txids': txids, 'heads': heads}


def make() -> dict[str, Any]:
    """Return stored states, and the heads of a history."""
    genesis = (federation.GENESIS, 0)
    floor = (0, federation.digest_of(_GENESIS), federation.CREATED_MS)
    return {
        'chain_id': federation.CHAIN_ID,
        'states': [
            _state((genesis,), floor, None),
            _state((genesis,), floor, (_GENESIS, b'')),
            _state((genesis, (federation.SUCCESSOR, 2)),
                   (1, federation.digest_of(_HEADER),
                    federation.CREATED_MS + 1_000), _PAIR),
        ],
        'history': _history(3),
    }
