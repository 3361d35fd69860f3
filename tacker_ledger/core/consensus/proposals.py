# SPDX-License-Identifier: Apache-2.0
"""When a leader proposes: what waits, soon; nothing for long, a heartbeat.

A batch is what waits after the batch interval, or as soon as it fills a
block (S0 section IV; protocol: one height in flight).
"""

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import outbox
from tacker_ledger.core.consensus import rounds
from tacker_ledger.core.ledger import application


class Proposals:
    """The timers that lead to a proposal.

    :param out: where effects go
    :param ledger: whose head the heartbeat follows
    """

    def __init__(self, out: outbox.Outbox,
                 ledger: application.LedgerApplication) -> None:
        self._out = out
        self._ledger = ledger
        self._ready: effects.TransactionsReady | None = None

    @property
    def work(self) -> bool:
        """Whether transactions wait, as far as we were told."""
        return self._ready is not None and self._ready.count > 0

    def ready(self, event: effects.TransactionsReady) -> None:
        """Transactions wait."""
        self._ready = event

    def forget(self) -> None:
        """Nothing of what waits can be in a block now."""
        self._ready = None

    def heartbeat_due_ms(self, now_ms: int) -> int:
        """Return how long until an empty block is due."""
        heartbeat_ms = self._ledger.federation.parameters.heartbeat_ms
        due_ms = self._ledger.head.time_ms + heartbeat_ms
        return min(max(due_ms - now_ms, 0), heartbeat_ms)

    def stop(self) -> None:
        """Cancel the timers."""
        self._out.cancel(effects.TIMER_BATCH, effects.TIMER_HEARTBEAT)

    def arm(self, current: rounds.Round, now_ms: int) -> None:
        """Propose now, or set the timers that lead to it.

        Only for a leader who may propose.

        :raises LedgerError: our own store cannot be read
        """
        parameters = current.federation.parameters
        if not self._out.runs(effects.TIMER_HEARTBEAT):
            self._out.set_timer(effects.TIMER_HEARTBEAT,
                                self.heartbeat_due_ms(now_ms))
        ready = self._ready
        if ready is None or not ready.count:
            return
        delay_ms = parameters.batch_interval_ms - ready.waited_ms
        if (ready.count >= parameters.batch_max_transactions
                or ready.size_bytes >= parameters.block_max_bytes
                or delay_ms <= 0):
            self.propose(current, now_ms, allow_empty=False)
        elif not self._out.runs(effects.TIMER_BATCH):
            self._out.set_timer(effects.TIMER_BATCH, delay_ms)

    def propose(self, current: rounds.Round, now_ms: int, *,
                allow_empty: bool) -> None:
        """Propose a block, if there is one to propose.

        :raises LedgerError: our own store cannot be read
        """
        self._ready = None
        if current.propose(now_ms, allow_empty=allow_empty):
            self.stop()
