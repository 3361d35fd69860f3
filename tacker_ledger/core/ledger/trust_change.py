# SPDX-License-Identifier: Apache-2.0
"""Trust changes: which keys a VNF obeys, as payloads of kind 3.

On the wire ``[action, body, recovery key document, signature]``; the body
is a byte string that holds canonical CBOR.  Retiring a VNF is the tenant's
own word.  The other three outrank the tenant key, which may be in a
thief's hands, so they carry a signature by the recovery key that the VNF
was given at its start.
"""

import dataclasses
from typing import Any
from typing import ClassVar
from typing import Self
from typing import TypeAlias

from tacker_ledger.core import codec
from tacker_ledger.core.crypto.providers import base as providers_base
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload_base
from tacker_ledger.core import limits

#: Where 0 says that no version of the CID is valid.
_LAST_VALID_VID = codec.Int(0, identifiers.VID_MAX)
_BODY_MAX_BYTES = 512 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class RetireVnf(payload_base.Flat):
    """The VNF with this key is to stop obeying and answering.

    :param vnf_key_id: 32 bytes
    :param reason: for people
    """

    KIND = 1
    SCHEMA = codec.Record(identifiers.DIGEST, codec.Text(256))

    vnf_key_id: bytes
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class RotateTenant:
    """A tenant key is replaced by a new one.

    :param old_key_id: 32 bytes
    :param new_document: the key that is obeyed from now on
    :param successors: (old CID, its last valid VID, new CID); no old CID
        twice
    :raises Malformed: an old CID stands there twice
    """

    KIND: ClassVar[int] = 2
    SCHEMA: ClassVar[codec.Schema] = codec.Record(
        identifiers.DIGEST, payload_base.KEY_DOCUMENT,
        codec.Array(codec.Record(
            identifiers.CID, _LAST_VALID_VID, identifiers.CID),
            0, limits.TRUST_CHANGE_CIDS_MAX_COUNT))

    old_key_id: bytes
    new_document: suite_module.KeyDocument
    successors: tuple[tuple[bytes, int, bytes], ...] = ()

    def __post_init__(self) -> None:
        _check_distinct([item[0] for item in self.successors])

    def to_fields(self) -> tuple[Any, ...]:
        """Return the body's fields."""
        return (self.old_key_id, self.new_document.to_bytes(),
                self.successors)

    @classmethod
    def from_fields(cls, fields: tuple[Any, ...]) -> Self:
        """Return the body that the schema has accepted.

        :raises BadKey: the document breaks a rule of its suite
        """
        return cls(fields[0], suite_module.KeyDocument.from_bytes(fields[1]),
                   fields[2])


@dataclasses.dataclass(frozen=True, slots=True)
class RevokeTenant(payload_base.Flat):
    """A tenant key is obeyed no longer and has no successor.

    :param key_id: 32 bytes
    :param last_valid: (CID, its last valid VID); no CID twice
    :raises Malformed: a CID stands there twice
    """

    KIND = 3
    SCHEMA = codec.Record(
        identifiers.DIGEST,
        codec.Array(codec.Record(identifiers.CID, _LAST_VALID_VID),
                    0, limits.TRUST_CHANGE_CIDS_MAX_COUNT))

    key_id: bytes
    last_valid: tuple[tuple[bytes, int], ...] = ()

    def __post_init__(self) -> None:
        _check_distinct([item[0] for item in self.last_valid])


@dataclasses.dataclass(frozen=True, slots=True)
class AddCommander:
    """One more tenant key is obeyed.

    :param document: the key
    """

    KIND: ClassVar[int] = 4
    SCHEMA: ClassVar[codec.Schema] = codec.Record(payload_base.KEY_DOCUMENT)

    document: suite_module.KeyDocument

    def to_fields(self) -> tuple[Any, ...]:
        """Return the body's fields."""
        return (self.document.to_bytes(),)

    @classmethod
    def from_fields(cls, fields: tuple[Any, ...]) -> Self:
        """Return the body that the schema has accepted.

        :raises BadKey: the document breaks a rule of its suite
        """
        return cls(suite_module.KeyDocument.from_bytes(fields[0]))


Change: TypeAlias = RetireVnf | RotateTenant | RevokeTenant | AddCommander
_ACTIONS: dict[int, type[Any]] = {
    cls.KIND: cls
    for cls in (RetireVnf, RotateTenant, RevokeTenant, AddCommander)}


def _check_distinct(cids: list[bytes]) -> None:
    if len(set(cids)) != len(cids):
        raise errors.Malformed('a trust change names one CID twice')


@dataclasses.dataclass(frozen=True, slots=True)
class TrustChange:
    """A payload of kind 3.

    :param change: what changes
    :param recovery: the key that signs for it; None when a VNF is retired
    :param signature: by that key, see :meth:`message`
    :raises Malformed: signed where it must not be, or the other way round
    """

    KIND: ClassVar[int] = 3
    SCHEMA: ClassVar[codec.Schema] = codec.Record(
        codec.Int(min(_ACTIONS), max(_ACTIONS)),
        codec.Bytes(1, _BODY_MAX_BYTES),
        codec.Optional(payload_base.KEY_DOCUMENT),
        codec.Optional(payload_base.SIGNATURE))

    change: Change
    recovery: suite_module.KeyDocument | None = None
    signature: bytes | None = None

    def __post_init__(self) -> None:
        signed = not isinstance(self.change, RetireVnf)
        if (signed != (self.recovery is not None)
                or signed != (self.signature is not None)):
            raise errors.Malformed(
                'the recovery key signs every trust change but retiring')

    @staticmethod
    def message(h: hashing.Hasher, change: Change) -> bytes:
        """Return what the recovery key signs: u8 action, encoded body."""
        return h.message(hashing.Tag.RECOVERY, bytes((change.KIND,)),
                         codec.encode(change.to_fields()))

    @classmethod
    def signed_by(cls, h: hashing.Hasher, recovery: suite_module.KeyPair,
                  change: Change) -> Self:
        """Return the payload for a change, signed by the recovery key."""
        return cls(change, recovery.document,
                   recovery.sign(cls.message(h, change)))

    def verify(self, provider: providers_base.Provider, h: hashing.Hasher,
               recovery_key_id: bytes | None) -> None:
        """Check that the recovery key which a VNF knows signed this.

        Does nothing for a change that is the tenant's own word.

        :param recovery_key_id: as the bootstrap document names it, 32
            bytes; None if it names none, then nothing is believed
        :raises BadSignature: another key signed, or nobody
        """
        if self.recovery is None or self.signature is None:
            return
        if (recovery_key_id != self.recovery.key_id
                or not provider.verify(self.recovery,
                                       self.message(h, self.change),
                                       self.signature)):
            raise errors.BadSignature(
                'the trust change is not signed by the recovery key',
                key_id=self.recovery.key_id.hex())

    def to_fields(self) -> tuple[Any, ...]:
        """Return the four fields of the body."""
        return (self.change.KIND, codec.encode(self.change.to_fields()),
                self.recovery and self.recovery.to_bytes(), self.signature)

    @classmethod
    def from_fields(cls, fields: tuple[Any, ...]) -> Self:
        """Return the body that the schema has accepted.

        :raises FormatError: the inner body breaks its schema
        """
        action, body, recovery, signature = fields
        action_class = _ACTIONS[action]
        change: Change = action_class.from_fields(codec.decode(
            body, action_class.SCHEMA, _BODY_MAX_BYTES))
        return cls(
            change,
            recovery and suite_module.KeyDocument.from_bytes(recovery),
            signature)
