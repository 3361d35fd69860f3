# SPDX-License-Identifier: Apache-2.0
"""Suite 2, ``ed25519``: Ed25519 signs, X25519 unwraps.

Signatures: Ed25519 (RFC 8032 section 5.1, pure, no context).  Of the two
verification equations that the RFC allows this suite takes the one without
the cofactor: the encoding of [S]B - [k]A must be the 32 bytes R received,
and S < L.  Then each signature is valid or invalid to every verifier alike.

Public keys are SubjectPublicKeyInfo of RFC 8410: a fixed prefix and 32
bytes.  A coordinate must be below p, and points of small order are refused:
one key must not have two ids, and a signature must bind its signer.

Wraps: an ephemeral X25519 public key (32 bytes) and AES-256-GCM under
HKDF-SHA256 (RFC 5869) of the shared secret, nonce of zeros, no associated
data (48 bytes): the derived key is used once.
"""

from tacker_ledger.core import errors

WRAP_INFO = b'tacker-ledger/1/wrap'
#: The derived key seals one message ever.
WRAP_NONCE = bytes(12)
POINT_BYTES = 32
SEED_BYTES = 32
SIGNATURE_BYTES = 64

SIGNING_PREFIX = bytes.fromhex('302a300506032b6570032100')
ENCRYPTION_PREFIX = bytes.fromhex('302a300506032b656e032100')
#: PKCS#8 of RFC 8410, version 1, before the 32 secret bytes.
PKCS8_SIGNING_PREFIX = bytes.fromhex('302e020100300506032b657004220420')
PKCS8_ENCRYPTION_PREFIX = bytes.fromhex('302e020100300506032b656e04220420')
SPKI_BYTES = len(SIGNING_PREFIX) + POINT_BYTES

#: The prime of the field.
P = 2 ** 255 - 19
#: The order of the base point.
L = 2 ** 252 + 27742317777372353535851937790883648493

_SIGN_BIT = 1 << 255
#: The base point, encoded: y = 4/5, x even.
BASE_POINT = bytes([0x58]) + bytes([0x66]) * 31
# y of the points whose order divides 8: 1 (order 1), -1 (order 2), 0
# (order 4), and the two values of order 8. The sign of x does not matter.
_Y8 = int('7a03ac9277fdc74ec6cc392cfa53202a'
          '0f67100d760b3cba4fd84d3d706a17c7', 16)
_SMALL_ORDER_Y = frozenset({0, 1, P - 1, _Y8, P - _Y8})
# u of the points of small order, on the curve and on its twist.
_SMALL_ORDER_U = frozenset({
    0, 1, P - 1,
    int('00b8495f16056286fdb1329ceb8d09da'
        '6ac49ff1fae35616aeb8413b7c7aebe0', 16),
    int('57119fd0dd4e22d8868e1c58c45c4404'
        '5bef839c55b1d0b1248c50a3bc959c5f', 16),
})


class Ed25519:
    """The rules of suite 2 (a :class:`~.suite.Suite`)."""

    number = 2
    name = 'ed25519'
    signature_bytes = SIGNATURE_BYTES
    wrap_bytes = POINT_BYTES + 32 + 16

    def check_keys(self, signing: bytes, encryption: bytes | None) -> None:
        """Refuse public keys that are not in the one form of this suite.

        :param signing: SubjectPublicKeyInfo of an Ed25519 key
        :param encryption: SubjectPublicKeyInfo of an X25519 key, or None
            for a pair that opens no wraps
        :raises BadKey: any rule of this module is broken
        """
        if (len(signing) != SPKI_BYTES
                or not signing.startswith(SIGNING_PREFIX)
                or not is_signing_point(signing[-POINT_BYTES:])):
            raise errors.BadKey('not an Ed25519 key in its one DER form')
        if encryption is not None and (
                len(encryption) != SPKI_BYTES
                or not encryption.startswith(ENCRYPTION_PREFIX)
                or not is_agreement_point(encryption[-POINT_BYTES:])):
            raise errors.BadKey('not an X25519 key in its one DER form')

    def is_wrap(self, wrap: bytes) -> bool:
        """Return whether the bytes have the form of a wrap.

        80 bytes that begin with an X25519 public key.
        """
        return (len(wrap) == self.wrap_bytes
                and is_agreement_point(wrap[:POINT_BYTES]))


def is_signing_point(encoded: bytes) -> bool:
    """Return whether 32 bytes can be an Ed25519 public key.

    Refuses y >= p and the points of small order.  Whether y belongs to a
    point at all is left to the verification, which fails if it does not.
    """
    if len(encoded) != POINT_BYTES:
        return False
    y = int.from_bytes(encoded, 'little') & ~_SIGN_BIT
    return y < P and y not in _SMALL_ORDER_Y


def is_agreement_point(encoded: bytes) -> bool:
    """Return whether 32 bytes can be an X25519 public key.

    Refuses u >= p (the unused top bit included) and small order, which
    would give the all-zero secret of RFC 7748 section 6.1.
    """
    if len(encoded) != POINT_BYTES:
        return False
    u = int.from_bytes(encoded, 'little')
    return u < P and u not in _SMALL_ORDER_U


def is_signature(signature: bytes) -> bool:
    """Return whether 64 bytes can be a signature: S below L."""
    return (len(signature) == SIGNATURE_BYTES
            and int.from_bytes(signature[32:], 'little') < L)


SUITE = Ed25519()
