# SPDX-License-Identifier: Apache-2.0
"""Standing alarms: conditions an operator must know of, each by its name.

An alarm is logged when it is raised, when it ends and, while it stands, now
and then.  ``doc/source/admin/vnf-agent.rst`` says what each means.
"""

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

#: The wall clock contradicts the chain: nothing new is applied.
CLOCK_SUSPECT = 'clock-suspect'
#: No certified head has been fresh for longer than the bound.
STALE_HEAD = 'stale-head'
#: No node answers at all.
ISOLATED = 'isolated'
#: Only one node answers, so nobody contradicts it.
SINGLE_NODE = 'single-node'
#: A receipt that this agent did not write stands under its receipt key.
KEY_IN_USE_ELSEWHERE = 'key-in-use-elsewhere'
#: A change could not be put back as a whole.
REVERT_FAILED = 'revert-failed'
#: The key of this VNF was revoked: it obeys nobody.
RETIRED = 'retired'
#: A configuration under a revoked key stays in force.
REVOKED_IN_FORCE = 'revoked-in-force'
#: The effective configuration could not be put in force again.
NOT_ENFORCED = 'not-enforced'

_REPEAT_MS = 600_000


class Alarms:
    """The alarms that stand."""

    def __init__(self) -> None:
        self._standing: dict[str, int] = {}

    def standing(self) -> tuple[str, ...]:
        """Return the names of the alarms that stand, sorted."""
        return tuple(sorted(self._standing))

    def set(self, name: str, condition: bool, now_ms: int, message: str = ''
            ) -> None:
        """Raise or end an alarm.

        :param now_ms: any clock that only goes forward
        :param message: what is wrong, for the log
        """
        since = self._standing.get(name)
        if condition and (since is None or now_ms - since >= _REPEAT_MS):
            self._standing[name] = now_ms
            LOG.error('ALARM %s: %s', name, message)
        elif not condition and since is not None:
            del self._standing[name]
            LOG.info('End of alarm %s', name)
