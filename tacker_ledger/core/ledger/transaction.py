# SPDX-License-Identifier: Apache-2.0
"""Transactions: two classes, one encoding each (S0 section III.C).

A transaction is ``[1, txid, signature, content]``.  The header of S0 (hash
and signature) are the two fields before the content; the content is a byte
string that holds canonical CBOR itself, so what is hashed is exactly what
was received.  The fields of the content are in S0's order.

Decoding checks form and hash.  Who signed is a second question
(:func:`verify_signature`), what the ledger says about it a third
(:mod:`~tacker_ledger.core.ledger.state`).
"""

from collections.abc import Sequence
import dataclasses
from typing import Any
from typing import TypeAlias

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import envelope
from tacker_ledger.core.crypto.providers import base as providers_base
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import usual_form
from tacker_ledger.core import limits

VERSION = 1
TYPE_CONFIGURATION = 1
TYPE_REQUEST = 2
ENCRYPTION_NONE = 0
#: AES-256-GCM under a content key that is wrapped for each reader.
ENCRYPTION_SEALED = 1

_SIGNATURE_MAX_BYTES = max(
    suite.signature_bytes for suite in suite_module.suites())
_WRAP_MAX_BYTES = max(suite.wrap_bytes for suite in suite_module.suites())
_COMPRESSION_MAX = max(envelope.compressions())
#: Everything around the configuration field fits into what is left.
_CONTENT_MAX_BYTES = limits.TRANSACTION_MAX_BYTES
#: How many fields the sealing is bound to: all before the wraps.
_ASSOCIATED_FIELDS = 14

_COMMON = (
    codec.Const(VERSION), codec.Int(1, 2), identifiers.CID, identifiers.VID,
    codec.Int(0, _COMPRESSION_MAX),
    codec.Int(ENCRYPTION_NONE, ENCRYPTION_SEALED),
    codec.Text(limits.DESCRIPTION_MAX_BYTES),
    codec.Bytes(1, limits.KEY_DOCUMENT_MAX_BYTES),
    codec.Optional(identifiers.DIGEST), codec.Int(),
    codec.Bytes.exact(identifiers.NONCE_BYTES))
_REFERENCES = codec.Array(
    identifiers.REFERENCE, 0, limits.REFERENCES_MAX_COUNT)
_RECORDS = {
    TYPE_CONFIGURATION: codec.Record(
        *_COMMON, _REFERENCES, _REFERENCES,
        codec.Optional(identifiers.DIGEST),
        codec.Array(codec.Bytes(1, _WRAP_MAX_BYTES), 0, limits.WRAP_COUNT),
        codec.Bytes(0, limits.CONFIGURATION_MAX_BYTES)),
    TYPE_REQUEST: codec.Record(*_COMMON, codec.Int()),
}


class _ContentSchema:
    """Selects the record by the second field, after the version."""

    def check(self, value: Any, path: str) -> None:
        if type(value) is not tuple or len(value) < 2:
            raise errors.Malformed(f'{path} is not a content', path=path)
        version, kind = value[:2]
        if type(version) is int and version != VERSION:
            raise errors.UnsupportedVersion(
                f'content of version {version}', known=[VERSION])
        record = _RECORDS.get(kind) if type(kind) is int else None
        if record is None:
            raise errors.Malformed(
                f'{path}[1] is none of the two types', path=f'{path}[1]')
        record.check(value, path)


_CONTENT = _ContentSchema()
_TRANSACTION = codec.Record(
    codec.Int(0, 255), identifiers.DIGEST,
    codec.Bytes(1, _SIGNATURE_MAX_BYTES), codec.Bytes(1, _CONTENT_MAX_BYTES))


@dataclasses.dataclass(frozen=True, slots=True)
class _Common:
    """The fields that both classes have, in their order.

    :param cid: which configuration or slot, 16 bytes
    :param vid: which version of it, from 1
    :param compression: number of the compression; in a request, like all
        fields from the CID to the description, what the answer must use
    :param encryption: 0 none, 1 sealed
    :param description: free text
    :param sender: encoded key document of the sender
    :param recipient_id: key id of the recipient, 32 bytes, or None
    :param timestamp_ms: the author's statement of the time
    :param nonce: 16 bytes
    """

    cid: bytes
    vid: int
    compression: int
    encryption: int
    description: str
    sender: bytes
    recipient_id: bytes | None
    timestamp_ms: int
    nonce: bytes

    def _common_fields(self, kind: int) -> tuple[Any, ...]:
        return (VERSION, kind, self.cid, self.vid, self.compression,
                self.encryption, self.description, self.sender,
                self.recipient_id, self.timestamp_ms, self.nonce)


@dataclasses.dataclass(frozen=True, slots=True)
class Configuration(_Common):
    """The content of a configuration transaction.

    :param apply_before: what has to be applied first, in this order
    :param apply_after: what has to be applied afterwards
    :param commitment: of the content key, 32 bytes; None if not sealed
    :param wraps: of the content key, one per role; empty if not sealed
    :param configuration: the payload, compressed and perhaps sealed
    :raises Malformed: the fields contradict each other
    """

    apply_before: tuple[identifiers.Reference, ...]
    apply_after: tuple[identifiers.Reference, ...]
    commitment: bytes | None
    wraps: tuple[bytes, ...]
    configuration: bytes

    def __post_init__(self) -> None:
        _check_list('apply before', self.cid, self.apply_before)
        _check_list('apply after', self.cid, self.apply_after)
        if self.encryption == ENCRYPTION_SEALED:
            self._check_sealed()
        elif (self.recipient_id is not None or self.commitment is not None
                or self.wraps):
            raise errors.Malformed(
                'a public configuration has a recipient, a commitment or '
                'wraps')

    def _check_sealed(self) -> None:
        if self.recipient_id is None or self.commitment is None:
            raise errors.Malformed(
                'a sealed configuration lacks its recipient or commitment')
        if len(self.wraps) != limits.WRAP_COUNT:
            raise errors.Malformed(
                f'{len(self.wraps)} wraps, not {limits.WRAP_COUNT}')
        for wrap in self.wraps:
            if not _is_wrap(wrap):
                raise errors.Malformed('a wrap has the form of no suite')
        if not envelope.is_sealed_size(len(self.configuration)):
            raise errors.Malformed(
                'the sealed configuration has the size of no class',
                size=len(self.configuration))

    @property
    def is_sealed(self) -> bool:
        """Whether the configuration field is encrypted."""
        return self.encryption == ENCRYPTION_SEALED

    def to_fields(self) -> tuple[Any, ...]:
        """Return the sixteen fields of the content."""
        return (*self.unsealed_fields(), self.wraps, self.configuration)

    def unsealed_fields(self) -> tuple[Any, ...]:
        """Return the fourteen fields that a sealed payload is bound to."""
        return (*self._common_fields(TYPE_CONFIGURATION),
                tuple(ref.to_fields() for ref in self.apply_before),
                tuple(ref.to_fields() for ref in self.apply_after),
                self.commitment)


@dataclasses.dataclass(frozen=True, slots=True)
class Request(_Common):
    """The content of a configuration request.

    :param slot_expiry_ms: when the answer is due, in header time
    :raises Malformed: no recipient, or not asking for a sealed answer
    """

    slot_expiry_ms: int

    def __post_init__(self) -> None:
        if self.recipient_id is None or self.encryption != ENCRYPTION_SEALED:
            raise errors.Malformed(
                'a request names who is to answer and asks for encryption')

    def to_fields(self) -> tuple[Any, ...]:
        """Return the twelve fields of the content."""
        return (*self._common_fields(TYPE_REQUEST), self.slot_expiry_ms)


Content: TypeAlias = Configuration | Request


def _check_list(name: str, own: bytes,
                references: Sequence[identifiers.Reference]) -> None:
    if not references:
        return
    cids = {reference.cid for reference in references}
    if len(cids) != len(references):
        raise errors.Malformed(f'{name} names one CID twice')
    if own in cids:
        raise errors.Malformed(f'{name} names its own CID')


def _is_wrap(wrap: bytes) -> bool:
    for suite in suite_module.suites():  # noqa: SIM110 - a hot path
        if suite.is_wrap(wrap):
            return True
    return False


def associated_data(fields: Sequence[Any]) -> bytes:
    """Return what the sealing of a configuration is bound to.

    :param fields: the content's fields, at least the first fourteen: all
        but the wraps and the configuration
    :returns: their canonical CBOR, as an array of fourteen
    """
    return codec.encode(tuple(fields[:_ASSOCIATED_FIELDS]))


def decode_content(data: bytes) -> Content:
    """Return the content that ``data`` encodes.

    :raises FormatError: not canonical, not of the schema, or
        self-contradictory
    """
    if len(data) <= _CONTENT_MAX_BYTES:
        usual = usual_form.configuration(
            data, compression_max=_COMPRESSION_MAX,
            key_max_bytes=limits.KEY_DOCUMENT_MAX_BYTES,
            wrap_max_bytes=_WRAP_MAX_BYTES,
            max_bytes=limits.CONFIGURATION_MAX_BYTES)
        if usual is not None:
            return Configuration(*usual)
    fields = codec.decode(data, _CONTENT, _CONTENT_MAX_BYTES)
    if fields[1] == TYPE_REQUEST:
        return Request(*fields[2:])
    before, after = (
        tuple([identifiers.Reference(*item) for item in items])
        for items in fields[11:13])
    return Configuration(*(*fields[2:11], before, after, *fields[13:]))


@dataclasses.dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction whose form and hash are right.

    Make one with :meth:`from_bytes` or :meth:`signed_by` only.

    :param raw: the bytes as received
    :param txid: its id, 32 bytes
    :param signature: of the sender over the id; not yet verified
    :param content_bytes: what the id is the hash of
    :param content: the same, decoded
    :param sender: key document of the sender
    """

    raw: bytes
    txid: bytes
    signature: bytes
    content_bytes: bytes = dataclasses.field(repr=False)
    content: Content = dataclasses.field(repr=False)
    sender: suite_module.KeyDocument = dataclasses.field(repr=False)

    @property
    def sender_id(self) -> bytes:
        """Key id of the sender, 32 bytes."""
        return self.sender.key_id

    @classmethod
    def from_bytes(cls, h: hashing.Hasher, raw: bytes) -> 'Transaction':
        """Return the transaction that ``raw`` encodes.

        :raises FormatError: not canonical, not of the schema, of an
            unknown version, or self-contradictory
        :raises BadHash: the id is not the hash of the content, which is
            also what a transaction of another chain looks like
        """
        txid, signature, content_bytes = _parts(raw)
        if identifiers.transaction_id(h, content_bytes) != txid:
            raise errors.BadHash(
                'the id is not the hash of the content on this chain',
                txid=txid.hex())
        content = decode_content(content_bytes)
        sender = suite_module.KeyDocument.from_bytes(content.sender)
        suite = suite_module.by_number(sender.suite)
        if len(signature) != suite.signature_bytes:
            raise errors.Malformed(
                f'a signature of {suite.name} has {suite.signature_bytes} '
                f'bytes, not {len(signature)}')
        return cls(raw, txid, signature, content_bytes, content, sender)

    @classmethod
    def signed_by(cls, h: hashing.Hasher, pair: suite_module.KeyPair,
                  content: Content) -> 'Transaction':
        """Return the signed transaction of a content.

        It goes through :meth:`from_bytes`, so what a sender makes obeys
        the rules that its readers apply.

        :param pair: of the sender named in the content
        :raises FormatError: the content breaks a rule of the format
        """
        content_bytes = codec.encode(content.to_fields())
        txid = identifiers.transaction_id(h, content_bytes)
        signature = pair.sign(signed_message(h, txid))
        return cls.from_bytes(h, codec.encode(
            (VERSION, txid, signature, content_bytes)))


def _parts(raw: bytes) -> tuple[bytes, bytes, bytes]:
    """Return (id, signature, content) of an encoded transaction."""
    if len(raw) <= limits.TRANSACTION_MAX_BYTES:
        usual = usual_form.transaction(raw, _SIGNATURE_MAX_BYTES,
                                       _CONTENT_MAX_BYTES)
        if usual is not None:
            return usual
    version, txid, signature, content_bytes = codec.decode(
        raw, _TRANSACTION, limits.TRANSACTION_MAX_BYTES)
    if version != VERSION:
        raise errors.UnsupportedVersion(
            f'transaction of version {version}', known=[VERSION])
    return txid, signature, content_bytes


def signed_message(h: hashing.Hasher, txid: bytes) -> bytes:
    """Return what the sender of a transaction signs."""
    return h.message(hashing.Tag.TRANSACTION_SIGNATURE, txid)


def verify_signature(provider: providers_base.Provider, h: hashing.Hasher,
                     transaction: Transaction) -> None:
    """Check that the sender signed the transaction.

    A result may be remembered for these ``raw`` bytes, never for the id,
    which does not cover the signature.

    :raises BadSignature: somebody else did, or nobody
    """
    if not provider.verify(transaction.sender,
                           signed_message(h, transaction.txid),
                           transaction.signature):
        raise errors.BadSignature(
            'the signature is not by the sender named',
            txid=transaction.txid.hex())


# Submissions


@dataclasses.dataclass(frozen=True, slots=True)
class Admission:
    """Why a node should accept a submission, for its admission driver.

    :param kind: number of the driver's format
    :param data: what the driver makes of it
    """

    kind: int
    data: bytes


_SUBMISSION = codec.Record(
    codec.Int(0, 255), codec.Bytes(1, limits.TRANSACTION_MAX_BYTES),
    codec.Optional(codec.Record(
        codec.Int(0, 255), codec.Bytes(0, limits.ADMISSION_MAX_BYTES))))
#: The largest encoded submission.
SUBMISSION_MAX_BYTES = (
    limits.TRANSACTION_MAX_BYTES + limits.ADMISSION_MAX_BYTES + 16)


@dataclasses.dataclass(frozen=True, slots=True)
class Submission:
    """What a client sends to a door: ``[1, transaction, admission]``.

    The admission is outside of what is signed: it is judged once, by the
    node that accepts the submission, and never becomes part of the chain.

    :param transaction: an encoded transaction, not yet looked at
    :param admission: None where the driver asks for none
    """

    transaction: bytes
    admission: Admission | None = None

    @classmethod
    def from_bytes(cls, raw: bytes) -> 'Submission':
        """Return the submission that ``raw`` encodes.

        :raises FormatError: not canonical or not of the schema
        """
        if len(raw) <= SUBMISSION_MAX_BYTES:
            usual = usual_form.submission(raw, limits.TRANSACTION_MAX_BYTES)
            if usual is not None:
                return cls(usual)
        version, transaction, admission = codec.decode(
            raw, _SUBMISSION, SUBMISSION_MAX_BYTES)
        if version != VERSION:
            raise errors.UnsupportedVersion(
                f'submission of version {version}', known=[VERSION])
        return cls(transaction, admission and Admission(*admission))

    def to_bytes(self) -> bytes:
        """Return the canonical encoding."""
        admission = self.admission
        return codec.encode((
            VERSION, self.transaction,
            None if admission is None else (admission.kind, admission.data)))
