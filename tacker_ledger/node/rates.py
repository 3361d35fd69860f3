# SPDX-License-Identifier: Apache-2.0
"""Token buckets: a rate in the long run, a burst after a quiet time."""

import collections
from collections.abc import Hashable
import dataclasses
import math


@dataclasses.dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """One bucket for each key; full buckets take no memory for ever.

    :param per_second: tokens that come back each second
    :param burst: tokens in a full bucket
    :param max_count: buckets kept; the one used longest ago goes first
    """

    def __init__(self, per_second: float, burst: float,
                 max_count: int = 100_000) -> None:
        self.per_second = per_second
        self.burst = burst
        self._max_count = max_count
        self._buckets: collections.OrderedDict[Hashable, _Bucket] = (
            collections.OrderedDict())

    def take(self, key: Hashable, now: float, tokens: float = 1.0) -> float:
        """Take tokens if they are there.

        :param now: monotonic seconds
        :returns: 0 if they were taken, else how many seconds until they
            will be there
        """
        if tokens > self.burst:
            return math.inf
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(self.burst, now)
            if len(self._buckets) > self._max_count:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        bucket.tokens = min(self.burst, bucket.tokens + max(
            0.0, now - bucket.at) * self.per_second)
        bucket.at = now
        if bucket.tokens >= tokens:
            bucket.tokens -= tokens
            return 0.0
        if self.per_second <= 0:
            return math.inf
        return (tokens - bucket.tokens) / self.per_second
