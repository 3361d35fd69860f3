# SPDX-License-Identifier: Apache-2.0
"""A member of a simulated federation: the shipped replica and its driver.

The driver keeps to the contract in ``core.consensus.effects``.  What is on
its disk survives a crash; everything else is made anew.
"""

from collections.abc import Sequence
import dataclasses

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import replica as replica_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import federation
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import transaction
from tacker_ledger.tests.simulation import network as network_module
from tacker_ledger.tests.simulation import scheduler
from tacker_ledger.tests.simulation import stub

_BLOCKS_PER_PULL = 4
#: When transactions that no block holds are told again.
_FORWARD_US = 1_000_000


class Pool:
    """Transactions in the order of their arrival."""

    def __init__(self, clock: scheduler.Scheduler):
        self._clock = clock
        self._waiting: dict[bytes, tuple[transaction.Transaction, int]] = {}
        self._known: dict[bytes, transaction.Transaction] = {}

    def add(self, one: transaction.Transaction) -> bool:
        """Take a transaction; return whether it is new."""
        if one.raw in self._known:
            return False
        self._known[one.raw] = one
        self._waiting[one.txid] = (one, self._clock.now_us)
        return True

    def holds(self, one: transaction.Transaction) -> bool:
        """Return whether a transaction still waits."""
        return one.txid in self._waiting

    def ready(self) -> effects.TransactionsReady | None:
        """Return the event that tells of what waits."""
        if not self._waiting:
            return None
        oldest_us = min(at for _one, at in self._waiting.values())
        return effects.TransactionsReady(
            len(self._waiting),
            sum(len(one.raw) for one, _at in self._waiting.values()),
            (self._clock.now_us - oldest_us) // 1000)

    def remove(self, gone: Sequence[transaction.Transaction]) -> None:
        """Forget what a block holds."""
        for one in gone:
            self._waiting.pop(one.txid, None)

    def candidates(self, max_count, max_bytes):
        """See ``application.Pool``."""
        return [one for one, _at in self._waiting.values()][:max_count]

    def known(self, raw):
        """See ``application.Pool``."""
        return self._known.get(raw)

    def rejected(self, transaction, error):
        """See ``application.Pool``."""
        self._waiting.pop(transaction.txid, None)


@dataclasses.dataclass
class Disk:
    """What survives.

    :param blocks: (block, certificate) from height 1 on
    :param txids: ids of the transactions in them
    :param records: the vote log by height
    :param fails: whether vote records cannot be written any more
    """

    head: application.Head
    federation: federation.Federation
    state: state_map.MemoryState = dataclasses.field(
        default_factory=state_map.MemoryState)
    nodes: state_map.SparseNodes = dataclasses.field(
        default_factory=state_map.SparseNodes)
    blocks: list[tuple[bytes, bytes]] = dataclasses.field(
        default_factory=list)
    txids: list[bytes] = dataclasses.field(default_factory=list)
    records: dict[int, list[bytes]] = dataclasses.field(default_factory=dict)
    fails: bool = False


@dataclasses.dataclass(frozen=True)
class Durations:
    """How long a member's disk takes."""

    persist_us: int = 1_000
    append_us: int = 1_000


class Member:
    """One simulated member.

    :param name: for the trace
    :param vote_seed: of its vote key; None makes an observer
    :param observe: told (member, event or effect) of everything
    """

    def __init__(self, index: int, name: str, genesis: federation.Federation,
                 provider, vote_seed: bytes | None,
                 clock: scheduler.Scheduler,
                 network: network_module.Network, observe,
                 durations: Durations, epoch_ms: int,
                 config: replica_module.Config):
        self.index = index
        self.name = name
        self.h = hashing.hasher(genesis.chain_id)
        self.provider = provider
        self._signer = (None if vote_seed is None
                        else stub.SeedSigner(provider, vote_seed))
        self._clock = clock
        self._network = network
        self._observe = observe
        self._durations = durations
        self._config = config
        #: What its wall clock shows at the start; may be wrong.
        self.epoch_ms = epoch_ms
        self.disk = Disk(application.Head.genesis(self.h, genesis), genesis)
        self.evidence: list[effects.Evidence] = []
        self.refused: list[effects.Refused] = []
        self.halted: effects.Halted | None = None
        self.running = False
        self.validated = 0
        network.attach(index, self._frame)

    # Life

    def start(self, *, may_vote: bool = True) -> None:
        """Begin, or begin again, with what the disk holds."""
        self.pool = Pool(self._clock)
        self.application = application.Application(
            self.h, self.provider, view=self.disk.state,
            tree=state_map.StateMap(self.h, self.disk.nodes,
                                    self.disk.state),
            federation=self.disk.federation, head=self.disk.head,
            pool=self.pool)
        self.replica = replica_module.Replica(
            self._config, self.application, self._signer, self.provider)
        self._timers: dict[str, scheduler.Handle] = {}
        self._inbox: list[effects.Event] = []
        self._busy = False
        self._pulls = 0
        self._life = object()
        self.running = True
        records = [record for height in sorted(self.disk.records)
                   for record in self.disk.records[height]]
        self.drive(effects.Start(records, may_vote=may_vote))

    def crash(self) -> None:
        """Lose everything that is not on the disk."""
        self.running = False
        self._life = None
        for timer in self._timers.values():
            timer.cancel()

    @property
    def now_ms(self) -> int:
        """Its wall clock."""
        return self.epoch_ms + self._clock.now_us // 1000

    def _later(self, delay_us: int, action) -> scheduler.Handle:
        """Do something unless the member crashes before."""
        life = self._life

        def act():
            if self._life is life:
                action()

        return self._clock.after(delay_us, act)

    # Transactions

    def submit(self, transactions: Sequence[transaction.Transaction]
               ) -> None:
        """A client sends transactions to this member."""
        self._observe(self, transactions)
        self._forward(transactions)
        self._pool(transactions)

    def _forward(self, transactions) -> None:
        """Tell all others, and again while no block holds them."""
        self._send(messages.Transactions(False, tuple(
            transaction.Submission(one.raw).to_bytes()
            for one in transactions)), None)
        self._later(_FORWARD_US, lambda: self._forward_again(transactions))

    def _forward_again(self, transactions) -> None:
        left = [one for one in transactions if self.pool.holds(one)]
        if left:
            self._forward(left)

    def _pool(self, transactions) -> None:
        news = [self.pool.add(one) for one in transactions]
        if any(news):
            self._show_pool()

    def _show_pool(self) -> None:
        ready = self.pool.ready()
        if ready is not None:
            self.drive(ready)

    # Events

    def _frame(self, frame: bytes, sender: int) -> None:
        if not self.running:
            return
        message = messages.decode(frame)
        if isinstance(message, messages.Transactions):
            raws = [transaction.Submission.from_bytes(one).transaction
                    for one in message.submissions]
            new = [raw for raw in raws if self.pool.known(raw) is None]
            checked = [transaction.Transaction.from_bytes(self.h, raw)
                       for raw in new]
            for one in checked:
                transaction.verify_signature(self.provider, self.h, one)
            self._pool(checked)
        elif isinstance(message, messages.GetBlocks):
            self._serve(message, sender)
        else:
            self.drive(effects.Received(message, sender))

    def connected(self, member: int) -> None:
        """The link to another member is up."""
        if self.running:
            self.drive(effects.PeerConnected(member))

    def drive(self, event: effects.Event) -> None:
        """Give the replica an event, now or when it has time."""
        if self._busy:
            self._inbox.append(event)
            return
        if (isinstance(event, effects.Received)
                and isinstance(event.message, messages.Blocks)):
            self._catch_up(event.message, event.member)
            return
        self._observe(self, event)
        for effect in self.replica.step(event, self.now_ms):
            self._observe(self, effect)
            self._execute(effect)

    def _execute(self, effect: effects.Effect) -> None:
        match effect:
            case effects.Send():
                self._send(effect.message, effect.to)
            case effects.Persist():
                self._later(self._durations.persist_us,
                            lambda: self._persisted(effect))
            case effects.SetTimer():
                self._cancel(effect.name)
                self._timers[effect.name] = self._later(
                    effect.delay_ms * 1000,
                    lambda: self.drive(effects.Timer(effect.name)))
            case effects.CancelTimer():
                self._cancel(effect.name)
            case effects.Append():
                self._busy = True
                self._later(self._durations.append_us,
                            lambda: self._appended(effect))
            case effects.Behind():
                self._pull(effect.member)
            case effects.Evidence():
                self.evidence.append(effect)
            case effects.Refused():
                self.refused.append(effect)
            case effects.Halted():
                self.halted = effect
            case _:
                raise AssertionError(effect)

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _send(self, message: messages.Message, to: int | None) -> None:
        frame = messages.encode(message)
        for member in range(self.application.federation.size):
            if member != self.index and to in (None, member):
                self._network.send(self.index, member, frame)

    def _persisted(self, effect: effects.Persist) -> None:
        if self.disk.fails:
            self.drive(effects.PersistFailed(effect.record_id))
            return
        self.disk.records.setdefault(effect.height, []).extend(
            effect.records)
        self.drive(effects.Persisted(effect.record_id))

    # Blocks

    def _appended(self, effect: effects.Append) -> None:
        self._store(effect.outcome, effect.certificate)
        self._busy = False
        height = effect.outcome.block.header.height
        waiting, self._inbox = self._inbox, []
        self.drive(effects.BlockCommitted(height, effect.view))
        self._show_pool()
        for event in waiting:
            self.drive(event)

    def _store(self, outcome: application.Outcome, certificate: bytes
               ) -> None:
        disk = self.disk
        disk.blocks.append((outcome.block.to_bytes(), certificate))
        disk.txids += [one.txid for one in outcome.transactions]
        disk.state.update(outcome.changes.changes)
        self.application.committed(outcome, certificate)
        disk.head = self.application.head
        disk.federation = self.application.federation
        disk.records = {height: records
                        for height, records in disk.records.items()
                        if height > disk.head.height}
        self.pool.remove(outcome.transactions)

    def _serve(self, message: messages.GetBlocks, sender: int) -> None:
        first = message.from_height - 1
        self._send(messages.Blocks(
            message.request_id, len(self.disk.blocks),
            tuple(self.disk.blocks[first:first + message.max_count])),
            sender)

    def _pull(self, member: int) -> None:
        self._pulls += 1
        self._send(messages.GetBlocks(
            self._pulls, self.application.head.height + 1,
            _BLOCKS_PER_PULL), member)

    def _catch_up(self, message: messages.Blocks, member: int) -> None:
        """Take blocks from another member, who may lie."""
        before = self.application.head.height
        view = 0
        for raw, certificate in message.blocks:
            try:
                block = block_module.Block.from_bytes(self.h, raw)
                if block.header.height != self.application.head.height + 1:
                    continue
                outcome = self.application.validate(block)
                view = certificate_module.check_certificate(
                    self.h, self.provider, self.application.federation,
                    block.header.height, block.digest, certificate).view
            except errors.LedgerError:
                return
            self._store(outcome, certificate)
        height = self.application.head.height
        if height > before:
            self.drive(effects.BlockCommitted(height, view))
            self._show_pool()
            if message.head_height > height:
                self._pull(member)
