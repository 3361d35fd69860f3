# SPDX-License-Identifier: Apache-2.0
"""Payloads: what the configuration field of a transaction says.

On the wire a payload is canonical CBOR ``[1, kind, body]``.  Private kinds
travel sealed only, so an observer cannot tell a key rotation from a
firewall rule; public kinds travel unencrypted only, so nobody takes a
secret instruction for a published one.  Nodes interpret one kind alone, the
federation document.

The bodies are in :mod:`~tacker_ledger.core.ledger.payload_private`,
:mod:`~tacker_ledger.core.ledger.payload_public` and
:mod:`~tacker_ledger.core.ledger.trust_change`; their names stand here too.
"""

from typing import Any
from typing import Literal
from typing import overload
from typing import TypeAlias

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import payload_base
from tacker_ledger.core.ledger import payload_private
from tacker_ledger.core.ledger import payload_public
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core.ledger import trust_change
from tacker_ledger.core import limits

VERSION = 1

SealedReference = payload_base.SealedReference

Configuration = payload_private.Configuration
GroupKey = payload_private.GroupKey
KeyReplacement = payload_private.KeyReplacement
Receipt = payload_private.Receipt
Announcement = payload_private.Announcement
Outcome = payload_private.Outcome
StateReport = payload_private.StateReport
EffectiveEntry = payload_private.EffectiveEntry
Observation = payload_private.Observation
Withdrawal = payload_private.Withdrawal
Welcome = payload_private.Welcome
Delivery = payload_private.Delivery

TrustChange = trust_change.TrustChange
RetireVnf = trust_change.RetireVnf
RotateTenant = trust_change.RotateTenant
RevokeTenant = trust_change.RevokeTenant
AddCommander = trust_change.AddCommander

Template = payload_public.Template
TemplateWithdrawal = payload_public.TemplateWithdrawal
FederationDocument = payload_public.FederationDocument
LogCheckpoint = payload_public.LogCheckpoint
Digest = payload_public.Digest

PrivatePayload: TypeAlias = (
    Configuration | GroupKey | TrustChange | KeyReplacement | Receipt
    | StateReport | Withdrawal | Welcome | Delivery)
PublicPayload: TypeAlias = (
    Template | TemplateWithdrawal | FederationDocument | LogCheckpoint
    | Digest)
Payload: TypeAlias = PrivatePayload | PublicPayload

PRIVATE_KINDS: dict[int, type[Any]] = {cls.KIND: cls for cls in (
    Configuration, GroupKey, TrustChange, KeyReplacement, Receipt,
    StateReport, Withdrawal, Welcome, Delivery)}
PUBLIC_KINDS: dict[int, type[Any]] = {cls.KIND: cls for cls in (
    Template, TemplateWithdrawal, FederationDocument, LogCheckpoint, Digest)}
_KINDS = PRIVATE_KINDS | PUBLIC_KINDS

_RECORDS = {
    kind: codec.Record(codec.Int(0, 255), codec.Const(kind), cls.SCHEMA)
    for kind, cls in _KINDS.items()}


class _PayloadSchema:
    """Selects the record by the second field, after the version."""

    def check(self, value: Any, path: str) -> None:
        if (type(value) is not tuple or len(value) != 3
                or type(value[0]) is not int or type(value[1]) is not int):
            raise errors.Malformed(f'{path} is not a payload', path=path)
        version, kind = value[:2]
        if version != VERSION or kind not in _RECORDS:
            raise errors.UnsupportedVersion(
                f'payload of version {version}, kind {kind}',
                known=[VERSION], known_kinds=sorted(_RECORDS))
        _RECORDS[kind].check(value, path)


_PAYLOAD = _PayloadSchema()


def is_private(payload: Payload) -> bool:
    """Return whether a payload travels sealed (if not, unencrypted)."""
    return payload.KIND in PRIVATE_KINDS


def encode_payload(payload: Payload) -> bytes:
    """Return the canonical encoding of a payload.

    It goes through the decoder, so what an author makes obeys the rules
    that its readers apply.

    :raises FormatError: a field breaks its bounds
    """
    encoded = codec.encode((VERSION, payload.KIND, payload.to_fields()))
    decode_payload(encoded, sealed=is_private(payload))
    return encoded


@overload
def decode_payload(data: bytes, *, sealed: Literal[True]
                   ) -> PrivatePayload: ...


@overload
def decode_payload(data: bytes, *, sealed: Literal[False]
                   ) -> PublicPayload: ...


@overload
def decode_payload(data: bytes, *, sealed: bool) -> Payload: ...


def decode_payload(data: bytes, *, sealed: bool) -> Payload:
    """Return the payload that ``data`` encodes.

    :param data: what was in the configuration field, opened and inflated
    :param sealed: whether it was sealed there
    :raises FormatError: not canonical, not of the schema, of an unknown
        version or kind, or self-contradictory
    :raises WrongPayload: a private kind in the open or a public one sealed
    """
    _, kind, body = codec.decode(data, _PAYLOAD, limits.INFLATED_MAX_BYTES)
    if (kind in PRIVATE_KINDS) != sealed:
        raise errors.WrongPayload(
            'a private payload travels sealed, a public one does not',
            kind=kind, sealed=sealed)
    decoded: Payload = _KINDS[kind].from_fields(body)
    return decoded


def payload_digest(h: hashing.Hasher, encoded: bytes) -> bytes:
    """Return the tagged hash ``payload`` of an encoded payload, 32 bytes."""
    return h.hash(hashing.Tag.PAYLOAD, encoded)


#: How every encoded payload of kind 34 begins: array of 3, 1, 34.
_FEDERATION_PREFIX = bytes((0x83, VERSION, 0x18, FederationDocument.KIND))


def federation_document_of(content: transaction_module.Content
                           ) -> bytes | None:
    """Return the signed federation document that a transaction publishes.

    Nodes look at public, uncompressed configurations only: whether a block
    is valid must not depend on how somebody's zlib treats a broken stream.

    :returns: the encoded signed document, not looked at; None if the
        transaction publishes none
    :raises FormatError: it starts as one and is not
    """
    if (not isinstance(content, transaction_module.Configuration)
            or content.is_sealed or content.compression
            or not content.configuration.startswith(_FEDERATION_PREFIX)):
        return None
    payload = decode_payload(content.configuration, sealed=False)
    assert isinstance(payload, FederationDocument)
    return payload.document
