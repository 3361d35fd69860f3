# SPDX-License-Identifier: Apache-2.0
"""The transaction info provider (S1, Fig. 15).

The database holds txid, raw transaction, block and confirmations of every
anchor.  For each that is in a block the provider lets the driver write path
and proof beside the logs, and then tells the validator by the queue
``transactions``.  A reorganisation makes it do both again.
"""

from oslo_log import log as logging

from tacker_ledger.core import errors
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
        after, tells = 0, self._queue is not None
        while page := self._database.unprovided(
                self._driver.name, is_told=tells, after_id=after):
            for sent in page:
                is_provided = (sent.provided_block == sent.block
                               or self._provide(sent))
                # a broker that is away costs seconds for each message
                tells = tells and (not is_provided or self._tell(sent))
            after = page[-1].id

    def _provide(self, sent: anchors.Sent) -> bool:
        """Write the proof of an anchor; return whether that was done."""
        try:
            self._driver.provide(
                sent, self._database.checkpoints(sent.anchor_id))
        except errors.UnavailableError:
            raise
        except (OSError, errors.LedgerError) as error:
            # of this anchor alone: the next ones must not wait for it
            LOG.error('The proof of anchor %s of %s cannot be written: %s',
                      sent.number, sent.driver, error)
            return False
        self._database.note(sent, self._lease.key, provided_block=sent.block)
        return True

    def _tell(self, sent: anchors.Sent) -> bool:
        """Tell the validator; return whether the broker took it."""
        assert self._queue is not None
        if sent.told_block == sent.block:
            return True
        if not self._queue.put(messaging.TRANSACTIONS_QUEUE,
                               described(sent)):
            return False
        self._database.note(sent, self._lease.key, told_block=sent.block)
        return True


def described(sent: anchors.Sent) -> dict[str, object]:
    """Return what the message of an anchor's transaction says."""
    return {'transaction': sent.id, 'driver': sent.driver,
            'anchor': sent.number, 'txid': sent.txid.hex()}
