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

from tacker_ledger.core.consensus import ballots
from tacker_ledger.core.consensus import config as config_module
from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import evidence
from tacker_ledger.core.consensus import memory
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import outbox
from tacker_ledger.core.consensus import pacemaker
from tacker_ledger.core.consensus import proposals
from tacker_ledger.core.consensus import rounds
from tacker_ledger.core.consensus import timeouts
from tacker_ledger.core.consensus import vote_log
from tacker_ledger.core.consensus import whereabouts
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import federation as federation_module

Config = config_module.Config


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
                 signers: Sequence[ballots.VoteSigner],
                 verifier: certificate_module.Verifier) -> None:
        self._config = config
        self._ledger = ledger
        #: May be replaced; acts from the next height on.
        self.signers = tuple(signers)
        self._verifier = verifier
        self._out = outbox.Outbox()
        self._pace = pacemaker.Pacemaker(self._out, timeouts.Timeouts(
            config.view_timeout_ms, config.view_timeout_max_ms))
        self._proposals = proposals.Proposals(self._out, ledger)
        self._where = whereabouts.Whereabouts(self._out, verifier)
        self._now_ms = 0
        self._allowed = False
        self._failed = False
        self._records = vote_log.Records()
        self._pause_ms = config.retransmit_ms
        self._memory = memory.Memory()
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
    def prepared(self) -> messages.PreparedCertificate | None:
        """What we saw prepared at this height, if anything."""
        return self._round.prepared

    @property
    def may_vote(self) -> bool:
        """Whether we are a member, may sign, and have a sound vote log."""
        return (self._allowed and not self._failed
                and self._round.member is not None)

    def newest(self, member: int) -> messages.Message | None:
        """Return a member's newest message (votes as shown votes), if any."""
        return self._round.newest(member) or self._memory.newest(member)

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
        moved = head >= self._round.height and not isinstance(
            event, effects.Start | effects.BlockCommitted)
        if moved:
            # Catching up was faster than the word of it.
            self._committed(effects.BlockCommitted(head))
        if not self._dispatch(event) and not moved:
            return self._out.take()
        if not self.halted:
            self._progress()
        if self._round.log.convicts:
            self._accuse(self._round.log.take_evidence())
        if not self.halted:
            self._look_at_leader()
        return self._out.take()

    def _dispatch(self, event: effects.Event) -> bool:
        """Take an event; return whether anything may follow from it."""
        match event:
            case effects.Received():
                return self._received(event.message, event.member)
            case effects.Persisted():
                if self._round.persisted(event.record_id):
                    self._arm_retransmit()
            case effects.BlockCommitted():
                self._committed(event)
            case effects.TransactionsReady():
                self._proposals.ready(event)
                self._arm_proposal()
            case effects.Timer():
                self._timer(event.name)
            case effects.RequestExpired():
                if self._round.views.active:
                    self._round.fault = (
                        f'it passes over transaction {event.txid.hex()}')
            case effects.PeerLost():
                self._pace.lost(event.member)
            case effects.PeerConnected():
                self._pace.found(event.member)
                self._where.say(self._round, event.member)
                if self.may_vote:
                    self._round.send_own(event.member)
            case effects.VotingChanged():
                self._voting_changed(event.allowed)
            case effects.PersistFailed():
                self._failed = True
                self._proposals.stop()
            case effects.Start():
                self._start(event)
        return True

    def _progress(self) -> None:
        current, active = self._round, self._round.views.active
        try:
            current.progress(self._now_ms, self.may_vote)
        except errors.LedgerError as exc:
            self._halt(exc)
            return
        if current.appending:
            self._out.cancel(effects.TIMER_RETRANSMIT)
            return
        if current.views.active and not active:
            self._arm_proposal()
        if (current.log.may_certify or current.views.required
                or self._where.asked):
            self._where.ask_for_body(current)
            if self._where.asked:
                self._arm_retransmit()

    def _accuse(self, records: Sequence[evidence.Equivocation]) -> None:
        self._out.accuse(records)
        for record in records:
            if (record.height, record.view, record.member) == (
                    self.height, self.view, self.leader):
                self._round.fault = 'it signed two blocks'

    # Changing the view

    def _look_at_leader(self) -> None:
        """Leave the view if that is due, and see to the timer."""
        if not self.may_vote or self._round.appending:
            self._pace.stop()
            return
        views = self._round.views
        later = views.worth_joining(self.member) if views.wanted else None
        if later is not None:
            self._leave(later, 'more than f members ask for it')
        elif self._round.fault and views.active:
            self._leave(self.view + 1,
                        f'its leader is at fault: {self._round.fault}')
        self._pace.arm(
            self._round, work=self._proposals.work, now_ms=self._now_ms,
            heartbeat_due_ms=self._proposals.heartbeat_due_ms)

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
            if work is None and self._proposals.heartbeat_due_ms(
                    self._now_ms):
                # What waits can be in no block: nobody is to blame.
                self._proposals.forget()
                return
        self._leave(self.view + 1, pacemaker.REASONS[phase])

    def _leave(self, view: int, reason: str) -> None:
        self._proposals.stop()
        self._out.cancel(effects.TIMER_RETRANSMIT)
        self._pause_ms = self._config.retransmit_ms
        self._round.leave(view)
        self._out.view_changed(self.height, view, self.leader, reason,
                               active=False)

    def _entered(self, reason: str) -> None:
        """We are in another view; what is due there is due now."""
        self._proposals.stop()
        self._pause_ms = self._config.retransmit_ms
        self._out.view_changed(self.height, self.view, self.leader, reason,
                               active=True)
        self._arm_proposal()

    def _received_change(self, message: messages.ViewChange, member: int
                         ) -> None:
        if message.member != member:
            self._refuse_forged(message, member)
        elif message.height < self.height:
            self._memory.note(message)
            self._where.say(self._round, member)
        elif message.height > self.height:
            self._where.show_behind(member, message.height)
        else:
            self._round.hear_change(message)
            if not self._round.views.may_enter(message.view):
                self._where.show_view(self._round, self._ledger.head, member)

    def _received_new_view(self, message: messages.NewView, member: int
                           ) -> None:
        if message.height > self.height:
            self._where.show_behind(member, message.height)
        elif (message.height == self.height and not self._round.appending
                and self._round.views.may_enter(message.view)):
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
        self._memory.remember(self._round, self._ledger)
        if self.federation != self._ledger.federation:
            self._where.epoch_ended(self.federation)
            self._pace.epoch_ended()
        self._enter(event.view if here or event.view else self._first_view())
        for message in self._memory.take_early():
            self._received(message, message.member)

    def _first_view(self) -> int:
        """Return the view of the head's certificate."""
        proof = self._ledger.head.certificate
        if not proof:
            return self._round.views.first
        return certificate_module.Certificate.from_bytes(proof).view

    def _new_round(self, view: int) -> rounds.Round:
        return rounds.Round(
            self._ledger, self.signers, self._verifier, self._out, view,
            self._config.clock_skew_ms)

    def _enter(self, view: int) -> None:
        """Begin the round of the height after the head."""
        self._proposals.stop()
        self._proposals.forget()
        self._out.cancel(effects.TIMER_RETRANSMIT)
        self._pause_ms = self._config.retransmit_ms
        self._round = self._new_round(view)
        self._where.entered()
        try:
            self.federation.rules_at(self.height)
        except errors.UnsupportedVersion as exc:
            self._halt(exc)
            return
        self._round.restore(self._records.take(self.height))
        if self._round.own.said:
            self._arm_retransmit()
        self._arm_proposal()

    def _voting_changed(self, allowed: bool) -> None:
        if allowed == self._allowed:
            return
        self._allowed = allowed
        if self.may_vote:
            self._round.send_own(None)
            self._arm_proposal()

    def _halt(self, error: errors.LedgerError) -> None:
        self.halted = True
        self._out.put(effects.Halted(self.height, error.code, error.message))

    # Proposing

    def _timer(self, name: str) -> None:
        if not self._out.ran_down(name):
            return
        if name == effects.TIMER_RETRANSMIT:
            self._retransmit()
        elif name == effects.TIMER_VIEW:
            self._view_ran_down()
        elif self._may_propose():
            try:
                self._proposals.propose(
                    self._round, self._now_ms,
                    allow_empty=name == effects.TIMER_HEARTBEAT)
            except errors.LedgerError as exc:
                self._halt(exc)
            else:
                self._arm_proposal()

    def _may_propose(self) -> bool:
        return self._round.may_propose() and self.may_vote

    def _arm_proposal(self) -> None:
        if self._may_propose():
            try:
                self._proposals.arm(self._round, self._now_ms)
            except errors.LedgerError as exc:
                self._halt(exc)

    # Hearing

    def _received(self, message: messages.Message, member: int) -> bool:
        if (member == self._round.member
                or not 0 <= member < self._round.federation.size):
            return False
        try:
            match message:
                case (messages.Commit() | messages.Prepare()
                        | messages.PrePrepare()):
                    return self._received_vote(message, member)
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
        return True

    def _refuse_forged(self, message: messages.Recorded, member: int
                       ) -> None:
        self._out.refuse(member, message.height, message.view,
                         errors.Forbidden('a message in the name of another '
                                          'member'))

    def _received_vote(self, message: messages.AnyVote, member: int) -> bool:
        follows = False
        current = self._round
        if message.member != member:
            self._refuse_forged(message, member)
        elif message.height == current.height:
            follows = current.hear(message)
            self._arm_retransmit()
            if message.view < current.views.view:
                self._where.show_view(current, self._ledger.head, member)
            elif message.view > current.views.view:
                self._where.ask_for_view(current, member)
        elif message.height < current.height:
            news, records = self._memory.is_late_news(message)
            self._out.accuse(records)
            if not news:
                self._where.say(current, member)
        elif message.height > current.height + 1:
            self._where.show_behind(member, message.height)
        else:
            if message.KIND != messages.PrePrepare.KIND or (
                    member == self.leader and message.view == self.view):
                self._memory.keep_early(message)
            self._arm_retransmit()
        return follows

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
        block = (self._round.log.body(message.prefix)
                 if message.height == self.height
                 else self._memory.block(message.height, message.prefix))
        if block is not None:
            self._out.send(messages.Body(block.to_bytes()), member)

    # Repeating

    def _arm_retransmit(self) -> None:
        if not (self._out.runs(effects.TIMER_RETRANSMIT)
                or self._round.appending):
            self._out.set_timer(effects.TIMER_RETRANSMIT, self._pause_ms)

    def _retransmit(self) -> None:
        """Nothing was committed for a while: say it all again."""
        self._pause_ms = min(2 * self._pause_ms,
                             self._config.retransmit_max_ms)
        self._arm_retransmit()
        self._where.forget()
        ahead = self._memory.early_member()
        if ahead is not None:
            self._where.show_behind(ahead, self.height + 1)
        # Whoever is further answers a vote; or this, where there is none.
        if not self.may_vote or not self._round.send_own(None):
            self._out.send(messages.Status(self.height, self.view))
