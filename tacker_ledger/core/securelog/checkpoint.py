# SPDX-License-Identifier: Apache-2.0
"""What a session seals for the auditor at its opening and checkpoints.

One key agreement gives a secret S, which a one-way ratchet renews for each
record that seals; old states are forgotten, so that a thief of the host's
memory opens nothing that was sealed before::

    key | S' = SHA-512(log-seal | S), 32 bytes each
    sealed   = AES-256-GCM(key, nonce of zeros, K | A,
                           log id | u32 writer | u64 sequence)

Each key seals one message ever, hence the fixed nonce.  The auditor, who
unwraps S, walks the same ratchet.  After
``limits.LOG_AGREEMENT_MAX_COUNT`` checkpoints a session wraps a new
random S, and the checkpoint which carries that wrap seals under it.
"""

import hashlib
import struct

from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import hashing
from tacker_ledger.core.securelog import entry

_PREFIX = hashing.Tag.LOG_SEAL.prefix
_NONCE = bytes(provider_module.NONCE_BYTES)
_PLACE = struct.Struct('>16sIQ')


def ratchet(secret: bytes) -> tuple[bytes, bytes]:
    """Return (key for this record, S for the next one).

    :param secret: S, 32 bytes; to be forgotten at once
    """
    both = hashlib.sha512(_PREFIX + secret).digest()
    return both[:32], both[32:]


def seal(cipher: provider_module.Cipher, key: bytes, block_key: bytes,
         secret: bytes, place: tuple[bytes, int, int]) -> bytes:
    """Return K and A sealed for the auditor, 80 bytes.

    :param key: of :func:`ratchet`, for this record alone
    :param block_key: K of the block that begins
    :param secret: A of its first line
    :param place: log id, writer and sequence of the record that carries it
    """
    return cipher.seal(key, _NONCE, block_key + secret, _PLACE.pack(*place))


def unseal(cipher: provider_module.Cipher, key: bytes, sealed: bytes,
           place: tuple[bytes, int, int]) -> tuple[bytes, bytes]:
    """Return (K, A) of the block that begins after a record.

    :raises Undecryptable: sealed under another key or for another record
    """
    both = cipher.open(key, _NONCE, sealed, _PLACE.pack(*place))
    return both[:entry.KEY_BYTES], both[entry.KEY_BYTES:]
