# SPDX-License-Identifier: Apache-2.0
"""Key pairs in memory, and the provider that both libraries share."""

import abc
import secrets
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import ed25519
from tacker_ledger.core.crypto.providers import arithmetic
from tacker_ledger.core.crypto.providers import base
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors

_PRIVATE_VERSION = 1
_PRIVATE_MAX_BYTES = 8192
_PKCS8 = codec.Bytes(1, 4000)
_PRIVATE = codec.Record(
    codec.Int(0, 255), codec.Int(0, 255), _PKCS8, codec.Optional(_PKCS8))


class SoftwareKeyPair:
    """A :class:`~.base.SoftwareKeyPair` over the arithmetic of one suite.

    Its ``repr`` shows the key id only; it refuses to be pickled.
    """

    __slots__ = ('_arithmetic', '_signing', '_encryption', '_document')

    def __init__(self, operations: arithmetic.Arithmetic, signing: Any,
                 encryption: Any) -> None:
        self._arithmetic = operations
        self._signing = signing
        self._encryption = encryption
        self._document = suite_module.KeyDocument(
            operations.suite.number, *operations.public(signing, encryption))

    @property
    def document(self) -> suite_module.KeyDocument:
        """The public half."""
        return self._document

    def sign(self, message: bytes) -> bytes:
        """Return a signature of the suite's size over ``message``."""
        return self._arithmetic.sign(self._signing, message)

    def unwrap(self, wrap: bytes) -> bytes:
        """Return the 32-byte key inside a wrap made for this pair.

        :raises Undecryptable: the wrap is for another key, was changed, is
            a dummy, or this pair opens none
        """
        if (self._encryption is None
                or not self._arithmetic.suite.is_wrap(wrap)):
            raise errors.Undecryptable('the wrap does not open')
        key = self._arithmetic.unwrap(self._encryption, wrap)
        if len(key) != base.KEY_BYTES:
            raise errors.Undecryptable('the wrap does not open')
        return key

    def to_private_bytes(self) -> bytes:
        """Return the secret serialisation, for a keystore only."""
        return codec.encode(
            (_PRIVATE_VERSION, self._document.suite,
             *self._arithmetic.export(self._signing, self._encryption)))

    def __repr__(self) -> str:
        return f'<key pair {self._document.key_id.hex()}>'

    def __reduce__(self) -> str:
        raise TypeError('a private key leaves by to_private_bytes only')


class SoftwareProvider(abc.ABC):
    """A :class:`~.base.Provider`; subclasses name a library.

    :param rsa: arithmetic of suite ``rsa2048``
    :param curve: arithmetic of suite ``ed25519``
    :param cipher: AES-256-GCM
    """

    name: str

    def __init__(self, rsa: arithmetic.RsaArithmetic,
                 curve: arithmetic.Ed25519Arithmetic, cipher: base.Cipher
                 ) -> None:
        self._curve = curve
        self._suites: dict[int, arithmetic.Arithmetic] = {
            operations.suite.number: operations
            for operations in (rsa, curve)}
        # Bound once: sealing has nothing to add to the cipher.
        self.seal = cipher.seal
        self.open = cipher.open

    def _of(self, suite: int) -> arithmetic.Arithmetic:
        try:
            return self._suites[suite]
        except KeyError:
            raise errors.BadKey(f'there is no suite {suite}') from None

    def generate(self, suite: int, encryption: bool = True
                 ) -> SoftwareKeyPair:
        """Return a new key pair (see :class:`~.base.Provider`)."""
        operations = self._of(suite)
        return SoftwareKeyPair(operations, *operations.generate(encryption))

    def load_private(self, data: bytes) -> SoftwareKeyPair:
        """Return the key pair that ``to_private_bytes`` wrote.

        :raises BadKey: the bytes hold no valid private key
        :raises UnsupportedVersion: a later release wrote them
        """
        try:
            version, suite, signing, encryption = codec.decode(
                data, _PRIVATE, _PRIVATE_MAX_BYTES)
        except errors.FormatError:
            # Not chained and no position: the bytes are a secret.
            raise errors.BadKey('not a stored private key') from None
        if version != _PRIVATE_VERSION:
            raise errors.UnsupportedVersion(
                f'private key format {version}', known=[_PRIVATE_VERSION])
        operations = self._of(suite)
        return SoftwareKeyPair(operations,
                               *operations.load(signing, encryption))

    def verify(self, document: suite_module.KeyDocument, message: bytes,
               signature: bytes) -> bool:
        """Return whether ``document`` signed ``message`` so."""
        operations = self._of(document.suite)
        return (len(signature) == operations.suite.signature_bytes
                and operations.verify(document.signing, message, signature))

    def verify_raw_ed25519(self, public32: bytes, message: bytes,
                           signature: bytes) -> bool:
        """Return whether an Ed25519 signature of 64 bytes is valid."""
        return self._curve.verify_point(public32, message, signature)

    def sign_raw_ed25519(self, seed32: bytes, message: bytes) -> bytes:
        """Return the Ed25519 signature, 64 bytes, under a secret seed."""
        assert len(seed32) == ed25519.SEED_BYTES
        return self._curve.sign(seed32, message)

    def ed25519_public(self, seed32: bytes) -> bytes:
        """Return the Ed25519 public key, 32 bytes, of a secret seed."""
        assert len(seed32) == ed25519.SEED_BYTES
        return self._curve.signing_public(seed32)

    def wrap(self, document: suite_module.KeyDocument, key: bytes) -> bytes:
        """Return ``key`` (32 bytes) readable for one recipient.

        :raises BadKey: no wraps can be made for the document
        """
        assert len(key) == base.KEY_BYTES
        if document.encryption is None:
            raise errors.BadKey('this key only signs',
                                key_id=document.key_id.hex())
        try:
            return self._of(document.suite).wrap(document.encryption, key)
        except (ValueError, errors.Undecryptable) as exc:
            raise errors.BadKey('no wrap can be made for this key',
                                key_id=document.key_id.hex()) from exc

    def dummy_wrap(self, suite: int) -> bytes:
        """Return what looks like a wrap of the suite and opens for none."""
        return self._of(suite).dummy_wrap()

    def random_bytes(self, size: int) -> bytes:
        """Return ``size`` bytes fit for keys and nonces."""
        return secrets.token_bytes(size)
