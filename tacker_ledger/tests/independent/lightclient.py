# SPDX-License-Identifier: Apache-2.0
"""What a client believes (page *Light client*)."""

import dataclasses
from typing import Any

from tacker_ledger.tests.independent import answers
from tacker_ledger.tests.independent import blocks
from tacker_ledger.tests.independent import certificates
from tacker_ledger.tests.independent import federation
from tacker_ledger.tests.independent import payloads
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import shapes
from tacker_ledger.tests.independent import state
from tacker_ledger.tests.independent import transactions

_STATE = (
    shapes.DIGEST,
    shapes.array(shapes.fields(
        shapes.octets(1, federation.MAX_BYTES), shapes.HEIGHT),
        1, 4096),
    shapes.fields(shapes.HEIGHT, shapes.DIGEST, shapes.TIME),
    shapes.nullable(answers.HC))
_MAX_STATE_BYTES = 67_108_864


@dataclasses.dataclass(frozen=True, slots=True)
class Trusted:
    """A trusted state; the floor is height, digest and time."""

    chain_id: bytes
    epochs: tuple[tuple[federation.Document, int], ...]
    floor: tuple[int, bytes, int]
    head: blocks.Header | None

    @property
    def reference(self) -> tuple[int, bytes, int]:
        """Return what a new head must not fall behind."""
        if self.head is None or self.head.height < self.floor[0]:
            return self.floor
        return self.head.height, self.head.digest, self.head.time_ms

    def believe(self, header_bytes: bytes, certificate: bytes
                ) -> blocks.Header:
        """Return a header that its certificate makes certain."""
        try:
            header = blocks.parse_header(header_bytes)
        except refusal.Refused as exc:
            raise refusal.Refused('bad-block', str(exc)) from None
        refusal.require(header.chain_id == self.chain_id,
                        'wrong-federation')
        certificates.check(self.chain_id, self._document(header),
                           header_bytes, certificate)
        for height, digest, _time_ms in (self.floor, self.reference):
            refusal.require(
                header.height != height or header.digest == digest,
                'forked-chain')
        return header

    def _document(self, header: blocks.Header) -> federation.Document:
        ends = [first - 1 for _document, first in self.epochs[1:]]
        for (document, first), last in zip(
                self.epochs, [*ends, None], strict=True):
            if document.digest(self.chain_id) == header.federation:
                refusal.require(
                    first <= header.height
                    and (last is None or header.height <= last),
                    'unknown-federation', 'out of its range')
                return document
        raise refusal.Refused('unknown-federation')

    def advance(self, header_bytes: bytes, certificate: bytes) -> 'Trusted':
        """Return this state with a new head."""
        header = self.believe(header_bytes, certificate)
        height, _digest, time_ms = self.reference
        refusal.require(header.height >= height, 'head-rollback')
        refusal.require(header.height == height or header.time_ms > time_ms,
                        'forked-chain', 'time')
        refusal.require(header.time_ms <= self.epochs[-1][0].expiry_ms,
                        'federation-expired')
        return dataclasses.replace(self, head=header)

    def committed(self, header_bytes: bytes, certificate: bytes,
                  encoded: bytes, inclusion: bytes
                  ) -> tuple[blocks.Header, transactions.Transaction]:
        """Return a transaction that stands in a believed block."""
        header = self.believe(header_bytes, certificate)
        blocks.check_inclusion(self.chain_id, header.transactions_root,
                               encoded, inclusion)
        try:
            return header, transactions.parse(self.chain_id, encoded)
        except refusal.Refused as exc:
            raise refusal.Refused('bad-proof', str(exc)) from None

    def learn(self, header_bytes: bytes, certificate: bytes, encoded: bytes,
              inclusion: bytes) -> 'Trusted':
        """Return this state with the next federation document."""
        newest = self.epochs[-1][0]
        named = newest.digest(self.chain_id)
        header, holder = self.committed(header_bytes, certificate, encoded,
                                        inclusion)
        refusal.require(header.federation == named, 'unknown-federation')
        try:
            signed = payloads.published_federation(holder.fields)
            if signed is None:
                raise refusal.Refused('unknown-federation', 'no document')
            document = federation.succeed(self.chain_id, newest, signed)
        except refusal.Refused as exc:
            code = (exc.code if exc.code == 'unsupported-version'
                    else 'unknown-federation')
            raise refusal.Refused(code, str(exc)) from None
        refusal.require(
            self.head is None or self.head.height <= header.height
            or self.head.federation != named, 'forked-chain')
        return dataclasses.replace(
            self, epochs=(*self.epochs, (document, header.height + 1)))


def begin(chain_id: bytes, signed: bytes,
          floor: tuple[int, bytes, int] | None = None) -> Trusted:
    """Return what a client believes that was given a document."""
    parsed = federation.parse_signed(signed)
    document = parsed.document
    if document.epoch == 0:
        federation.found(signed, chain_id)
        genesis = blocks.genesis_header(
            chain_id, document.digest(chain_id), document.created_ms)
        floor = floor or (0, genesis.digest, genesis.time_ms)
    else:
        refusal.require(
            parsed.count(federation.OWN) >= document.quorum, 'bad-document')
        dataclasses.replace(parsed, approvals=tuple(
            each for each in parsed.approvals
            if each[0] == federation.OWN)).check_signatures(
                chain_id, {federation.OWN: document.members})
    if floor is None:
        raise refusal.Refused('bad-document', 'no floor')
    return Trusted(chain_id, ((document, 0),), floor, None)


def parse(encoded: bytes) -> Trusted:
    """Return the stored trusted state in ``encoded``."""
    chain_id, epochs, floor, head = shapes.versioned(
        encoded, _MAX_STATE_BYTES, *_STATE)
    return Trusted(
        chain_id,
        tuple((federation.parse(document), first)
              for document, first in epochs),
        (floor[0], floor[1], floor[2]),
        None if head is None else blocks.parse_header(head[0]))


def check_history(chain_id: bytes, known: tuple[int, bytes],
                  shown: tuple[int, bytes], entries: list[Any]) -> None:
    """Refuse unless ``entries`` are all that lies between two heads.

    :param entries: ``[height, index, transaction]``
    """
    places = [(height, index) for height, index, _raw in entries]
    refusal.require(places == sorted(set(places))
                    and shown[0] - known[0] == len(entries),
                    'history-incomplete')
    head = known[1]
    for _height, _index, raw in entries:
        try:
            txid = transactions.parse(chain_id, raw).txid
        except refusal.Refused as exc:
            raise refusal.Refused('history-incomplete', str(exc)) from None
        head = state.advance(chain_id, head, txid)
    refusal.require(head == shown[1], 'history-incomplete')
