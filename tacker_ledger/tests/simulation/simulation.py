# SPDX-License-Identifier: Apache-2.0
"""A whole federation in one process, in virtual time, from one seed.

Run as ``python -m tacker_ledger.tests.simulation.simulation SEED`` it prints
one digest of everything that happened, which depends on the seed alone.
"""

from collections.abc import Callable
import hashlib
import itertools
import random
import sys

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import replica
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.ledger import federation_document
from tacker_ledger.core.ledger import transaction
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers
from tacker_ledger.tests.simulation import member as member_module
from tacker_ledger.tests.simulation import network
from tacker_ledger.tests.simulation import oracle
from tacker_ledger.tests.simulation import scheduler
from tacker_ledger.tests.simulation import stub

#: When every simulation begins.
EPOCH_MS = ledgers.START_MS


class Simulation:
    """A federation that runs the shipped replica.

    :param n: members
    :param seed: all chance follows from it
    :param conditions: of the network
    :param real: sign votes with Ed25519, not with stubs
    :param skews_ms: how wrong members' clocks are, by member
    :param parameters: of the federation document
    """

    def __init__(self, n: int = 4, seed: int = 0, *,
                 conditions: network.Conditions = network.Conditions(),
                 real: bool = False, skews_ms: dict[int, int] | None = None,
                 durations=member_module.Durations(),
                 config: replica.Config = replica.Config(),
                 **parameters):
        self.provider = providers.default() if real else stub.StubProvider()
        self.made = federations.genesis(
            n, parameters=federation_document.Parameters(**parameters))
        #: Federations after genesis that a test has made.
        self.epochs: list = []
        self.clock = scheduler.Scheduler()
        self.network = network.Network(
            self.clock, random.Random(seed), conditions)
        self._draw = random.Random(f'{seed}/clients')
        self._digest = hashlib.sha256()
        self._observers: list[Callable] = []
        self._count = 0
        self.members = [
            member_module.Member(
                index, site.member.name, self.made.federation, self.provider,
                site.vote_seed, self.clock, self.network, self._observe,
                durations, EPOCH_MS + (skews_ms or {}).get(index, 0), config)
            for index, site in enumerate(self.made.sites)]

    # Running

    def start(self) -> 'Simulation':
        """Start all members and connect them."""
        for member in self.members:
            member.start()
        for one, other in itertools.permutations(self.members, 2):
            one.connected(other.index)
        return self

    def observe(self, observer: Callable) -> None:
        """Tell (time, member, event or effect) of all from now on."""
        self._observers.append(observer)

    def connect(self, index: int) -> None:
        """Tell a member and its peers that their links are up."""
        for other in self.members:
            if other.index != index:
                self.members[index].connected(other.index)
                other.connected(index)

    def run(self, until: Callable[[], bool], *, seconds: float = 60.0
            ) -> bool:
        """Go on until a condition holds, for so much virtual time."""
        return self.clock.run(
            until, self.clock.now_us + int(seconds * 1_000_000))

    def pass_time(self, seconds: float) -> None:
        """Go on for so much virtual time."""
        self.run(lambda: False, seconds=seconds)

    def run_to_height(self, height: int, *, members=None,
                      seconds: float = 60.0) -> bool:
        """Go on until members have reached a height."""
        chosen = self.members if members is None else [
            self.members[index] for index in members]
        return self.run(lambda: all(len(member.disk.blocks) >= height
                                    for member in chosen), seconds=seconds)

    def check(self) -> None:
        """Raise unless the run so far was safe."""
        oracle.check(self)

    # Clients

    def transactions(self, count: int) -> list[transaction.Transaction]:
        """Return new transactions, each from one of a few senders."""
        made = []
        for _ in range(count):
            self._count += 1
            made.append(ledgers.digest_transaction(
                self.made.h, f'transaction {self._count}',
                sender=f'tenant {self._draw.randrange(5)}',
                timestamp_ms=EPOCH_MS + self.clock.now_us // 1000))
        return made

    def submit(self, index: int, count: int
               ) -> list[transaction.Transaction]:
        """A client sends new transactions to one member."""
        made = self.transactions(count)
        self.members[index].submit(made)
        return made

    def submit_over_time(self, bursts: int, *, seconds: float = 2.0
                         ) -> list[transaction.Transaction]:
        """Clients send bursts to members and at times that chance picks."""
        made = []
        for _ in range(bursts):
            burst = self.transactions(self._draw.randint(1, 8))
            made += burst
            index = self._draw.randrange(len(self.members))

            def submit(index=index, burst=burst):
                if self.members[index].running:
                    self.members[index].submit(burst)

            self.clock.after(int(self._draw.random() * seconds * 1_000_000),
                             submit)
        return made

    # Watching

    def _observe(self, member, what) -> None:
        self._digest.update(
            f'{self.clock.now_us} {member.index} {describe(what)}\n'.encode())
        for observer in self._observers:
            observer(self.clock.now_us, member, what)

    def digest(self) -> str:
        """Return the digest of all that has happened."""
        return self._digest.hexdigest()

    def committed(self, index: int = 0) -> list[bytes]:
        """Return the ids of committed transactions, in order."""
        return self.members[index].disk.txids


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
        case _:
            return f'{len(what)} transactions'


def _short(message: messages.Message) -> str:
    return hashlib.sha256(messages.encode(message)).hexdigest()


def course_of(seed: int) -> str:
    """Return the digest of a short run under bad conditions."""
    simulation = Simulation(4, seed, conditions=network.AWFUL).start()
    made = simulation.submit_over_time(12)
    simulation.run(lambda: all(
        len(simulation.committed(member.index)) == len(made)
        for member in simulation.members), seconds=30)
    simulation.check()
    return (f'{simulation.digest()} {len(simulation.committed())} '
            f'{simulation.clock.now_us}')


if __name__ == '__main__':
    sys.stdout.write(course_of(int(sys.argv[1])) + '\n')
