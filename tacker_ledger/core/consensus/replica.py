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

:class:`~.rounds.Round` decides one height.  The replica leads from height to
height, sets the timers, repeats what may have been lost, and notices when
others are further.

Changing the view is an addition to this: messages are kept per view, the
prepared certificate is held from the moment it exists, and ``view_change``
verifies what travels.
"""

import dataclasses

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import message_log
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import outbox
from tacker_ledger.core.consensus import rounds
from tacker_ledger.core.consensus import vote_log
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import federation as federation_module

VoteSigner = rounds.VoteSigner


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
        self._out = outbox.Outbox()
        self._now_ms = 0
        self._allowed = False
        self._failed = False
        self._records = vote_log.Records()
        self._ready: effects.TransactionsReady | None = None
        self._pause_ms = config.retransmit_ms
        #: Votes for the next height, by kind and sender.
        self._early: dict[tuple[int, int], messages.AnyVote] = {}
        #: What members have claimed to have in flight.
        self._behind: dict[int, int] = {}
        self._newest: dict[int, messages.ShownVote] = {}
        self._previous: message_log.MessageLog | None = None
        #: The block that was asked for, and how often.
        self._asked = b''
        self._asked_times = 0
        #: Whether it has stopped for good (see ``effects.Halted``).
        self.halted = False
        self._round = self._new_round(0)

    # What others may know

    @property
    def height(self) -> int:
        """The height in flight."""
        return self._round.height

    @property
    def view(self) -> int:
        """The present view."""
        return self._round.view

    @property
    def federation(self) -> federation_module.Federation:
        """In force at that height."""
        return self._round.federation

    @property
    def member(self) -> int | None:
        """Our index in that federation, None for an observer."""
        return self._round.member

    @property
    def leader(self) -> int:
        """Index of the member who leads the present view."""
        return self._round.leader

    @property
    def is_leader(self) -> bool:
        """Whether we lead the present view."""
        return self._round.member == self._round.leader

    @property
    def prepared(self) -> messages.PreparedCertificate | None:
        """What we saw prepared at this height, if anything."""
        return self._round.prepared

    @property
    def may_vote(self) -> bool:
        """Whether we are a member, may sign, and have a sound vote log."""
        return (self._allowed and not self._failed
                and self._round.member is not None)

    def newest(self, member: int) -> messages.ShownVote | None:
        """Return the newest vote that we have from a member, or None."""
        return self._round.log.newest(member) or self._newest.get(member)

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
        head = self._ledger.head.height
        if head >= self.height and not isinstance(
                event, effects.Start | effects.BlockCommitted):
            # Catching up was faster than the word of it.
            self._committed(effects.BlockCommitted(head))
        self._dispatch(event)
        if not self.halted:
            self._progress()
        self._out.accuse(self._round.log.take_evidence())
        return self._out.take()

    def _dispatch(self, event: effects.Event) -> None:
        match event:
            case effects.Received():
                self._received(event.message, event.member)
            case effects.Persisted():
                if self._round.persisted(event.record_id):
                    self._arm_retransmit()
            case effects.BlockCommitted():
                self._committed(event)
            case effects.TransactionsReady():
                self._ready = event
                self._arm_proposal()
            case effects.Timer():
                self._timer(event.name)
            case effects.PeerConnected():
                self._say_where(event.member)
                if self.may_vote:
                    self._round.send_own(event.member)
            case effects.VotingChanged():
                self._voting_changed(event.allowed)
            case effects.PersistFailed():
                self._failed = True
                self._out.cancel(effects.TIMER_BATCH,
                                 effects.TIMER_HEARTBEAT)
            case effects.Start():
                self._start(event)

    def _progress(self) -> None:
        try:
            self._round.progress(self._now_ms, self.may_vote)
        except errors.LedgerError as exc:
            self._halt(exc)
            return
        if self._round.appending:
            self._out.cancel(effects.TIMER_RETRANSMIT)
        else:
            self._ask_for_body()

    # From height to height

    def _start(self, event: effects.Start) -> None:
        self._records = vote_log.Records(event.records)
        self._allowed = event.may_vote
        self._enter(event.view)

    def _committed(self, event: effects.BlockCommitted) -> None:
        if event.height < self.height:
            return
        assert self._ledger.head.height >= event.height
        self._remember()
        self._enter(max(self.view, event.view))
        early, self._early = self._early, {}
        for (_kind, member), message in early.items():
            self._received(message, member)

    def _new_round(self, view: int) -> rounds.Round:
        return rounds.Round(
            self._ledger, self._signer, self._verifier, self._out, view,
            self._config.clock_skew_ms)

    def _enter(self, view: int) -> None:
        """Begin the round of the height after the head."""
        self._out.cancel(effects.TIMER_BATCH, effects.TIMER_HEARTBEAT,
                         effects.TIMER_RETRANSMIT)
        self._ready = None
        self._pause_ms = self._config.retransmit_ms
        self._asked, self._asked_times = b'', 0
        self._round = self._new_round(view)
        try:
            self.federation.rules_at(self.height)
        except errors.UnsupportedVersion as exc:
            self._halt(exc)
            return
        self._round.restore(self._records.take(self.height))
        if self._round.own:
            self._arm_retransmit()
        self._arm_proposal()

    def _remember(self) -> None:
        """Keep of the round that ends what others may still ask for."""
        over = self._round
        if over.federation != self._ledger.federation:
            # Indices mean other members from now on.
            self._previous = None
            self._newest.clear()
            self._early.clear()
            self._behind.clear()
            return
        for member in range(over.federation.size):
            newest = over.log.newest(member)
            if newest is not None:
                self._newest[member] = newest
        alone = over.height == self._ledger.head.height
        self._previous = over.log if alone else None
        if not alone:
            self._early.clear()

    def _voting_changed(self, allowed: bool) -> None:
        if allowed == self._allowed:
            return
        self._allowed = allowed
        if self.may_vote:
            self._round.send_own(None)
            self._arm_proposal()

    def _halt(self, error: errors.LedgerError) -> None:
        self.halted = True
        self._out.put(effects.Halted(self.height, error.code,
                                     error.message))

    # Proposing

    def _timer(self, name: str) -> None:
        if not self._out.ran_down(name):
            return
        if name == effects.TIMER_RETRANSMIT:
            self._retransmit()
        elif self._may_propose():
            self._propose(allow_empty=name == effects.TIMER_HEARTBEAT)
            if not self.halted:
                self._arm_proposal()

    def _may_propose(self) -> bool:
        return self.may_vote and self._round.may_propose()

    def _arm_proposal(self) -> None:
        """Propose now, or set the timers that lead to a proposal."""
        if not self._may_propose():
            return
        parameters = self.federation.parameters
        if not self._out.runs(effects.TIMER_HEARTBEAT):
            due_ms = self._ledger.head.time_ms + parameters.heartbeat_ms
            self._out.set_timer(effects.TIMER_HEARTBEAT, min(
                max(due_ms - self._now_ms, 0), parameters.heartbeat_ms))
        ready = self._ready
        if ready is None or not ready.count:
            return
        delay_ms = parameters.batch_interval_ms - ready.waited_ms
        if (ready.count >= parameters.batch_max_transactions
                or ready.size_bytes >= parameters.block_max_bytes
                or delay_ms <= 0):
            self._propose(allow_empty=False)
        elif not self._out.runs(effects.TIMER_BATCH):
            self._out.set_timer(effects.TIMER_BATCH, delay_ms)

    def _propose(self, *, allow_empty: bool) -> None:
        self._ready = None
        try:
            proposed = self._round.propose(self._now_ms,
                                           allow_empty=allow_empty)
        except errors.LedgerError as exc:
            self._halt(exc)
            return
        if proposed:
            self._out.cancel(effects.TIMER_BATCH, effects.TIMER_HEARTBEAT)

    # Hearing

    def _received(self, message: messages.Message, member: int) -> None:
        if (self.federation.member(member) is None or member == self.member):
            return
        match message:
            case (messages.PrePrepare() | messages.Prepare()
                    | messages.Commit()):
                self._received_vote(message, member)
            case messages.GetBody():
                self._received_get_body(message, member)
            case messages.Body():
                self._round.hear_body(message, member)
            case messages.Status():
                if message.height > self.height:
                    self._show_behind(member, message.height)
                elif message.height < self.height:
                    self._say_where(member)

    def _received_vote(self, message: messages.AnyVote, member: int
                       ) -> None:
        if message.member != member:
            self._out.refuse(member, message.height, message.view,
                             errors.Forbidden('a vote in the name of '
                                              'another member'))
        elif message.height < self.height:
            self._received_late(message, member)
        elif message.height == self.height:
            self._round.hear(message)
            self._arm_retransmit()
        elif message.height > self.height + 1:
            self._show_behind(member, message.height)
        elif message.view == self.view:
            if message.KIND != messages.PrePrepare.KIND or (
                    member == self.leader):
                self._early[message.KIND, member] = message
            self._arm_retransmit()

    def _received_late(self, message: messages.AnyVote, member: int
                       ) -> None:
        """A vote for a height that is over: is its sender left behind?

        The votes that a quorum did without come late as a rule; a vote
        that comes again shows somebody who still waits.
        """
        previous = self._previous
        if (previous is not None and previous.height == message.height
                and not isinstance(message, messages.PrePrepare)
                and previous.add_vote(message)):
            self._out.accuse(previous.take_evidence())
        else:
            self._say_where(member)

    def _received_get_body(self, message: messages.GetBody, member: int
                           ) -> None:
        for log in (self._round.log, self._previous):
            if log is not None and log.height == message.height:
                for digest, block in log.blocks.items():
                    if digest.startswith(message.prefix):
                        self._out.send(messages.Body(block.to_bytes()),
                                       member)
                        return

    # Repeating and catching up

    def _arm_retransmit(self) -> None:
        if not self._round.appending and not self._out.runs(
                effects.TIMER_RETRANSMIT):
            self._out.set_timer(effects.TIMER_RETRANSMIT, self._pause_ms)

    def _retransmit(self) -> None:
        """Nothing was committed for a while: say it all again."""
        self._pause_ms = min(2 * self._pause_ms,
                             self._config.retransmit_max_ms)
        self._arm_retransmit()
        self._behind.clear()
        for _kind, member in list(self._early)[:1]:
            self._show_behind(member, self.height + 1)
        self._asked = b''
        # Whoever is further answers a vote; or this, where there is none.
        if not self.may_vote or not self._round.send_own(None):
            self._out.send(messages.Status(self.height, self.view))

    def _ask_for_body(self) -> None:
        """Ask for a block we lack one of those who committed to it."""
        wanted = self._round.log.wanted(self.view)
        if wanted is None or wanted == self._asked:
            return
        voters = self._round.log.voters(messages.Commit.KIND, self.view,
                                        wanted)
        self._asked = wanted
        self._out.send(messages.GetBody(self.height, wanted),
                       voters[self._asked_times % len(voters)])
        self._asked_times += 1
        self._arm_retransmit()

    def _say_where(self, member: int) -> None:
        self._out.send(messages.Status(self.height, self.view), member)

    def _show_behind(self, member: int, height: int) -> None:
        if self._behind.get(member, 0) < height:
            self._behind[member] = height
            self._out.put(effects.Behind(member, height))
