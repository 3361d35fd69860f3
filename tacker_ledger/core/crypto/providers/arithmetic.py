# SPDX-License-Identifier: Apache-2.0
"""The suites over single operations of a library.

A library contributes the abstract methods; what is accepted, what is refused
and in which order is decided here and in the suite modules, once, so two
libraries cannot disagree about a signature or a wrap.
"""

import abc
import hmac
import secrets
from typing import Any

from tacker_ledger.core.crypto import ed25519
from tacker_ledger.core.crypto.providers import base
from tacker_ledger.core.crypto import rsa2048
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors


class Arithmetic(abc.ABC):
    """One suite; ``Any`` is a private key as the subclass holds it.

    Public keys are SubjectPublicKeyInfo that passed the rules of the suite.
    """

    suite: suite_module.Suite

    @abc.abstractmethod
    def generate(self, encryption: bool) -> tuple[Any, Any]:
        """Return new private keys: (signing, encryption or None)."""

    @abc.abstractmethod
    def load(self, signing: bytes, encryption: bytes | None
             ) -> tuple[Any, Any]:
        """Return private keys from PKCS#8 in DER.

        :raises BadKey: not valid keys of this suite
        """

    @abc.abstractmethod
    def export(self, signing: Any, encryption: Any
               ) -> tuple[bytes, bytes | None]:
        """Return private keys in PKCS#8 DER: what :meth:`load` takes."""

    @abc.abstractmethod
    def public(self, signing: Any, encryption: Any
               ) -> tuple[bytes, bytes | None]:
        """Return the SubjectPublicKeyInfo of each."""

    @abc.abstractmethod
    def sign(self, signing: Any, message: bytes) -> bytes:
        """Return a signature."""

    @abc.abstractmethod
    def verify(self, spki: bytes, message: bytes, signature: bytes) -> bool:
        """Return whether a signature of the right size is valid."""

    @abc.abstractmethod
    def wrap(self, spki: bytes, key: bytes) -> bytes:
        """Return ``key`` wrapped for the owner of ``spki``."""

    @abc.abstractmethod
    def unwrap(self, encryption: Any, wrap: bytes) -> bytes:
        """Return the key in a wrap of the right form.

        :raises Undecryptable: the wrap does not open
        """

    @abc.abstractmethod
    def dummy_wrap(self) -> bytes:
        """Return random bytes in the form of a wrap."""


class RsaArithmetic(Arithmetic):
    """Suite ``rsa2048``; private keys are objects of the library."""

    suite = rsa2048.SUITE

    @abc.abstractmethod
    def generate_one(self) -> Any:
        """Return a new private key."""

    @abc.abstractmethod
    def load_one(self, pkcs8: bytes) -> Any:
        """Return a private key; ValueError if it is not a valid one."""

    @abc.abstractmethod
    def export_one(self, private: Any) -> bytes:
        """Return a private key in PKCS#8 DER."""

    @abc.abstractmethod
    def public_one(self, private: Any) -> bytes:
        """Return its SubjectPublicKeyInfo."""

    @abc.abstractmethod
    def verify_pss(self, spki: bytes, message: bytes, signature: bytes
                   ) -> bool:
        """Return whether a signature below the modulus is valid."""

    @abc.abstractmethod
    def encrypt_oaep(self, spki: bytes, key: bytes) -> bytes:
        """Return one OAEP ciphertext, 256 bytes."""

    @abc.abstractmethod
    def decrypt_oaep(self, private: Any, wrap: bytes) -> bytes:
        """Return what a ciphertext holds; ValueError if it stays shut."""

    def generate(self, encryption: bool) -> tuple[Any, Any]:
        private = self.generate_one()
        return private, private if encryption else None

    def load(self, signing: bytes, encryption: bytes | None
             ) -> tuple[Any, Any]:
        if encryption is not None and encryption != signing:
            raise errors.BadKey('an RSA pair is one key, not two')
        try:
            private = self.load_one(signing)
        except ValueError as exc:
            raise errors.BadKey('not a private RSA key') from exc
        return private, None if encryption is None else private

    def export(self, signing: Any, encryption: Any
               ) -> tuple[bytes, bytes | None]:
        pkcs8 = self.export_one(signing)
        return pkcs8, None if encryption is None else pkcs8

    def public(self, signing: Any, encryption: Any
               ) -> tuple[bytes, bytes | None]:
        spki = self.public_one(signing)
        return spki, None if encryption is None else spki

    def verify(self, spki: bytes, message: bytes, signature: bytes) -> bool:
        # Both are 256 bytes, so bytes compare as the integers do.
        return (signature < rsa2048.modulus_of(spki)
                and self.verify_pss(spki, message, signature))

    def wrap(self, spki: bytes, key: bytes) -> bytes:
        while True:
            # A modulus is below 2^2048, so half of the draws pass at
            # least, nearly all for a modulus just above 2^2047.
            drawn = self.encrypt_oaep(spki, key)
            if rsa2048.SUITE.is_wrap(drawn):
                return drawn

    def unwrap(self, encryption: Any, wrap: bytes) -> bytes:
        try:
            return self.decrypt_oaep(encryption, wrap)
        except ValueError:
            # Not chained: how OAEP failed must not reach a log.
            raise errors.Undecryptable('the wrap does not open') from None

    def dummy_wrap(self) -> bytes:
        drawn = bytearray(secrets.token_bytes(rsa2048.MODULUS_BYTES))
        drawn[0] &= 0x7f
        return bytes(drawn)


class Ed25519Arithmetic(Arithmetic):
    """Suite ``ed25519``.

    Private keys are their 32 secret bytes: an Ed25519 seed (RFC 8032
    section 5.1.5) and an X25519 scalar (RFC 7748 section 5).
    """

    suite = ed25519.SUITE

    def __init__(self, cipher: base.Cipher) -> None:
        self._cipher = cipher

    @abc.abstractmethod
    def signing_public(self, seed: bytes) -> bytes:
        """Return the Ed25519 public key, 32 bytes."""

    @abc.abstractmethod
    def agreement_public(self, scalar: bytes) -> bytes:
        """Return the X25519 public key, 32 bytes."""

    @abc.abstractmethod
    def sign(self, signing: bytes, message: bytes) -> bytes:
        """Return an Ed25519 signature, 64 bytes."""

    @abc.abstractmethod
    def verify_checked(self, point: bytes, message: bytes, signature: bytes
                       ) -> bool:
        """Return whether encode([S]B - [k]A) equals R.

        :param point: A, passed the checks of the suite
        :param signature: R and S, S below L
        """

    @abc.abstractmethod
    def agree(self, scalar: bytes, point: bytes) -> bytes:
        """Return the X25519 secret, 32 bytes; ValueError if there is none."""

    @abc.abstractmethod
    def derive(self, secret: bytes, salt: bytes) -> bytes:
        """Return HKDF-SHA256 of the secret under ``WRAP_INFO``."""

    def generate(self, encryption: bool) -> tuple[bytes, bytes | None]:
        return (secrets.token_bytes(ed25519.SEED_BYTES),
                secrets.token_bytes(ed25519.SEED_BYTES)
                if encryption else None)

    def load(self, signing: bytes, encryption: bytes | None
             ) -> tuple[bytes, bytes | None]:
        return (_seed_of(signing, ed25519.PKCS8_SIGNING_PREFIX),
                None if encryption is None else
                _seed_of(encryption, ed25519.PKCS8_ENCRYPTION_PREFIX))

    def export(self, signing: bytes, encryption: bytes | None
               ) -> tuple[bytes, bytes | None]:
        return (ed25519.PKCS8_SIGNING_PREFIX + signing,
                None if encryption is None else
                ed25519.PKCS8_ENCRYPTION_PREFIX + encryption)

    def public(self, signing: bytes, encryption: bytes | None
               ) -> tuple[bytes, bytes | None]:
        return (ed25519.SIGNING_PREFIX + self.signing_public(signing),
                None if encryption is None else
                ed25519.ENCRYPTION_PREFIX
                + self.agreement_public(encryption))

    def verify(self, spki: bytes, message: bytes, signature: bytes) -> bool:
        return (ed25519.is_signature(signature)
                and self.verify_checked(spki[-ed25519.POINT_BYTES:],
                                        message, signature))

    def verify_point(self, point: bytes, message: bytes, signature: bytes
                     ) -> bool:
        """Return whether a signature is valid under an unchecked key."""
        return (ed25519.is_signing_point(point)
                and ed25519.is_signature(signature)
                and self.verify_checked(point, message, signature))

    def wrap(self, spki: bytes, key: bytes) -> bytes:
        recipient = spki[-ed25519.POINT_BYTES:]
        scalar = secrets.token_bytes(ed25519.SEED_BYTES)
        ephemeral = self.agreement_public(scalar)
        kek = self._wrapping_key(scalar, recipient, ephemeral + recipient)
        return ephemeral + self._cipher.seal(
            kek, ed25519.WRAP_NONCE, key, b'')

    def unwrap(self, encryption: bytes, wrap: bytes) -> bytes:
        ephemeral = wrap[:ed25519.POINT_BYTES]
        recipient = self.agreement_public(encryption)
        kek = self._wrapping_key(encryption, ephemeral,
                                 ephemeral + recipient)
        return self._cipher.open(kek, ed25519.WRAP_NONCE,
                                 wrap[ed25519.POINT_BYTES:], b'')

    def dummy_wrap(self) -> bytes:
        # The public key is a real one: random bytes would be on the twist
        # half of the time, which anybody can see.
        scalar = secrets.token_bytes(ed25519.SEED_BYTES)
        sealed_bytes = ed25519.SUITE.wrap_bytes - ed25519.POINT_BYTES
        return (self.agreement_public(scalar)
                + secrets.token_bytes(sealed_bytes))

    def _wrapping_key(self, scalar: bytes, point: bytes, salt: bytes
                      ) -> bytes:
        try:
            secret = self.agree(scalar, point)
        except ValueError:
            raise errors.Undecryptable('the wrap does not open') from None
        # RFC 7748 section 6.1; both libraries refuse it, this makes sure.
        if hmac.compare_digest(secret, bytes(len(secret))):
            raise errors.Undecryptable('the wrap does not open')
        return self.derive(secret, salt)


def _seed_of(pkcs8: bytes, prefix: bytes) -> bytes:
    """Return the secret bytes of a PKCS#8 key of RFC 8410, version 1."""
    seed = pkcs8[len(prefix):]
    if not pkcs8.startswith(prefix) or len(seed) != ed25519.SEED_BYTES:
        raise errors.BadKey('not a private key of RFC 8410 in its short form')
    return seed
