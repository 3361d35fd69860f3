# SPDX-License-Identifier: Apache-2.0
"""Certificates: what proves that the federation decided for a header.

A PBFT certificate is a quorum of the commit votes of one view.  What a light
client consumes is :class:`Certified`: it says what is true of the chain at a
height and hides which engine said so, because quorum rules belong to the
engine.
"""

from collections.abc import Iterable
import dataclasses
from typing import Protocol

from tacker_ledger.core import codec
from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import block
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import federation_document
from tacker_ledger.core import limits

VERSION = 1
ENGINE_PBFT_NUMBER = 1
#: The certificate of the genesis block: the chain id pins that block.
GENESIS_CERTIFICATE = b''

_SCHEMA = codec.Record(
    codec.Int(0, 255), codec.Int(0, 255), codec.Int(0, messages.VIEW_MAX),
    codec.Array(
        codec.Record(codec.Int(0, limits.MEMBERS_MAX_COUNT - 1),
                     codec.Bytes.exact(messages.SIGNATURE_BYTES)),
        1, limits.MEMBERS_MAX_COUNT))


class Verifier(Protocol):
    """Verifies votes; every provider is one."""

    def verify_raw_ed25519(self, public32: bytes, message: bytes,
                           signature: bytes) -> bool:
        """Return whether an Ed25519 signature is valid."""


@dataclasses.dataclass(frozen=True, slots=True)
class Certificate:
    """Commit votes of one view, not checked yet.

    :param view: of all the votes
    :param votes: (member, signature), ascending by member
    """

    view: int
    votes: tuple[tuple[int, bytes], ...]

    @classmethod
    def of(cls, view: int, votes: Iterable[tuple[int, bytes]]
           ) -> 'Certificate':
        """Return the certificate of votes in any order."""
        return cls(view, tuple(sorted(votes)))

    def to_bytes(self) -> bytes:
        """Return the canonical CBOR of the certificate."""
        return codec.encode((VERSION, ENGINE_PBFT_NUMBER, self.view,
                             self.votes))

    @classmethod
    def from_bytes(cls, data: bytes) -> 'Certificate':
        """Return what ``data`` encodes.

        :raises BadCertificate: not canonical or members out of order
        :raises UnsupportedVersion: of a later version or another engine
        """
        try:
            version, engine, view, votes = codec.decode(
                data, _SCHEMA, limits.CERTIFICATE_MAX_BYTES)
        except errors.FormatError as exc:
            raise errors.BadCertificate(
                f'not a certificate: {exc.message}') from exc
        if (version, engine) != (VERSION, ENGINE_PBFT_NUMBER):
            raise errors.UnsupportedVersion(
                f'certificate of version {version}, engine {engine}',
                version=version, engine=engine)
        members = [member for member, _signature in votes]
        if members != sorted(set(members)):
            raise errors.BadCertificate('members do not ascend')
        return cls(view, votes)


@dataclasses.dataclass(frozen=True, slots=True)
class Certified:
    """What is certain of the chain at one height.

    :param height: of the header
    :param time_ms: its timestamp
    :param transactions_root: of the transactions at ``height``
    :param state_root: of the state at ``state_height``
    :param state_height: with PBFT the same height: state after the block
    :param header: its encoded bytes
    :param header_digest: 32 bytes
    :param certificate: what certifies it; empty at genesis
    """

    height: int
    time_ms: int
    transactions_root: bytes
    state_root: bytes
    state_height: int
    header: bytes
    header_digest: bytes
    certificate: bytes


def check_certificate(h: hashing.Hasher, verifier: Verifier,
                      federation: federation_module.Federation,
                      height: int, header_digest: bytes,
                      certificate: bytes) -> Certificate:
    """Return the certificate if it certifies a header.

    :param federation: in force at ``height``
    :param header_digest: 32 bytes
    :param certificate: encoded
    :raises BadCertificate: too few votes, or one of them is wrong
    :raises UnsupportedVersion: the federation or the certificate uses an
        engine that this release does not know
    """
    if federation.document.engine != federation_document.ENGINE_PBFT:
        raise errors.UnsupportedVersion(
            f'the engine {federation.document.engine} is not known here')
    parsed = Certificate.from_bytes(certificate)
    if len(parsed.votes) < federation.quorum:
        raise errors.BadCertificate(
            f'{len(parsed.votes)} votes where {federation.quorum} decide')
    message = messages.vote_message(h, messages.Commit.KIND, height,
                                    parsed.view, header_digest)
    for index, signature in parsed.votes:
        member = federation.member(index)
        if member is None or not verifier.verify_raw_ed25519(
                member.vote_key, message, signature):
            raise errors.BadCertificate('a vote is not by its member',
                                        member=index)
    return parsed


def read_header(h: hashing.Hasher, header: bytes) -> block.Header:
    """Return a parsed header of this chain.

    :raises BadBlock: not a header
    :raises WrongFederation: of another chain
    """
    try:
        parsed = block.Header.from_bytes(header)
    except errors.FormatError as exc:
        raise errors.BadBlock(f'not a header: {exc.message}') from exc
    if parsed.chain_id != h.chain_id:
        raise errors.WrongFederation('the header is of another chain')
    return parsed


def certified(h: hashing.Hasher, header: bytes, certificate: bytes
              ) -> Certified:
    """Return what a header says, which the caller knows to be certified.

    :raises BadBlock: not a header
    :raises WrongFederation: of another chain
    """
    parsed = read_header(h, header)
    return Certified(
        height=parsed.height, time_ms=parsed.timestamp_ms,
        transactions_root=parsed.transactions_root,
        state_root=parsed.state_root, state_height=parsed.height,
        header=header, header_digest=block.header_digest(h, header),
        certificate=certificate)


def genesis(h: hashing.Hasher, federation: federation_module.Federation
            ) -> Certified:
    """Return what is certain at height 0 of a federation's chain."""
    header = block.genesis_header(h, federation)
    return certified(h, header.to_bytes(), GENESIS_CERTIFICATE)


def certify(h: hashing.Hasher, verifier: Verifier,
            federation: federation_module.Federation, header: bytes,
            certificate: bytes) -> Certified:
    """Return what a header with its certificate makes certain.

    :param federation: in force at the header's height
    :param certificate: empty for the genesis block, which has none
    :raises BadBlock: not a header
    :raises WrongFederation: of another chain
    :raises UnknownFederation: it names another federation document
    :raises BadCertificate: the certificate does not certify it
    """
    parsed = read_header(h, header)
    if parsed.federation != federation.digest:
        raise errors.UnknownFederation(
            'the header names another federation document',
            named=parsed.federation.hex(), epoch=federation.epoch)
    found = certified(h, header, certificate)
    if parsed.height:
        check_certificate(h, verifier, federation, parsed.height,
                          found.header_digest, certificate)
    elif federation.epoch or found != genesis(h, federation):
        raise errors.BadCertificate('not the genesis block')
    return found
