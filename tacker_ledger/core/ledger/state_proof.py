# SPDX-License-Identifier: Apache-2.0
"""Proofs of the authenticated map: what a light client checks.

On the wire ``[bitmap, siblings, depth, other]``.  ``depth`` levels are
walked from the root along the bits of the key; bit i of the bitmap says
whether the sibling at level i is given or zeros.  At the end stands the
key's own leaf (presence), zeros, or the leaf of ``other``, a key that shares
the first ``depth`` bits (absence).

One state root admits one proof per key and in one encoding, so a proof can
be compared, cached and hashed.
"""

from collections.abc import Sequence
import dataclasses
import hashlib

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core import limits

#: Levels of the full part of the map; no proof is shorter.
DEPTH = 20
KEY_BITS = 256
#: The empty node, and the root over no keys.
ZEROS = bytes(hashing.DIGEST_BYTES)

_PROOF = codec.Record(
    codec.Bytes(-(-DEPTH // 8), KEY_BITS // 8),
    codec.Array(identifiers.DIGEST, 0, KEY_BITS),
    codec.Int(DEPTH, KEY_BITS),
    codec.Optional(codec.Record(identifiers.DIGEST, identifiers.DIGEST)))


def node(left: bytes, right: bytes) -> bytes:
    """Return the node over two others, 32 bytes."""
    if left == ZEROS and right == ZEROS:
        return ZEROS
    return hashing.inner_node(left, right)


def leaf(h: hashing.Hasher, key: bytes, value_hash: bytes) -> bytes:
    """Return the leaf of a key, 32 bytes.

    :param value_hash: SHA-256 of its value
    """
    return h.hash(hashing.Tag.STATE_LEAF, key, value_hash)


def bit(position: int, level: int) -> int:
    """Return bit ``level`` of a key as an integer, the highest first."""
    return position >> (KEY_BITS - 1 - level) & 1


@dataclasses.dataclass(frozen=True, slots=True)
class Proof:
    """Which value a key has under a root, or that it has none.

    :param bitmap: one bit per level from the root downwards, 1 where the
        sibling is not zeros; padded with zero bits to whole bytes
    :param siblings: those that are not zeros, from the root downwards
    :param depth: levels walked, 20 or more
    :param other: of the key whose leaf stands there instead: key and
        SHA-256 of its value
    """

    bitmap: bytes
    siblings: tuple[bytes, ...]
    depth: int
    other: tuple[bytes, bytes] | None

    @classmethod
    def of_siblings(cls, siblings: Sequence[bytes],
                    other: tuple[bytes, bytes] | None) -> 'Proof':
        """Return the proof with these siblings, from the root downwards."""
        depth = len(siblings)
        size = -(-depth // 8)
        bits = 0
        for sibling in siblings:
            bits = bits << 1 | (sibling != ZEROS)
        bits <<= 8 * size - depth
        return cls(
            bits.to_bytes(size, 'big'),
            tuple([sibling for sibling in siblings if sibling != ZEROS]),
            depth, other)

    @classmethod
    def from_bytes(cls, raw: bytes) -> 'Proof':
        """Return the proof that ``raw`` encodes.

        :raises BadProof: not canonical, not of the schema, or not in the
            one form a proof can have
        """
        try:
            proof = cls(*codec.decode(raw, _PROOF, limits.PROOF_MAX_BYTES))
        except errors.FormatError as exc:
            raise errors.BadProof(f'not a proof: {exc.message}',
                                  reason=exc.code) from exc
        proof._check_form()
        return proof

    def _check_form(self) -> None:
        size = -(-self.depth // 8)
        bits = int.from_bytes(self.bitmap, 'big')
        padding = 8 * size - self.depth
        if len(self.bitmap) != size or bits & ((1 << padding) - 1):
            raise errors.BadProof('the bitmap does not fit the depth')
        if (bits.bit_count() != len(self.siblings)
                or ZEROS in self.siblings):
            raise errors.BadProof('the siblings do not fit the bitmap')
        # A bucket is split only where both halves, or what is below the
        # one, need it: the last sibling of a longer walk is not empty.
        if self.depth > DEPTH and not bits >> padding & 1:
            raise errors.BadProof('the proof walks on where nothing is')

    def to_bytes(self) -> bytes:
        """Return the canonical encoding."""
        return codec.encode(
            (self.bitmap, self.siblings, self.depth, self.other))

    def fold(self, key: bytes, end: bytes) -> bytes:
        """Return the root that this proof leads to.

        :param key: 32 bytes
        :param end: the node at the end of the walk, 32 bytes
        """
        position = int.from_bytes(key, 'big')
        bits = int.from_bytes(self.bitmap, 'big')
        bits >>= 8 * len(self.bitmap) - self.depth
        given = len(self.siblings)
        folded = end
        for level in range(self.depth - 1, -1, -1):
            sibling = ZEROS
            if bits & 1:
                given -= 1
                sibling = self.siblings[given]
            bits >>= 1
            folded = (node(sibling, folded) if bit(position, level)
                      else node(folded, sibling))
        return folded


def verify(h: hashing.Hasher, root: bytes, key: bytes, value: bytes | None,
           proof: bytes) -> None:
    """Check what a state says about a key.

    :param root: state root of a header that is believed
    :param key: 32 bytes
    :param value: the value claimed, or None for "there is none"
    :param proof: encoded
    :raises BadProof: the proof does not show that
    """
    check(h, root, key, value, Proof.from_bytes(proof))


def check(h: hashing.Hasher, root: bytes, key: bytes, value: bytes | None,
          proof: Proof) -> None:
    """Do what :func:`verify` does with a proof that is parsed.

    :raises BadProof: the proof does not show that
    """
    if value is not None:
        if proof.other is not None:
            raise errors.BadProof('a proof of presence names another key')
        end = leaf(h, key, hashlib.sha256(value).digest())
    elif proof.other is None:
        end = ZEROS
    else:
        end = _other_leaf(h, key, proof)
    if proof.fold(key, end) != root:
        raise errors.BadProof('the proof does not lead to the state root',
                              key=key.hex())


def _other_leaf(h: hashing.Hasher, key: bytes, proof: Proof) -> bytes:
    """Return the leaf that stands where the key's own would."""
    assert proof.other is not None
    other, value_hash = proof.other
    shift = KEY_BITS - proof.depth
    if other == key or (int.from_bytes(other, 'big') >> shift
                        != int.from_bytes(key, 'big') >> shift):
        raise errors.BadProof('the other key does not stand in the way',
                              key=key.hex())
    return leaf(h, other, value_hash)
