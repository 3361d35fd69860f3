# SPDX-License-Identifier: Apache-2.0
"""How long a leader may take: learnt, doubled on failure, capped.

A fixed bound is either too long for a dead leader or too short for a slow
federation, which then changes its leader for ever.  So the bound follows
what heights have taken: a multiple of a maximum that decays, hence quick to
grow and slow to shrink.  Each view in which nothing was decided doubles it,
so that some view lasts long enough however slow the network is.
"""

_MARGIN = 4
_DECAY_DIVISOR = 8
_DOUBLINGS_MAX_COUNT = 16


class Timeouts:
    """The bound on one view's duration.

    :param min_ms: it is never shorter
    :param max_ms: it is never longer
    """

    def __init__(self, min_ms: int, max_ms: int) -> None:
        assert 0 < min_ms <= max_ms
        self._min_ms = min_ms
        self._max_ms = max_ms
        self._slowest_ms = 0

    @property
    def base_ms(self) -> int:
        """The bound on the first view of a height."""
        return min(max(_MARGIN * self._slowest_ms, self._min_ms),
                   self._max_ms)

    def after(self, failed_views: int) -> int:
        """Return the bound after so many views of one height failed."""
        return min(self.base_ms << min(failed_views, _DOUBLINGS_MAX_COUNT),
                   self._max_ms)

    def observe(self, elapsed_ms: int) -> None:
        """Learn what a height took since there was something to decide.

        Clocks may jump: nothing counts for less than nothing, or for more
        than the bound which did not run down.
        """
        elapsed_ms = min(max(elapsed_ms, 0), self.base_ms)
        decayed = self._slowest_ms - self._slowest_ms // _DECAY_DIVISOR
        self._slowest_ms = max(elapsed_ms, decayed)
