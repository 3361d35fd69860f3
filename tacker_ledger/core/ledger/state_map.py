# SPDX-License-Identifier: Apache-2.0
"""The authenticated map: one root over all state, short proofs for any key.

A binary Merkle map over 256-bit keys.  The top 20 levels are one array in
heap order (root 1, children of i at 2i and 2i + 1, bucket p at 2^20 + p,
where p are the first 20 bits of a key); below, each bucket is compact: an
empty one is zeros, one with a single key is that key's leaf, a fuller one
is split on the next bits.

* leaf(key, value) = H(state-leaf, key | SHA-256(value))
* node(l, r) = zeros if both are zeros, else SHA-256(0x01 | l | r)

The map is updated once per block with all of its changes, so a node above
many changed buckets is computed once.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import hashlib
import itertools
from typing import Protocol

from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import state_proof

#: Levels of the array; part of the format.
DEPTH = state_proof.DEPTH
#: The empty node, and the root over no keys.
ZEROS = state_proof.ZEROS
ROOT = 1

_FIRST_BUCKET = 1 << DEPTH
_PREFIX_BYTES = -(-DEPTH // 8)
_PREFIX_SHIFT = 8 * _PREFIX_BYTES - DEPTH

#: A key (32 bytes) and SHA-256 of its value.
HashedItem = tuple[bytes, bytes]
#: A key and its leaf.
_Leaf = tuple[bytes, bytes]

Proof = state_proof.Proof
verify = state_proof.verify


class NodeArray(Protocol):
    """The 2^21 nodes of the top, zeros where nothing was set."""

    def get(self, index: int) -> bytes:
        """Return node ``index``, 32 bytes."""

    def set(self, index: int, digest: bytes) -> None:
        """Change node ``index``."""

    def update(self, nodes: Mapping[int, bytes]) -> None:
        """Change nodes by their index."""

    def clear(self) -> None:
        """Make every node zeros."""


class BucketSource(Protocol):
    """Where the keys below the array are."""

    def bucket(self, prefix20: int) -> Sequence[HashedItem]:
        """Return the keys with these first 20 bits, sorted by key.

        Each with SHA-256 of its value, as the newest commit left it.
        """


class SparseNodes:
    """A :class:`NodeArray` in memory, for few keys and for tests."""

    __slots__ = ('_nodes',)

    def __init__(self) -> None:
        self._nodes: dict[int, bytes] = {}

    def get(self, index: int) -> bytes:
        """Return node ``index``, 32 bytes."""
        return self._nodes.get(index, ZEROS)

    def set(self, index: int, digest: bytes) -> None:
        """Change node ``index``."""
        self._nodes[index] = digest

    def update(self, nodes: Mapping[int, bytes]) -> None:
        """Change nodes by their index."""
        self._nodes.update(nodes)

    def clear(self) -> None:
        """Make every node zeros."""
        self._nodes.clear()


class RootOnly:
    """A :class:`NodeArray` that keeps nothing but the root.

    For :func:`build` alone, where only the root is wanted.
    """

    __slots__ = ('_root',)

    def __init__(self) -> None:
        self._root = ZEROS

    def get(self, index: int) -> bytes:
        """Return the root."""
        return self._root if index == ROOT else ZEROS

    def set(self, index: int, digest: bytes) -> None:
        """Keep the root."""
        if index == ROOT:
            self._root = digest

    def update(self, nodes: Mapping[int, bytes]) -> None:
        """Keep the root."""
        self._root = nodes.get(ROOT, self._root)

    def clear(self) -> None:
        """Make the root zeros."""
        self._root = ZEROS


class MemoryState:
    """Values in memory: a ``StateView`` and a :class:`BucketSource`."""

    __slots__ = ('_values', '_buckets')

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self._buckets: dict[int, dict[bytes, bytes]] = {}

    def get(self, state_key: bytes) -> bytes | None:
        """Return the value of a key, or None."""
        return self._values.get(state_key)

    def bucket(self, prefix20: int) -> list[HashedItem]:
        """Return (key, value hash) of a bucket, sorted by key."""
        return sorted(self._buckets.get(prefix20, {}).items())

    def update(self, changes: Mapping[bytes, bytes]) -> None:
        """Take over the changes of a committed block."""
        for key, value in changes.items():
            self._values[key] = value
            self._buckets.setdefault(prefix_of(key), {})[key] = (
                value_hash(value))

    def hashes(self) -> list[HashedItem]:
        """Return (key, value hash) of everything, sorted by key."""
        return sorted((key, value_hash(value))
                      for key, value in self._values.items())


@dataclasses.dataclass(frozen=True, slots=True)
class Overlay:
    """What a set of changes does to the map; nothing is stored yet.

    :param root: afterwards, 32 bytes
    :param node_updates: index in the array -> new node
    """

    root: bytes
    node_updates: dict[int, bytes] = dataclasses.field(repr=False)


class StateMap:
    """The map over an array and the buckets below it.

    :param h: of the chain
    :param nodes: the array, in step with the buckets
    :param buckets: where the keys are
    """

    def __init__(self, h: hashing.Hasher, nodes: NodeArray,
                 buckets: BucketSource) -> None:
        self._h = h
        self._nodes = nodes
        self._buckets = buckets

    def root(self) -> bytes:
        """Return the root over the committed state, 32 bytes."""
        return self._nodes.get(ROOT)

    def overlay(self, changes: Mapping[bytes, bytes]) -> Overlay:
        """Return what changes would do, and leave everything as it is.

        :param changes: state key -> new value; keys are never removed
        """
        by_prefix: dict[int, dict[bytes, bytes]] = {}
        for key, value in changes.items():
            by_prefix.setdefault(prefix_of(key), {})[key] = (
                value_hash(value))
        level = {}
        for prefix, hashed in by_prefix.items():
            items = dict(self._buckets.bucket(prefix))
            items.update(hashed)
            level[_FIRST_BUCKET + prefix] = self._bucket_root(
                sorted(items.items()))
        return self._climb(level)

    def _bucket_root(self, items: Sequence[HashedItem]) -> bytes:
        return bucket_root(leaves_of(self._h, items))

    def _climb(self, level: dict[int, bytes]) -> Overlay:
        """Return all nodes above changed buckets.

        The hot loop: every node above is computed once, whatever changed
        below it.  None of them is zeros, for keys are never removed.
        """
        updates = dict(level)
        get = self._nodes.get
        sha256 = hashlib.sha256
        for _ in range(DEPTH):
            above: dict[int, bytes] = {}
            changed = level.get
            for index, node in level.items():
                if index & 1:
                    if changed(index - 1) is None:
                        above[index >> 1] = sha256(
                            b'\x01' + get(index - 1) + node).digest()
                else:
                    above[index >> 1] = sha256(
                        b'\x01' + node
                        + (changed(index + 1) or get(index + 1))).digest()
            updates.update(above)
            level = above
        return Overlay(level.get(ROOT, self.root()), updates)

    def commit(self, overlay: Overlay) -> None:
        """Put an overlay into the array.

        The caller makes the changed values durable first and lets
        ``buckets`` show them.
        """
        self._nodes.update(overlay.node_updates)

    def prove(self, key: bytes) -> Proof:
        """Return the proof of a key's value, or of its absence.

        Which of the two it is shows in the state: :func:`verify` with the
        value that ``StateView.get`` gives.
        """
        position = int.from_bytes(key, 'big')
        siblings = []
        index = ROOT
        for level in range(DEPTH):
            index = 2 * index + state_proof.bit(position, level)
            siblings.append(self._nodes.get(index ^ 1))
        items = self._buckets.bucket(prefix_of(key))
        leaves: Sequence[_Leaf] = leaves_of(self._h, items)
        depth = DEPTH
        while len(leaves) > 1:
            left, right = _split(leaves, depth)
            if state_proof.bit(position, depth):
                left, right = right, left
            siblings.append(bucket_root(right, depth + 1))
            leaves = left
            depth += 1
        other = None
        if leaves and leaves[0][0] != key:
            other = (leaves[0][0], dict(items)[leaves[0][0]])
        return Proof.of_siblings(siblings, other)


def build(h: hashing.Hasher, nodes: NodeArray,
          items: Iterable[HashedItem]) -> bytes:
    """Fill an array from all keys of a state; return the root.

    Each node is put into the array as soon as it is known, so this needs no
    more memory for many keys than for few: of the nodes of a level, only
    the last one waits for its neighbour.

    :param nodes: whatever it holds is cleared first
    :param items: every key with SHA-256 of its value, sorted by key
    """
    nodes.clear()
    put = nodes.set
    sha256 = hashlib.sha256
    #: level -> (index, node) of the last left child, its neighbour unknown
    waiting: list[tuple[int, bytes] | None] = [None] * (DEPTH + 1)

    def add(level: int, index: int, node: bytes) -> None:
        """Set a node, and those above it that are complete by it."""
        while True:
            put(index, node)
            if level == 0:
                return
            left = waiting[level]
            if index & 1:
                sibling = left[1] if left and left[0] == index - 1 else ZEROS
                waiting[level] = None
                node = sha256(b'\x01' + sibling + node).digest()
            else:
                waiting[level] = index, node
                return
            level, index = level - 1, index >> 1

    def close(level: int, below: int) -> None:
        """Complete what waits at a level for a node that never comes."""
        left = waiting[level]
        if left is not None and left[0] < below - 1:
            waiting[level] = None
            add(level - 1, left[0] >> 1,
                sha256(b'\x01' + left[1] + ZEROS).digest())

    for prefix, group in itertools.groupby(
            items, key=lambda item: prefix_of(item[0])):
        index = _FIRST_BUCKET + prefix
        # from the bottom: closing a level may let the one above wait
        for level in range(DEPTH, 0, -1):
            close(level, index >> (DEPTH - level))
        add(DEPTH, index, bucket_root(leaves_of(h, list(group))))
    for level in range(DEPTH, 0, -1):
        close(level, 1 << (DEPTH + 2))
    return nodes.get(ROOT)


def prefix_of(key: bytes) -> int:
    """Return the first 20 bits of a key: the number of its bucket."""
    return int.from_bytes(key[:_PREFIX_BYTES], 'big') >> _PREFIX_SHIFT


def value_hash(value: bytes) -> bytes:
    """Return what a leaf holds of a value: SHA-256, untagged."""
    return hashlib.sha256(value).digest()


def leaves_of(h: hashing.Hasher, items: Iterable[HashedItem]
              ) -> list[_Leaf]:
    """Return (key, leaf) for every (key, value hash)."""
    tag = hashing.Tag.STATE_LEAF
    return [(key, h.hash(tag, key, hashed)) for key, hashed in items]


def bucket_root(leaves: Sequence[_Leaf], depth: int = DEPTH) -> bytes:
    """Return the node over sorted leaves that share ``depth`` bits."""
    if len(leaves) < 2:
        return leaves[0][1] if leaves else ZEROS
    left, right = _split(leaves, depth)
    return state_proof.node(bucket_root(left, depth + 1),
                            bucket_root(right, depth + 1))


def _split(leaves: Sequence[_Leaf], depth: int
           ) -> tuple[Sequence[_Leaf], Sequence[_Leaf]]:
    """Split sorted leaves by bit ``depth`` of their keys."""
    byte, mask = depth >> 3, 0x80 >> (depth & 7)
    ones = next((place for place, (key, _) in enumerate(leaves)
                 if key[byte] & mask), len(leaves))
    return leaves[:ones], leaves[ones:]
