# SPDX-License-Identifier: Apache-2.0
"""The exported chain: three blocks without transactions."""

from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.tests.vectors import by_hand_federation as federation

NAME = 'exports'

_GENESIS = federation.signed(federation.GENESIS, federation.approvals(
    federation.DIGEST, (1, federation.MEMBERS)))


def _frame(*fields: Any) -> bytes:
    record = codec.encode(fields)
    return len(record).to_bytes(4, 'big') + record


def _block(height: int, certified: bool = True) -> bytes:
    header = federation.header(height)
    certificate = (federation.certificate(header, height, (0, 2, 3))
                   if certified else b'')
    return _frame(codec.encode((1, header, ())), certificate)


def make() -> dict[str, Any]:
    """Return streams that verify, and streams that do not."""
    start = _frame(1, federation.CHAIN_ID, _GENESIS)
    # The certificate of a heartbeat may be gone once it has a successor.
    whole = start + _block(1) + _block(2, certified=False) + _block(3)
    return {
        'chain_id': federation.CHAIN_ID,
        'accepted': [
            {'stream': start + _block(1), 'height': 1},
            {'stream': whole, 'height': 3,
             'head': federation.digest_of(federation.header(3))}],
        'refused': [{'why': why, 'stream': stream} for why, stream in (
            ('cut short', whole[:-1]),
            ('a gap', start + _block(1) + _block(3)),
            ('the same block twice', start + _block(1) + _block(1)),
            ('no certificate at the end', start + _block(1, False)),
            ('another version',
             _frame(2, federation.CHAIN_ID, _GENESIS) + _block(1)),
            ('another chain', _frame(1, bytes(32), _GENESIS) + _block(1)),
            ('a byte behind it', whole + b'\x00'))],
    }
