# SPDX-License-Identifier: Apache-2.0
"""Tagged hashes and Merkle trees (page *Primitives*)."""

import hashlib

from tacker_ledger.tests.independent import refusal

#: The tags that are the same on every chain.
UNBOUND = frozenset({
    'genesis', 'key', 'log-text', 'log-evolve', 'log-seal', 'log-tags',
    'log-previous', 'log-opening', 'log-opening-signature', 'log-checkpoint',
    'log-checkpoint-signature', 'log-redaction', 'log-retention',
    'anchor-checkpoint', 'anchor-ledger', 'anchor-rebase', 'anchor-log'})


def sha256(data: bytes) -> bytes:
    """Return the SHA-256 of ``data``."""
    return hashlib.sha256(data).digest()


def message(tag: str, chain_id: bytes | None, *parts: bytes) -> bytes:
    """Return the tagged message; what a signature covers."""
    refusal.require((chain_id is None) == (tag in UNBOUND), 'internal',
                    f'the tag {tag} with or without a chain')
    name = b'tacker-ledger/1/' + tag.encode('ascii')
    return bytes([len(name)]) + name + (chain_id or b'') + b''.join(parts)


def digest(tag: str, chain_id: bytes | None, *parts: bytes) -> bytes:
    """Return the tagged hash, ``H(tag, ...)``."""
    return sha256(message(tag, chain_id, *parts))


def inner(left: bytes, right: bytes) -> bytes:
    """Return an inner node of any tree."""
    return sha256(b'\x01' + left + right)


def tree_root(leaves: list[bytes]) -> bytes:
    """Return the Merkle tree hash over ``leaves``."""
    if not leaves:
        return sha256(b'')
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    return inner(tree_root(leaves[:split]), tree_root(leaves[split:]))


def check_path(leaf: bytes, index: int, size: int, path: list[bytes],
               root: bytes) -> None:
    """Refuse unless ``path`` shows ``leaf`` at ``index`` of ``size``."""
    refusal.require(0 <= index < size, 'bad-proof', 'no such place')
    refusal.require(all(len(each) == 32 for each in (leaf, root, *path)),
                    'bad-proof', 'no digest')
    siblings = iter(path)
    node, last = leaf, size - 1
    try:
        while last > 0:
            if index % 2:
                node = inner(next(siblings), node)
            elif index < last:
                node = inner(node, next(siblings))
            index, last = index // 2, last // 2
    except StopIteration:
        raise refusal.Refused('bad-proof', 'a sibling is missing') from None
    refusal.require(next(siblings, None) is None, 'bad-proof',
                    'a sibling too many')
    refusal.require(node == root, 'bad-proof', 'another root')
