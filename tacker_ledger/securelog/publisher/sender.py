# SPDX-License-Identifier: Apache-2.0
"""The transaction sender (S1, Fig. 15): from the outbox to the chain.

At any time at most one anchor of a driver is in no block: what is found
meanwhile waits and goes under one root with what follows.  A transaction
is stored before it is sent and sent again until the chain knows it, so a
process may end anywhere: what was stored is the anchor, and what was not
was never sent.
"""

from collections.abc import Callable

from oslo_log import log as logging

from tacker_ledger.core import errors
from tacker_ledger.securelog.anchor_drivers import base
from tacker_ledger.securelog.publisher import lease as lease_module
from tacker_ledger.storage import anchor_models as models
from tacker_ledger.storage import anchors

LOG = logging.getLogger(__name__)

_IN_CHAIN = (models.CONFIRMED, models.FINAL)


class Sender:
    """Sends what is due and follows what was sent, for one driver.

    :param clock: ms since 1970
    """

    def __init__(self, database: anchors.Anchors, driver: base.Driver,
                 lease: lease_module.Lease, clock: Callable[[], int]
                 ) -> None:
        self._database = database
        self._driver = driver
        self._lease = lease
        self._clock = clock

    def step(self) -> None:
        """Do what can be done now.

        :raises LeaseLost: another publisher acts
        :raises UnavailableError: the chain cannot be reached
        :raises StorageFailed: the database cannot be used
        """
        if self._follow_all():
            return
        first = self._database.newest(self._driver.name)
        now_ms = self._clock()
        if first is not None and first.root != anchors.NO_ROOT and now_ms < (
                first.created_ms + self._driver.interval_seconds * 1000):
            return
        due = self._database.due(self._driver.name)
        if not due:
            return
        drafts = self._driver.drafts(
            due, self._database.next_number(self._driver.name),
            self._database.newest(self._driver.name, states=_IN_CHAIN))
        for draft in drafts:
            sent = self._database.store(draft, self._lease.key, now_ms)
            LOG.info('Anchor %s of %s: %s checkpoints under %s in %s',
                     sent.number, sent.driver, len(draft.checkpoint_ids),
                     sent.root.hex(), sent.txid.hex())
            self._send(sent)

    def _follow_all(self) -> bool:
        """Look after every anchor that is not settled.

        :returns: whether one is in no block
        """
        waiting = False
        for anchor_id in self._database.unsettled(self._driver.name):
            attempts = self._database.sent(anchor_id=anchor_id)
            followed = [self._follow(sent) for sent in attempts]
            settled = any(one.state in _IN_CHAIN for one in followed)
            lost = all(one.state == models.CONFLICTED for one in followed)
            if lost:
                LOG.error(
                    'Anchor %s of %s can never be confirmed, for another '
                    'transaction spends its input: its checkpoints are '
                    'anchored again', attempts[0].number,
                    self._driver.name)
            elif not settled:
                waiting = True
                self._hurry(followed[-1])
        return waiting

    def _follow(self, sent: anchors.Sent) -> anchors.Sent:
        status = self._driver.look(sent)
        if not status.state:
            if sent.state != models.REPLACED:
                self._send(sent)
            state = (models.REPLACED if sent.state == models.REPLACED
                     else models.PENDING)
            status = base.Status(state)
        elif (status.state == models.PENDING
                and sent.state == models.REPLACED):
            status = base.Status(models.REPLACED)
        before = (sent.state, sent.block, sent.height, sent.confirmations)
        after = (status.state, status.block, status.height,
                 status.confirmations)
        if before == after:
            return sent
        if sent.state in _IN_CHAIN and status.state not in _IN_CHAIN:
            LOG.warning('The chain was reorganised: anchor %s of %s is in '
                        'no block any more', sent.number, sent.driver)
        elif sent.state not in _IN_CHAIN and status.state in _IN_CHAIN:
            LOG.info('Anchor %s of %s is in block %s', sent.number,
                     sent.driver, status.height)
        return self._database.note(
            sent, self._lease.key, state=status.state, block=status.block,
            height=status.height, confirmations=status.confirmations)

    def _send(self, sent: anchors.Sent) -> None:
        try:
            self._driver.send(sent)
        except errors.UnavailableError:
            raise
        except errors.ConflictError as error:
            LOG.error('Anchor %s of %s can never go in: %s: %s', sent.number,
                      sent.driver, error.code, error.message)
            self._database.note(sent, self._lease.key,
                                state=models.CONFLICTED)
            return
        except errors.LedgerError as error:
            # looking at the chain will tell whether it can ever go in
            LOG.error('Anchor %s of %s is refused: %s: %s', sent.number,
                      sent.driver, error.code, error.message)
            return
        if sent.sent_ms is None:
            self._database.note(sent, self._lease.key,
                                sent_ms=self._clock())

    def _hurry(self, sent: anchors.Sent) -> None:
        """Replace what waits too long by what pays more."""
        now_ms = self._clock()
        better = self._driver.replacement(sent, now_ms)
        if better is None:
            return
        made = self._database.store_attempt(
            sent, better.txid, better.raw, better.fee_satoshi,
            self._lease.key, now_ms)
        LOG.info('Anchor %s of %s pays %s satoshi instead of %s: %s',
                 sent.number, sent.driver, better.fee_satoshi,
                 sent.fee_satoshi, better.txid.hex())
        self._send(made)
