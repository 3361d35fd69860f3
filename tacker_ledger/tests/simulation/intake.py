# SPDX-License-Identifier: Apache-2.0
"""What a simulated member does with transactions, as the node's intake."""

from collections.abc import Iterable
from collections.abc import Sequence

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import transaction

#: When transactions that no block holds are told to everybody.
_FORWARD_US = 1_000_000


class Intake:
    """The part of ``member.Member`` between clients and the leader."""

    def submit(self, transactions: Sequence[transaction.Transaction]
               ) -> list[transaction.Transaction]:
        """A client sends transactions to this member.

        :returns: those that are turned away, because the pool is full
        """
        if self.world.observed:
            self.world.note(self, transactions)
        self._take_in(transactions)
        taken = [one for one in transactions
                 if one.txid in self.pool.waiting]
        self._own.update((one.txid, one) for one in taken)
        leader = self.replica.leader
        if leader in self._down:
            # Whoever leads next should know of them.
            self._tell(taken, None, urgent=True)
            self._told(taken)
        elif leader != self.index:
            self._tell(taken, leader, urgent=False)
        if taken:
            self._later(_FORWARD_US, lambda: self._forward(taken))
        return [one for one in transactions
                if one.txid not in self.pool.waiting
                and one.txid not in self.disk.txids]

    def _tell(self, transactions: Iterable[transaction.Transaction],
              to: int | None, *, urgent: bool) -> None:
        raws = tuple(self.world.submission(one) for one in transactions)
        if raws:
            self.send(messages.Transactions(urgent, raws), to)

    def _forward(self, transactions) -> None:
        """Tell all others while no block holds them."""
        left = [one for one in transactions
                if one.txid in self.pool.waiting]
        if not left:
            return
        self._tell(left, None, urgent=True)
        self._told(left)
        self._later(_FORWARD_US, lambda: self._forward(left))

    def _waiting_here(self) -> list[transaction.Transaction]:
        """Return what was handed in here and is in no block yet."""
        self._own = {txid: one for txid, one in self._own.items()
                     if txid in self.pool.waiting}
        return list(self._own.values())

    def _execute_view_changed(self, effect: effects.ViewChanged) -> None:
        self.views.append(effect)
        if effect.active:
            self.requests.entered_view()
            if effect.leader != self.index:
                self._tell(self._waiting_here(), effect.leader,
                           urgent=False)

    def _hand_over(self, txids: Iterable[bytes]) -> None:
        """Let the leader have what it passed over, before that counts."""
        leader = self.replica.leader
        if leader != self.index:
            self._tell([self.pool.waiting[txid][0] for txid in txids],
                       leader, urgent=False)

    def _told(self, transactions) -> None:
        """Everybody knows these: let their timers run."""
        for one in transactions:
            if one.txid in self.pool.waiting:
                self.requests.told(one.txid, one.sender_id)

    def _hear_transactions(self, message: messages.Transactions,
                           _sender: int) -> None:
        heard = []
        for raw in message.submissions:
            try:
                heard.append(self.world.read_submission(raw))
            except errors.LedgerError:
                self.garbage += 1
        self._take_in(heard)
        if message.urgent:
            self._told(heard)

    def _take_in(self, transactions) -> None:
        committed, now_us = self.disk.txids, self.clock.now_us
        new = [self.pool.add(one, now_us) for one in transactions
               if one.txid not in committed]
        if True in new:
            self._show_pool()

    def _show_pool(self) -> None:
        ready = self.pool.ready(self.clock.now_us)
        if ready is not None:
            self.drive(ready)

    def _still_valid(self, txid: bytes) -> bool | None:
        """See ``RequestTimers``; senders' transactions are independent."""
        return True if txid in self.pool.waiting else None
