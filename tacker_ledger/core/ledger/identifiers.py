# SPDX-License-Identifier: Apache-2.0
"""What things on the ledger are called: chains, CIDs, transactions, keys.

Every identifier is a tagged hash of what it names, so nobody can choose one
freely.  A CID certifies itself: the first transaction that names it must
have the sender and the nonce it was made from, hence nobody can take the
CID of another before its owner does (S0 section III.C leaves this open).
"""

import dataclasses
import re
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import hashing

CID_BYTES = 16
NONCE_BYTES = 16
VID_MAX = 2 ** 32 - 1

_CID_KEY = b'\x01'
_PAIR_KEY = b'\x02'
_HEX = re.compile(r'(?:[0-9a-f]{2})*\Z')

#: Schemas of the identifiers wherever they stand.
CID = codec.Bytes.exact(CID_BYTES)
VID = codec.Int(1, VID_MAX)
DIGEST = codec.Bytes.exact(hashing.DIGEST_BYTES)


def chain_id_of(genesis_document: bytes) -> bytes:
    """Return the id of the chain that a genesis document founds.

    :param genesis_document: its canonical bytes, without signatures
    :returns: tagged hash ``genesis``, 32 bytes
    """
    return hashing.tagged_hash(hashing.Tag.GENESIS, genesis_document)


def cid_for(h: hashing.Hasher, sender_id: bytes, nonce: bytes) -> bytes:
    """Return the CID that a sender's transaction with this nonce founds.

    :param sender_id: key id of the sender, 32 bytes
    :param nonce: of the transaction, 16 bytes
    :returns: the first 16 bytes of the tagged hash ``cid``
    """
    assert len(sender_id) == hashing.DIGEST_BYTES
    assert len(nonce) == NONCE_BYTES
    return h.hash(hashing.Tag.CID, sender_id, nonce)[:CID_BYTES]


def transaction_id(h: hashing.Hasher, content: bytes) -> bytes:
    """Return the id of a transaction, 32 bytes.

    It does not cover the signature: one content has many valid PSS
    signatures, and none of them makes it another transaction.

    :param content: the canonical bytes of the content
    """
    return h.hash(hashing.Tag.TRANSACTION, content)


def cid_state_key(h: hashing.Hasher, cid: bytes) -> bytes:
    """Return where the state of a CID stands, 32 bytes."""
    assert len(cid) == CID_BYTES
    return h.hash(hashing.Tag.STATE_KEY, _CID_KEY, cid)


def pair_state_key(h: hashing.Hasher, recipient_id: bytes,
                   sender_id: bytes) -> bytes:
    """Return where the history of (recipient, sender) stands, 32 bytes."""
    assert len(recipient_id) == len(sender_id) == hashing.DIGEST_BYTES
    return h.hash(hashing.Tag.STATE_KEY, _PAIR_KEY, recipient_id, sender_id)


def parse_hex(text: str, size: int) -> bytes:
    """Return ``size`` bytes written as lower-case hexadecimal digits.

    :raises BadOption: other digits, or another number of them
    """
    if len(text) != 2 * size or not _HEX.match(text):
        raise errors.BadOption(
            f'not {2 * size} lower-case hexadecimal digits',
            expected_chars=2 * size, found_chars=len(text))
    return bytes.fromhex(text)


@dataclasses.dataclass(frozen=True, slots=True)
class Reference:
    """Another configuration, named in *apply before* or *apply after*.

    :param cid: which configuration, 16 bytes
    :param vid: which version of it; None for the latest at the height of
        the block that holds the naming transaction
    :param digest: the transaction id of that version, 32 bytes, or None
        where any transaction with that CID and VID will do
    :raises Malformed: a digest without a version
    """

    cid: bytes
    vid: int | None = None
    digest: bytes | None = None

    def __post_init__(self) -> None:
        if self.digest is not None and self.vid is None:
            raise errors.Malformed(
                'a reference pins a digest but no version')

    def to_fields(self) -> tuple[Any, ...]:
        """Return the three fields ``[cid, vid, digest]``."""
        return (self.cid, self.vid, self.digest)


#: Schema of :meth:`Reference.to_fields`.
REFERENCE = codec.Record(CID, codec.Optional(VID), codec.Optional(DIGEST))
