# SPDX-License-Identifier: Apache-2.0
"""Judging blocks ahead of what is stored.

A block is judged by the state that the blocks before it left.  While a node
catches up, waiting for each of them to be durable would cost one forced
write per block; here several are judged over one stored state, and stored
together.
"""

from collections.abc import Mapping
from collections.abc import Sequence

from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import state
from tacker_ledger.core.ledger import state_map


class _Nodes:
    """An array of nodes with changes over it; the array stays as it is."""

    def __init__(self, base: state_map.NodeArray) -> None:
        self._base = base
        self._changed: dict[int, bytes] = {}

    def get(self, index: int) -> bytes:
        """Return node ``index``, 32 bytes."""
        return self._changed.get(index) or self._base.get(index)

    def set(self, index: int, digest: bytes) -> None:
        """Change node ``index``."""
        self._changed[index] = digest

    def update(self, nodes: Mapping[int, bytes]) -> None:
        """Change nodes by their index."""
        self._changed.update(nodes)

    def clear(self) -> None:
        """Do nothing of the kind: nobody builds a map ahead."""
        raise AssertionError('a map that is ahead is never cleared')


class _Buckets:
    """Buckets with changes over them."""

    def __init__(self, base: state_map.BucketSource) -> None:
        self._base = base
        self._changed = state_map.MemoryState()

    def bucket(self, prefix20: int) -> Sequence[state_map.HashedItem]:
        """Return (key, value hash) of a bucket, sorted by key."""
        changed = self._changed.bucket(prefix20)
        items = self._base.bucket(prefix20)
        if not changed:
            return items
        return sorted({**dict(items), **dict(changed)}.items())

    def update(self, changes: Mapping[bytes, bytes]) -> None:
        """Put changes on top."""
        self._changed.update(changes)


class Ahead:
    """The ledger as it will be when the blocks judged so far are stored.

    :param application: as it is now; it stays there
    :param view: its committed state
    :param nodes: its mapped array
    :param buckets: the keys under it
    :param pool: for transactions that were checked already
    """

    def __init__(self, application: application_module.LedgerApplication,
                 provider: provider_module.Provider, *,
                 view: state.StateView, nodes: state_map.NodeArray,
                 buckets: state_map.BucketSource,
                 pool: application_module.Pool) -> None:
        self._view = state.OverlayView(view)
        self._buckets = _Buckets(buckets)
        self._application = application_module.Application(
            application.h, provider, view=self._view,
            tree=state_map.StateMap(application.h, _Nodes(nodes),
                                    self._buckets),
            federation=application.federation, head=application.head,
            pool=pool)

    def judge(self, block: block_module.Block, certificate: bytes
              ) -> application_module.Outcome:
        """Return what the next block changes, and move past it.

        :raises LedgerError: it may not follow
        """
        outcome = self._application.validate(block)
        self._view.update(outcome.changes.changes)
        self._buckets.update(outcome.changes.changes)
        self._application.committed(outcome, certificate)
        return outcome
