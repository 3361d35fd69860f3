# SPDX-License-Identifier: Apache-2.0
"""What members sent that was not acceptable: counted, and told quietly."""

import collections
from collections.abc import Callable
import time
from typing import Any

from oslo_log import log as logging

from tacker_ledger.transport import quiet

LOG = logging.getLogger(__name__)

#: Between two lines about one member and one code.
_INTERVAL_SECONDS = 30.0


class Refusals:
    """Counters per member and stable code, since the process began.

    :param name_of: returns a member's name
    :param clock: monotonic seconds
    """

    def __init__(self, name_of: Callable[[int], str],
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._name_of = name_of
        self._counts: dict[int, collections.Counter[str]] = {}
        self._quiet = quiet.Quiet(_INTERVAL_SECONDS, clock)

    def note(self, member: int, code: str, reason: str) -> None:
        """Count what a member sent, and say so once in a while.

        :param reason: one sentence
        """
        self._counts.setdefault(member, collections.Counter())[code] += 1
        silent = self._quiet.say((member, code))
        if silent is not None:
            LOG.warning('Refused what %s sent, it has no effect: %s: %s%s',
                        self._name_of(member), code, reason,
                        quiet.also(silent))

    def records(self) -> list[dict[str, Any]]:
        """Return ``member``, ``name``, ``count``, ``codes`` of each."""
        return [{'member': member, 'name': self._name_of(member),
                 'count': sum(codes.values()),
                 'codes': dict(sorted(codes.items()))}
                for member, codes in sorted(self._counts.items())]
