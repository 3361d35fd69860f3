# SPDX-License-Identifier: Apache-2.0
"""Bitcoin transactions as bytes: read strictly, without a node.

Only what anchors need: inputs, outputs and the txid, which is the double
SHA-256 of the transaction without witnesses (BIP 141, BIP 144).  Txids are
text in the order in which people read them, the reverse of the bytes.
"""

import dataclasses
import hashlib
import re

from tacker_ledger.core import errors
from tacker_ledger.core import limits

TXID_CHARS = 64
_TXID = re.compile('[0-9a-f]{64}')
_OUTPOINT = re.compile('([0-9a-f]{64}):(0|[1-9][0-9]{0,9})')
_COIN_MAX_SATOSHI = 21_000_000 * 100_000_000
_INPUT_MIN_BYTES = 41
_OUTPUT_MIN_BYTES = 9
_INDEX_MAX = 0xffffffff


def double_sha256(data: bytes) -> bytes:
    """Return SHA-256 of SHA-256 of ``data``."""
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def check_txid(text: object) -> str:
    """Return ``text`` if it is 64 lower-case hex digits.

    :raises Malformed: it is not
    """
    if not isinstance(text, str) or not _TXID.fullmatch(text):
        raise errors.Malformed('Not a transaction id or block hash of 64 '
                               'lower-case hex digits')
    return text


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Outpoint:
    """One output of a transaction: what an input spends."""

    txid: str
    index: int

    @property
    def text(self) -> str:
        """``TXID:INDEX``."""
        return f'{self.txid}:{self.index}'

    @classmethod
    def parse(cls, text: str) -> 'Outpoint':
        """Return the outpoint that ``TXID:INDEX`` means.

        :raises Malformed: it means none
        """
        match = _OUTPOINT.fullmatch(text)
        if match is None or int(match[2]) > _INDEX_MAX:
            raise errors.Malformed('Not an output, which is TXID:INDEX')
        return cls(match[1], int(match[2]))


@dataclasses.dataclass(frozen=True, slots=True)
class Output:
    """What a transaction pays, and to which script."""

    satoshi: int
    script: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction, read.

    :param stripped: its bytes without witnesses: what the txid is made of
    :param outputs_at: where in them the outputs begin, after their count
    """

    txid: str
    inputs: tuple[Outpoint, ...]
    outputs: tuple[Output, ...]
    stripped: bytes
    outputs_at: int

    def with_output(self, index: int, satoshi: int) -> bytes:
        """Return the bytes without witnesses, one output's value changed.
        """
        assert 0 <= satoshi <= _COIN_MAX_SATOSHI
        reader = _Reader(self.stripped)
        reader.at = self.outputs_at
        for _ in range(index):
            _read_output(reader)
        return b''.join((self.stripped[:reader.at],
                         satoshi.to_bytes(8, 'little'),
                         self.stripped[reader.at + 8:]))


class _Reader:
    """Takes numbers and strings off bytes, never past their end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        if size > len(self.data) - self.at:
            raise errors.Malformed('The transaction ends early', at=self.at)
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), 'little')

    def count(self) -> int:
        """Return a compact size in its shortest form."""
        first = self.number(1)
        if first < 0xfd:
            return first
        size = 1 << (first - 0xfc)
        value = self.number(size)
        if value < {2: 0xfd, 4: 1 << 16, 8: 1 << 32}[size]:
            raise errors.Malformed('A length that is not the shortest',
                                   at=self.at)
        return value

    def many(self, least_bytes: int) -> int:
        """Return a count of things that take so many bytes at least."""
        count = self.count()
        if count * least_bytes > len(self.data) - self.at:
            raise errors.Malformed('A count past the end', at=self.at)
        return count


def parse(raw: str | bytes) -> Transaction:
    """Return the transaction that ``raw`` is, all of it.

    :param raw: its bytes, or their hex digits
    :raises Malformed: not a transaction, or bytes left over
    :raises TooLarge: more bytes than a transaction may have
    """
    if len(raw) > limits.BITCOIN_TRANSACTION_MAX_BYTES * (
            2 if isinstance(raw, str) else 1):
        raise errors.TooLarge('Larger than a Bitcoin transaction may be')
    if isinstance(raw, str):
        if not re.fullmatch('([0-9a-f]{2})*', raw):
            raise errors.Malformed('Not lower-case hex digits')
        raw = bytes.fromhex(raw)
    reader = _Reader(raw)
    reader.take(4)
    has_witnesses = raw[4:6] == b'\x00\x01'
    if has_witnesses:
        reader.take(2)
    begins = reader.at
    inputs = tuple(_read_input(reader)
                   for _ in range(reader.many(_INPUT_MIN_BYTES)))
    count = reader.many(_OUTPUT_MIN_BYTES)
    outputs_at = reader.at - begins + 4
    outputs = tuple(_read_output(reader) for _ in range(count))
    if not inputs or not outputs:
        raise errors.Malformed('A transaction without inputs or outputs')
    ends = reader.at
    if has_witnesses:
        _skip_witnesses(reader, len(inputs))
    lock_time = reader.take(4)
    if reader.at != len(raw):
        raise errors.Malformed('Bytes after the transaction', at=reader.at)
    stripped = raw[:4] + raw[begins:ends] + lock_time
    return Transaction(double_sha256(stripped)[::-1].hex(), inputs, outputs,
                       stripped, outputs_at)


def _read_input(reader: _Reader) -> Outpoint:
    txid = reader.take(32)[::-1].hex()
    index = reader.number(4)
    reader.take(reader.count())
    reader.take(4)
    return Outpoint(txid, index)


def _read_output(reader: _Reader) -> Output:
    satoshi = reader.number(8)
    if satoshi > _COIN_MAX_SATOSHI:
        raise errors.Malformed('An output of more than all coins')
    return Output(satoshi, reader.take(reader.count()))


def _skip_witnesses(reader: _Reader, inputs: int) -> None:
    are_all_empty = True
    for _ in range(inputs):
        for _ in range(reader.many(1)):
            are_all_empty = False
            reader.take(reader.count())
    if are_all_empty:
        # the same transaction has a shorter form: one form only
        raise errors.Malformed('Witnesses announced, none there')
