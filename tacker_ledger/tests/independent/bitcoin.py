# SPDX-License-Identifier: Apache-2.0
"""Transactions, block trees and proof files (page *Anchors*).

Digests are bytes in the order in which they are hashed.
"""

import dataclasses
import hashlib

from tacker_ledger.tests.independent import hashing
from tacker_ledger.tests.independent import refusal

MAX_TRANSACTION_BYTES = 400_000
MAX_PROOF_BYTES = 64 * 1024
ALL_COINS_SATOSHI = 2_100_000_000_000_000
_MAGIC = (b'\0OpenTimestamps\0\0Proof\0'
          + bytes.fromhex('bf89e2e884e89294') + b'\x01')
_IN_A_BLOCK = bytes.fromhex('0588960d73d71901')
_SHA256, _APPEND, _PREPEND, _ATTESTATION = 0x08, 0xf0, 0xf1, 0x00


def twice(data: bytes) -> bytes:
    """Return SHA-256 of SHA-256."""
    return hashing.sha256(hashing.sha256(data))


def shown(digest: bytes) -> str:
    """Return an id as Bitcoin's tools write it."""
    return digest[::-1].hex()


class _Walk:
    """Goes through bytes from the first to the last."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        refusal.require(count <= len(self._data) - self._at, 'malformed',
                        'the end comes early')
        self._at += count
        return self._data[self._at - count:self._at]

    def next_is(self, expected: bytes) -> bool:
        return self._data.startswith(expected, self._at)

    def little(self, count: int) -> int:
        return int.from_bytes(self.take(count), 'little')

    def compact(self) -> int:
        """Return a number of Bitcoin's compact form."""
        first = self.little(1)
        for mark, size, least in ((0xfd, 2, 0xfd), (0xfe, 4, 1 << 16),
                                  (0xff, 8, 1 << 32)):
            if first == mark:
                number = self.little(size)
                refusal.require(number >= least, 'malformed',
                                'not the shortest form')
                return number
        return first

    def sevens(self) -> int:
        """Return a number of OpenTimestamps, seven bits in a byte."""
        number = shift = 0
        while True:
            byte = self.little(1)
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    def end(self) -> None:
        refusal.require(self._at == len(self._data), 'malformed',
                        'bytes are left over')


@dataclasses.dataclass(frozen=True, slots=True)
class Transaction:
    """What a transaction spends, (id, index), and pays, (value, script).
    """

    digest: bytes
    inputs: list[tuple[bytes, int]]
    outputs: list[tuple[int, bytes]]

    def root(self) -> bytes:
        """Return the 32 bytes that it publishes."""
        found = [script[2:] for _, script in self.outputs
                 if len(script) == 34 and script[:2] == b'\x6a\x20']
        refusal.require(len(found) == 1, 'not-an-anchor',
                        f'{len(found)} roots')
        return found[0]


def _number(value: int, size: int) -> bytes:
    return value.to_bytes(size, 'little')


def _compact(value: int) -> bytes:
    if value < 0xfd:
        return _number(value, 1)
    if value < 1 << 16:
        return b'\xfd' + _number(value, 2)
    return b'\xfe' + _number(value, 4)


def read_transaction(data: bytes) -> Transaction:
    """Return the transaction that ``data`` is, with or without witnesses.

    The digest is that of its fields written anew, witnesses left out.
    """
    refusal.require(len(data) <= MAX_TRANSACTION_BYTES, 'too-large')
    walk = _Walk(data)
    plain = walk.take(4)
    has_witnesses = walk.next_is(b'\x00\x01')
    if has_witnesses:
        walk.take(2)
    count = walk.compact()
    refusal.require(count > 0, 'malformed', 'no inputs')
    plain += _compact(count)
    inputs = []
    for _ in range(count):
        spent, index = walk.take(32), walk.little(4)
        script, sequence = walk.take(walk.compact()), walk.take(4)
        inputs.append((spent, index))
        plain += (spent + _number(index, 4) + _compact(len(script)) + script
                  + sequence)
    count = walk.compact()
    refusal.require(count > 0, 'malformed', 'no outputs')
    plain += _compact(count)
    outputs = []
    for _ in range(count):
        satoshi = walk.little(8)
        refusal.require(satoshi <= ALL_COINS_SATOSHI, 'malformed', 'value')
        script = walk.take(walk.compact())
        outputs.append((satoshi, script))
        plain += _number(satoshi, 8) + _compact(len(script)) + script
    if has_witnesses:
        _pass_witnesses(walk, len(inputs))
    plain += walk.take(4)
    walk.end()
    return Transaction(twice(plain), inputs, outputs)


def _pass_witnesses(walk: _Walk, inputs: int) -> None:
    items = 0
    for _ in range(inputs):
        for _ in range(walk.compact()):
            walk.take(walk.compact())
            items += 1
    refusal.require(items > 0, 'malformed', 'announced, and none')


def block_root(digests: list[bytes]) -> bytes:
    """Return the Merkle root of a block with these transactions."""
    if len(digests) == 1:
        return digests[0]
    if len(digests) % 2:
        digests = [*digests, digests[-1]]
    return block_root([twice(left + right) for left, right
                       in zip(digests[::2], digests[1::2], strict=True)])


@dataclasses.dataclass(frozen=True, slots=True)
class Proof:
    """What a proof file says: from its first digest to a block's root."""

    digests: list[bytes]
    height: int


def read_proof(data: bytes, leaf_hash: bytes) -> Proof:
    """Follow a proof file from the hash of its leaf file."""
    refusal.require(len(data) <= MAX_PROOF_BYTES, 'too-large')
    walk = _Walk(data)
    refusal.require(walk.take(len(_MAGIC)) == _MAGIC
                    and walk.little(1) == _SHA256, 'malformed',
                    'no proof of this kind')
    refusal.require(walk.take(32) == leaf_hash, 'bad-hash', 'another file')
    message, digests = leaf_hash, [leaf_hash]
    while (step := walk.little(1)) != _ATTESTATION:
        if step == _SHA256:
            message = hashlib.sha256(message).digest()
            digests.append(message)
        elif step == _APPEND:
            message += walk.take(walk.sevens())
        elif step == _PREPEND:
            message = walk.take(walk.sevens()) + message
        else:
            raise refusal.Refused('malformed', f'step {step:02x}')
    refusal.require(message == digests[-1], 'malformed', 'no digest')
    refusal.require(walk.take(8) == _IN_A_BLOCK, 'malformed',
                    'attested by something else')
    said = _Walk(walk.take(walk.sevens()))
    height = said.sevens()
    said.end()
    walk.end()
    return Proof(digests, height)
