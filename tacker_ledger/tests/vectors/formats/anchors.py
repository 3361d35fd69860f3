# SPDX-License-Identifier: Apache-2.0
"""Leaf files, roots, path files, lists and proofs of anchors."""

from typing import Any

from tacker_ledger.bitcoin import proof_file
from tacker_ledger.core.securelog import anchor_chain
from tacker_ledger.core.securelog import anchor_tree
from tacker_ledger.core.securelog import leaf
from tacker_ledger.core.securelog import op_return
from tacker_ledger.core.securelog import transaction
from tacker_ledger.tests import vectors

NAME = 'anchors'

_TIP = transaction.Outpoint(vectors.fixed_bytes('tip', 32).hex(), 0)
_HEIGHT = 812


def _anchor(root: bytes) -> str:
    """Return a transaction without signatures that publishes ``root``."""
    scripts = (b'\x00\x14' + vectors.fixed_bytes('next', 20),
               op_return.script(root),
               b'\x00\x14' + vectors.fixed_bytes('change', 20))
    outputs = b''.join(
        satoshi.to_bytes(8, 'little') + bytes([len(script)]) + script
        for satoshi, script in zip((1000, 0, 70_000), scripts, strict=True))
    return (b'\x02\0\0\0\x01' + bytes.fromhex(_TIP.txid)[::-1] + bytes(5)
            + b'\xfd\xff\xff\xff\x03' + outputs + bytes(4)).hex()


def make() -> dict[str, Any]:
    """Return an anchor of three logs, the ledger's head and an old chain."""
    files = [
        (log_id, writer, 100 * writer, vectors.fixed_bytes(
            f'record {number} {writer}', 64))
        for number, (log_id, writers) in enumerate(
            (vectors.fixed_bytes(f'log {index}', 16), count)
            for index, count in enumerate((1, 3, 2)))
        for writer in range(1, writers + 1)]
    logs: dict[bytes, list[anchor_tree.Entry]] = {}
    for log_id, writer, sequence, record in files:
        logs.setdefault(log_id, []).append(anchor_tree.Entry(
            writer, sequence, leaf.checkpoint_hash(
                log_id, writer, sequence, record)))
    head = anchor_tree.Head(vectors.fixed_bytes('chain', 32), 4711,
                            vectors.fixed_bytes('block', 32))
    tree = anchor_tree.AnchorTree(logs, head, _TIP)
    raw = _anchor(tree.root)
    one = transaction.parse(raw)
    block = [vectors.fixed_bytes(f'transaction {n}', 32).hex()
             for n in range(4)] + [one.txid]
    leaves = []
    for log_id, writer, sequence, record in files:
        data = leaf.leaf_file(log_id, writer, sequence, record)
        leaves.append({
            'log_id': log_id, 'writer': writer, 'sequence': sequence,
            'record': record, 'file': data, 'hash': leaf.leaf_hash(data),
            'ots': proof_file.build(
                leaf.leaf_hash(data), tree.log_path(log_id).ots_steps(
                    writer, sequence), raw, block, _HEIGHT)})
    return {
        'leaves': leaves,
        'ledger': {'chain_id': head.chain_id, 'height': head.height,
                   'block_hash': head.block_hash,
                   'file': leaf.ledger_leaf(head.chain_id, head.height,
                                            head.block_hash),
                   'path': tree.ledger_path().encode()},
        'rebase': {'tip': _TIP.text, 'file': leaf.rebase_leaf(_TIP),
                   'path': tree.rebase_path().encode()},
        'paths': [tree.log_path(log_id).encode() for log_id in sorted(logs)],
        'root': tree.root,
        'transaction': {'raw': raw, 'txid': one.txid,
                        'block': block, 'height': _HEIGHT},
        'list': anchor_chain.AnchorList('regtest', _TIP, (
            (one.txid, vectors.fixed_bytes('bitcoin', 32).hex()),)).encode(),
    }
