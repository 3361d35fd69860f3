# SPDX-License-Identifier: Apache-2.0
"""What a node tells who has subscribed: notifications, as values.

Event types and payloads are an interface, versioned by
:data:`PAYLOAD_VERSION`: within one major version keys are added, never taken
away or given another meaning.  They stand in
``doc/source/admin/operations.rst``.
"""

import dataclasses
import json
from typing import Any
from typing import Protocol

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

#: Before each event type.
PREFIX = 'vnf_ledger.'
PAYLOAD_VERSION = '1.0'
#: In each payload; a reader of this node's log knows them.
_OF_THE_REPORTER = frozenset((
    'chain_id', 'reporter', 'reporter_member', 'instance', 'time_ms'))


@dataclasses.dataclass(frozen=True, slots=True)
class Notice:
    """One notification.

    :param event: type without the prefix, such as ``view_change.start``
    :param is_error: priority ERROR rather than INFO
    :param payload: JSON-able, no secrets
    """

    event: str
    is_error: bool
    payload: dict[str, Any]

    @property
    def event_type(self) -> str:
        """The type as subscribers see it."""
        return PREFIX + self.event

    @property
    def versioned(self) -> dict[str, Any]:
        """The payload with its version."""
        return {'payload_version': PAYLOAD_VERSION, **self.payload}


class Sink(Protocol):
    """Where notices go; never blocks, never fails."""

    def tell(self, notice: Notice) -> None:
        """Take a notice."""


class LogSink:
    """Where no broker is: one line in the log for each notice."""

    def tell(self, notice: Notice) -> None:
        """See :class:`Sink`."""
        LOG.info('Notification %s: %s', notice.event_type, json.dumps(
            {name: value for name, value in notice.payload.items()
             if name not in _OF_THE_REPORTER}, sort_keys=True))
