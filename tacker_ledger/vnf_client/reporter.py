# SPDX-License-Identifier: Apache-2.0
"""Writes receipts and state reports; ``outbox`` sends them.

A receipt is signed by the receipt key, under a CID of its own, and sealed
to a tenant key; it leaves after a random delay, so that the time at which
the members of a group react does not show who belongs to it.  A state
report answers a request, so it is signed by the VNF key that was asked.
"""

from collections.abc import Sequence
import dataclasses
import secrets

from oslo_log import log as logging

from tacker_ledger.core.configuration import acceptance
from tacker_ledger.core.configuration import trust as trust_module
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core import limits
from tacker_ledger.vnf_client import keys as keys_module
from tacker_ledger.vnf_client import state as state_module
from tacker_ledger.vnf_client import timekeeper as timekeeper_module

LOG = logging.getLogger(__name__)

_CODE_MAX_CHARS = 64
_DETAIL_MAX_BYTES = 1024
_CONTENT_KEY_BYTES = 32


def reader_for(trust: trust_module.Trust, sender_id: bytes
               ) -> suite_module.KeyDocument | None:
    """Return the tenant key that a receipt about a sender's word goes to.

    That sender if it still commands, else the newest commander: a thief
    whose key was revoked is told nothing.
    """
    current = [one.document for one in trust.commanders
               if one.until is None]
    for document in current:
        if document.key_id == sender_id:
            return document
    return current[-1] if current else None


class Reporter:
    """Adds to the outbox of a state what is to be told.

    :param delay_max_seconds: receipts wait a random time up to this
    """

    def __init__(self, h: hashing.Hasher, provider: provider_module.Provider,
                 keys: keys_module.Keys,
                 timekeeper: timekeeper_module.Timekeeper,
                 delay_max_seconds: float) -> None:
        self._h = h
        self._provider = provider
        self._keys = keys
        self._timekeeper = timekeeper
        self._delay_max_ms = int(delay_max_seconds * 1000)

    def receipt(self, state: state_module.AgentState,
                facts: acceptance.Facts, outcome: payload_module.Outcome, *,
                head_height: int, error: errors.LedgerError | None = None,
                detail: str = '',
                announcement: payload_module.Announcement | None = None
                ) -> state_module.AgentState:
        """Return the state with a receipt about a transaction to be sent.

        :param head_height: of the head under which it was decided
        :param error: why it was refused or reverted
        """
        reader = reader_for(state.trust, facts.sender_id)
        if reader is None or reader.encryption is None:
            LOG.info('No tenant key to send a receipt to')
            return state
        payload = payload_module.Receipt(
            about_txid=facts.txid, cid=facts.cid, vid=facts.vid,
            outcome=outcome, code=error.code[:_CODE_MAX_CHARS] if error
            else '', detail=_short(error.message if error else detail),
            head_height=head_height, effective=state.effective.summary(),
            announcement=announcement)
        return self._with_receipt(state, payload, reader)

    def again(self, state: state_module.AgentState,
              lost: Sequence[state_module.Outgoing], next_vid: int
              ) -> state_module.AgentState:
        """Return the state with receipts written anew under later VIDs.

        :param lost: receipts whose VIDs another holder of the receipt key
            has used
        """
        kept = tuple(one for one in state.outbox if one not in lost)
        state = dataclasses.replace(state, outbox=kept, receipt_vid=next_vid)
        for one in lost:
            sent = transaction_module.Transaction.from_bytes(self._h, one.raw)
            payload = authoring.open_with_key(
                self._h, sent, one.content_key, provider=self._provider)
            reader = next((known.document for known in state.trust.commanders
                           if known.document.key_id
                           == sent.content.recipient_id), None)
            if reader is not None:
                state = self._with_receipt(state, payload, reader)
        return state

    def _with_receipt(self, state: state_module.AgentState,
                      payload: payload_module.PrivatePayload,
                      reader: suite_module.KeyDocument
                      ) -> state_module.AgentState:
        if len(state.outbox) >= (state_module.OUTBOX_MAX_COUNT
                                 - state_module.OUTBOX_ANSWERS_COUNT):
            LOG.error('The outbox is full: a receipt is not sent')
            return state
        nonce = self._nonce()
        founding = state.receipt_cid is None
        cid = state.receipt_cid or identifiers.cid_for(
            self._h, self._keys.receipt.document.key_id, nonce)
        authored = authoring.author_configuration(
            self._h, self._provider, self._keys.receipt, cid=cid,
            vid=1 if founding else state.receipt_vid, payload=payload,
            recipient=reader, timestamp_ms=self._timekeeper.now_ms(),
            nonce=nonce, content_key=self._content_key())
        # Never before the one whose version comes first.
        not_before_ms = max([
            self._timekeeper.now_ms()
            + secrets.randbelow(self._delay_max_ms + 1),
            *(one.not_before_ms for one in state.outbox
              if one.kind == state_module.RECEIPT)])
        state = state.with_outgoing(self._outgoing(
            state_module.RECEIPT, authored, not_before_ms, None))
        return dataclasses.replace(
            state, receipt_cid=cid,
            receipt_vid=authored.transaction.content.vid + 1)

    def answer(self, state: state_module.AgentState,
               request: acceptance.Located,
               observations: Sequence[payload_module.Observation]
               ) -> state_module.AgentState:
        """Return the state with the answer to a request to be sent."""
        if len(state.outbox) >= state_module.OUTBOX_MAX_COUNT:
            LOG.error('The outbox is full: a request is not answered')
            return state
        content = request.transaction.content
        assert isinstance(content, transaction_module.Request)
        assert content.recipient_id is not None
        report = payload_module.StateReport(
            request.transaction.txid,
            tuple(entry.reported() for entry in state.effective.entries()),
            tuple(observations[:limits.OBSERVATIONS_MAX_COUNT]),
            self._timekeeper.now_ms())
        authored = authoring.author_answer(
            self._h, self._provider, self._keys.own(content.recipient_id),
            request.transaction, report,
            timestamp_ms=self._timekeeper.now_ms(), nonce=self._nonce(),
            content_key=self._content_key())
        return state.with_outgoing(self._outgoing(
            state_module.ANSWER, authored, 0, content.slot_expiry_ms))

    def _outgoing(self, kind: int, authored: authoring.Authored,
                  not_before_ms: int, expires_ms: int | None
                  ) -> state_module.Outgoing:
        one = authored.transaction
        assert authored.content_key is not None
        return state_module.Outgoing(
            kind, one.txid, one.content.cid, one.content.vid, one.raw,
            not_before_ms, expires_ms, authored.content_key)

    def _nonce(self) -> bytes:
        return self._provider.random_bytes(identifiers.NONCE_BYTES)

    def _content_key(self) -> bytes:
        return self._provider.random_bytes(_CONTENT_KEY_BYTES)


def _short(text: str) -> str:
    """Return the beginning of a text that a receipt has room for."""
    encoded = text.encode('utf-8')[:_DETAIL_MAX_BYTES]
    return encoded.decode('utf-8', 'ignore')
