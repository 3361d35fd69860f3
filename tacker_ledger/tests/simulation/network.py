# SPDX-License-Identifier: Apache-2.0
"""A network that delays, loses, doubles, reorders, replays and parts.

It carries messages between *processes*.  A process is one running copy of a
member, so a member with a twin is two of them.
"""

from collections.abc import Callable
from collections.abc import Iterable
import dataclasses
import itertools
import random

from tacker_ledger.core.consensus import messages
from tacker_ledger.tests.simulation import scheduler

#: Frames that may be replayed: so many of the last ones.
_REMEMBERED = 200


@dataclasses.dataclass(frozen=True)
class Conditions:
    """How bad the network is.

    :param latency_us: lowest and highest
    :param loss: share of frames that are lost
    :param doubling: share of frames that arrive twice
    :param reordering: whether a frame may overtake another on its link
    :param replay: share of frames after which an old one comes once more
    """

    latency_us: tuple[int, int] = (200, 2_000)
    loss: float = 0.0
    doubling: float = 0.0
    reordering: bool = False
    replay: float = 0.0


#: Every frame takes one millisecond.
STEADY = Conditions(latency_us=(1_000, 1_000))
LOSSY = Conditions(loss=0.1)
DOUBLING = Conditions(doubling=0.5)
REORDERING = Conditions(latency_us=(100, 20_000), reordering=True)
REPLAYING = Conditions(latency_us=(100, 20_000), reordering=True, replay=0.3)
AWFUL = Conditions(latency_us=(100, 20_000), loss=0.1, doubling=0.3,
                   reordering=True, replay=0.1)

#: A message, or the bytes of a frame.
Frame = messages.Message | bytes
Port = Callable[[Frame, int], None]


class Network:
    """Carries frames between processes.

    :param clock: of the simulation
    :param draw: where chance comes from
    :param wire: carry bytes, not objects; the course is the same
    """

    def __init__(self, clock: scheduler.Scheduler, draw: random.Random,
                 conditions: Conditions, *, wire: bool = False):
        self.conditions = conditions
        self.frames = 0
        self._clock = clock
        self._draw = draw
        self._wire = wire
        self._ports: dict[int, Port] = {}
        #: Links, (from, to), that lose everything.
        self._blocked: set[tuple[int, int]] = set()
        self._slow: dict[tuple[int, int], int] = {}
        self._busy_until: dict[tuple[int, int], int] = {}
        self._past: list[tuple[tuple[int, int], Frame]] = []
        #: Asked for each frame (from, to, message) while it is set.
        self.passes: Callable[[int, int, Frame], bool] | None = None

    def attach(self, process: int, port: Port) -> None:
        """Deliver frames for a process to ``port(frame, sender)``."""
        self._ports[process] = port

    # Parting

    def block(self, froms: Iterable[int], tos: Iterable[int]) -> None:
        """Lose all that the first ones send to the others."""
        self._blocked.update(itertools.product(froms, tuple(tos)))

    def cut(self, process: int) -> None:
        """Lose all frames from and to a process."""
        self.block([process], self._ports)
        self.block(self._ports, [process])

    def mend(self, process: int) -> None:
        """Carry its frames again."""
        self._blocked = {link for link in self._blocked
                         if process not in link}

    def part(self, *groups: Iterable[int]) -> None:
        """Let processes hear only those of their own group."""
        self.heal()
        sets = [frozenset(group) for group in groups]
        for one, other in itertools.permutations(sets, 2):
            self.block(one - other, other - one)

    def heal(self) -> None:
        """Carry everything again."""
        self._blocked = set()

    def slow(self, froms: Iterable[int], delay_us: int) -> None:
        """Let all that some send take so much longer; 0 ends it."""
        for link in itertools.product(froms, self._ports):
            self._slow[link] = delay_us

    def is_blocked(self, sender: int, to: int) -> bool:
        """Return whether a link loses everything."""
        return (sender, to) in self._blocked

    def is_cut(self, process: int) -> bool:
        """Return whether a process hears nobody."""
        others = [other for other in self._ports if other != process]
        return bool(others) and all((other, process) in self._blocked
                                    for other in others)

    # Carrying

    def send(self, sender: int, to: int, frame: Frame) -> None:
        """Carry a frame, if fortune allows."""
        self.frames += 1
        if self._wire and type(frame) is not bytes:
            frame = messages.encode(frame)
        conditions, chance = self.conditions, self._draw.random
        link = (sender, to)
        if self._blocked and link in self._blocked:
            return
        if self.passes is not None and not self.passes(sender, to, frame):
            return
        if conditions.loss and chance() < conditions.loss:
            return
        if conditions.replay:
            self._replay(link, frame)
        self._carry(link, frame)
        if conditions.doubling and chance() < conditions.doubling:
            self._carry(link, frame)

    def _carry(self, link: tuple[int, int], frame: Frame) -> None:
        conditions, clock = self.conditions, self._clock
        low, high = conditions.latency_us
        at_us = clock.now_us + low
        if high > low:
            at_us += int(self._draw.random() * (high - low))
        if self._slow:
            at_us += self._slow.get(link, 0)
        if not conditions.reordering:
            busy_until_us = self._busy_until.get(link, 0)
            if at_us < busy_until_us:
                at_us = busy_until_us
            self._busy_until[link] = at_us
        clock.post_at(at_us, self._arrive, (link, frame))

    def _arrive(self, link: tuple[int, int], frame: Frame) -> None:
        if not self._blocked or link not in self._blocked:
            sender, to = link
            self._ports[to](frame, sender)

    def _replay(self, link: tuple[int, int], frame: Frame) -> None:
        """Remember a frame, and perhaps let an old one arrive again."""
        if len(self._past) < _REMEMBERED:
            self._past.append((link, frame))
        else:
            self._past[self._draw.randrange(_REMEMBERED)] = (link, frame)
        if self._draw.random() < self.conditions.replay:
            self._carry(*self._draw.choice(self._past))
