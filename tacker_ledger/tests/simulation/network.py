# SPDX-License-Identifier: Apache-2.0
"""A network of members that delays, loses, doubles and reorders frames."""

from collections.abc import Callable
import dataclasses
import random

from tacker_ledger.tests.simulation import scheduler


@dataclasses.dataclass(frozen=True)
class Conditions:
    """How bad the network is.

    :param latency_us: lowest and highest
    :param loss: share of frames that are lost
    :param doubling: share of frames that arrive twice
    :param reordering: whether a frame may overtake another on its link
    """

    latency_us: tuple[int, int] = (200, 2_000)
    loss: float = 0.0
    doubling: float = 0.0
    reordering: bool = False


#: Every frame takes one millisecond.
STEADY = Conditions(latency_us=(1_000, 1_000))
LOSSY = Conditions(loss=0.1)
DOUBLING = Conditions(doubling=0.5)
REORDERING = Conditions(latency_us=(100, 20_000), reordering=True)
AWFUL = Conditions(latency_us=(100, 20_000), loss=0.1, doubling=0.3,
                   reordering=True)


class Network:
    """Carries frames between members.

    :param clock: of the simulation
    :param draw: where chance comes from
    """

    def __init__(self, clock: scheduler.Scheduler, draw: random.Random,
                 conditions: Conditions):
        self.conditions = conditions
        self._clock = clock
        self._draw = draw
        self._ports: dict[int, Callable[[bytes, int], None]] = {}
        self._cut: set[int] = set()
        self._busy_until: dict[tuple[int, int], int] = {}
        self.frames = 0
        self.octets = 0

    def attach(self, member: int, port: Callable[[bytes, int], None]
               ) -> None:
        """Deliver frames for a member to ``port(frame, sender)``."""
        self._ports[member] = port

    def cut(self, member: int) -> None:
        """Lose all frames from and to a member."""
        self._cut.add(member)

    def mend(self, member: int) -> None:
        """Carry its frames again."""
        self._cut.discard(member)

    def is_cut(self, member: int) -> bool:
        """Return whether a member is cut off."""
        return member in self._cut

    def send(self, sender: int, to: int, frame: bytes) -> None:
        """Carry a frame, if fortune allows."""
        self.frames += 1
        self.octets += len(frame)
        # Always drawn, so that one seed means one course of events.
        chance = self._draw.random()
        twice = self._draw.random() < self.conditions.doubling
        if {sender, to} & self._cut or chance < self.conditions.loss:
            return
        for _ in range(2 if twice else 1):
            self._carry(sender, to, frame)

    def _carry(self, sender: int, to: int, frame: bytes) -> None:
        at_us = self._clock.now_us + self._draw.randint(
            *self.conditions.latency_us)
        if not self.conditions.reordering:
            at_us = max(at_us, self._busy_until.get((sender, to), 0))
            self._busy_until[sender, to] = at_us

        def arrive():
            if not {sender, to} & self._cut:
                self._ports[to](frame, sender)

        self._clock.after(at_us - self._clock.now_us, arrive)
