# SPDX-License-Identifier: Apache-2.0
"""A certified block becomes part of the ledger: stored, applied, told."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from oslo_log import log as logging

from tacker_ledger.core.consensus import catch_up
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.node import ahead
from tacker_ledger.node import indexing
from tacker_ledger.node import snapshots

if TYPE_CHECKING:
    from tacker_ledger.node import service

LOG = logging.getLogger(__name__)


class LedgerWriter:
    """The one way by which a node's chain grows.

    :param node: whose parts hear of each block
    """

    def __init__(self, node: 'service.Node') -> None:
        self._node = node

    async def append(self, outcome: application_module.Outcome,
                     certificate: bytes) -> None:
        """Store a block the engine has committed, and move past it.

        :raises StorageFailed: it is not stored
        """
        node = self._node
        await asyncio.wrap_future(
            node.store.append([(outcome, certificate)]))
        node.application.committed(outcome, certificate)
        self._after_block(outcome)
        node.sync.moved()

    async def take_over(self, blocks: Sequence[catch_up.CertifiedBlock]
                        ) -> None:
        """Judge, store and move past consecutive blocks of other members.

        All of them are one write.

        :param blocks: with their checked certificates; the last has one
        :raises LedgerError: the application refuses one; none is stored
        :raises StorageFailed: they are not stored; the voting has ended
        """
        node = self._node
        async with node.consensus.engine.exclusive():
            run = await self._judge(blocks)
            if not run:
                return
            try:
                await asyncio.wrap_future(node.store.append(run))
            except errors.StorageFailed as error:
                node.voting.halted(error.code, error.message)
                raise
            for outcome, certificate in run:
                node.doubt.certified(outcome.block.header.height,
                                     certificate)
                node.application.committed(outcome, certificate)
                self._after_block(outcome)
            if node.consensus.started:
                node.consensus.engine.committed_elsewhere(
                    run[-1][0].block.header.height, run[-1][1])

    async def take_snapshot(self, member: int, lowest: int) -> None:
        """Fetch the state at a height from a member, and move there.

        :param lowest: height below which it is of no use
        :raises NotFound: the member has none to give
        :raises StorageFailed: it is not stored
        :raises LedgerError: what it gave is no good
        """
        node = self._node
        fetched = await node.snapshots.fetch(member, lowest)
        try:
            async with node.consensus.engine.exclusive():
                if fetched.check.height > node.application.head.height:
                    await self._install(fetched)
        finally:
            await asyncio.to_thread(fetched.incoming.remove)

    async def _install(self, fetched: snapshots.Fetched) -> None:
        node = self._node
        check = fetched.check
        epoch = node.application.federation.epoch
        try:
            await asyncio.wrap_future(node.store.install(
                check, fetched.incoming))
        except errors.StorageFailed as error:
            node.voting.halted(error.code, error.message)
            raise
        for federation in (None, check.federation):
            node.doubt.certified(check.height, check.certificate,
                                 federation=federation,
                                 digest=check.head.digest)
        node.application.start_from(check.head, check.federation)
        LOG.info('The state at height %s came as a snapshot', check.height)
        node.doubt.moved()
        node.voting.update()
        node.indexer.wake()
        node.heads.publish_head(node.application.head)
        if node.application.federation.epoch != epoch:
            node.membership.changed()
        if node.consensus.started:
            node.consensus.engine.committed_elsewhere(check.height,
                                                      check.certificate)

    async def _judge(self, blocks: Sequence[catch_up.CertifiedBlock]
                     ) -> list[tuple[application_module.Outcome, bytes]]:
        """Return what blocks change that did not come by another way."""
        node = self._node
        store = node.store
        beyond = ahead.Ahead(node.application, node.provider,
                             view=store.state, nodes=store.nodes,
                             buckets=store.state, pool=node.pool)
        height = node.application.head.height
        run = []
        for block, certificate in blocks:
            if block.header.height > height:
                run.append((beyond.judge(block, certificate), certificate))
                await asyncio.sleep(0)  # pings go on
        return run

    def _after_block(self, outcome: application_module.Outcome) -> None:
        node = self._node
        in_doubt = bool(node.doubt.reason)
        node.doubt.moved()
        if in_doubt:
            node.voting.update()
        node.pool.committed(outcome.transactions)
        node.intake.block_committed(outcome.transactions,
                                    self._is_full(outcome))
        indexing.offer(node.indexer, outcome)
        if outcome.block.tree is not None:
            # whoever waited for its transactions asks now
            node.query.keep_tree(outcome.block.header.height,
                                 outcome.block.tree)
        node.heads.publish(outcome)
        if outcome.federation is not None:
            node.membership.changed()

    def _is_full(self, outcome: application_module.Outcome) -> bool:
        parameters = self._node.application.federation.parameters
        size = sum(len(item.raw) for item in outcome.transactions)
        return (len(outcome.transactions)
                >= parameters.batch_max_transactions
                or 2 * size >= parameters.block_max_bytes)
