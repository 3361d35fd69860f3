# SPDX-License-Identifier: Apache-2.0
"""When a leader has had its time: the one timer that ends a view.

It runs from the moment that there is something to decide, and otherwise to
somewhat after the next heartbeat is due.  After a view was left it runs
again only when a quorum asks for the next one, so that members who hurry
ahead wait for the others; each failed view has twice the time of the one
before.  A leader whose link is down has a fraction of it, to come back.
"""

from collections.abc import Callable

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import outbox
from tacker_ledger.core.consensus import rounds
from tacker_ledger.core.consensus import timeouts as timeouts_module

IDLE = 'idle'
WORKING = 'working'
CHANGING = 'changing'
LOST = 'lost'
#: Why a view is left when the timer runs down.
REASONS = {IDLE: 'no heartbeat came in time',
           WORKING: 'nothing was decided in time',
           LOST: 'the link to its leader is down',
           CHANGING: 'it did not begin in time'}
#: Part of its time that a leader has whose link is down.
_LOST_DIVISOR = 4


class Pacemaker:
    """Sets the timer of the view.

    :param out: where effects go
    :param timeouts: how long a view may take
    """

    def __init__(self, out: outbox.Outbox,
                 timeouts: timeouts_module.Timeouts) -> None:
        self._out = out
        self._timeouts = timeouts
        #: ((height, view), phase) that the timer was set for.
        self._set_for: tuple[tuple[int, int], str] | None = None
        #: ((height, view), since when there is something to decide in it)
        self._working: tuple[tuple[int, int], int] | None = None
        self._lost: set[int] = set()

    def lost(self, member: int) -> None:
        """The link to a member is down."""
        self._lost.add(member)

    def found(self, member: int) -> None:
        """The link to a member is up again."""
        self._lost.discard(member)

    def epoch_ended(self) -> None:
        """Indices mean other members from now on."""
        self._lost.clear()

    @property
    def phase(self) -> str:
        """What the timer was set for; empty if it does not run."""
        return '' if self._set_for is None else self._set_for[1]

    def arm(self, current: rounds.Round, *, work: bool, now_ms: int,
            heartbeat_due_ms: Callable[[int], int]) -> None:
        """Let the timer run for what is going on, unless it does.

        :param work: whether transactions wait
        :param heartbeat_due_ms: returns how long after ``now_ms`` the next
            heartbeat is due
        """
        views, here = current.views, (current.height, current.views.view)
        if not views.active:
            if not views.wanted_by_quorum():
                self.stop()
                return
            phase = CHANGING
        elif views.leader in self._lost:
            phase = LOST
        elif work or current.in_flight:
            phase = WORKING
            if self._working is None or self._working[0] != here:
                self._working = (here, now_ms)
        else:
            phase = IDLE
        wanted = (here, phase)
        if wanted == self._set_for:
            return
        self._set_for = wanted
        delay_ms = self._timeouts.after(views.failed)
        if phase == IDLE:
            delay_ms += heartbeat_due_ms(now_ms)
        elif views.leader in self._lost:
            delay_ms //= _LOST_DIVISOR
        self._out.set_timer(effects.TIMER_VIEW, delay_ms)

    def stop(self) -> None:
        """Let the timer run no more."""
        self._set_for = None
        self._out.cancel(effects.TIMER_VIEW)

    def ran_down(self) -> str:
        """Note the end of the timer; return what it was set for."""
        phase, self._set_for = self.phase, None
        return phase

    def decided(self, now_ms: int, *, here: bool) -> None:
        """A height is over.

        :param here: it was decided by this round, not fetched
        """
        if here and self._working is not None:
            # Of the view in which it was decided: the time that was lost
            # with leaders who failed says nothing about the next one.
            self._timeouts.observe(now_ms - self._working[1])
        self._working = None
        self.stop()
