# SPDX-License-Identifier: Apache-2.0
"""The transaction info provider (S1, Fig. 15).

The database holds txid, raw transaction, block and confirmations of every
anchor.  For each that is in a block the provider lets the driver write path
and proof beside the logs, and then tells the validator by the queue
``transactions``.  A reorganisation makes it do both again.
"""

from oslo_log import log as logging

from tacker_ledger import messaging
from tacker_ledger.securelog.anchor_drivers import base
from tacker_ledger.securelog.publisher import lease as lease_module
from tacker_ledger.storage import anchors

LOG = logging.getLogger(__name__)


class Provider:
    """Provides what is known of confirmed anchors, for one driver.

    :param queue: None where no broker is configured; the validator then
        finds the rows by itself
    """

    def __init__(self, database: anchors.Anchors, driver: base.Driver,
                 lease: lease_module.Lease,
                 queue: messaging.QueueClient | None) -> None:
        self._database = database
        self._driver = driver
        self._lease = lease
        self._queue = queue

    def step(self) -> None:
        """Provide what is new.

        :raises LeaseLost: another publisher acts
        :raises UnavailableError: the chain cannot be reached
        """
        for sent in self._database.unprovided(self._driver.name):
            if sent.provided_block != sent.block:
                try:
                    self._driver.provide(
                        sent, self._database.checkpoints(sent.anchor_id))
                except OSError as error:
                    LOG.error('The proof of anchor %s of %s cannot be '
                              'written: %s', sent.number, sent.driver,
                              error)
                    continue
                sent = self._database.note(sent, self._lease.key,
                                           provided_block=sent.block)
            if self._queue is not None and self._queue.put(
                    messaging.TRANSACTIONS_QUEUE, described(sent)):
                self._database.note(sent, self._lease.key,
                                    told_block=sent.block)


def described(sent: anchors.Sent) -> dict[str, object]:
    """Return what the message of an anchor's transaction says."""
    return {'transaction': sent.id, 'driver': sent.driver,
            'anchor': sent.number, 'txid': sent.txid.hex()}
