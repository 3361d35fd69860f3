# SPDX-License-Identifier: Apache-2.0
"""The provider over ``pycryptodome``: for VNFs and tenants."""

import functools
import hashlib
from typing import Any

from Crypto.Cipher import AES
from Crypto.Cipher import PKCS1_OAEP
from Crypto.Hash import SHA256
from Crypto.Protocol import DH
from Crypto.Protocol import KDF
from Crypto.PublicKey import ECC
from Crypto.PublicKey import RSA
from Crypto.Signature import eddsa
from Crypto.Signature import pss

from tacker_ledger.core.crypto import ed25519
from tacker_ledger.core.crypto.providers import arithmetic
from tacker_ledger.core.crypto.providers import base
from tacker_ledger.core.crypto.providers import software
from tacker_ledger.core.crypto import rsa2048
from tacker_ledger.core import errors

#: Loaded public keys kept: the senders one VNF or tenant listens to.
_PUBLIC_KEYS = 512
#: Loaded private seeds kept.
_PRIVATE_KEYS = 8
_X_SIGN = 0x80

#: A point of the library: its class is public but moves between releases.
_Point = Any


@functools.lru_cache(maxsize=_PUBLIC_KEYS)
def _rsa_public(spki: bytes) -> RSA.RsaKey:
    # The suite has checked what matters. The library's own check would
    # refuse a few moduli that OpenSSL takes, and the two must agree.
    return RSA.construct(
        (int.from_bytes(rsa2048.modulus_of(spki), 'big'),
         rsa2048.PUBLIC_EXPONENT), consistency_check=False)


@functools.lru_cache(maxsize=_PUBLIC_KEYS)
def _negated(point: bytes) -> _Point:
    """Return -A for an encoded public key A; ValueError if off the curve."""
    return -eddsa.import_public_key(point).pointQ


@functools.lru_cache(maxsize=_PRIVATE_KEYS)
def _ed_private(seed: bytes) -> ECC.EccKey:
    return eddsa.import_private_key(seed)


@functools.lru_cache(maxsize=1)
def _base_point() -> _Point:
    # The generator is the public key of no seed that is known: by its
    # encoding (RFC 8032 section 5.1), y = 4/5 with even x.
    return eddsa.import_public_key(ed25519.BASE_POINT).pointQ


class _Cipher:
    """AES-256-GCM."""

    def seal(self, key: bytes, nonce12: bytes, plaintext: bytes, aad: bytes
             ) -> bytes:
        base.assert_sizes(key, nonce12)
        cipher = AES.new(key, AES.MODE_GCM, nonce=nonce12)
        cipher.update(aad)
        ciphertext, tag = cipher.encrypt_and_digest(plaintext)
        return ciphertext + tag

    def open(self, key: bytes, nonce12: bytes, ciphertext: bytes, aad: bytes
             ) -> bytes:
        base.assert_sizes(key, nonce12)
        body, tag = ciphertext[:-base.TAG_BYTES], ciphertext[-base.TAG_BYTES:]
        cipher = AES.new(key, AES.MODE_GCM, nonce=nonce12)
        cipher.update(aad)
        try:
            return cipher.decrypt_and_verify(body, tag)
        except ValueError:
            raise errors.Undecryptable(
                'the ciphertext does not open') from None


class _Rsa(arithmetic.RsaArithmetic):
    def generate_one(self) -> RSA.RsaKey:
        return RSA.generate(rsa2048.MODULUS_BITS, e=rsa2048.PUBLIC_EXPONENT)

    def load_one(self, pkcs8: bytes) -> RSA.RsaKey:
        try:
            private = RSA.import_key(pkcs8)
        except (IndexError, TypeError) as exc:
            # The library lets these out for some malformed encodings.
            raise ValueError('not a private RSA key') from exc
        if not private.has_private():
            raise ValueError('a public key')
        return private

    def export_one(self, private: RSA.RsaKey) -> bytes:
        return private.export_key('DER', pkcs=8)

    def public_one(self, private: RSA.RsaKey) -> bytes:
        return private.public_key().export_key('DER')

    def sign(self, signing: RSA.RsaKey, message: bytes) -> bytes:
        signer = pss.new(signing, salt_bytes=rsa2048.SALT_BYTES)
        return signer.sign(SHA256.new(message))

    def verify_pss(self, spki: bytes, message: bytes, signature: bytes
                   ) -> bool:
        verifier = pss.new(_rsa_public(spki), salt_bytes=rsa2048.SALT_BYTES)
        try:
            verifier.verify(SHA256.new(message), signature)
        except ValueError:
            return False
        return True

    def encrypt_oaep(self, spki: bytes, key: bytes) -> bytes:
        return PKCS1_OAEP.new(_rsa_public(spki), SHA256,
                              label=rsa2048.WRAP_LABEL).encrypt(key)

    def decrypt_oaep(self, private: RSA.RsaKey, wrap: bytes) -> bytes:
        return PKCS1_OAEP.new(private, SHA256,
                              label=rsa2048.WRAP_LABEL).decrypt(wrap)


class _Ed25519(arithmetic.Ed25519Arithmetic):
    def signing_public(self, seed: bytes) -> bytes:
        return _ed_private(seed).public_key().export_key(format='raw')

    def agreement_public(self, scalar: bytes) -> bytes:
        private = DH.import_x25519_private_key(scalar)
        return private.public_key().export_key(format='raw')

    def sign(self, signing: bytes, message: bytes) -> bytes:
        return eddsa.new(_ed_private(signing), 'rfc8032').sign(message)

    def verify_checked(self, point: bytes, message: bytes, signature: bytes
                       ) -> bool:
        # The library's own verification multiplies by the cofactor and so
        # accepts signatures which OpenSSL refuses. This is the equation of
        # the suite over the library's points: encode([S]B - [k]A) == R.
        try:
            minus_a = _negated(point)
        except ValueError:
            return False
        r_bytes = signature[:ed25519.POINT_BYTES]
        s = int.from_bytes(signature[ed25519.POINT_BYTES:], 'little')
        k = int.from_bytes(hashlib.sha512(
            r_bytes + point + message).digest(), 'little') % ed25519.L
        return _encode(_base_point() * s + minus_a * k) == r_bytes

    def agree(self, scalar: bytes, point: bytes) -> bytes:
        return DH.key_agreement(
            eph_priv=DH.import_x25519_private_key(scalar),
            eph_pub=DH.import_x25519_public_key(point), kdf=bytes)

    def derive(self, secret: bytes, salt: bytes) -> bytes:
        return KDF.HKDF(secret, base.KEY_BYTES, salt, SHA256,
                        context=ed25519.WRAP_INFO)


def _encode(point: _Point) -> bytes:
    """Return a point as RFC 8032 section 5.1.2 encodes it, 32 bytes."""
    x, y = point.xy
    encoded = bytearray(int(y).to_bytes(ed25519.POINT_BYTES, 'little'))
    if x & 1:
        encoded[-1] |= _X_SIGN
    return bytes(encoded)


class Provider(software.SoftwareProvider):
    """A :class:`~.base.Provider` over ``pycryptodome``."""

    name = 'pycryptodome'

    def __init__(self) -> None:
        cipher = _Cipher()
        super().__init__(_Rsa(), _Ed25519(cipher), cipher)
