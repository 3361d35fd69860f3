# SPDX-License-Identifier: Apache-2.0
"""Catching up: blocks from neighbours, checked, one source after another.

A source is believed in nothing.  Its blocks count only under certificates
of the federation in force, and by our own application of them; one that
lies, stalls, cuts short or dies is left for the next.  At the start the
node catches up before it serves (A2 of the requirements); later whenever
somebody shows it to be behind.

A heartbeat whose certificate was dropped is certified by the parent digests
up to the next certified block.  Such a run is stored in one write
transaction, so that the newest stored block always has its certificate.
"""

import asyncio
from collections.abc import Sequence
import itertools
from typing import Protocol

from oslo_log import log as logging

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core import limits

LOG = logging.getLogger(__name__)

_POLL_SECONDS = 0.05
#: Sources that failed are asked again after this, when none is left.
_FORGIVE_SECONDS = 1.0


class Host(Protocol):
    """What catching up asks of the node."""

    def send_to(self, member: int, message: messages.Message) -> bool:
        """Send a message; return whether the member's link took it."""

    def peers_up(self) -> list[int]:
        """Return the members whose link is up."""

    async def take_over(self, blocks: Sequence[block_module.Block],
                        certificate: bytes) -> None:
        """Judge, store and move past a certified run of blocks.

        :param certificate: of the last one
        :raises LedgerError: the application refuses one
        """


class Sync:
    """Follows members who are further.

    :param application: its head and federation
    :param timeout_seconds: how long a source may take for one answer
    """

    def __init__(self, host: Host,
                 application: application_module.LedgerApplication,
                 provider: provider_module.Provider,
                 timeout_seconds: float) -> None:
        self._host = host
        self._application = application
        self._provider = provider
        self._timeout_seconds = timeout_seconds
        self._claims: dict[int, int] = {}
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[int, asyncio.Future[
            messages.Blocks]]] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.running = False

    # What is heard

    def claim(self, member: int, height: int) -> None:
        """A member says that it has a block at a height."""
        self._claims[member] = max(height, self._claims.get(member, 0))
        if height > self._application.head.height:
            self._wake.set()

    def claimed(self, member: int) -> int | None:
        """Return how far a member says it is, None if it says nothing."""
        return self._claims.get(member)

    def forget(self, member: int) -> None:
        """A member's link is down."""
        self._claims.pop(member, None)
        for source, future in list(self._waiting.values()):
            if source == member and not future.done():
                future.set_exception(errors.NoNode('The link is down.'))

    def received(self, member: int, message: messages.Blocks) -> None:
        """A member answers, or says so."""
        waiting = self._waiting.get(message.request_id)
        if waiting is None or waiting[0] != member or waiting[1].done():
            return
        waiting[1].set_result(message)

    # Catching up

    def start(self) -> None:
        """Follow claims from now on, in the background."""
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """End following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.catch_up()
            except errors.StorageFailed as error:
                LOG.error('Catching up has stopped: %s', error.message)
            # claims that nobody could show are looked at again later
            await asyncio.sleep(_FORGIVE_SECONDS)

    async def first(self, others: int, needed: int,
                    timeout_seconds: float) -> bool:
        """Catch up at the start; return whether enough members were heard.

        :param others: how many other members there are
        :param needed: how many of them decide together with this one
        :param timeout_seconds: how long to wait for them
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        grace = None
        while True:
            await self.catch_up()
            heard = len([member for member in self._host.peers_up()
                         if member in self._claims])
            if heard >= others:
                return True
            now = loop.time()
            if heard >= needed and grace is None:
                # the rest, if it is alive, follows soon
                grace = now + min(0.5, timeout_seconds)
            if grace is not None and now >= grace:
                return True
            if now >= deadline:
                return heard >= needed
            await asyncio.sleep(_POLL_SECONDS)

    async def catch_up(self) -> None:
        """Take blocks until no usable source claims a higher one."""
        failed: set[int] = set()
        self.running = True
        try:
            while True:
                head = self._application.head.height
                sources = [member for member in self._host.peers_up()
                           if self._claims.get(member, 0) > head
                           and member not in failed]
                if not sources:
                    return
                source = max(sources, key=lambda m: self._claims[m])
                if not await self._fetch(source):
                    failed.add(source)
                    self._claims[source] = head
        finally:
            self.running = False

    async def _fetch(self, member: int) -> bool:
        """Take one answer of a source; return whether it helped."""
        before = self._application.head.height
        try:
            answer = await self._ask(member, before + 1)
            await self._take(answer)
        except errors.StorageFailed:
            raise
        except errors.LedgerError as error:
            LOG.warning('Member %s is no good source of block %s: %s: %s',
                        member, before + 1, error.code, error.message)
            return False
        return self._application.head.height > before

    async def _ask(self, member: int, height: int) -> messages.Blocks:
        number = next(self._numbers)
        future: asyncio.Future[messages.Blocks] = (
            asyncio.get_running_loop().create_future())
        self._waiting[number] = (member, future)
        try:
            if not self._host.send_to(member, messages.GetBlocks(
                    number, height, limits.BLOCKS_PER_FRAME_MAX_COUNT)):
                raise errors.NoNode('The link is down.')
            async with asyncio.timeout(self._timeout_seconds):
                return await future
        except TimeoutError:
            raise errors.Timeout('No answer in time.') from None
        finally:
            del self._waiting[number]

    async def _take(self, answer: messages.Blocks) -> None:
        run: list[block_module.Block] = []
        for raw, certificate in answer.blocks:
            block = block_module.Block.from_bytes(self._application.h, raw)
            head = self._application.head
            height = head.height + len(run) + 1
            parent = run[-1].digest if run else head.digest
            if block.header.height < height and not run:
                continue  # came by another way meanwhile
            if (block.header.height, block.header.parent) != (height, parent):
                raise errors.BadBlock('The block does not follow.',
                                      height=block.header.height)
            run.append(block)
            if certificate:
                self._check(block, certificate)
                await self._host.take_over(run, certificate)
                run = []
            elif block.raw_transactions:
                raise errors.BadCertificate(
                    'Only a heartbeat comes without a certificate.',
                    height=height)

    def _check(self, block: block_module.Block, certificate: bytes) -> None:
        federation = self._application.federation
        if block.header.federation != federation.digest:
            raise errors.UnknownFederation(
                'The block names another federation document.',
                height=block.header.height)
        certificate_module.check_certificate(
            self._application.h, self._provider, federation,
            block.header.height, block.digest, certificate)
