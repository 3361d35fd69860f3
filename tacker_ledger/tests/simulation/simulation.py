# SPDX-License-Identifier: Apache-2.0
"""A whole federation in one process, in virtual time, from one seed.

Run as ``python -m tacker_ledger.tests.simulation.simulation SEED`` it prints
one digest of everything that happened, which depends on the seed alone.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import functools
import hashlib
import itertools
import random
import sys

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import replica
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import federation_document
from tacker_ledger.core.ledger import transaction
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers
from tacker_ledger.tests.simulation import disk as disk_module
from tacker_ledger.tests.simulation import member as member_module
from tacker_ledger.tests.simulation import network
from tacker_ledger.tests.simulation import oracle
from tacker_ledger.tests.simulation import scheduler
from tacker_ledger.tests.simulation import shared
from tacker_ledger.tests.simulation import stub

#: When every simulation begins.
EPOCH_MS = ledgers.START_MS
_SENDERS = 5
#: After how long others notice that a process has ended.
_CLOSING_US = 1_000
_MADE_MAX_COUNT = 4096


@functools.lru_cache(maxsize=256)
def genesis(n: int, parameters: federation_document.Parameters
            ) -> federations.Made:
    """Return the federation of ``n`` members, made once."""
    return federations.genesis(n, parameters=parameters)


@functools.lru_cache(maxsize=_MADE_MAX_COUNT)
def made_transaction(h, number: int, sender: int) -> transaction.Transaction:
    """Return a transaction of a tenant, made once."""
    return ledgers.digest_transaction(
        h, f'transaction {number}', sender=f'tenant {sender}',
        timestamp_ms=EPOCH_MS)


class Simulation:
    """A federation that runs the shipped core.

    :param n: members
    :param seed: all chance follows from it
    :param conditions: of the network
    :param real: sign votes with Ed25519, not with stubs
    :param wire: carry and keep bytes, not objects
    :param memoised: judge each block once for all members
    :param skews_ms: how wrong members' clocks are, by member
    :param options: of members that differ from the others
    :param sites: members, not those of the usual genesis
    :param parameters: of the federation document
    """

    def __init__(self, n: int = 4, seed: int = 0, *,
                 conditions: network.Conditions = network.Conditions(),
                 real: bool = False, wire: bool = False,
                 memoised: bool = True,
                 skews_ms: dict[int, int] | None = None,
                 durations=disk_module.Durations(),
                 config: replica.Config = replica.Config(),
                 options: dict[int, member_module.Options] | None = None,
                 factory: dict[int, type] | None = None,
                 **parameters):
        self.provider = providers.default() if real else stub.StubProvider()
        self.made = genesis(n, federation_document.Parameters(**parameters))
        self.h = self.made.h
        self.genesis_head = application.Head.genesis(
            self.h, self.made.federation)
        self.seed = seed
        self.epoch_ms = EPOCH_MS
        self.wire = wire
        self.memoised = memoised
        self.memory = shared.Memory(self.h, self.provider)
        #: Federations after genesis that a test has made.
        self.epochs: list = []
        self.clock = scheduler.Scheduler()
        self.draw = random.Random(f'{seed}/clients')
        self.disk_draw = random.Random(f'{seed}/disks')
        self.link_draw = random.Random(f'{seed}/links')
        self.network = network.Network(
            self.clock, random.Random(seed), conditions, wire=wire)
        self.oracle = oracle.Oracle(self)
        self.observed = False
        self.submitted: list[transaction.Transaction] = []
        self._digest = None
        self._observers: list[Callable] = []
        self._submissions: dict[bytes, bytes] = {}
        #: member's name -> its processes
        self.homes: dict[str, list[int]] = {}
        self.members: list[member_module.Member] = []
        self._usual = member_module.Options(durations=durations,
                                            config=config)
        for index, site in enumerate(self.made.sites):
            skew_ms = (skews_ms or {}).get(index, 0)
            mine = (options or {}).get(index) or member_module.Options(
                durations=durations, skew_ms=skew_ms, config=config)
            self.add(site, mine, (factory or {}).get(
                index, member_module.Member))

    def add(self, site: federations.Site,
            options: member_module.Options | None = None,
            factory: type = member_module.Member, *, seeds=None
            ) -> member_module.Member:
        """Add a process for a member, not started yet."""
        process = len(self.members)
        member = factory(self, process, site.member.name,
                         (site.vote_seed,) if seeds is None else seeds,
                         options or self._usual)
        self.members.append(member)
        self.homes.setdefault(site.member.name, []).append(process)
        return member

    # Running

    def start(self) -> 'Simulation':
        """Start all members and connect them."""
        for member in self.members:
            member.start()
        for one, other in itertools.permutations(self.members, 2):
            one.connected(other.process)
        return self

    def observe(self, observer: Callable) -> None:
        """Tell (time, member, event or effect) of all from now on."""
        self.observed = True
        self._observers.append(observer)

    def connect(self, process: int) -> None:
        """Tell a member and its peers that their links are up."""
        for other in self.members:
            if other.process != process:
                self.members[process].connected(other.process)
                other.connected(process)

    def ended(self, member: member_module.Member) -> None:
        """Hear that a process has ended: its links are closed."""
        for other in self.members:
            if other is not member:
                self.clock.post(_CLOSING_US, self._closed, other, member,
                                member.starts)

    def _closed(self, other: member_module.Member,
                member: member_module.Member, starts: int) -> None:
        if not member.running and member.starts == starts:
            other.disconnected(member.process)

    def renumbered(self, member: member_module.Member) -> None:
        """Hear that members have other numbers now: links are made anew."""
        self.clock.post(_CLOSING_US, self.connect, member.process)

    def sever(self) -> None:
        """Let everybody notice which links carry nothing now."""
        for one, other in itertools.permutations(self.members, 2):
            if (self.network.is_blocked(one.process, other.process)
                    or self.network.is_blocked(other.process, one.process)):
                one.disconnected(other.process)

    def connect_all(self) -> None:
        """Tell everybody that all links are up."""
        for one, other in itertools.permutations(self.members, 2):
            one.connected(other.process)

    def restart(self, process: int) -> None:
        """Start a process if it has stopped, and connect it."""
        if not self.members[process].running:
            self.members[process].start()
            self.connect(process)

    def heal(self) -> None:
        """End all that is wrong with links and start who has stopped."""
        self.network.heal()
        self.network.conditions = network.Conditions()
        for member in self.members:
            if not member.running:
                member.start()
        self.connect_all()

    def run(self, until: Callable[[], bool], *, seconds: float = 60.0,
            on_change: bool = False) -> bool:
        """Go on until a condition holds, for so much virtual time."""
        return self.clock.run(
            until, self.clock.now_us + int(seconds * 1_000_000),
            on_change=on_change)

    def pass_time(self, seconds: float) -> None:
        """Go on for so much virtual time."""
        self.run(lambda: False, seconds=seconds, on_change=True)

    def run_to_height(self, height: int, *, members=None,
                      seconds: float = 60.0) -> bool:
        """Go on until members have reached a height."""
        chosen = self.members if members is None else [
            self.members[index] for index in members]
        return self.run(lambda: all(member.height >= height
                                    for member in chosen),
                        seconds=seconds, on_change=True)

    def run_to_commit(self, transactions: Iterable[transaction.Transaction],
                      *, members=None, seconds: float = 60.0) -> bool:
        """Go on until members have committed transactions."""
        txids = [one.txid for one in transactions]
        chosen = self.members if members is None else [
            self.members[index] for index in members]

        def done() -> bool:
            return all(txid in member.disk.txids
                       for member in chosen for txid in txids)

        return self.run(done, seconds=seconds, on_change=True)

    def correct(self) -> list[member_module.Member]:
        """Return the members that do what they should."""
        return [member for member in self.members if member.correct]

    def check(self, *, offline: bool = True) -> None:
        """Raise unless the run so far was safe.

        :param offline: verify the whole chain from its genesis, too
        """
        self.oracle.check(offline=offline)

    def committed(self, member: member_module.Member,
                  outcome: application.Outcome, certificate: bytes) -> None:
        """Hear that a member has stored a block."""
        self.clock.changed = True
        if member.correct:
            self.oracle.committed(member, outcome, certificate)

    # Clients

    def transactions(self, count: int) -> list[transaction.Transaction]:
        """Return new transactions, each from one of a few senders."""
        made = []
        for _ in range(count):
            number = len(self.submitted)
            one = made_transaction(self.h, number, number % _SENDERS)
            self.memory.know(one)
            self.submitted.append(one)
            made.append(one)
        return made

    def submit(self, process: int, count: int
               ) -> list[transaction.Transaction]:
        """A client sends new transactions to one member."""
        made = self.transactions(count)
        self.members[process].submit(made)
        return made

    def submit_over_time(self, bursts: int, *, seconds: float = 2.0,
                         to: Sequence[int] | None = None
                         ) -> list[transaction.Transaction]:
        """Clients send bursts to members and at times that chance picks.

        A client whose member is down sends to the next one.
        """
        made = []
        for _ in range(bursts):
            burst = self.transactions(self.draw.randint(1, 8))
            made += burst
            self.clock.post(
                int(self.draw.random() * seconds * 1_000_000),
                self._submit_somewhere, self.draw.choice(
                    to or range(len(self.members))), burst)
        return made

    def _submit_somewhere(self, process: int, burst) -> None:
        count = len(self.members)
        for index in range(process, process + count):
            member = self.members[index % count]
            if member.running and member.correct:
                member.submit(burst)
                return

    def submission(self, one: transaction.Transaction) -> bytes:
        """Return the encoded submission of a transaction."""
        raw = self._submissions.get(one.raw)
        if raw is None:
            raw = transaction.Submission(one.raw).to_bytes()
            self._submissions[one.raw] = raw
            self._submissions[raw] = one.raw
        return raw

    def read_submission(self, raw: bytes) -> transaction.Transaction:
        """Return the transaction of a submission, its signature checked.

        :raises LedgerError: there is none
        """
        inner = self._submissions.get(raw)
        if inner is None:
            inner = transaction.Submission.from_bytes(raw).transaction
            self._submissions[raw] = inner
        return self.memory.read(inner)

    # Watching

    def note(self, member, what) -> None:
        """Hear of an event or effect while somebody observes."""
        if self._digest is not None:
            self._digest.update(
                f'{self.clock.now_us} {member.process} {describe(what)}\n'
                .encode())
        for observer in self._observers:
            observer(self.clock.now_us, member, what)

    def keep_digest(self) -> None:
        """From now on take all that happens into :meth:`digest`."""
        self.observed = True
        self._digest = hashlib.sha256()

    def digest(self) -> str:
        """Return the digest of all that has happened."""
        return self._digest.hexdigest()


def describe(what) -> str:
    """Return a line that tells one event or effect from any other."""
    match what:
        case effects.Append():
            return (f'append {what.outcome.block.digest.hex()} '
                    f'{what.certificate.hex()}')
        case effects.Send() | effects.Received():
            return f'{type(what).__name__} {_short(what.message)}'
        case effects.Persist():
            return f'persist {what.record_id} ' + ' '.join(
                hashlib.sha256(record).hexdigest()
                for record in what.records)
        case effects.Start():
            return f'start {len(what.records)}'
        case effects.Event() | effects.Effect():
            return repr(what)
        case list():
            return f'{len(what)} transactions'
        case _:
            return type(what).__name__


def _short(message: network.Frame) -> str:
    return hashlib.sha256(
        message if type(message) is bytes
        else messages.encode(message)).hexdigest()


def course_of(seed: int, **fields) -> str:
    """Return the digest of a short run under bad conditions."""
    simulation = Simulation(4, seed, conditions=network.AWFUL, **fields)
    simulation.keep_digest()
    simulation.start()
    made = simulation.submit_over_time(12)
    simulation.run_to_commit(made, seconds=30)
    simulation.check()
    return (f'{simulation.digest()} '
            f'{len(simulation.members[0].disk.txids)} '
            f'{simulation.clock.now_us}')


if __name__ == '__main__':
    sys.stdout.write(course_of(int(sys.argv[1])) + '\n')
