# SPDX-License-Identifier: Apache-2.0
"""Key documents, signatures and wraps (page *Primitives*)."""

import dataclasses

from cryptography import exceptions
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.ciphers import aead
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf import hkdf
from cryptography.hazmat.primitives import serialization

from tacker_ledger.tests.independent import hashing
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import shapes

RSA2048 = 1
ED25519 = 2

SIGNATURE_BYTES = {RSA2048: 256, ED25519: 64}
MAX_DOCUMENT_BYTES = 1024

_RSA_HEAD = bytes.fromhex(
    '30820122300d06092a864886f70d01010105000382010f003082010a0282010100')
_RSA_TAIL = bytes.fromhex('0203010001')
_ED25519_HEAD = bytes.fromhex('302a300506032b6570032100')
_X25519_HEAD = bytes.fromhex('302a300506032b656e032100')
_ED25519_PRIVATE_HEAD = bytes.fromhex('302e020100300506032b657004220420')
_X25519_PRIVATE_HEAD = bytes.fromhex('302e020100300506032b656e04220420')

_P = 2 ** 255 - 19
_L = 2 ** 252 + 27742317777372353535851937790883648493
_Y = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7
_U1 = 0x00b8495f16056286fdb1329ceb8d09da6ac49ff1fae35616aeb8413b7c7aebe0
_U2 = 0x57119fd0dd4e22d8868e1c58c45c44045bef839c55b1d0b1248c50a3bc959c5f
_SMALL_Y = frozenset({0, 1, _P - 1, _Y, _P - _Y})
_SMALL_U = frozenset({0, 1, _P - 1, _U1, _U2})

_WRAP_LABEL = b'tacker-ledger/1/wrap'


@dataclasses.dataclass(frozen=True, slots=True)
class KeyDocument:
    """A public identity; ``encoded`` is what its key id is made of."""

    encoded: bytes
    suite: int
    signing: bytes
    encryption: bytes | None

    @property
    def key_id(self) -> bytes:
        """Return the key id, the same on every chain."""
        return hashing.digest('key', None, self.encoded)


def _check_rsa(spki: bytes) -> None:
    modulus = spki[len(_RSA_HEAD):-len(_RSA_TAIL)]
    refusal.require(
        len(spki) == 294 and spki.startswith(_RSA_HEAD)
        and spki.endswith(_RSA_TAIL), 'bad-key', 'not the form of an RSA key')
    refusal.require(modulus[0] & 0x80 != 0 and modulus[-1] & 1 == 1,
                    'bad-key', 'modulus')


def check_ed25519(raw: bytes) -> None:
    """Refuse bytes that are no acceptable Ed25519 key."""
    refusal.require(len(raw) == 32, 'bad-key', 'size')
    y = int.from_bytes(raw, 'little') & ((1 << 255) - 1)
    refusal.require(y < _P and y not in _SMALL_Y, 'bad-key', 'y')


def check_x25519(raw: bytes) -> None:
    """Refuse bytes that are no acceptable X25519 key."""
    refusal.require(len(raw) == 32, 'bad-key', 'size')
    u = int.from_bytes(raw, 'little')
    refusal.require(u < _P and u not in _SMALL_U, 'bad-key', 'u')


def _curve_key(spki: bytes, head: bytes) -> bytes:
    refusal.require(len(spki) == 44 and spki.startswith(head), 'bad-key',
                    'not the form of a curve key')
    return spki[len(head):]


def parse(encoded: bytes) -> KeyDocument:
    """Return the key document in ``encoded``; else ``bad-key``."""
    try:
        suite, signing, encryption = shapes.read(
            encoded, MAX_DOCUMENT_BYTES, shapes.fields(
                shapes.ANY_INTEGER, shapes.octets(0, MAX_DOCUMENT_BYTES),
                shapes.nullable(shapes.octets(0, MAX_DOCUMENT_BYTES))))
    except refusal.Refused as exc:
        raise refusal.Refused('bad-key', str(exc)) from None
    if suite == RSA2048:
        _check_rsa(signing)
        refusal.require(encryption in (None, signing), 'bad-key',
                        'another key to encrypt with')
    elif suite == ED25519:
        check_ed25519(_curve_key(signing, _ED25519_HEAD))
        if encryption is not None:
            check_x25519(_curve_key(encryption, _X25519_HEAD))
    else:
        raise refusal.Refused('bad-key', 'suite')
    return KeyDocument(encoded, suite, signing, encryption)


def verify(document: KeyDocument, message: bytes, signature: bytes) -> None:
    """Refuse with ``bad-signature`` what the key did not sign."""
    if document.suite == ED25519:
        verify_ed25519(document.signing[len(_ED25519_HEAD):], message,
                       signature)
        return
    public = serialization.load_der_public_key(document.signing)
    if not isinstance(public, rsa.RSAPublicKey):
        raise refusal.Refused('bad-key', 'no RSA key')
    modulus = public.public_numbers().n
    refusal.require(
        len(signature) == 256
        and int.from_bytes(signature, 'big') < modulus, 'bad-signature')
    try:
        public.verify(
            signature, message,
            padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    except exceptions.InvalidSignature:
        raise refusal.Refused('bad-signature') from None


def verify_ed25519(raw: bytes, message: bytes, signature: bytes) -> None:
    """Refuse what the key with these 32 bytes did not sign.

    OpenSSL behind ``cryptography`` decides as the page demands: it decodes A,
    never R, compares bytes and knows no cofactor.
    """
    try:
        check_ed25519(raw)
    except refusal.Refused:
        raise refusal.Refused('bad-signature', 'key') from None
    refusal.require(
        len(signature) == 64
        and int.from_bytes(signature[32:], 'little') < _L, 'bad-signature')
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(raw).verify(
            signature, message)
    except (exceptions.InvalidSignature, ValueError):
        raise refusal.Refused('bad-signature') from None


@dataclasses.dataclass(frozen=True, slots=True)
class PrivateKey:
    """A stored private key, for the tests of sealing."""

    suite: int
    signing: bytes = dataclasses.field(repr=False)
    encryption: bytes | None = dataclasses.field(repr=False)


def parse_private(encoded: bytes) -> PrivateKey:
    """Return the stored private key in ``encoded``."""
    suite, signing, encryption = shapes.versioned(
        encoded, 8192, shapes.one_of(RSA2048, ED25519),
        shapes.octets(0, 8192), shapes.nullable(shapes.octets(0, 8192)))
    if suite == RSA2048:
        refusal.require(encryption in (None, signing), 'bad-key')
    else:
        refusal.require(
            len(signing) == 48 and signing.startswith(_ED25519_PRIVATE_HEAD),
            'bad-key')
        refusal.require(
            encryption is None or (
                len(encryption) == 48
                and encryption.startswith(_X25519_PRIVATE_HEAD)), 'bad-key')
    return PrivateKey(suite, signing, encryption)


def public_half(private: PrivateKey) -> list[int | bytes | None]:
    """Return the fields of the key document that belongs to ``private``."""
    halves: list[int | bytes | None] = [private.suite]
    for stored in (private.signing, private.encryption):
        if stored is None:
            halves.append(None)
            continue
        key = serialization.load_der_private_key(stored, None)
        halves.append(key.public_key().public_bytes(
            serialization.Encoding.DER,
            serialization.PublicFormat.SubjectPublicKeyInfo))
    return halves


def check_wrap_form(wrap: bytes) -> None:
    """Refuse what has the form of a wrap of no suite."""
    if len(wrap) == 256:
        refusal.require(wrap[0] & 0x80 == 0, 'malformed', 'wrap')
        return
    refusal.require(len(wrap) == 80, 'malformed', 'wrap')
    try:
        check_x25519(wrap[:32])
    except refusal.Refused:
        raise refusal.Refused('malformed', 'wrap') from None


def unwrap(private: PrivateKey, wrap: bytes) -> bytes:
    """Return the content key in ``wrap``; else ``undecryptable``."""
    refusal.require(private.encryption is not None, 'undecryptable')
    opened = _unwrap_rsa if private.suite == RSA2048 else _unwrap_x25519
    try:
        check_wrap_form(wrap)
        content_key = opened(private.encryption or b'', wrap)
    except (ValueError, exceptions.InvalidTag, refusal.Refused):
        raise refusal.Refused('undecryptable') from None
    refusal.require(len(content_key) == 32, 'undecryptable')
    return content_key


def _unwrap_rsa(stored: bytes, wrap: bytes) -> bytes:
    key = serialization.load_der_private_key(stored, None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError('no RSA key')
    return key.decrypt(wrap, padding.OAEP(
        padding.MGF1(hashes.SHA256()), hashes.SHA256(), _WRAP_LABEL))


def _unwrap_x25519(stored: bytes, wrap: bytes) -> bytes:
    if len(wrap) != 80:
        raise ValueError('a wrap of the other suite')
    scalar = x25519.X25519PrivateKey.from_private_bytes(stored[16:])
    recipient = scalar.public_key().public_bytes_raw()
    ephemeral = wrap[:32]
    secret = scalar.exchange(
        x25519.X25519PublicKey.from_public_bytes(ephemeral))
    kek = hkdf.HKDF(hashes.SHA256(), 32, ephemeral + recipient,
                    _WRAP_LABEL).derive(secret)
    return aead.AESGCM(kek).decrypt(bytes(12), wrap[32:], b'')
