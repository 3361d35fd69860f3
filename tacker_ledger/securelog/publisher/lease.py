# SPDX-License-Identifier: Apache-2.0
"""Which of several publishers acts."""

from collections.abc import Callable
import time

from oslo_log import log as logging

from tacker_ledger.storage import anchors

LOG = logging.getLogger(__name__)

NAME = 'publisher'


class Lease:
    """The right to act on the outbox; every change there renews it.

    Clocks of two hosts are not compared: whoever waits looks whether the
    holder's beat goes on, by a clock of its own.

    :param owner: differs for every process
    :param lease_seconds: silence after which the holder is given up
    :param clock: monotonic seconds
    """

    def __init__(self, database: anchors.Anchors, owner: str,
                 lease_seconds: float,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self.owner = owner
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._seen: tuple[str, int] | None = None
        self._seen_at = 0.0
        self._held = False

    @property
    def key(self) -> tuple[str, str]:
        """What guards a transaction of the database."""
        return NAME, self.owner

    def hold(self) -> bool:
        """Renew or take the lease; return whether it is held."""
        seen = self._database.beat(NAME, self.owner)
        held = seen[0] == self.owner
        if not held:
            now = self._clock()
            if seen != self._seen:
                self._seen, self._seen_at = seen, now
            elif now - self._seen_at >= self._lease_seconds:
                held = self._database.take_over(NAME, self.owner, seen)
                if held:
                    LOG.warning('The publisher %s is silent: taking over',
                                seen[0])
        if held != self._held:
            LOG.info('This publisher %s', 'acts' if held else
                     f'waits: {seen[0]} acts')
        self._held = held
        return held

    def release(self) -> None:
        """Let another publisher act at once."""
        if self._held:
            self._database.release(NAME, self.owner)
            self._held = False
