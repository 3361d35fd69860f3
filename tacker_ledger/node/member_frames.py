# SPDX-License-Identifier: Apache-2.0
"""What other members send, as the parts of a node take it."""

import asyncio
from typing import TYPE_CHECKING

from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.node import gossip
from tacker_ledger.node import greeting
from tacker_ledger.node import supply
from tacker_ledger.transport import peers

if TYPE_CHECKING:
    from tacker_ledger.node import service


class MemberFrames:
    """A node's ``switchboard.Parts``.

    :param node: whose parts the frames are for
    """

    def __init__(self, node: 'service.Node') -> None:
        self._node = node
        self._supplying: dict[int, asyncio.Task[None]] = {}

    def stop(self) -> None:
        """Answer nobody who catches up any more."""
        for task in self._supplying.values():
            task.cancel()

    def on_consensus(self, member: int, message: messages.Message) -> None:
        """A vote or the like; what binds counts from a held process alone.
        """
        if member >= peers.GUEST_FIRST:
            self._guest(member, message)
            return
        if isinstance(message, messages.Recorded) and not (
                self._node.hub.claims(member)):
            return
        if self._node.consensus.started:
            self._node.consensus.engine.received(message, member)

    def _guest(self, member: int, message: messages.Message) -> None:
        """Somebody who is no member lags behind a change, or leads it."""
        node = self._node
        if isinstance(message, messages.Status):
            node.sync.claim(member, message.height - 1)
        else:
            head = node.application.head.height
            node.hub.send(member, messages.encode(messages.Status(
                head + 1, node.consensus.engine.view)))

    def on_transactions(self, member: int,
                        message: messages.Transactions) -> None:
        """A member forwards transactions."""
        if (self._node.ready and not self._node.closing
                and member < peers.GUEST_FIRST):
            self._node.intake.received(member, message)

    def on_get_blocks(self, member: int,
                      message: messages.GetBlocks) -> None:
        """A member catches up: one answer at a time for each."""
        busy = self._supplying.get(member)
        if busy is None or busy.done():
            self._supplying[member] = asyncio.create_task(
                self._supply(member, message))

    async def _supply(self, member: int,
                      message: messages.GetBlocks) -> None:
        answer = await asyncio.to_thread(supply.blocks, self._node.store.env,
                                         message)
        self._node.hub.send(member, messages.encode(answer), bulk=True)

    def on_blocks(self, member: int, message: messages.Blocks) -> None:
        """A member answers ours."""
        self._node.sync.received(member, message)

    def on_snapshot(self, member: int, message: messages.Message) -> None:
        """A member asks for the state, or answers ours."""
        self._node.snapshots.received(member, message)

    def on_gossip(self, member: int, frame: bytes) -> None:
        """A member tells its enrolments, or what it holds."""
        if member >= peers.GUEST_FIRST:
            return
        if gossip.is_holding(frame):
            self._node.holdings.received(gossip.decode(frame, member))
        else:
            self._node.registry.received(member, frame)

    def on_claim(self, member: int, height: int) -> None:
        """A member says how far it is."""
        self._node.sync.claim(member, height)

    def on_shown(self, shown: greeting.Shown) -> None:
        """A member's answer to our hello was good."""
        self._node.doubt.shown(shown)
        self._node.voting.update()

    def on_refused(self, member: int) -> None:
        """A member holds another process of our identity."""
        self._node.voting.refused(member)

    def on_up(self, member: int) -> None:
        """A link has come up."""
        node = self._node
        node.sync.connected(member)
        if member >= peers.GUEST_FIRST:
            return
        if node.membership.counts(member):
            node.claim.up(member, node.claim.offer())
        node.registry.connected(member)
        node.holdings.connected(member)
        node.voting.update()
        if node.consensus.started:
            node.consensus.engine.connected(member)
            node.intake.resend(member)

    def on_down(self, member: int) -> None:
        """A link is gone."""
        self._node.claim.down(member)
        self._node.doubt.lost(member)
        self._node.sync.forget(member)
        self._node.snapshots.forget(member)
        self._node.voting.update()
        if self._node.consensus.started:
            self._node.consensus.engine.disconnected(member)
            self._node.intake.lost(member)

    def on_fault(self, member: int, error: errors.LedgerError) -> None:
        """A frame of a member was no good."""
        self._node.refusals.note(member, error.code, error.message)

    def cut(self, member: int, reason: str) -> None:
        """End a member's link; it may come again."""
        self._node.hub.disconnect(member, reason)
