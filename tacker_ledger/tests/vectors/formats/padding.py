# SPDX-License-Identifier: Apache-2.0
"""Size classes and padded bytes."""

from typing import Any

from tacker_ledger.core.crypto import envelope
from tacker_ledger.tests import vectors

NAME = 'padding'

_SIZES = (0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 100, 511, 512, 513, 528, 529,
          1000, 1023, 1024, 1025, 4096, 4097, 65535, 65536, 65537, 100000,
          1000000, 1048576, 1048577, 1310720)
_DATA_SIZES = (0, 1, 510, 511, 512, 543, 544, 1000)
_REFUSED = (
    (b'', 'nothing'),
    (bytes(512), 'zeros only'),
    (b'\x80' + bytes(510), '511 bytes'),
    (b'\x80' + bytes(512), '513 bytes: not a size class'),
    (b'\x80' + bytes(543), '544 bytes where 512 hold it'),
    (bytes(511) + b'\x81', 'another end mark'),
)


def make() -> dict[str, Any]:
    """Return classes, paddings and refused paddings."""
    padded = []
    for size in _DATA_SIZES:
        data = vectors.fixed_bytes(f'padding {size}', size)
        padded.append({'data': data, 'padded': envelope.pad(data)})
    # What ends like padding must come back whole.
    for data in (b'\x80', b'\x80\x00\x00', bytes(5)):
        padded.append({'data': data, 'padded': envelope.pad(data)})
    return {
        'padme': [{'size': size, 'class': envelope.padme(size)}
                  for size in _SIZES],
        'padded': padded,
        'refused': [{'padded': data, 'why': why} for data, why in _REFUSED],
    }
