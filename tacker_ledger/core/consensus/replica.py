# SPDX-License-Identifier: Apache-2.0
"""The PBFT replica: ``step(event, now) -> effects``.

Theory of operation.  One height is in flight: the one after the newest
committed block.  The leader of the view proposes a block (pre-prepare), the
others validate it and prepare; who sees a quorum of prepares commits; a
quorum of commits is the certificate, and the block is appended.  There is no
reply phase.  The view, hence the leader, persists from height to height.

What makes it safe: in one view of one height a replica votes for one block
only; a vote leaves only after the record that binds it is durable, together
with the others' messages it relies on; and any two quorums share an honest
member.  What makes it live: everything can be sent again without effect on
whoever has it, and is, until the height is committed.

After each event :meth:`Replica._progress` looks at what has been heard and
does all that is due, so nothing depends on the order of arrival.

Changing the view is an addition to this: the log is kept per view, the
prepared certificate is held from the moment it exists, and ``view_change``
verifies the messages.
"""

from collections.abc import Sequence
import dataclasses
from typing import Protocol

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import message_log
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import view_change
from tacker_ledger.core.consensus import vote_log
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import federation as federation_module

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


@dataclasses.dataclass(frozen=True, slots=True)
class Config:
    """What may differ from member to member.

    :param retransmit_ms: first pause before own messages are sent again;
        it doubles while the height lasts
    :param retransmit_max_ms: the longest pause
    :param clock_skew_ms: how far a fresh proposal may lie ahead of our
        clock
    """

    retransmit_ms: int = 500
    retransmit_max_ms: int = 8_000
    clock_skew_ms: int = 10_000


@dataclasses.dataclass(slots=True)
class _Own:
    """A vote of our own in the present view."""

    message: messages.PrePrepare | messages.Vote
    digest: bytes
    durable: bool


class Replica:
    """One member's part in the consensus, or an observer's.

    Pass :class:`~.effects.Start` first.  The driver's contract stands in
    :mod:`~tacker_ledger.core.consensus.effects`.

    :param config: of this member
    :param ledger: what blocks do; read here, moved on by the driver
    :param signer: of the vote key; None, or a key that the federation in
        force does not name, makes an observer
    :param verifier: of votes
    """

    def __init__(self, config: Config, ledger: application.LedgerApplication,
                 signer: VoteSigner | None,
                 verifier: certificate_module.Verifier) -> None:
        self._config = config
        self._ledger = ledger
        self._signer = signer
        self._verifier = verifier
        self._h = ledger.h
        self._now_ms = 0
        self._out: list[effects.Effect] = []
        self._timers: set[str] = set()
        #: Of the whole process.
        self.view = 0
        self.may_vote = False
        self.halted = False
        self._failed = False
        self._record_id = 0
        self._records = vote_log.Records()
        self._newest: dict[int, messages.ShownVote] = {}
        self._behind: dict[int, int] = {}
        self._next: dict[tuple[int, int], messages.Message] = {}
        self._previous: message_log.MessageLog | None = None
        self._begin_height()

    # What others may know

    @property
    def height(self) -> int:
        """The height in flight."""
        return self._log.height

    @property
    def federation(self) -> federation_module.Federation:
        """In force at that height."""
        return self._federation

    @property
    def member(self) -> int | None:
        """Our index in that federation, None for an observer."""
        return self._member

    @property
    def leader(self) -> int:
        """Index of the member who leads the present view."""
        return view_change.leader_of(self.view, self._federation.size)

    @property
    def is_leader(self) -> bool:
        """Whether we lead the present view."""
        return self._member == self.leader

    @property
    def prepared(self) -> messages.PreparedCertificate | None:
        """What we saw prepared at this height, if anything."""
        return self._prepared

    def newest(self, member: int) -> messages.ShownVote | None:
        """Return the newest vote that we have from a member, or None."""
        return self._log.newest(member) or self._newest.get(member)

    # The one entrance

    def step(self, event: effects.Event, now_ms: int
             ) -> list[effects.Effect]:
        """Take one event and return what has to happen, in order.

        :param now_ms: wall clock, milliseconds since the Unix epoch
        :raises CorruptStore: by ``Start`` alone: the vote log is damaged
        """
        if self.halted:
            return []
        self._now_ms = now_ms
        self._out = []
        self._dispatch(event)
        if not self.halted:
            self._progress()
        self._out.extend(map(effects.Evidence, self._log.take_evidence()))
        return self._out

    def _dispatch(self, event: effects.Event) -> None:
        match event:
            case effects.Received():
                self._received(event.message, event.member)
            case effects.Persisted():
                self._persisted(event.record_id)
            case effects.BlockCommitted():
                self._committed(event)
            case effects.TransactionsReady():
                self._ready = event
                self._arm_proposal()
            case effects.Timer():
                self._timer(event.name)
            case effects.PeerConnected():
                self._send(messages.Status(self.height, self.view),
                           event.member)
                self._send_own(event.member)
            case effects.VotingChanged():
                self._voting_changed(event.allowed)
            case effects.PersistFailed():
                self._failed = True
                self._cancel(effects.TIMER_BATCH)
                self._cancel(effects.TIMER_HEARTBEAT)
            case effects.Start():
                self._start(event)

    # Events

    def _start(self, event: effects.Start) -> None:
        self._records = vote_log.Records(event.records)
        self.view = event.view
        self.may_vote = event.may_vote
        self._begin_height()
        self._arm_proposal()

    def _voting_changed(self, allowed: bool) -> None:
        if allowed == self.may_vote:
            return
        self.may_vote = allowed
        if allowed:
            self._send_own(None)
            self._arm_proposal()

    def _persisted(self, record_id: int) -> None:
        kind = self._writes.pop(record_id, None)
        if kind is None:
            return  # of a height that is over
        own = self._own[kind]
        own.durable = True
        if isinstance(own.message, messages.PrePrepare):
            self._log.add_proposal(own.message, self._log.blocks[own.digest],
                                   trusted=True)
        else:
            self._log.add_vote(own.message, trusted=own.digest)
        self._send(own.message)
        self._arm_retransmit()

    def _committed(self, event: effects.BlockCommitted) -> None:
        if event.height < self.height:
            return
        assert self._ledger.head.height >= event.height
        self.view = max(self.view, event.view)
        self._remember()
        self._begin_height()
        self._replay()
        self._arm_proposal()

    def _timer(self, name: str) -> None:
        if name not in self._timers:
            return  # cancelled while it was on its way
        self._timers.discard(name)
        if name == effects.TIMER_RETRANSMIT:
            self._retransmit()
        else:
            self._propose(allow_empty=name == effects.TIMER_HEARTBEAT)
            self._arm_proposal()

    def _received(self, message: messages.Message, member: int) -> None:
        if (self._federation.member(member) is None
                or member == self._member):
            return
        match message:
            case messages.PrePrepare() | messages.Vote():
                if message.member != member:
                    self._refuse(message, member, errors.Forbidden(
                        'a member sent a vote in the name of another'))
                elif message.height < self.height:
                    self._received_late(message, member)
                elif message.height > self.height:
                    self._received_early(message, member)
                elif isinstance(message, messages.PrePrepare):
                    self._received_proposal(message)
                else:
                    self._received_vote(message)
            case messages.GetBody():
                self._received_get_body(message, member)
            case messages.Body():
                self._received_body(message, member)
            case messages.Status():
                self._received_status(message, member)

    def _received_proposal(self, message: messages.PrePrepare) -> None:
        if message.view != self.view or message.member != self.leader:
            return
        held = self._log.proposal(message.view)
        if held is not None and held.message.signature == message.signature:
            return
        try:
            block = block_module.Block.from_bytes(self._h, message.block)
            if block.header.height != message.height:
                raise errors.BadBlock('a block of another height')
        except errors.LedgerError as exc:
            self._refuse(message, message.member, exc)
            return
        self._log.add_proposal(message, block)
        self._arm_retransmit()

    def _received_vote(self, message: messages.Vote) -> None:
        if message.view != self.view or (
                message.KIND == _PREPARE and message.member == self.leader):
            return
        self._log.add_vote(message)
        self._arm_retransmit()

    def _received_late(self, message: messages.PrePrepare | messages.Vote,
                       member: int) -> None:
        """A vote for a height that is over: is its sender left behind?

        The votes that a quorum did without come late as a rule; a vote
        that comes again shows somebody who still waits.
        """
        previous = self._previous
        if (previous is not None and previous.height == message.height
                and isinstance(message, messages.Vote)
                and previous.add_vote(message)):
            self._out.extend(map(effects.Evidence,
                                 previous.take_evidence()))
            return
        self._send(messages.Status(self.height, self.view), member)

    def _received_early(self, message: messages.PrePrepare | messages.Vote,
                        member: int) -> None:
        """A vote for a height to come: keep it, if it is for the next."""
        if message.height > self.height + 1:
            self._show_behind(member, message.height)
        elif message.view == self.view and (
                message.KIND != _PROPOSE or member == self.leader):
            self._next[message.KIND, member] = message
        self._arm_retransmit()

    def _received_get_body(self, message: messages.GetBody, member: int
                           ) -> None:
        for log in (self._log, self._previous):
            if log is not None and log.height == message.height:
                for digest, block in log.blocks.items():
                    if digest.startswith(message.prefix):
                        self._send(messages.Body(block.to_bytes()), member)
                        return

    def _received_body(self, message: messages.Body, member: int) -> None:
        wanted = self._log.wanted(self.view)
        if wanted is None:
            return
        try:
            block = block_module.Block.from_bytes(self._h, message.block)
            if (block.header.height != self.height
                    or not block.digest.startswith(wanted)):
                raise errors.BadBlock('not the block that was asked for')
        except errors.LedgerError as exc:
            self._refuse(None, member, exc)
            return
        self._log.add_block(block)

    def _received_status(self, message: messages.Status, member: int
                         ) -> None:
        if message.height > self.height:
            self._show_behind(member, message.height)
        elif message.height < self.height:
            self._send(messages.Status(self.height, self.view), member)

    # What is due

    def _progress(self) -> None:
        """Do all that has become possible at the height in flight."""
        if self._appending:
            return
        self._append()
        if self._appending or self.halted:
            return
        if self._can_vote:
            self._prepare()
            self._commit()
        self._ask_for_body()

    @property
    def _can_vote(self) -> bool:
        return (self.may_vote and not self._failed
                and self._member is not None)

    def _append(self) -> None:
        for digest, block in self._log.blocks.items():
            votes = self._log.commits(self.view, digest)
            if votes is None:
                continue
            try:
                outcome = self._judge(digest)
            except errors.LedgerError as exc:
                # A quorum says it is valid: one side of us is broken.
                self._halt(exc)
                return
            certificate = certificate_module.Certificate.of(
                self.view, ((vote.member, vote.signature) for vote in votes))
            assert block is outcome.block
            self._appending = True
            self._cancel(effects.TIMER_RETRANSMIT)
            self._out.append(effects.Append(
                outcome, certificate.to_bytes(), self.view))
            return

    def _prepare(self) -> None:
        """Validate the leader's proposal and vote for it."""
        proposal = self._log.proposal(self.view)
        if (proposal is None or _PROPOSE in self._own
                or _PREPARE in self._own
                or proposal.digest in self._refused):
            return
        try:
            self._check_fresh(self._log.blocks[proposal.digest].header)
            self._judge(proposal.digest)
        except errors.TimestampFuture as exc:
            # Our clock or the leader's: time will tell.
            if proposal.digest not in self._doubted:
                self._doubted.add(proposal.digest)
                self._refuse(proposal.message, self.leader, exc)
            return
        except errors.LedgerError as exc:
            self._refused.add(proposal.digest)
            self._refuse(proposal.message, self.leader, exc)
            return
        self._vote(messages.Prepare, proposal.digest, (proposal.message,))

    def _commit(self) -> None:
        """Vote to commit what a quorum, we among it, has prepared."""
        own = self._own.get(_PROPOSE) or self._own.get(_PREPARE)
        if own is None or not own.durable or _COMMIT in self._own:
            return
        prepared = self._log.prepares(self.view, own.digest)
        if prepared is None:
            return
        votes, proposed = prepared
        signatures = [(vote.member, vote.signature) for vote in votes]
        signatures.append((self.leader, proposed))
        self._prepared = messages.PreparedCertificate(
            self.view, self._log.blocks[own.digest].header_bytes,
            tuple(sorted(signatures)))
        self._vote(messages.Commit, own.digest,
                   [vote for vote in votes if vote.member != self._member])

    def _judge(self, digest: bytes) -> application.Outcome:
        outcome = self._outcomes.get(digest)
        if outcome is None:
            outcome = self._ledger.validate(self._log.blocks[digest])
            self._outcomes[digest] = outcome
        return outcome

    def _check_fresh(self, header: block_module.Header) -> None:
        """Raise unless a first proposal names its proposer and our time."""
        if header.proposer != self.leader:
            raise errors.BadBlock('proposed in the name of another member')
        if header.timestamp_ms > self._now_ms + self._config.clock_skew_ms:
            raise errors.TimestampFuture(
                'the proposal is ahead of our clock',
                header_ms=header.timestamp_ms, clock_ms=self._now_ms)

    def _vote(self, kind: type[messages.Prepare | messages.Commit],
              digest: bytes, relied: Sequence[messages.Message]) -> None:
        assert self._member is not None
        vote = kind(self.height, self.view, self._member,
                    digest[:messages.PREFIX_BYTES],
                    self._sign(kind.KIND, digest))
        self._bind(vote, digest, relied)

    def _sign(self, kind: int, digest: bytes) -> bytes:
        assert self._signer is not None
        return self._signer.sign(messages.vote_message(
            self._h, kind, self.height, self.view, digest))

    def _bind(self, message: messages.PrePrepare | messages.Vote,
              digest: bytes, relied: Sequence[messages.Message]) -> None:
        """Have our own message made durable; it is sent after that."""
        assert message.KIND not in self._own
        self._own[message.KIND] = _Own(message, digest, False)
        self._record_id += 1
        self._writes[self._record_id] = message.KIND
        self._out.append(effects.Persist(
            self._record_id, self.height,
            tuple(map(messages.encode, (*relied, message)))))

    # Proposing

    def _arm_proposal(self) -> None:
        """Propose now, or set the timers that lead to a proposal."""
        if not self._may_propose():
            return
        parameters = self._federation.parameters
        if effects.TIMER_HEARTBEAT not in self._timers:
            due_ms = self._ledger.head.time_ms + parameters.heartbeat_ms
            self._set_timer(effects.TIMER_HEARTBEAT, min(
                max(due_ms - self._now_ms, 0), parameters.heartbeat_ms))
        ready = self._ready
        if ready is None or not ready.count:
            return
        delay_ms = parameters.batch_interval_ms - ready.waited_ms
        if (ready.count >= parameters.batch_max_transactions
                or ready.size_bytes >= parameters.block_max_bytes
                or delay_ms <= 0):
            self._propose(allow_empty=False)
        elif effects.TIMER_BATCH not in self._timers:
            self._set_timer(effects.TIMER_BATCH, delay_ms)

    def _may_propose(self) -> bool:
        return (self._can_vote and self.is_leader and not self._appending
                and _PROPOSE not in self._own)

    def _propose(self, *, allow_empty: bool) -> None:
        if not self._may_propose():
            return
        self._ready = None
        assert self._member is not None
        outcome = self._ledger.propose(self._now_ms, self._member,
                                       allow_empty=allow_empty)
        if outcome is None:
            return
        block = outcome.block
        self._cancel(effects.TIMER_BATCH)
        self._cancel(effects.TIMER_HEARTBEAT)
        self._outcomes[block.digest] = outcome
        self._log.add_block(block)
        self._bind(messages.PrePrepare(
            self.height, self.view, self._member, block.to_bytes(),
            self._sign(_PROPOSE, block.digest)), block.digest, ())

    # Heights

    def _begin_height(self) -> None:
        """Forget the height before and stand at the one after the head."""
        for name in sorted(self._timers):
            self._cancel(name)
        height = self._ledger.head.height + 1
        self._federation = self._ledger.federation
        self._member = (None if self._signer is None else
                        self._federation.index_of_vote_key(
                            self._signer.public))
        self._log = message_log.MessageLog(
            self._h, self._verifier, self._federation, height)
        self._own: dict[int, _Own] = {}
        self._writes: dict[int, int] = {}
        self._outcomes: dict[bytes, application.Outcome] = {}
        self._refused: set[bytes] = set()
        self._doubted: set[bytes] = set()
        self._prepared: messages.PreparedCertificate | None = None
        self._ready: effects.TransactionsReady | None = None
        self._asked: tuple[bytes, int] | None = None
        self._appending = False
        self._pause_ms = self._config.retransmit_ms
        try:
            self._federation.rules_at(height)
        except errors.UnsupportedVersion as exc:
            self._halt(exc)
            return
        self._restore()

    def _restore(self) -> None:
        """Take what the vote log holds about the height that begins."""
        votes = self._records.take(self.height)
        mine = [vote for vote in votes if vote.member == self._member]
        if mine:
            self.view = max(self.view, *(vote.view for vote in mine))
        for vote in votes:
            if isinstance(vote, messages.PrePrepare):
                self._log.add_proposal(vote, block_module.Block.from_bytes(
                    self._h, vote.block))
            elif vote.member != self._member:
                self._log.add_vote(vote)
        proposal = self._log.proposal(self.view)
        for vote in mine:
            if vote.view != self.view:
                continue
            if proposal is None:
                raise errors.CorruptStore(
                    'the vote log lacks the proposal we voted for',
                    height=self.height, view=self.view)
            self._own[vote.KIND] = _Own(vote, proposal.digest, True)
            if isinstance(vote, messages.Vote):
                self._log.add_vote(vote, trusted=proposal.digest)
            self._arm_retransmit()

    def _remember(self) -> None:
        """Keep of the height that ends what others may still ask for."""
        for member in range(self._federation.size):
            newest = self._log.newest(member)
            if newest is not None:
                self._newest[member] = newest
        over = self.height == self._ledger.head.height
        self._previous = self._log if over else None
        if self._federation != self._ledger.federation:
            # Indices mean other members now.
            self._previous = None
            self._newest.clear()
            self._next.clear()
            self._behind.clear()

    def _replay(self) -> None:
        """Take the votes that came before their height began."""
        early, self._next = self._next, {}
        for (_kind, member), message in early.items():
            self._received(message, member)

    # Sending again

    def _arm_retransmit(self) -> None:
        if effects.TIMER_RETRANSMIT not in self._timers:
            self._set_timer(effects.TIMER_RETRANSMIT, self._pause_ms)

    def _retransmit(self) -> None:
        """Nothing was committed for a while: say it all again."""
        self._pause_ms = min(2 * self._pause_ms,
                             self._config.retransmit_max_ms)
        self._arm_retransmit()
        self._behind.clear()
        for _kind, member in list(self._next)[:1]:
            self._show_behind(member, self.height + 1)
        if not self._appending:
            self._asked = None if self._asked is None else (
                b'', self._asked[1] + 1)
            self._send_own(None)

    def _send_own(self, to: int | None) -> None:
        """Send our durable messages of the height in flight again.

        A proposal is large: it goes to those alone who have not voted.
        """
        if not self._can_vote:
            return
        for _kind, own in sorted(self._own.items()):
            if not own.durable:
                continue
            if not isinstance(own.message, messages.PrePrepare):
                self._send(own.message, to)
                continue
            for member in range(self._federation.size):
                if (member != self._member and to in (None, member)
                        and not self._log.heard(self.view, member)):
                    self._send(own.message, member)

    def _ask_for_body(self) -> None:
        """Ask one of those who committed to it for a block we lack."""
        wanted = self._log.wanted(self.view)
        if wanted is None:
            return
        tries = 0 if self._asked is None else self._asked[1]
        if self._asked is None or self._asked[0] != wanted:
            voters = self._log.voters(_COMMIT, self.view, wanted)
            self._asked = (wanted, tries)
            self._send(messages.GetBody(self.height, wanted),
                       voters[tries % len(voters)])
            self._arm_retransmit()

    # Effects

    def _send(self, message: messages.Message, to: int | None = None
              ) -> None:
        if self._federation.size > 1 or self._member is None:
            self._out.append(effects.Send(message, to))

    def _set_timer(self, name: str, delay_ms: int) -> None:
        self._timers.add(name)
        self._out.append(effects.SetTimer(name, delay_ms))

    def _cancel(self, name: str) -> None:
        if name in self._timers:
            self._timers.discard(name)
            self._out.append(effects.CancelTimer(name))

    def _show_behind(self, member: int, height: int) -> None:
        if self._behind.get(member, 0) < height:
            self._behind[member] = height
            self._out.append(effects.Behind(member, height))

    def _refuse(self, message: messages.PrePrepare | messages.Vote | None,
                member: int, error: errors.LedgerError) -> None:
        view = self.view if message is None else message.view
        height = self.height if message is None else message.height
        self._out.append(effects.Refused(member, height, view, error.code,
                                         error.message))

    def _halt(self, error: errors.LedgerError) -> None:
        self.halted = True
        self._out.append(effects.Halted(self.height, error.code,
                                        error.message))
