# SPDX-License-Identifier: Apache-2.0
"""Deterministic apply: what a transaction may do, and what it changes.

Whether a transaction is valid depends on three things only: the state that
the blocks before left, the transactions before it in its block, and the
header's time.  Never on a pool, a clock or the order of a set, so every
node judges alike.  A transaction changes at most two keys: its CID's and its
(recipient, sender) pair's.

Signatures are not looked at here: see
:mod:`~tacker_ledger.core.ledger.validation`.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from typing import Protocol

from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core import limits

RULES_VERSION = 1


class StateView(Protocol):
    """State to read from."""

    def get(self, state_key: bytes) -> bytes | None:
        """Return the value of a key (32 bytes), or None."""


class FederationTracker(Protocol):
    """Who knows the federation in force for the block in question."""

    def check(self, signed: bytes) -> object:
        """Return the federation that a signed document would put in force.

        Changes nothing.

        :raises LedgerError: it is no valid successor of the one in force
        """


class OverlayView:
    """Changes over a view that stays as it is.

    :param base: what is below
    :param changes: what hides it; more is added by :meth:`update`
    """

    __slots__ = ('_base', 'changes')

    def __init__(self, base: StateView,
                 changes: Mapping[bytes, bytes] | None = None) -> None:
        self._base = base
        self.changes: dict[bytes, bytes] = dict(changes or {})

    def get(self, state_key: bytes) -> bytes | None:
        """Return the value of a key, changed or below."""
        value = self.changes.get(state_key)
        return self._base.get(state_key) if value is None else value

    def update(self, changes: Mapping[bytes, bytes]) -> None:
        """Put more changes on top."""
        self.changes.update(changes)


@dataclasses.dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One transaction's place in one history.

    :param state_key: of the CID or the pair, 32 bytes
    :param count: its number there, from 1
    :param index: of the transaction in the block
    """

    state_key: bytes
    count: int
    index: int


@dataclasses.dataclass(frozen=True, slots=True)
class BlockChanges:
    """What the transactions of one block do.

    :param changes: state key -> new value
    :param entries: histories' new entries, in the order of the block
    :param federation_document: what the tracker made of the federation
        document in the block, None if there is none
    :param federation_index: where that document's transaction stands
    """

    changes: dict[bytes, bytes]
    entries: tuple[HistoryEntry, ...]
    federation_document: object | None = None
    federation_index: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Effect:
    """What one transaction does.

    :param changes: state key -> new value, one or two
    :param counts: state key -> the count of its history afterwards
    """

    changes: dict[bytes, bytes]
    counts: dict[bytes, int]


class TransactionRules:
    """Version 1 of the rules of state (specification, *State*)."""

    version = RULES_VERSION

    def apply(self, h: hashing.Hasher, view: StateView,
              transaction: transaction_module.Transaction,
              header_time_ms: int) -> dict[bytes, bytes]:
        """Return what a transaction changes: state key -> new value.

        :param view: the state it meets
        :param header_time_ms: of the block it stands in
        :raises ConflictError: the state does not admit it
        """
        return self.judge(h, view, transaction, header_time_ms).changes

    def check(self, h: hashing.Hasher, view: StateView,
              transaction: transaction_module.Transaction,
              header_time_ms: int) -> None:
        """Raise what :meth:`judge` raises, and make nothing.

        For an early answer to a sender: most of a judgement's cost is what
        it would change.

        :raises ConflictError: the state does not admit it
        """
        content = transaction.content
        if isinstance(content, transaction_module.Configuration):
            _check_time(transaction, header_time_ms)
            value = view.get(identifiers.cid_state_key(h, content.cid))
            if value is None:
                _check_founding(h, transaction)
                return
            before = state_records.CidRecord.from_bytes(value)
            if before.kind == _CONFIGURATION:
                _check_owner_and_vid(before, transaction)
                return
        self.judge(h, view, transaction, header_time_ms)

    def judge(self, h: hashing.Hasher, view: StateView,
              transaction: transaction_module.Transaction,
              header_time_ms: int) -> Effect:
        """Return the same with the counts of the histories it enters.

        :raises ConflictError: the state does not admit it
        """
        _check_time(transaction, header_time_ms)
        content = transaction.content
        key = identifiers.cid_state_key(h, content.cid)
        value = view.get(key)
        before = (None if value is None
                  else state_records.CidRecord.from_bytes(value))
        if isinstance(content, transaction_module.Request):
            record = _request(h, before, transaction, content,
                              header_time_ms)
        elif before is None or before.kind == _CONFIGURATION:
            record = _configuration(h, before, transaction)
        else:
            record = _answer(h, before, transaction, content,
                             header_time_ms)
        changes = {key: record.to_bytes()}
        counts = {key: record.history_count}
        if content.recipient_id is not None:
            key = identifiers.pair_state_key(
                h, content.recipient_id, transaction.sender_id)
            pair = _advance_pair(h, view.get(key), transaction.txid)
            changes[key] = pair.to_bytes()
            counts[key] = pair.count
        return Effect(changes, counts)


_CONFIGURATION = state_records.CidKind.CONFIGURATION
_SLOT = state_records.CidKind.SLOT
RULES = TransactionRules()


def rules_for(version: int) -> TransactionRules:
    """Return the rules of a version named in a federation document.

    :raises UnsupportedVersion: this release does not know them
    """
    if version != RULES_VERSION:
        raise errors.UnsupportedVersion(
            f'rules of version {version}', known=[RULES_VERSION])
    return RULES


def _check_time(transaction: transaction_module.Transaction,
                header_time_ms: int) -> None:
    timestamp_ms = transaction.content.timestamp_ms
    latest_ms = header_time_ms + limits.TIMESTAMP_FUTURE_MS
    if timestamp_ms > latest_ms:
        raise errors.TimestampFuture(
            'the timestamp is too far in the future',
            timestamp_ms=timestamp_ms, latest_ms=latest_ms)


def _check_founding(h: hashing.Hasher,
                    transaction: transaction_module.Transaction) -> None:
    """Raise unless a transaction may be the first of its CID."""
    content = transaction.content
    if content.cid != identifiers.cid_for(h, transaction.sender_id,
                                          content.nonce):
        raise errors.CidNotCertified(
            'the CID is new and not made from this sender and nonce',
            cid=content.cid.hex())
    _check_vid(1, transaction)


def _founded(h: hashing.Hasher, transaction: transaction_module.Transaction,
             kind: state_records.CidKind,
             slots: tuple[state_records.Slot, ...] = ()
             ) -> state_records.CidRecord:
    """Return the record of a CID that this transaction is the first of."""
    _check_founding(h, transaction)
    return state_records.CidRecord(
        kind, transaction.sender_id, 2, 1, transaction.txid, slots, 1,
        state_records.advance(h, state_records.EMPTY_HEAD, transaction.txid))


def _next_version(h: hashing.Hasher, before: state_records.CidRecord,
                  transaction: transaction_module.Transaction,
                  slots: tuple[state_records.Slot, ...] = ()
                  ) -> state_records.CidRecord:
    """Return the record with one more version by its owner."""
    content = transaction.content
    return state_records.CidRecord(
        before.kind, before.owner_id, content.vid + 1, content.vid,
        transaction.txid, slots, before.history_count + 1,
        state_records.advance(h, before.history_head, transaction.txid))


def _check_owner_and_vid(before: state_records.CidRecord,
                         transaction: transaction_module.Transaction
                         ) -> None:
    if transaction.sender_id != before.owner_id:
        raise errors.NotOwner('the CID belongs to another sender',
                              cid=transaction.content.cid.hex())
    if transaction.txid == before.latest_txid:
        raise errors.Duplicate('the ledger has this transaction already',
                               txid=transaction.txid.hex())
    _check_vid(before.next_vid, transaction)


def _check_vid(expected: int, transaction: transaction_module.Transaction
               ) -> None:
    content = transaction.content
    if content.vid != expected:
        raise errors.VidConflict(
            f'the next version is {expected}, not {content.vid}',
            cid=content.cid.hex(), expected=expected, found=content.vid)


def _configuration(h: hashing.Hasher,
                   before: state_records.CidRecord | None,
                   transaction: transaction_module.Transaction
                   ) -> state_records.CidRecord:
    if before is None:
        return _founded(h, transaction, _CONFIGURATION)
    _check_owner_and_vid(before, transaction)
    return _next_version(h, before, transaction)


def _open_slots(record: state_records.CidRecord, header_time_ms: int
                ) -> tuple[state_records.Slot, ...]:
    return tuple([slot for slot in record.open_slots
                  if slot.expiry_ms > header_time_ms])


def _request(h: hashing.Hasher, before: state_records.CidRecord | None,
             transaction: transaction_module.Transaction,
             content: transaction_module.Request, header_time_ms: int
             ) -> state_records.CidRecord:
    latest_ms = header_time_ms + limits.SLOT_LIFETIME_MAX_MS
    slots: tuple[state_records.Slot, ...] = ()
    if before is not None:
        if before.kind != _SLOT:
            raise errors.WrongKind(
                'the CID is one of configurations, not of requests',
                cid=content.cid.hex())
        _check_owner_and_vid(before, transaction)
        slots = _open_slots(before, header_time_ms)
    if not header_time_ms < content.slot_expiry_ms <= latest_ms:
        raise errors.BadExpiry(
            'the request expires too soon or too late',
            slot_expiry_ms=content.slot_expiry_ms,
            after_ms=header_time_ms, latest_ms=latest_ms)
    if len(slots) >= limits.SLOTS_OPEN_MAX_COUNT:
        raise errors.SlotsFull(
            'too many requests of this CID wait for their answers',
            cid=content.cid.hex(), limit=limits.SLOTS_OPEN_MAX_COUNT)
    assert content.recipient_id is not None
    slots += (state_records.Slot(
        content.vid, content.recipient_id, content.slot_expiry_ms,
        state_records.answer_form(h, content.compression,
                                  content.encryption, content.description),
        transaction.txid),)
    if before is None:
        return _founded(h, transaction, _SLOT, slots)
    return _next_version(h, before, transaction, slots)


def _answer(h: hashing.Hasher, before: state_records.CidRecord,
            transaction: transaction_module.Transaction,
            content: transaction_module.Configuration, header_time_ms: int
            ) -> state_records.CidRecord:
    slots = _open_slots(before, header_time_ms)
    slot = next((slot for slot in slots if slot.vid == content.vid), None)
    if slot is None:
        raise errors.SlotClosed(
            'no request with this VID waits for an answer',
            cid=content.cid.hex(), vid=content.vid)
    if transaction.sender_id != slot.answerer_id:
        raise errors.WrongAnswerer('somebody else was asked',
                                   cid=content.cid.hex(), vid=content.vid)
    form = state_records.answer_form(
        h, content.compression, content.encryption, content.description)
    if form != slot.form or content.recipient_id != before.owner_id:
        raise errors.WrongAnswerForm(
            'the answer does not use what the request asks for',
            cid=content.cid.hex(), vid=content.vid)
    return dataclasses.replace(
        before,
        open_slots=tuple([other for other in slots if other is not slot]),
        history_count=before.history_count + 1,
        history_head=state_records.advance(h, before.history_head,
                                           transaction.txid))


def _advance_pair(h: hashing.Hasher, value: bytes | None, txid: bytes
                  ) -> state_records.PairRecord:
    count, head = 0, state_records.EMPTY_HEAD
    if value is not None:
        pair = state_records.PairRecord.from_bytes(value)
        count, head = pair.count, pair.head
    return state_records.PairRecord(
        count + 1, state_records.advance(h, head, txid))


class _Judge:
    """Takes the transactions of one block, one by one, in their order."""

    def __init__(self, h: hashing.Hasher, view: StateView,
                 header_time_ms: int, federation: FederationTracker | None,
                 rules: TransactionRules) -> None:
        self._h = h
        self._view = OverlayView(view)
        self._header_time_ms = header_time_ms
        self._federation = federation
        self._rules = rules
        self._entries: list[HistoryEntry] = []
        self._document: object | None = None
        self._document_index: int | None = None
        self._count = 0

    def take(self, transaction: transaction_module.Transaction) -> None:
        """Apply one more; an error leaves everything as it was.

        :raises LedgerError: it is not valid here
        """
        effect = self._rules.judge(self._h, self._view, transaction,
                                   self._header_time_ms)
        signed = payload_module.federation_document_of(transaction.content)
        if signed is not None:
            self._document = self._check(signed)
            self._document_index = self._count
        self._view.update(effect.changes)
        for key, count in effect.counts.items():
            self._entries.append(HistoryEntry(key, count, self._count))
        self._count += 1

    def _check(self, signed: bytes) -> object:
        if self._document is not None:
            raise errors.FederationConflict(
                'the block has a federation document already')
        if self._federation is None:
            raise errors.FederationConflict(
                'no federation document can be judged here')
        return self._federation.check(signed)

    def result(self) -> BlockChanges:
        """Return what all of them did together."""
        return BlockChanges(self._view.changes, tuple(self._entries),
                            self._document, self._document_index)


def apply_block(h: hashing.Hasher, view: StateView, header_time_ms: int,
                transactions: Iterable[transaction_module.Transaction],
                federation: FederationTracker | None, *,
                rules: TransactionRules = RULES) -> BlockChanges:
    """Return what the transactions of a block change, in their order.

    :param view: the state after the block before; it stays as it is
    :param header_time_ms: the block's own timestamp
    :param federation: judges federation documents; None refuses them
    :raises LedgerError: one of them is not valid there; the detail
        ``index`` says which
    """
    judge = _Judge(h, view, header_time_ms, federation, rules)
    for index, transaction in enumerate(transactions):
        try:
            judge.take(transaction)
        except errors.LedgerError as exc:
            exc.details['index'] = index
            raise
    return judge.result()


@dataclasses.dataclass(frozen=True, slots=True)
class Selection:
    """What a proposer made of its candidates.

    :param accepted: in their order; a valid block body
    :param rejected: what the state refuses, each with the error
    :param left: not looked at, because the block was full
    :param outcome: of :func:`apply_block` over ``accepted``
    """

    accepted: tuple[transaction_module.Transaction, ...]
    rejected: tuple[tuple[transaction_module.Transaction,
                          errors.LedgerError], ...]
    left: tuple[transaction_module.Transaction, ...]
    outcome: BlockChanges


def select(h: hashing.Hasher, view: StateView, header_time_ms: int,
           candidates: Sequence[transaction_module.Transaction],
           federation: FederationTracker | None = None, *,
           max_count: int = limits.BLOCK_MAX_TRANSACTIONS,
           max_bytes: int = limits.BLOCK_MAX_BYTES,
           rules: TransactionRules = RULES) -> Selection:
    """Return which candidates a proposer puts into its block.

    Greedy in the order given: what is refused or does not fit is passed
    over, so one large or bad transaction holds up no other.

    :param candidates: checked for form, hash and signature
    :param max_bytes: of all accepted transactions together, encoded
    :raises UnavailableError: the state cannot be read
    """
    judge = _Judge(h, view, header_time_ms, federation, rules)
    accepted: list[transaction_module.Transaction] = []
    rejected: list[tuple[transaction_module.Transaction,
                         errors.LedgerError]] = []
    left: list[transaction_module.Transaction] = []
    room = max_bytes
    for transaction in candidates:
        if len(accepted) >= max_count or len(transaction.raw) > room:
            left.append(transaction)
            continue
        try:
            judge.take(transaction)
        except errors.UnavailableError:
            raise  # the store's fault, not the transaction's
        except errors.LedgerError as exc:
            rejected.append((transaction, exc))
        else:
            accepted.append(transaction)
            room -= len(transaction.raw)
    return Selection(tuple(accepted), tuple(rejected), tuple(left),
                     judge.result())
