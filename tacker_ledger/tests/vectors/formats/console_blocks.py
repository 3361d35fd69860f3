# SPDX-License-Identifier: Apache-2.0
"""Key blocks as VNFs print them."""

import base64
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.tests.vectors import by_hand
from tacker_ledger.tests.vectors import by_hand_federation as federation
from tacker_ledger.tests.vectors import keys

NAME = 'console-blocks'

_INSTANCE = '6d1fbd9e-7a13-4f0e-9c55-0d6a2e7b4c11'
_TIME_MS = federation.CREATED_MS + 5_000
_BEGIN = '-----BEGIN TACKER LEDGER VNF KEY-----'
_END = '-----END TACKER LEDGER VNF KEY-----'

_VNF = by_hand.Signer('vnf', keys.ed25519_private_bytes('console vnf'))
_RECEIPT = by_hand.Signer(
    'receipt', keys.ed25519_private_bytes('console receipt', False))


def _block(vnf: by_hand.Signer, receipt: by_hand.Signer, *,
           version: int = 1, altered: bool = False) -> bytes:
    fields = (version, _INSTANCE, vnf.document, receipt.document, _TIME_MS)
    text = federation.message('console', codec.encode(fields))
    return codec.encode((
        *fields[:4], _TIME_MS + altered, vnf.sign(text),
        receipt.sign(text)))


def _text(block: bytes) -> str:
    data = base64.b64encode(block).decode('ascii')
    lines = [data[start:start + 64] for start in range(0, len(data), 64)]
    return '\n'.join([_BEGIN, *lines, _END]) + '\n'


def make() -> dict[str, Any]:
    """Return blocks that are read, and blocks that are passed over."""
    block = _block(_VNF, _RECEIPT)
    return {
        'chain_id': federation.CHAIN_ID,
        'accepted': [{
            'instance': _INSTANCE, 'vnf_key': _VNF.document,
            'receipt_key': _RECEIPT.document, 'time_ms': _TIME_MS,
            'block': block, 'text': _text(block)}],
        'refused': [
            {'why': why, 'text': _text(made)} for why, made in (
                ('another version', _block(_VNF, _RECEIPT, version=2)),
                ('a field altered', _block(_VNF, _RECEIPT, altered=True)),
                ('a byte behind it', block + b'\x00'))],
    }
