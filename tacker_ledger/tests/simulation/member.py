# SPDX-License-Identifier: Apache-2.0
"""A member of a simulated federation: the shipped core and its driver.

The driver keeps to the contracts in ``core.consensus.effects`` and
``core.consensus.catch_up``.  What is on its disk survives a crash;
everything else is made anew.
"""

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
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import transaction
from tacker_ledger.tests.simulation import disk as disk_module
from tacker_ledger.tests.simulation import fetching
from tacker_ledger.tests.simulation import intake
from tacker_ledger.tests.simulation import network as network_module
from tacker_ledger.tests.simulation import pool as pool_module
from tacker_ledger.tests.simulation import scheduler
from tacker_ledger.tests.simulation import shared
from tacker_ledger.tests.simulation import stub

if typing.TYPE_CHECKING:
    from tacker_ledger.tests.simulation import simulation as world_module

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

    durations: disk_module.Durations = dataclasses.field(
        default_factory=disk_module.Durations)
    skew_ms: int = 0
    config: replica_module.Config = dataclasses.field(
        default_factory=replica_module.Config)
    catching: catch_up.Config = dataclasses.field(
        default_factory=catch_up.Config)
    pool_limit: int = 10_000


class Member(fetching.Fetching, intake.Intake):
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
            effects.SetTimer: self._set_timer,
            effects.CancelTimer: self._execute_cancel_timer,
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
        #: Those that run, by their numbers.
        self._timers: dict[str, int] = {}
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
        self._timers = {}
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
        carry, own = self.network.send, self.process
        if to is not None:
            if to != mine:
                for process in self._homes[to]:
                    carry(own, process, message)
            return
        for index, processes in enumerate(self._homes):
            if index != mine:
                for process in processes:
                    carry(own, process, message)

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
                self.requests.leader_returned()
                self._tell(self._waiting_here(), sender, urgent=False)

    # Events of the replica

    def drive(self, event: effects.Event) -> None:
        """Give the replica an event, now or when it has time."""
        if self._appending or not self.running:
            self._inbox.append(event)
            return
        world, life = self.world, self._life
        if world.observed:
            self._drive_observed(event)
            return
        now_ms = world.epoch_ms + self.skew_ms + self.clock.now_us // 1000
        for effect in self.replica.step(event, now_ms):
            self._executors[type(effect)](effect)
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

    def _set_timer(self, effect: effects.SetTimer) -> None:
        name = effect.name
        self._timers[name] = self.clock.alarm(
            effect.delay_ms * 1000, self._ran_down, name)

    def _ran_down(self, name: str, number: int) -> None:
        if self._timers.get(name) != number:
            return  # cancelled, set anew, or of an earlier life
        del self._timers[name]
        if name == fetching.TIMER:
            self.catch(catch_up.TimerFired())
        else:
            self.drive(effects.Timer(name))

    def _execute_cancel_timer(self, effect: effects.CancelTimer) -> None:
        self._timers.pop(effect.name, None)

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
        self._hand_over(self.requests.to_hand())
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
