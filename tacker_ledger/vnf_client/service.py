# SPDX-License-Identifier: Apache-2.0
"""The loop of the agent: ask, believe, decide, tell; never listen."""

from collections.abc import Iterator
import contextlib
import secrets
import threading
import time

from oslo_log import log as logging

from tacker_ledger.core import errors
from tacker_ledger.vnf_client import agent as agent_module
from tacker_ledger.vnf_client import alarms as alarms_module
from tacker_ledger.vnf_client import console as console_module
from tacker_ledger.vnf_client import decision
from tacker_ledger.vnf_client import fetch
from tacker_ledger.vnf_client import outbox as outbox_module
from tacker_ledger.vnf_client import recovery

LOG = logging.getLogger(__name__)

#: A poll shorter than this did not wait for anything.
_WAITED_SECONDS = 1.0
#: How often one poll asks again because somebody showed a newer head.
_NEWEST_TRIES = 8
#: Pauses are up to so much shorter or longer, in per cent.
_JITTER_PERCENT = 20


class Stopped(BaseException):
    """Ends a wait when the agent is to stop; nobody else catches it."""


class Service:
    """Runs an agent.

    :param agent: its state directory is this process's alone
    """

    def __init__(self, agent: agent_module.Agent) -> None:
        self._agent = agent
        self._outbox = outbox_module.Outbox(agent)
        self._console = console_module.Console(agent)
        self._stopping = threading.Event()
        self._interruptible = False
        self._polls = 0
        #: Code of the failure that was logged last, None if polls work.
        self._failing: str | None = None

    def stop(self) -> None:
        """Make :meth:`run` return, for a signal handler in the same thread.

        At once while it waits for something, else after what it is doing.
        """
        self._stopping.set()
        if self._interruptible:
            raise Stopped

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        """A part that may be left at any moment."""
        self._interruptible = True
        try:
            if self._stopping.is_set():
                raise Stopped
            yield
        finally:
            self._interruptible = False

    def run(self) -> None:
        """Work until :meth:`stop` is called."""
        self._console.tick()
        self._start()
        with contextlib.suppress(Stopped):
            while not self._stopping.is_set():
                pause_seconds = self._turn()
                self._console.tick()
                with self._waiting():
                    time.sleep(pause_seconds)
        LOG.info('Stopped')

    def _start(self) -> None:
        try:
            recovery.recover(self._agent)
        except errors.LedgerError as exc:
            LOG.error('Recovery: %s', exc.message)
            return
        recovery.enforce(self._agent)

    def _turn(self) -> float:
        """Poll once and return how long to pause, in seconds."""
        began = time.monotonic()
        before = self._agent.state
        failure = None
        try:
            # The first one finds out where the chain is.
            self.poll(wait=self._polls > 0)
        except errors.LedgerError as exc:
            failure = exc
        self._report(failure)
        if failure is not None:
            return self._interval()
        waited = time.monotonic() - began >= _WAITED_SECONDS
        moved = self._agent.state.counters != before.counters
        if self._agent.settings.wait_seconds and (waited or moved):
            return 0.0
        return self._until_due(self._interval())

    def _interval(self) -> float:
        """Return the pause between two polls, jittered."""
        percent = 100 - _JITTER_PERCENT + secrets.randbelow(
            2 * _JITTER_PERCENT + 1)
        return self._agent.interval_seconds * percent / 100

    def _until_due(self, seconds: float) -> float:
        """Return a pause, shortened if something is to be sent earlier."""
        due_ms = self._outbox.next_due_ms()
        if due_ms is None:
            return seconds
        left = (due_ms - self._agent.timekeeper.now_ms()) / 1000
        return min(seconds, max(left, 0.1)) if left > 0 else seconds

    # One poll

    def poll(self, wait: bool = False) -> None:
        """Ask once and act on the answer.

        :param wait: let the node hold the request until something changes
        :raises LedgerError: nothing acceptable was to be had, or the clocks
            contradict each other
        """
        agent = self._agent
        recovery.recover(agent)
        self._polls += 1
        batch = agent.inbox.gather(agent.state, self._newest(wait))
        agent.timekeeper.check_trusted()
        decision.process(agent, batch)
        self._outbox.deliver(batch.head.time_ms)

    def _newest(self, wait: bool) -> fetch.Snapshot:
        """Return the state at the newest head that is known.

        Asking others, whether for a second opinion or for the time, may
        show a newer head than the one that was answered with: nothing is
        decided under the older one.

        :raises StaleHead: whoever answers falls behind again and again
        """
        agent = self._agent
        for _ in range(_NEWEST_TRIES):
            snapshot = self._snapshot(wait)
            if self._polls % agent.settings.second_node_polls == 0:
                self._ask_second(snapshot)
            self._settle_clock()
            newest = agent.fetcher.light.trusted.reference
            if snapshot.head.height >= newest.height:
                return snapshot
            wait = False
        raise errors.StaleHead('Nodes fall behind what others show.',
                               height=snapshot.head.height,
                               newest=newest.height)

    def _snapshot(self, wait: bool) -> fetch.Snapshot:
        agent = self._agent
        keys = list(agent.inbox.state_keys(agent.state.trust,
                                           agent.state.handled_height))
        wait_seconds = 0
        if wait:
            wait_seconds = int(self._until_due(agent.settings.wait_seconds))
        try:
            with self._waiting():
                snapshot = agent.fetcher.state(
                    keys, since=agent.state.handled_height
                    if wait_seconds else None, wait_seconds=wait_seconds)
        except errors.LedgerError as exc:
            self._no_answer(exc)
            raise
        for name in (alarms_module.ISOLATED, alarms_module.STALE_HEAD):
            agent.alarms.set(name, False, agent.timekeeper.monotonic_ms())
        return snapshot

    def _no_answer(self, exc: errors.LedgerError) -> None:
        """Raise the alarm if there has been no fresh head for too long."""
        agent = self._agent
        if not agent.timekeeper.standstill():
            return
        alone = isinstance(exc, errors.UnavailableError)
        agent.alarms.set(
            alarms_module.ISOLATED if alone else alarms_module.STALE_HEAD,
            True, agent.timekeeper.monotonic_ms(),
            'no fresh head for too long; what is in force stays in force: '
            + exc.message)

    def _ask_second(self, snapshot: fetch.Snapshot) -> None:
        """Ask another node whether the first one holds something back."""
        agent = self._agent
        pool = agent.fetcher.client.pool
        answered = False
        for node in pool.others(snapshot.node):
            try:
                head = agent.fetcher.head(node)
            except (errors.StaleHead, errors.HeadRollback):
                # It answers, and lags a little behind the first.
                answered = True
                break
            except errors.LedgerError:
                continue
            answered = True
            late_ms = head.time_ms - snapshot.head.time_ms
            if late_ms > agent.timekeeper.bound_ms():
                LOG.warning('Node %s held back %d ms of the chain',
                            snapshot.node.url, late_ms)
                pool.mark_stale(snapshot.node)
            break
        agent.alarms.set(
            alarms_module.SINGLE_NODE, not answered,
            agent.timekeeper.monotonic_ms(),
            'no second node answers: this VNF may be isolated')

    def _settle_clock(self) -> None:
        """Let members decide between the chain's time and the wall clock.

        :raises ClockSuspect: too few of them bear the chain out
        """
        agent = self._agent
        if agent.timekeeper.suspect:
            agent.timekeeper.confirm(
                agent.fetcher.testimonies(),
                agent.fetcher.light.trusted.federation.faults)
        agent.alarms.set(
            alarms_module.CLOCK_SUSPECT, agent.timekeeper.suspect,
            agent.timekeeper.monotonic_ms(),
            'the wall clock contradicts the chain; nothing new is applied')
        agent.timekeeper.check_trusted()

    def _report(self, failure: errors.LedgerError | None) -> None:
        """Log that polls fail, or work again, when that changes."""
        code = None if failure is None else failure.code
        if code == self._failing:
            return
        self._failing = code
        if failure is None:
            LOG.info('Polls work again')
        elif not isinstance(failure, errors.ClockSuspect):
            # Of that the alarm tells.
            LOG.warning('Polls fail, %s: %s', failure.code, failure.message)
