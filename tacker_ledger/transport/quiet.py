# SPDX-License-Identifier: Apache-2.0
"""Says a thing once in a while, however often it happens."""

import collections
from collections.abc import Callable
from collections.abc import Hashable
import time

_KEYS_MAX_COUNT = 1_000


class Quiet:
    """Bounds how often lines about the same thing are logged.

    :param interval_seconds: between two lines with one key
    :param clock: monotonic seconds
    """

    def __init__(self, interval_seconds: float,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_seconds = interval_seconds
        self._clock = clock
        #: key -> (when it was said, how often it was kept quiet since)
        self._said: collections.OrderedDict[Hashable, tuple[float, int]] = (
            collections.OrderedDict())

    def say(self, key: Hashable) -> int | None:
        """Return None to stay silent, else how often it was silent since.

        :param key: what lines have to share to count as the same
        """
        now = self._clock()
        before = self._said.get(key)
        if before is not None and now - before[0] < self._interval_seconds:
            self._said[key] = before[0], before[1] + 1
            return None
        self._said[key] = now, 0
        self._said.move_to_end(key)
        if len(self._said) > _KEYS_MAX_COUNT:
            self._said.popitem(last=False)
        return before[1] if before is not None else 0


def also(count: int) -> str:
    """Return what to add to a line for what was not said."""
    return f' ({count} more like this since the last line)' if count else ''
