# SPDX-License-Identifier: Apache-2.0
"""The loop of a service: work when woken, and every few seconds.

Nothing depends on being woken: the database tells what is to be done.
"""

from collections.abc import Callable
from collections.abc import Sequence
import signal
import threading
from typing import Any

from oslo_log import log as logging

from tacker_ledger.core import errors
from tacker_ledger.storage import anchors

LOG = logging.getLogger(__name__)


class Ticker:
    """Runs steps one after the other, in the thread that calls :meth:`run`.

    :param steps: (name, function) pairs; one that fails is tried again at
        the next turn, and hinders no other
    :param interval_seconds: between two turns when nobody wakes it
    """

    def __init__(self, steps: Sequence[tuple[str, Callable[[], Any]]],
                 interval_seconds: float) -> None:
        self._steps = steps
        self._interval_seconds = interval_seconds
        self._woken = threading.Event()
        self._ended = threading.Event()
        self._problems: dict[str, str] = {}

    def wake(self, message: Any = None) -> None:
        """Say that there is something to do."""
        self._woken.set()

    def stop(self) -> None:
        """End after the step in hand."""
        self._ended.set()
        self._woken.set()

    def stop_at_signals(self) -> None:
        """Let SIGTERM and SIGINT end the loop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())

    def turn(self) -> None:
        """Do every step once."""
        for name, step in self._steps:
            if self._ended.is_set():
                return
            problem = ''
            try:
                step()
            except anchors.LeaseLost:
                LOG.info('Another publisher acts now')
            except errors.LedgerError as error:
                problem = f'{error.code}: {error.message}'
                if self._problems.get(name) != problem:
                    LOG.error('The %s cannot go on at present: %s', name,
                              problem)
            except Exception:
                # a fault of ours in one step must not end the others
                problem = 'a fault'
                if self._problems.get(name) != problem:
                    LOG.exception('The %s failed', name)
            if not problem and self._problems.get(name):
                LOG.info('The %s goes on', name)
            self._problems[name] = problem

    def run(self) -> None:
        """Work until stopped."""
        while not self._ended.is_set():
            self._woken.clear()
            self.turn()
            self._woken.wait(0 if self._ended.is_set()
                             else self._interval_seconds)
