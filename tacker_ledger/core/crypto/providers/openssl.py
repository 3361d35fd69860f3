# SPDX-License-Identifier: Apache-2.0
"""The provider over ``cryptography``, hence OpenSSL: for nodes."""

import functools
from typing import cast

from cryptography.exceptions import InvalidSignature
from cryptography.exceptions import InvalidTag
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519 as ed
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.ciphers import aead
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf import hkdf
from cryptography.hazmat.primitives import serialization

from tacker_ledger.core.crypto import ed25519
from tacker_ledger.core.crypto.providers import arithmetic
from tacker_ledger.core.crypto.providers import base
from tacker_ledger.core.crypto.providers import software
from tacker_ledger.core.crypto import rsa2048
from tacker_ledger.core import errors

_SHA256 = hashes.SHA256()
_PSS = padding.PSS(padding.MGF1(_SHA256), rsa2048.SALT_BYTES)
_OAEP = padding.OAEP(padding.MGF1(_SHA256), _SHA256, rsa2048.WRAP_LABEL)

#: Loaded public keys kept: more than the senders of a busy hour.
_PUBLIC_KEYS = 4096
#: Loaded private seeds kept: a process has its vote and answer keys.
_PRIVATE_KEYS = 8


@functools.lru_cache(maxsize=_PUBLIC_KEYS)
def _rsa_public(spki: bytes) -> rsa.RSAPublicKey:
    return cast(rsa.RSAPublicKey, serialization.load_der_public_key(spki))


@functools.lru_cache(maxsize=_PUBLIC_KEYS)
def _ed_public(point: bytes) -> ed.Ed25519PublicKey:
    return ed.Ed25519PublicKey.from_public_bytes(point)


@functools.lru_cache(maxsize=_PRIVATE_KEYS)
def _ed_private(seed: bytes) -> ed.Ed25519PrivateKey:
    return ed.Ed25519PrivateKey.from_private_bytes(seed)


class _Cipher:
    """AES-256-GCM."""

    def seal(self, key: bytes, nonce12: bytes, plaintext: bytes, aad: bytes
             ) -> bytes:
        base.assert_sizes(key, nonce12)
        return aead.AESGCM(key).encrypt(nonce12, plaintext, aad)

    def open(self, key: bytes, nonce12: bytes, ciphertext: bytes, aad: bytes
             ) -> bytes:
        base.assert_sizes(key, nonce12)
        try:
            return aead.AESGCM(key).decrypt(nonce12, ciphertext, aad)
        except InvalidTag:
            raise errors.Undecryptable(
                'the ciphertext does not open') from None


class _Rsa(arithmetic.RsaArithmetic):
    def generate_one(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(
            rsa2048.PUBLIC_EXPONENT, rsa2048.MODULUS_BITS)

    def load_one(self, pkcs8: bytes) -> rsa.RSAPrivateKey:
        try:
            private = serialization.load_der_private_key(pkcs8, None)
        except (TypeError, UnsupportedAlgorithm) as exc:
            # Encrypted, or of a kind the library does not know.
            raise ValueError('not a private RSA key') from exc
        if not isinstance(private, rsa.RSAPrivateKey):
            raise ValueError('a private key of another kind')
        return private

    def export_one(self, private: rsa.RSAPrivateKey) -> bytes:
        return private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption())

    def public_one(self, private: rsa.RSAPrivateKey) -> bytes:
        return private.public_key().public_bytes(
            serialization.Encoding.DER,
            serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, signing: rsa.RSAPrivateKey, message: bytes) -> bytes:
        return signing.sign(message, _PSS, _SHA256)

    def verify_pss(self, spki: bytes, message: bytes, signature: bytes
                   ) -> bool:
        try:
            _rsa_public(spki).verify(signature, message, _PSS, _SHA256)
        except (InvalidSignature, ValueError):
            return False
        return True

    def encrypt_oaep(self, spki: bytes, key: bytes) -> bytes:
        return _rsa_public(spki).encrypt(key, _OAEP)

    def decrypt_oaep(self, private: rsa.RSAPrivateKey, wrap: bytes) -> bytes:
        return private.decrypt(wrap, _OAEP)


class _Ed25519(arithmetic.Ed25519Arithmetic):
    def signing_public(self, seed: bytes) -> bytes:
        return _ed_private(seed).public_key().public_bytes_raw()

    def agreement_public(self, scalar: bytes) -> bytes:
        private = x25519.X25519PrivateKey.from_private_bytes(scalar)
        return private.public_key().public_bytes_raw()

    def sign(self, signing: bytes, message: bytes) -> bytes:
        return _ed_private(signing).sign(message)

    def verify_checked(self, point: bytes, message: bytes, signature: bytes
                       ) -> bool:
        # OpenSSL computes R and compares bytes: the equation of the suite.
        try:
            _ed_public(point).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def agree(self, scalar: bytes, point: bytes) -> bytes:
        private = x25519.X25519PrivateKey.from_private_bytes(scalar)
        return private.exchange(
            x25519.X25519PublicKey.from_public_bytes(point))

    def derive(self, secret: bytes, salt: bytes) -> bytes:
        return hkdf.HKDF(_SHA256, base.KEY_BYTES, salt,
                         ed25519.WRAP_INFO).derive(secret)


class Provider(software.SoftwareProvider):
    """A :class:`~.base.Provider` over ``cryptography``."""

    name = 'cryptography'

    def __init__(self) -> None:
        cipher = _Cipher()
        super().__init__(_Rsa(), _Ed25519(cipher), cipher)
