# SPDX-License-Identifier: Apache-2.0
"""Verifying an exported chain from genesis, with nothing but its bytes.

Everything a node checks is checked again: the form and signature of every
transaction, the rules, the state root, the chain of headers, and for every
block a quorum's votes under the federation document in force.  A heartbeat
without a certificate is certain once a certified block follows it.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses

from tacker_ledger.core.crypto.providers import base
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import export
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import transaction as transaction_module


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """One verified block, and how far verification has come.

    :param height: of the block
    :param digest: of its header
    :param time_ms: its timestamp
    :param transactions: parsed, signatures verified
    :param certificate: encoded; empty for a heartbeat that has lost it
    :param certified_height: up to here everything is certain; below
        ``height`` only while heartbeats without certificates wait for the
        next certified block
    :param federation: in force for the block
    :param stream_bytes: how much of the stream has been read
    :param whole: False: the block has lost its body (``partial_verifier``)
    """

    height: int
    digest: bytes
    time_ms: int
    transactions: tuple[transaction_module.Transaction, ...]
    certificate: bytes
    certified_height: int
    federation: federation_module.Federation
    stream_bytes: int
    whole: bool = True


class _NoPool:
    """Nothing is known before it is read."""

    def candidates(self, max_count: int, max_bytes: int
                   ) -> Sequence[transaction_module.Transaction]:
        return ()

    def known(self, raw: bytes) -> transaction_module.Transaction | None:
        return None

    def rejected(self, transaction: transaction_module.Transaction,
                 error: errors.LedgerError) -> None:
        raise AssertionError('nothing is proposed here')


def verify_export(h: hashing.Hasher | None, provider: base.Provider,
                  reader: export.Reader) -> Iterator[Progress]:
    """Verify an export block by block.

    Everything yielded up to ``certified_height`` of the last item is
    proven, given that the chain is the right one.

    :param h: of the chain that is expected; None for whichever the export
        names, which then is for the caller to compare
    :param provider: verifies signatures
    :param reader: at the start of the stream
    :raises WrongFederation: the export is of another chain
    :raises Pruned: a body is missing: ``partial_verifier`` says what can
        be proven then
    :raises LedgerError: the first thing that is wrong; the details hold
        ``height`` and ``stream_offset``
    """
    stream = export.ExportReader(reader)
    verifier = _Verifier(provider, genesis_of(h, provider, stream))
    for record in stream.records():
        yield verifier.step(record)
    verifier.finish()


def genesis_of(h: hashing.Hasher | None, provider: base.Provider,
               stream: export.ExportReader) -> federation_module.Federation:
    """Return the checked genesis federation of an export.

    :param h: of the chain that is expected; None: any
    :raises WrongFederation: the export is of another chain
    """
    genesis = federation_module.check_genesis(
        provider,
        federation_module.SignedFederation.from_bytes(stream.header.genesis),
        stream.header.chain_id)
    if h is not None and h.chain_id != genesis.chain_id:
        raise errors.WrongFederation(
            'the export is of another chain',
            expected=h.chain_id.hex() if h.chain_id else '',
            found=genesis.chain_id.hex())
    return genesis


class _Verifier:
    """The state after the blocks read so far."""

    def __init__(self, provider: base.Provider,
                 genesis: federation_module.Federation) -> None:
        self._h = hashing.hasher(genesis.chain_id)
        self._provider = provider
        self._state = state_map.MemoryState()
        header = block_module.genesis_header(self._h, genesis)
        head = application.Head(0, header.digest(self._h),
                                header.timestamp_ms, header.to_bytes(), b'')
        self._ledger = application.Application(
            self._h, provider, view=self._state,
            tree=state_map.StateMap(self._h, state_map.SparseNodes(),
                                    self._state),
            federation=genesis, head=head, pool=_NoPool())
        self._certified_height = 0
        self._offset = 0

    def step(self, record: export.Record) -> Progress:
        """Check one block and move on."""
        height = self._ledger.head.height + 1
        federation = self._ledger.federation
        try:
            block = self._block(record.block)
            outcome = self._ledger.validate(block)
            self._check_certificate(block, federation, record.certificate)
        except errors.LedgerError as exc:
            # Where it stands, whatever height it says it has.
            exc.details.update(height=height, stream_offset=self._offset)
            raise
        self._offset = record.end
        self._state.update(outcome.changes.changes)
        self._ledger.committed(outcome, record.certificate)
        return Progress(
            height, block.digest, block.header.timestamp_ms,
            outcome.transactions, record.certificate,
            self._certified_height, federation, record.end)

    def _block(self, raw: bytes) -> block_module.Block:
        try:
            return block_module.Block.from_bytes(self._h, raw)
        except errors.BadBlock:
            header, _, raws = block_module.parts_of(raw)
            if not block_module.is_bare(header, raws):
                raise
        raise errors.Pruned('the export lacks the body of this block')

    def _check_certificate(self, block: block_module.Block,
                           federation: federation_module.Federation,
                           certificate: bytes) -> None:
        if certificate:
            certificate_module.check_certificate(
                self._h, self._provider, federation, block.header.height,
                block.digest, certificate)
            self._certified_height = block.header.height
        elif block.raw_transactions:
            raise errors.BadCertificate(
                'a block with transactions has no certificate')

    def finish(self) -> None:
        """Check that nothing uncertain is left at the end."""
        head = self._ledger.head
        if head.height != self._certified_height:
            raise errors.BadCertificate(
                'the export ends with blocks that nothing certifies',
                height=self._certified_height + 1,
                stream_offset=self._offset)
