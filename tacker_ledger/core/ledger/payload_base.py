# SPDX-License-Identifier: Apache-2.0
"""What the bodies of payloads have in common."""

import dataclasses
from typing import Any
from typing import ClassVar
from typing import Self

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import envelope
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core import limits

CONTENT_KEY = codec.Bytes.exact(envelope.CONTENT_KEY_BYTES)
KEY_DOCUMENT = codec.Bytes(1, limits.KEY_DOCUMENT_MAX_BYTES)
SIGNATURE = codec.Bytes(1, 256)
APPLIER = codec.Text(64)
TARGET = codec.Text(256)
DATA = codec.Bytes(0, limits.INFLATED_MAX_BYTES)


@dataclasses.dataclass(frozen=True, slots=True)
class Flat:
    """A body whose fields on the wire are its attributes, in order.

    Subclasses name their number and their schema.
    """

    KIND: ClassVar[int]
    SCHEMA: ClassVar[codec.Schema]

    def to_fields(self) -> tuple[Any, ...]:
        """Return the body's fields."""
        return tuple([getattr(self, field.name)
                      for field in dataclasses.fields(self)])

    @classmethod
    def from_fields(cls, fields: tuple[Any, ...]) -> Self:
        """Return the body that the schema has accepted."""
        return cls(*fields)


@dataclasses.dataclass(frozen=True, slots=True)
class SealedReference:
    """A transaction that only the readers of the payload see named.

    Nothing on the chain links it with the transaction that names it.

    :param cid: 16 bytes
    :param vid: the exact version
    :param txid: the exact transaction, 32 bytes
    :param content_key: opens it for a reader whose key has no wrap there,
        32 bytes; None where none is needed
    """

    cid: bytes
    vid: int
    txid: bytes
    content_key: bytes | None = dataclasses.field(default=None, repr=False)

    def to_fields(self) -> tuple[Any, ...]:
        """Return ``[cid, vid, txid, content key]``."""
        return (self.cid, self.vid, self.txid, self.content_key)


SEALED_REFERENCE = codec.Record(
    identifiers.CID, identifiers.VID, identifiers.DIGEST,
    codec.Optional(CONTENT_KEY))
SEALED_REFERENCES = codec.Array(
    SEALED_REFERENCE, 0, limits.REFERENCES_MAX_COUNT)


def fields_of(items: tuple[Any, ...]) -> tuple[tuple[Any, ...], ...]:
    """Return the fields of every item."""
    return tuple([item.to_fields() for item in items])


def references_of(items: tuple[Any, ...]) -> tuple[SealedReference, ...]:
    """Return the references that a schema has accepted."""
    return tuple([SealedReference(*item) for item in items])
