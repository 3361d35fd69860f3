# SPDX-License-Identifier: Apache-2.0
"""Judging a snapshot: the state at a certified height, from anybody.

Whoever joins, or is far behind, need not replay every block.  It follows the
chain of federation documents from the one it knows, each committed in a
block that the federation before certifies; checks the certificate of the
block whose state is offered; and believes the state when its root is the one
in that block's header: no value changed, no key missing, none added.

This object decides *whether*; what to ask for, and keeping what came, is the
caller's.  Parts come in the order of :class:`~.snapshot_messages.Part`.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
import dataclasses
import struct

from tacker_ledger.core.consensus import snapshot_messages
from tacker_ledger.core.crypto.providers import base
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import light_client
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import trusted_state
from tacker_ledger.core import limits

Part = snapshot_messages.Part
#: (key, value)
Item = tuple[bytes, bytes]

_EPOCH = struct.Struct('>I')
_PLACE = struct.Struct('>QI')
_ID_BYTES = hashing.DIGEST_BYTES
#: What a pair's record starts with: an array of three.
_PAIR_START = b'\x83'
#: State keys that one transaction can make.
_KEYS_PER_TRANSACTION = 2
_KEY_BYTES = {Part.FEDERATIONS: _EPOCH.size, Part.STATE: _ID_BYTES,
              Part.ADDRESSED: 2 * _ID_BYTES}


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """A federation document and the block that put it in force.

    :param index: of its transaction in the block
    :param signed: encoded, with its signatures
    """

    epoch: int
    index: int
    signed: bytes
    block: block_module.Block
    certificate: bytes


class SnapshotCheck:
    """Judges one snapshot as it comes.

    :param federation: in force after ``head``
    :param head: the newest block that is known
    :param raw_block: the encoded block whose state is offered
    :param certificate: of that block
    :param lowest: a snapshot below this height is of no use
    :raises FormatError: not a block
    :raises BadBlock: its header names other transactions
    :raises StaleHead: it is too low
    """

    def __init__(self, h: hashing.Hasher, provider: base.Provider,
                 federation: federation_module.Federation,
                 head: application.Head, raw_block: bytes,
                 certificate: bytes, lowest: int) -> None:
        self._h = h
        self.block = block_module.Block.from_bytes(h, raw_block)
        self.certificate = certificate
        if self.height < max(lowest, head.height + 1):
            raise errors.StaleHead(
                f'the snapshot is of height {self.height}, {lowest} is '
                'wanted', height=self.height)
        assert h.chain_id is not None
        self._light = light_client.LightClient(
            provider, trusted_state.TrustedState(
                h.chain_id,
                (trusted_state.Epoch(federation, head.height + 1),),
                trusted_state.Floor(head.height, head.digest,
                                    head.time_ms)))
        self.documents: list[Document] = []
        #: Pairs of recipient and sender in the state.
        self.pairs = 0
        self._part = Part.FEDERATIONS
        self._counts = dict.fromkeys(Part, 0)
        self._last = b''
        self._short_before = False

    @property
    def height(self) -> int:
        """Of the state."""
        return self.block.header.height

    @property
    def federation(self) -> federation_module.Federation:
        """In force after the state's height, when all documents came."""
        return self._light.trusted.federation

    @property
    def head(self) -> application.Head:
        """The state's block as a head."""
        header = self.block.header
        return application.Head(header.height, self.block.digest,
                                header.timestamp_ms, self.block.header_bytes,
                                self.certificate)

    # Pages

    def page(self, part: Part, items: Iterable[Item], more: bool) -> bool:
        """Judge a page, which the caller then keeps; return ``more``.

        :raises LedgerError: it is no good
        """
        assert part == self._part
        size = count = 0
        for key, value in items:
            if len(key) != _KEY_BYTES[part] or key <= self._last:
                raise errors.BadProof('A key is out of order.')
            self._last = key
            size += len(key) + len(value)
            count += 1
            self._take(part, key, value)
        self._counts[part] += count
        self._check_count(part)
        if more:
            self._check_fullness(count, size)
        else:
            self._end(part)
        return more

    def _check_fullness(self, count: int, size: int) -> None:
        """Demand that pages are full: nobody drips a state for days."""
        short = (count < limits.SNAPSHOT_PAGE_MAX_COUNT
                 and size < limits.SNAPSHOT_PAGE_MAX_BYTES // 2)
        if not count or (short and self._short_before):
            raise errors.BadProof('The pages are not as full as they can be.')
        self._short_before = short

    def _check_count(self, part: Part) -> None:
        """Demand no more keys than so many blocks can have made."""
        most = self.height * limits.BLOCK_MAX_TRANSACTIONS
        if part == Part.STATE:
            most *= _KEYS_PER_TRANSACTION
        elif part == Part.FEDERATIONS:
            most = self.height
        if self._counts[part] > most:
            raise errors.BadProof('More keys than the chain can have made.')

    def _take(self, part: Part, key: bytes, value: bytes) -> None:
        if part == Part.FEDERATIONS:
            self._advance(_EPOCH.unpack(key)[0], value)
        elif part == Part.STATE:
            if len(value) > limits.STATE_VALUE_MAX_BYTES:
                raise errors.BadProof('A value is too long.')
            if value.startswith(_PAIR_START):
                self.pairs += 1
        elif len(value) != _PLACE.size or (
                _PLACE.unpack(value)[0] > self.height):
            raise errors.BadProof('A place is none.')

    def _end(self, part: Part) -> None:
        self._last = b''
        self._short_before = False
        if part == Part.FEDERATIONS:
            self._check_block()
        if part == Part.ADDRESSED:
            if self._counts[part] != self.pairs:
                raise errors.BadProof(
                    'Not every pair of the state is among the addressed.')
        else:
            self._part = Part(part + 1)

    # Federations

    def _advance(self, epoch: int, value: bytes) -> None:
        """Follow the chain of documents by one.

        :raises UnknownFederation: it is not the successor
        :raises ProofError: its block is not certified
        """
        raw, certificate = snapshot_messages.read_certified_block(value)
        block = block_module.Block.from_bytes(self._h, raw)
        found = _document_in(block)
        if found is None or block.header.height > self.height:
            raise errors.UnknownFederation('The block holds no document.',
                                           epoch=epoch)
        index, signed = found
        federation = self._light.advance_federation(
            block.raw_transactions[index], block.inclusion(index).to_fields(),
            block.header_bytes, certificate)
        if federation.epoch != epoch:
            raise errors.UnknownFederation('Of another epoch than it says.',
                                           epoch=epoch)
        self.documents.append(Document(epoch, index, signed, block,
                                       certificate))

    def _check_block(self) -> None:
        """Check the state's block under the federation in force there.

        :raises ProofError: it is not certified
        :raises UnknownFederation: a document is withheld
        """
        self._light.certify(self.block.header_bytes, self.certificate)
        found = _document_in(self.block)
        known = self.documents[-1].signed if self.documents else None
        if found is not None and found[1] != known:
            raise errors.UnknownFederation(
                'A federation document is withheld.', height=self.height)

    # The state

    def check_state(self, items: Iterable[Item],
                    nodes: state_map.NodeArray) -> None:
        """Check that this is the whole state, unchanged.

        :param items: as they came, sorted by key
        :param nodes: filled with the map's inner nodes
        :raises BadProof: the root is another one
        """
        hashed = ((key, state_map.value_hash(value)) for key, value in items)
        root = state_map.build(self._h, nodes, hashed)
        if root != self.block.header.state_root:
            raise errors.BadProof(
                'The state is not the one that the header names.',
                height=self.height)


def fill_page(items: Iterable[Item]) -> tuple[list[Item], bool]:
    """Return a page of what follows, and whether there is more."""
    page: list[Item] = []
    size = 0
    for key, value in items:
        size += len(key) + len(value)
        full = (size > limits.SNAPSHOT_PAGE_MAX_BYTES
                or len(page) >= limits.SNAPSHOT_PAGE_MAX_COUNT)
        if page and full:
            return page, True
        page.append((key, value))
    return page, False


def check_addressed(h: hashing.Hasher, addressed: Iterable[Item],
                    value_of: Callable[[bytes], bytes | None]
                    ) -> Iterator[Item]:
    """Yield the addressed pairs, each of them a pair of the state.

    As many pairs of the state as there are items, each with an item of its
    own, are all of them.

    :param value_of: what the checked state holds under a key
    :raises BadProof: one is not in the state
    """
    for key, value in addressed:
        pair = identifiers.pair_state_key(h, key[:_ID_BYTES],
                                          key[_ID_BYTES:])
        if not is_pair(value_of(pair)):
            raise errors.BadProof('An addressed pair is not in the state.')
        yield key, value


def is_pair(value: bytes | None) -> bool:
    """Return whether a value of the state is that of a pair."""
    return value is not None and value.startswith(_PAIR_START)


def _document_in(block: block_module.Block) -> tuple[int, bytes] | None:
    """Return (index, signed document) of what a block puts in force.

    :raises BadBlock: a transaction has a wrong form
    """
    for index, one in enumerate(block.transactions()):
        signed = payload.federation_document_of(one.content)
        if signed is not None:
            return index, signed
    return None
