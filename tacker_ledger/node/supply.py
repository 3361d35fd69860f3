# SPDX-License-Identifier: Apache-2.0
"""Blocks for members who catch up: the other side of ``node.sync``."""

from tacker_ledger.core import codec
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core import limits
from tacker_ledger.core import merkle
from tacker_ledger.storage import chain as chain_module
from tacker_ledger.storage import environment


def blocks(env: environment.Environment,
           request: messages.GetBlocks) -> messages.Blocks:
    """Return as many of the blocks asked for as make a useful answer.

    It ends with a block that has its certificate.
    """
    chain = chain_module.Chain(env)
    found: list[tuple[bytes, bytes]] = []
    size = useful = 0
    with env.read() as txn:
        head = chain.height(txn) or 0
        first = chain.first_body(txn)
        for height in range(request.from_height,
                            request.from_height + request.max_count):
            pair = chain.head_pair(txn, height)
            if pair is None:
                break
            body = chain.body(txn, height)
            if not body and height < first and not _is_empty(pair[0]):
                break  # pruned
            raw = codec.encode((block_module.VERSION, pair[0], body))
            size += len(raw) + len(pair[1])
            if useful and size > limits.BLOCKS_ANSWER_MAX_BYTES:
                break
            if size > limits.FRAME_MAX_BYTES - 4096:
                break
            found.append((raw, pair[1]))
            if pair[1]:
                useful = len(found)
    return messages.Blocks(request.request_id, head, tuple(found[:useful]))


def _is_empty(header: bytes) -> bool:
    """Return whether a block has no transactions."""
    parsed = block_module.Header.from_bytes(header)
    return parsed.transactions_root == merkle.EMPTY_ROOT
