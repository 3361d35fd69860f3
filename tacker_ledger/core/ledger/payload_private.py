# SPDX-License-Identifier: Apache-2.0
"""Private payloads: between a tenant and a VNF, sealed always."""

import dataclasses
import enum
from typing import Any
from typing import ClassVar
from typing import Self

from tacker_ledger.core import codec
from tacker_ledger.core.crypto.providers import base as providers_base
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload_base
from tacker_ledger.core import limits

_EFFECTIVE_PAIR = codec.Record(identifiers.CID, identifiers.VID)


@dataclasses.dataclass(frozen=True, slots=True)
class Configuration:
    """What a VNF is to apply.

    :param applier: name of the driver that applies it
    :param target: what the driver applies it to
    :param data: the configuration itself
    :param sealed_before: what has to be applied first, known to the
        readers only
    :param sealed_after: the same, afterwards
    """

    KIND: ClassVar[int] = 1
    SCHEMA: ClassVar[codec.Schema] = codec.Record(
        payload_base.APPLIER, payload_base.TARGET, payload_base.DATA,
        payload_base.SEALED_REFERENCES, payload_base.SEALED_REFERENCES)

    applier: str
    target: str
    data: bytes = dataclasses.field(repr=False)
    sealed_before: tuple[payload_base.SealedReference, ...] = ()
    sealed_after: tuple[payload_base.SealedReference, ...] = ()

    def to_fields(self) -> tuple[Any, ...]:
        """Return the body's fields."""
        return (self.applier, self.target, self.data,
                payload_base.fields_of(self.sealed_before),
                payload_base.fields_of(self.sealed_after))

    @classmethod
    def from_fields(cls, fields: tuple[Any, ...]) -> Self:
        """Return the body that the schema has accepted."""
        return cls(*fields[:3], *map(payload_base.references_of, fields[3:]))


@dataclasses.dataclass(frozen=True, slots=True)
class GroupKey(payload_base.Flat):
    """An order to join or to leave a group (S0 section III.B).

    :param action: :data:`JOIN` or :data:`LEAVE`
    :param group_key_id: 32 bytes
    :param epoch: counts the keys of one group
    :param private: the group's key pair as a keystore holds it; None in an
        order to leave
    :raises Malformed: a join without a key or a leave with one
    """

    KIND = 2
    JOIN: ClassVar[int] = 1
    LEAVE: ClassVar[int] = 2
    SCHEMA = codec.Record(
        codec.Int(JOIN, LEAVE), identifiers.DIGEST,
        codec.Int(0, 2 ** 32 - 1),
        codec.Optional(codec.Bytes(1, limits.PRIVATE_KEY_MAX_BYTES)))

    action: int
    group_key_id: bytes
    epoch: int
    private: bytes | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        if (self.action == self.JOIN) != (self.private is not None):
            raise errors.Malformed(
                'a group key comes with an order to join, and only then')


@dataclasses.dataclass(frozen=True, slots=True)
class KeyReplacement(payload_base.Flat):
    """An order to make a new VNF key and announce it.

    :param suite: number of the suite of the new key
    :param order: the tenant's own name of this order
    """

    KIND = 4
    SCHEMA = codec.Record(codec.Int(0, 255), codec.Text(256))

    suite: int
    order: str


class Outcome(enum.IntEnum):
    """What became of a transaction at the VNF."""

    APPLIED = 1
    REVERTED = 2
    REFUSED = 3
    WITHDRAWN = 4
    JOINED_GROUP = 5
    KEY_REPLACED = 6
    RETIRED = 7


@dataclasses.dataclass(frozen=True, slots=True)
class Announcement:
    """A VNF's new key, vouched for by its old one.

    :param document: the new key
    :param signature: by the old key, see :meth:`message`
    """

    document: suite_module.KeyDocument
    signature: bytes

    @staticmethod
    def message(h: hashing.Hasher, old_id: bytes,
                document: suite_module.KeyDocument) -> bytes:
        """Return what the old key signs.

        :param old_id: key id of the old key, 32 bytes
        :param document: the new key
        """
        return h.message(hashing.Tag.KEY_ANNOUNCEMENT, old_id,
                         document.to_bytes())

    @classmethod
    def signed_by(cls, h: hashing.Hasher, old: suite_module.KeyPair,
                  document: suite_module.KeyDocument) -> Self:
        """Return the announcement of ``document`` by the old key pair."""
        return cls(document, old.sign(
            cls.message(h, old.document.key_id, document)))

    def verify(self, provider: providers_base.Provider, h: hashing.Hasher,
               old: suite_module.KeyDocument) -> None:
        """Check that the old key announced the new one.

        :raises BadSignature: it did not
        """
        message = self.message(h, old.key_id, self.document)
        if not provider.verify(old, message, self.signature):
            raise errors.BadSignature(
                'the new key is not announced by the old one',
                key_id=self.document.key_id.hex())

    def to_fields(self) -> tuple[Any, ...]:
        """Return ``[key document, signature]``."""
        return (self.document.to_bytes(), self.signature)

    @classmethod
    def from_fields(cls, fields: tuple[Any, ...]) -> Self:
        """Return the announcement that the schema has accepted.

        :raises BadKey: the document breaks a rule of its suite
        """
        return cls(suite_module.KeyDocument.from_bytes(fields[0]), fields[1])


@dataclasses.dataclass(frozen=True, slots=True)
class Receipt:
    """A VNF's statement of what it did about one transaction.

    :param about_txid: the transaction, 32 bytes
    :param cid: its CID
    :param vid: its VID
    :param outcome: what became of it
    :param code: code of the error that stopped it, empty if none did
    :param detail: the same for people
    :param head_height: of the head under which the VNF decided
    :param effective: (CID, VID) of the effective configuration afterwards,
        in its order
    :param announcement: the VNF's new key, if it has one
    """

    KIND: ClassVar[int] = 5
    SCHEMA: ClassVar[codec.Schema] = codec.Record(
        identifiers.DIGEST, identifiers.CID, identifiers.VID,
        codec.Int(min(Outcome), max(Outcome)), codec.Text(64),
        codec.Text(1024), codec.Int(),
        codec.Array(_EFFECTIVE_PAIR, 0, limits.EFFECTIVE_MAX_COUNT),
        codec.Optional(codec.Record(
            payload_base.KEY_DOCUMENT, payload_base.SIGNATURE)))

    about_txid: bytes
    cid: bytes
    vid: int
    outcome: Outcome
    code: str
    detail: str
    head_height: int
    effective: tuple[tuple[bytes, int], ...] = ()
    announcement: Announcement | None = None

    def to_fields(self) -> tuple[Any, ...]:
        """Return the body's fields."""
        return (self.about_txid, self.cid, self.vid, int(self.outcome),
                self.code, self.detail, self.head_height, self.effective,
                self.announcement and self.announcement.to_fields())

    @classmethod
    def from_fields(cls, fields: tuple[Any, ...]) -> Self:
        """Return the body that the schema has accepted.

        :raises BadKey: the announced key breaks a rule of its suite
        """
        announcement = fields[8] and Announcement.from_fields(fields[8])
        return cls(*(*fields[:3], Outcome(fields[3]), *fields[4:8],
                     announcement))


@dataclasses.dataclass(frozen=True, slots=True)
class EffectiveEntry:
    """One configuration that is in effect at a VNF.

    :param cid: 16 bytes
    :param vid: its version
    :param txid: the transaction it came in, 32 bytes
    :param payload_digest: tagged hash ``payload`` of the encoded payload
    :param content_key: opens the transaction, 32 bytes; None if public
    """

    cid: bytes
    vid: int
    txid: bytes
    payload_digest: bytes
    content_key: bytes | None = dataclasses.field(default=None, repr=False)

    def to_fields(self) -> tuple[Any, ...]:
        """Return the five fields."""
        return (self.cid, self.vid, self.txid, self.payload_digest,
                self.content_key)


@dataclasses.dataclass(frozen=True, slots=True)
class Observation:
    """What an applier sees in effect, its dynamic state included.

    :param applier: name of the driver
    :param target: what it looked at
    :param observed: in the driver's own format
    """

    applier: str
    target: str
    observed: bytes = dataclasses.field(repr=False)

    def to_fields(self) -> tuple[Any, ...]:
        """Return the three fields."""
        return (self.applier, self.target, self.observed)


@dataclasses.dataclass(frozen=True, slots=True)
class StateReport:
    """A VNF's answer to a configuration request (S0 section III.C).

    :param request_txid: the request, 32 bytes
    :param effective: the effective configuration, in its order
    :param observations: what each applier sees
    :param agent_time_ms: the VNF's time when it looked
    """

    KIND: ClassVar[int] = 6
    SCHEMA: ClassVar[codec.Schema] = codec.Record(
        identifiers.DIGEST,
        codec.Array(codec.Record(
            identifiers.CID, identifiers.VID, identifiers.DIGEST,
            identifiers.DIGEST, codec.Optional(payload_base.CONTENT_KEY)),
            0, limits.EFFECTIVE_MAX_COUNT),
        codec.Array(codec.Record(
            payload_base.APPLIER, payload_base.TARGET, payload_base.DATA),
            0, limits.OBSERVATIONS_MAX_COUNT),
        codec.Int())

    request_txid: bytes
    effective: tuple[EffectiveEntry, ...]
    observations: tuple[Observation, ...]
    agent_time_ms: int

    def to_fields(self) -> tuple[Any, ...]:
        """Return the body's fields."""
        return (self.request_txid, payload_base.fields_of(self.effective),
                payload_base.fields_of(self.observations),
                self.agent_time_ms)

    @classmethod
    def from_fields(cls, fields: tuple[Any, ...]) -> Self:
        """Return the body that the schema has accepted."""
        return cls(fields[0],
                   tuple([EffectiveEntry(*item) for item in fields[1]]),
                   tuple([Observation(*item) for item in fields[2]]),
                   fields[3])


@dataclasses.dataclass(frozen=True, slots=True)
class Withdrawal(payload_base.Flat):
    """An order to remove a configuration from what is in effect.

    :param cid: which one, 16 bytes
    """

    KIND = 7
    SCHEMA = codec.Record(identifiers.CID)

    cid: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Welcome(payload_base.Flat):
    """The first word to a VNF's receipt key: it is addressed, hence admitted.

    :param text: for people
    """

    KIND = 8
    SCHEMA = codec.Record(codec.Text(256))

    text: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Delivery:
    """What a destination takes over in a migration (S0 section III.D).

    :param entries: the confirmed effective configuration, in its order
    :param report: the source's answer, which supplies the observed state
        alone; None if nothing of it is wanted
    """

    KIND: ClassVar[int] = 9
    SCHEMA: ClassVar[codec.Schema] = codec.Record(
        codec.Array(payload_base.SEALED_REFERENCE, 0,
                    limits.EFFECTIVE_MAX_COUNT),
        codec.Optional(payload_base.SEALED_REFERENCE))

    entries: tuple[payload_base.SealedReference, ...]
    report: payload_base.SealedReference | None = None

    def to_fields(self) -> tuple[Any, ...]:
        """Return the body's fields."""
        return (payload_base.fields_of(self.entries),
                self.report and self.report.to_fields())

    @classmethod
    def from_fields(cls, fields: tuple[Any, ...]) -> Self:
        """Return the body that the schema has accepted."""
        return cls(payload_base.references_of(fields[0]),
                   fields[1] and payload_base.SealedReference(*fields[1]))
