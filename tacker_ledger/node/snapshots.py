# SPDX-License-Identifier: Apache-2.0
"""Snapshots between members: held for one that asks, fetched from one.

Holding one keeps LMDB from using freed pages again, so few are held at once,
one for a member, and not for ever.
"""

import asyncio
from collections.abc import Callable
import dataclasses
import itertools
import os
from typing import TYPE_CHECKING

from oslo_log import log as logging

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import snapshot_messages
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.core.ledger import snapshot
from tacker_ledger.core.ledger import snapshot_exchange
from tacker_ledger.storage import environment
from tacker_ledger.storage import snapshot as storage

if TYPE_CHECKING:
    from tacker_ledger.node import service

LOG = logging.getLogger(__name__)

#: Snapshots held at once, for different members.
HELD_MAX_COUNT = 2

#: Sends a message to a member.
Send = Callable[[int, messages.Message], object]


class _Held:
    """A snapshot and its end."""

    def __init__(self, number: int, held: storage.Held,
                 timer: asyncio.TimerHandle) -> None:
        self.number = number
        self.held = held
        self.timer = timer


class Holder:
    """Holds snapshots for members who are far behind.

    :param env: whose state it is
    :param hold_seconds: how long one is held at most
    """

    def __init__(self, env: environment.Environment, send: Send,
                 hold_seconds: float) -> None:
        self._env = env
        self._send = send
        self._hold_seconds = hold_seconds
        self._numbers = itertools.count(1)
        self._held: dict[int, _Held] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def received(self, member: int, message: messages.Message) -> None:
        """A member asks; one request at a time, more are dropped."""
        if isinstance(message, snapshot_messages.EndSnapshot):
            self._let_go(member, message.number)
            return
        busy = self._tasks.get(member)
        if busy is None or busy.done():
            self._tasks[member] = asyncio.create_task(
                self._answer(member, message))

    def forget(self, member: int) -> None:
        """A member's link is down."""
        self._let_go(member, None)

    async def stop(self) -> None:
        """Let all go."""
        tasks = list(self._tasks.values())
        await asyncio.gather(*tasks, return_exceptions=True)
        for member in list(self._held):
            self._release(member)

    async def _answer(self, member: int, message: messages.Message) -> None:
        try:
            match message:
                case snapshot_messages.GetSnapshot():
                    await self._open(member, message)
                case snapshot_messages.GetPage():
                    await self._page(member, message)
        except errors.LedgerError as error:
            LOG.warning('No snapshot for member %s: %s: %s', member,
                        error.code, error.message)
            request = getattr(message, 'request_id', 0)
            self._release(member)
            self._send(member, snapshot_messages.NoSnapshot(
                request, error.code))

    async def _open(self, member: int,
                    message: snapshot_messages.GetSnapshot) -> None:
        self._release(member)
        if len(self._held) >= HELD_MAX_COUNT:
            raise errors.Busy('Snapshots are held for others.')
        held = await asyncio.to_thread(storage.Held, self._env,
                                       message.from_epoch)
        number = next(self._numbers)
        timer = asyncio.get_running_loop().call_later(
            self._hold_seconds, self._expire, member, number)
        self._held[member] = _Held(number, held, timer)
        LOG.info('Member %s gets a snapshot of height %s', member,
                 held.height)
        block, certificate = await asyncio.to_thread(held.block)
        self._send(member, snapshot_messages.Snapshot(
            message.request_id, number, block, certificate))

    async def _page(self, member: int, message: snapshot_messages.GetPage
                    ) -> None:
        held = self._held.get(member)
        if held is None or held.number != message.number:
            raise errors.NotFound('This snapshot is held no more.')
        items, more = await asyncio.to_thread(
            held.held.page, snapshot_messages.Part(message.part),
            message.after)
        self._send(member, snapshot_messages.Page(
            message.request_id, tuple(items), more))

    def _expire(self, member: int, number: int) -> None:
        LOG.warning('The snapshot for member %s has taken too long', member)
        self._let_go(member, number)

    def _let_go(self, member: int, number: int | None) -> None:
        """Release what a member holds, behind what is being read of it."""
        self._tasks[member] = asyncio.create_task(
            self._end(member, number, self._tasks.get(member)))

    async def _end(self, member: int, number: int | None,
                   previous: asyncio.Task[None] | None) -> None:
        if previous is not None:
            await asyncio.gather(previous, return_exceptions=True)
        held = self._held.get(member)
        if held is not None and number in (None, held.number):
            self._release(member)

    def _release(self, member: int) -> None:
        held = self._held.pop(member, None)
        if held is not None:
            held.timer.cancel()
            held.held.close()


@dataclasses.dataclass(frozen=True, slots=True)
class Fetched:
    """A snapshot that has been checked and waits to be put in."""

    check: snapshot.SnapshotCheck
    incoming: storage.Incoming


class Fetcher:
    """Fetches one snapshot at a time.

    :param directory: the node's data directory
    :param timeout_seconds: how long a member may take for one answer
    :param whole_seconds: and for a whole snapshot: so junk has an end
    """

    def __init__(self, application: application_module.LedgerApplication,
                 provider: provider_module.Provider, send: Send,
                 directory: str | os.PathLike[str], timeout_seconds: float,
                 whole_seconds: float) -> None:
        self._whole_seconds = whole_seconds
        self._application = application
        self._provider = provider
        self._send = send
        self._directory = directory
        self._timeout_seconds = timeout_seconds
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[int, asyncio.Future[
            messages.Message]]] = {}

    def received(self, member: int, message: messages.Message) -> None:
        """A member answers, or says so."""
        waiting = self._waiting.get(getattr(message, 'request_id', 0))
        if waiting and waiting[0] == member and not waiting[1].done():
            waiting[1].set_result(message)

    def forget(self, member: int) -> None:
        """A member's link is down."""
        for source, future in list(self._waiting.values()):
            if source == member and not future.done():
                future.set_exception(errors.NoNode('The link is down.'))

    async def fetch(self, member: int, lowest: int) -> Fetched:
        """Return a checked snapshot; the caller removes its files.

        :param lowest: height below which it is of no use
        :raises NotFound: the member has none
        :raises Busy: it has none at present
        :raises StorageFailed: it cannot be kept
        :raises LedgerError: it is no good
        """
        exchange = snapshot_exchange.Exchange(
            self._application, self._provider, lowest, self._numbers)
        try:
            first = exchange.answered(
                await self._ask(member, exchange.begin()))
            check = exchange.check
            assert first is not None and check is not None
            LOG.info('Fetching the state at height %s from member %s',
                     check.height, member)
            incoming = storage.Incoming(self._directory)
            try:
                await self._pages(member, exchange, first, incoming)
                await asyncio.to_thread(incoming.finish)
                await asyncio.to_thread(
                    check.check_state,
                    incoming.items(snapshot.Part.STATE), incoming.nodes)
            except BaseException:
                incoming.remove()
                raise
        finally:
            if exchange.end is not None:
                self._send(member, exchange.end)
        return Fetched(check, incoming)

    async def _pages(self, member: int, exchange: snapshot_exchange.Exchange,
                     request: snapshot_messages.GetPage | None,
                     incoming: storage.Incoming) -> None:
        """Fetch all pages, in no more time than they are held anyway.

        The next one comes while one is looked at.
        """
        pending: asyncio.Task[messages.Message] | None = None
        try:
            async with asyncio.timeout(self._whole_seconds):
                while request is not None:
                    answer = await (pending or self._ask(member, request))
                    request = exchange.answered(answer)
                    pending = None if request is None else (
                        asyncio.create_task(self._ask(member, request)))
                    part, items = await asyncio.to_thread(exchange.judge)
                    if items:
                        await asyncio.to_thread(incoming.add, part, items)
        except TimeoutError:
            raise errors.Timeout('The snapshot does not end.') from None
        finally:
            if pending is not None:
                pending.cancel()

    async def _ask(self, member: int,
                   request: snapshot_messages.GetSnapshot
                   | snapshot_messages.GetPage) -> messages.Message:
        number = request.request_id
        future: asyncio.Future[messages.Message] = (
            asyncio.get_running_loop().create_future())
        self._waiting[number] = member, future
        try:
            self._send(member, request)
            async with asyncio.timeout(self._timeout_seconds):
                return await future
        except TimeoutError:
            raise errors.Timeout('No answer in time.') from None
        finally:
            del self._waiting[number]


def of_node(node: 'service.Node') -> 'Snapshots':
    """Return both sides of a node, as its configuration wants them."""
    def send(member: int, message: messages.Message) -> None:
        node.send_frame(messages.encode(message), member, bulk=True)

    options = node.conf.node
    storage.clean(options.data_directory)
    return Snapshots(
        node.store.env, node.application, node.provider, send,
        directory=options.data_directory,
        timeout_seconds=options.sync_timeout_seconds,
        hold_seconds=options.snapshot_hold_seconds)


class Snapshots:
    """Both sides of a node.

    :param send: of the node; frames that may wait behind votes
    """

    def __init__(self, env: environment.Environment,
                 application: application_module.LedgerApplication,
                 provider: provider_module.Provider, send: Send, *,
                 directory: str | os.PathLike[str], timeout_seconds: float,
                 hold_seconds: float) -> None:
        self._holder = Holder(env, send, hold_seconds)
        self._fetcher = Fetcher(application, provider, send, directory,
                                timeout_seconds, hold_seconds)
        self.fetch = self._fetcher.fetch

    def received(self, member: int, message: messages.Message) -> None:
        """A member asks or answers."""
        if isinstance(message, snapshot_messages.GetSnapshot
                      | snapshot_messages.GetPage
                      | snapshot_messages.EndSnapshot):
            self._holder.received(member, message)
        else:
            self._fetcher.received(member, message)

    def forget(self, member: int) -> None:
        """A member's link is down."""
        self._holder.forget(member)
        self._fetcher.forget(member)

    async def stop(self) -> None:
        """Let go of everything."""
        await self._holder.stop()
