# SPDX-License-Identifier: Apache-2.0
"""Wraps of a content key, computed step by step from fixed draws.

Nothing here calls the code under test: RSA-OAEP comes from the library with
a fixed seed, the curve wrap from its parts as the specification says.
"""

import hashlib
import hmac
import itertools
from typing import Any

from Crypto.Cipher import AES
from Crypto.Cipher import PKCS1_OAEP
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA

from tacker_ledger.core.crypto import providers
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import keys
from tacker_ledger.tests.vectors import montgomery

NAME = 'wraps'

LABEL = b'tacker-ledger/1/wrap'
CONTENT_KEY = vectors.fixed_bytes('content key', 32)


def rsa_wrap(index: int, key: bytes, label: bytes = LABEL,
             small: bool = True) -> bytes:
    """Return a wrap for an RSA test key with the first seed that fits."""
    public = RSA.import_key(keys.rsa_pkcs8(index)).public_key()
    for attempt in itertools.count():
        drawn = PKCS1_OAEP.new(
            public, SHA256, label=label,
            randfunc=lambda size, n=attempt: vectors.fixed_bytes(
                f'oaep seed {n}', size)).encrypt(key)
        if (drawn[0] < 0x80) == small:
            return drawn
    raise AssertionError


def curve_wrap(recipient: bytes, key: bytes, ephemeral_secret: bytes,
               info: bytes = LABEL) -> bytes:
    """Return a wrap for an X25519 public key.

    :param recipient: 32 bytes
    :param ephemeral_secret: what the sender would draw, 32 bytes
    """
    ephemeral = montgomery.x25519(ephemeral_secret, montgomery.BASE)
    shared = montgomery.x25519(ephemeral_secret, recipient)
    # RFC 5869: extract, then the first block of expand.
    extracted = hmac.digest(ephemeral + recipient, shared, hashlib.sha256)
    kek = hmac.digest(extracted, info + b'\x01', hashlib.sha256)
    cipher = AES.new(kek, AES.MODE_GCM, nonce=bytes(12))
    sealed, tag = cipher.encrypt_and_digest(key)
    return ephemeral + sealed + tag


def _accepted() -> list[dict[str, Any]]:
    secret = vectors.fixed_bytes('ephemeral', 32)
    agreement = vectors.fixed_bytes('a/encryption', 32)
    recipient = montgomery.x25519(agreement, montgomery.BASE)
    return [
        {'why': 'rsa2048', 'private': keys.rsa_private_bytes(0),
         'wrap': rsa_wrap(0, CONTENT_KEY)},
        {'why': 'ed25519', 'private': keys.ed25519_private_bytes('a'),
         'ephemeral_secret': secret,
         'wrap': curve_wrap(recipient, CONTENT_KEY, secret)},
    ]


def _refused() -> list[dict[str, Any]]:
    rsa, curve = keys.rsa_private_bytes(0), keys.ed25519_private_bytes('a')
    good_rsa, good_curve = (case['wrap'] for case in _accepted())
    secret = vectors.fixed_bytes('ephemeral', 32)
    recipient = montgomery.x25519(
        vectors.fixed_bytes('a/encryption', 32), montgomery.BASE)
    sealed = good_curve[32:]
    high = bytearray(good_curve)
    high[31] |= 0x80
    cases = [
        ('rsa2048, of another key', rsa, rsa_wrap(1, CONTENT_KEY)),
        ('rsa2048, not below 2^2047', rsa,
         rsa_wrap(0, CONTENT_KEY, small=False)),
        ('rsa2048, another label', rsa, rsa_wrap(0, CONTENT_KEY, b'')),
        ('rsa2048, a key of 16 bytes', rsa, rsa_wrap(0, CONTENT_KEY[:16])),
        ('rsa2048, a bit changed', rsa,
         good_rsa[:-1] + bytes([good_rsa[-1] ^ 1])),
        ('rsa2048, random', rsa,
         b'\x01' + vectors.fixed_bytes('random', 255)),
        ('rsa2048, zero', rsa, bytes(256)),
        ('rsa2048, a wrap of the other suite', rsa, good_curve),
        ('rsa2048, a pair that only signs',
         keys.rsa_private_bytes(0, False), good_rsa),
        ('ed25519, of another key', keys.ed25519_private_bytes('b'),
         good_curve),
        ('ed25519, another info', curve,
         curve_wrap(recipient, CONTENT_KEY, secret, b'')),
        ('ed25519, a key of 16 bytes', curve,
         curve_wrap(recipient, CONTENT_KEY[:16], secret)),
        ('ed25519, a bit changed', curve,
         good_curve[:-1] + bytes([good_curve[-1] ^ 1])),
        ('ed25519, ephemeral key with the top bit', curve, bytes(high)),
        ('ed25519, a pair that only signs',
         keys.ed25519_private_bytes('a', False), good_curve),
    ]
    for u in (0, 1, montgomery.P - 1, montgomery.P, montgomery.P + 1):
        cases.append((f'ed25519, ephemeral u = {u:#x}', curve,
                      u.to_bytes(32, 'little') + sealed))
    return [{'why': why, 'private': private, 'wrap': wrap}
            for why, private, wrap in cases]


def make() -> dict[str, Any]:
    """Return wraps that open and wraps that do not."""
    provider = providers.load('pycryptodome')
    return {
        'content_key': CONTENT_KEY,
        'accepted': [
            {**case, 'document': provider.load_private(
                case['private']).document.to_bytes()}
            for case in _accepted()],
        'refused': _refused(),
    }
