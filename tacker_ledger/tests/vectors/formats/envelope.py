# SPDX-License-Identifier: Apache-2.0
"""Sealed payloads: commitment, padding and ciphertext."""

from typing import Any
import zlib

from Crypto.Cipher import AES

from tacker_ledger.core.crypto import envelope
from tacker_ledger.core import hashing
from tacker_ledger.tests import vectors

NAME = 'envelope'

#: What the other vectors of one chain use as well.
CHAIN_ID = vectors.fixed_bytes('chain id', 32)
KEY = vectors.fixed_bytes('content key', 32)
NONCE = vectors.fixed_bytes('nonce', 16)
ASSOCIATED = b'the other fields of the transaction'
_TEXT = b'table inet filter { chain input { policy drop; } }\n'


def stored_zlib(data: bytes) -> bytes:
    """Return a zlib stream of one stored block.

    Compressors of different versions give different streams; this one is
    written by hand (RFC 1950, RFC 1951 section 3.2.4).
    """
    size = len(data)
    return (b'\x78\x01\x01' + size.to_bytes(2, 'little')
            + (size ^ 0xffff).to_bytes(2, 'little') + data
            + zlib.adler32(data).to_bytes(4, 'big'))


def encrypted(padded: bytes, key: bytes = KEY, nonce: bytes = NONCE,
              associated: bytes = ASSOCIATED) -> bytes:
    """Return AES-256-GCM ciphertext and tag."""
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce[:12])
    cipher.update(associated)
    ciphertext, tag = cipher.encrypt_and_digest(padded)
    return ciphertext + tag


def _case(payload: bytes, compression: int) -> dict[str, Any]:
    packed = stored_zlib(payload) if compression else payload
    return {'payload': payload, 'compression': compression,
            'compressed': packed, 'padded': envelope.pad(packed),
            'ciphertext': encrypted(envelope.pad(packed))}


def _refused() -> list[dict[str, Any]]:
    good = encrypted(envelope.pad(_TEXT))
    stream = stored_zlib(_TEXT)
    other_key = vectors.fixed_bytes('another key', 32)

    def case(why: str, code: str, ciphertext: bytes, compression: int = 0,
             **changed: bytes) -> dict[str, Any]:
        return {'why': why, 'code': code, 'ciphertext': ciphertext,
                'compression': compression, **changed}

    return [
        case('a key that was not committed to', 'wrong-content-key',
             encrypted(envelope.pad(_TEXT), other_key),
             content_key=other_key),
        case('a nonce that was not committed to', 'wrong-content-key', good,
             nonce=vectors.fixed_bytes('another nonce', 16)),
        case('other associated data', 'undecryptable', good,
             associated_data=b''),
        case('a bit of the ciphertext', 'undecryptable',
             bytes([good[0] ^ 1]) + good[1:]),
        case('a bit of the tag', 'undecryptable',
             good[:-1] + bytes([good[-1] ^ 1])),
        case('shorter than a tag', 'undecryptable', good[:15]),
        case('no padding', 'malformed', encrypted(_TEXT)),
        case('padding of another class', 'malformed',
             encrypted(_TEXT + b'\x80' + bytes(543 - len(_TEXT)))),
        case('not a zlib stream', 'malformed', good, 1),
        case('zlib stream cut', 'malformed',
             encrypted(envelope.pad(stream[:-1])), 1),
        case('a byte after the zlib stream', 'malformed',
             encrypted(envelope.pad(stream + b'\x00')), 1),
        case('a second zlib stream', 'malformed',
             encrypted(envelope.pad(stream + stream)), 1),
        case('unknown compression', 'malformed', good, 2),
    ]


def make() -> dict[str, Any]:
    """Return sealed payloads, and what must not open."""
    hasher = hashing.hasher(CHAIN_ID)
    return {
        'chain_id': CHAIN_ID, 'content_key': KEY, 'nonce': NONCE,
        'associated_data': ASSOCIATED,
        'commitment': envelope.commitment(hasher, KEY, NONCE),
        'accepted': [
            _case(payload, compression)
            for payload in (b'', _TEXT, vectors.fixed_bytes('payload', 700))
            for compression in (0, 1)],
        'refused': _refused(),
    }
