# SPDX-License-Identifier: Apache-2.0
"""What a replica has heard about the height in flight.

A vote names its block by eight bytes, its signature by all 32.  So a vote
can be verified only once a block with that prefix is known, and it is
verified only when it is needed to make a quorum: late votes cost nothing.

Memory is bounded by the members: per kind, view and member one vote is kept
and one that contradicts it; per view two proposals, the second without its
block, as evidence; and what prepared certificates of the last views show.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import itertools

from tacker_ledger.core.consensus import evidence
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import view_change
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate
from tacker_ledger.core.ledger import federation as federation_module

_PREPARE = messages.Prepare.KIND
_COMMIT = messages.Commit.KIND
_KINDS = (_PREPARE, _COMMIT)
_LATEST_FIRST = (_COMMIT, _PREPARE)
#: A vote and the one that contradicts it.
_KEPT_PER_MEMBER = 2
#: Of a member that has named different blocks; no prefix is empty.
_SEVERAL = b''
#: For how many views commits are kept after these were left.
_COMMITS_KEPT_VIEWS = 8


@dataclasses.dataclass(slots=True)
class _Heard:
    """A vote and what verifying it came to.

    :param digest: that it is validly for, None if unknown
    :param tried: how many of the known digests were tried
    """

    vote: messages.ShortVote
    digest: bytes | None = None
    tried: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Proposal:
    """A verified pre-prepare and the header digest that it proposes."""

    message: messages.PrePrepare
    digest: bytes


class MessageLog:
    """Messages of one height.

    :param h: of the chain
    :param verifier: of votes
    :param federation: in force at ``height``
    :param height: which
    """

    def __init__(self, h: hashing.Hasher, verifier: certificate.Verifier,
                 federation: federation_module.Federation,
                 height: int) -> None:
        self._h = h
        self._verifier = verifier
        self._federation = federation
        self._quorum = federation.quorum
        self.height = height
        #: header digest -> block
        self.blocks: dict[bytes, block_module.Block] = {}
        self._digests: list[bytes] = []
        self._proposals: dict[int, list[Proposal]] = {}
        #: (kind, view) -> member -> what was heard, seldom more than one
        self._votes: dict[tuple[int, int], dict[int, list[_Heard]]] = {}
        #: (kind, view, prefix) -> how many votes were heard, at least as
        #: many as there are: what is too few here is not looked at further
        self._tally: dict[tuple[int, int, bytes], int] = {}
        #: view -> who has voted in it
        self._voters: dict[int, set[int]] = {}
        #: (view, member) -> the one prefix it has named; _SEVERAL if more
        self._said: dict[tuple[int, int], bytes] = {}
        #: (view, member) -> digest -> vote that a proven prepared
        #: certificate shows
        self._shown: dict[tuple[int, int],
                          dict[bytes, evidence.SignedVote]] = {}
        #: (view, member) of all that may have contradicted themselves
        self._suspected: set[tuple[int, int]] = set()
        self._accused: set[tuple[int, int]] = set()
        self._evidence: list[evidence.Equivocation] = []
        #: What the last vote that was verified had to be signed over.
        self._covered: tuple[tuple[int, int, bytes] | None, bytes] = (
            None, b'')
        #: Whether a quorum commits to one block, if all votes are valid.
        self.may_certify = False

    # Taking in

    def add_block(self, block: block_module.Block) -> None:
        """Take a block's body, proposed or not."""
        self.blocks.setdefault(block.digest, block)
        self._know(block.digest)

    def is_signed(self, message: messages.PrePrepare) -> bool:
        """Return whether its member signed a proposal; it is not parsed.

        :raises Malformed: it begins with no header
        """
        digest = block_module.header_digest(
            self._h, block_module.peek_header(message.block))
        return self._verify(message.KIND, message.view, message.member,
                            digest, message.signature)

    def add_proposal(self, message: messages.PrePrepare,
                     block: block_module.Block, *, trusted: bool = False
                     ) -> bool:
        """Take a pre-prepare; return whether it is the view's first.

        :param trusted: our own: not verified again
        """
        held = self._proposals.setdefault(message.view, [])
        if (len(held) >= _KEPT_PER_MEMBER
                or any(one.digest == block.digest for one in held)
                or not (trusted or self._verify(
                    messages.PrePrepare.KIND, message.view, message.member,
                    block.digest, message.signature))):
            return False
        if held:
            # Two proposals convict the leader; the second body is no use.
            message = dataclasses.replace(message, block=b'')
            self._suspected.add((message.view, message.member))
        held.append(Proposal(message, block.digest))
        self._says(message.view, message.member,
                   block.digest[:messages.PREFIX_BYTES])
        if len(held) == 1:
            self.blocks.setdefault(block.digest, block)
        self._know(block.digest)
        return len(held) == 1

    def add_vote(self, vote: messages.ShortVote, *,
                 trusted: bytes | None = None) -> bool:
        """Take a prepare or commit; return whether it is news.

        :param trusted: for our own: the digest it is for
        """
        kind, view, member = vote.KIND, vote.view, vote.member
        votes = self._votes.get((kind, view))
        if votes is None:
            votes = self._votes[kind, view] = {}
            self._voters.setdefault(view, set())
        held = votes.get(member)
        if held is None:
            votes[member] = [_Heard(vote, trusted)]
        elif self._has_room(held, vote):
            held.append(_Heard(vote, trusted))
            if len(held) > 1:
                self._suspected.add((view, member))
        else:
            return False
        place = (kind, view, vote.prefix)
        count = self._tally[place] = self._tally.get(place, 0) + 1
        if count >= self._quorum and kind == _COMMIT:
            self.may_certify = True
        self._voters[view].add(member)
        if not self._says(view, member, vote.prefix) or len(votes[member]) > 1:
            self._look_for_two(view, member)
        return True

    def _has_room(self, held: list[_Heard], vote: messages.ShortVote
                  ) -> bool:
        """Return whether one more vote of a member is new and kept."""
        for one in held:
            if one.vote == vote:
                return False
        if len(held) >= _KEPT_PER_MEMBER:
            held[:] = [one for one in held if self._resolve(one)
                       or not self._known_prefix(one.vote.prefix)]
        return len(held) < _KEPT_PER_MEMBER

    def add_prepared(self, prepared: messages.PreparedCertificate) -> None:
        """Take the votes that a proven prepared certificate shows.

        They decide nothing here; but who has voted otherwise is convicted,
        a leader for one that showed each member one proposal alone.
        """
        digest = block_module.header_digest(self._h, prepared.header)
        leader = view_change.leader_of(prepared.view, self._federation.size)
        for member, signature in prepared.votes:
            kind = (messages.PrePrepare.KIND if member == leader
                    else messages.Prepare.KIND)
            self._shown.setdefault((prepared.view, member), {}).setdefault(
                digest, evidence.SignedVote(kind, digest, signature))
            self._suspected.add((prepared.view, member))
            self._look_for_two(prepared.view, member)

    def _says(self, view: int, member: int, prefix: bytes) -> bool:
        """Return whether a member has named nothing else in a view."""
        place = (view, member)
        if self._said.setdefault(place, prefix) == prefix:
            return True
        self._said[place] = _SEVERAL
        self._suspected.add(place)
        return False

    # Giving out

    def proposal(self, view: int) -> Proposal | None:
        """Return the first proposal of a view."""
        held = self._proposals.get(view)
        return held[0] if held else None

    def body(self, prefix: bytes) -> block_module.Block | None:
        """Return a block whose digest begins so, or None."""
        return next((block for digest, block in self.blocks.items()
                     if digest.startswith(prefix)), None)

    def decides(self, vote: messages.ShortVote) -> bool:
        """Return whether something may follow from a vote just taken.

        So many agree with it, if all their votes are valid; or it shows
        that a decision is under way; or it convicts somebody.
        """
        view = vote.view
        needed = self._quorum
        if vote.KIND == _PREPARE:
            needed -= 1  # the proposal counts, too
        return (self._tally[vote.KIND, view, vote.prefix] >= needed
                or (not self._proposals.get(view)
                    and len(self._voters[view])
                    == self._federation.faults + 1)
                or bool(self._evidence))

    @property
    def convicts(self) -> bool:
        """Whether there is evidence that was not taken."""
        return bool(self._evidence)

    def busy(self, view: int) -> bool:
        """Return whether a decision is under way in a view.

        Its leader has proposed, or more members have voted than can be
        faulty.
        """
        return (bool(self._proposals.get(view))
                or len(self._voters.get(view, ()))
                > self._federation.faults)

    def heard(self, view: int, member: int) -> bool:
        """Return whether a member has proposed or voted in a view."""
        return (self.has_vote(messages.Prepare.KIND, view, member)
                or self.has_vote(messages.Commit.KIND, view, member)
                or any(one.message.member == member
                       for one in self._proposals.get(view, ())))

    def has_vote(self, kind: int, view: int, member: int) -> bool:
        """Return whether a vote of this kind was heard, verified or not."""
        return bool(self._of(kind, view, member))

    def voters_for_known(self, view: int) -> set[int]:
        """Return who has voted for a known block, verified or not."""
        known = [digest[:messages.PREFIX_BYTES] for digest in self._digests]
        voters = {one.message.member
                  for one in self._proposals.get(view, ())}
        for kind in _KINDS:
            for member, held in self._votes.get((kind, view), {}).items():
                if held[0].vote.prefix in known:
                    voters.add(member)
        return voters

    def newest(self, member: int) -> messages.ShownVote | None:
        """Return a member's newest vote whose block is known, or None.

        Nothing is verified here: who is shown it does that.
        """
        for view in self._views():
            for kind in _LATEST_FIRST:
                for one in self._of(kind, view, member):
                    for digest in self._digests:
                        if digest.startswith(one.vote.prefix):
                            return messages.ShownVote(
                                self.height, view, member, kind, digest,
                                one.vote.signature)
            for proposal in self._proposals.get(view, ()):
                if proposal.message.member == member:
                    return messages.ShownVote(
                        self.height, view, member, messages.PrePrepare.KIND,
                        proposal.digest, proposal.message.signature)
        return None

    def prepares(self, view: int, digest: bytes
                 ) -> tuple[list[messages.ShortVote], bytes] | None:
        """Return what prepared a block, or None if it is not prepared.

        That is the leader's proposal and prepares of other members, a
        quorum together.

        :returns: the prepares, and the signature of the proposal
        """
        needed = self._quorum - 1
        if self._tally.get((_PREPARE, view, digest[:messages.PREFIX_BYTES]),
                           0) < needed:
            return None
        proposal = self.proposal(view)
        if proposal is None or proposal.digest != digest:
            return None
        votes = self._valid_votes(_PREPARE, view, digest, needed)
        if votes is None:
            return None
        return votes, proposal.message.signature

    def commits(self, view: int, digest: bytes
                ) -> list[messages.ShortVote] | None:
        """Return a quorum of valid commits for a block, or None."""
        return self._valid_votes(_COMMIT, view, digest, self._quorum)

    def wanted(self) -> tuple[bytes, list[int]] | None:
        """Return the prefix of a block that is lacking, and who has it.

        A quorum has committed to it, as far as unverified votes tell.
        """
        if not self.may_certify:
            return None
        quorum = self._quorum
        for (kind, view, prefix), count in self._tally.items():
            if (count < quorum or kind != _COMMIT
                    or self.body(prefix) is not None):
                continue
            voters = {one.vote.member for one in self._heard(kind, view)
                      if one.vote.prefix == prefix}
            if len(voters) >= quorum:
                return prefix, sorted(voters)
        return None

    def commit_views(self) -> list[int]:
        """Return the views in which commits were heard, ascending."""
        return sorted(view for kind, view in self._votes
                      if kind == _COMMIT)

    def retire(self, view: int, keep: bytes | None) -> None:
        """Let go what can decide nothing after views below one were left.

        Commits stay: a quorum of them decides in whichever view.

        :param view: the one that is entered or asked for
        :param keep: digest of a block whose body is still needed
        """
        # The last proposal before may yet be certified.
        last = max((at for at in self._proposals if at < view), default=view)
        self._proposals = {at: held for at, held in self._proposals.items()
                           if at >= min(last, view)}
        self._votes = {
            (kind, at): votes for (kind, at), votes in self._votes.items()
            if at >= view or (kind == _COMMIT
                              and at >= view - _COMMITS_KEPT_VIEWS)}
        self._shown = {(at, member): shown
                       for (at, member), shown in self._shown.items()
                       if at >= view - _COMMITS_KEPT_VIEWS}
        needed = {held[0].digest
                  for held in self._proposals.values() if held}
        self.blocks = {digest: block for digest, block in self.blocks.items()
                       if digest == keep or digest in needed}

    def take_evidence(self) -> list[evidence.Equivocation]:
        """Return, once, what convicts members."""
        found, self._evidence = self._evidence, []
        return found

    # Verifying

    def _views(self) -> Sequence[int]:
        """Return the views in which anything was heard, descending."""
        if self._proposals.keys() == self._voters.keys() and (
                len(self._voters) == 1):
            return tuple(self._voters)  # as ever
        return sorted(self._proposals.keys() | self._voters.keys(),
                      reverse=True)

    def _heard(self, kind: int, view: int) -> Iterator[_Heard]:
        for held in self._votes.get((kind, view), {}).values():
            yield from held

    def _of(self, kind: int, view: int, member: int) -> Sequence[_Heard]:
        return self._votes.get((kind, view), {}).get(member, ())

    def _valid_votes(self, kind: int, view: int, digest: bytes, needed: int
                     ) -> list[messages.ShortVote] | None:
        """Return ``needed`` valid votes by different members, or None."""
        prefix = digest[:messages.PREFIX_BYTES]
        if self._tally.get((kind, view, prefix), 0) < needed:
            return None
        leader = view_change.leader_of(view, self._federation.size)
        likely = [(member, one) for member, held
                  in self._votes.get((kind, view), {}).items()
                  for one in held if one.vote.prefix == prefix
                  and (kind != _PREPARE or member != leader)]
        # Nothing is verified before it may be enough.
        if len(likely) < needed:
            return None
        valid: dict[int, messages.ShortVote] = {}
        for member, one in likely:
            if len(valid) == needed:
                break
            if (one.digest or self._resolve(one)) == digest:
                valid.setdefault(member, one.vote)
        if len(valid) < needed:
            return None
        return [valid[member] for member in sorted(valid)]

    def _resolve(self, heard: _Heard) -> bytes | None:
        """Return the digest that a vote is validly for; None if unknown."""
        if heard.digest is None:
            vote = heard.vote
            untried = self._digests[heard.tried:]
            heard.tried = len(self._digests)
            for digest in untried:
                if digest.startswith(vote.prefix) and self._verify(
                        vote.KIND, vote.view, vote.member, digest,
                        vote.signature):
                    heard.digest = digest
                    break
        return heard.digest

    def _verify(self, kind: int, view: int, index: int, digest: bytes,
                signature: bytes) -> bool:
        federation = self._federation
        if not 0 <= index < federation.size:
            return False
        place = (kind, view, digest)
        covered_place, message = self._covered
        if covered_place != place:
            message = messages.vote_message(self._h, kind, self.height, view,
                                            digest)
            self._covered = (place, message)
        return self._verifier.verify_raw_ed25519(
            federation.members[index].vote_key, message, signature)

    def _known_prefix(self, prefix: bytes) -> bool:
        return any(digest.startswith(prefix) for digest in self._digests)

    def _know(self, digest: bytes) -> None:
        """Votes for this digest can be verified from now on."""
        if digest in self._digests:
            return
        self._digests.append(digest)
        if not self._suspected:
            return
        for view, member in sorted({
                (view, member) for (_kind, view), votes in self._votes.items()
                for member in votes}):
            self._look_for_two(view, member)
        for view, held in self._proposals.items():
            if held:
                self._look_for_two(view, held[0].message.member)

    def _look_for_two(self, view: int, member: int) -> None:
        """Accuse a member once if two of its votes contradict."""
        place = (view, member)
        if place not in self._suspected or place in self._accused:
            return  # as ever: nothing to verify
        signed = {one.digest: evidence.SignedVote(
                      messages.PrePrepare.KIND, one.digest,
                      one.message.signature)
                  for one in self._proposals.get(view, ())
                  if one.message.member == member}
        signed.update(self._shown.get((view, member), {}))
        for one in itertools.chain(*(self._of(kind, view, member)
                                     for kind in _KINDS)):
            digest = self._resolve(one)
            if digest is not None:
                signed.setdefault(digest, evidence.SignedVote(
                    one.vote.KIND, digest, one.vote.signature))
        if len(signed) >= 2:
            first, second, *_rest = signed.values()
            self._accused.add((view, member))
            self._evidence.append(evidence.Equivocation.of(
                self._federation.digest, self.height, view, member,
                first, second))
