# SPDX-License-Identifier: Apache-2.0
"""Roots and audit paths of small trees."""

from typing import Any

from tacker_ledger.core import merkle
from tacker_ledger.tests import vectors

NAME = 'merkle-trees'

_SIZES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13)


def make() -> dict[str, Any]:
    """Return trees over the first leaves of one list."""
    leaves = [vectors.fixed_bytes(f'leaf {i}', 32) for i in range(max(_SIZES))]
    return {
        'leaves': leaves,
        'trees': [
            {'size': size, 'root': merkle.root(leaves[:size]),
             'paths': [merkle.path(leaves[:size], i) for i in range(size)]}
            for size in _SIZES],
    }
