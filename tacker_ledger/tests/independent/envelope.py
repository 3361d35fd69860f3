# SPDX-License-Identifier: Apache-2.0
"""The sealed envelope and its padding (page *Primitives*)."""

import hmac
import zlib

from cryptography import exceptions
from cryptography.hazmat.primitives.ciphers import aead

from tacker_ledger.tests.independent import hashing
from tacker_ledger.tests.independent import refusal

MAX_PAYLOAD_BYTES = 4 * 1024 * 1024
MIN_CLASS_BYTES = 512


def padme(size: int) -> int:
    """Return the size class of ``size`` bytes."""
    if size < 2:
        return size
    exponent = size.bit_length() - 1
    mantissa = exponent.bit_length()
    step = 1 << max(0, exponent - mantissa)
    return -(-size // step) * step


def pad(data: bytes) -> bytes:
    """Return ``data`` padded to its class."""
    size = max(MIN_CLASS_BYTES, padme(len(data) + 1))
    return (data + b'\x80').ljust(size, b'\x00')


def unpad(padded: bytes) -> bytes:
    """Return what was padded; every other padding is ``malformed``."""
    stripped = padded.rstrip(b'\x00')
    refusal.require(stripped.endswith(b'\x80'), 'malformed', 'padding')
    data = stripped[:-1]
    refusal.require(pad(data) == padded, 'malformed', 'padding class')
    return data


def decompress(number: int, data: bytes) -> bytes:
    """Return what was compressed with the method of this number."""
    refusal.require(number in (0, 1), 'malformed', 'compression')
    if number == 0:
        refusal.require(len(data) <= MAX_PAYLOAD_BYTES, 'too-large')
        return data
    stream = zlib.decompressobj()
    try:
        payload = stream.decompress(data, MAX_PAYLOAD_BYTES + 1)
    except zlib.error:
        raise refusal.Refused('malformed', 'zlib') from None
    refusal.require(len(payload) <= MAX_PAYLOAD_BYTES, 'too-large')
    refusal.require(stream.eof and not stream.unused_data, 'malformed',
                    'not one whole zlib stream')
    return payload


def open_sealed(chain_id: bytes, content_key: bytes, commitment: bytes,
                nonce: bytes, associated_data: bytes, compression: int,
                ciphertext: bytes) -> bytes:
    """Return the payload under ``content_key``, checked in four steps."""
    refusal.require(
        hmac.compare_digest(commitment, hashing.digest(
            'content-key', chain_id, content_key, nonce)),
        'wrong-content-key')
    try:
        padded = aead.AESGCM(content_key).decrypt(
            nonce[:12], ciphertext, associated_data)
    except (ValueError, exceptions.InvalidTag):
        raise refusal.Refused('undecryptable') from None
    return decompress(compression, unpad(padded))
