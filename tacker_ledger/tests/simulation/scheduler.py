# SPDX-License-Identifier: Apache-2.0
"""Virtual time: what is due next happens next, at once."""

from collections.abc import Callable
import heapq
import itertools


class Handle:
    """Something scheduled; :meth:`cancel` forgets it."""

    __slots__ = ('action',)

    def __init__(self, action: Callable[[], None]):
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Do not do it."""
        self.action = None


class Scheduler:
    """Runs actions in the order of their times, then of their making."""

    def __init__(self):
        self.now_us = 0
        self._queue: list[tuple[int, int, Handle]] = []
        self._number = itertools.count()

    def after(self, delay_us: int, action: Callable[[], None]) -> Handle:
        """Do ``action`` in ``delay_us`` microseconds."""
        handle = Handle(action)
        heapq.heappush(self._queue, (self.now_us + max(delay_us, 0),
                                     next(self._number), handle))
        return handle

    def run(self, until: Callable[[], bool], limit_us: int) -> bool:
        """Go on until a condition holds; return whether it came to hold.

        :param limit_us: the virtual time to give up at
        """
        while not until():
            if not self._queue or self._queue[0][0] > limit_us:
                self.now_us = max(self.now_us, limit_us)
                return False
            self.now_us, _number, handle = heapq.heappop(self._queue)
            if handle.action is not None:
                handle.action()
        return True
