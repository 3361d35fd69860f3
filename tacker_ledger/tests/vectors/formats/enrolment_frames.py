# SPDX-License-Identifier: Apache-2.0
"""Frames by which members tell each other their enrolments."""

import hashlib
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.tests import vectors

NAME = 'enrolment-frames'

_KEYS = tuple(sorted(
    (vectors.fixed_bytes(f'enrolled {number}', 32), label)
    for number, label in enumerate(('Ana', '', 'Zo\u00eb'))))


def make() -> dict[str, Any]:
    """Return a frame of each kind, and frames that are refused."""
    (one, label), *_rest = _KEYS
    frames = (
        ('enrol', (20, one, label, 1)), ('unenrol', (21, one, 1)),
        ('summary', (22, 1, hashlib.sha256(codec.encode(_KEYS)).digest())),
        ('wanted', (23, 1)), ('listing', (24, 1, _KEYS)))
    return {
        'member': 1,
        'keys': [{'key_id': key, 'label': text} for key, text in _KEYS],
        'accepted': [{'what': what, 'kind': fields[0],
                      'frame': codec.encode(fields)}
                     for what, fields in frames],
        'refused': [{'why': why, 'frame': codec.encode(fields)}
                    for why, fields in (
                        ('for another member', (23, 2)),
                        ('an unknown kind', (25, 1)),
                        ('a short key id', (21, one[:31], 1)),
                        ('a field too many', (23, 1, 1)))],
    }
