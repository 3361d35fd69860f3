# SPDX-License-Identifier: Apache-2.0
"""Where the effects of one step collect, in their order."""

from collections.abc import Iterable
from collections.abc import Sequence

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import evidence
from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors


class Outbox:
    """Collects effects; knows which timers run and numbers the writes."""

    def __init__(self) -> None:
        self._effects: list[effects.Effect] = []
        self._timers: dict[str, None] = {}
        self._record_id = 0

    def take(self) -> list[effects.Effect]:
        """Return what has collected since the last call."""
        taken = self._effects
        if taken:
            self._effects = []
            return taken
        return []

    def put(self, effect: effects.Effect) -> None:
        """Add an effect that has no method of its own."""
        self._effects.append(effect)

    def send(self, message: messages.Message, to: int | None = None) -> None:
        """Send to one member, or to all others."""
        self._effects.append(effects.Send(message, to))

    def persist(self, height: int, records: Sequence[messages.Message]
                ) -> int:
        """Make messages durable; return the id that is reported back."""
        self._record_id += 1
        self._effects.append(effects.Persist(self._record_id, height,
                                             tuple(records)))
        return self._record_id

    def runs(self, timer: str) -> bool:
        """Return whether a timer is set."""
        return timer in self._timers

    def set_timer(self, name: str, delay_ms: int) -> None:
        """Set a timer, or set it anew."""
        self._timers[name] = None
        self._effects.append(effects.SetTimer(name, delay_ms))

    def cancel(self, *names: str) -> None:
        """Cancel those of the timers that run."""
        for name in names:
            if name in self._timers:
                del self._timers[name]
                self._effects.append(effects.CancelTimer(name))

    def ran_down(self, name: str) -> bool:
        """Note the end of a timer; return whether it was set at all."""
        if name not in self._timers:
            return False  # cancelled while it was on its way
        del self._timers[name]
        return True

    def accuse(self, records: Iterable[evidence.Equivocation]) -> None:
        """Report members who contradicted themselves."""
        for record in records:
            self.put(effects.Evidence(record))

    def view_changed(self, height: int, view: int, leader: int,
                     reason: str, *, active: bool) -> None:
        """Tell that we ask for a view, or have entered it."""
        self.put(effects.ViewChanged(height, view, leader, active, reason))

    def refuse(self, member: int, height: int, view: int,
               error: errors.LedgerError) -> None:
        """Note what was not acceptable."""
        self.put(effects.Refused(member, height, view, error.code,
                                 error.message))
