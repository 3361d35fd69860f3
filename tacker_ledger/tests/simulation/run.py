# SPDX-License-Identifier: Apache-2.0
"""One run of a scenario: what it starts from, and what it has to end with."""

from collections.abc import Callable
from collections.abc import Iterable
import dataclasses
import random

from tacker_ledger.core.consensus import quorum
from tacker_ledger.tests.simulation import member as member_module
from tacker_ledger.tests.simulation import network
from tacker_ledger.tests.simulation import oracle
from tacker_ledger.tests.simulation import simulation as simulation_module

#: A chain is verified offline in one run out of so many.
_OFFLINE_EVERY = 16
#: How many transactions show that a federation goes on.
_FRESH_COUNT = 3
#: How often a client whose transaction is turned away comes again.
_PATIENCE = 100


class Run:
    """A run of one scenario under one seed.

    :param seed: everything that chance decides follows from it
    :param sizes: numbers of members to choose from
    :param wire: carry bytes, not objects
    :param observer: told of all that happens, for a transcript
    """

    def __init__(self, seed: int, sizes: tuple[int, ...] = (4,), *,
                 wire: bool = False, observer: Callable | None = None):
        self.seed = seed
        self.draw = random.Random(f'scenario/{seed}')
        self.n = self.draw.choice(sizes)
        self._wire = wire
        self.observer = observer
        self.world: simulation_module.Simulation | None = None

    # Beginning

    def federation(self, n: int | None = None, **fields
                   ) -> simulation_module.Simulation:
        """Return a federation, not started yet."""
        self.n = n or self.n
        self.world = simulation_module.Simulation(
            self.n, self.seed, wire=self._wire, **fields)
        if self.observer is not None:
            self.world.observe(self.observer)
        return self.world

    @property
    def f(self) -> int:
        """How many members may be faulty."""
        return quorum.faults(self.n)

    def some(self, items: Iterable, count: int) -> list:
        """Return so many of some things, as chance picks them."""
        return self.draw.sample(list(items), count)

    def between(self, low: float, high: float) -> float:
        """Return a number between two, as chance picks it."""
        return low + (high - low) * self.draw.random()

    # Ending

    def voters(self) -> list[member_module.Member]:
        """Return the correct members of the newest federation."""
        newest = max(self.world.correct(), key=lambda one: one.height)
        names = {member.name for member
                 in newest.ledger.federation.document.members}
        return [member for member in self.world.correct()
                if member.name in names]

    def settle(self, *, seconds: float = 180.0, views: int | None = None,
               heal: bool = True) -> None:
        """Let faults end; raise unless the federation then goes on.

        What f + 1 correct members know by then is committed by all correct
        members that run, within a bounded number of views.

        :param seconds: of virtual time
        :param views: the bound
        :param heal: links and processes; liars go on lying
        """
        world = self.world
        if heal:
            world.heal()
        voters = [member for member in self.voters() if member.running]
        known = self._known(voters)
        first = max(member.replica.view for member in voters)
        known.update(self._fresh(voters))

        def done() -> bool:
            return all(known <= member.disk.txids.keys()
                       for member in voters)

        if not world.run(done, seconds=seconds, on_change=True):
            missing = {txid for txid in known for member in voters
                       if txid not in member.disk.txids}
            raise oracle.Stuck(
                f'{len(missing)} transactions are not committed everywhere: '
                + ', '.join(map(describe, voters)))
        bound = self.n + 2 if views is None else views
        last = max(member.replica.view for member in voters)
        if last - first > bound:
            raise oracle.Stuck(f'it took {last - first} views')

    def _fresh(self, voters) -> list[bytes]:
        """Have new transactions taken by somebody; return their ids."""
        made = self.world.transactions(_FRESH_COUNT)
        left = made
        for _ in range(_PATIENCE):
            left = self.draw.choice(voters).submit(left)
            if not left:
                break
            # As a client who is told to come again.
            self.world.pass_time(1)
        self.expect(not left, 'somebody takes transactions')
        return [one.txid for one in made]

    def _known(self, voters) -> set[bytes]:
        """Return the transactions that f + 1 correct members know."""
        counts: dict[bytes, int] = {}
        for member in voters:
            for txid in {*member.disk.txids, *member.pool.waiting}:
                counts[txid] = counts.get(txid, 0) + 1
        needed = min(self.f + 1, len(voters))
        return {txid for txid, count in counts.items() if count >= needed}

    def expect(self, holds: bool, what: str) -> None:
        """Raise unless something holds."""
        if not holds:
            raise oracle.Failed(
                f'{what}: ' + ', '.join(map(describe, self.world.members)))

    def expect_view(self, view: int, members=None) -> None:
        """Raise unless correct members are in this view, exactly."""
        for member in members or self.voters():
            if member.running:
                self.expect(member.replica.view == view
                            and member.replica.in_view,
                            f'{member.name} should be in view {view}')

    def finish(self) -> None:
        """Raise unless the run was safe and blames nobody correct."""
        world = self.world
        world.check(offline=self.seed % _OFFLINE_EVERY == 0)
        guilty = {member.name for member in world.members
                  if not member.correct}
        for member in world.correct():
            self.expect(member.halted is None, f'{member.name} has halted')
            for record in member.evidence:
                names = [one.name for one in self._document(
                    record.record.federation).document.members]
                self.expect(names[record.record.member] in guilty,
                            f'{member.name} accuses a correct member')

    def expect_no_refusals(self) -> None:
        """Raise if a correct member has refused anything."""
        for member in self.world.correct():
            self.expect(not member.refused,
                        f'{member.name} has refused {member.refused[:1]}')

    def _document(self, digest: bytes):
        for federation in (self.world.made.federation, *self.world.epochs):
            if federation.digest == digest:
                return federation
        raise oracle.Failed('evidence about an unknown federation')


def describe(member: member_module.Member) -> str:
    """Return where a member stands."""
    if not member.running:
        return f'{member.name} is down at {member.height}'
    return (f'{member.name} has {member.height}, '
            f'{"in" if member.replica.in_view else "for"} view '
            f'{member.replica.view}, {len(member.pool.waiting)} wait')


# What scenarios are

Play = Callable[[Run], None]


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A named course of events under a row of the scenarios' table.

    :param row: S1 to S25
    :param name: of this course
    :param play: runs it
    :param sizes: of federations
    """

    row: str
    name: str
    play: Play
    sizes: tuple[int, ...]

    def run(self, seed: int, *, n: int | None = None, wire: bool = False,
            observer=None) -> Run:
        """Play it under a seed; raise :class:`~.oracle.Failed`.

        :param n: members, where the course allows a choice
        """
        sizes = self.sizes
        if n is not None and len(sizes) > 1:
            sizes = (n,)
        run = Run(seed, sizes, wire=wire, observer=observer)
        self.play(run)
        run.finish()
        return run


#: All scenarios, in the order of their rows.
REGISTRY: list[Scenario] = []
_ANY_SIZE = (4, 4, 4, 5, 7)


def scenario(row: str, *, sizes: tuple[int, ...] = (4,)):
    """Enter a function as a scenario; its name becomes the name."""
    def enter(play: Play) -> Play:
        REGISTRY.append(Scenario(
            row, play.__name__.replace('_', '-'), play, sizes))
        return play
    return enter


def any_size(row: str):
    """Enter a function as a scenario for federations of many sizes."""
    return scenario(row, sizes=_ANY_SIZE)


#: Conditions that chance may choose among.
BAD_NETWORKS = (network.Conditions(), network.LOSSY, network.REORDERING,
                network.REPLAYING, network.AWFUL)
