# SPDX-License-Identifier: Apache-2.0
"""The façade of the node itself: ``submit.NodeFacade`` in its own loop."""

import asyncio
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import TYPE_CHECKING

from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.node import status as status_module
from tacker_ledger.node import submit as submit_module

if TYPE_CHECKING:
    from tacker_ledger.node import service

#: Records of one answer about disk use.
_USAGE_MAX_COUNT = 10_000


class Facade:
    """What front ends may ask of a node; see ``submit.NodeFacade``.

    :param node: the running node
    """

    def __init__(self, node: 'service.Node') -> None:
        self._node = node

    @property
    def identity(self) -> submit_module.Identity:
        """See ``submit.NodeFacade``."""
        own = self._node.identity
        return submit_module.Identity(
            self._node.query.chain_id, self._node.membership.shown_index,
            own.name,
            own.instance)

    async def submit(self, submissions: Sequence[bytes],
                     address: str | None = None
                     ) -> list[submit_module.SubmitResult]:
        """See ``submit.NodeFacade``."""
        if len(submissions) > limits.BATCH_SUBMIT_MAX_COUNT:
            raise errors.TooLarge('Too many submissions in one call.',
                                  limit=limits.BATCH_SUBMIT_MAX_COUNT)
        return await self._node.intake.submit(submissions)

    async def status(self) -> dict[str, Any]:
        """See ``submit.NodeFacade``."""
        return status_module.of_node(self._node)

    async def peers(self) -> list[dict[str, Any]]:
        """See ``submit.NodeFacade``."""
        return status_module.peers(self._node)

    async def usage(self) -> list[dict[str, Any]]:
        """See ``submit.NodeFacade``."""
        store = self._node.store

        def read() -> list[tuple[bytes, int, int]]:
            with store.env.read() as txn:
                return store.chain.usage(txn)

        rows = sorted(await asyncio.to_thread(read),
                      key=lambda row: (-row[1], row[0]))
        return [{'sender': sender.hex(), 'bytes': size, 'count': count}
                for sender, size, count in rows[:_USAGE_MAX_COUNT]]

    async def enrol(self, key_id: bytes, label: str = '') -> dict[str, Any]:
        """See ``submit.NodeFacade``."""
        return await self._node.registry.enrol(key_id, label)

    async def unenrol(self, key_id: bytes) -> None:
        """See ``submit.NodeFacade``."""
        await self._node.registry.unenrol(key_id)

    async def enrolments(self) -> list[dict[str, Any]]:
        """See ``submit.NodeFacade``."""
        return self._node.registry.records()

    async def evidence(self) -> list[dict[str, Any]]:
        """See ``submit.NodeFacade``."""
        return self._node.watch.evidence_records()

    async def fate(self, txid: bytes) -> dict[str, Any] | None:
        """See ``submit.NodeFacade``."""
        if txid in self._node.pool:
            return {'state': 'waiting'}
        error = self._node.pool.fate(txid)
        return None if error is None else {
            'state': 'refused', **error.to_dict()}

    def subscribe(self, listener: submit_module.HeadListener
                  ) -> Callable[[], None]:
        """See ``submit.NodeFacade``."""
        return self._node.heads.subscribe(listener)
