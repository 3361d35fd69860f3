# SPDX-License-Identifier: Apache-2.0
"""A certified block becomes part of the ledger: stored, applied, told."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.node import assembly
from tacker_ledger.node import identity as identity_module

if TYPE_CHECKING:
    from tacker_ledger.node import service


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

    async def take_over(self, blocks: Sequence[block_module.Block],
                        certificate: bytes) -> None:
        """Judge, store and move past a run of blocks of other members.

        :param certificate: of the last one
        :raises LedgerError: the application refuses one
        :raises StorageFailed: they are not stored; the voting has ended
        """
        node = self._node
        async with node.consensus.engine.exclusive():
            head = node.application.head
            blocks = [block for block in blocks
                      if block.header.height > head.height]
            run = []
            for block in blocks:
                outcome = node.application.validate(block)
                own = certificate if block is blocks[-1] else b''
                run.append((outcome, own))
                if block is not blocks[-1]:
                    # a heartbeat changes no state: only the head moves
                    node.application.committed(outcome, b'')
            if not run:
                return
            try:
                await asyncio.wrap_future(node.store.append(run))
            except errors.StorageFailed as error:
                node.voting.halted(error.code, error.message)
                raise
            height = blocks[-1].header.height
            node.doubt.certified(height, certificate)
            node.application.committed(*run[-1])
            for outcome, _ in run:
                self._after_block(outcome)
            if node.consensus.started:
                node.consensus.engine.committed_elsewhere(height, certificate)

    def _after_block(self, outcome: application_module.Outcome) -> None:
        node = self._node
        in_doubt = bool(node.doubt.reason)
        node.doubt.moved()
        if in_doubt:
            node.voting.update()
        node.pool.committed(outcome.transactions)
        if self._is_full(outcome):
            node.intake.block_was_full()
        node.indexer.wake()
        node.heads.publish(outcome)
        if outcome.federation is not None:
            self._federation_changed()

    def _is_full(self, outcome: application_module.Outcome) -> bool:
        parameters = self._node.application.federation.parameters
        size = sum(len(item.raw) for item in outcome.transactions)
        return (len(outcome.transactions)
                >= parameters.batch_max_transactions
                or 2 * size >= parameters.block_max_bytes)

    def _federation_changed(self) -> None:
        node = self._node
        try:
            assembly.check_place(node.conf, node.identity, node.application)
        except errors.LedgerError as error:
            node.voting.halted(error.code, error.message)
        node.hub.update(identity_module.peer_list(
            node.conf, node.application.federation, node.member))
