# SPDX-License-Identifier: Apache-2.0
"""What each action of a migration does; every one may be done twice."""

from collections.abc import Callable
import time

from tacker_ledger.core.configuration import comparison
from tacker_ledger.core.configuration import migration as machine
from tacker_ledger.core.configuration import migration_record
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.tenant_client import context as context_module
from tacker_ledger.tenant_client import expectation
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tenant_client import keys as keys_module
from tacker_ledger.tenant_client import path_switches
from tacker_ledger.tenant_client import receipts as receipts_module
from tacker_ledger.tenant_client import requests as requests_module
from tacker_ledger.tenant_client import vnfs as vnfs_module

Migration = migration_record.Migration
Action = machine.Action

_RETIREMENT = 'migrated'
_WAIT_SECONDS = 30
_REQUEST_LIFETIME_SECONDS = 24 * 3600.0


class Steps:
    """The actions on one tenant's ledger."""

    def __init__(self, context: context_module.Context,
                 requests: requests_module.Requests,
                 receipts: receipts_module.Receipts,
                 vnfs: vnfs_module.Vnfs) -> None:
        self._context = context
        self._requests = requests
        self._receipts = receipts
        self._vnfs = vnfs
        self._actions: dict[Action, Callable[[Migration, float],
                                             machine.Event]] = {
            Action.SEND: self._send,
            Action.REQUEST: self._request,
            Action.AWAIT_ANSWER: self._await_answer,
            Action.AWAIT_DESTINATION: self._await_destination,
            Action.DELIVER: self._deliver,
            Action.AWAIT_RECEIPT: self._await_receipt,
            Action.BEGIN_SWITCH: self._begin_switch,
            Action.SWITCH_PATH: self._switch_path,
            Action.SWITCH_BACK: self._switch_back,
            Action.RETIRE_SOURCE: self._retire_source,
            Action.FORGET_SOURCE: self._forget_source,
        }

    def do(self, action: Action, migration: Migration,
           seconds: float) -> machine.Event:
        """Do an action and return what happened.

        :param seconds: how long to wait for others at most
        """
        return self._actions[action](migration, seconds)

    def destination(self, name: str) -> machine.DestinationKnown:
        """Return the event that a destination is known.

        :raises NotFound: it is not in the inventory
        """
        vnf = self._context.inventory.read().vnf(name)
        if vnf.state != inventory.ACTIVE:
            raise errors.KeyRevoked(f'The VNF {vnf.name} is {vnf.state}.')
        return machine.DestinationKnown(vnf.name, vnf.key.key_id)

    # Shared

    def _key(self, migration: Migration) -> keys_module.Key:
        return self._context.keys.find(migration.key_name)

    def _vnf(self, name: str) -> inventory.Vnf:
        return self._context.inventory.read().vnf(name)

    def _expected(self, migration: Migration) -> expectation.Expectation:
        return expectation.expect(
            self._context, self._vnf(migration.source),
            self._context.keys.list_all(keys_module.TENANT))

    def _wait_for_news(self, state_key: bytes, ends: float,
                       what: str) -> None:
        left = ends - time.monotonic()
        if left <= 0:
            raise errors.Timeout(f'{what}: resume the migration later.')
        self._context.ledger.wait_for_change(
            [state_key], max(1, min(_WAIT_SECONDS, int(left))))

    # Sending what was stored

    def _send(self, migration: Migration, seconds: float) -> machine.Event:
        transactions = [
            transaction_module.Transaction.from_bytes(self._context.h, raw)
            for raw in migration.outbox]
        try:
            self._context.send(transactions)
        except errors.ConflictError as error:
            return machine.Rejected(f'{error.code}: {error.message}')
        return machine.Committed()

    # Source

    def _request(self, migration: Migration, seconds: float
                 ) -> machine.Event:
        vnf = self._vnf(migration.source)
        transaction = self._requests.author(
            vnf, self._key(migration), _REQUEST_LIFETIME_SECONDS)
        content = transaction.content
        self._requests.remember(vnf, content.cid)
        return machine.RequestPrepared(content.cid, content.vid,
                                       transaction.txid, transaction.raw)

    def _await_answer(self, migration: Migration, seconds: float
                      ) -> machine.Event:
        ends = time.monotonic() + seconds
        cid = migration.slot_cid
        assert cid is not None
        while True:
            view = self._requests.read(cid, migration.current.request_vid)
            if view.answer is not None and view.report is not None:
                return self._compare(migration, view.answer, view.report)
            if view.expired:
                return machine.Expired()
            self._wait_for_news(
                identifiers.cid_state_key(self._context.h, cid), ends,
                f'{migration.source} has not answered yet')

    def _compare(self, migration: Migration,
                 answer: context_module.Opened,
                 report: payload_module.StateReport) -> machine.Event:
        known = self._expected(migration)
        found = comparison.compare(
            [comparison.Reported(entry.cid, entry.vid, entry.txid,
                                 entry.payload_digest, entry.content_key)
             for entry in report.effective],
            known.effective, known.authentic)
        try:
            chosen = comparison.resolve(found, migration.policy)
        except errors.ReferenceMismatch:
            chosen = ()
        digest = migration_record.round_digest(
            tuple((entry.cid, entry.vid, entry.txid)
                  for entry in report.effective),
            tuple((item.applier, item.target, item.observed)
                  for item in report.observations))
        return machine.Answered(
            answer.transaction.txid, digest,
            tuple((item.cid, item.vid, item.txid) for item in chosen),
            tuple((int(item.kind), item.cid, item.reported_vid,
                   item.chain_vid) for item in found.differences))

    # Destination

    def _await_destination(self, migration: Migration, seconds: float
                           ) -> machine.Event:
        if not migration.destination:
            raise errors.NotFound(
                'The destination is not known yet: register it and resume '
                'with --destination.')
        return self.destination(migration.destination)

    def _deliver(self, migration: Migration, seconds: float
                 ) -> machine.Event:
        authentic = self._expected(migration).authentic
        entries = []
        for entry_cid, entry_vid, txid in migration.current.entries:
            known = authentic.get((entry_cid, entry_vid))
            if known is None or known.txid != txid:
                raise errors.ReferenceMissing(
                    'A version that was confirmed is not to be found.',
                    cid=entry_cid.hex(), vid=entry_vid)
            entries.append(payload_module.SealedReference(
                entry_cid, entry_vid, txid, known.content_key))
        cid = migration.delivery_cid
        vid = 1
        if cid is not None:
            record = self._context.ledger.cid(cid)
            if record is None:
                cid = None
            else:
                vid = record.next_vid
        authored = self._context.sealed(
            self._key(migration),
            payload_module.Delivery(tuple(entries), self._report(migration)),
            recipient=self._vnf(migration.destination).key, cid=cid,
            vid=vid)
        transaction = authored.transaction
        return machine.DeliveryPrepared(
            transaction.content.cid, transaction.content.vid,
            transaction.txid, transaction.raw)

    def _report(self, migration: Migration
                ) -> payload_module.SealedReference:
        cid = migration.slot_cid
        assert cid is not None
        vid = migration.current.request_vid
        answer = self._requests.read(cid, vid).answer
        if answer is None:
            raise errors.ReferenceMissing('The source\'s answer is gone.')
        return payload_module.SealedReference(
            cid, vid, answer.transaction.txid, answer.content_key)

    def _await_receipt(self, migration: Migration, seconds: float
                       ) -> machine.Event:
        ends = time.monotonic() + seconds
        key, vnf = self._key(migration), self._vnf(migration.destination)
        txid = migration.current.delivery_txid
        assert txid is not None
        while True:
            receipt = self._receipts.about(vnf, key, txid)
            if receipt is not None:
                return self._judge_receipt(migration, receipt)
            self._wait_for_news(
                identifiers.pair_state_key(
                    self._context.h, key.key_id, vnf.receipt_key.key_id),
                ends, f'{vnf.name} has not confirmed yet')

    @staticmethod
    def _judge_receipt(migration: Migration,
                       receipt: receipts_module.ReceiptView
                       ) -> machine.Event:
        payload = receipt.payload
        txid = receipt.opened.transaction.txid
        if payload.outcome is not payload_module.Outcome.APPLIED:
            return machine.Receipted(
                txid, False, f'{payload.code}: {payload.detail}'[
                    :migration_record.NOTE_MAX_BYTES])
        effective = set(payload.effective)
        missing = [cid.hex() for cid, vid, _txid
                   in migration.current.entries
                   if (cid, vid) not in effective]
        if missing:
            return machine.Receipted(
                txid, False, 'not in effect there: ' + ', '.join(
                    missing)[:migration_record.NOTE_MAX_BYTES // 2])
        return machine.Receipted(txid, True)

    # The path

    def _ends(self, migration: Migration) -> path_switches.Ends:
        source = self._vnf(migration.source)
        destination = self._vnf(migration.destination)
        return path_switches.Ends(
            migration.migration_id.hex(), source.name, destination.name,
            source.instance_uuid, destination.instance_uuid)

    def _begin_switch(self, migration: Migration, seconds: float
                      ) -> machine.Event:
        return machine.SwitchBegun()

    def _switch_path(self, migration: Migration, seconds: float
                     ) -> machine.Event:
        driver = path_switches.load(migration.path_switch)
        ends = self._ends(migration)
        try:
            driver.switch(ends)
        except errors.LedgerError as error:
            driver.switch_back(ends)
            return machine.SwitchedBack(error.message)
        return machine.Switched()

    def _switch_back(self, migration: Migration, seconds: float
                     ) -> machine.Event:
        path_switches.load(migration.path_switch).switch_back(
            self._ends(migration))
        return machine.SwitchedBack()

    # The end of the source

    def _retire_source(self, migration: Migration, seconds: float
                       ) -> machine.Event:
        authored = self._vnfs.retirement(
            self._vnf(migration.source), self._key(migration), _RETIREMENT)
        return machine.RetirementPrepared(authored.transaction.raw)

    def _forget_source(self, migration: Migration, seconds: float
                       ) -> machine.Event:
        self._vnfs.forget(
            migration.source, inventory.MIGRATED, self._key(migration),
            note=f'to {migration.destination}',
            successor=migration.destination)
        return machine.SourceForgotten()
