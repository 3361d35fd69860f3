# SPDX-License-Identifier: Apache-2.0
"""The authenticated map and its proofs (page *State*, *The map*, *Proofs*).
"""

from tacker_ledger.tests.independent import hashing
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import shapes

ZEROS = bytes(32)
FULL_LEVELS = 20
MAX_PROOF_BYTES = 16_384


def bit(key: bytes, index: int) -> int:
    """Return a bit of ``key``, counted from its most significant one."""
    return key[index // 8] >> (7 - index % 8) & 1


def leaf(chain_id: bytes, key: bytes, value_hash: bytes) -> bytes:
    """Return the leaf of one entry."""
    return hashing.digest('state-leaf', chain_id, key, value_hash)


def _parent(left: bytes, right: bytes) -> bytes:
    if left == ZEROS == right:
        return ZEROS
    return hashing.inner(left, right)


def node(chain_id: bytes, entries: dict[bytes, bytes], depth: int) -> bytes:
    """Return *node(S, d)*, just as the page defines it.

    :param entries: value hashes by key
    """
    if not entries:
        return ZEROS
    if depth >= FULL_LEVELS and len(entries) == 1:
        (key, value_hash), = entries.items()
        return leaf(chain_id, key, value_hash)
    halves: tuple[dict[bytes, bytes], ...] = ({}, {})
    for key, value_hash in entries.items():
        halves[bit(key, depth)][key] = value_hash
    return _parent(node(chain_id, halves[0], depth + 1),
                   node(chain_id, halves[1], depth + 1))


class StateMap:
    """The map over a growing state; knows its root after each change."""

    def __init__(self, chain_id: bytes) -> None:
        self._chain_id = chain_id
        self._buckets: dict[int, dict[bytes, bytes]] = {}
        self._nodes: dict[int, bytes] = {}
        self._values: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return the value of ``key``."""
        return self._values.get(key)

    def entries(self) -> dict[bytes, bytes]:
        """Return all value hashes by key."""
        return {key: hashing.sha256(value)
                for key, value in self._values.items()}

    @property
    def root(self) -> bytes:
        """Return the state root."""
        return self._nodes.get(1, ZEROS)

    def update(self, changes: dict[bytes, bytes]) -> None:
        """Set values and hash what lies above them anew."""
        dirty = set()
        for key, value in changes.items():
            self._values[key] = value
            prefix = int.from_bytes(key[:4], 'big') >> (32 - FULL_LEVELS)
            bucket = self._buckets.setdefault(prefix, {})
            bucket[key] = hashing.sha256(value)
            dirty.add(1 << FULL_LEVELS | prefix)
        for place in dirty:
            bucket = self._buckets[place - (1 << FULL_LEVELS)]
            self._nodes[place] = node(self._chain_id, bucket, FULL_LEVELS)
        for _ in range(FULL_LEVELS):
            dirty = {place // 2 for place in dirty}
            for place in dirty:
                self._nodes[place] = _parent(
                    self._nodes.get(2 * place, ZEROS),
                    self._nodes.get(2 * place + 1, ZEROS))


def check_proof(chain_id: bytes, root: bytes, key: bytes,
                value: bytes | None, proof: bytes) -> None:
    """Refuse unless ``proof`` shows the value of ``key``, or none."""
    try:
        bitmap, siblings, depth, other = shapes.read(
            proof, MAX_PROOF_BYTES, shapes.fields(
                shapes.octets(0, 32), shapes.array(shapes.DIGEST, 0, 256),
                shapes.integer(FULL_LEVELS, 256),
                shapes.nullable(
                    shapes.fields(shapes.DIGEST, shapes.DIGEST))))
    except refusal.Refused as exc:
        raise refusal.Refused('bad-proof', str(exc)) from None
    refusal.require(len(bitmap) == -(-depth // 8), 'bad-proof', 'bitmap')
    bits = [bit(bitmap, index) for index in range(8 * len(bitmap))]
    refusal.require(not any(bits[depth:]), 'bad-proof', 'padding bits')
    refusal.require(sum(bits) == len(siblings) and ZEROS not in siblings,
                    'bad-proof', 'siblings')
    refusal.require(depth == FULL_LEVELS or bits[depth - 1] == 1,
                    'bad-proof', 'a walk beyond what is there')
    at = _end_of_walk(chain_id, key, value, depth, other)
    given = list(siblings)
    for level in range(depth, 0, -1):
        sibling = given.pop() if bits[level - 1] else ZEROS
        at = (_parent(sibling, at) if bit(key, level - 1)
              else _parent(at, sibling))
    refusal.require(at == root, 'bad-proof', 'another root')


def _end_of_walk(chain_id: bytes, key: bytes, value: bytes | None,
                 depth: int, other: list[bytes] | None) -> bytes:
    if value is not None:
        refusal.require(other is None, 'bad-proof', 'another entry')
        return leaf(chain_id, key, hashing.sha256(value))
    if other is None:
        return ZEROS
    other_key, value_hash = other
    refusal.require(
        other_key != key
        and all(bit(other_key, i) == bit(key, i) for i in range(depth)),
        'bad-proof', 'the other entry is elsewhere')
    return leaf(chain_id, other_key, value_hash)
