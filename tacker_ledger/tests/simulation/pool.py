# SPDX-License-Identifier: Apache-2.0
"""Where a simulated member's transactions wait."""

from collections.abc import Iterable
from collections.abc import Sequence

from tacker_ledger.core.consensus import effects
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import transaction


class Pool:
    """Transactions in the order of their arrival.

    :param limit: how many wait at most; more are turned away
    """

    def __init__(self, limit: int):
        self._limit = limit
        #: txid -> (transaction, since when)
        self.waiting: dict[bytes, tuple[transaction.Transaction, int]] = {}
        self._known: dict[bytes, transaction.Transaction] = {}
        self._bytes = 0
        self.rejections: list[tuple[transaction.Transaction,
                                    errors.LedgerError]] = []

    def add(self, one: transaction.Transaction, now_us: int) -> bool:
        """Take a transaction; return whether it is new and has room."""
        if one.txid in self.waiting or len(self.waiting) >= self._limit:
            return False
        self._known[one.raw] = one
        self.waiting[one.txid] = (one, now_us)
        self._bytes += len(one.raw)
        return True

    def ready(self, now_us: int) -> effects.TransactionsReady | None:
        """Return the event that tells of what waits."""
        if not self.waiting:
            return None
        _one, oldest_us = next(iter(self.waiting.values()))
        return effects.TransactionsReady(
            len(self.waiting), self._bytes, (now_us - oldest_us) // 1000)

    def remove(self, gone: Iterable[transaction.Transaction]) -> None:
        """Forget what a block holds."""
        for one in gone:
            if self.waiting.pop(one.txid, None) is not None:
                self._bytes -= len(one.raw)

    # See ``application.Pool``

    def candidates(self, max_count: int, max_bytes: int
                   ) -> Sequence[transaction.Transaction]:
        """Return what waits, the oldest first."""
        found = []
        for one, _since in self.waiting.values():
            found.append(one)
            if len(found) >= max_count:
                break
        return found

    def known(self, raw: bytes) -> transaction.Transaction | None:
        """Return a transaction that was checked here."""
        return self._known.get(raw)

    def rejected(self, transaction: transaction.Transaction,
                 error: errors.LedgerError) -> None:
        """A candidate conflicts with what is committed."""
        self.rejections.append((transaction, error))
        self.remove([transaction])
