# SPDX-License-Identifier: Apache-2.0
"""Twins (S2): a member runs twice, with one identity and one set of keys.

The two copies do nothing wrong by themselves; together they are a member
that can say two things.  What each of the five processes of a federation of
four hears is decided view by view: in each view they are split in two, in
one of 16 ways.  All schedules of three views for each of the four members
are 4 x 16^3 = 16,384 (after Bano et al., "Twins: BFT systems made robust").

Run as ``python -m tacker_ledger.tests.simulation.twins [A-B]`` it plays the
schedules with these numbers.
"""

import dataclasses
import random
import sys
import time

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import replica
from tacker_ledger.tests.simulation import disk
from tacker_ledger.tests.simulation import member as member_module
from tacker_ledger.tests.simulation import network
from tacker_ledger.tests.simulation import oracle
from tacker_ledger.tests.simulation import simulation as simulation_module
from tacker_ledger.tests.simulation import speed

MEMBERS = 4
VIEWS = 3
#: Of four members and the copy of one.
_PROCESSES = MEMBERS + 1
#: Which processes are apart from the first one: all two-way splits.
SPLITS = tuple(
    frozenset(1 + bit for bit in range(_PROCESSES - 1) if number >> bit & 1)
    for number in range(2 ** (_PROCESSES - 1)))
#: How many schedules there are.
COUNT = MEMBERS * len(SPLITS) ** VIEWS

_VIEW_MS = 100
_CONFIG = replica.Config(
    # Within a view nothing comes again but the wish for the next one.
    retransmit_ms=_VIEW_MS + _VIEW_MS // 2, view_timeout_ms=_VIEW_MS,
    view_timeout_max_ms=_VIEW_MS)
_OPTIONS = member_module.Options(
    durations=disk.Durations(persist_us=0, append_us=0), config=_CONFIG)
_WITH_VIEW = (messages.PrePrepare, messages.Vote, messages.ViewChange,
              messages.NewView)
#: Nobody fetches blocks: all that is decided is decided by votes.
_NEVER = (messages.GetBlocks, messages.Blocks)


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Who has a twin, and who hears whom in which view.

    :param twin: the member that runs twice
    :param splits: index into :data:`SPLITS` by view
    """

    twin: int
    splits: tuple[int, ...]

    @classmethod
    def numbered(cls, number: int) -> 'Schedule':
        """Return one of all schedules, from 0 to ``COUNT`` - 1."""
        twin, rest = divmod(number, len(SPLITS) ** VIEWS)
        splits = []
        for _ in range(VIEWS):
            rest, split = divmod(rest, len(SPLITS))
            splits.append(split)
        return cls(twin, tuple(splits))

    @classmethod
    def drawn(cls, draw: random.Random) -> 'Schedule':
        """Return a schedule of some more views, by chance."""
        return cls(draw.randrange(MEMBERS), tuple(
            draw.randrange(len(SPLITS))
            for _ in range(draw.randint(VIEWS, 2 * VIEWS))))

    def apart(self, view: int, one: int, other: int) -> bool:
        """Return whether two processes do not hear each other."""
        split = SPLITS[self.splits[min(view, len(self.splits) - 1)]]
        return (one in split) != (other in split)


def world_of(schedule: Schedule, *, observer=None
             ) -> simulation_module.Simulation:
    """Return the federation of a schedule, not started."""
    world = simulation_module.Simulation(
        MEMBERS, conditions=network.STEADY,
        options=dict.fromkeys(range(MEMBERS), _OPTIONS))
    twin = world.add(world.made.sites[schedule.twin], _OPTIONS)
    twin.correct = world.members[schedule.twin].correct = False
    if observer is not None:
        world.observe(observer)
    return world


def play(world: simulation_module.Simulation, schedule: Schedule) -> None:
    """Let all views of the schedule pass."""

    asked_us: dict[int, int] = {}

    def passes(sender: int, to: int, frame) -> bool:
        if isinstance(frame, messages.ViewChange):
            # A view that too few can ask for begins a little later.
            now_us = world.clock.now_us
            if now_us - asked_us.setdefault(frame.view, now_us) > (
                    _VIEW_MS * 1000):
                return True
        if isinstance(frame, _WITH_VIEW):
            return not schedule.apart(frame.view, sender, to)
        if isinstance(frame, _NEVER):
            return False
        return not schedule.apart(world.members[sender].replica.view,
                                  sender, to)

    for member in world.members:
        member.start()
    # The copies have different things to say.
    world.network.passes = lambda sender, to, frame: False
    first, second = world.transactions(2)
    for member in world.members:
        member.submit([second] if member.process == MEMBERS else [first])
    world.network.passes = passes
    views = len(schedule.splits)
    for member in world.members:
        world.clock.run(lambda one=member: one.height > 0
                        or one.replica.view >= views,
                        world.clock.now_us + 2 * views * _VIEW_MS * 1000)
    world.network.passes = None


def check(number: int) -> None:
    """Play one of all schedules; raise unless it is safe.

    :raises Unsafe: two correct members disagree
    """
    schedule = Schedule.numbered(number)
    world = world_of(schedule)
    play(world, schedule)
    world.check(offline=False)


def main(arguments: list[str]) -> int:
    """Play the schedules named; return how many were not safe, at most 1."""
    first, last = 0, COUNT
    if arguments:
        first, last = map(int, arguments[0].split('-'))
    speed.tune()
    began = time.process_time()
    failed = 0
    for number in range(first, min(last, COUNT)):
        try:
            check(number)
        except oracle.Failed as exc:
            failed += 1
            sys.stdout.write(f'schedule {number} '
                             f'{Schedule.numbered(number)}: {exc}\n')
    seconds = time.process_time() - began
    count = min(last, COUNT) - first
    sys.stdout.write(
        f'{count} schedules of twins in {seconds:.1f} CPU seconds, '
        f'{count / max(seconds, 1e-9):.0f} per CPU second, '
        f'{failed} not safe\n')
    return int(failed > 0)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
