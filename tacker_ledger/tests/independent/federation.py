# SPDX-License-Identifier: Apache-2.0
"""Federation documents and their approvals (page *Federation*)."""

import dataclasses
import re
from typing import Any

from tacker_ledger.tests.independent import hashing
from tacker_ledger.tests.independent import keys
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import shapes

MAX_BYTES = 524_288
MAX_SIGNED_BYTES = 688_128
PREDECESSOR = 0
OWN = 1
ENGINE = 'pbft'

_ED25519_SPKI = bytes.fromhex('302a300506032b6570032100')
_U32 = shapes.integer(0, (1 << 32) - 1)
_KEY = shapes.octets(0, keys.MAX_DOCUMENT_BYTES)
_MEMBER = shapes.fields(
    shapes.text(64), shapes.text(270), shapes.text(512), _KEY,
    shapes.octets(32), shapes.octets(32),
    shapes.array(shapes.fields(shapes.text(32), shapes.octets(1, 256)),
                 0, 8))
_PARAMETERS = shapes.fields(
    shapes.integer(50, 86_400_000), shapes.integer(0, 60_000),
    shapes.integer(1, 300), shapes.integer(1_328_128, 8_388_608),
    shapes.integer(0, 256))
_DOCUMENT = (
    shapes.octets(16), _U32, shapes.DIGEST, shapes.TIME, shapes.TIME,
    shapes.text(32), shapes.array(_MEMBER, 1, 256), shapes.integer(1, 256),
    shapes.array(shapes.fields(
        shapes.HEIGHT, shapes.integer(1, (1 << 32) - 1)), 1, 64),
    _PARAMETERS, _KEY)
_SIGNED = (
    shapes.octets(1, MAX_BYTES), shapes.octets(64, 256),
    shapes.array(shapes.fields(
        shapes.one_of(PREDECESSOR, OWN), shapes.integer(0, 255),
        shapes.octets(64, 256)), 0, 512))

_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,63}')
_ADDRESS = re.compile(
    r'(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})')
_DOOR = re.compile(r'https?://[\x21-\x7e]+')


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """One member; its place in the document is its index."""

    name: str
    node_key: keys.KeyDocument
    vote_key: bytes
    answer_key: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """A federation document that agrees with itself."""

    encoded: bytes
    epoch: int
    predecessor: bytes
    created_ms: int
    expiry_ms: int
    engine: str
    members: tuple[Member, ...]
    quorum: int
    rules: tuple[tuple[int, int], ...]
    max_transactions: int
    max_block_bytes: int
    issuer: keys.KeyDocument

    def digest(self, chain_id: bytes) -> bytes:
        """Return the digest by which headers name the document."""
        return hashing.digest('federation', chain_id, self.encoded)

    @property
    def chain_id(self) -> bytes:
        """Return the id of the chain that this document founds."""
        return hashing.digest('genesis', None, self.encoded)

    def rules_at(self, height: int) -> int:
        """Return the version of the rules in force at a height."""
        return [version for first, version in self.rules
                if first <= height][-1]


def quorum_of(size: int) -> int:
    """Return how many of ``size`` members decide."""
    faulty = (size - 1) // 3
    return (size + faulty) // 2 + 1


def _member(fields: list[Any], node_key: keys.KeyDocument) -> Member:
    name, address, door, _node_key, vote_key, answer_key, engines = fields
    refusal.require(_NAME.fullmatch(name) is not None, 'bad-document', 'name')
    matched = _ADDRESS.fullmatch(address)
    refusal.require(
        matched is not None and 1 <= int(matched[1]) <= 65535,
        'bad-document', 'peer address')
    refusal.require(_DOOR.fullmatch(door) is not None, 'bad-document', 'door')
    for raw in (vote_key, answer_key):
        try:
            keys.check_ed25519(raw)
        except refusal.Refused:
            raise refusal.Refused('bad-document', 'point') from None
    named = [engine for engine, _key in engines]
    refusal.require(named == sorted(set(named)), 'bad-document', 'engines')
    return Member(name, node_key, vote_key, answer_key)


def _check_distinct(members: list[Member], addresses: list[str],
                    issuer: keys.KeyDocument) -> None:
    signing = [issuer.signing]
    for member in members:
        signing += [member.node_key.signing,
                    _ED25519_SPKI + member.vote_key,
                    _ED25519_SPKI + member.answer_key]
    for each in ([member.name for member in members], addresses, signing):
        refusal.require(len(set(each)) == len(each), 'bad-document',
                        'something twice')


def parse(encoded: bytes) -> Document:
    """Return the document in ``encoded``, which agrees with itself."""
    (_nonce, epoch, predecessor, created_ms, expiry_ms, engine, members,
     quorum, rules, parameters, issuer_key) = shapes.versioned(
         encoded, MAX_BYTES, *_DOCUMENT)
    issuer = keys.parse(issuer_key)
    node_keys = [keys.parse(each[3]) for each in members]
    firsts = [first for first, _version in rules]
    refusal.require(quorum == quorum_of(len(members)), 'bad-document',
                    'quorum')
    refusal.require((predecessor == bytes(32)) == (epoch == 0),
                    'bad-document', 'predecessor')
    refusal.require(expiry_ms > created_ms, 'bad-document', 'expiry')
    refusal.require(firsts[0] == 0 and firsts == sorted(set(firsts)),
                    'bad-document', 'rules')
    refusal.require(parameters[4] <= len(members), 'bad-document', 'archives')
    refusal.require(issuer.encryption is None, 'bad-document', 'issuer')
    parsed = [_member(*each) for each in zip(members, node_keys, strict=True)]
    _check_distinct(parsed, [each[1] for each in members], issuer)
    return Document(
        encoded, epoch, predecessor, created_ms, expiry_ms, engine,
        tuple(parsed), quorum,
        tuple((first, version) for first, version in rules), parameters[2],
        parameters[3], issuer)


@dataclasses.dataclass(frozen=True, slots=True)
class Signed:
    """A signed document; neither signature nor approvals are checked."""

    encoded: bytes
    document: Document
    signature: bytes
    approvals: tuple[tuple[int, int, bytes], ...]

    def count(self, side: int) -> int:
        """Return how many approvals there are of a side."""
        return sum(1 for each in self.approvals if each[0] == side)

    def check_signatures(self, chain_id: bytes,
                         sides: dict[int, tuple[Member, ...]]) -> None:
        """Refuse unless the issuer and every approving member signed."""
        digest = self.document.digest(chain_id)
        keys.verify(
            self.document.issuer,
            hashing.message('federation-issue', chain_id, digest),
            self.signature)
        message = hashing.message('federation-approval', chain_id, digest)
        for side, index, signature in self.approvals:
            refusal.require(index < len(sides[side]), 'bad-signature',
                            'no such member')
            keys.verify(sides[side][index].node_key, message, signature)


def parse_signed(encoded: bytes) -> Signed:
    """Return the signed document in ``encoded``."""
    document, signature, approvals = shapes.versioned(
        encoded, MAX_SIGNED_BYTES, *_SIGNED)
    by = [(side, member) for side, member, _signature in approvals]
    refusal.require(by == sorted(set(by)), 'bad-document',
                    'order of approvals')
    return Signed(encoded, parse(document), signature,
                  tuple((side, member, each)
                        for side, member, each in approvals))


def found(encoded: bytes, expected_chain_id: bytes | None = None
          ) -> tuple[bytes, Document]:
    """Return chain id and document of a signed genesis document."""
    signed = parse_signed(encoded)
    document = signed.document
    chain_id = document.chain_id
    refusal.require(expected_chain_id in (None, chain_id),
                    'wrong-federation')
    refusal.require(document.epoch == 0, 'bad-document', 'epoch')
    refusal.require(signed.count(PREDECESSOR) == 0, 'bad-document',
                    'approved by a predecessor')
    refusal.require(signed.count(OWN) >= document.quorum, 'bad-document',
                    'approvals')
    signed.check_signatures(chain_id, {OWN: document.members})
    return chain_id, document


def succeed(chain_id: bytes, in_force: Document, encoded: bytes) -> Document:
    """Return the document that may follow the one in force."""
    signed = parse_signed(encoded)
    document = signed.document
    refusal.require(document.epoch == in_force.epoch + 1, 'bad-document',
                    'epoch')
    refusal.require(document.predecessor == in_force.digest(chain_id),
                    'wrong-federation')
    refusal.require(signed.count(PREDECESSOR) >= in_force.quorum
                    and signed.count(OWN) >= document.quorum,
                    'bad-document', 'approvals')
    signed.check_signatures(chain_id, {PREDECESSOR: in_force.members,
                                       OWN: document.members})
    return document
