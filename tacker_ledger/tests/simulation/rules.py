# SPDX-License-Identifier: Apache-2.0
"""Exactly which frames get lost, for runs that are to end in one way only."""

from collections.abc import Collection
import dataclasses

from tacker_ledger.core.consensus import messages
from tacker_ledger.tests.simulation import network as network_module

KINDS = {
    'pre-prepare': messages.PrePrepare,
    'prepare': messages.Prepare,
    'commit': messages.Commit,
    'view-change': messages.ViewChange,
    'new-view': messages.NewView,
    'status': messages.Status,
    'transactions': messages.Transactions,
    'get-body': messages.GetBody,
    'body': messages.Body,
    'get-blocks': messages.GetBlocks,
    'blocks': messages.Blocks,
    'certified-head': messages.CertifiedHead,
}


@dataclasses.dataclass(frozen=True)
class _Rule:
    """Which frames it is about; None is any."""

    kind: type | None
    view: int | None
    height: int | None
    sender: Collection[int] | None
    to: Collection[int] | None

    def matches(self, sender: int, to: int, frame) -> bool:
        """Return whether it is about a frame."""
        return ((self.kind is None or isinstance(frame, self.kind))
                and (self.view is None
                     or getattr(frame, 'view', None) == self.view)
                and (self.height is None
                     or getattr(frame, 'height', None) == self.height)
                and (self.sender is None or sender in self.sender)
                and (self.to is None or to in self.to))


class Rules:
    """Loses what it is told to lose.

    :param network: that loses it
    """

    def __init__(self, network: network_module.Network):
        self._rules: list[_Rule] = []
        network.passes = self._passes

    def lose(self, kind: type | None = None, *, view: int | None = None,
             height: int | None = None,
             sender: Collection[int] | None = None,
             to: Collection[int] | None = None) -> None:
        """Lose frames of a kind, view, height, sender and receiver."""
        self._rules.append(_Rule(kind, view, height, sender, to))

    def clear(self) -> None:
        """Lose nothing any more."""
        self._rules.clear()

    def _passes(self, sender: int, to: int, frame) -> bool:
        if isinstance(frame, bytes):
            frame = messages.decode(frame)
        return not any(rule.matches(sender, to, frame)
                       for rule in self._rules)
