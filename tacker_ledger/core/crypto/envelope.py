# SPDX-License-Identifier: Apache-2.0
"""The sealed configuration field: compress, pad, encrypt; wrap the key.

A payload is sealed once under a random content key and the key is wrapped
for each reader, so a recipient, the author, a recovery key and an auditor
open the same bytes.  Readers recompute the sender's commitment to the key
before anything else: AES-GCM does not commit to its key, and without this
one ciphertext could show different configurations to different readers.

Lengths are padded to size classes (Padme: Nikitin et al., "Reducing Metadata
Leakage from Encrypted Files and Communication with PURBs", PETS 2019), so
the size tells an observer O(log log n) bits, for at most 12 % of overhead.
"""

from collections.abc import Sequence
import enum
import hmac
from typing import Protocol
import zlib

from tacker_ledger.core.crypto.providers import base
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core import limits

#: Size of a content key.
CONTENT_KEY_BYTES = base.KEY_BYTES
#: Size of a transaction's nonce; its first 12 bytes are the GCM nonce.
NONCE_BYTES = 16
#: Size of a commitment to a content key.
COMMITMENT_BYTES = hashing.DIGEST_BYTES

_PAD = b'\x80'


class Role(enum.IntEnum):
    """Whose wrap stands at which place of a transaction."""

    RECIPIENT = 0
    AUTHOR = 1
    RECOVERY = 2
    AUDITOR = 3


# Compression


class Compression(Protocol):
    """One way to make a payload smaller."""

    def compress(self, data: bytes) -> bytes:
        """Return what :meth:`decompress` turns back into ``data``."""

    def decompress(self, data: bytes, max_bytes: int) -> bytes:
        """Return the original.

        :raises TooLarge: it has more than ``max_bytes`` bytes
        :raises Malformed: ``data`` is not one whole compressed stream
        """


class _Stored:
    """Number 0: as it is."""

    def compress(self, data: bytes) -> bytes:
        return data

    def decompress(self, data: bytes, max_bytes: int) -> bytes:
        if len(data) > max_bytes:
            raise _inflates_too_far(max_bytes)
        return data


class _Zlib:
    """Number 1: a zlib stream (RFC 1950) without a preset dictionary."""

    def compress(self, data: bytes) -> bytes:
        return zlib.compress(data)

    def decompress(self, data: bytes, max_bytes: int) -> bytes:
        stream = zlib.decompressobj()
        try:
            # One byte more than allowed tells a bomb from a large file.
            inflated = stream.decompress(data, max_bytes + 1)
        except zlib.error as exc:
            raise errors.Malformed('not a zlib stream') from exc
        if len(inflated) > max_bytes:
            raise _inflates_too_far(max_bytes)
        if not stream.eof:
            raise errors.Malformed('the zlib stream ends early')
        if stream.unused_data:
            raise errors.Malformed('bytes after the zlib stream')
        return inflated


def _inflates_too_far(max_bytes: int) -> errors.TooLarge:
    return errors.TooLarge(f'the payload has more than {max_bytes} bytes',
                           limit=max_bytes)


COMPRESSION_NONE = 0
COMPRESSION_ZLIB = 1
_COMPRESSIONS: dict[int, Compression] = {
    COMPRESSION_NONE: _Stored(),
    COMPRESSION_ZLIB: _Zlib(),
}


def compressions() -> tuple[int, ...]:
    """Return the numbers of all compressions."""
    return tuple(_COMPRESSIONS)


def _compression(number: int) -> Compression:
    try:
        return _COMPRESSIONS[number]
    except KeyError:
        raise errors.Malformed(f'there is no compression {number}',
                               known=list(_COMPRESSIONS)) from None


def compress(number: int, data: bytes) -> bytes:
    """Return ``data`` in the compression with this number.

    :raises Malformed: there is no such compression
    """
    return _compression(number).compress(data)


def decompress(number: int, data: bytes,
               max_bytes: int = limits.INFLATED_MAX_BYTES) -> bytes:
    """Return what :func:`compress` was given, at most ``max_bytes``.

    :raises Malformed: unknown compression, or not one whole stream
    :raises TooLarge: more than ``max_bytes`` would come out
    """
    return _compression(number).decompress(data, max_bytes)


# Padding


def padme(size: int) -> int:
    """Return the Padme size class: the least allowed size >= ``size``.

    An allowed size of E = floor(log2(size)) has zeros in all but its
    floor(log2(E)) + 1 leading bits after the first.
    """
    assert size >= 0
    if size < 2:
        return size
    exponent = size.bit_length() - 1
    kept_bits = exponent.bit_length()
    mask = (1 << (exponent - kept_bits)) - 1 if exponent > kept_bits else 0
    return (size + mask) & ~mask


def is_padded_size(size: int) -> bool:
    """Return whether a padded payload can have ``size`` bytes."""
    return size >= limits.PADDED_MIN_BYTES and padme(size) == size


def _padded_size(size: int) -> int:
    return max(limits.PADDED_MIN_BYTES, padme(size + 1))


def pad(data: bytes) -> bytes:
    """Return ``data``, 0x80 and zeros up to a size class.

    The class is that of ``len(data) + 1``, but at least
    :data:`~.limits.PADDED_MIN_BYTES`.
    """
    padding = _padded_size(len(data)) - len(data) - 1
    return b''.join((data, _PAD, bytes(padding)))


def unpad(padded: bytes) -> bytes:
    """Return what :func:`pad` was given.

    :raises Malformed: not the one padding of any data
    """
    end = len(padded.rstrip(b'\x00')) - 1
    if (end < 0 or padded[end] != _PAD[0]
            or _padded_size(end) != len(padded)):
        raise errors.Malformed('wrong padding')
    return padded[:end]


# Sealing


def commitment(hasher: hashing.Hasher, content_key: bytes, nonce16: bytes
               ) -> bytes:
    """Return what binds a transaction to one content key, 32 bytes.

    The tagged hash ``content-key`` of key and nonce: SHA-256 resists
    collisions where GCM does not.
    """
    assert len(content_key) == CONTENT_KEY_BYTES
    assert len(nonce16) == NONCE_BYTES
    return hasher.hash(hashing.Tag.CONTENT_KEY, content_key, nonce16)


def sealed_size(size: int) -> int:
    """Return how many bytes ``size`` compressed bytes take when sealed."""
    return _padded_size(size) + base.TAG_BYTES


def is_sealed_size(size: int) -> bool:
    """Return whether a sealed payload can have ``size`` bytes."""
    return is_padded_size(size - base.TAG_BYTES)


def seal(provider: base.Provider, hasher: hashing.Hasher, *, payload: bytes,
         compression: int, content_key: bytes, nonce16: bytes,
         associated_data: bytes) -> bytes:
    """Return a payload compressed, padded and encrypted.

    :param hasher: of the chain; takes part so that callers seal and commit
        with one object
    :param payload: at most :data:`~.limits.INFLATED_MAX_BYTES`
    :param compression: number of the compression
    :param content_key: 32 random bytes, used for this payload only
    :param nonce16: the transaction's nonce
    :param associated_data: what the ciphertext is bound to
    :returns: AES-256-GCM ciphertext and tag, at most
        :data:`~.limits.CONFIGURATION_MAX_BYTES`
    :raises TooLarge: the payload, or what it becomes, is over its limit
    :raises Malformed: there is no such compression
    """
    if len(payload) > limits.INFLATED_MAX_BYTES:
        raise _inflates_too_far(limits.INFLATED_MAX_BYTES)
    padded = pad(compress(compression, payload))
    if len(padded) + base.TAG_BYTES > limits.CONFIGURATION_MAX_BYTES:
        raise errors.TooLarge(
            'the sealed payload is too large',
            size=len(padded) + base.TAG_BYTES,
            limit=limits.CONFIGURATION_MAX_BYTES)
    return provider.seal(content_key, nonce16[:base.NONCE_BYTES], padded,
                         associated_data)


def open_sealed(provider: base.Provider, hasher: hashing.Hasher, *,
                ciphertext: bytes, compression: int, content_key: bytes,
                commitment: bytes, nonce16: bytes, associated_data: bytes
                ) -> bytes:
    """Return the payload that :func:`seal` sealed.

    :param commitment: what the signed content says the key hashes to
    :raises WrongContentKey: the key is not the one committed to; nothing
        was decrypted
    :raises Undecryptable: ciphertext, nonce or associated data differ
    :raises Malformed: wrong padding, or not one whole compressed stream
    :raises TooLarge: the payload is larger than allowed
    """
    if len(content_key) != CONTENT_KEY_BYTES or not hmac.compare_digest(
            _commitment(hasher, content_key, nonce16), commitment):
        raise errors.WrongContentKey(
            'the content key is not the one the sender committed to')
    padded = provider.open(content_key, nonce16[:base.NONCE_BYTES],
                           ciphertext, associated_data)
    return decompress(compression, unpad(padded))


# Within open_sealed the name stands for the value.
_commitment = commitment


# Wraps


def wraps_for(provider: base.Provider, content_key: bytes,
              recipient_doc: suite_module.KeyDocument | None,
              author_doc: suite_module.KeyDocument | None,
              recovery_doc: suite_module.KeyDocument | None = None,
              auditor_doc: suite_module.KeyDocument | None = None, *,
              dummy_suite: int) -> tuple[bytes, ...]:
    """Return the wraps of one transaction in the order of :class:`Role`.

    :param content_key: what each reader is to find, 32 bytes
    :param recipient_doc: first of the readers; None has a dummy made
    :param dummy_suite: number of the suite that dummies imitate; take the
        recipient's, so that sizes do not tell which wraps are real
    :raises BadKey: no wrap can be made for one of the documents
    """
    readers = (recipient_doc, author_doc, recovery_doc, auditor_doc)
    assert len(readers) == len(Role) == limits.WRAP_COUNT
    return tuple(
        provider.dummy_wrap(dummy_suite) if reader is None
        else provider.wrap(reader, content_key) for reader in readers)


def unwrap(pair: suite_module.KeyPair, role: Role, wraps: Sequence[bytes]
           ) -> bytes:
    """Return the content key in the wrap of one role, 32 bytes.

    :raises Undecryptable: that wrap is not for this pair
    """
    assert len(wraps) == limits.WRAP_COUNT
    return pair.unwrap(wraps[role])
