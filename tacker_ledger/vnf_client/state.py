# SPDX-License-Identifier: Apache-2.0
"""What the agent knows after a restart, in one file, replaced as a whole.

Everything a decision changes is written at once: that a configuration is
applied, the counters of what has been handled, the receipt that will tell
it.  So whatever happens in between, no transaction is handled twice and
none is passed over.
"""

from collections.abc import Mapping
import dataclasses
import pathlib
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.core.configuration import effective as effective_module
from tacker_ledger.core.configuration import trust as trust_module
from tacker_ledger.core.crypto import envelope
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core import limits
from tacker_ledger.vnf_client import files

VERSION = 1
FILE_NAME = 'state'
STATE_MAX_BYTES = 64 * 1024 * 1024
COUNTERS_MAX_COUNT = 8192
VIDS_MAX_COUNT = 8192
FAILED_MAX_COUNT = 1024
OUTBOX_MAX_COUNT = 256
#: Places in the outbox that receipts leave to answers, which are urgent.
OUTBOX_ANSWERS_COUNT = 32

#: Kinds of what waits in the outbox.
RECEIPT = 1
ANSWER = 2

_DIGEST = identifiers.DIGEST
_CONTENT_KEY = codec.Bytes.exact(envelope.CONTENT_KEY_BYTES)
_SCHEMA = codec.Record(
    codec.Int(0, 255), codec.Int(),
    codec.Text(64), _DIGEST,
    codec.Bytes(1, 4 * limits.FEDERATION_SIGNED_MAX_BYTES),
    codec.Record(codec.Int(), codec.Text(64), codec.Int(),
                 codec.Int(codec.INT_MIN, codec.INT_MAX)),
    trust_module.SCHEMA,
    codec.Array(codec.Record(
        _DIGEST, _DIGEST, codec.Int(), _DIGEST,
        codec.Optional(codec.Bytes.exact(identifiers.NONCE_BYTES))),
        0, COUNTERS_MAX_COUNT),
    codec.Array(codec.Record(identifiers.CID, identifiers.VID), 0,
                VIDS_MAX_COUNT),
    codec.Array(_DIGEST, 0, FAILED_MAX_COUNT),
    effective_module.SCHEMA,
    codec.Array(codec.Record(
        codec.Int(RECEIPT, ANSWER), _DIGEST, identifiers.CID,
        identifiers.VID, codec.Bytes(1, limits.TRANSACTION_MAX_BYTES),
        codec.Int(), codec.Optional(codec.Int()), _CONTENT_KEY),
        0, OUTBOX_MAX_COUNT),
    codec.Optional(identifiers.CID), codec.Int(1, identifiers.VID_MAX),
    codec.Int(), codec.Text(64))


@dataclasses.dataclass(frozen=True, slots=True)
class SavedTime:
    """Agent time when it was saved.

    :param boot_id: of the boot in which ``monotonic_ms`` counts
    :param offset_ms: of the wall clock, as members have shown it
    """

    agent_ms: int
    boot_id: str = ''
    monotonic_ms: int = 0
    offset_ms: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Counter:
    """How far the history of one pair of keys has been handled.

    :param head: over the first ``count`` transactions
    :param last_nonce: of the last one
    """

    count: int = 0
    head: bytes = bytes(32)
    last_nonce: bytes | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Outgoing:
    """A transaction of the agent's that is not yet proven to be committed.

    :param kind: :data:`RECEIPT` or :data:`ANSWER`
    :param raw: the transaction, signed
    :param not_before_ms: agent time before which it is not sent
    :param expires_ms: header time after which it is of no use, or None
    :param content_key: opens it: it may have to be authored again
    """

    kind: int
    txid: bytes
    cid: bytes
    vid: int
    raw: bytes = dataclasses.field(repr=False)
    not_before_ms: int
    expires_ms: int | None
    content_key: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class AgentState:
    """All of it; every change makes a new one.

    :param sequence: grows with every change of what is applied
    :param trusted: encoded ``light_client.TrustedState``
    :param counters: (recipient id, sender id) -> how far it was handled
    :param highest_vids: CID -> highest VID acted on
    :param failed: ids of transactions that were tried and failed
    :param receipt_cid: CID of the receipts, None before the first
    :param receipt_vid: VID of the next receipt
    :param handled_height: up to where everything was handled
    :param enforced_boot_id: the boot in which the effective configuration
        was last put in force
    """

    instance_uuid: str
    chain_id: bytes
    trusted: bytes = dataclasses.field(repr=False)
    time: SavedTime
    trust: trust_module.Trust
    sequence: int = 0
    counters: Mapping[tuple[bytes, bytes], Counter] = dataclasses.field(
        default_factory=dict)
    highest_vids: Mapping[bytes, int] = dataclasses.field(
        default_factory=dict)
    failed: tuple[bytes, ...] = ()
    effective: effective_module.Effective = dataclasses.field(
        default_factory=effective_module.Effective)
    outbox: tuple[Outgoing, ...] = ()
    receipt_cid: bytes | None = None
    receipt_vid: int = 1
    handled_height: int = 0
    enforced_boot_id: str = ''

    def counter(self, pair: tuple[bytes, bytes]) -> Counter:
        """Return how far a pair's history was handled."""
        return self.counters.get(pair, Counter())

    def with_counter(self, pair: tuple[bytes, bytes],
                     counter: Counter) -> 'AgentState':
        """Return the state after one more transaction of a pair."""
        return dataclasses.replace(
            self, counters={**self.counters, pair: counter})

    def with_vid(self, cid: bytes, vid: int) -> 'AgentState':
        """Return the state in which a version of a CID was acted on."""
        vids = {known: number for known, number in self.highest_vids.items()
                if known != cid}
        vids[cid] = vid
        while len(vids) > VIDS_MAX_COUNT:
            in_force = {entry.cid for entry in self.effective.entries()}
            oldest = next((known for known in vids
                           if known not in in_force), next(iter(vids)))
            del vids[oldest]
        return dataclasses.replace(self, highest_vids=vids)

    def with_failed(self, txid: bytes) -> 'AgentState':
        """Return the state in which a transaction was tried and failed."""
        failed = (*(one for one in self.failed if one != txid), txid)
        return dataclasses.replace(self, failed=failed[-FAILED_MAX_COUNT:])

    def with_outgoing(self, outgoing: Outgoing) -> 'AgentState':
        """Return the state with one more transaction to send."""
        return dataclasses.replace(self, outbox=(*self.outbox, outgoing))

    def to_bytes(self) -> bytes:
        """Return the encoding that :func:`from_bytes` reads."""
        return codec.encode((
            VERSION, self.sequence, self.instance_uuid, self.chain_id,
            self.trusted, dataclasses.astuple(self.time),
            self.trust.to_fields(),
            [(*pair, one.count, one.head, one.last_nonce)
             for pair, one in self.counters.items()],
            list(self.highest_vids.items()), self.failed,
            self.effective.to_fields(),
            [(one.kind, one.txid, one.cid, one.vid, one.raw,
              one.not_before_ms, one.expires_ms, one.content_key)
             for one in self.outbox],
            self.receipt_cid, self.receipt_vid, self.handled_height,
            self.enforced_boot_id))


def from_bytes(data: bytes) -> AgentState:
    """Return the state in a file.

    :raises CorruptStore: not such a state
    """
    try:
        fields: tuple[Any, ...] = codec.decode(data, _SCHEMA,
                                               STATE_MAX_BYTES)
    except errors.FormatError as exc:
        raise errors.CorruptStore(
            f'The saved state is not readable: {exc.message}.') from exc
    if fields[0] != VERSION:
        raise errors.CorruptStore(
            f'The saved state has version {fields[0]}; this release reads '
            f'version {VERSION}.')
    return AgentState(
        sequence=fields[1], instance_uuid=fields[2], chain_id=fields[3],
        trusted=fields[4], time=SavedTime(*fields[5]),
        trust=trust_module.from_fields(fields[6]),
        counters={(recipient, sender): Counter(*rest)
                  for recipient, sender, *rest in fields[7]},
        highest_vids=dict(fields[8]), failed=fields[9],
        effective=effective_module.from_fields(fields[10]),
        outbox=tuple(Outgoing(*one) for one in fields[11]),
        receipt_cid=fields[12], receipt_vid=fields[13],
        handled_height=fields[14], enforced_boot_id=fields[15])


class StateFile:
    """Where the state is kept.

    :param directory: of the agent; locked while this object lives
    """

    def __init__(self, directory: pathlib.Path) -> None:
        self._path = directory / FILE_NAME

    def load(self) -> AgentState | None:
        """Return the state; None before the first start.

        :raises CorruptStore: the file is damaged
        """
        data = files.read(self._path, STATE_MAX_BYTES)
        return None if data is None else from_bytes(data)

    def save(self, state: AgentState) -> None:
        """Replace the state, durably.

        :raises StorageFailed: the old one is still there
        """
        files.write(self._path, state.to_bytes())
