# SPDX-License-Identifier: Apache-2.0
"""What one leaf of an anchor stands for, as a file anybody can hash.

A leaf file is::

    00 | tag | fields

with the tag as :mod:`~tacker_ledger.core.hashing` frames it; its hash is
plain SHA-256 of the file.  The first byte is that of RFC 6962's leaves, so
no leaf is ever taken for an inner node, and any tool that hashes files can
check it.
"""

import hashlib

from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import transaction

LOG_ID_BYTES = 16
_LEAF = b'\x00'
_WRITER_BYTES = 4
_NUMBER_BYTES = 8


def leaf_file(log_id: bytes, writer: int, sequence: int,
              record: bytes) -> bytes:
    """Return the file of one checkpoint.

    :param log_id: 16 bytes
    :param writer: number of the session in its log
    :param sequence: of the checkpoint in its session; 0 is the opening
    :param record: its whole record, the signature included
    """
    assert len(log_id) == LOG_ID_BYTES
    assert 0 < len(record) <= limits.LOG_RECORD_MAX_BYTES
    return b''.join((
        _LEAF, hashing.Tag.ANCHOR_CHECKPOINT.prefix, log_id,
        writer.to_bytes(_WRITER_BYTES, 'big'),
        sequence.to_bytes(_NUMBER_BYTES, 'big'), record))


def parse_leaf_file(data: bytes) -> tuple[bytes, int, int, bytes]:
    """Return log id, writer, sequence and record of a checkpoint's file.

    :raises Malformed: it is the file of no checkpoint
    """
    begin = _LEAF + hashing.Tag.ANCHOR_CHECKPOINT.prefix
    fixed = len(begin) + LOG_ID_BYTES + _WRITER_BYTES + _NUMBER_BYTES
    if (not data.startswith(begin) or not
            fixed < len(data) <= fixed + limits.LOG_RECORD_MAX_BYTES):
        raise errors.Malformed('Not the leaf file of a checkpoint')
    at = len(begin)
    log_id = data[at:at + LOG_ID_BYTES]
    at += LOG_ID_BYTES
    writer = int.from_bytes(data[at:at + _WRITER_BYTES], 'big')
    at += _WRITER_BYTES
    return (log_id, writer, int.from_bytes(data[at:fixed], 'big'),
            data[fixed:])


def checkpoint_hash(log_id: bytes, writer: int, sequence: int,
                    record: bytes) -> bytes:
    """Return the hash of a checkpoint, 32 bytes: S1's OP_RETURN content."""
    return leaf_hash(leaf_file(log_id, writer, sequence, record))


def ledger_leaf(chain_id: bytes, height: int, block_hash: bytes) -> bytes:
    """Return the file of a ledger's certified head."""
    assert len(chain_id) == hashing.CHAIN_ID_BYTES
    assert len(block_hash) == hashing.DIGEST_BYTES
    return b''.join((_LEAF, hashing.Tag.ANCHOR_LEDGER.prefix, chain_id,
                     height.to_bytes(_NUMBER_BYTES, 'big'), block_hash))


def rebase_leaf(tip: transaction.Outpoint) -> bytes:
    """Return the file that names the last output of a chain given up."""
    return b''.join((_LEAF, hashing.Tag.ANCHOR_REBASE.prefix,
                     bytes.fromhex(tip.txid)[::-1],
                     tip.index.to_bytes(_WRITER_BYTES, 'little')))


def leaf_hash(data: bytes) -> bytes:
    """Return SHA-256 of a leaf file, 32 bytes."""
    return hashlib.sha256(data).digest()
