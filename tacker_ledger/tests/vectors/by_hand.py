# SPDX-License-Identifier: Apache-2.0
"""Ledger formats put together by hand, step by step as specified.

Nothing here calls the code under test: a tagged hash is written out, a
transaction is an array of its fields.  What a real sender draws at random
comes from labels.
"""

import hashlib
from typing import Any

from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pss

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import providers
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors.formats import wraps
from tacker_ledger.tests.vectors import keys
from tacker_ledger.tests.vectors import montgomery

CHAIN_ID = vectors.fixed_bytes('chain id', 32)
ZEROS = bytes(32)
NOW_MS = 1_700_000_000_000
#: Associated data are the fields before this one.
WRAPS_FIELD = 14

fixed = vectors.fixed_bytes


def message(tag: str, *parts: bytes, chain_id: bytes | None = CHAIN_ID
            ) -> bytes:
    """Return a tagged message; ``chain_id`` None for a tag without one."""
    name = b'tacker-ledger/1/' + tag.encode('ascii')
    return bytes([len(name)]) + name + (chain_id or b'') + b''.join(parts)


def hashed(tag: str, *parts: bytes, chain_id: bytes | None = CHAIN_ID
           ) -> bytes:
    """Return a tagged hash."""
    return hashlib.sha256(message(tag, *parts, chain_id=chain_id)).digest()


class Signer:
    """A test key pair that signs and is wrapped for the same way always."""

    def __init__(self, name: str, private: bytes) -> None:
        provider = providers.load('pycryptodome')
        self.name = name
        self.private = private
        self.pair = provider.load_private(private)
        document = self.pair.document
        self.document = document.to_bytes()
        self.key_id = hashed('key', self.document, chain_id=None)
        self.suite = document.suite
        self.encryption = document.encryption

    def sign(self, text: bytes) -> bytes:
        """Return a signature; an RSA one with a fixed salt."""
        if self.suite == 2:
            return self.pair.sign(text)
        key = RSA.import_key(codec.decode(
            self.private, keys_schema(), 8192)[2])
        return pss.new(key, salt_bytes=32, rand_func=lambda size: fixed(
            'pss salt', size)).sign(SHA256.new(text))

    def wrap(self, content_key: bytes, label: str) -> bytes:
        """Return a wrap whose random part depends on the label."""
        if self.suite == 1:
            return wraps.rsa_wrap(int(self.name[-1]), content_key)
        assert self.encryption is not None
        return wraps.curve_wrap(self.encryption[-32:], content_key,
                                fixed(f'{label}/ephemeral', 32))


def keys_schema() -> codec.Record:
    """Return the schema of a stored private key."""
    some = codec.Bytes(1, 4000)
    return codec.Record(codec.Int(), codec.Int(), some,
                        codec.Optional(some))


def dummy(suite: int, label: str) -> bytes:
    """Return what looks like a wrap and opens for nobody."""
    if suite == 1:
        return b'\x01' + fixed(f'{label}/dummy', 255)
    ephemeral = montgomery.x25519(fixed(f'{label}/dummy ephemeral', 32),
                                  montgomery.BASE)
    return ephemeral + fixed(f'{label}/dummy', 48)


RSA_TENANT = Signer('rsa 0', keys.rsa_private_bytes(0))
RSA_VNF = Signer('rsa 1', keys.rsa_private_bytes(1))
TENANT = Signer('tenant', keys.ed25519_private_bytes('tenant'))
VNF = Signer('vnf', keys.ed25519_private_bytes('vnf'))
RECOVERY = Signer('recovery', keys.ed25519_private_bytes('recovery'))
AUDITOR = Signer('auditor', keys.ed25519_private_bytes('auditor'))
RECEIPT = Signer('receipt', keys.ed25519_private_bytes('receipt', False))
SIGNERS = (RSA_TENANT, RSA_VNF, TENANT, VNF, RECOVERY, AUDITOR, RECEIPT)


def cid_of(signer: Signer, nonce: bytes) -> bytes:
    """Return the CID that a first transaction founds."""
    return hashed('cid', signer.key_id, nonce)[:16]


def padded(data: bytes) -> bytes:
    """Return data padded to 512 bytes: enough for what vectors hold."""
    assert len(data) < 512
    return data + b'\x80' + bytes(511 - len(data))


def encrypted(data: bytes, key: bytes, nonce: bytes, associated: bytes
              ) -> bytes:
    """Return AES-256-GCM ciphertext and tag."""
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce[:12])
    cipher.update(associated)
    ciphertext, tag = cipher.encrypt_and_digest(data)
    return ciphertext + tag


def seal(fields: list[Any], wraps_given: tuple[bytes, ...], packed: bytes,
         content_key: bytes) -> list[Any]:
    """Return the sixteen fields of a sealed configuration.

    :param fields: the first thirteen
    :param packed: the payload, compressed as field 4 says
    """
    nonce = fields[10]
    fields = [*fields, hashed('content-key', content_key, nonce)]
    ciphertext = encrypted(padded(packed), content_key, nonce,
                           codec.encode(tuple(fields)))
    return [*fields, wraps_given, ciphertext]


def transaction(signer: Signer, fields: list[Any] | tuple[Any, ...]
                ) -> bytes:
    """Return the signed transaction of any fields."""
    return signed(signer, codec.encode(tuple(fields)))


def signed(signer: Signer, content: bytes) -> bytes:
    """Return the signed transaction of an encoded content."""
    txid = hashed('transaction', content)
    return codec.encode((
        1, txid, signer.sign(message('transaction-signature', txid)),
        content))
