# SPDX-License-Identifier: Apache-2.0
"""Agent time: what a VNF without a trustworthy clock takes the time to be.

Agent time is the highest certified header time it has seen (or the floor of
its bootstrap document) plus what its monotonic clock has counted since,
counted 0.02 % slow, so that a chain replayed at a slower pace grows stale.
It never decreases.

The wall clock decides nothing by itself: where it contradicts agent time it
raises *clock-suspect*, under which nothing new is applied.  Without that, one
lying node beside a blocked path could serve the true chain days late to a
VNF that has slept.  The suspicion ends when the wall clock agrees again, or
when f + 1 members have signed a fresh nonce at agent time: then the wall
clock is the wrong one, its offset is stored and applied from there on.

Times are milliseconds; wall clock and headers count from the Unix epoch, the
monotonic clock from any point.  Readings are arguments: nothing here asks a
clock.
"""

from collections.abc import Iterable
import dataclasses

from tacker_ledger.core import errors

#: The slowness of elapsed time, in parts per million: 0.02 %.
SLOW_PPM = 200


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """What the clocks of the machine showed at one moment."""

    monotonic_ms: int
    wall_ms: int


@dataclasses.dataclass(frozen=True, slots=True)
class AgentClock:
    """Agent time and what is thought of the wall clock.

    :param base_ms: agent time when the monotonic clock showed
        ``base_monotonic_ms``
    :param advanced_monotonic_ms: the monotonic clock when the head last
        advanced
    :param offset_ms: what to add to the wall clock; not 0 once members have
        shown that it is wrong
    :param suspect: whether the wall clock contradicts agent time
    """

    base_ms: int
    base_monotonic_ms: int
    advanced_monotonic_ms: int
    offset_ms: int = 0
    suspect: bool = False

    def time_ms(self, monotonic_ms: int) -> int:
        """Return agent time when the monotonic clock shows this."""
        elapsed = max(0, monotonic_ms - self.base_monotonic_ms)
        return self.base_ms + elapsed - elapsed * SLOW_PPM // 1_000_000

    def lateness_ms(self, head_time_ms: int, monotonic_ms: int) -> int:
        """Return by how much a head is older than agent time, at least 0."""
        return max(0, self.time_ms(monotonic_ms) - head_time_ms)


def start(floor_ms: int, reading: Reading, saved_ms: int = 0,
          offset_ms: int = 0) -> AgentClock:
    """Return the clock of a starting agent.

    :param floor_ms: time of the bootstrap document's floor
    :param saved_ms: agent time as last saved, 0 if never; time that has
        passed since then is unknown and not counted, unless the caller
        added what a monotonic clock shows of it
    :param offset_ms: the stored offset of the wall clock
    """
    return AgentClock(
        base_ms=max(floor_ms, saved_ms),
        base_monotonic_ms=reading.monotonic_ms,
        advanced_monotonic_ms=reading.monotonic_ms, offset_ms=offset_ms)


def check_fresh(clock: AgentClock, head_time_ms: int, monotonic_ms: int,
                bound_ms: int) -> None:
    """Refuse a certified head that is too old.

    :raises StaleHead: it lies more than ``bound_ms`` before agent time
    """
    late_ms = clock.lateness_ms(head_time_ms, monotonic_ms)
    if late_ms > bound_ms:
        raise errors.StaleHead(
            f'The certified head is {late_ms} ms old; at most {bound_ms} ms '
            'are allowed.', late_ms=late_ms, bound_ms=bound_ms,
            head_time_ms=head_time_ms)


def advance(clock: AgentClock, head_time_ms: int,
            monotonic_ms: int) -> AgentClock:
    """Return the clock after a head higher than any before was certified."""
    if head_time_ms > clock.time_ms(monotonic_ms):
        return dataclasses.replace(
            clock, base_ms=head_time_ms, base_monotonic_ms=monotonic_ms,
            advanced_monotonic_ms=monotonic_ms)
    # Not rebased: rounding would add up over many small steps.
    return dataclasses.replace(clock, advanced_monotonic_ms=monotonic_ms)


def standstill_ms(clock: AgentClock, monotonic_ms: int) -> int:
    """Return for how long the head has not advanced."""
    return max(0, monotonic_ms - clock.advanced_monotonic_ms)


def judge_wall(clock: AgentClock, reading: Reading,
               tolerance_ms: int) -> AgentClock:
    """Return the clock with its suspicion raised or cleared.

    To be asked when a fresh head has been accepted: the wall clock, its
    stored offset added, must show agent time to within ``tolerance_ms``.
    The bare wall clock does not clear what members have contradicted.
    """
    now_ms = clock.time_ms(reading.monotonic_ms)
    difference_ms = reading.wall_ms + clock.offset_ms - now_ms
    return dataclasses.replace(
        clock, suspect=abs(difference_ms) > tolerance_ms)


@dataclasses.dataclass(frozen=True, slots=True)
class Testimony:
    """One member's signature over our fresh nonce, at its head's time."""

    member: int
    head_time_ms: int


def confirm(clock: AgentClock, reading: Reading,
            testimonies: Iterable[Testimony], faults: int,
            tolerance_ms: int) -> AgentClock:
    """Return the clock after members were asked what time it is.

    If f + 1 distinct members, of whom one is correct, signed at agent time,
    the wall clock is wrong: its offset is stored, the suspicion ends.  Else
    nothing changes.

    :param faults: f, how many members may lie
    """
    now_ms = clock.time_ms(reading.monotonic_ms)
    agreeing = {given.member for given in testimonies
                if abs(given.head_time_ms - now_ms) <= tolerance_ms}
    if len(agreeing) <= faults:
        return clock
    return dataclasses.replace(
        clock, suspect=False, offset_ms=now_ms - reading.wall_ms)


def check_trusted(clock: AgentClock) -> None:
    """Refuse to go on while the clocks contradict each other.

    :raises ClockSuspect: they do
    """
    if clock.suspect:
        raise errors.ClockSuspect(
            'The wall clock contradicts the time of the chain; nothing new '
            'is applied.', agent_time_ms=clock.base_ms)
