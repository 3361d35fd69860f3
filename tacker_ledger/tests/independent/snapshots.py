# SPDX-License-Identifier: Apache-2.0
"""Snapshots between members (page *Snapshots*)."""

from typing import Any

from tacker_ledger.tests.independent import blocks
from tacker_ledger.tests.independent import cbor
from tacker_ledger.tests.independent import certificates
from tacker_ledger.tests.independent import federation
from tacker_ledger.tests.independent import hashing
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import shapes
from tacker_ledger.tests.independent import state
from tacker_ledger.tests.independent import statemap

MAX_FRAME_BYTES = 16_777_216
MAX_VALUE_BYTES = 8_421_392
#: A key and its value.
Item = tuple[bytes, bytes]

_BLOCK = shapes.octets(1, blocks.MAX_BLOCK_BYTES)
_CERTIFICATE = shapes.octets(1, certificates.MAX_BYTES)
_KINDS: dict[int, tuple[shapes.Shape, ...]] = {
    25: (shapes.UNBOUNDED, shapes.integer(1, (1 << 32) - 1)),
    26: (shapes.UNBOUNDED, shapes.UNBOUNDED, _BLOCK, _CERTIFICATE),
    27: (shapes.UNBOUNDED, shapes.UNBOUNDED, shapes.integer(0, 2),
         shapes.octets(0, 64)),
    28: (shapes.UNBOUNDED, shapes.array(shapes.fields(
        shapes.octets(1, 64), shapes.octets(1, MAX_VALUE_BYTES)), 0, 8192),
        shapes.boolean),
    29: (shapes.UNBOUNDED, shapes.text(64)),
    30: (shapes.UNBOUNDED,),
}


def parse(encoded: bytes) -> list[Any]:
    """Return kind and fields of a frame."""
    value = cbor.decode(encoded, MAX_FRAME_BYTES)
    refusal.require(
        type(value) is list and len(value) > 0 and type(value[0]) is int
        and value[0] in _KINDS, 'malformed', 'kind')
    return shapes.fields(shapes.anything, *_KINDS[value[0]])(value)


def check(document: federation.Document, block: bytes, certificate: bytes,
          entries: list[Item], addressed: list[Item]) -> bytes:
    """Return the state root of a snapshot that is what it says.

    :param document: the federation in force at its height
    """
    header, _body = blocks.parse_block(block)
    encoded = cbor.decode(block, blocks.MAX_BLOCK_BYTES)[1]
    certificates.check(header.chain_id, document, encoded, certificate)
    for items, size in ((entries, 32), (addressed, 64)):
        keys = [key for key, _value in items]
        refusal.require(
            keys == sorted(set(keys))
            and all(len(key) == size for key in keys), 'bad-proof', 'keys')
    root = statemap.node(header.chain_id, {
        key: hashing.sha256(value) for key, value in entries}, 0)
    refusal.require(root == header.state_root, 'bad-proof', 'root')
    pairs = {key for key, value in entries if value[:1] == b'\x83'}
    for key, place in addressed:
        refusal.require(
            len(place) == 12
            and int.from_bytes(place[:8], 'big') <= header.height,
            'bad-proof', 'place')
        pair = state.pair_key(header.chain_id, key[:32], key[32:])
        refusal.require(pair in pairs, 'bad-proof', 'no such pair')
        pairs.remove(pair)
    refusal.require(not pairs, 'bad-proof', 'pairs left out')
    return root
