# SPDX-License-Identifier: Apache-2.0
"""The Merkle tree of RFC 6962 section 2.1 over digests.

The leaves are digests already (a tagged hash each, hence never taken for an
inner node), so the tree adds no leaf prefix: one leaf is its own root.  The
left subtree of n > 1 leaves holds the largest power of two below n.
"""

from collections.abc import Sequence
import hashlib

from tacker_ledger.core import hashing

#: The root over no leaves.
EMPTY_ROOT = hashlib.sha256().digest()


def levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Return every level of a tree, leaves first, the root alone last.

    :param leaves: none of them give one empty level

    A node without a sibling moves up unchanged.  Level by level this gives
    the same tree as the recursive definition, without its recursion.
    """
    level = list(leaves)
    levels = [level]
    while len(level) > 1:
        above = [hashing.inner_node(level[i], level[i + 1])
                 for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
        levels.append(level)
    return levels


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over ``leaves`` (32 bytes each), 32 bytes.

    Over no leaves it is SHA-256 of nothing.
    """
    return levels(leaves)[-1][0] if leaves else EMPTY_ROOT


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path of one leaf (RFC 6962 section 2.1.1).

    :param leaves: all leaves of the tree
    :param index: which one, from 0
    :returns: the siblings from the leaf up, 32 bytes each; empty for a
        tree of one leaf
    """
    return path_in(levels(leaves), index)


def path_in(levels: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    """Return the same out of the levels of a tree, made before.

    :param levels: of :func:`levels`
    """
    assert 0 <= index < len(levels[0])
    siblings = []
    for level in levels[:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            siblings.append(level[sibling])
        index >>= 1
    return siblings


def fold(leaf: bytes, index: int, size: int,
         path: Sequence[bytes]) -> bytes | None:
    """Return the root that an audit path leads to, or None.

    None means that no tree of ``size`` leaves has such a path: an index
    out of range, or a path that is too long or too short.
    """
    if not 0 <= index < size:
        return None
    node = leaf
    used = 0
    last = size - 1
    while last:
        if index & 1 or index < last:
            if used == len(path):
                return None
            sibling = path[used]
            used += 1
            node = (hashing.inner_node(sibling, node) if index & 1
                    else hashing.inner_node(node, sibling))
        index >>= 1
        last >>= 1
    return node if used == len(path) else None


def verify(leaf: bytes, index: int, size: int, path: Sequence[bytes],
           root: bytes) -> bool:
    """Return whether ``leaf`` stands at ``index`` of ``size`` leaves.

    :param leaf: the digest claimed to be in the tree, 32 bytes
    :param index: its position, from 0
    :param size: how many leaves the tree has; from the same trusted place
        as the root, because the root alone does not fix it
    :param path: the audit path, 32 bytes each
    :param root: the trusted root, 32 bytes
    """
    if len(leaf) != hashing.DIGEST_BYTES or any(
            len(sibling) != hashing.DIGEST_BYTES for sibling in path):
        return False
    return fold(leaf, index, size, path) == root
