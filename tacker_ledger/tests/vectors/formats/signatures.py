# SPDX-License-Identifier: Apache-2.0
"""Signatures that are valid, and signatures that must not be.

RSA-PSS draws a salt, so a signature is made with a fixed one here.  The
curve cases hold what implementations of Ed25519 are known to disagree about.
"""

import hashlib
import itertools
from typing import Any

from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pss

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import ed25519
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto import suite
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import edwards
from tacker_ledger.tests.vectors import keys

NAME = 'signatures'

_MESSAGE = b'a message of a vector'


def _rsa_signature(index: int, message: bytes, salt_bytes: int = 32,
                   salt_label: str = 'pss salt') -> bytes:
    return pss.new(
        RSA.import_key(keys.rsa_pkcs8(index)), salt_bytes=salt_bytes,
        rand_func=lambda size: vectors.fixed_bytes(salt_label, size)).sign(
            SHA256.new(message))


def _raised_signature(index: int, message: bytes) -> bytes:
    """Return a signature plus the modulus, the first that fits 256 bytes."""
    modulus = RSA.import_key(keys.rsa_pkcs8(index)).n
    for attempt in itertools.count():
        signature = _rsa_signature(index, message,
                                   salt_label=f'pss salt {attempt}')
        raised = int.from_bytes(signature, 'big') + modulus
        if raised < 1 << 2048:
            return raised.to_bytes(256, 'big')
    raise AssertionError


def _case(why: str, document: suite.KeyDocument | bytes, message: bytes,
          signature: bytes) -> dict[str, Any]:
    if isinstance(document, suite.KeyDocument):
        document = document.to_bytes()
    return {'why': why, 'document': document, 'message': message,
            'signature': signature}


def _rsa_cases() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    provider = providers.load('pycryptodome')
    document = keys.rsa(provider, 0).document
    other = keys.rsa(provider, 1).document
    good = _rsa_signature(0, _MESSAGE)
    modulus = RSA.import_key(keys.rsa_pkcs8(0)).n
    refused = [
        _case('another key', other, _MESSAGE, good),
        _case('another message', document, _MESSAGE + b'.', good),
        _case('a bit of the signature', document, _MESSAGE,
              good[:-1] + bytes([good[-1] ^ 1])),
        _case('salt of 0 bytes', document, _MESSAGE,
              _rsa_signature(0, _MESSAGE, 0)),
        _case('salt of 20 bytes', document, _MESSAGE,
              _rsa_signature(0, _MESSAGE, 20)),
        _case('a leading zero byte', document, _MESSAGE, b'\x00' + good),
        _case('a byte missing', document, _MESSAGE, good[1:]),
        _case('zero', document, _MESSAGE, bytes(256)),
        _case('one', document, _MESSAGE, bytes(255) + b'\x01'),
        _case('modulus - 1', document, _MESSAGE,
              (modulus - 1).to_bytes(256, 'big')),
        _case('signature + modulus', document, _MESSAGE,
              _raised_signature(0, _MESSAGE)),
        _case('empty', document, _MESSAGE, b''),
    ]
    return [_case('RSA-PSS', document, _MESSAGE, good),
            _case('RSA-PSS, nothing signed', document, b'',
                  _rsa_signature(0, b''))], refused


def _challenge(r_bytes: bytes, a_bytes: bytes) -> int:
    return int.from_bytes(hashlib.sha512(
        r_bytes + a_bytes + _MESSAGE).digest(), 'little') % ed25519.L


def _signature(r_bytes: bytes, s: int) -> bytes:
    return r_bytes + s.to_bytes(32, 'little')


def _torsion_cases() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return signatures over points with a part of small order.

    With A = a B + T a signer who knows a can meet the equation without
    the cofactor for about one r in eight: then it is valid.  Otherwise only
    the equation with the cofactor holds, and it is not.
    """
    accepted, refused = [], []
    order8 = edwards.small_order_point()
    a = 7 ** 80 % ed25519.L
    mixed = edwards.encode(edwards.add(
        edwards.multiply(a, edwards.BASE), order8))
    document = codec.encode((2, ed25519.SIGNING_PREFIX + mixed, None))
    for r in range(1, 200):
        r_bytes = edwards.encode(edwards.multiply(r, edwards.BASE))
        k = _challenge(r_bytes, mixed)
        signature = _signature(r_bytes, (r + k * a) % ed25519.L)
        if k % 8 == 0 and not accepted:
            accepted.append(_case(
                'key with a part of small order, k = 0 mod 8', document,
                _MESSAGE, signature))
        elif k % 8 and not refused:
            refused.append(_case(
                'key with a part of small order: holds with the cofactor '
                'only', document, _MESSAGE, signature))
    plain = edwards.encode(edwards.multiply(a, edwards.BASE))
    document = codec.encode((2, ed25519.SIGNING_PREFIX + plain, None))
    r_bytes = edwards.encode(edwards.add(
        edwards.multiply(5, edwards.BASE), order8))
    s = (5 + _challenge(r_bytes, plain) * a) % ed25519.L
    refused.append(_case('R with a part of small order: holds with the '
                         'cofactor only', document, _MESSAGE,
                         _signature(r_bytes, s)))
    return accepted, refused


def _curve_cases() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    provider = providers.load('pycryptodome')
    pair = keys.curve(provider, 'a')
    document = pair.document
    good = pair.sign(_MESSAGE)
    s = int.from_bytes(good[32:], 'little')
    point = document.signing[-32:]
    a = edwards.secret_scalar(vectors.fixed_bytes('a/signing', 32))
    # R = the identity: the nonce is 0, the key leaks, the equation holds.
    identity = edwards.encode(edwards.IDENTITY)
    leaked = _challenge(identity, point) * a % ed25519.L
    # The identity again, written with y = p + 1.
    other_identity = (ed25519.P + 1).to_bytes(32, 'little')
    other_leaked = _challenge(other_identity, point) * a % ed25519.L
    off_curve = codec.encode((2, ed25519.SIGNING_PREFIX + b'\x02'
                              + bytes(31), None))
    accepted, refused = _torsion_cases()
    accepted += [
        _case('Ed25519', document, _MESSAGE, good),
        _case('Ed25519, nothing signed', document, b'', pair.sign(b'')),
        _case('R is the identity', document, _MESSAGE,
              _signature(identity, leaked)),
    ]
    refused += [
        _case('another key', keys.curve(provider, 'b').document, _MESSAGE,
              good),
        _case('another message', document, _MESSAGE + b'.', good),
        _case('S + L', document, _MESSAGE,
              _signature(good[:32], s + ed25519.L)),
        _case('S = L', document, _MESSAGE,
              _signature(good[:32], ed25519.L)),
        _case('R is the identity with y = p + 1', document, _MESSAGE,
              _signature(other_identity, other_leaked)),
        _case('R off the curve', document, _MESSAGE,
              _signature(b'\x02' + bytes(31), s)),
        _case('zeros', document, _MESSAGE, bytes(64)),
        _case('a byte missing', document, _MESSAGE, good[:-1]),
        _case('a byte too many', document, _MESSAGE, good + b'\x00'),
        _case('key off the curve', off_curve, _MESSAGE, good),
    ]
    return accepted, refused


def make() -> dict[str, Any]:
    """Return valid and invalid signatures of both suites."""
    rsa_good, rsa_bad = _rsa_cases()
    curve_good, curve_bad = _curve_cases()
    return {'accepted': rsa_good + curve_good,
            'refused': rsa_bad + curve_bad}
