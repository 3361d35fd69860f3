# SPDX-License-Identifier: Apache-2.0
"""Which members hold the whole chain, so that others may prune theirs.

Each member tells, on every new link, from which height on it has all bodies
and whether its operator wants it to be an archive.  Only what a member said
while it is connected counts: somebody who may have pruned since is asked
again by the next link.  A false word costs whoever trusts it nothing but an
archive less; the verified export is there in any case.
"""

from collections.abc import Callable
from collections.abc import Iterable
import time

from oslo_log import log as logging

from tacker_ledger.core import errors
from tacker_ledger.node import gossip
from tacker_ledger.storage import holdings as holdings_module
from tacker_ledger.storage import store as store_module

LOG = logging.getLogger(__name__)


class Holdings:
    """What a node knows about members' bodies.

    :param member: returns the own index
    :param keeps: whether this member is to be an archive
    :param send: sends a frame to a member, None for all others
    """

    def __init__(self, store: store_module.LedgerStore,
                 member: Callable[[], int], keeps: bool,
                 send: Callable[[bytes, int | None], object]) -> None:
        self._store = store
        self._member = member
        self._keeps = keeps
        self._send = send
        self._archives: set[int] = set()

    def connected(self, member: int) -> None:
        """Tell a member what we have; what it said before is forgotten."""
        if member in self._archives:
            self._archives.discard(member)
            self._write(self._archives)
        if self._member() < 0:
            return  # nobody counts on a guest
        with self._store.env.read() as txn:
            first = self._store.chain.first_body(txn)
        self._send(gossip.encode(gossip.Holding(
            self._member(), first, self._keeps)), member)

    def received(self, message: gossip.Gossip) -> None:
        """A member tells what it has."""
        assert isinstance(message, gossip.Holding)
        archive = message.keeps and message.first_body == 0
        if archive == (message.member in self._archives):
            return
        if archive:
            self._archives.add(message.member)
        else:
            self._archives.discard(message.member)
        # doors in other processes name an archive from what is noted
        self._write(self._archives)

    def keep(self, up: Iterable[int]) -> None:
        """Note who is an archive and connected, as the node stops."""
        self._write(self._archives.intersection(up))

    def _write(self, archives: Iterable[int]) -> None:
        known = holdings_module.Known(
            time.time_ns() // 1_000_000, self._keeps,
            tuple(sorted(archives)))
        self._store.write(lambda txn: holdings_module.write(
            self._store.env, txn, known)).add_done_callback(_log_failure)


def _log_failure(future: object) -> None:
    error = future.exception()  # type: ignore[attr-defined]
    if error is not None and not isinstance(error, errors.ShuttingDown):
        LOG.warning('Who is an archive is not noted: %s', error)
