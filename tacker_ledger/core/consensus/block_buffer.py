# SPDX-License-Identifier: Apache-2.0
"""Blocks that came and wait to be stored; none of them is believed yet.

Part of catching up (``catch_up``).
"""

from collections.abc import Sequence
from typing import TypeAlias

from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core import limits

#: A block and its certificate, empty for some heartbeats.
CertifiedBlock: TypeAlias = tuple[block_module.Block, bytes]
#: Code of a source that gives less than it has, answer after answer.
TRUNCATED = 'truncated'


class Answers:
    """Judges answers as a whole; for one source."""

    def __init__(self) -> None:
        #: size of the answer before, if that was smaller than it had to be
        self._crumbs: int | None = None

    def fault(self, asked: messages.GetBlocks, answer: messages.Blocks
              ) -> tuple[str, str] | None:
        """Return (code, reason) if an answer is no good.

        An honest source goes as far as the next height whose certificate
        everybody keeps, unless the answer grows too large.
        """
        blocks = answer.blocks
        if not blocks:
            return 'not-found', 'It has not the blocks that it claims.'
        if len(blocks) > asked.max_count:
            return 'bad-block', 'More blocks than were asked for.'
        if not blocks[-1][1]:
            return 'bad-certificate', 'The last block is not certified.'
        interval = limits.CERTIFICATE_INTERVAL_BLOCKS
        expected = min(answer.head_height,
                       -(-asked.from_height // interval) * interval)
        before = self._crumbs
        self._crumbs = None
        if asked.from_height + len(blocks) - 1 < expected:
            self._crumbs = size = _size(blocks)
            if before is not None and (
                    before + size <= limits.BLOCKS_ANSWER_MAX_BYTES):
                return TRUNCATED, 'It gives less than it has.'
        return None


class Buffer:
    """Encoded blocks, consecutive if their source is honest.

    :param first: height of the first one that is wanted
    """

    def __init__(self, first: int = 1) -> None:
        self._first = first
        self._blocks: list[tuple[bytes, bytes]] = []

    def __len__(self) -> int:
        return len(self._blocks)

    @property
    def size(self) -> int:
        """Return how many bytes wait."""
        return _size(self._blocks)

    @property
    def following(self) -> int:
        """Return the height after the last one that waits."""
        return self._first + len(self._blocks)

    def clear(self) -> None:
        """Forget all."""
        self._blocks = []

    def add(self, first: int, blocks: Sequence[tuple[bytes, bytes]]) -> None:
        """Take an answer.

        :param first: the height it was asked from
        """
        if not self._blocks:
            self._first = first
        self._blocks += blocks

    def begin_at(self, height: int) -> None:
        """Forget what lies below a height."""
        old = height - self._first
        if old > 0:
            del self._blocks[:old]
        if old > 0 or not self._blocks:
            self._first = height

    def take(self, count: int) -> None:
        """Let the first ones go: they are being stored."""
        del self._blocks[:count]
        self._first += count

    def portion(self, ledger: application_module.LedgerApplication,
                verifier: certificate_module.Verifier, max_count: int,
                max_bytes: int) -> tuple[CertifiedBlock, ...]:
        """Return the next blocks to store, their certificates checked.

        It ends with a certified block, and before one under another
        federation, which is perhaps in force when these are stored.

        :param ledger: the first one follows its head
        :param max_count: bound where blocks have their own certificates
        :raises LedgerError: the source lies
        """
        found: list[CertifiedBlock] = []
        head = ledger.head
        height, parent = head.height, head.digest
        size = certified = 0
        for raw, certificate in self._blocks:
            full = len(found) >= max_count or size + len(raw) > max_bytes
            if found and full and certified == len(found):
                break
            block = block_module.Block.from_bytes(ledger.h, raw)
            if (block.header.height, block.header.parent) != (
                    height + 1, parent):
                raise errors.BadBlock('The block does not follow.',
                                      height=block.header.height)
            if (block.header.federation != ledger.federation.digest
                    and found and certified == len(found)):
                break
            if _check(ledger, verifier, block, certificate):
                certified = len(found) + 1
            found.append((block, certificate))
            size += len(raw)
            height, parent = height + 1, block.digest
        return tuple(found)


def _check(ledger: application_module.LedgerApplication,
           verifier: certificate_module.Verifier, block: block_module.Block,
           certificate: bytes) -> bool:
    """Return whether a block is certified by itself.

    :raises ProofError: falsely, or it has to be and is not
    """
    height = block.header.height
    if block.header.federation != ledger.federation.digest:
        raise errors.UnknownFederation(
            'The block names another federation document.', height=height)
    if certificate:
        certificate_module.check_certificate(
            ledger.h, verifier, ledger.federation, height, block.digest,
            certificate)
    elif block.raw_transactions:
        raise errors.BadCertificate(
            'Only a heartbeat comes without a certificate.', height=height)
    return bool(certificate)


def _size(blocks: Sequence[tuple[bytes, bytes]]) -> int:
    return sum(len(raw) + len(certificate) for raw, certificate in blocks)
