# SPDX-License-Identifier: Apache-2.0
"""Every tag with its message and hash."""

from typing import Any

from tacker_ledger.core import hashing
from tacker_ledger.tests import vectors

NAME = 'tagged-hashes'

_PARTS = ((), (b'abc',), (bytes(32), b'the last part may be of any length'))


def make() -> dict[str, Any]:
    """Return messages and hashes of each tag."""
    chain_id = vectors.fixed_bytes('chain id', 32)
    hasher = hashing.hasher(chain_id)
    return {
        'chain_id': chain_id,
        'vectors': [
            {'tag': tag.label, 'chain_bound': tag.chain_bound,
             'parts': parts,
             'message': hasher.message(tag, *parts),
             'hash': hasher.hash(tag, *parts)}
            for tag in hashing.Tag for parts in _PARTS],
        'inner_node': {
            'left': vectors.fixed_bytes('left', 32),
            'right': vectors.fixed_bytes('right', 32),
            'node': hashing.inner_node(vectors.fixed_bytes('left', 32),
                                       vectors.fixed_bytes('right', 32)),
        },
    }
