# SPDX-License-Identifier: Apache-2.0
"""Federations: who the members are, and who says so.

S0 (section II.A) runs consensus among known participants whose keys a party
appointed by the federation certifies.  The *document* names the members and
their keys; it is *signed* by the issuing party and approved by the node keys
of a quorum of its predecessor's members and of a quorum of its own.  So no
single key can name a federation, and no newcomer is counted that is not
alive.  A successor acts from the height after the block that holds it.

:class:`SignedFederation` is what travels, :class:`Federation` what a
verifier works with.
"""

from collections.abc import Iterable
import dataclasses

from tacker_ledger.core import codec
from tacker_ledger.core.consensus import quorum
from tacker_ledger.core.crypto.providers import base
from tacker_ledger.core.crypto import suite
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import federation_document
from tacker_ledger.core import limits

#: Versions of the rules of validity that this release implements.
KNOWN_RULES_VERSIONS = frozenset({1})

#: Whose approval it is: a member of the predecessor, or of the document.
SIDE_PREDECESSOR = 0
SIDE_OWN = 1

_SIGNATURE = codec.Bytes(64, 256)
_APPROVAL = codec.Record(
    codec.Int(SIDE_PREDECESSOR, SIDE_OWN),
    codec.Int(0, limits.MEMBERS_MAX_COUNT - 1), _SIGNATURE)
_SIGNED = codec.Record(
    codec.Int(0, 255), codec.Bytes(1, limits.FEDERATION_DOCUMENT_MAX_BYTES),
    _SIGNATURE, codec.Array(_APPROVAL, 0, 2 * limits.MEMBERS_MAX_COUNT))


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Approval:
    """One member's signature under a document.

    :param side: :data:`SIDE_PREDECESSOR` or :data:`SIDE_OWN`
    :param member: index within that side's members
    :param signature: by that member's node key
    """

    side: int
    member: int
    signature: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class SignedFederation:
    """A document with its signatures, none of them checked yet.

    :param document: canonical bytes of the document
    :param issuer_signature: by the issuer key named in it
    :param approvals: ascending by (side, member), each at most once
    """

    document: bytes
    issuer_signature: bytes
    approvals: tuple[Approval, ...]

    def to_bytes(self) -> bytes:
        """Return the canonical CBOR of document and signatures."""
        return codec.encode((
            federation_document.VERSION, self.document, self.issuer_signature,
            tuple((approval.side, approval.member, approval.signature)
                  for approval in self.approvals)))

    @classmethod
    def from_bytes(cls, data: bytes) -> 'SignedFederation':
        """Return what ``data`` encodes; the document stays unread.

        :raises FormatError: not canonical, of another version, or with
            approvals out of order
        """
        version, document, signature, approvals = codec.decode(
            data, _SIGNED, limits.FEDERATION_SIGNED_MAX_BYTES)
        federation_document.check_version(
            version, 'signed federation document')
        places = [approval[:2] for approval in approvals]
        if places != sorted(set(places)):
            raise errors.BadDocument('approvals are not in ascending order')
        return cls(document, signature,
                   tuple(Approval(*approval) for approval in approvals))

    def with_approvals(self, approvals: Iterable[Approval]
                       ) -> 'SignedFederation':
        """Return a copy which holds more approvals, in order.

        A member's newer approval replaces the older one.
        """
        held = {(approval.side, approval.member): approval
                for approval in (*self.approvals, *approvals)}
        return dataclasses.replace(
            self, approvals=tuple(held[place] for place in sorted(held)))


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Federation:
    """A document to verify with: parsed, with its digest and its chain.

    Two are equal if their digests are.

    :param document: the parsed document
    :param raw: its canonical bytes
    :param digest: tagged hash ``federation`` of them
    :param chain_id: of the chain it belongs to
    """

    document: federation_document.Document
    raw: bytes
    digest: bytes
    chain_id: bytes
    # Known once and asked for with every vote:
    #: The members in the order of their indices.
    members: tuple[federation_document.Member, ...] = dataclasses.field(
        init=False, repr=False)
    #: How many members there are: n.
    size: int = dataclasses.field(init=False, repr=False)
    #: How many of them may be faulty: f.
    faults: int = dataclasses.field(init=False, repr=False)
    #: How many of them decide.
    quorum: int = dataclasses.field(init=False, repr=False)
    #: What all members do alike.
    parameters: federation_document.Parameters = dataclasses.field(
        init=False, repr=False)

    def __post_init__(self) -> None:
        known = self.document
        for name, value in (
                ('members', known.members), ('size', len(known.members)),
                ('faults', quorum.faults(len(known.members))),
                ('quorum', known.quorum), ('parameters', known.parameters)):
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, h: hashing.Hasher, raw: bytes) -> 'Federation':
        """Return the federation that a document's bytes describe.

        Says nothing about whether anybody signed it.

        :raises FormatError: the bytes are not a document
        """
        assert h.chain_id is not None
        return cls(federation_document.Document.from_bytes(raw), raw,
                   h.hash(hashing.Tag.FEDERATION, raw), h.chain_id)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Federation)
                                 and self.digest == other.digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def epoch(self) -> int:
        """0 for genesis."""
        return self.document.epoch

    def member(self, index: int) -> federation_document.Member | None:
        """Return the member with this index, None if there is none."""
        return self.members[index] if 0 <= index < self.size else None

    def index_of_vote_key(self, vote_key: bytes) -> int | None:
        """Return the index of the member with this vote key, or None."""
        for index, member in enumerate(self.members):
            if member.vote_key == vote_key:
                return index
        return None

    def rules_at(self, height: int) -> int:
        """Return the version of the rules in force at a height.

        :raises UnsupportedVersion: this release does not know it; a node
            then does not start
        """
        version = next(version for first, version
                       in reversed(self.document.rules) if first <= height)
        if version not in KNOWN_RULES_VERSIONS:
            raise errors.UnsupportedVersion(
                f'rules of version {version} are in force at {height}',
                version=version, known=sorted(KNOWN_RULES_VERSIONS))
        return version


def chain_id_of(genesis_document: bytes) -> bytes:
    """Return the id of the chain that a genesis document founds."""
    return hashing.tagged_hash(hashing.Tag.GENESIS, genesis_document)


def issue_message(h: hashing.Hasher, digest: bytes) -> bytes:
    """Return what the issuer signs."""
    return h.message(hashing.Tag.FEDERATION_ISSUE, digest)


def approval_message(h: hashing.Hasher, digest: bytes) -> bytes:
    """Return what a member's node key signs to approve a document."""
    return h.message(hashing.Tag.FEDERATION_APPROVAL, digest)


def issue(pair: suite.KeyPair, document: federation_document.Document,
          chain_id: bytes | None = None) -> SignedFederation:
    """Return the document signed by its issuer, without approvals.

    :param pair: the issuer's; its document stands in ``document``
    :param chain_id: None for a genesis document, which founds its own
    """
    raw = document.to_bytes()
    h = hashing.hasher(chain_id or chain_id_of(raw))
    digest = h.hash(hashing.Tag.FEDERATION, raw)
    return SignedFederation(raw, pair.sign(issue_message(h, digest)), ())


def approve(h: hashing.Hasher, pair: suite.KeyPair, signed: SignedFederation,
            side: int, member: int) -> Approval:
    """Return the approval by one member's node key."""
    digest = h.hash(hashing.Tag.FEDERATION, signed.document)
    return Approval(side, member, pair.sign(approval_message(h, digest)))


def check_genesis(provider: base.Provider, signed: SignedFederation,
                  chain_id: bytes | None = None) -> Federation:
    """Return the federation that a genesis document founds.

    :param chain_id: the chain that is expected, if one is
    :raises FormatError: not a document
    :raises BadDocument: not of epoch 0, or without a quorum's approval
    :raises BadSignature: a signature under it is wrong
    :raises WrongFederation: it founds another chain
    """
    founded = chain_id_of(signed.document)
    if chain_id is not None and founded != chain_id:
        raise errors.WrongFederation('the document founds another chain',
                                     expected=chain_id.hex(),
                                     found=founded.hex())
    h = hashing.hasher(founded)
    federation = Federation.of(h, signed.document)
    if federation.epoch != 0:
        raise errors.BadDocument('not a genesis document',
                                 epoch=federation.epoch)
    if any(approval.side != SIDE_OWN for approval in signed.approvals):
        raise errors.BadDocument('approved by a predecessor that is none')
    _check_signatures(h, provider, signed, federation, {SIDE_OWN: federation})
    return federation


def check_in_force(h: hashing.Hasher, provider: base.Provider,
                   signed: SignedFederation) -> Federation:
    """Return the federation of a document that somebody vouches for.

    A bootstrap document may name the federation in force without its
    predecessors.  Only what the document itself can show is checked: its
    issuer's signature and the approvals by its own members.

    :raises FormatError: not a document
    :raises BadDocument: a quorum of its members has not approved it
    :raises BadSignature: a signature under it is wrong
    """
    federation = Federation.of(h, signed.document)
    own = dataclasses.replace(signed, approvals=tuple(
        approval for approval in signed.approvals
        if approval.side == SIDE_OWN))
    _check_signatures(h, provider, own, federation, {SIDE_OWN: federation})
    return federation


def check_successor(h: hashing.Hasher, provider: base.Provider,
                    current: Federation, signed: SignedFederation
                    ) -> Federation:
    """Return the federation that may follow ``current``.

    The issuer may be another one than before: a lost or stolen issuing key
    is replaced by an ordinary document.

    :raises FormatError: not a document
    :raises BadDocument: not the next epoch, or without the approvals of
        both quorums
    :raises WrongFederation: its predecessor is another document
    :raises BadSignature: a signature under it is wrong
    """
    federation = Federation.of(h, signed.document)
    if federation.epoch != current.epoch + 1:
        raise errors.BadDocument(
            f'epoch {federation.epoch} does not follow {current.epoch}')
    if federation.document.predecessor != current.digest:
        raise errors.WrongFederation('it follows another document')
    _check_signatures(h, provider, signed, federation,
                      {SIDE_PREDECESSOR: current, SIDE_OWN: federation})
    return federation


def _check_signatures(h: hashing.Hasher, provider: base.Provider,
                      signed: SignedFederation, federation: Federation,
                      sides: dict[int, Federation]) -> None:
    """Check issuer and approvals; a wrong one spoils the document."""
    for side, approvers in sides.items():
        count = sum(approval.side == side for approval in signed.approvals)
        if count < approvers.quorum:
            raise errors.BadDocument(
                f'{count} approvals where {approvers.quorum} are needed',
                side=side)
    check_issuer(h, provider, signed, federation)
    check_approvals(h, provider, signed, federation, sides)


def check_issuer(h: hashing.Hasher, provider: base.Provider,
                 signed: SignedFederation, federation: Federation) -> None:
    """Check the signature of the issuer that the document names.

    :raises BadSignature: it is not by that key
    """
    if not provider.verify(federation.document.issuer,
                           issue_message(h, federation.digest),
                           signed.issuer_signature):
        raise errors.BadSignature('the issuer did not sign the document')


def check_approvals(h: hashing.Hasher, provider: base.Provider,
                    signed: SignedFederation, federation: Federation,
                    sides: dict[int, Federation]) -> None:
    """Check all approvals that are there, not whether they are enough.

    :raises BadSignature: one is not by the member that it names
    """
    message = approval_message(h, federation.digest)
    for approval in signed.approvals:
        member = sides[approval.side].member(approval.member)
        if member is None or not provider.verify(
                member.node_key, message, approval.signature):
            raise errors.BadSignature('an approval is not by its member',
                                      side=approval.side,
                                      member=approval.member)


class FederationTracker:
    """The federation in force, for the rules of state (protocol 3).

    :param h: of the chain
    :param provider: verifies issuer and approvals
    :param current: in force for the next block
    """

    def __init__(self, h: hashing.Hasher, provider: base.Provider,
                 current: Federation) -> None:
        self._h = h
        self._provider = provider
        self.current = current

    def check(self, signed: bytes) -> Federation:
        """Return the federation that a published document would put in.

        Changes nothing: the caller sets :attr:`current` when the block
        that holds it is committed.

        :param signed: encoded signed document of a payload of kind 34
        :raises FederationConflict: it does not follow the one in force;
            the details name the reason's own code
        """
        try:
            return check_successor(self._h, self._provider, self.current,
                                   SignedFederation.from_bytes(signed))
        except errors.LedgerError as exc:
            raise errors.FederationConflict(
                f'not the successor of epoch {self.current.epoch}: '
                f'{exc.message}', reason=exc.code) from exc
