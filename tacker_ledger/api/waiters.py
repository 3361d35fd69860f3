# SPDX-License-Identifier: Apache-2.0
"""Clients which wait for a change: a long-poll costs no thread.

A waiter is held under the two-byte prefixes of the state keys (or of the
transaction id) it waits for, so a block wakes those it concerns without
looking at the rest.  Waiting is bounded three ways: per client address, in
total, and in time.  Over a bound nothing waits: the client gets the present
head at once and is told when to come back.

Waiters are woken in slices.  A block that a thousand VNFs wait for would
otherwise keep the loop, which also carries consensus, busy for the time of
a thousand signatures.
"""

import asyncio
import collections
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterable
import enum
import random
import secrets
from typing import Any

from tacker_ledger.core import errors

PREFIX_BYTES = 2
WAKE_SLICE_COUNT = 32
#: A waiter is answered at the latest after so many heartbeats: its client
#: takes a head older than four for stale.
HEARTBEATS = 2
DEADLINE_MIN_SECONDS = 1.0
#: Deadlines are shortened by up to this part, so that those who were woken
#: together do not come back together for ever.
JITTER = 0.25


class Outcome(enum.Enum):
    """Why a wait ended."""

    CHANGED = 'changed'
    DEADLINE = 'deadline'
    #: A bound on waiters was reached: nothing was waited for.
    FULL = 'full'
    #: The client has gone.
    GONE = 'gone'


class _Waiter:
    __slots__ = ('keys', 'future', 'address')

    def __init__(self, keys: frozenset[bytes], address: str,
                 future: asyncio.Future[Outcome]) -> None:
        self.keys = keys
        self.address = address
        self.future = future

    def end(self, outcome: Outcome) -> None:
        if not self.future.done():
            self.future.set_result(outcome)

    def left(self, watch: asyncio.Future[Any]) -> None:
        if not watch.cancelled():
            # reading it keeps asyncio from reporting it a second time
            watch.exception()
            self.end(Outcome.GONE)


class Waiters:
    """All waiting clients of a process; belongs to one loop.

    :param max_count: bound on all of them
    :param per_address_max_count: bound on those of one address
    """

    def __init__(self, max_count: int, per_address_max_count: int,
                 generator: random.Random | None = None) -> None:
        self._max_count = max_count
        self._per_address_max_count = per_address_max_count
        self._generator = generator or secrets.SystemRandom()
        self._by_prefix: dict[bytes, set[_Waiter]] = {}
        self._for_any: set[_Waiter] = set()
        self._per_address: collections.Counter[str] = collections.Counter()
        self._count = 0
        self._closed = False

    def __len__(self) -> int:
        return self._count

    @property
    def closed(self) -> bool:
        """Whether the door is shutting down."""
        return self._closed

    def deadline_seconds(self, wait_seconds: float,
                         heartbeat_ms: int) -> float:
        """Return for how long to hold a client that asked to wait."""
        bound = max(DEADLINE_MIN_SECONDS, HEARTBEATS * heartbeat_ms / 1000)
        return min(wait_seconds, bound) * (
            1 - JITTER * self._generator.random())

    async def wait(self, keys: Iterable[bytes], address: str,
                   seconds: float, gone: Callable[[], Awaitable[Any]]
                   ) -> Outcome:
        """Wait until one of the keys changes.

        Look *before* calling, without awaiting in between: what was
        committed by then is not waited for.

        :param keys: state keys or transaction ids; none: any block
        :param seconds: for how long at most
        :param gone: a coroutine function that returns when the client goes
        :raises ShuttingDown: the door stops
        """
        if self._closed:
            raise _shutting_down()
        if (self._count >= self._max_count or
                self._per_address[address] >= self._per_address_max_count):
            return Outcome.FULL
        loop = asyncio.get_running_loop()
        waiter = _Waiter(frozenset(keys), address, loop.create_future())
        self._add(waiter)
        timer = loop.call_later(seconds, waiter.end, Outcome.DEADLINE)
        watch = asyncio.ensure_future(gone())
        watch.add_done_callback(waiter.left)
        try:
            return await waiter.future
        finally:
            timer.cancel()
            watch.cancel()
            self._remove(waiter)

    def _add(self, waiter: _Waiter) -> None:
        self._count += 1
        self._per_address[waiter.address] += 1
        if not waiter.keys:
            self._for_any.add(waiter)
        for key in waiter.keys:
            self._by_prefix.setdefault(key[:PREFIX_BYTES], set()).add(waiter)

    def _remove(self, waiter: _Waiter) -> None:
        self._count -= 1
        left = self._per_address[waiter.address] - 1
        if left:
            self._per_address[waiter.address] = left
        else:
            del self._per_address[waiter.address]
        self._for_any.discard(waiter)
        for key in waiter.keys:
            prefix = key[:PREFIX_BYTES]
            bucket = self._by_prefix.get(prefix)
            if bucket is not None:
                bucket.discard(waiter)
                if not bucket:
                    del self._by_prefix[prefix]

    def wake(self, changed: Iterable[bytes] | None) -> int:
        """Wake those whom a block concerns.

        :param changed: state keys with a new value, and transaction ids;
            None if they are not known: everybody is woken and looks
        :returns: how many were woken
        """
        if changed is None:
            woken = self._everybody()
        else:
            woken = set(self._for_any)
            for key in changed:
                for waiter in self._by_prefix.get(key[:PREFIX_BYTES], ()):
                    if key in waiter.keys:
                        woken.add(waiter)
        self._end_in_slices(list(woken))
        return len(woken)

    def _everybody(self) -> set[_Waiter]:
        return self._for_any.union(*self._by_prefix.values())

    def _end_in_slices(self, waiters: list[_Waiter]) -> None:
        for waiter in waiters[:WAKE_SLICE_COUNT]:
            waiter.end(Outcome.CHANGED)
        rest = waiters[WAKE_SLICE_COUNT:]
        if rest:
            # After the next look at the sockets: not call_soon, whose calls
            # a loop may take in one go with what the woken ones schedule.
            asyncio.get_running_loop().call_later(
                0, self._end_in_slices, rest)

    def close(self) -> None:
        """Let everybody go with ``shutting-down``; nobody waits again."""
        self._closed = True
        for waiter in self._everybody():
            if not waiter.future.done():
                waiter.future.set_exception(_shutting_down())


def _shutting_down() -> errors.ShuttingDown:
    return errors.ShuttingDown('The node is stopping; ask another one.',
                               retry_after_seconds=1)
