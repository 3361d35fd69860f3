# SPDX-License-Identifier: Apache-2.0
"""The federation document: what is written down about a federation.

Format and consistency alone; ``federation`` says who signs it and what it
takes to believe it.
"""

from collections.abc import Sequence
import dataclasses
import itertools
import re
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.core.consensus import quorum
from tacker_ledger.core.crypto import ed25519
from tacker_ledger.core.crypto import suite
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core import limits

VERSION = 1
ENGINE_PBFT = 'pbft'
#: The predecessor that a genesis document names.
NO_PREDECESSOR = bytes(hashing.DIGEST_BYTES)
#: One member, encoded alone.
MEMBER_MAX_BYTES = 8192

_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z')
_ADDRESS = re.compile(r'(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})\Z')
_DOOR = re.compile(r'https?://[!-~]+\Z')

_DIGEST = codec.Bytes.exact(hashing.DIGEST_BYTES)
_KEY_DOCUMENT = codec.Bytes(1, limits.KEY_DOCUMENT_MAX_BYTES)
_RAW_KEY = codec.Bytes.exact(ed25519.POINT_BYTES)
_ENGINE = codec.Text(32)
_MEMBER = codec.Record(
    codec.Text(64), codec.Text(270), codec.Text(512), _KEY_DOCUMENT,
    _RAW_KEY, _RAW_KEY,
    codec.Array(codec.Record(_ENGINE, codec.Bytes(1, 256)), 0, 8))
_PARAMETERS = codec.Record(
    codec.Int(50, 86_400_000), codec.Int(0, 60_000),
    codec.Int(1, limits.BLOCK_MAX_TRANSACTIONS),
    codec.Int(limits.TRANSACTION_MAX_BYTES + 1024, limits.BLOCK_MAX_BYTES),
    codec.Int(0, limits.MEMBERS_MAX_COUNT))
_DOCUMENT = codec.Record(
    codec.Int(0, 255), codec.Bytes.exact(16), codec.Int(0, 2 ** 32 - 1),
    _DIGEST, codec.Int(), codec.Int(), _ENGINE,
    codec.Array(_MEMBER, 1, limits.MEMBERS_MAX_COUNT),
    codec.Int(1, limits.MEMBERS_MAX_COUNT),
    codec.Array(codec.Record(codec.Int(), codec.Int(1, 2 ** 32 - 1)), 1, 64),
    _PARAMETERS, _KEY_DOCUMENT)


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """One member of a federation.

    :param name: for people; distinct within the document
    :param peer_address: ``host:port`` other members connect to
    :param door_url: where tenants and VNFs connect to
    :param node_key: S0's key pair of the blockchain module (TLS, approvals)
    :param vote_key: raw Ed25519 key of consensus messages, 32 bytes
    :param answer_key: raw Ed25519 key of signed answers, 32 bytes
    :param engine_keys: (engine name, key) of consensus engines beside PBFT
    """

    name: str
    peer_address: str
    door_url: str
    node_key: suite.KeyDocument
    vote_key: bytes
    answer_key: bytes
    engine_keys: tuple[tuple[str, bytes], ...] = ()

    def _wire(self) -> tuple[object, ...]:
        return (self.name, self.peer_address, self.door_url,
                self.node_key.to_bytes(), self.vote_key, self.answer_key,
                self.engine_keys)

    @classmethod
    def _of(cls, fields: tuple[Any, ...]) -> 'Member':
        name, address, door, node, vote, answer, engines = fields
        return cls(name, address, door, suite.KeyDocument.from_bytes(node),
                   vote, answer, engines)

    def to_bytes(self) -> bytes:
        """Return the member alone, as canonical CBOR."""
        return codec.encode(self._wire())

    @classmethod
    def from_bytes(cls, data: bytes) -> 'Member':
        """Return the member that ``data`` encodes.

        :raises FormatError: not canonical, or against the rules
        """
        member = cls._of(codec.decode(data, _MEMBER, MEMBER_MAX_BYTES))
        _check_member(member)
        return member


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """What all members do alike.

    :param heartbeat_ms: an empty block follows after so much silence
    :param batch_interval_ms: how long a leader collects at most
    :param batch_max_transactions: transactions in one block at most
    :param block_max_bytes: bytes of one encoded block at most
    :param archive_minimum: members who must keep the whole chain
    """

    heartbeat_ms: int = 30_000
    batch_interval_ms: int = 20
    batch_max_transactions: int = limits.BLOCK_MAX_TRANSACTIONS
    block_max_bytes: int = limits.BLOCK_MAX_BYTES
    archive_minimum: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """A federation document, parsed and consistent with itself.

    :param nonce: 16 bytes; makes two federations of one make distinct
    :param epoch: 0 at genesis, then one more each time
    :param predecessor: digest of the document before; zeros at genesis
    :param created_ms: when it was issued; the time of the genesis block
    :param expiry_ms: clients take no newer head under it
    :param members: in the order of their indices
    :param rules: (first height, version of the rules), ascending from 0
    :param issuer: key of the issuing party; it only signs
    :param quorum: how many members decide
    :raises BadDocument: a rule of the specification is broken
    """

    nonce: bytes
    epoch: int
    predecessor: bytes
    created_ms: int
    expiry_ms: int
    members: tuple[Member, ...]
    issuer: suite.KeyDocument
    engine: str = ENGINE_PBFT
    rules: tuple[tuple[int, int], ...] = ((0, 1),)
    parameters: Parameters = dataclasses.field(default_factory=Parameters)
    quorum: int = 0

    def __post_init__(self) -> None:
        if not self.quorum:
            object.__setattr__(self, 'quorum',
                               quorum.quorum_of(len(self.members)))
        _check_document(self)

    def to_bytes(self) -> bytes:
        """Return the canonical CBOR of the document."""
        return codec.encode((
            VERSION, self.nonce, self.epoch, self.predecessor,
            self.created_ms, self.expiry_ms, self.engine,
            tuple(member._wire() for member in self.members), self.quorum,
            self.rules, dataclasses.astuple(self.parameters),
            self.issuer.to_bytes()))

    @classmethod
    def from_bytes(cls, data: bytes) -> 'Document':
        """Return the document that ``data`` encodes.

        :raises FormatError: not canonical, of another version, or against
            the rules
        """
        fields = codec.decode(data, _DOCUMENT,
                              limits.FEDERATION_DOCUMENT_MAX_BYTES)
        check_version(fields[0], 'federation document')
        return cls(
            nonce=fields[1], epoch=fields[2], predecessor=fields[3],
            created_ms=fields[4], expiry_ms=fields[5], engine=fields[6],
            members=tuple(map(Member._of, fields[7])),
            quorum=fields[8], rules=fields[9],
            parameters=Parameters(*fields[10]),
            issuer=suite.KeyDocument.from_bytes(fields[11]))


def check_version(version: int, what: str) -> None:
    """Raise UnsupportedVersion unless it is the one of this release."""
    if version != VERSION:
        raise errors.UnsupportedVersion(
            f'{what} of version {version}', version=version, known=VERSION)


def _check_document(document: Document) -> None:
    """Raise BadDocument unless the document agrees with itself."""
    members = document.members
    if not 1 <= len(members) <= limits.MEMBERS_MAX_COUNT:
        raise errors.BadDocument('too few or too many members')
    expected = quorum.quorum_of(len(members))
    if document.quorum != expected:
        raise errors.BadDocument(
            f'the quorum of {len(members)} members is {expected}',
            found=document.quorum)
    if (document.epoch == 0) != (document.predecessor == NO_PREDECESSOR):
        raise errors.BadDocument('genesis, and only genesis, has no '
                                 'predecessor')
    if document.expiry_ms <= document.created_ms:
        raise errors.BadDocument('it expires before it is created')
    heights = [height for height, _version in document.rules]
    if heights[:1] != [0] or any(
            low >= high for low, high in itertools.pairwise(heights)):
        raise errors.BadDocument('rules do not ascend from height 0')
    if document.parameters.archive_minimum > len(members):
        raise errors.BadDocument('more archives than members')
    if document.issuer.encryption is not None:
        raise errors.BadDocument('the issuer key only signs')
    for member in members:
        _check_member(member)
    _check_distinct('names', [member.name for member in members])
    _check_distinct('peer addresses',
                    [member.peer_address for member in members])
    keys = [document.issuer.signing]
    for member in members:
        keys += (member.node_key.signing,
                 ed25519.SIGNING_PREFIX + member.vote_key,
                 ed25519.SIGNING_PREFIX + member.answer_key)
    _check_distinct('keys', keys)


def _check_distinct(what: str, values: Sequence[object]) -> None:
    if len(set(values)) != len(values):
        raise errors.BadDocument(f'{what} are not distinct')


def _check_member(member: Member) -> None:
    if not _NAME.match(member.name):
        raise errors.BadDocument('a member has no proper name')
    address = _ADDRESS.match(member.peer_address)
    if address is None or not 1 <= int(address[1]) <= 65535:
        raise errors.BadDocument('a peer address is not host:port',
                                 member=member.name)
    if not _DOOR.match(member.door_url):
        raise errors.BadDocument('a door is not an HTTP URL',
                                 member=member.name)
    for key in (member.vote_key, member.answer_key):
        if not ed25519.is_signing_point(key):
            raise errors.BadDocument('a key is no Ed25519 key',
                                     member=member.name)
    engines = [engine for engine, _key in member.engine_keys]
    if engines != sorted(set(engines)):
        raise errors.BadDocument('engine keys are not ascending',
                                 member=member.name)
