# SPDX-License-Identifier: Apache-2.0
"""The contract of an applier.

An applier makes the part of the VNF it governs be what the effective
configuration says, as a whole: it is given every item meant for it, in the
order in which they are to act, and what was in force before.

The agent calls, for one decision: :meth:`Applier.check` of every applier
concerned, :meth:`Applier.snapshot` of each (kept durably), then
:meth:`Applier.apply` of each, and, if one fails, :meth:`Applier.restore` of
all.  Between them the process may die; ``restore`` must work from its
arguments alone, whatever was changed before.
"""

from collections.abc import Sequence
import dataclasses
from typing import Any
from typing import Protocol


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One configuration meant for an applier.

    :param target: what it configures, a name in the agent's configuration
    """

    cid: bytes
    vid: int
    target: str
    data: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """From what to what.

    :param previous: items in force now
    :param items: items that shall be
    :param observed: (target, state) of a migrated instance to take over
    """

    previous: tuple[Item, ...]
    items: tuple[Item, ...]
    observed: tuple[tuple[str, bytes], ...] = dataclasses.field(
        default=(), repr=False)

    def targets(self) -> tuple[str, ...]:
        """Return the targets to be configured, in order of first use."""
        return tuple(dict.fromkeys(item.target for item in self.items))

    def withdrawn(self) -> tuple[str, ...]:
        """Return the targets which nothing configures any more."""
        kept = {item.target for item in self.items}
        return tuple(dict.fromkeys(
            item.target for item in self.previous
            if item.target not in kept))


def data_of(items: Sequence[Item], target: str) -> tuple[bytes, ...]:
    """Return the data for one target, in order."""
    return tuple(item.data for item in items if item.target == target)


class Applier(Protocol):
    """One way to configure a VNF."""

    @classmethod
    def from_conf(cls, conf: Any) -> 'Applier':
        """Return the applier that the options describe.

        :param conf: the oslo.config object, its groups registered
        :raises BadOption: an option is wrong
        """

    def check(self, change: Change) -> None:
        """Dry run: refuse what could not be applied; change nothing.

        :raises DryRunFailed: the reason is in the message
        """

    def snapshot(self) -> bytes:
        """Return all that :meth:`restore` needs to bring back now's state."""

    def apply(self, change: Change, baseline: bytes) -> None:
        """Put ``change.items`` in force.

        :param baseline: the first snapshot ever taken: what a withdrawn
            target goes back to
        :raises ApplyFailed: the caller will restore
        """

    def restore(self, snapshot: bytes, change: Change) -> None:
        """Bring back the state of a snapshot.

        :param change: what was about to be done, or was done in part
        :raises RevertFailed: it could not be
        """

    def holds(self, items: Sequence[Item]) -> bool | None:
        """Return whether these items are in force, None if nobody can tell.

        Asked at start: a VNF forgets what it keeps in memory only.
        """

    def observe(self) -> list[tuple[str, bytes]]:
        """Return (target, state) for what changes by itself, for reports."""
