# SPDX-License-Identifier: Apache-2.0
"""What the rest of core asks of a library for cryptography."""

from typing import Protocol

from tacker_ledger.core.crypto import suite as suite_module

#: Content keys, and every other AES-256-GCM key.
KEY_BYTES = 32
NONCE_BYTES = 12
#: What sealing adds to the plaintext.
TAG_BYTES = 16


def assert_sizes(key: bytes, nonce12: bytes) -> None:
    """Assert what callers owe a cipher: 32 bytes of key, 12 of nonce."""
    assert len(key) == KEY_BYTES and len(nonce12) == NONCE_BYTES


class Cipher(Protocol):
    """AES-256-GCM (NIST SP 800-38D) with a 96-bit nonce."""

    def seal(self, key: bytes, nonce12: bytes, plaintext: bytes, aad: bytes
             ) -> bytes:
        """Return the ciphertext and the 16-byte tag after it."""

    def open(self, key: bytes, nonce12: bytes, ciphertext: bytes, aad: bytes
             ) -> bytes:
        """Return the plaintext.

        :raises Undecryptable: key, nonce, associated data or a bit of the
            ciphertext is another one
        """


class SoftwareKeyPair(suite_module.KeyPair, Protocol):
    """A key pair whose private half is in memory and can be stored."""

    def to_private_bytes(self) -> bytes:
        """Return the secret serialisation, for a keystore only.

        Canonical CBOR [1, suite, signing, encryption]; signing is PKCS#8
        in DER (RFC 5208); encryption is the same of the second key, null
        for a pair that opens no wraps, or, where one key does both, the
        bytes of signing again.
        """


class Provider(Cipher, Protocol):
    """Arithmetic, and the only source of randomness in core.

    Providers are interchangeable: what one signs, wraps or seals the other
    verifies, unwraps or opens, and they refuse the same signatures.
    """

    @property
    def name(self) -> str:
        """The name of the library."""

    def generate(self, suite: int, encryption: bool = True
                 ) -> SoftwareKeyPair:
        """Return a new key pair.

        :param suite: number of the suite
        :param encryption: whether it can open wraps; if not it only signs
        :raises BadKey: there is no such suite
        """

    def load_private(self, data: bytes) -> SoftwareKeyPair:
        """Return the key pair that ``to_private_bytes`` wrote.

        :raises BadKey: the bytes hold no valid private key
        :raises UnsupportedVersion: a later release wrote them
        """

    def verify(self, document: suite_module.KeyDocument, message: bytes,
               signature: bytes) -> bool:
        """Return whether ``document`` signed ``message`` so."""

    def verify_raw_ed25519(self, public32: bytes, message: bytes,
                           signature: bytes) -> bool:
        """Return whether an Ed25519 signature of 64 bytes is valid.

        For vote and answer keys, which stand in the federation document
        as 32 bytes; same rules as suite ``ed25519``.
        """

    def sign_raw_ed25519(self, seed32: bytes, message: bytes) -> bytes:
        """Return the Ed25519 signature, 64 bytes, under a secret seed."""

    def ed25519_public(self, seed32: bytes) -> bytes:
        """Return the Ed25519 public key, 32 bytes, of a secret seed."""

    def wrap(self, document: suite_module.KeyDocument, key: bytes) -> bytes:
        """Return ``key`` (32 bytes) readable for one recipient.

        :raises BadKey: no wraps can be made for the document
        """

    def dummy_wrap(self, suite: int) -> bytes:
        """Return what looks like a wrap of the suite and opens for none."""

    def random_bytes(self, size: int) -> bytes:
        """Return ``size`` bytes fit for keys and nonces."""
