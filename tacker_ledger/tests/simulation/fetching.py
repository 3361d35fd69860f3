# SPDX-License-Identifier: Apache-2.0
"""What a simulated member does to catch up, and for those who do."""

from tacker_ledger.core.consensus import catch_up
from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module

#: Name of the one timer of catching up.
TIMER = 'catch-up'


class Fetching:
    """The part of ``member.Member`` that drives ``core.consensus.catch_up``.
    """

    def serve(self, message: messages.GetBlocks, sender: int) -> None:
        """Give another member blocks."""
        first = message.from_height - 1
        given = self.disk.outcomes[first:first + message.max_count]
        self.send(messages.Blocks(message.request_id, self.height, tuple(
            (outcome.block.to_bytes(), proof) for outcome, proof in given)),
            sender)

    def catch(self, event: catch_up.Event) -> None:
        """Give the catching up an event."""
        for effect in self.catch_up.step(event, self.clock.now_us // 1000):
            if self.world.observed:
                self.world.note(self, effect)
            match effect:
                case catch_up.Ask():
                    self.send(effect.message, effect.member)
                case catch_up.Take():
                    self._take = effect
                    self._later(self._delay_us(
                        self.options.durations.append_us), self._take_over)
                case catch_up.SetTimer():
                    self._timers[TIMER] = self.clock.alarm(
                        effect.delay_ms * 1000, self._ran_down, TIMER)
                case catch_up.CancelTimer():
                    self._timers.pop(TIMER, None)
                case catch_up.FetchSnapshot():
                    self.fetch_snapshot(effect)
                case catch_up.Distrust():
                    self.distrust(effect)

    def fetch_snapshot(self, effect: catch_up.FetchSnapshot) -> None:
        """Nobody takes snapshots but who is told to (see ``joining``)."""
        raise AssertionError(effect)

    def distrust(self, effect: catch_up.Distrust) -> None:
        """A source was no good."""

    def _take_over(self) -> None:
        """Judge and store what was fetched."""
        take = self._take
        assert take is not None
        if self._appending:
            # The replica's own block goes first.
            self._later(1_000, self._take_over)
            return
        self._take = None
        if self.disk.full:
            self.catch(catch_up.TakeFailed(take.take_id, 'storage-failed',
                                           'no space is left'))
            return
        view = 0
        for block, proof in take.blocks:
            if block.header.height <= self.height:
                continue
            try:
                outcome = self.ledger.validate(block)
            except errors.LedgerError as exc:
                self.catch(catch_up.TakeFailed(
                    take.take_id, exc.code, exc.message, blame=True))
                return
            self.fetched(block, proof)
            self._store(outcome, proof)
            view = _view_of(proof)
        self._moved(self.height, view)
        self.catch(catch_up.Taken(take.take_id))

    def fetched(self, block: block_module.Block, proof: bytes) -> None:
        """A certified block came from another member."""


def _view_of(proof: bytes) -> int:
    if not proof:
        return 0
    return certificate_module.Certificate.from_bytes(proof).view
