# SPDX-License-Identifier: Apache-2.0
"""Reads the machine's clocks and keeps agent time."""

from collections.abc import Callable
import pathlib
import time
from typing import Protocol

from tacker_ledger.core.configuration import clock as clock_module
from tacker_ledger.core.ledger import certificate
from tacker_ledger.vnf_client import state as state_module

_BOOT_ID = pathlib.Path('/proc/sys/kernel/random/boot_id')


class Clocks(Protocol):
    """The clocks of a machine."""

    def reading(self) -> clock_module.Reading:
        """Return what they show."""

    def boot_id(self) -> str:
        """Return what tells this boot from others; empty if unknown."""


class SystemClocks:
    """The clocks of this machine.

    The monotonic one counts while the machine sleeps.
    """

    def reading(self) -> clock_module.Reading:
        """Return what they show."""
        return clock_module.Reading(
            time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000,
            time.time_ns() // 1_000_000)

    def boot_id(self) -> str:
        """Return what tells this boot from others; empty if unknown."""
        try:
            return _BOOT_ID.read_text(encoding='ascii').strip()[:64]
        except OSError:
            return ''


class Timekeeper:
    """Agent time of a running agent.

    :param saved: agent time when the last process ended
    :param bound_ms: how old a fresh head may be; asked each time, for the
        federation may change its heartbeat
    """

    def __init__(self, clocks: Clocks, floor_ms: int,
                 saved: state_module.SavedTime,
                 bound_ms: Callable[[], int]) -> None:
        self._clocks = clocks
        self._bound_ms = bound_ms
        self._height = -1
        reading = clocks.reading()
        slept = self._counted_since(saved, reading)
        self._clock = clock_module.start(
            floor_ms, reading, saved.agent_ms + slept, saved.offset_ms)

    def _counted_since(self, saved: state_module.SavedTime,
                       reading: clock_module.Reading) -> int:
        """Return what the monotonic clock counted without this process."""
        if not saved.boot_id or saved.boot_id != self._clocks.boot_id():
            return 0
        elapsed = max(0, reading.monotonic_ms - saved.monotonic_ms)
        return elapsed - elapsed * clock_module.SLOW_PPM // 1_000_000

    @property
    def suspect(self) -> bool:
        """Whether the wall clock contradicts the chain."""
        return self._clock.suspect

    def now_ms(self) -> int:
        """Return agent time."""
        return self._clock.time_ms(self._clocks.reading().monotonic_ms)

    def bound_ms(self) -> int:
        """Return how old a fresh head may be."""
        return self._bound_ms()

    def monotonic_ms(self) -> int:
        """Return the monotonic clock's reading."""
        return self._clocks.reading().monotonic_ms

    def accept(self, head: certificate.Certified) -> None:
        """Take a certified head for the time.

        :raises StaleHead: it is too old
        """
        reading = self._clocks.reading()
        bound_ms = self._bound_ms()
        clock_module.check_fresh(self._clock, head.time_ms,
                                 reading.monotonic_ms, bound_ms)
        if head.height > self._height:
            self._height = head.height
            self._clock = clock_module.advance(
                self._clock, head.time_ms, reading.monotonic_ms)
        self._clock = clock_module.judge_wall(self._clock, reading, bound_ms)

    def confirm(self, testimonies: list[clock_module.Testimony],
                faults: int) -> None:
        """Ask whether members bear out agent time against the wall clock."""
        self._clock = clock_module.confirm(
            self._clock, self._clocks.reading(), testimonies, faults,
            self._bound_ms())

    def check_trusted(self) -> None:
        """See :func:`clock_module.check_trusted`."""
        clock_module.check_trusted(self._clock)

    def standstill(self) -> bool:
        """Return whether the head has not advanced within the bound."""
        return clock_module.standstill_ms(
            self._clock, self._clocks.reading().monotonic_ms
        ) > self._bound_ms()

    def saved(self) -> state_module.SavedTime:
        """Return what the next process must know."""
        reading = self._clocks.reading()
        return state_module.SavedTime(
            self._clock.time_ms(reading.monotonic_ms),
            self._clocks.boot_id(), reading.monotonic_ms,
            self._clock.offset_ms)
