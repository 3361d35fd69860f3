# SPDX-License-Identifier: Apache-2.0
"""Hands checkpoints to a publisher on another host, which anchors them.

To the sender this looks like a chain with one transaction per checkpoint:
final as soon as the other publisher has put the record into its outbox.
"""

from collections.abc import Sequence

from tacker_ledger.core import errors
from tacker_ledger import messaging
from tacker_ledger.securelog.anchor_drivers import base
from tacker_ledger.securelog.publisher import searcher
from tacker_ledger.storage import anchor_models as models
from tacker_ledger.storage import anchors


class RemoteDriver:
    """Sends records by the queue ``checkpoints``; see :class:`base.Driver`.
    """

    name = anchors.REMOTE
    interval_seconds = 0.0

    def __init__(self, queue: messaging.QueueClient) -> None:
        self._queue = queue

    def drafts(self, due: Sequence[anchors.Checkpoint], number: int,
               previous: anchors.Sent | None) -> list[anchors.Draft]:
        """See :meth:`base.Driver.drafts`."""
        return [anchors.Draft(self.name, number + index, one.hash, (one.id,),
                              one.hash, one.record)
                for index, one in enumerate(due)]

    def send(self, sent: anchors.Sent) -> None:
        """See :meth:`base.Driver.send`."""
        if not self._queue.hand_over(messaging.CHECKPOINTS_QUEUE,
                                     searcher.described(sent.raw)):
            raise errors.Timeout('No publisher takes checkpoints now')

    def look(self, sent: anchors.Sent) -> base.Status:
        """See :meth:`base.Driver.look`."""
        if sent.sent_ms is None:
            return base.Status('')
        return base.Status(models.FINAL, sent.root)

    def replacement(self, sent: anchors.Sent, now_ms: int) -> None:
        """See :meth:`base.Driver.replacement`."""

    def provide(self, sent: anchors.Sent,
                checkpoints: Sequence[anchors.Checkpoint]) -> None:
        """See :meth:`base.Driver.provide`."""
