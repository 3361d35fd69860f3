# SPDX-License-Identifier: Apache-2.0
"""Brings what a plan needs: referenced configurations, by proof."""

import dataclasses

from tacker_ledger.core.configuration import acceptance
from tacker_ledger.core.configuration import plan as plan_module
from tacker_ledger.core.configuration import trust as trust_module
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core.ledger import state_records
from tacker_ledger.transport import client as client_module
from tacker_ledger.vnf_client import fetch
from tacker_ledger.vnf_client import keys as keys_module


@dataclasses.dataclass(frozen=True, slots=True)
class _Version:
    """One version of a CID, where a node says that it stands."""

    vid: int
    position: trust_module.Position
    txid: bytes
    source: client_module.Reply


class Loader:
    """Loads references for one decision; what was loaded is kept for it."""

    def __init__(self, provider: provider_module.Provider,
                 fetcher: fetch.Fetcher, keys: keys_module.Keys) -> None:
        self._provider = provider
        self._fetcher = fetcher
        self._keys = keys
        self._h = fetcher.light.h

    def open(self, located: acceptance.Located,
             content_key: bytes | None = None) -> acceptance.Opened:
        """Return a located configuration with its payload."""
        return acceptance.open_located(
            self._h, self._provider, self._keys.readers(), located,
            content_key)

    def plan(self, trust: trust_module.Trust, base: acceptance.Opened
             ) -> tuple[acceptance.Opened, ...]:
        """Return the whole plan of a configuration, in order.

        :raises DecisionError: it must not be applied
        :raises LedgerError: no node shows a part of it; ask again later
        """
        resolver = plan_module.Resolver(trust, base)
        while needs := resolver.needs():
            for need in needs:
                resolver.supply(need, self.bring(need))
        return resolver.plan()

    def delivery(self, trust: trust_module.Trust, base: acceptance.Opened
                 ) -> tuple[tuple[acceptance.Opened, ...],
                            tuple[payload_module.Observation, ...]]:
        """Return what a delivery hands over: entries and observed state.

        :raises DecisionError: it must not be applied
        """
        needs, about = plan_module.delivery_needs(base)
        entries = plan_module.checked_delivery(
            trust, needs, [self.bring(need) for need in needs])
        if about is None:
            return entries, ()
        report = plan_module.check_fits(trust, about,
                                        self.bring(about)).payload
        if not isinstance(report, payload_module.StateReport):
            raise errors.WrongPayload(
                'What a delivery calls a report is none.', kind=report.KIND)
        return entries, report.observations

    def bring(self, need: plan_module.Need) -> acceptance.Opened | None:
        """Return a configuration; None if it is proven that there is none.
        """
        txid = self._find(need)
        if txid is None:
            return None
        located = self._fetcher.transaction(
            txid, committed=txid != need.txid)
        if located is None:
            located = self._despite_denial(need)
        if located is None:
            return None
        return self.open(located, need.content_key)

    def version(self, cid: bytes, vid: int) -> acceptance.Opened | None:
        """Return one version of a CID, whoever may refer to it."""
        return self.bring(plan_module.Need(
            cid, vid, None, self._fetcher.light.trusted.reference.height))

    def _find(self, need: plan_module.Need) -> bytes | None:
        """Return the id of the transaction that a need means."""
        if need.txid is not None:
            return need.txid
        record = self._record(need.cid)
        if record is None or (need.vid or 1) > record.latest_vid:
            return None
        if need.vid == record.latest_vid:
            return record.latest_txid
        if need.vid is None:
            latest = self._fetcher.transaction(record.latest_txid,
                                               committed=True)
            assert latest is not None
            if latest.position[0] <= need.height:
                return record.latest_txid
        return self._in_history(need, record)

    def _record(self, cid: bytes) -> state_records.CidRecord | None:
        """Return what the state proves of a CID."""
        key = identifiers.cid_state_key(self._h, cid)
        value = self._fetcher.state([key]).values[key]
        return (None if value is None
                else state_records.CidRecord.from_bytes(value))

    def _in_history(self, need: plan_module.Need,
                    record: state_records.CidRecord) -> bytes | None:
        """Return the version that a need means out of all there are."""
        versions = self._versions(need.cid, record)
        if need.vid is not None:
            return next((one.txid for one in versions
                         if one.vid == need.vid), None)
        # The places are the node's word: the version taken and the one
        # after it have to stand where it says.
        known = [one for one in versions if one.position[0] <= need.height]
        for one in (*known[-1:], *versions[len(known):len(known) + 1]):
            self._prove(one)
        return known[-1].txid if known else None

    def _prove(self, version: _Version) -> None:
        located = self._fetcher.transaction(version.txid, committed=True)
        assert located is not None
        if located.position != version.position:
            error = errors.HistoryIncomplete(
                'A version stands elsewhere than the history said.',
                txid=version.txid.hex())
            self._fetcher.contradicted(version.source, error)
            raise error

    def _versions(self, cid: bytes, record: state_records.CidRecord
                  ) -> list[_Version]:
        return self._fetcher.history(
            identifiers.cid_state_key(self._h, cid),
            (0, state_records.EMPTY_HEAD),
            (record.history_count, record.history_head),
            lambda step: _Version(
                step.transaction.content.vid, step.position,
                step.transaction.txid, step.source))

    def _despite_denial(self, need: plan_module.Need
                        ) -> acceptance.Located | None:
        """Return what stands where a pinned transaction should be.

        All nodes say that there is no such transaction; the history of its
        CID proves whether that is so.

        :returns: another transaction with that CID and VID, so that the
            plan says what is wrong; None if there is none
        """
        record = self._record(need.cid)
        if record is None:
            return None
        for one in self._versions(need.cid, record):
            if one.vid == need.vid:
                return self._fetcher.transaction(one.txid, committed=True)
        return None
