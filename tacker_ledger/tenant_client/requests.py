# SPDX-License-Identifier: Apache-2.0
"""Requests: a tenant asks a VNF for its configuration state (S0 III.C).

The requests to one VNF are the versions of one slot CID.  The answer closes
its slot, sealed to the tenant key that asked.
"""

import dataclasses
import time

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core import limits
from tacker_ledger.tenant_client import context as context_module
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tenant_client import keys as keys_module
from tacker_ledger.tenant_client import ledger as ledger_module

LIFETIME_SECONDS = 3600.0
_WAIT_SECONDS = 30


@dataclasses.dataclass(frozen=True, slots=True)
class RequestView:
    """A request and its answer.

    :param answer: None while there is none
    :param report: what the answer says; None as well if it is no report
    """

    request: ledger_module.Placed
    answer: context_module.Opened | None
    report: payload_module.StateReport | None
    expired: bool


class Requests:
    """Requests of one tenant."""

    def __init__(self, context: context_module.Context) -> None:
        self._context = context

    def author(self, vnf: inventory.Vnf, key: keys_module.Key,
               lifetime_seconds: float = LIFETIME_SECONDS
               ) -> transaction_module.Transaction:
        """Return a request to a VNF, not sent yet.

        :param lifetime_seconds: for how long it may be answered
        :raises BadExpiry: longer than the ledger allows
        :raises SlotsFull: too many requests to it are unanswered
        """
        lifetime_ms = int(lifetime_seconds * 1000)
        if not 0 < lifetime_ms <= limits.SLOT_LIFETIME_MAX_MS:
            raise errors.BadExpiry(
                'A request is open for more than 0 seconds and at most '
                f'{limits.SLOT_LIFETIME_MAX_MS // 1000}.')
        cid, vid = self._slot(vnf, key)
        head = self._context.ledger.head()
        now_ms = self._context.now_ms()
        return authoring.author_request(
            self._context.h, self._context.keys.pair(key), cid=cid, vid=vid,
            recipient_id=vnf.key.key_id,
            # Judged by header time, from which this clock may differ.
            slot_expiry_ms=max(head.time_ms, now_ms) + min(
                lifetime_ms, limits.SLOT_LIFETIME_MAX_MS
                - limits.TIMESTAMP_FUTURE_MS),
            timestamp_ms=now_ms,
            nonce=self._context.provider.random_bytes(
                identifiers.NONCE_BYTES))

    def _slot(self, vnf: inventory.Vnf, key: keys_module.Key
              ) -> tuple[bytes | None, int]:
        """Return the VNF's slot CID and the next VID; None founds one."""
        if not vnf.slot_cid:
            return None, 1
        cid = bytes.fromhex(vnf.slot_cid)
        record = self._context.ledger.cid(cid)
        if record is None or record.owner_id != key.key_id:
            return None, 1
        return cid, record.next_vid

    def remember(self, vnf: inventory.Vnf, cid: bytes) -> None:
        """Use this slot CID for the next requests to a VNF too."""
        if vnf.slot_cid != cid.hex():
            with self._context.inventory.change() as contents:
                contents.vnfs[vnf.name] = dataclasses.replace(
                    contents.vnf(vnf.name), slot_cid=cid.hex())

    def create(self, vnf: inventory.Vnf, key: keys_module.Key,
               lifetime_seconds: float = LIFETIME_SECONDS,
               wait: bool = True) -> context_module.Written:
        """Ask a VNF for its state."""
        transaction = self.author(vnf, key, lifetime_seconds)
        written = self._context.send([transaction], wait)[0]
        self.remember(vnf, written.cid)
        return written

    def read(self, cid: bytes, vid: int | None = None) -> RequestView:
        """Return a request and its answer, by the CID's proven history.

        :param vid: None for the newest request
        :raises NotFound: no such request
        :raises WrongKind: the CID is of configurations
        """
        history = self._context.ledger.cid_history(cid)
        asked = [placed for placed in history
                 if isinstance(placed.transaction.content,
                               transaction_module.Request)
                 and vid in (None, placed.transaction.content.vid)]
        if not asked:
            if history:
                raise errors.WrongKind(
                    f'The CID {cid.hex()} has no such request.')
            raise errors.NotFound(f'The chain has no CID {cid.hex()}.')
        request = asked[-1]
        content = request.transaction.content
        assert isinstance(content, transaction_module.Request)
        for placed in history:
            answer = placed.transaction.content
            if (isinstance(answer, transaction_module.Configuration)
                    and answer.vid == content.vid):
                return self._answered(request, placed)
        head = self._context.ledger.head()
        return RequestView(request, None, None,
                           head.time_ms >= content.slot_expiry_ms)

    def await_answer(self, cid: bytes, vid: int | None = None,
                     timeout_seconds: float = 0.0) -> RequestView:
        """Return a request when it is answered or expired, or in time."""
        ends = time.monotonic() + timeout_seconds
        while True:
            view = self.read(cid, vid)
            left = ends - time.monotonic()
            if view.answer is not None or view.expired or left <= 0:
                return view
            self._context.ledger.wait_for_change(
                [identifiers.cid_state_key(self._context.h, cid)],
                max(1, min(_WAIT_SECONDS, int(left))))

    def _answered(self, request: ledger_module.Placed,
                  placed: ledger_module.Placed) -> RequestView:
        opened = self._context.open(placed)
        report = opened.payload
        if (not isinstance(report, payload_module.StateReport)
                or report.request_txid != request.transaction.txid):
            raise errors.WrongPayload(
                'The answer is no state report about this request.',
                txid=placed.transaction.txid.hex())
        return RequestView(request, opened, report, False)
