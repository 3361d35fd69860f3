# SPDX-License-Identifier: Apache-2.0
"""Files in OpenTimestamps' format (``.ots``), made and read.

A proof leads from the hash of a leaf file over the tree of its anchor into
the transaction, over its txid and the block's Merkle tree to the root in the
block header.  The stock client verifies it beside the leaf file.
"""

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses

from opentimestamps.core import notary
from opentimestamps.core import op
from opentimestamps.core import serialize
from opentimestamps.core import timestamp

from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import op_return
from tacker_ledger.core.securelog import transaction

_DIGEST_BYTES = 32


@dataclasses.dataclass(frozen=True, slots=True)
class Attested:
    """What a proof says: this Merkle root is in the header at that height.

    :param merkle_root: as the header holds it; people and nodes write it
        reversed
    """

    height: int
    merkle_root: bytes

    @property
    def text(self) -> str:
        """The Merkle root as a node writes it."""
        return self.merkle_root[::-1].hex()


def build(leaf_hash: bytes, steps: Iterable[tuple[bytes, bytes]], raw: str,
          block_txids: Sequence[str], height: int) -> bytes:
    """Return the file of one leaf.

    :param steps: bytes before and after, of each SHA-256 from the leaf's
        hash to the anchor's root
    :param raw: the anchor, hex digits
    :param block_txids: all transactions of its block, in their order
    :raises BadProof: the steps do not lead to what the anchor publishes,
        or it is not in the block
    """
    one = transaction.parse(raw)
    root = op_return.from_transaction(one)
    proof = timestamp.Timestamp(leaf_hash)
    node = proof
    for before, after in steps:
        node = _sha256(_join(node, before, after))
    if node.msg != root:
        raise errors.BadProof('The path does not lead to what the anchor '
                              'publishes')
    begin = len(op_return.PREFIX) + one.stripped.index(
        op_return.script(root), one.outputs_at)
    node = _twice(_join(node, one.stripped[:begin],
                        one.stripped[begin + len(root):]))
    for before, after in _branch(one.txid, block_txids):
        node = _twice(_join(node, before, after))
    node.attestations.add(notary.BitcoinBlockHeaderAttestation(height))
    context = serialize.BytesSerializationContext()
    timestamp.DetachedTimestampFile(op.OpSHA256(), proof).serialize(context)
    return bytes(context.getbytes())


def check(data: bytes, leaf_hash: bytes) -> Attested:
    """Return what the file says about the leaf.

    The caller compares it with the header of that block.

    :raises Malformed: no such file, or it attests nothing in Bitcoin
    :raises BadHash: it is about something else
    :raises TooLarge: larger than such a file may be
    """
    if len(data) > limits.ANCHOR_PROOF_MAX_BYTES:
        raise errors.TooLarge('Larger than an OpenTimestamps file may be')
    context = serialize.BytesDeserializationContext(data)
    try:
        detached = timestamp.DetachedTimestampFile.deserialize(context)
    except (serialize.DeserializationError, ValueError, TypeError,
            RecursionError, OverflowError, MemoryError):
        raise errors.Malformed('Not an OpenTimestamps file') from None
    if (not isinstance(detached.file_hash_op, op.OpSHA256)
            or detached.file_digest != leaf_hash):
        raise errors.BadHash('The OpenTimestamps file is about another file')
    found = {
        (attestation.height, message)
        for message, attestation in detached.timestamp.all_attestations()
        if isinstance(attestation, notary.BitcoinBlockHeaderAttestation)
        and len(message) == _DIGEST_BYTES}
    if len(found) != 1:
        raise errors.Malformed('The OpenTimestamps file has to name one '
                               'Bitcoin block', found=len(found))
    (height, message), = found
    return Attested(height, message)


def _join(node: timestamp.Timestamp, before: bytes,
          after: bytes) -> timestamp.Timestamp:
    if before:
        node = node.ops.add(op.OpPrepend(before))
    if after:
        node = node.ops.add(op.OpAppend(after))
    return node


def _sha256(node: timestamp.Timestamp) -> timestamp.Timestamp:
    return node.ops.add(op.OpSHA256())


def _twice(node: timestamp.Timestamp) -> timestamp.Timestamp:
    return _sha256(_sha256(node))


def _branch(txid: str, block_txids: Sequence[str]
            ) -> list[tuple[bytes, bytes]]:
    """Return what stands before and after at each level of a block's tree.

    A last digest without a neighbour is paired with itself there.
    """
    if txid not in block_txids:
        raise errors.BadProof('The anchor is not in that block', txid=txid)
    if len(block_txids) > limits.BITCOIN_BLOCK_MAX_TRANSACTIONS:
        raise errors.TooLarge('More transactions than a block may have')
    level = [bytes.fromhex(one)[::-1] for one in block_txids]
    index = block_txids.index(txid)
    branch = []
    while len(level) > 1:
        if len(level) % 2:
            level.append(level[-1])
        sibling = level[index ^ 1]
        branch.append((sibling, b'') if index & 1 else (b'', sibling))
        level = [transaction.double_sha256(level[i] + level[i + 1])
                 for i in range(0, len(level), 2)]
        index >>= 1
    return branch
