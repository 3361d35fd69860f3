# SPDX-License-Identifier: Apache-2.0
"""One round: how the height in flight is decided.

A round hears proposals and votes, casts this member's own, and ends with a
certified block.  After each event :meth:`Round.progress` looks at what has
been heard and does all that is due, so nothing depends on the order of
arrival.
"""

from collections.abc import Sequence
import dataclasses
from typing import Protocol

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import message_log
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import outbox
from tacker_ledger.core.consensus import view_change
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module

_PROPOSE = messages.PrePrepare.KIND
_PREPARE = messages.Prepare.KIND
_COMMIT = messages.Commit.KIND


class VoteSigner(Protocol):
    """Holds a vote key; hardware can stand behind it."""

    @property
    def public(self) -> bytes:
        """The raw Ed25519 public key, 32 bytes."""

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature, 64 bytes."""


@dataclasses.dataclass(slots=True)
class Own:
    """A vote of our own in the present view.

    :param digest: of the header that it is for
    :param durable: whether it may leave
    """

    message: messages.AnyVote
    digest: bytes
    durable: bool


class Round:
    """The decision about the height after the ledger's head.

    :param ledger: judges blocks; stands still during a round
    :param signer: of the vote key, None for an observer
    :param verifier: of votes
    :param out: where effects go
    :param view: in which it begins
    :param clock_skew_ms: how far a fresh proposal may be ahead
    """

    def __init__(self, ledger: application.LedgerApplication,
                 signer: VoteSigner | None,
                 verifier: certificate_module.Verifier, out: outbox.Outbox,
                 view: int, clock_skew_ms: int) -> None:
        self._ledger = ledger
        self._signer = signer
        self._out = out
        self._clock_skew_ms = clock_skew_ms
        self.federation = ledger.federation
        self.height = ledger.head.height + 1
        self.view = view
        #: Our index, None for an observer.
        self.member = (None if signer is None else
                       self.federation.index_of_vote_key(signer.public))
        self.log = message_log.MessageLog(
            ledger.h, verifier, self.federation, self.height)
        #: Our votes in the present view by their kind.
        self.own: dict[int, Own] = {}
        #: What we saw prepared at this height, if anything.
        self.prepared: messages.PreparedCertificate | None = None
        #: The block is decided and on its way to the disk.
        self.appending = False
        self._writes: dict[int, int] = {}
        self._outcomes: dict[bytes, application.Outcome] = {}
        self._refused: set[bytes] = set()
        self._doubted: set[bytes] = set()

    @property
    def leader(self) -> int:
        """Index of the member who leads the present view."""
        return view_change.leader_of(self.view, self.federation.size)

    # Hearing

    def hear(self, message: messages.AnyVote) -> None:
        """Take another member's proposal or vote for this height."""
        if message.view != self.view:
            return
        if isinstance(message, messages.PrePrepare):
            self._hear_proposal(message)
        elif message.KIND == _COMMIT or message.member != self.leader:
            self.log.add_vote(message)

    def _hear_proposal(self, message: messages.PrePrepare) -> None:
        held = self.log.proposal(message.view)
        if message.member != self.leader or (
                held is not None
                and held.message.signature == message.signature):
            return
        try:
            block = block_module.Block.from_bytes(self._ledger.h,
                                                  message.block)
            if block.header.height != message.height:
                raise errors.BadBlock('a block of another height')
        except errors.LedgerError as exc:
            self._out.refuse(message.member, self.height, self.view, exc)
            return
        self.log.add_proposal(message, block)

    def hear_body(self, message: messages.Body, member: int) -> None:
        """Take a block that was asked for."""
        wanted = self.log.wanted(self.view)
        if wanted is None:
            return
        try:
            block = block_module.Block.from_bytes(self._ledger.h,
                                                  message.block)
            if (block.header.height != self.height
                    or not block.digest.startswith(wanted)):
                raise errors.BadBlock('not the block that was asked for')
        except errors.LedgerError as exc:
            self._out.refuse(member, self.height, self.view, exc)
            return
        self.log.add_block(block)

    def persisted(self, record_id: int) -> bool:
        """Count and send the vote that a write has bound.

        :returns: whether it was a write of this round
        """
        kind = self._writes.pop(record_id, None)
        if kind is None:
            return False
        own = self.own[kind]
        own.durable = True
        if isinstance(own.message, messages.PrePrepare):
            self.log.add_proposal(own.message, self.log.blocks[own.digest],
                                  trusted=True)
        else:
            self.log.add_vote(own.message, trusted=own.digest)
        if self.federation.size > 1:
            self._out.send(own.message)
        return True

    def restore(self, votes: Sequence[messages.AnyVote]) -> None:
        """Take what the vote log holds about this height.

        :raises CorruptStore: a vote of ours without its proposal
        """
        mine = [vote for vote in votes if vote.member == self.member]
        if mine:
            self.view = max(self.view, *(vote.view for vote in mine))
        for vote in votes:
            if isinstance(vote, messages.PrePrepare):
                self.log.add_proposal(vote, block_module.Block.from_bytes(
                    self._ledger.h, vote.block))
            elif vote.member != self.member:
                self.log.add_vote(vote)
        proposal = self.log.proposal(self.view)
        for vote in mine:
            if vote.view != self.view:
                continue
            if proposal is None:
                raise errors.CorruptStore(
                    'the vote log lacks the proposal we voted for',
                    height=self.height, view=self.view)
            self.own[vote.KIND] = Own(vote, proposal.digest, True)
            if not isinstance(vote, messages.PrePrepare):
                self.log.add_vote(vote, trusted=proposal.digest)

    # Deciding

    def progress(self, now_ms: int, may_vote: bool) -> None:
        """Do all that has become possible.

        :raises LedgerError: a quorum certified a block that is not valid
            here, or our own store cannot be read: nothing may go on
        """
        if self.appending:
            return
        self._append()
        if may_vote and not self.appending and self.member is not None:
            self._prepare(now_ms)
            self._commit()

    def _append(self) -> None:
        for digest in self.log.blocks:
            votes = self.log.commits(self.view, digest)
            if votes is not None:
                break
        else:
            return
        outcome = self._judge(digest)
        certificate = certificate_module.Certificate.of(
            self.view, ((vote.member, vote.signature) for vote in votes))
        self.appending = True
        self._out.put(effects.Append(outcome, certificate.to_bytes(),
                                     self.view))

    def _prepare(self, now_ms: int) -> None:
        """Validate the leader's proposal and vote for it."""
        proposal = self.log.proposal(self.view)
        if (proposal is None or _PROPOSE in self.own or _PREPARE in self.own
                or proposal.digest in self._refused):
            return
        header = self.log.blocks[proposal.digest].header
        if header.timestamp_ms > now_ms + self._clock_skew_ms:
            self._doubt(proposal.digest, header, now_ms)
            return
        try:
            if header.proposer != self.leader:
                raise errors.BadBlock('proposed in another member\'s name')
            self._judge(proposal.digest)
        except errors.UnavailableError:
            raise  # our own store, not the leader's block
        except errors.LedgerError as exc:
            self._refused.add(proposal.digest)
            self._out.refuse(self.leader, self.height, self.view, exc)
            return
        self._vote(messages.Prepare, proposal.digest, (proposal.message,))

    def _commit(self) -> None:
        """Vote to commit what a quorum, we among it, has prepared."""
        own = self.own.get(_PROPOSE) or self.own.get(_PREPARE)
        if own is None or not own.durable or _COMMIT in self.own:
            return
        prepared = self.log.prepares(self.view, own.digest)
        if prepared is None:
            return
        votes, proposed = prepared
        signatures = [(vote.member, vote.signature) for vote in votes]
        signatures.append((self.leader, proposed))
        self.prepared = messages.PreparedCertificate(
            self.view, self.log.blocks[own.digest].header_bytes,
            tuple(sorted(signatures)))
        self._vote(messages.Commit, own.digest,
                   [vote for vote in votes if vote.member != self.member])

    def _judge(self, digest: bytes) -> application.Outcome:
        outcome = self._outcomes.get(digest)
        if outcome is None:
            outcome = self._ledger.validate(self.log.blocks[digest])
            self._outcomes[digest] = outcome
        return outcome

    def _doubt(self, digest: bytes, header: block_module.Header,
               now_ms: int) -> None:
        """Put a proposal off: our clock is wrong, or the leader's."""
        if digest not in self._doubted:
            self._doubted.add(digest)
            self._out.refuse(
                self.leader, self.height, self.view,
                errors.TimestampFuture('the proposal is ahead of our clock',
                                       header_ms=header.timestamp_ms,
                                       clock_ms=now_ms))

    # Voting

    def may_propose(self) -> bool:
        """Return whether we lead and have proposed nothing in this view."""
        return (self.member == self.leader and not self.appending
                and _PROPOSE not in self.own)

    def propose(self, now_ms: int, *, allow_empty: bool) -> bool:
        """Propose a block; return whether there was one to propose.

        :raises LedgerError: our own store cannot be read
        """
        assert self.may_propose() and self.member is not None
        outcome = self._ledger.propose(now_ms, self.member,
                                       allow_empty=allow_empty)
        if outcome is None:
            return False
        block = outcome.block
        self._outcomes[block.digest] = outcome
        self.log.add_block(block)
        self._bind(messages.PrePrepare(
            self.height, self.view, self.member, block.to_bytes(),
            self._sign(_PROPOSE, block.digest)), block.digest, ())
        return True

    def _vote(self, kind: type[messages.Prepare | messages.Commit],
              digest: bytes, relied: Sequence[messages.Message]) -> None:
        assert self.member is not None
        vote = kind(self.height, self.view, self.member,
                    digest[:messages.PREFIX_BYTES],
                    self._sign(kind.KIND, digest))
        self._bind(vote, digest, relied)

    def _sign(self, kind: int, digest: bytes) -> bytes:
        assert self._signer is not None
        return self._signer.sign(messages.vote_message(
            self._ledger.h, kind, self.height, self.view, digest))

    def _bind(self, message: messages.AnyVote, digest: bytes,
              relied: Sequence[messages.Message]) -> None:
        """Have our own message made durable; it is sent after that."""
        assert message.KIND not in self.own
        self.own[message.KIND] = Own(message, digest, False)
        record_id = self._out.persist(self.height, (*relied, message))
        self._writes[record_id] = message.KIND

    # Saying it again

    def send_own(self, to: int | None) -> bool:
        """Send our durable messages again.

        A proposal is large: it goes to those alone who have not voted.

        :param to: a member, None for all others
        :returns: whether each of these was sent something
        """
        others = [member for member in range(self.federation.size)
                  if member != self.member and to in (None, member)]
        all_told = not others
        for kind in sorted(self.own):
            own = self.own[kind]
            if not own.durable:
                continue
            if kind == _PROPOSE:
                for member in others:
                    if not self.log.heard(self.view, member):
                        self._out.send(own.message, member)
            elif others:
                self._out.send(own.message, to)
                all_told = True
        return all_told
