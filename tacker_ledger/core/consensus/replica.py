# SPDX-License-Identifier: Apache-2.0
"""The PBFT replica: ``step(event, now) -> effects``.

Theory of operation.  One height is in flight: the one after the newest
committed block.  The leader of the view proposes a block (pre-prepare), the
others validate it and prepare; who sees a quorum of prepares commits; a
quorum of commits is the certificate, and the block is appended.  There is no
reply phase.  The view, hence the leader, persists from height to height.

A member that has waited too long, was offered what is not valid, or sees a
transaction passed over asks for the next view (view change) and votes
nothing in the old one any more; so does who sees that somebody honest among
f + 1 others wants it.  The leader of the next view shows the quorum that
asked (new view) and proposes again what the highest view before prepared.

What makes it safe: in one view of one height a replica votes for one block
only; a vote leaves only after the record that binds it is durable, together
with the others' messages it relies on; any two quorums share an honest
member; and what may be committed in some view is what every later view
proposes.  What makes it live: everything can be sent again without effect on
whoever has it, and is, until the height is committed; and each failed view
lasts twice as long as the one before.

:class:`~.rounds.Round` decides one height, :class:`~.views.Views` knows in
which view, :class:`~.pacemaker.Pacemaker` when a leader has had its time,
:class:`~.whereabouts.Whereabouts` tells members which of them is behind.
The replica leads from height to height and decides when a view is left.
"""

from collections.abc import Sequence
import dataclasses

from tacker_ledger.core.consensus import ballots
from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import evidence
from tacker_ledger.core.consensus import message_log
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import outbox
from tacker_ledger.core.consensus import pacemaker
from tacker_ledger.core.consensus import rounds
from tacker_ledger.core.consensus import timeouts
from tacker_ledger.core.consensus import vote_log
from tacker_ledger.core.consensus import whereabouts
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import federation as federation_module

VoteSigner = ballots.VoteSigner


@dataclasses.dataclass(frozen=True, slots=True)
class Config:
    """What may differ from member to member.

    :param retransmit_ms: first pause before own messages are sent again;
        it doubles while the height lasts
    :param retransmit_max_ms: the longest pause
    :param clock_skew_ms: how far a fresh proposal may lie ahead of our
        clock
    :param view_timeout_ms: the shortest time that a leader is given
    :param view_timeout_max_ms: the longest
    """

    retransmit_ms: int = 500
    retransmit_max_ms: int = 8_000
    clock_skew_ms: int = 10_000
    view_timeout_ms: int = 1_000
    view_timeout_max_ms: int = 60_000


class Replica:
    """One member's part in the consensus, or an observer's.

    Pass :class:`~.effects.Start` first.  The driver's contract stands in
    :mod:`~tacker_ledger.core.consensus.effects`.

    :param config: of this member
    :param ledger: what blocks do; read here, moved on by the driver
    :param signers: of vote keys; that one signs which the federation in
        force names, so a key that is rotated is a second one; without any
        this is an observer
    :param verifier: of votes
    """

    def __init__(self, config: Config, ledger: application.LedgerApplication,
                 signers: Sequence[VoteSigner],
                 verifier: certificate_module.Verifier) -> None:
        self._config = config
        self._ledger = ledger
        self._signers = tuple(signers)
        self._verifier = verifier
        self._out = outbox.Outbox()
        self._pace = pacemaker.Pacemaker(self._out, timeouts.Timeouts(
            config.view_timeout_ms, config.view_timeout_max_ms))
        self._where = whereabouts.Whereabouts(self._out, verifier)
        self._now_ms = 0
        self._allowed = False
        self._failed = False
        self._records = vote_log.Records()
        self._ready: effects.TransactionsReady | None = None
        self._pause_ms = config.retransmit_ms
        #: Votes for the next height, by kind and sender.
        self._early: dict[tuple[int, int], messages.AnyVote] = {}
        self._newest: dict[int, messages.Message] = {}
        self._previous: message_log.MessageLog | None = None
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
        """The present view: we are in it, or have asked for it."""
        return self._round.view

    @property
    def in_view(self) -> bool:
        """Whether we are in the present view, not only asking for it."""
        return self._round.views.active

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

    def newest(self, member: int) -> messages.Message | None:
        """Return the newest message that a member has signed, or None.

        A vote as a ``ShownVote``, else a view change or new view.
        """
        return self._round.newest(member) or self._newest.get(member)

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
        self._accuse(self._round.log.take_evidence())
        if not self.halted:
            self._look_at_leader()
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
            case effects.RequestExpired():
                if self._round.views.active:
                    self._round.fault = (
                        f'it passes over transaction {event.txid.hex()}')
            case effects.PeerConnected():
                self._where.say(self._round, event.member)
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
        active = self.in_view
        try:
            self._round.progress(self._now_ms, self.may_vote)
        except errors.LedgerError as exc:
            self._halt(exc)
            return
        if self._round.appending:
            self._out.cancel(effects.TIMER_RETRANSMIT)
            return
        if self.in_view and not active:
            self._arm_proposal()
        self._where.ask_for_body(self._round)
        if self._where.asked:
            self._arm_retransmit()

    def _accuse(self, records: Sequence[evidence.Equivocation]) -> None:
        self._out.accuse(records)
        for record in records:
            if (record.height, record.view, record.member) == (
                    self.height, self.view, self.leader):
                self._round.fault = 'it has signed two blocks'

    # Changing the view

    def _look_at_leader(self) -> None:
        """Leave the view if that is due, and see to the timer."""
        if not self.may_vote or self._round.appending:
            self._pace.stop()
            return
        views = self._round.views
        later = views.worth_joining(self.member)
        if later is not None:
            self._leave(later, 'more than f members ask for it')
        elif self._round.fault and views.active:
            self._leave(self.view + 1,
                        f'of its leader: {self._round.fault}')
        ready = self._ready
        self._pace.arm(self._round, work=bool(ready and ready.count),
                       now_ms=self._now_ms,
                       heartbeat_ms=self._heartbeat_due_ms())

    def _view_ran_down(self) -> None:
        """The view has had its time."""
        phase = self._pace.ran_down()
        if not self.may_vote or self._round.appending:
            return
        if phase == pacemaker.WORKING and not self._round.in_flight:
            try:
                work = self._ledger.propose(self._now_ms, self.leader,
                                            allow_empty=False)
            except errors.LedgerError as exc:
                self._halt(exc)
                return
            if work is None and self._heartbeat_due_ms():
                # What waits can be in no block: nobody is to blame.
                self._ready = None
                return
        reasons = {pacemaker.IDLE: 'no heartbeat came in time',
                   pacemaker.WORKING: 'nothing was decided in time',
                   pacemaker.CHANGING: 'it did not begin in time'}
        self._leave(self.view + 1, reasons[phase])

    def _leave(self, view: int, reason: str) -> None:
        self._out.cancel(effects.TIMER_BATCH, effects.TIMER_HEARTBEAT,
                         effects.TIMER_RETRANSMIT)
        self._pause_ms = self._config.retransmit_ms
        self._round.leave(view)
        self._out.view_changed(self.height, view, self.leader, reason,
                               active=False)

    def _entered(self, reason: str) -> None:
        """We are in another view; what is due there is due now."""
        self._out.cancel(effects.TIMER_BATCH, effects.TIMER_HEARTBEAT)
        self._pause_ms = self._config.retransmit_ms
        self._out.view_changed(self.height, self.view, self.leader, reason,
                               active=True)
        self._arm_proposal()

    def _received_change(self, message: messages.ViewChange, member: int
                         ) -> None:
        if message.member != member:
            self._refuse_forged(message, member)
        elif message.height < self.height:
            self._where.say(self._round, member)
        elif message.height > self.height:
            self._where.show_behind(member, message.height)
        else:
            self._round.views.add_change(message)
            if message.view <= self.view:
                self._where.show_view(self._round, self._ledger.head, member)

    def _received_new_view(self, message: messages.NewView, member: int
                           ) -> None:
        if message.height > self.height:
            self._where.show_behind(member, message.height)
        elif (message.height == self.height and not self._round.appending
                and self._round.views.may_enter(message.view)):
            self._round.views.check(message)
            self._round.enter(message)
            self._entered('its leader has opened it')

    def _received_head(self, message: messages.CertifiedHead) -> None:
        view = self._where.first_view(self._ledger.h, message,
                                      self._ledger.head, self.federation)
        if (view is not None and self._round.prepared is None
                and not self._round.appending
                and self._round.views.may_enter(view)):
            self._round.enter_first(view)
            self._entered('the block before was certified in it')

    # From height to height

    def _start(self, event: effects.Start) -> None:
        self._records = vote_log.Records(event.records)
        self._allowed = event.may_vote
        self._enter(event.view)

    def _committed(self, event: effects.BlockCommitted) -> None:
        if event.height < self.height:
            return
        assert self._ledger.head.height >= event.height
        here = self._round.appending and event.height == self.height
        self._pace.decided(self._now_ms, here=here)
        self._remember()
        self._enter(event.view if here or event.view else self._first_view())
        early, self._early = self._early, {}
        for (_kind, member), message in early.items():
            self._received(message, member)

    def _first_view(self) -> int:
        """Return the view of the head's certificate."""
        proof = self._ledger.head.certificate
        if not proof:
            return self._round.views.first
        return certificate_module.Certificate.from_bytes(proof).view

    def _new_round(self, view: int) -> rounds.Round:
        return rounds.Round(
            self._ledger, self._signers, self._verifier, self._out, view,
            self._config.clock_skew_ms)

    def _enter(self, view: int) -> None:
        """Begin the round of the height after the head."""
        self._out.cancel(effects.TIMER_BATCH, effects.TIMER_HEARTBEAT,
                         effects.TIMER_RETRANSMIT)
        self._ready = None
        self._pause_ms = self._config.retransmit_ms
        self._round = self._new_round(view)
        self._where.entered()
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
            self._where.epoch_ended(over.federation)
            return
        for member in range(over.federation.size):
            newest = over.newest(member)
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
        elif name == effects.TIMER_VIEW:
            self._view_ran_down()
        elif self._may_propose():
            self._propose(allow_empty=name == effects.TIMER_HEARTBEAT)
            if not self.halted:
                self._arm_proposal()

    def _may_propose(self) -> bool:
        return self.may_vote and self._round.may_propose()

    def _heartbeat_due_ms(self) -> int:
        """Return how long until an empty block is due."""
        heartbeat_ms = self.federation.parameters.heartbeat_ms
        due_ms = self._ledger.head.time_ms + heartbeat_ms
        return min(max(due_ms - self._now_ms, 0), heartbeat_ms)

    def _arm_proposal(self) -> None:
        """Propose now, or set the timers that lead to a proposal."""
        if not self._may_propose():
            return
        parameters = self.federation.parameters
        if not self._out.runs(effects.TIMER_HEARTBEAT):
            self._out.set_timer(effects.TIMER_HEARTBEAT,
                                self._heartbeat_due_ms())
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
        try:
            match message:
                case (messages.PrePrepare() | messages.Prepare()
                        | messages.Commit()):
                    self._received_vote(message, member)
                case messages.ViewChange():
                    self._received_change(message, member)
                case messages.NewView():
                    self._received_new_view(message, member)
                case messages.CertifiedHead():
                    self._received_head(message)
                case messages.GetBody():
                    self._received_get_body(message, member)
                case messages.Body():
                    self._round.hear_body(message, member)
                case messages.Status():
                    self._received_status(message, member)
        except errors.LedgerError as exc:
            self._out.refuse(member, self.height, self.view, exc)

    def _refuse_forged(self, message: messages.Recorded, member: int
                       ) -> None:
        self._out.refuse(member, message.height, message.view,
                         errors.Forbidden('a message in the name of another '
                                          'member'))

    def _received_vote(self, message: messages.AnyVote, member: int
                       ) -> None:
        if message.member != member:
            self._refuse_forged(message, member)
        elif message.height < self.height:
            self._received_late(message, member)
        elif message.height == self.height:
            self._round.hear(message)
            self._arm_retransmit()
            if message.view < self.view:
                self._where.show_view(self._round, self._ledger.head, member)
            elif message.view > self.view:
                self._where.ask_for_view(self._round, member)
        elif message.height > self.height + 1:
            self._where.show_behind(member, message.height)
        else:
            if message.KIND != messages.PrePrepare.KIND or (
                    member == self.leader and message.view == self.view):
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
            self._where.say(self._round, member)

    def _received_status(self, message: messages.Status, member: int
                         ) -> None:
        if message.height > self.height:
            self._where.show_behind(member, message.height)
        elif message.height < self.height:
            self._where.say(self._round, member)
        elif message.view < self.view:
            self._where.show_view(self._round, self._ledger.head, member)
            if self.may_vote:
                self._round.send_own(member)
        elif message.view > self.view:
            self._where.ask_for_view(self._round, member)

    def _received_get_body(self, message: messages.GetBody, member: int
                           ) -> None:
        for log in (self._round.log, self._previous):
            if log is not None and log.height == message.height:
                for digest, block in log.blocks.items():
                    if digest.startswith(message.prefix):
                        self._out.send(messages.Body(block.to_bytes()),
                                       member)
                        return

    # Repeating

    def _arm_retransmit(self) -> None:
        if not self._round.appending and not self._out.runs(
                effects.TIMER_RETRANSMIT):
            self._out.set_timer(effects.TIMER_RETRANSMIT, self._pause_ms)

    def _retransmit(self) -> None:
        """Nothing was committed for a while: say it all again."""
        self._pause_ms = min(2 * self._pause_ms,
                             self._config.retransmit_max_ms)
        self._arm_retransmit()
        self._where.forget()
        for _kind, member in list(self._early)[:1]:
            self._where.show_behind(member, self.height + 1)
        # Whoever is further answers a vote; or this, where there is none.
        if not self.may_vote or not self._round.send_own(None):
            self._out.send(messages.Status(self.height, self.view))
