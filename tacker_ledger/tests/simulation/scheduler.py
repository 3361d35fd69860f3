# SPDX-License-Identifier: Apache-2.0
"""Virtual time: what is due next happens next, at once."""

from collections.abc import Callable
import heapq


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
        #: Set by whoever changes what a condition may be about.
        self.changed = False
        self._queue: list[tuple] = []
        self._number = 0

    def post(self, delay_us: int, act: Callable, *arguments) -> None:
        """Do ``act(*arguments)`` in ``delay_us`` microseconds."""
        self._number += 1
        heapq.heappush(self._queue, (self.now_us + delay_us, self._number,
                                     act, arguments))

    def post_at(self, at_us: int, act: Callable, arguments: tuple) -> None:
        """Do ``act(*arguments)`` at a time that is not over."""
        self._number += 1
        heapq.heappush(self._queue, (at_us, self._number, act, arguments))

    def alarm(self, delay_us: int, act: Callable, name: str) -> int:
        """Do ``act(name, number)``; return that number, used once.

        Whoever has forgotten the number by then ignores it.
        """
        self._number += 1
        heapq.heappush(self._queue, (self.now_us + delay_us, self._number,
                                     act, (name, self._number)))
        return self._number

    def after(self, delay_us: int, action: Callable[[], None]) -> Handle:
        """Do ``action`` in ``delay_us`` microseconds, unless cancelled."""
        handle = Handle(action)
        self.post(max(delay_us, 0), _fire, handle)
        return handle

    def run(self, until: Callable[[], bool], limit_us: int, *,
            on_change: bool = False) -> bool:
        """Go on until a condition holds; return whether it came to hold.

        :param limit_us: the virtual time to give up at
        :param on_change: look at the condition only after :attr:`changed`
            was set
        """
        queue, pop = self._queue, heapq.heappop
        self.changed = True
        while True:
            if self.changed or not on_change:
                self.changed = False
                if until():
                    return True
            if not queue or queue[0][0] > limit_us:
                self.now_us = max(self.now_us, limit_us)
                return False
            self.now_us, _number, act, arguments = pop(queue)
            act(*arguments)


def _fire(handle: Handle) -> None:
    if handle.action is not None:
        handle.action()
