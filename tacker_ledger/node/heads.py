# SPDX-License-Identifier: Apache-2.0
"""Tells listeners of every committed block, in order, off the commit."""

import asyncio
from collections.abc import Callable

from oslo_log import log as logging

from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.node import submit as submit_module

LOG = logging.getLogger(__name__)


def event_of(outcome: application_module.Outcome) -> submit_module.HeadEvent:
    """Return what listeners hear of a block."""
    header = outcome.block.header
    return submit_module.HeadEvent(
        header.height, header.timestamp_ms, outcome.block.digest,
        frozenset(outcome.changes.changes),
        frozenset(item.txid for item in outcome.transactions))


def event_of_head(head: application_module.Head) -> submit_module.HeadEvent:
    """Return the event for somebody who joins: what changed is unknown."""
    return submit_module.HeadEvent(head.height, head.time_ms, head.digest,
                                   frozenset(), frozenset())


class Heads:
    """The listeners of one node."""

    def __init__(self) -> None:
        self._listeners: list[submit_module.HeadListener] = []
        self._queue: asyncio.Queue[submit_module.HeadEvent] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to call listeners."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Call nobody any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def subscribe(self, listener: submit_module.HeadListener
                  ) -> Callable[[], None]:
        """Add a listener; returns how to remove it."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def publish(self, outcome: application_module.Outcome) -> None:
        """Tell everybody of a committed block."""
        if self._listeners:
            self._queue.put_nowait(event_of(outcome))

    def publish_head(self, head: application_module.Head) -> None:
        """Tell everybody of a head that did not come as a block."""
        if self._listeners:
            self._queue.put_nowait(event_of_head(head))

    async def _run(self) -> None:
        while True:
            event = await self._queue.get()
            for listener in list(self._listeners):
                try:
                    await listener(event)
                except Exception:  # a listener's fault must not stop a node
                    LOG.exception('A listener failed at height %s',
                                  event.height)
