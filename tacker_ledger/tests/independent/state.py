# SPDX-License-Identifier: Apache-2.0
"""What a transaction changes (page *State*)."""

from collections.abc import Callable
import dataclasses
from typing import Any

from tacker_ledger.tests.independent import cbor
from tacker_ledger.tests.independent import hashing
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import shapes
from tacker_ledger.tests.independent import transactions

CONFIGURATION = 1
SLOT = 2
MAX_OPEN_SLOTS = 16
MAX_AHEAD_MS = 600_000
MAX_SLOT_MS = 604_800_000
MAX_VALUE_BYTES = 4096

Lookup = Callable[[bytes], bytes | None]

_SLOT = shapes.fields(shapes.VID, shapes.DIGEST, shapes.TIME, shapes.DIGEST,
                      shapes.DIGEST)


@dataclasses.dataclass(frozen=True, slots=True)
class CidRecord:
    """The fields of a CID record; a slot is the list of its five fields."""

    kind: int
    owner: bytes
    next_vid: int
    latest_vid: int
    latest_txid: bytes
    slots: tuple[list[Any], ...]
    count: int
    head: bytes

    def encode(self) -> bytes:
        """Return the value of the state."""
        return cbor.encode([
            1, self.kind, self.owner, self.next_vid, self.latest_vid,
            self.latest_txid, list(self.slots), self.count, self.head])


def parse_cid_record(encoded: bytes) -> CidRecord:
    """Return the CID record in a value of the state."""
    kind, owner, next_vid, latest_vid, txid, slots, count, head = (
        shapes.versioned(
            encoded, MAX_VALUE_BYTES, shapes.one_of(CONFIGURATION, SLOT),
            shapes.DIGEST, shapes.integer(2, 1 << 32), shapes.VID,
            shapes.DIGEST, shapes.array(_SLOT, 0, MAX_OPEN_SLOTS),
            shapes.integer(1, (1 << 64) - 1), shapes.DIGEST))
    vids = [slot[0] for slot in slots]
    refusal.require(vids == sorted(set(vids)), 'malformed', 'slots')
    refusal.require(kind == SLOT or not slots, 'malformed', 'slots')
    return CidRecord(kind, owner, next_vid, latest_vid, txid, tuple(slots),
                     count, head)


def parse_pair_record(encoded: bytes) -> tuple[int, bytes]:
    """Return count and head of a pair record."""
    count, head = shapes.versioned(
        encoded, MAX_VALUE_BYTES, shapes.integer(1, (1 << 64) - 1),
        shapes.DIGEST)
    return count, head


def cid_key(chain_id: bytes, cid: bytes) -> bytes:
    """Return the place of a CID record."""
    return hashing.digest('state-key', chain_id, b'\x01', cid)


def pair_key(chain_id: bytes, recipient: bytes, sender: bytes) -> bytes:
    """Return the place of a pair record."""
    return hashing.digest('state-key', chain_id, b'\x02', recipient, sender)


def advance(chain_id: bytes, head: bytes, txid: bytes) -> bytes:
    """Return the history head after one more transaction."""
    return hashing.digest('history', chain_id, head, txid)


def answer_form(chain_id: bytes, fields: tuple[Any, ...]) -> bytes:
    """Return the form that fields 4 to 6 of a content demand or have."""
    return hashing.digest('answer-form', chain_id,
                          cbor.encode(list(fields[4:7])))


def _check_next(record: CidRecord,
                transaction: transactions.Transaction) -> None:
    refusal.require(record.owner == transaction.sender.key_id, 'not-owner')
    refusal.require(record.latest_txid != transaction.txid, 'duplicate')
    refusal.require(record.next_vid == transaction.vid, 'vid-conflict')


def _next_version(chain_id: bytes, record: CidRecord | None, kind: int,
                  transaction: transactions.Transaction) -> CidRecord:
    if record is not None:
        return dataclasses.replace(
            record, next_vid=transaction.vid + 1, latest_vid=transaction.vid,
            latest_txid=transaction.txid)
    owner = transaction.sender.key_id
    refusal.require(
        transaction.cid == transactions.first_cid(
            chain_id, owner, transaction.nonce), 'cid-not-certified')
    refusal.require(transaction.vid == 1, 'vid-conflict')
    return CidRecord(kind, owner, 2, 1, transaction.txid, (), 0, bytes(32))


def _open_slots(record: CidRecord, now_ms: int) -> CidRecord:
    return dataclasses.replace(
        record,
        slots=tuple(slot for slot in record.slots if slot[2] > now_ms))


def _request(chain_id: bytes, record: CidRecord | None, now_ms: int,
             transaction: transactions.Transaction) -> CidRecord:
    if record is not None:
        refusal.require(record.kind == SLOT, 'wrong-kind')
        _check_next(record, transaction)
        record = _open_slots(record, now_ms)
    expiry_ms = transaction.fields[11]
    refusal.require(now_ms < expiry_ms <= now_ms + MAX_SLOT_MS, 'bad-expiry')
    refusal.require(record is None or len(record.slots) < MAX_OPEN_SLOTS,
                    'slots-full')
    record = _next_version(chain_id, record, SLOT, transaction)
    slot = [transaction.vid, transaction.recipient, expiry_ms,
            answer_form(chain_id, transaction.fields), transaction.txid]
    return dataclasses.replace(record, slots=(*record.slots, slot))


def _answer(chain_id: bytes, record: CidRecord, now_ms: int,
            transaction: transactions.Transaction) -> CidRecord:
    record = _open_slots(record, now_ms)
    slot = next((slot for slot in record.slots
                 if slot[0] == transaction.vid), None)
    if slot is None:
        raise refusal.Refused('slot-closed')
    refusal.require(slot[1] == transaction.sender.key_id, 'wrong-answerer')
    refusal.require(
        slot[3] == answer_form(chain_id, transaction.fields)
        and transaction.recipient == record.owner, 'wrong-answer-form')
    return dataclasses.replace(
        record, slots=tuple(each for each in record.slots if each != slot))


def apply(chain_id: bytes, lookup: Lookup, now_ms: int,
          transaction: transactions.Transaction) -> dict[bytes, bytes]:
    """Return the entries that ``transaction`` changes.

    :param lookup: gives the value of a key of the state before it
    :param now_ms: the time of the header
    """
    refusal.require(transaction.timestamp_ms <= now_ms + MAX_AHEAD_MS,
                    'timestamp-future')
    place = cid_key(chain_id, transaction.cid)
    stored = lookup(place)
    record = None if stored is None else parse_cid_record(stored)
    if transaction.is_request:
        after = _request(chain_id, record, now_ms, transaction)
    elif record is None or record.kind == CONFIGURATION:
        if record is not None:
            _check_next(record, transaction)
        after = _next_version(chain_id, record, CONFIGURATION, transaction)
    else:
        after = _answer(chain_id, record, now_ms, transaction)
    after = dataclasses.replace(
        after, count=after.count + 1,
        head=advance(chain_id, after.head, transaction.txid))
    changes = {place: after.encode()}
    if transaction.recipient is not None:
        place = pair_key(chain_id, transaction.recipient,
                         transaction.sender.key_id)
        stored = lookup(place)
        count, head = (0, bytes(32)) if stored is None else (
            parse_pair_record(stored))
        changes[place] = cbor.encode(
            [1, count + 1, advance(chain_id, head, transaction.txid)])
    return changes
