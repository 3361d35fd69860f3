# SPDX-License-Identifier: Apache-2.0
"""Well-formed transactions (page *Transactions*)."""

import dataclasses
from typing import Any

from tacker_ledger.tests.independent import cbor
from tacker_ledger.tests.independent import envelope
from tacker_ledger.tests.independent import hashing
from tacker_ledger.tests.independent import keys
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import shapes

CONFIGURATION = 1
REQUEST = 2

MAX_BYTES = 1_327_104
MAX_CONFIGURATION_BYTES = 1_310_720
MAX_REFERENCES = 64

_REFERENCES = shapes.array(
    shapes.fields(shapes.CID, shapes.nullable(shapes.VID),
                  shapes.nullable(shapes.DIGEST)), 0, MAX_REFERENCES)

_COMMON = (
    shapes.one_of(CONFIGURATION, REQUEST), shapes.CID, shapes.VID,
    shapes.one_of(0, 1), shapes.one_of(0, 1), shapes.text(256),
    shapes.octets(0, keys.MAX_DOCUMENT_BYTES),
    shapes.nullable(shapes.DIGEST), shapes.TIME, shapes.octets(16))

_CONFIGURATION = (
    _REFERENCES, _REFERENCES, shapes.nullable(shapes.DIGEST),
    shapes.array(shapes.octets(0, 256), 0, 4),
    shapes.octets(0, MAX_CONFIGURATION_BYTES))


@dataclasses.dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction whose bytes, id and signature are right.

    ``fields`` are those of the content by the number that the page gives.
    """

    encoded: bytes
    txid: bytes
    sender: keys.KeyDocument
    fields: tuple[Any, ...]

    @property
    def is_request(self) -> bool:
        """Return whether this is a configuration request."""
        return bool(self.fields[1] == REQUEST)

    @property
    def cid(self) -> bytes:
        """Return field 2."""
        return bytes(self.fields[2])

    @property
    def vid(self) -> int:
        """Return field 3."""
        return int(self.fields[3])

    @property
    def recipient(self) -> bytes | None:
        """Return field 8."""
        return None if self.fields[8] is None else bytes(self.fields[8])

    @property
    def timestamp_ms(self) -> int:
        """Return field 9."""
        return int(self.fields[9])

    @property
    def nonce(self) -> bytes:
        """Return field 10."""
        return bytes(self.fields[10])

    @property
    def associated_data(self) -> bytes:
        """Return what the sealed configuration is bound to."""
        return cbor.encode(list(self.fields[:14]))


def _read_content(content: bytes) -> tuple[Any, ...]:
    value = cbor.decode(content, MAX_BYTES)
    refusal.require(type(value) is list and len(value) in (12, 16),
                    'malformed', 'fields')
    tail: tuple[shapes.Shape, ...] = _CONFIGURATION
    if value[1] == REQUEST:
        tail = (shapes.TIME,)
    return (1, *shapes.versioned(content, MAX_BYTES, *_COMMON, *tail))


def _check_references(cid: bytes, references: list[Any]) -> None:
    named = [each[0] for each in references]
    refusal.require(len(set(named)) == len(named), 'malformed',
                    'one CID twice in a list')
    refusal.require(cid not in named, 'malformed', 'its own CID in a list')
    refusal.require(
        all(vid is not None or txid is None for _, vid, txid in references),
        'malformed', 'an id without a VID')


def _check_rules(fields: tuple[Any, ...]) -> None:
    sealed, recipient = fields[5] == 1, fields[8]
    if fields[1] == REQUEST:
        refusal.require(recipient is not None and sealed, 'malformed',
                        'a request has a recipient and encryption 1')
        return
    commitment, wraps, configuration = fields[13:]
    for references in fields[11:13]:
        _check_references(fields[2], references)
    if not sealed:
        refusal.require(
            recipient is None and commitment is None and not wraps,
            'malformed', 'a public configuration for somebody')
        return
    refusal.require(recipient is not None and commitment is not None,
                    'malformed', 'sealed for nobody')
    refusal.require(len(wraps) == 4, 'malformed', 'wraps')
    for wrap in wraps:
        keys.check_wrap_form(wrap)
    size = len(configuration) - 16
    refusal.require(
        size >= envelope.MIN_CLASS_BYTES and envelope.padme(size) == size,
        'malformed', 'size class')


def parse(chain_id: bytes, encoded: bytes) -> Transaction:
    """Return the well-formed transaction in ``encoded``."""
    txid, signature, content = shapes.versioned(
        encoded, MAX_BYTES, shapes.DIGEST, shapes.octets(0, MAX_BYTES),
        shapes.octets(0, MAX_BYTES))
    refusal.require(
        hashing.digest('transaction', chain_id, content) == txid, 'bad-hash')
    fields = _read_content(content)
    _check_rules(fields)
    sender = keys.parse(fields[7])
    refusal.require(
        len(signature) == keys.SIGNATURE_BYTES[sender.suite], 'malformed',
        'size of the signature')
    keys.verify(
        sender,
        hashing.message('transaction-signature', chain_id, txid), signature)
    return Transaction(encoded, txid, sender, fields)


def first_cid(chain_id: bytes, sender_id: bytes, nonce: bytes) -> bytes:
    """Return the CID that a sender may found with a nonce."""
    return hashing.digest('cid', chain_id, sender_id, nonce)[:16]


def open_configuration(chain_id: bytes, transaction: Transaction,
                       content_key: bytes) -> bytes:
    """Return the payload of a sealed configuration."""
    fields = transaction.fields
    return envelope.open_sealed(
        chain_id, content_key, fields[13], transaction.nonce,
        transaction.associated_data, fields[4], fields[15])


def parse_submission(encoded: bytes) -> tuple[bytes, Any]:
    """Return transaction and admission of a submission."""
    transaction, admission = shapes.versioned(
        encoded, MAX_BYTES + 8192, shapes.octets(0, MAX_BYTES),
        shapes.nullable(shapes.fields(
            shapes.integer(0, 255), shapes.octets(0, 4096))))
    return transaction, admission
