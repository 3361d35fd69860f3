# SPDX-License-Identifier: Apache-2.0
"""Catching up: executes what ``core.consensus.catch_up`` decides.

At the start the node catches up before it serves (A2 of the requirements);
later whenever somebody shows it to be behind.
"""

import asyncio
import collections
from collections.abc import Sequence
import time
from typing import Any
from typing import Protocol

from oslo_log import log as logging

from tacker_ledger.core.consensus import catch_up
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.transport import quiet

LOG = logging.getLogger(__name__)

_POLL_SECONDS = 0.05
#: At the start: how long the rest may take once enough were heard.
_GRACE_SECONDS = 0.5
#: How often a long catching up says where it is.
_REPORT_SECONDS = 5.0


def config_of(conf: Any) -> catch_up.Config:
    """Return how a configuration wants a node to catch up."""
    return catch_up.Config(
        timeout_ms=int(conf.node.sync_timeout_seconds * 1000),
        snapshot_threshold_blocks=conf.node.snapshot_threshold_blocks)


class Host(Protocol):
    """What catching up asks of the node."""

    def send_to(self, member: int, message: messages.Message) -> bool:
        """Send a message; return whether the member's link took it."""

    async def take_over(self, blocks: Sequence[catch_up.CertifiedBlock]
                        ) -> None:
        """Judge, store and move past consecutive certified blocks.

        :raises StorageFailed: they are not stored
        :raises LedgerError: the application refuses one
        """

    async def take_snapshot(self, member: int, lowest: int) -> None:
        """Take the state at a height from a member and move there.

        :param lowest: height below which it is of no use
        :raises NotFound: the member has none to give
        :raises StorageFailed: it is not stored
        :raises LedgerError: what it gave is no good
        """

    def disagrees(self, error: errors.LedgerError) -> None:
        """Learn that a quorum certified what is not valid here."""


class Sync:
    """Follows members who are further.

    :param application: its head and federation
    :param config: of the machine
    """

    def __init__(self, host: Host,
                 application: application_module.LedgerApplication,
                 provider: provider_module.Provider,
                 config: catch_up.Config) -> None:
        self._host = host
        self._application = application
        self._machine = catch_up.CatchUp(config, application, provider)
        self._claims: dict[int, int] = {}
        self._up: set[int] = set()
        self._events: collections.deque[catch_up.Event] = collections.deque()
        self._stepping = False
        self._stopped = False
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._failure: errors.LedgerError | None = None
        self._reported = 0.0
        self._quiet = quiet.Quiet(_REPORT_SECONDS)

    # What is heard

    def claim(self, member: int, height: int) -> None:
        """A member says that it has a block at a height."""
        self._claims[member] = max(height, self._claims.get(member, 0))
        self._post(catch_up.Claimed(member, height))

    def claimed(self, member: int) -> int | None:
        """Return how far a member says it is, None if it says nothing."""
        return self._claims.get(member)

    @property
    def running(self) -> bool:
        """Return whether blocks are being fetched."""
        return self._machine.busy

    @property
    def target(self) -> int:
        """Return the highest height that a connected member claims."""
        return self._machine.target

    def connected(self, member: int) -> None:
        """A member's link is up."""
        self._up.add(member)
        self._post(catch_up.LinkUp(member))

    def forget(self, member: int) -> None:
        """A member's link is down."""
        self._up.discard(member)
        self._claims.pop(member, None)
        self._post(catch_up.LinkDown(member))

    def received(self, member: int, message: messages.Blocks) -> None:
        """A member answers, or says so."""
        self._post(catch_up.Answered(member, message))

    def moved(self) -> None:
        """The ledger has a new head, by consensus."""
        self._post(catch_up.HeadMoved())

    # Life

    def start(self) -> None:
        """Consensus runs from now on."""
        self._post(catch_up.Following())

    async def stop(self) -> None:
        """End following."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def first(self, others: int, needed: int,
                    timeout_seconds: float) -> bool:
        """Catch up at the start; return whether enough members were heard.

        :param others: how many other members there are
        :param needed: how many of them decide together with this one
        :param timeout_seconds: how long to wait for them
        :raises StorageFailed: blocks cannot be stored
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        grace = None
        while True:
            try:
                await self.settled()
            except errors.StorageFailed:
                raise
            except errors.LedgerError:
                pass  # told already: this node reads and votes no more
            heard = len(self._up.intersection(self._claims))
            if heard >= others:
                return True
            now = loop.time()
            if heard >= needed and grace is None:
                # the rest, if it is alive, follows soon
                grace = now + min(_GRACE_SECONDS, timeout_seconds)
            if grace is not None and now >= grace:
                return True
            if now >= deadline:
                return heard >= needed
            await asyncio.sleep(_POLL_SECONDS)

    async def settled(self) -> None:
        """Wait until no usable source claims a higher block.

        :raises StorageFailed: blocks cannot be stored
        :raises LedgerError: a certified block is not valid here
        """
        await self._idle.wait()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    # The machine

    def _post(self, event: catch_up.Event) -> None:
        """Let the machine take an event, after those that wait."""
        self._events.append(event)
        if self._stepping or self._stopped:
            return
        self._stepping = True
        try:
            while self._events:
                for effect in self._machine.step(
                        self._events.popleft(),
                        time.monotonic_ns() // 1_000_000):
                    self._execute(effect)
        finally:
            self._stepping = False
        if self._machine.busy:
            self._idle.clear()
        else:
            self._idle.set()

    def _execute(self, effect: catch_up.Effect) -> None:
        match effect:
            case catch_up.Ask():
                # one that its link does not take is missed in time
                self._host.send_to(effect.member, effect.message)
            case catch_up.Take():
                self._task = asyncio.create_task(self._take(effect))
            case catch_up.FetchSnapshot():
                self._task = asyncio.create_task(self._snapshot(effect))
            case catch_up.Distrust():
                silent = self._quiet.say((effect.member, effect.code))
                if silent is not None:
                    LOG.warning(
                        'Member %s is no good source of block %s, another '
                        'one is asked: %s: %s%s', effect.member,
                        effect.height, effect.code, effect.reason,
                        quiet.also(silent))
            case catch_up.SetTimer():
                self._cancel_timer()
                self._timer = asyncio.get_running_loop().call_later(
                    effect.delay_ms / 1000, self._fire)
            case catch_up.CancelTimer():
                self._cancel_timer()
            case catch_up.Cancel():
                pass  # a late answer has no effect

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        self._post(catch_up.TimerFired())

    async def _take(self, effect: catch_up.Take) -> None:
        try:
            await self._host.take_over(effect.blocks)
        except errors.LedgerError as error:
            # its certificate is good: this is no fault of the source
            LOG.error('Block %s came certified and is not taken: %s: %s',
                      effect.blocks[0][0].header.height, error.code,
                      error.message)
            if not isinstance(error, errors.StorageFailed):
                self._host.disagrees(error)
            self._failure = error
            self._post(catch_up.TakeFailed(effect.take_id, error.code,
                                           error.message))
            return
        except Exception:  # a fault of ours must not end the following
            LOG.exception('Blocks cannot be taken')
            self._post(_fault_of_ours(effect.take_id))
            return
        self._report()
        self._post(catch_up.Taken(effect.take_id))

    def _report(self) -> None:
        now = time.monotonic()
        head = self._application.head.height
        if now - self._reported > _REPORT_SECONDS and self.target - head > 1:
            self._reported = now
            LOG.info('Catching up: at height %s of %s', head, self.target)

    async def _snapshot(self, effect: catch_up.FetchSnapshot) -> None:
        event: catch_up.Event = catch_up.Taken(effect.take_id)
        try:
            await self._host.take_snapshot(effect.member, effect.height)
        except errors.StorageFailed as error:
            self._failure = error
            event = catch_up.TakeFailed(effect.take_id, error.code,
                                        error.message)
        except errors.LedgerError as error:
            event = catch_up.TakeFailed(
                effect.take_id, error.code, error.message, blame=True,
                refused=isinstance(error, errors.NotFound | errors.Busy))
        except Exception:  # a fault of ours must not end the following
            LOG.exception('A snapshot cannot be taken')
            event = _fault_of_ours(effect.take_id)
        self._post(event)


def _fault_of_ours(take_id: int) -> catch_up.TakeFailed:
    return catch_up.TakeFailed(take_id, errors.LedgerError.code,
                               'A fault of this program.')
