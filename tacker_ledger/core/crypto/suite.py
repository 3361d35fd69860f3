# SPDX-License-Identifier: Apache-2.0
"""Suites by number and name, key documents, and what a key pair can do.

A suite fixes every algorithm and size around a key.  Adding one is adding
its module to :data:`_SUITES` and its arithmetic to the providers.
"""

import dataclasses
import functools
from typing import Protocol

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import ed25519
from tacker_ledger.core.crypto import rsa2048
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core import limits


class Suite(Protocol):
    """The rules of one suite; no arithmetic."""

    @property
    def number(self) -> int:
        """What stands in key documents."""

    @property
    def name(self) -> str:
        """What stands in settings and on command lines."""

    @property
    def signature_bytes(self) -> int:
        """Size of every signature."""

    @property
    def wrap_bytes(self) -> int:
        """Size of every wrap, real or dummy."""

    def check_keys(self, signing: bytes, encryption: bytes | None) -> None:
        """Raise :class:`~.errors.BadKey` for keys that break a rule."""

    def is_wrap(self, wrap: bytes) -> bool:
        """Return whether the bytes have the form of a wrap."""


_SUITES: tuple[Suite, ...] = (rsa2048.SUITE, ed25519.SUITE)
_BY_NUMBER = {suite.number: suite for suite in _SUITES}
_BY_NAME = {suite.name: suite for suite in _SUITES}


def suites() -> tuple[Suite, ...]:
    """Return every suite, in the order of their numbers."""
    return _SUITES


def by_number(number: int) -> Suite:
    """Return the suite with this number.

    :raises BadKey: there is none
    """
    try:
        return _BY_NUMBER[number]
    except KeyError:
        raise errors.BadKey(f'there is no suite {number}') from None


def by_name(name: str) -> Suite:
    """Return the suite with this name.

    :raises BadOption: there is none
    """
    try:
        return _BY_NAME[name]
    except KeyError:
        raise errors.BadOption(
            f'there is no suite {name!r}', known=sorted(_BY_NAME)) from None


_DOCUMENT = codec.Record(
    codec.Int(0, 255),
    codec.Bytes(1, limits.KEY_DOCUMENT_MAX_BYTES),
    codec.Optional(codec.Bytes(1, limits.KEY_DOCUMENT_MAX_BYTES)))


@dataclasses.dataclass(frozen=True, slots=True)
class KeyDocument:
    """The public half of an identity: what a key id stands for.

    :param suite: number of the suite
    :param signing: SubjectPublicKeyInfo in DER of the key that signs
    :param encryption: the same of the key that wraps are made for, or None
        if none can be made
    :raises BadKey: a rule of the suite is broken
    """

    suite: int
    signing: bytes
    encryption: bytes | None
    _encoded: bytes = dataclasses.field(
        init=False, repr=False, compare=False)
    _key_id: bytes = dataclasses.field(
        init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_number(self.suite).check_keys(self.signing, self.encryption)
        encoded = codec.encode((self.suite, self.signing, self.encryption))
        key_id = hashing.tagged_hash(hashing.Tag.KEY, encoded)
        object.__setattr__(self, '_encoded', encoded)
        object.__setattr__(self, '_key_id', key_id)

    @property
    def key_id(self) -> bytes:
        """Tagged hash ``key`` of the document, 32 bytes.

        The same on every chain.
        """
        return self._key_id

    def to_bytes(self) -> bytes:
        """Return the canonical CBOR array of the three fields."""
        return self._encoded

    @staticmethod
    def from_bytes(data: bytes) -> 'KeyDocument':
        """Return the document that ``data`` encodes.

        Documents read lately are kept: one sender sends many times.

        :raises BadKey: not canonical, not of a known suite, or a rule of
            the suite is broken
        """
        return _parse(data)


@functools.lru_cache(maxsize=4096)
def _parse(data: bytes) -> KeyDocument:
    try:
        fields = codec.decode(data, _DOCUMENT, limits.KEY_DOCUMENT_MAX_BYTES)
    except errors.FormatError as exc:
        raise errors.BadKey(f'not a key document: {exc.message}') from exc
    return KeyDocument(*fields)


class KeyPair(Protocol):
    """A private key and what may be asked of it.

    Hardware can stand behind this: the key itself is never asked for.
    """

    @property
    def document(self) -> KeyDocument:
        """The public half."""

    def sign(self, message: bytes) -> bytes:
        """Return a signature of the suite's size over ``message``."""

    def unwrap(self, wrap: bytes) -> bytes:
        """Return the 32-byte key inside a wrap made for this pair.

        :raises Undecryptable: the wrap was made for another key, was
            changed, is a dummy, or this pair opens none
        """
