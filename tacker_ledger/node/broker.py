# SPDX-License-Identifier: Apache-2.0
"""Notices of a node to a message broker."""

from tacker_ledger import messaging
from tacker_ledger.node import notices


class BrokerSink:
    """Hands notices to oslo.messaging.

    :param notifier: started
    """

    def __init__(self, notifier: messaging.Notifier) -> None:
        self._notifier = notifier

    def tell(self, notice: notices.Notice) -> None:
        """See :class:`notices.Sink`."""
        self._notifier.notify(notice.event_type, notice.versioned,
                              is_error=notice.is_error)
