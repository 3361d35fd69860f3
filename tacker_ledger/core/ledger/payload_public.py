# SPDX-License-Identifier: Apache-2.0
"""Public payloads: what everybody may read and somebody answers for."""

import dataclasses

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload_base
from tacker_ledger.core import limits

#: Sizes of the digests that :class:`Digest` may record.
DIGEST_BYTES_BY_ALGORITHM = {'sha256': 32, 'sha384': 48, 'sha512': 64}


@dataclasses.dataclass(frozen=True, slots=True)
class Template(payload_base.Flat):
    """A configuration that a vendor offers to everybody (S0 section III.C).

    :param applier: name of the driver that applies it
    :param target: what the driver applies it to
    :param data: the configuration itself
    :param vendor: who publishes it, for people
    :param version_label: the vendor's own name of this version
    """

    KIND = 32
    SCHEMA = codec.Record(
        payload_base.APPLIER, payload_base.TARGET, payload_base.DATA,
        codec.Text(256), codec.Text(64))

    applier: str
    target: str
    data: bytes
    vendor: str
    version_label: str


@dataclasses.dataclass(frozen=True, slots=True)
class TemplateWithdrawal(payload_base.Flat):
    """A vendor's notice that versions of a template should not be used.

    :param cid: of the template
    :param first_vid: the first version meant
    :param last_vid: the last version meant, at least ``first_vid``
    :param reason: for people
    :raises Malformed: the range is empty
    """

    KIND = 33
    SCHEMA = codec.Record(identifiers.CID, identifiers.VID, identifiers.VID,
                          codec.Text(256))

    cid: bytes
    first_vid: int
    last_vid: int
    reason: str

    def __post_init__(self) -> None:
        if self.first_vid > self.last_vid:
            raise errors.Malformed('the withdrawal names no version')


@dataclasses.dataclass(frozen=True, slots=True)
class FederationDocument(payload_base.Flat):
    """A new federation document: the one kind that nodes interpret.

    :param document: the encoded signed document
    """

    KIND = 34
    SCHEMA = codec.Record(
        codec.Bytes(1, limits.FEDERATION_DOCUMENT_MAX_BYTES))

    document: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class LogCheckpoint(payload_base.Flat):
    """The newest checkpoint of a secure log, anchored on this ledger.

    :param log_id: 16 bytes
    :param record: the whole checkpoint record
    """

    KIND = 35
    SCHEMA = codec.Record(
        codec.Bytes.exact(16),
        codec.Bytes(1, limits.CHECKPOINT_RECORD_MAX_BYTES))

    log_id: bytes
    record: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Digest(payload_base.Flat):
    """The digest of a package or a file, to compare with (S1 section 7.1).

    :param algorithm: ``sha256``, ``sha384`` or ``sha512``
    :param value: the digest
    :param size_bytes: of what was hashed
    :param media_type: of what was hashed
    :param name: of what was hashed, for people
    :raises Malformed: unknown algorithm, or a value of another size
    """

    KIND = 36
    SCHEMA = codec.Record(
        codec.Text(16), codec.Bytes(32, 64), codec.Int(), codec.Text(128),
        codec.Text(256))

    algorithm: str
    value: bytes
    size_bytes: int
    media_type: str
    name: str

    def __post_init__(self) -> None:
        if DIGEST_BYTES_BY_ALGORITHM.get(self.algorithm) != len(self.value):
            raise errors.Malformed(
                'not the size of a digest of a known algorithm',
                known=sorted(DIGEST_BYTES_BY_ALGORITHM))
