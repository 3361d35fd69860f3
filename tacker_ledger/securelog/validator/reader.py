# SPDX-License-Identifier: Apache-2.0
"""The OP_RETURN reader (S1, Fig. 16).

It takes the txid of an anchor, asks its own node for the transaction and
reads the root there; nothing the publisher says about the transaction is
believed.  What it found goes to the comparator by ``op_return_hashes``.
"""

from collections.abc import Callable

from oslo_log import log as logging

from tacker_ledger import messaging
from tacker_ledger.securelog.anchor_drivers import base
from tacker_ledger.storage import anchor_verdicts
from tacker_ledger.storage import anchors

LOG = logging.getLogger(__name__)


class Reader:
    """Reads what the database has and nobody has read.

    :param readers: by the driver's name
    :param clock: ms since 1970
    """

    def __init__(self, verdicts: anchor_verdicts.Verdicts,
                 readers: dict[str, base.ChainReader],
                 clock: Callable[[], int],
                 queue: messaging.QueueClient | None) -> None:
        self._verdicts = verdicts
        self._readers = readers
        self._clock = clock
        self._queue = queue

    def step(self) -> None:
        """Read what can be read now, and tell the comparator.

        :raises UnavailableError: the chain cannot be reached
        :raises StorageFailed: the database cannot be used
        """
        after = 0
        while page := self._verdicts.unread(list(self._readers), after):
            for sent in page:
                self._read(sent)
            after = page[-1].id
        if self._queue is None:
            return
        for reading in self._verdicts.readings(is_told=False):
            if not self._queue.put(messaging.OP_RETURN_QUEUE, {
                    'reading': reading.id, 'height': reading.height,
                    'op_return': '' if reading.root is None
                    else reading.root.hex()}):
                # a broker that is away costs seconds for each message
                return
            self._verdicts.note_told(reading)

    def _read(self, sent: anchors.Sent) -> None:
        found = self._readers[sent.driver].read(sent, self._verdicts.raw_of)
        if found is None:
            return
        if found.problem:
            LOG.error('Anchor %s of %s (%s) is no anchor: %s', sent.number,
                      sent.driver, sent.txid.hex(), found.problem)
        self._verdicts.add_reading(
            sent.id, found.block, found.height, found.root, found.problem,
            self._clock())
