# SPDX-License-Identifier: Apache-2.0
"""Blocks: a header that is certified, and the transactions under it.

The header names its parent and the state *after* its transactions, so one
certificate proves what was published, what holds now, and what does not
exist.  Transactions hang on the header by an RFC 6962 tree; each leaf also
binds its place and the size of the tree, which the bare root does not.
"""

from collections.abc import Sequence
import dataclasses
from typing import Protocol

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core import limits
from tacker_ledger.core import merkle

VERSION = 1
#: The parent of the genesis block, and the root of the empty state.
ZEROS = bytes(hashing.DIGEST_BYTES)

_HEADER = codec.Record(
    codec.Int(0, 255), identifiers.DIGEST, codec.Int(), identifiers.DIGEST,
    identifiers.DIGEST, identifiers.DIGEST, codec.Int(),
    codec.Int(0, limits.MEMBERS_MAX_COUNT - 1), identifiers.DIGEST)
_BLOCK = codec.Record(
    codec.Int(0, 255), codec.Bytes(1, limits.HEADER_MAX_BYTES),
    codec.Array(codec.Bytes(1, limits.TRANSACTION_MAX_BYTES), 0,
                limits.BLOCK_MAX_TRANSACTIONS))
_PATH_MAX_COUNT = (limits.BLOCK_MAX_TRANSACTIONS - 1).bit_length()
_INCLUSION = codec.Record(
    codec.Int(0, limits.BLOCK_MAX_TRANSACTIONS - 1),
    codec.Int(1, limits.BLOCK_MAX_TRANSACTIONS),
    codec.Array(identifiers.DIGEST, 0, _PATH_MAX_COUNT))
_INCLUSION_MAX_BYTES = 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Header:
    """What a certificate is about.

    :param chain_id: 32 bytes
    :param height: 0 for genesis
    :param parent: digest of the header before, 32 bytes
    :param transactions_root: over the leaves of the transactions
    :param state_root: of the state after them
    :param timestamp_ms: the proposer's time, above the parent's
    :param proposer: index of the member that proposed it first
    :param federation: digest of the document in force for this block
    """

    chain_id: bytes
    height: int
    parent: bytes
    transactions_root: bytes
    state_root: bytes
    timestamp_ms: int
    proposer: int
    federation: bytes

    @classmethod
    def from_bytes(cls, raw: bytes) -> 'Header':
        """Return the header that ``raw`` encodes.

        :raises FormatError: not canonical or not of the schema
        """
        version, *fields = codec.decode(
            raw, _HEADER, limits.HEADER_MAX_BYTES)
        _check_version('header', version)
        return cls(*fields)

    def to_bytes(self) -> bytes:
        """Return the canonical encoding, at most 256 bytes."""
        return codec.encode((
            VERSION, self.chain_id, self.height, self.parent,
            self.transactions_root, self.state_root, self.timestamp_ms,
            self.proposer, self.federation))

    def digest(self, h: hashing.Hasher) -> bytes:
        """Return what votes are about and children name, 32 bytes."""
        return header_digest(h, self.to_bytes())


def _check_version(what: str, version: int) -> None:
    if version != VERSION:
        raise errors.UnsupportedVersion(
            f'{what} of version {version}', known=[VERSION])


def header_digest(h: hashing.Hasher, header_bytes: bytes) -> bytes:
    """Return the tagged hash ``block`` of an encoded header."""
    return h.hash(hashing.Tag.BLOCK, header_bytes)


def peek_header(raw: bytes) -> bytes:
    """Return the encoded header of an encoded block, nothing checked.

    A block may be 8 MiB: who signed its header can be asked first.

    :raises Malformed: there is none where it should be
    """
    # an array of three, an integer below 24, a byte string
    lead = raw[2] if len(raw) > 4 and raw[0] == 0x83 and raw[1] < 24 else 0
    if 0x40 <= lead < 0x58:
        start, size = 3, lead - 0x40
    elif lead == 0x58:
        start, size = 4, raw[3]
    elif lead == 0x59:
        start, size = 5, int.from_bytes(raw[3:5], 'big')
    else:
        raise errors.Malformed('no header where a block begins')
    header = raw[start:start + size]
    if not 0 < len(header) == size <= limits.HEADER_MAX_BYTES:
        raise errors.Malformed('no header where a block begins')
    return header


class _CreatedDocument(Protocol):
    @property
    def created_ms(self) -> int: ...


class GenesisFederation(Protocol):
    """The federation that founds a chain (``federation.Federation``)."""

    @property
    def document(self) -> _CreatedDocument:
        """The parsed genesis document."""

    @property
    def digest(self) -> bytes:
        """Its tagged hash ``federation``, 32 bytes."""


def genesis_header(h: hashing.Hasher, federation: GenesisFederation
                   ) -> Header:
    """Return the header of height 0.

    It follows from the genesis document alone and has no certificate: the
    chain id pins it.
    """
    assert h.chain_id is not None
    return Header(h.chain_id, 0, ZEROS, merkle.EMPTY_ROOT, ZEROS,
                  federation.document.created_ms, 0, federation.digest)


def is_heartbeat(header: Header) -> bool:
    """Return whether a header names no transactions."""
    return header.transactions_root == merkle.EMPTY_ROOT


def is_bare(header: Header, raws: Sequence[bytes]) -> bool:
    """Return whether a block has lost its body, as pruned ones have."""
    return not raws and not is_heartbeat(header)


def parts_of(raw: bytes) -> tuple[Header, bytes, tuple[bytes, ...]]:
    """Return header, its bytes and the raw transactions of a block.

    Whether they belong together is not looked at: see :class:`Block`.

    :raises FormatError: not canonical, not of the schema, or larger than a
        block may be
    """
    version, header_bytes, raws = codec.decode(raw, _BLOCK,
                                               limits.BLOCK_MAX_BYTES)
    _check_version('block', version)
    return Header.from_bytes(header_bytes), header_bytes, tuple(raws)


# Transactions in a block


def transaction_leaf(h: hashing.Hasher, index: int, size: int,
                     raw: bytes) -> bytes:
    """Return the leaf of one transaction, 32 bytes.

    Tagged hash ``block-transaction`` of u32 index, u32 size and the
    transaction.  With these two a place in a block has one proof; without
    them leaf 2 of 3 would also pass for leaf 1 of 2.

    :param index: its place in the block, from 0
    :param size: how many transactions the block has
    :param raw: the encoded transaction
    """
    return h.hash(hashing.Tag.BLOCK_TRANSACTION, index.to_bytes(4, 'big'),
                  size.to_bytes(4, 'big'), raw)


def transaction_leaves(h: hashing.Hasher, raws: Sequence[bytes]
                       ) -> list[bytes]:
    """Return the leaves of all transactions of a block."""
    size = len(raws)
    return [transaction_leaf(h, index, size, raw)
            for index, raw in enumerate(raws)]


def transactions_tree(h: hashing.Hasher, raws: Sequence[bytes]
                      ) -> list[list[bytes]]:
    """Return all levels of the tree over a block's transactions.

    Leaves first, the root alone last; one empty level for no transactions.
    """
    return merkle.levels(transaction_leaves(h, raws))


def root_of(tree: Sequence[Sequence[bytes]]) -> bytes:
    """Return the root that a header names for :func:`transactions_tree`."""
    return tree[-1][0] if tree[-1] else merkle.EMPTY_ROOT


def transactions_root(h: hashing.Hasher, raws: Sequence[bytes]) -> bytes:
    """Return the root that a header names for these transactions."""
    return root_of(transactions_tree(h, raws))


@dataclasses.dataclass(frozen=True, slots=True)
class InclusionProof:
    """That a transaction stands at a place in a block.

    :param index: its place, from 0
    :param size: how many transactions the block has
    :param path: siblings from the leaf up, 32 bytes each
    """

    index: int
    size: int
    path: tuple[bytes, ...]

    @classmethod
    def of(cls, h: hashing.Hasher, raws: Sequence[bytes], index: int
           ) -> 'InclusionProof':
        """Return the proof for one of a block's transactions."""
        leaves = transaction_leaves(h, raws)
        return cls(index, len(raws), tuple(merkle.path(leaves, index)))

    @classmethod
    def from_bytes(cls, raw: bytes) -> 'InclusionProof':
        """Return the proof that ``raw`` encodes.

        :raises FormatError: not canonical or not of the schema
        """
        return cls(*codec.decode(raw, _INCLUSION, _INCLUSION_MAX_BYTES))

    def to_fields(self) -> tuple[int, int, tuple[bytes, ...]]:
        """Return ``[index, size, path]``, as answers carry it."""
        return (self.index, self.size, self.path)

    def to_bytes(self) -> bytes:
        """Return the canonical encoding."""
        return codec.encode(self.to_fields())

    def verify(self, h: hashing.Hasher, raw: bytes, root: bytes) -> None:
        """Check that the transaction stands there.

        :param raw: the encoded transaction
        :param root: of a header that is believed
        :raises BadProof: it does not
        """
        if not 0 <= self.index < self.size < 2 ** 32 or not merkle.verify(
                transaction_leaf(h, self.index, self.size, raw),
                self.index, self.size, self.path, root):
            raise errors.BadProof(
                'the transaction is not at that place in the block',
                index=self.index, size=self.size)


#: Schema of :meth:`InclusionProof.to_fields`.
INCLUSION = _INCLUSION


def _head_size(argument: int) -> int:
    """Return the bytes of a CBOR head with a length (RFC 8949, 3)."""
    if argument < 24:
        return 1
    if argument < 1 << 8:
        return 2
    return 3 if argument < 1 << 16 else 5


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """A header and the transactions it names, as received.

    Make one with :meth:`from_bytes` or :meth:`assembled` only.

    :param header: decoded
    :param header_bytes: encoded
    :param digest: of the header, 32 bytes
    :param raw_transactions: encoded, not yet looked at
    :param tree: over them, where it was made (:func:`transactions_tree`)
    """

    header: Header
    header_bytes: bytes
    digest: bytes
    raw_transactions: tuple[bytes, ...] = dataclasses.field(repr=False)
    _h: hashing.Hasher = dataclasses.field(repr=False, compare=False)
    tree: list[list[bytes]] | None = dataclasses.field(
        default=None, repr=False, compare=False)

    @classmethod
    def from_bytes(cls, h: hashing.Hasher, raw: bytes) -> 'Block':
        """Return the block that ``raw`` encodes.

        Says nothing about the transactions' own validity.

        :raises FormatError: not canonical, not of the schema, or larger
            than a block may be
        :raises BadBlock: the header names other transactions
        """
        version, header_bytes, raws = codec.decode(
            raw, _BLOCK, limits.BLOCK_MAX_BYTES)
        _check_version('block', version)
        return cls.of_parts(h, header_bytes, raws)

    @classmethod
    def of_parts(cls, h: hashing.Hasher, header_bytes: bytes,
                 raws: Sequence[bytes]) -> 'Block':
        """Return the block of a header and its transactions.

        :raises FormatError: the header is not one
        :raises BadBlock: it names other transactions
        """
        block = cls(Header.from_bytes(header_bytes), header_bytes,
                    header_digest(h, header_bytes), tuple(raws), h,
                    transactions_tree(h, raws))
        assert block.tree is not None
        if root_of(block.tree) != block.header.transactions_root:
            raise errors.BadBlock(
                'the header names other transactions',
                height=block.header.height)
        return block

    @classmethod
    def assembled(cls, h: hashing.Hasher, header: Header,
                  raws: Sequence[bytes],
                  tree: list[list[bytes]] | None = None) -> 'Block':
        """Return a proposer's block.

        :param header: its ``transactions_root`` is that of ``raws``
        :param tree: over ``raws``, if it is at hand
        """
        header_bytes = header.to_bytes()
        return cls(header, header_bytes, header_digest(h, header_bytes),
                   tuple(raws), h, tree)

    def to_bytes(self) -> bytes:
        """Return the canonical encoding."""
        return codec.encode(
            (VERSION, self.header_bytes, self.raw_transactions))

    @property
    def encoded_size(self) -> int:
        """Bytes of the canonical encoding, without making it."""
        raws = self.raw_transactions
        return (2 + _head_size(len(self.header_bytes))
                + len(self.header_bytes) + _head_size(len(raws))
                + sum([_head_size(len(raw)) + len(raw) for raw in raws]))

    def transactions(self) -> tuple[transaction_module.Transaction, ...]:
        """Return the transactions, decoded; their signatures are not read.

        :raises BadBlock: one has a wrong form or hash; the details name
            its index and the error's own code
        """
        decoded = []
        for index, raw in enumerate(self.raw_transactions):
            try:
                decoded.append(
                    transaction_module.Transaction.from_bytes(self._h, raw))
            except errors.LedgerError as exc:
                raise errors.BadBlock(
                    f'transaction {index}: {exc.message}', index=index,
                    reason=exc.code) from exc
        return tuple(decoded)

    def inclusion(self, index: int) -> InclusionProof:
        """Return the proof for one of the transactions."""
        return InclusionProof.of(self._h, self.raw_transactions, index)
