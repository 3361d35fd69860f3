# SPDX-License-Identifier: Apache-2.0
"""A member of a simulated federation: the shipped core and its driver.

The driver keeps to the contracts in ``core.consensus.effects`` and
``core.consensus.catch_up``.  What is on its disk survives a crash;
everything else is made anew.
"""

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import typing

from tacker_ledger.core.consensus import catch_up
from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import replica as replica_module
from tacker_ledger.core.consensus import request_timers
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import transaction
from tacker_ledger.tests.simulation import disk as disk_module
from tacker_ledger.tests.simulation import network as network_module
from tacker_ledger.tests.simulation import pool as pool_module
from tacker_ledger.tests.simulation import scheduler
from tacker_ledger.tests.simulation import shared
from tacker_ledger.tests.simulation import stub

if typing.TYPE_CHECKING:
    from tacker_ledger.tests.simulation import simulation as world_module

#: When transactions that no block holds are told to everybody.
_FORWARD_US = 1_000_000

#: What can happen to a write or an append.
BEFORE, AFTER = 'before', 'after'


@dataclasses.dataclass(frozen=True)
class Options:
    """What may differ from member to member.

    :param durations: of its disk
    :param skew_ms: how wrong its wall clock is
    :param config: of the replica
    :param catching: of catching up
    :param pool_limit: transactions that wait at most
    """

    durations: disk_module.Durations = disk_module.Durations()
    skew_ms: int = 0
    config: replica_module.Config = replica_module.Config()
    catching: catch_up.Config = catch_up.Config()
    pool_limit: int = 10_000


class Member:
    """One running copy of a member.

    :param process: its number in the network
    :param name: of the member, as in the federation document
    :param vote_seeds: of its vote keys; none makes an observer
    """

    def __init__(self, world: 'world_module.Simulation', process: int,
                 name: str, vote_seeds: Sequence[bytes], options: Options):
        self.process = process
        self.name = name
        self.seeds = list(vote_seeds)
        self.world = world
        self.options = options
        self.clock: scheduler.Scheduler = world.clock
        self.network: network_module.Network = world.network
        self.signers = tuple(stub.SeedSigner(world.provider, seed)
                             for seed in vote_seeds)
        self.skew_ms = options.skew_ms
        self.disk = disk_module.Disk(
            world.made.federation, world.genesis_head, wire=world.wire)
        self.evidence: list[effects.Evidence] = []
        self.refused: list[effects.Refused] = []
        self.views: list[effects.ViewChanged] = []
        self.halted: effects.Halted | None = None
        self.running = False
        #: Whether it does what it should (see ``liar``).
        self.correct = True
        self.garbage = 0
        self.starts = 0
        #: Writes and appends so far; where to stop, before or after it.
        self.writes = 0
        self.stops: dict[int, str] = {}
        #: What is done when it has stopped there.
        self.on_stop = None
        self._executors = {
            effects.Send: self._execute_send,
            effects.Persist: self._execute_persist,
            effects.SetTimer: self._execute_set_timer,
            effects.CancelTimer: lambda effect: self._cancel(effect.name),
            effects.Append: self._execute_append,
            effects.Behind: lambda effect: self.catch(catch_up.Claimed(
                effect.member, effect.height - 1)),
            effects.Evidence: self.evidence.append,
            effects.Refused: self.refused.append,
            effects.ViewChanged: self._execute_view_changed,
            effects.Halted: self._execute_halted}
        self._handlers = {
            messages.Transactions: self._hear_transactions,
            messages.GetBlocks: self.serve,
            messages.Blocks: lambda message, sender: self.catch(
                catch_up.Answered(sender, message))}
        world.network.attach(process, self.hear)

    # Life

    def start(self, *, may_vote: bool = True) -> None:
        """Begin, or begin again, with what the disk holds."""
        world, disk = self.world, self.disk
        self.pool = self.make_pool()
        self.shipped = application.Application(
            world.h, world.provider, view=disk.state,
            tree=state_map.StateMap(world.h, disk.nodes, disk.state),
            federation=disk.federation, head=disk.head, pool=self.pool)
        self.ledger: application.LedgerApplication = (
            shared.Ledger(world.memory, self.shipped) if world.memoised
            else self.shipped)
        self.replica = replica_module.Replica(
            self.options.config, self.ledger, self.signers, world.provider)
        self.catch_up = catch_up.CatchUp(
            self.options.catching, self.ledger, world.provider)
        self.requests = request_timers.RequestTimers(self._still_valid)
        self._timers: dict[str, scheduler.Handle] = {}
        self._inbox: list[effects.Event] = []
        self._catching: list[catch_up.Event] = []
        self._take: catch_up.Take | None = None
        self._appending = False
        self._written_us = 0
        self._expired: bytes | None = None
        #: What clients have handed in here.
        self._own: dict[bytes, transaction.Transaction] = {}
        self._down: set[int] = set()
        self._life = object()
        self._addresses()
        self.running = True
        self.starts += 1
        self.catch(catch_up.Following())
        records, may_vote = self.read_votes(may_vote)
        self.drive(effects.Start(records, disk.view, may_vote))

    def read_votes(self, may_vote: bool) -> tuple[list[bytes], bool]:
        """Return the vote log, and whether it may vote at once."""
        return self.disk.vote_records(), may_vote

    def make_pool(self) -> pool_module.Pool:
        """Return where transactions wait."""
        return pool_module.Pool(self.options.pool_limit)

    def crash(self) -> None:
        """Lose everything that is not on the disk."""
        self.running = False
        self._life = None
        for timer in self._timers.values():
            timer.cancel()
        self.world.ended(self)

    @property
    def index(self) -> int | None:
        """Its place in the federation in force there."""
        return self._index_of.get(self.process)

    @property
    def height(self) -> int:
        """Of its newest block."""
        return len(self.disk.outcomes)

    @property
    def now_ms(self) -> int:
        """Its wall clock."""
        return self.world.epoch_ms + self.skew_ms + (
            self.clock.now_us // 1000)

    def _later(self, delay_us: int, action) -> scheduler.Handle:
        """Do something unless the member crashes before."""
        life = self._life

        def act():
            if self._life is life:
                action()

        return self.clock.after(delay_us, act)

    def _addresses(self) -> None:
        """Find the processes of the federation's members."""
        self._directory = self.ledger.federation
        homes = self.world.homes
        self._homes = [homes.get(member.name, ())
                       for member in self._directory.document.members]
        self._index_of = {process: index for index, processes
                          in enumerate(self._homes) for process in processes}

    def directory_changed(self) -> None:
        """There are processes that were not there before."""
        if self.running:
            self._addresses()

    def add_key(self, seed: bytes) -> None:
        """Give it one more vote key; counts from the next start on."""
        self.seeds.append(seed)
        self.signers += (stub.SeedSigner(self.world.provider, seed),)

    def damage(self, other: disk_module.Disk) -> None:
        """Let it find another disk at its next start."""
        assert not self.running
        self.disk = other

    # Transactions

    def submit(self, transactions: Sequence[transaction.Transaction]
               ) -> list[transaction.Transaction]:
        """A client sends transactions to this member.

        :returns: those that are turned away, because the pool is full
        """
        if self.world.observed:
            self.world.note(self, transactions)
        self._take_in(transactions)
        taken = [one for one in transactions
                 if one.txid in self.pool.waiting]
        self._own.update((one.txid, one) for one in taken)
        leader = self.replica.leader
        if leader in self._down:
            # Whoever leads next should know of them.
            self._tell(taken, None, urgent=True)
            self._told(taken)
        elif leader != self.index:
            self._tell(taken, leader, urgent=False)
        if taken:
            self._later(_FORWARD_US, lambda: self._forward(taken))
        return [one for one in transactions
                if one.txid not in self.pool.waiting
                and one.txid not in self.disk.txids]

    def _tell(self, transactions: Iterable[transaction.Transaction],
              to: int | None, *, urgent: bool) -> None:
        raws = tuple(self.world.submission(one) for one in transactions)
        if raws:
            self.send(messages.Transactions(urgent, raws), to)

    def _forward(self, transactions) -> None:
        """Tell all others while no block holds them."""
        left = [one for one in transactions
                if one.txid in self.pool.waiting]
        if not left:
            return
        self._tell(left, None, urgent=True)
        self._told(left)
        self._later(_FORWARD_US, lambda: self._forward(left))

    def _waiting_here(self) -> list[transaction.Transaction]:
        """Return what was handed in here and is in no block yet."""
        self._own = {txid: one for txid, one in self._own.items()
                     if txid in self.pool.waiting}
        return list(self._own.values())

    def _execute_view_changed(self, effect: effects.ViewChanged) -> None:
        self.views.append(effect)
        if effect.active:
            self.requests.entered_view()
            if effect.leader != self.index:
                self._tell(self._waiting_here(), effect.leader,
                           urgent=False)

    def _told(self, transactions) -> None:
        """Everybody knows these: let their timers run."""
        for one in transactions:
            if one.txid in self.pool.waiting:
                self.requests.told(one.txid, one.sender_id)

    def _hear_transactions(self, message: messages.Transactions,
                           _sender: int) -> None:
        heard = []
        for raw in message.submissions:
            try:
                heard.append(self.world.read_submission(raw))
            except errors.LedgerError:
                self.garbage += 1
        self._take_in(heard)
        if message.urgent:
            self._told(heard)

    def _take_in(self, transactions) -> None:
        committed, now_us = self.disk.txids, self.clock.now_us
        new = [self.pool.add(one, now_us) for one in transactions
               if one.txid not in committed]
        if True in new:
            self._show_pool()

    def _show_pool(self) -> None:
        ready = self.pool.ready(self.clock.now_us)
        if ready is not None:
            self.drive(ready)

    def _still_valid(self, txid: bytes) -> bool | None:
        """See ``RequestTimers``; senders' transactions are independent."""
        return True if txid in self.pool.waiting else None

    # Frames

    def hear(self, frame: network_module.Frame, process: int) -> None:
        """Take a frame from another process."""
        if not self.running:
            return
        if type(frame) is bytes:
            try:
                frame = messages.decode(frame)
            except errors.FormatError:
                self.garbage += 1
                return
        sender = self._index_of.get(process)
        if sender is None:
            return
        handler = self._handlers.get(type(frame))
        if handler is not None:
            handler(frame, sender)
        else:
            self.drive(effects.Received(frame, sender))

    def send(self, message: network_module.Frame, to: int | None) -> None:
        """Send to a member, or to all others."""
        mine = self.index
        for index in (range(len(self._homes)) if to is None else (to,)):
            if index != mine:
                for process in self._homes[index]:
                    self.network.send(self.process, process, message)

    def disconnected(self, process: int) -> None:
        """The link to another process is down."""
        sender = self._index_of.get(process) if self.running else None
        if sender is not None:
            self._down.add(sender)
            self.catch(catch_up.LinkDown(sender))
            if sender == self.replica.leader:
                waiting = self._waiting_here()
                self._tell(waiting, None, urgent=True)
                self._told(waiting)
            self.drive(effects.PeerLost(sender))

    def connected(self, process: int) -> None:
        """The link to another process is up."""
        sender = self._index_of.get(process)
        if self.running and sender is not None:
            self._down.discard(sender)
            self.catch(catch_up.LinkUp(sender))
            self.drive(effects.PeerConnected(sender))
            if sender == self.replica.leader:
                self._tell(self._waiting_here(), sender, urgent=False)

    # Events of the replica

    def drive(self, event: effects.Event) -> None:
        """Give the replica an event, now or when it has time."""
        if self._appending or not self.running:
            self._inbox.append(event)
            return
        if self.world.observed:
            self._drive_observed(event)
            return
        executors, life = self._executors, self._life
        for effect in self.replica.step(event, self.now_ms):
            executors[type(effect)](effect)
            if self._life is not life:
                return

    def _drive_observed(self, event: effects.Event) -> None:
        note, life = self.world.note, self._life
        note(self, event)
        for effect in self.replica.step(event, self.now_ms):
            note(self, effect)
            self._executors[type(effect)](effect)
            if self._life is not life:
                return

    def _execute_send(self, effect: effects.Send) -> None:
        self.send(effect.message, effect.to)

    def _execute_set_timer(self, effect: effects.SetTimer) -> None:
        name = effect.name
        self._cancel(name)
        self._timers[name] = self.clock.after(
            effect.delay_ms * 1000, lambda: self._ran_down(name))

    def _ran_down(self, name: str) -> None:
        del self._timers[name]
        self.drive(effects.Timer(name))

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.action = None

    def _execute_halted(self, effect: effects.Halted) -> None:
        self.halted = effect

    # Writing

    def _stops(self, when: str) -> bool:
        """Return whether the process ends at this write; end it if so."""
        if self.stops.get(self.writes) != when:
            return False
        del self.stops[self.writes]
        self.crash()
        if self.on_stop is not None:
            self.on_stop(self)
        return True

    def _delay_us(self, usual_us: int) -> int:
        jitter_us = self.options.durations.jitter_us
        return usual_us + (self.world.disk_draw.randrange(jitter_us)
                           if jitter_us else 0)

    def _execute_persist(self, effect: effects.Persist) -> None:
        self.writes += 1
        if self.stops and self._stops(BEFORE):
            return
        # One writer: writes end in the order in which they began.
        now_us = self.clock.now_us
        self._written_us = max(self._written_us, now_us + self._delay_us(
            self.options.durations.persist_us))
        self.clock.post(self._written_us - now_us, self._persisted, effect,
                        self._life, self.writes)

    def _persisted(self, effect: effects.Persist, life, number: int) -> None:
        if self._life is not life:
            return
        if self.disk.fails:
            self.drive(effects.PersistFailed(effect.record_id))
            return
        self.disk.write(effect.height, effect.messages)
        if self.stops.get(number) == AFTER:
            self.writes = number
            self._stops(AFTER)
            return
        self.drive(effects.Persisted(effect.record_id))

    def _execute_append(self, effect: effects.Append) -> None:
        self.writes += 1
        if self.stops and self._stops(BEFORE):
            return
        self._appending = True
        delay_us = self._delay_us(self.options.durations.append_us)
        self.clock.post(delay_us, self._appended, effect, self._life,
                        self.writes)

    def _appended(self, effect: effects.Append, life, number: int) -> None:
        if self._life is not life:
            return
        if self.disk.full:
            # As the shipped engine: it ceases until it is started again.
            self.crash()
            return
        self._store(effect.outcome, effect.certificate)
        if self.stops.get(number) == AFTER:
            self.writes = number
            self._stops(AFTER)
            return
        self._appending = False
        waiting, self._inbox = self._inbox, []
        before = self._directory
        self._moved(effect.outcome.block.header.height, effect.view)
        self.catch(catch_up.HeadMoved())
        for event in waiting:
            if self._directory is before or not isinstance(
                    event, effects.Received | effects.PeerConnected
                    | effects.PeerLost):
                self.drive(event)
            # else its index means another member now; it is said again

    def _store(self, outcome: application.Outcome, certificate: bytes
               ) -> None:
        """Store a block and move past it."""
        disk, ledger = self.disk, self.ledger
        disk.store(outcome, certificate)
        ledger.committed(outcome, certificate)
        disk.moved(ledger)
        self.pool.remove(outcome.transactions)
        self.world.committed(self, outcome, certificate)
        expired = self.requests.block(
            [(one.txid, one.sender_id) for one in outcome.transactions],
            len(outcome.transactions)
            >= ledger.federation.parameters.batch_max_transactions)
        if expired is not None:
            self._expired = expired

    def _moved(self, height: int, view: int) -> None:
        """Tell the replica about the new head, and what follows."""
        if self.ledger.federation is not self._directory:
            self._addresses()
            self._down.clear()
            self.world.renumbered(self)
        self.drive(effects.BlockCommitted(height, view))
        self._show_pool()
        expired, self._expired = self._expired, None
        if expired is not None:
            self.drive(effects.RequestExpired(expired))

    # Catching up

    def serve(self, message: messages.GetBlocks, sender: int) -> None:
        """Give another member blocks."""
        first = message.from_height - 1
        self.send(messages.Blocks(
            message.request_id, self.height,
            tuple((outcome.block.to_bytes(), proof) for outcome, proof
                  in self.disk.outcomes[first:first + message.max_count])),
            sender)

    def catch(self, event: catch_up.Event) -> None:
        """Give the catching up an event."""
        for effect in self.catch_up.step(event, self.clock.now_us // 1000):
            if self.world.observed:
                self.world.note(self, effect)
            match effect:
                case catch_up.Ask():
                    self.send(effect.message, effect.member)
                case catch_up.Take():
                    self._take = effect
                    self._later(self._delay_us(
                        self.options.durations.append_us), self._take_over)
                case catch_up.SetTimer():
                    self._cancel('catch-up')
                    self._timers['catch-up'] = self._later(
                        effect.delay_ms * 1000,
                        lambda: self.catch(catch_up.TimerFired()))
                case catch_up.CancelTimer():
                    self._cancel('catch-up')
                case catch_up.FetchSnapshot():
                    raise AssertionError(effect)

    def _take_over(self) -> None:
        """Judge and store what was fetched."""
        take = self._take
        assert take is not None
        if self._appending:
            # The replica's own block goes first.
            self._later(1_000, self._take_over)
            return
        self._take = None
        if self.disk.full:
            self.catch(catch_up.TakeFailed(take.take_id, 'storage-failed',
                                           'no space is left'))
            return
        view = 0
        for block, proof in take.blocks:
            if block.header.height <= self.height:
                continue
            try:
                outcome = self.ledger.validate(block)
            except errors.LedgerError as exc:
                self.catch(catch_up.TakeFailed(
                    take.take_id, exc.code, exc.message, blame=True))
                return
            self.fetched(block, proof)
            self._store(outcome, proof)
            view = _view_of(proof)
        self._moved(self.height, view)
        self.catch(catch_up.Taken(take.take_id))

    def fetched(self, block: block_module.Block, proof: bytes) -> None:
        """A certified block came from another member."""


def _view_of(proof: bytes) -> int:
    if not proof:
        return 0
    return certificate_module.Certificate.from_bytes(proof).view


#: Used by annotations of those who drive members.
Block = block_module.Block
Federation = federation_module.Federation
