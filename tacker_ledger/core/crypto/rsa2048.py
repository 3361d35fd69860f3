# SPDX-License-Identifier: Apache-2.0
"""Suite 1, ``rsa2048``: one RSA pair signs and unwraps, as in S0.

Signatures: RSASSA-PSS (RFC 8017 section 8.1), SHA-256, MGF1 with SHA-256,
salt of 32 bytes.  Wraps: RSAES-OAEP (RFC 8017 section 7.1), SHA-256, MGF1
with SHA-256, label :data:`WRAP_LABEL`; drawn again until below 2^2047, for
every modulus is above that, and a dummy drawn at random cannot be told from
a wrap for a small modulus.

A public key has one encoding: an RFC 5280 SubjectPublicKeyInfo in DER of
294 bytes with an odd modulus of exactly 2048 bits and the exponent 65537.
One key must not have two ids.
"""

from tacker_ledger.core import errors

WRAP_LABEL = b'tacker-ledger/1/wrap'
SALT_BYTES = 32
MODULUS_BYTES = 256
MODULUS_BITS = 8 * MODULUS_BYTES
PUBLIC_EXPONENT = 65537

#: All of the SubjectPublicKeyInfo before the modulus, its sign byte included.
SPKI_PREFIX = bytes.fromhex(
    '30820122300d06092a864886f70d01010105000382010f003082010a0282010100')
#: And all that follows: the exponent.
SPKI_SUFFIX = bytes.fromhex('0203010001')
SPKI_BYTES = len(SPKI_PREFIX) + MODULUS_BYTES + len(SPKI_SUFFIX)


class Rsa2048:
    """The rules of suite 1 (a :class:`~.suite.Suite`)."""

    number = 1
    name = 'rsa2048'
    signature_bytes = MODULUS_BYTES
    wrap_bytes = MODULUS_BYTES

    def check_keys(self, signing: bytes, encryption: bytes | None) -> None:
        """Refuse public keys that are not in the one form of this suite.

        :param signing: SubjectPublicKeyInfo of the key that signs
        :param encryption: the same bytes again, or None for a pair that
            opens no wraps
        :raises BadKey: any rule of this module is broken
        """
        if (len(signing) != SPKI_BYTES
                or not signing.startswith(SPKI_PREFIX)
                or not signing.endswith(SPKI_SUFFIX)):
            raise errors.BadKey('not an RSA-2048 key in its one DER form')
        modulus = modulus_of(signing)
        if not modulus[0] & 0x80:
            raise errors.BadKey('the RSA modulus has fewer than 2048 bits')
        if not modulus[-1] & 1:
            raise errors.BadKey('the RSA modulus is even')
        if encryption is not None and encryption != signing:
            raise errors.BadKey('an RSA document names one key, not two')

    def is_wrap(self, wrap: bytes) -> bool:
        """Return whether the bytes have the form of a wrap.

        256 bytes, as an integer below 2^2047.
        """
        return len(wrap) == MODULUS_BYTES and wrap[0] < 0x80


def modulus_of(spki: bytes) -> bytes:
    """Return the modulus in a checked SubjectPublicKeyInfo, 256 bytes."""
    return spki[len(SPKI_PREFIX):-len(SPKI_SUFFIX)]


SUITE = Rsa2048()
