# SPDX-License-Identifier: Apache-2.0
"""What a migration remembers between two steps, and its stored form."""

import dataclasses
import enum
import hashlib
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.core.configuration import comparison
from tacker_ledger.core import limits

ROUNDS_MAX_COUNT = 64
NAME_MAX_BYTES = 256
NOTE_MAX_BYTES = 1024
_OUTBOX_MAX_COUNT = 8
_MAX_BYTES = 4 * limits.TRANSACTION_MAX_BYTES


class State(enum.IntEnum):
    """How far a migration has come; numbers are stored."""

    CREATED = 1
    REQUESTED = 2
    CAPTURED = 3
    DESTINATION_UP = 4
    DELIVERED = 5
    RECEIVED = 6
    SWITCHING = 7
    PATH_SWITCHED = 8
    DELTA_REQUESTED = 9
    DELTA_CAPTURED = 10
    DELTA_DELIVERED = 11
    DRAINED = 12
    TERMINATING = 13
    SOURCE_TERMINATED = 14
    ABORTING = 15
    ABORTED = 16

    @property
    def label(self) -> str:
        """The name users meet."""
        return self.name.lower().replace('_', '-')


class Path(enum.IntEnum):
    """Where traffic goes, as far as is known."""

    SOURCE = 1
    UNKNOWN = 2
    DESTINATION = 3

    @property
    def label(self) -> str:
        """The name users meet."""
        return self.name.lower()


@dataclasses.dataclass(frozen=True, slots=True)
class Round:
    """One request, its answer, and what was delivered for it.

    :param request_txid: of the slot that was opened
    :param answer_txid: None until the source answered
    :param digest: of the entries and the observed state, 32 bytes
    :param entries: (cid, vid, txid) settled for delivery, in order
    :param differences: (kind, cid, reported vid, chain vid)
    :param delivery_txid: None until prepared
    :param receipt_txid: None until the destination confirmed
    """

    request_vid: int
    request_txid: bytes
    answer_txid: bytes | None = None
    digest: bytes | None = None
    entries: tuple[tuple[bytes, int, bytes], ...] = ()
    differences: tuple[tuple[int, bytes, int, int], ...] = ()
    delivery_vid: int = 0
    delivery_txid: bytes | None = None
    receipt_txid: bytes | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Migration:
    """Everything that has to survive a crash; holds no secret.

    :param migration_id: 16 bytes
    :param key_name: the tenant key that acts
    :param source, destination: names in the inventory; the destination's
        is empty and its key id None until it is known
    :param path_switch: driver's name and its arguments
    :param slot_cid, delivery_cid: 16 bytes; None until first used
    :param outbox: raw transactions that are to be on the chain before
        anything else happens
    :param note: what went wrong last, empty when nothing did
    """

    migration_id: bytes
    state: State
    path: Path
    key_name: str
    source: str
    source_key_id: bytes
    destination: str
    destination_key_id: bytes | None
    policy: comparison.Policy
    path_switch: tuple[str, ...]
    created_ms: int
    updated_ms: int
    slot_cid: bytes | None = None
    delivery_cid: bytes | None = None
    rounds: tuple[Round, ...] = ()
    outbox: tuple[bytes, ...] = ()
    note: str = ''

    @property
    def current(self) -> Round:
        """The newest round."""
        return self.rounds[-1]

    @property
    def finished(self) -> bool:
        """Whether nothing will happen any more."""
        return self.state in (State.SOURCE_TERMINATED, State.ABORTED)

    @property
    def abortable(self) -> bool:
        """Whether an abort is still possible."""
        return self.state <= State.DRAINED


def round_digest(entries: tuple[tuple[bytes, int, bytes], ...],
                 observed: tuple[tuple[str, str, bytes], ...]) -> bytes:
    """Return what two rounds are compared by, 32 bytes.

    :param entries: (cid, vid, txid) as reported
    :param observed: (applier, target, observed state) as reported
    """
    return hashlib.sha256(codec.encode((entries, observed))).digest()


# The stored form

_B16 = codec.Bytes.exact(16)
_B32 = codec.Bytes.exact(32)
_VID = codec.Int(0, 2 ** 32 - 1)
_NAME = codec.Text(NAME_MAX_BYTES)
_ROUND = codec.Record(
    _VID, _B32, codec.Optional(_B32), codec.Optional(_B32),
    codec.Array(codec.Record(_B16, _VID, _B32), 0, limits.ITEMS_MAX_COUNT),
    codec.Array(codec.Record(codec.Int(1, 255), _B16, _VID, _VID), 0,
                limits.ITEMS_MAX_COUNT),
    _VID, codec.Optional(_B32), codec.Optional(_B32))
_SCHEMA = codec.Record(
    codec.Const(1), _B16, codec.Int(1, len(State)), codec.Int(1, len(Path)),
    _NAME, _NAME, _B32, _NAME, codec.Optional(_B32),
    codec.Int(1, len(comparison.Policy)),
    codec.Array(codec.Text(4096), 1, 256), codec.Int(), codec.Int(),
    codec.Optional(_B16), codec.Optional(_B16),
    codec.Array(_ROUND, 0, ROUNDS_MAX_COUNT),
    codec.Array(codec.Bytes(1, limits.TRANSACTION_MAX_BYTES), 0,
                _OUTBOX_MAX_COUNT),
    codec.Text(4 * NOTE_MAX_BYTES))


def to_bytes(migration: Migration) -> bytes:
    """Return the stored form: canonical CBOR."""
    fields = (1, *(getattr(migration, field.name)
                   for field in dataclasses.fields(Migration)))
    return codec.encode(tuple(_plain(value) for value in fields))


def _plain(value: Any) -> Any:
    if isinstance(value, enum.IntEnum):
        return int(value)
    if isinstance(value, Round):
        return tuple(_plain(getattr(value, field.name))
                     for field in dataclasses.fields(Round))
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return value


def from_bytes(data: bytes) -> Migration:
    """Return what :func:`to_bytes` wrote.

    :raises Malformed: it is damaged or not of this version
    """
    fields = codec.decode(data, _SCHEMA, _MAX_BYTES)
    (_version, migration_id, state, path, key_name, source, source_key_id,
     destination, destination_key_id, policy, path_switch, created_ms,
     updated_ms, slot_cid, delivery_cid, rounds, outbox, note) = fields
    return Migration(
        migration_id, State(state), Path(path), key_name, source,
        source_key_id, destination, destination_key_id,
        comparison.Policy(policy), path_switch, created_ms, updated_ms,
        slot_cid, delivery_cid, tuple(Round(*item) for item in rounds),
        outbox, note)
