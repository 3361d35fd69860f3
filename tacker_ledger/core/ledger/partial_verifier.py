# SPDX-License-Identifier: Apache-2.0
"""Verifying an export that lacks old bodies, and saying what that proves.

A pruned member has every header and certificate, but of old blocks only the
bodies that hold federation documents.  So of its chain this is proven: the
sequence of headers from genesis on, each certified by a quorum of the
federation in force; the federation documents; and, where there is a body,
that it is the one the header names and that its transactions are well
signed.  What older bodies did to the state cannot be replayed: the state
roots stand on the quorum's word alone.
"""

from collections.abc import Iterator

from tacker_ledger.core.crypto.providers import base
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import export
from tacker_ledger.core.ledger import export_verifier
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import transaction as transaction_module

Progress = export_verifier.Progress


def verify_partial(h: hashing.Hasher | None, provider: base.Provider,
                   reader: export.Reader) -> Iterator[Progress]:
    """Verify an export in which bodies may be missing, block by block.

    A block without its body is yielded with ``whole`` False.

    :param h: of the chain that is expected; None for whichever the export
        names
    :param provider: verifies signatures
    :param reader: at the start of the stream
    :raises WrongFederation: the export is of another chain
    :raises LedgerError: the first thing that is wrong; the details hold
        ``height`` and ``stream_offset``
    """
    stream = export.ExportReader(reader)
    genesis = export_verifier.genesis_of(h, provider, stream)
    verifier = _Verifier(provider, genesis)
    for record in stream.records():
        yield verifier.step(record)
    verifier.finish()


class _Verifier:
    """The chain of headers after the blocks read so far."""

    def __init__(self, provider: base.Provider,
                 genesis: federation_module.Federation) -> None:
        self._h = hashing.hasher(genesis.chain_id)
        self._provider = provider
        self._tracker = federation_module.FederationTracker(
            self._h, provider, genesis)
        header = block_module.genesis_header(self._h, genesis)
        self._height = 0
        self._digest = header.digest(self._h)
        self._time_ms = header.timestamp_ms
        self._certified_height = 0
        self._offset = 0

    def step(self, record: export.Record) -> Progress:
        """Check one block and move on."""
        federation = self._tracker.current
        height = self._height + 1
        try:
            header, header_bytes, raws = block_module.parts_of(record.block)
            digest = block_module.header_digest(self._h, header_bytes)
            self._check_header(header, federation)
            bare = block_module.is_bare(header, raws)
            transactions = () if bare else self._body(header_bytes, raws)
            self._check_certificate(header, digest, federation,
                                    record.certificate)
            self._follow(transactions)
        except errors.LedgerError as exc:
            exc.details.update(height=height, stream_offset=self._offset)
            raise
        self._height, self._digest = height, digest
        self._time_ms = header.timestamp_ms
        self._offset = record.end
        return Progress(height, digest, header.timestamp_ms, transactions,
                        record.certificate, self._certified_height,
                        federation, record.end, not bare)

    def _check_header(self, header: block_module.Header,
                      federation: federation_module.Federation) -> None:
        checks = (
            (header.chain_id == self._h.chain_id, 'is of another chain'),
            (header.height == self._height + 1, 'has another height'),
            (header.parent == self._digest, 'follows another block'),
            (header.timestamp_ms > self._time_ms,
             'is not after its parent'),
            (header.federation == federation.digest,
             'names another federation'),
            (header.proposer < federation.size, 'is proposed by no member'))
        for holds, fault in checks:
            if not holds:
                raise errors.BadBlock(f'the block {fault}')

    def _body(self, header_bytes: bytes, raws: tuple[bytes, ...]
              ) -> tuple[transaction_module.Transaction, ...]:
        transactions = block_module.Block.of_parts(
            self._h, header_bytes, raws).transactions()
        for transaction in transactions:
            transaction_module.verify_signature(self._provider, self._h,
                                                transaction)
        return transactions

    def _check_certificate(self, header: block_module.Header, digest: bytes,
                           federation: federation_module.Federation,
                           certificate: bytes) -> None:
        if certificate:
            certificate_module.check_certificate(
                self._h, self._provider, federation, header.height, digest,
                certificate)
            self._certified_height = header.height
        elif not block_module.is_heartbeat(header):
            raise errors.BadCertificate(
                'a block with transactions has no certificate')

    def _follow(self, transactions: tuple[transaction_module.Transaction,
                                          ...]) -> None:
        """Take over the federation document of a block, if it has one."""
        for transaction in transactions:
            signed = payload.federation_document_of(transaction.content)
            if signed is not None:
                self._tracker.current = self._tracker.check(signed)

    def finish(self) -> None:
        """Check that nothing uncertain is left at the end."""
        if self._height != self._certified_height:
            raise errors.BadCertificate(
                'the export ends with blocks that nothing certifies',
                height=self._certified_height + 1,
                stream_offset=self._offset)
