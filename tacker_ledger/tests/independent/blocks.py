# SPDX-License-Identifier: Apache-2.0
"""Headers, blocks and inclusion proofs (page *Blocks*)."""

import dataclasses

from tacker_ledger.tests.independent import cbor
from tacker_ledger.tests.independent import hashing
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import shapes
from tacker_ledger.tests.independent import transactions

MAX_HEADER_BYTES = 256
MAX_BLOCK_BYTES = 8_388_608
MAX_TRANSACTIONS = 300


@dataclasses.dataclass(frozen=True, slots=True)
class Header:
    """The fields of a header, and the bytes that its digest covers."""

    encoded: bytes
    chain_id: bytes
    height: int
    parent: bytes
    transactions_root: bytes
    state_root: bytes
    time_ms: int
    proposer: int
    federation: bytes

    @property
    def digest(self) -> bytes:
        """Return the digest, which names the block."""
        return hashing.digest('block', self.chain_id, self.encoded)


def parse_header(encoded: bytes) -> Header:
    """Return the header in ``encoded``."""
    return Header(encoded, *shapes.versioned(
        encoded, MAX_HEADER_BYTES, shapes.DIGEST, shapes.HEIGHT,
        shapes.DIGEST, shapes.DIGEST, shapes.DIGEST, shapes.TIME,
        shapes.integer(0, 255), shapes.DIGEST))


def leaf(chain_id: bytes, index: int, size: int, encoded: bytes) -> bytes:
    """Return the leaf of a transaction at ``index`` of ``size``."""
    return hashing.digest(
        'block-transaction', chain_id, index.to_bytes(4, 'big'),
        size.to_bytes(4, 'big'), encoded)


def transactions_root(chain_id: bytes, encoded: list[bytes]) -> bytes:
    """Return the transactions root."""
    return hashing.tree_root([
        leaf(chain_id, index, len(encoded), each)
        for index, each in enumerate(encoded)])


def parse_block(encoded: bytes) -> tuple[Header, list[bytes]]:
    """Return header and transactions, which belong to each other."""
    header_bytes, body = shapes.versioned(
        encoded, MAX_BLOCK_BYTES, shapes.octets(0, MAX_HEADER_BYTES),
        shapes.array(shapes.octets(1, transactions.MAX_BYTES), 0,
                     MAX_TRANSACTIONS))
    header = parse_header(header_bytes)
    refusal.require(
        header.transactions_root == transactions_root(header.chain_id, body),
        'bad-block', 'transactions root')
    return header, body


def check_inclusion(chain_id: bytes, root: bytes, transaction: bytes,
                    proof: bytes) -> None:
    """Refuse unless ``proof`` shows ``transaction`` under ``root``."""
    try:
        index, size, path = shapes.read(proof, 1024, shapes.fields(
            shapes.integer(0, MAX_TRANSACTIONS - 1),
            shapes.integer(1, MAX_TRANSACTIONS),
            shapes.array(shapes.DIGEST, 0, 9)))
    except refusal.Refused as exc:
        raise refusal.Refused('bad-proof', str(exc)) from None
    refusal.require(index < size, 'bad-proof', 'no such place')
    hashing.check_path(leaf(chain_id, index, size, transaction), index, size,
                       path, root)


def genesis_header(chain_id: bytes, federation: bytes, created_ms: int
                   ) -> Header:
    """Return the header of height 0.

    :param federation: digest of the genesis document
    :param created_ms: its time of creation
    """
    return parse_header(cbor.encode([
        1, chain_id, 0, bytes(32), hashing.tree_root([]), bytes(32),
        created_ms, 0, federation]))
