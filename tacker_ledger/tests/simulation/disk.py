# SPDX-License-Identifier: Apache-2.0
"""A member's disk: what survives, how slow it is and how it fails."""

import copy
import dataclasses
import struct

from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import snapshot
from tacker_ledger.core.ledger import state
from tacker_ledger.core.ledger import state_map

_PLACE = struct.Struct('>QI')

#: A vote record: encoded, or the message that it would be the encoding of.
Record = bytes | messages.Message


@dataclasses.dataclass(frozen=True)
class Durations:
    """How long writes take.

    :param jitter_us: the most by which chance prolongs one
    """

    persist_us: int = 1_000
    append_us: int = 1_000
    jitter_us: int = 0


class Disk:
    """What survives the end of a process.

    :param genesis: the federation that founded the chain
    :param head: of the empty chain
    :param wire: keep bytes, not objects
    """

    def __init__(self, genesis: federation_module.Federation,
                 head: application.Head, *, wire: bool = False):
        self.genesis = genesis
        self.head = head
        self.federation = genesis
        self.state = state_map.MemoryState()
        self.nodes = state_map.SparseNodes()
        #: (outcome, certificate) from height 1 on; None between what was
        #: here and where a snapshot begins
        self.outcomes: list[tuple[application.Outcome, bytes] | None] = []
        #: height at which the state came as a snapshot, or 0
        self.base = 0
        #: (recipient, sender) -> place of what came first between them
        self.addressed: dict[bytes, bytes] = {}
        #: epoch -> (encoded block, certificate) of its document
        self.documents: dict[int, tuple[bytes, bytes]] = {}
        #: of committed transactions, in order
        self.txids: dict[bytes, None] = {}
        #: the vote log by height
        self.records: dict[int, list[Record]] = {}
        #: whether vote records cannot be written any more
        self.fails = False
        #: whether blocks cannot be written any more
        self.full = False
        self._wire = wire
        self._spoilt = False
        #: why its votes may be forgotten (see ``node.doubt``)
        self.doubt = ''

    @property
    def height(self) -> int:
        """Of the newest block."""
        return len(self.outcomes)

    @property
    def blocks(self) -> list[tuple[bytes, bytes]]:
        """(encoded block, certificate) from height 1 on; it is whole."""
        assert not self.base
        return [_encoded(pair) for pair in self.outcomes]

    @property
    def newest(self) -> tuple[bytes, bytes]:
        """(encoded block, certificate) of the newest block."""
        return _encoded(self.outcomes[-1])

    @property
    def digests(self) -> dict[int, bytes]:
        """Height -> header digest of all that is here."""
        return {height: pair[0].block.digest
                for height, pair in enumerate(self.outcomes, 1)
                if pair is not None}

    @property
    def view(self) -> int:
        """Of the newest certificate, 0 at genesis."""
        if not self.outcomes:
            return 0
        return certificate_module.Certificate.from_bytes(
            self.outcomes[-1][1]).view

    # Writing

    def write(self, height: int, records) -> None:
        """Make vote records durable; those of older heights may go."""
        if self._wire:
            records = map(messages.encode, records)
        self.records.setdefault(height, []).extend(records)

    def store(self, outcome: application.Outcome, certificate: bytes
              ) -> None:
        """Make a block with all that it changes durable."""
        self.outcomes.append((outcome, certificate))
        for index, one in enumerate(outcome.transactions):
            self.txids[one.txid] = None
            if one.content.recipient_id is not None:
                self.addressed.setdefault(
                    one.content.recipient_id + one.sender_id,
                    _PLACE.pack(outcome.block.header.height, index))
        if outcome.federation is not None:
            self.documents[outcome.federation.epoch] = _encoded(
                self.outcomes[-1])
        self.state.update(outcome.changes.changes)

    def install(self, check: snapshot.SnapshotCheck,
                values: dict[bytes, bytes], addressed: dict[bytes, bytes]
                ) -> None:
        """Replace the state by a checked snapshot, in one write."""
        h, block = _hasher(self), check.block
        # Keys are never removed: what was here is among the new ones.
        self.state.update(values)
        state_map.build(h, self.nodes, self.state.hashes())
        self.addressed = addressed
        for document in check.documents:
            self.documents[document.epoch] = (document.block.to_bytes(),
                                              document.certificate)
        self.outcomes += [None] * (check.height - 1 - self.height)
        self.outcomes.append((application.Outcome(
            block, tuple(block.transactions()),
            state.BlockChanges({}, ()),
            state_map.Overlay(block.header.state_root, {}), None),
            check.certificate))
        self.base = check.height

    def moved(self, ledger: application.LedgerApplication) -> None:
        """Keep the head; drop votes about what is decided."""
        self.head = ledger.head
        self.federation = ledger.federation
        height = self.head.height
        if min(self.records, default=height + 1) <= height:
            self.records = {at: records for at, records
                            in self.records.items() if at > height}

    # Reading

    def vote_records(self) -> list[bytes]:
        """Return the vote log as a start reads it.

        :raises CorruptStore: it is damaged; it is given up by this
        """
        if self._spoilt:
            self._spoilt = False
            self.records = {}
            raise errors.CorruptStore('a record has another checksum')
        return [record if type(record) is bytes else messages.encode(record)
                for height in sorted(self.records)
                for record in self.records[height]]

    # Damage

    def copy(self) -> 'Disk':
        """Return a backup; it is whole."""
        assert not self.base
        twin = copy.copy(self)
        twin.state = state_map.MemoryState()
        for outcome, _proof in self.outcomes:
            twin.state.update(outcome.changes.changes)
        twin.nodes = state_map.SparseNodes()
        state_map.build(_hasher(self), twin.nodes, twin.state.hashes())
        twin.outcomes = list(self.outcomes)
        twin.txids = dict(self.txids)
        twin.addressed = dict(self.addressed)
        twin.documents = dict(self.documents)
        twin.records = {height: list(records)
                        for height, records in self.records.items()}
        return twin

    def truncated(self, genesis: application.Head, height: int) -> 'Disk':
        """Return the disk without its blocks above a height.

        :param genesis: head of the empty chain
        """
        twin = self.copy()
        twin.outcomes = []
        twin.txids = {}
        twin.addressed = {}
        twin.documents = {}
        twin.head, twin.federation = genesis, self.genesis
        twin.state = state_map.MemoryState()
        for outcome, proof in self.outcomes[:height]:
            twin.store(outcome, proof)
            block = outcome.block
            twin.head = application.Head(
                block.header.height, block.digest, block.header.timestamp_ms,
                block.header_bytes, proof)
            if outcome.federation is not None:
                twin.federation = outcome.federation
        twin.nodes = state_map.SparseNodes()
        state_map.build(_hasher(self), twin.nodes, twin.state.hashes())
        return twin

    def spoil(self) -> bool:
        """Damage a vote record; return whether there is one.

        Every stored record has a checksum, so the next start notices.
        """
        self._spoilt = bool(self.records)
        return self._spoilt


def _encoded(pair: tuple[application.Outcome, bytes]
             ) -> tuple[bytes, bytes]:
    outcome, proof = pair
    return outcome.block.to_bytes(), proof


def _hasher(disk: Disk) -> hashing.Hasher:
    return hashing.hasher(disk.genesis.chain_id)
