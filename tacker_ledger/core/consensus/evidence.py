# SPDX-License-Identifier: Apache-2.0
"""Equivocation: two votes of one member that no honest member casts both.

In one view of one height an honest member accepts one proposal; its
pre-prepare, prepare and commit there all name that block.  Two valid votes
of one (height, view, member) for different digests therefore prove a fault,
to anybody who has the federation document.
"""

import dataclasses

from tacker_ledger.core import codec
from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import certificate
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core import limits

VERSION = 1
_MAX_BYTES = 512

_SIGNED_VOTE = codec.Record(
    codec.Int(messages.PrePrepare.KIND, messages.Commit.KIND),
    codec.Bytes.exact(hashing.DIGEST_BYTES),
    codec.Bytes.exact(messages.SIGNATURE_BYTES))
_SCHEMA = codec.Record(
    codec.Int(0, 255), codec.Bytes.exact(hashing.DIGEST_BYTES),
    codec.Int(1), codec.Int(0, messages.VIEW_MAX),
    codec.Int(0, limits.MEMBERS_MAX_COUNT - 1),
    codec.Array(_SIGNED_VOTE, 2, 2))


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class SignedVote:
    """A vote with all of the digest that its signature covers.

    :param kind: of pre-prepare, prepare or commit
    """

    kind: int
    digest: bytes
    signature: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Equivocation:
    """Two votes of one member for two blocks.

    :param federation: digest of the document that names the member
    :param votes: ascending, with different digests
    """

    federation: bytes
    height: int
    view: int
    member: int
    votes: tuple[SignedVote, SignedVote]

    @classmethod
    def of(cls, federation: bytes, height: int, view: int, member: int,
           one: SignedVote, other: SignedVote) -> 'Equivocation':
        """Return the record of two votes given in either order."""
        first, second = sorted((one, other))
        return cls(federation, height, view, member, (first, second))

    def to_bytes(self) -> bytes:
        """Return the canonical CBOR of the record."""
        return codec.encode((
            VERSION, self.federation, self.height, self.view, self.member,
            tuple((vote.kind, vote.digest, vote.signature)
                  for vote in self.votes)))

    @classmethod
    def from_bytes(cls, data: bytes) -> 'Equivocation':
        """Return what ``data`` encodes; :func:`check` says if it is true.

        :raises FormatError: not a record
        """
        version, federation, height, view, member, votes = codec.decode(
            data, _SCHEMA, _MAX_BYTES)
        if version != VERSION:
            raise errors.UnsupportedVersion(
                f'evidence of version {version}', known=[VERSION])
        one, other = (SignedVote(*vote) for vote in votes)
        return cls(federation, height, view, member, (one, other))


def check(h: hashing.Hasher, verifier: certificate.Verifier,
          federation: federation_module.Federation,
          record: Equivocation) -> None:
    """Raise unless the record proves that the member equivocated.

    :raises UnknownFederation: it is about another federation document
    :raises BadProof: it proves nothing
    """
    if record.federation != federation.digest:
        raise errors.UnknownFederation('evidence of another federation')
    one, other = record.votes
    member = federation.member(record.member)
    if member is None or not one < other or one.digest == other.digest:
        raise errors.BadProof('the two votes do not contradict each other')
    for vote in record.votes:
        message = messages.vote_message(h, vote.kind, record.height,
                                        record.view, vote.digest)
        if not verifier.verify_raw_ed25519(member.vote_key, message,
                                           vote.signature):
            raise errors.BadProof('a vote is not signed by the member')
