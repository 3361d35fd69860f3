# SPDX-License-Identifier: Apache-2.0
"""A whole chain, verified from its genesis (page *Export*)."""

from collections.abc import Iterator
import dataclasses
import pathlib
from typing import BinaryIO

from tacker_ledger.tests.independent import blocks
from tacker_ledger.tests.independent import certificates
from tacker_ledger.tests.independent import federation
from tacker_ledger.tests.independent import payloads
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import shapes
from tacker_ledger.tests.independent import state
from tacker_ledger.tests.independent import statemap
from tacker_ledger.tests.independent import transactions

SUFFIX = '.chain'
MAX_BEGINNING_BYTES = 1_048_640
MAX_RECORD_BYTES = 8_421_440
RULES_VERSION = 1

_BEGINNING = shapes.fields(
    shapes.one_of(1), shapes.DIGEST,
    shapes.octets(1, federation.MAX_SIGNED_BYTES))
_RECORD = shapes.fields(
    shapes.octets(1, blocks.MAX_BLOCK_BYTES),
    shapes.octets(0, certificates.MAX_BYTES))


class Ledger:
    """A chain as far as it was verified."""

    def __init__(self, signed: bytes, chain_id: bytes) -> None:
        self.chain_id, self.document = federation.found(signed, chain_id)
        self.head = blocks.genesis_header(
            chain_id, self.document.digest(chain_id),
            self.document.created_ms)
        self.state = statemap.StateMap(chain_id)
        self.certain_height = 0
        self.transactions = 0

    def append(self, encoded: bytes, certificate: bytes) -> None:
        """Verify the block after the head, and make it the head."""
        header, body = blocks.parse_block(encoded)
        self._check_header(header, len(encoded), len(body))
        changes, successor = self._apply(header, body)
        self.state.update(changes)
        refusal.require(self.state.root == header.state_root, 'bad-block',
                        'state root')
        if certificate:
            certificates.check(self.chain_id, self.document, header.encoded,
                               certificate)
            self.certain_height = header.height
        else:
            refusal.require(not body, 'bad-certificate',
                            'transactions without a certificate')
        self.head = header
        self.transactions += len(body)
        self.document = successor or self.document

    def _check_header(self, header: blocks.Header, size: int, count: int
                      ) -> None:
        head = self.head
        document = self.document
        for holds, why in (
                (header.chain_id == self.chain_id, 'chain'),
                (header.height == head.height + 1, 'height'),
                (header.parent == head.digest, 'parent'),
                (header.time_ms > head.time_ms, 'time'),
                (header.federation == document.digest(self.chain_id),
                 'federation'),
                (header.proposer < len(document.members), 'proposer'),
                (count <= document.max_transactions, 'transactions'),
                (size <= document.max_block_bytes, 'size')):
            refusal.require(holds, 'bad-block', why)
        refusal.require(document.rules_at(header.height) == RULES_VERSION,
                        'unsupported-version', 'rules')

    def _apply(self, header: blocks.Header, body: list[bytes]
               ) -> tuple[dict[bytes, bytes], federation.Document | None]:
        """Return what a block changes, and the document it brings."""
        changes: dict[bytes, bytes] = {}
        successor = None

        def lookup(key: bytes) -> bytes | None:
            return changes.get(key) or self.state.get(key)

        for transaction in [transactions.parse(self.chain_id, each)
                            for each in body]:
            changes.update(state.apply(self.chain_id, lookup,
                                       header.time_ms, transaction))
            signed = payloads.published_federation(transaction.fields)
            if signed is None:
                continue
            refusal.require(successor is None, 'federation-conflict',
                            'two documents in a block')
            try:
                successor = federation.succeed(self.chain_id, self.document,
                                               signed)
            except refusal.Refused as exc:
                raise refusal.Refused('federation-conflict',
                                      str(exc)) from None
        return changes, successor


@dataclasses.dataclass(frozen=True, slots=True)
class Verified:
    """What an export proves."""

    chain_id: bytes
    height: int
    digest: bytes
    time_ms: int
    state_root: bytes
    transactions: int
    entries: int
    epoch: int


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    refusal.require(len(data) == size, 'malformed', 'the stream is cut')
    return data


def _records(stream: BinaryIO) -> Iterator[bytes]:
    most = MAX_BEGINNING_BYTES
    while first := stream.read(1):
        size = int.from_bytes(first + _exactly(stream, 3), 'big')
        refusal.require(size <= most, 'malformed', 'length')
        yield _exactly(stream, size)
        most = MAX_RECORD_BYTES


def verify(stream: BinaryIO, chain_id: bytes) -> Verified:
    """Return what the stream proves about the chain with this id."""
    records = _records(stream)
    named, signed = shapes.read(
        next(records, b''), MAX_BEGINNING_BYTES, _BEGINNING)[1:]
    ledger = Ledger(signed, named)
    refusal.require(named == chain_id, 'wrong-federation')
    for record in records:
        ledger.append(*shapes.read(record, MAX_RECORD_BYTES, _RECORD))
    head = ledger.head
    refusal.require(ledger.certain_height == head.height, 'bad-certificate',
                    'the last block is not certain')
    return Verified(chain_id, head.height, head.digest, head.time_ms,
                    head.state_root, ledger.transactions,
                    len(ledger.state.entries()), ledger.document.epoch)


class Joined:
    """The files of an export as one stream, in the order of their names."""

    def __init__(self, path: pathlib.Path) -> None:
        self._paths = [path]
        if path.is_dir():
            self._paths = sorted(each for each in path.iterdir()
                                 if each.name.endswith(SUFFIX))
        self._file: BinaryIO | None = None

    def read(self, size: int) -> bytes:
        """Return the next bytes, fewer only at the end."""
        data = b''
        while len(data) < size:
            if self._file is None:
                if not self._paths:
                    break
                self._file = self._paths.pop(0).open('rb')
            more = self._file.read(size - len(data))
            if not more:
                self._file.close()
                self._file = None
            data += more
        return data
