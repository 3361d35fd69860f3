# SPDX-License-Identifier: Apache-2.0
"""Files of a federation: documents, key pairs, members' public material."""

import dataclasses
import os
import pathlib
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography import x509

from tacker_ledger.core import codec
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import federation_document
from tacker_ledger.core import limits
from tacker_ledger.keystore import file as keystore
from tacker_ledger.storage import chain
from tacker_ledger.storage import environment
from tacker_ledger.transport import certificates

MODE_PUBLIC = 0o644
_PRIVATE_VERSION = 1
_KEY_FILE_MAX_BYTES = 64 * 1024
_REQUEST_MAX_BYTES = 8192
_MATERIAL_VERSION = 1
_MATERIAL = codec.Record(
    codec.Const(_MATERIAL_VERSION), codec.Bytes.exact(
        hashing.CHAIN_ID_BYTES),
    codec.Bytes(1, federation_document.MEMBER_MAX_BYTES),
    codec.Bytes(1, _REQUEST_MAX_BYTES))
_MATERIAL_MAX_BYTES = (federation_document.MEMBER_MAX_BYTES
                       + _REQUEST_MAX_BYTES + 64)

Federation = federation_module.Federation
Signed = federation_module.SignedFederation


def read(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    """Return the content of a public file.

    :raises BadOption: it is missing or too long
    """
    try:
        with open(path, 'rb') as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise errors.BadOption(f'{path}: {error.strerror}.') from error
    if len(data) > max_bytes:
        raise errors.BadOption(f'{path} is too long.')
    return data


def write(path: str | os.PathLike[str], data: bytes,
          replace: bool = False) -> None:
    """Write a public file, atomically where it replaces another.

    :raises BadOption: it exists and ``replace`` is false, or cannot be
        written
    """
    target = pathlib.Path(path)
    try:
        keystore.write_secret(target, data, replace)
        target.chmod(MODE_PUBLIC)
    except FileExistsError:
        raise errors.BadOption(f'{target} exists already.') from None
    except OSError as error:
        raise errors.BadOption(f'{target}: {error.strerror}.') from error


# Documents

@dataclasses.dataclass(frozen=True, slots=True)
class Current:
    """The federation in force, as far as a file or a chain shows it.

    :param h: of the chain
    :param federation: the document in force
    :param signed: the same with its signatures
    """

    h: hashing.Hasher
    federation: Federation
    signed: Signed


def read_signed(path: str | os.PathLike[str]) -> Signed:
    """Return a signed document, nothing of it checked.

    :raises BadOption: the file holds none
    """
    data = read(path, limits.FEDERATION_SIGNED_MAX_BYTES)
    try:
        return Signed.from_bytes(data)
    except errors.FormatError as error:
        raise errors.BadOption(
            f'{path} holds no signed federation document: {error.message}.'
        ) from error


def read_current(provider: provider_module.Provider, place: str,
                 genesis: str | None = None) -> Current:
    """Return the federation in force.

    :param place: a node's data directory, whose chain says which it is; or
        a file with the signed document in force
    :param genesis: file with the document at genesis, needed beside a file
        of a later epoch
    :raises BadOption: there is no such document
    :raises LedgerError: what is there is not well signed
    """
    if pathlib.Path(place).is_dir():
        return _of_chain(place)
    signed = read_signed(place)
    document = federation_document.Document.from_bytes(signed.document)
    if document.epoch == 0:
        federation = federation_module.check_genesis(provider, signed)
        return Current(hashing.hasher(federation.chain_id), federation,
                       signed)
    if genesis is None:
        raise errors.BadOption(
            f'{place} is of epoch {document.epoch}: name the genesis '
            'document beside it (--genesis).')
    founded = federation_module.check_genesis(provider, read_signed(genesis))
    h = hashing.hasher(founded.chain_id)
    return Current(h, federation_module.check_in_force(h, provider, signed),
                   signed)


def _of_chain(directory: str) -> Current:
    try:
        env = environment.Environment(directory, readonly=True)
    except errors.NotFound as error:
        raise errors.BadOption(f'{directory} holds no chain.') from error
    try:
        with env.read() as txn:
            rows = chain.Chain(env).federations(txn)
        chain_id = env.chain_id()
    finally:
        env.close()
    if chain_id is None or not rows:
        raise errors.BadOption(f'{directory} holds no chain.')
    signed = Signed.from_bytes(rows[-1].signed)
    h = hashing.hasher(chain_id)
    # the node has checked it before it stored it
    return Current(h, Federation.of(h, signed.document), signed)


# Keys

def pair_of_pem(provider: provider_module.Provider,
                path: str | os.PathLike[str]
                ) -> provider_module.SoftwareKeyPair:
    """Return the key pair in a TLS key file (PEM), which only signs.

    :raises BadOption: the file is missing, open to others, or no such key
    """
    data = keystore.read_secret(path, _KEY_FILE_MAX_BYTES)
    try:
        key = serialization.load_pem_private_key(data, password=None)
        der = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption())
        number = certificates.suite_of(key)
        return provider.load_private(codec.encode(
            (_PRIVATE_VERSION, number, der, None)))
    except (ValueError, TypeError, errors.LedgerError) as error:
        raise errors.BadOption(
            f'{path} holds no key of a known suite.') from error


def pair_of_file(provider: provider_module.Provider,
                 path: str | os.PathLike[str]
                 ) -> provider_module.SoftwareKeyPair:
    """Return the key pair in the ledger's own form, such as an issuer's.

    :raises BadOption: the file is missing, open to others, or no such key
    """
    try:
        return provider.load_private(keystore.read_secret(
            path, _KEY_FILE_MAX_BYTES))
    except (errors.BadKey, errors.FormatError) as error:
        raise errors.BadOption(f'{path} holds no key pair.') from error


def tls_key(pair: provider_module.SoftwareKeyPair) -> certificates.PrivateKey:
    """Return the signing half of a pair as a TLS key."""
    fields: tuple[Any, ...] = codec.decode(
        pair.to_private_bytes(), _PRIVATE_FORM, 16384)
    return certificates.load_key(fields[2])


_PRIVATE_FORM = codec.Record(
    codec.Int(), codec.Int(), codec.Bytes(1, 8192),
    codec.Optional(codec.Bytes(1, 8192)))


# Public material of a member

@dataclasses.dataclass(frozen=True, slots=True)
class Material:
    """What a member hands out: no secret is in it.

    :param chain_id: of the federation it is for
    :param member: name, addresses and public keys
    :param request: certificate signing request (PKCS#10, DER) for the node
        key, by that key
    """

    chain_id: bytes
    member: federation_document.Member
    request: bytes

    def to_bytes(self) -> bytes:
        """Return the canonical CBOR of the material."""
        return codec.encode((_MATERIAL_VERSION, self.chain_id,
                             self.member.to_bytes(), self.request))


def read_material(path: str | os.PathLike[str], chain_id: bytes) -> Material:
    """Return a member's public material.

    :raises BadOption: it is none, is for another federation, or its request
        is not by its node key
    """
    try:
        _, found, member, request = codec.decode(
            read(path, _MATERIAL_MAX_BYTES), _MATERIAL, _MATERIAL_MAX_BYTES)
        material = Material(
            found, federation_document.Member.from_bytes(member), request)
        signing = certificates.key_of_request(
            x509.load_der_x509_csr(request))
    except (errors.FormatError, errors.BadKey, ValueError) as error:
        raise errors.BadOption(
            f'{path} holds no public material of a member: {error}'
        ) from error
    if found != chain_id:
        raise errors.BadOption(f'{path} is for another federation.')
    if signing != material.member.node_key.signing:
        raise errors.BadOption(
            f'{path}: its request is not for its node key.')
    return material
