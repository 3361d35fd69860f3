# SPDX-License-Identifier: Apache-2.0
"""The values of the authenticated state: one record per CID and per pair.

A history head is folded from the ids of all transactions of a CID or a pair,
``head' = H(history, head | txid)``, from zeros.  Whoever has a (count, head)
and is shown a newer one knows exactly which transactions lie between, so a
history is complete or it is refused.
"""

import dataclasses
import enum
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import usual_form
from tacker_ledger.core import limits

VERSION = 1
# The canonical encoding of what does not change in a record.
_CID_START = codec.encode((VERSION,) + (None,) * 8)[:2]
_PAIR_START = codec.encode((VERSION,) + (None,) * 2)[:2]
_DIGEST_HEAD = codec.encode(bytes(hashing.DIGEST_BYTES))[:2]
_NO_SLOTS = codec.encode(())
#: Where every history starts.
EMPTY_HEAD = bytes(hashing.DIGEST_BYTES)


class CidKind(enum.IntEnum):
    """What versions of a CID are: configurations, or requests."""

    CONFIGURATION = 1
    SLOT = 2


def advance(h: hashing.Hasher, head: bytes, txid: bytes) -> bytes:
    """Return the history head after one more transaction, 32 bytes."""
    return h.hash(hashing.Tag.HISTORY, head, txid)


def answer_form(h: hashing.Hasher, compression: int, encryption: int,
                description: str) -> bytes:
    """Return the digest of what an answer must use, 32 bytes."""
    return h.hash(hashing.Tag.ANSWER_FORM,
                  codec.encode((compression, encryption, description)))


@dataclasses.dataclass(frozen=True, slots=True)
class Slot:
    """A request that waits for its answer.

    :param vid: of the request, and of its answer
    :param answerer_id: key id of who may answer, 32 bytes
    :param expiry_ms: open while this is above the header's time
    :param form: see :func:`answer_form`
    :param request_txid: 32 bytes
    """

    vid: int
    answerer_id: bytes
    expiry_ms: int
    form: bytes
    request_txid: bytes

    def to_fields(self) -> tuple[Any, ...]:
        """Return the five fields."""
        return (self.vid, self.answerer_id, self.expiry_ms, self.form,
                self.request_txid)


_SLOT = codec.Record(identifiers.VID, identifiers.DIGEST, codec.Int(),
                     identifiers.DIGEST, identifiers.DIGEST)
_CID_RECORD = codec.Record(
    codec.Int(0, 255), codec.Int(min(CidKind), max(CidKind)),
    identifiers.DIGEST, codec.Int(2, identifiers.VID_MAX + 1),
    identifiers.VID, identifiers.DIGEST,
    codec.Array(_SLOT, 0, limits.SLOTS_OPEN_MAX_COUNT), codec.Int(1),
    identifiers.DIGEST)
_PAIR_RECORD = codec.Record(codec.Int(0, 255), codec.Int(1),
                            identifiers.DIGEST)


@dataclasses.dataclass(frozen=True, slots=True)
class CidRecord:
    """What the ledger knows of a CID.

    :param kind: what its versions are
    :param owner_id: key id of who founded it, 32 bytes
    :param next_vid: the only VID that the next version can have
    :param latest_vid: the newest version; of a slot CID the newest request
    :param latest_txid: its transaction, 32 bytes
    :param open_slots: requests without an answer, ascending by VID; some
        may have expired since
    :param history_count: transactions of this CID, answers included
    :param history_head: folded from their ids, 32 bytes
    """

    kind: int
    owner_id: bytes
    next_vid: int
    latest_vid: int
    latest_txid: bytes
    open_slots: tuple[Slot, ...]
    history_count: int
    history_head: bytes

    @classmethod
    def from_bytes(cls, value: bytes) -> 'CidRecord':
        """Return the record that a state value encodes.

        :raises FormatError: not canonical or not of the schema
        """
        usual = usual_form.cid_record(value, identifiers.VID_MAX)
        if usual is not None:
            return cls(*usual)
        version, kind, *fields = codec.decode(
            value, _CID_RECORD, limits.STATE_VALUE_MAX_BYTES)
        _check_version(version)
        fields[4] = tuple([Slot(*slot) for slot in fields[4]])
        return cls(CidKind(kind), *fields)

    def to_bytes(self) -> bytes:
        """Return the state value."""
        if not self.open_slots:
            return b''.join((
                _CID_START, codec.encode_uint(self.kind), _DIGEST_HEAD,
                self.owner_id, codec.encode_uint(self.next_vid),
                codec.encode_uint(self.latest_vid), _DIGEST_HEAD,
                self.latest_txid, _NO_SLOTS,
                codec.encode_uint(self.history_count), _DIGEST_HEAD,
                self.history_head))
        return codec.encode((
            VERSION, int(self.kind), self.owner_id, self.next_vid,
            self.latest_vid, self.latest_txid,
            tuple([slot.to_fields() for slot in self.open_slots]),
            self.history_count, self.history_head))


@dataclasses.dataclass(frozen=True, slots=True)
class PairRecord:
    """The history of one (recipient, sender).

    :param count: transactions so far
    :param head: folded from their ids, 32 bytes
    """

    count: int
    head: bytes

    @classmethod
    def from_bytes(cls, value: bytes) -> 'PairRecord':
        """Return the record that a state value encodes.

        :raises FormatError: not canonical or not of the schema
        """
        usual = usual_form.pair_record(value)
        if usual is not None:
            return cls(*usual)
        version, count, head = codec.decode(
            value, _PAIR_RECORD, limits.STATE_VALUE_MAX_BYTES)
        _check_version(version)
        return cls(count, head)

    def to_bytes(self) -> bytes:
        """Return the state value."""
        return b''.join((_PAIR_START, codec.encode_uint(self.count),
                         _DIGEST_HEAD, self.head))


def _check_version(version: int) -> None:
    if version != VERSION:
        raise errors.UnsupportedVersion(
            f'state record of version {version}', known=[VERSION])
