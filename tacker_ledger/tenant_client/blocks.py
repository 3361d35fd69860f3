# SPDX-License-Identifier: Apache-2.0
"""Blocks, proven: by their own certificate or by their successors'."""

import dataclasses

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.tenant_client import asking
from tacker_ledger.tenant_client import ledger as ledger_module

#: How far to look for a certified successor of a heartbeat.
_SUCCESSORS_MAX_COUNT = 512


@dataclasses.dataclass(frozen=True, slots=True)
class BlockView:
    """A proven block.

    :param transactions: with verified signatures; empty if not asked for
    :param signers: members that certified it, or the successor that proves
        it
    :param proven_by: height of the certificate that proves it
    """

    header: block_module.Header
    digest: bytes
    transactions: tuple[transaction_module.Transaction, ...]
    size_bytes: int
    signers: tuple[str, ...]
    quorum: int
    view: int
    proven_by: int


class Blocks:
    """Blocks of one chain."""

    def __init__(self, ledger: ledger_module.Ledger) -> None:
        self._ledger = ledger

    def read(self, height: int, body: bool = True) -> BlockView:
        """Return a block.

        :param body: its transactions too, each signature verified
        :raises NotFound: there is no block so high
        :raises ProofError: no node proves it
        """
        if height < 0:
            raise errors.BadOption('Heights start at 0.')
        return self._ledger.first_proven(
            lambda node: self._ledger.client.block(
                height, body=body, node=node),
            lambda reply: self._judge(reply, height, body))

    def _judge(self, reply: ledger_module.Reply, height: int, body: bool
               ) -> BlockView:
        (header_bytes, certificate), raws = asking.found(reply)
        h = self._ledger.h
        header = block_module.Header.from_bytes(header_bytes)
        if header.height != height:
            raise errors.BadAnswer('Another block than asked for.')
        certified = self._certified(reply.node, header_bytes, certificate,
                                    height)
        transactions: tuple[transaction_module.Transaction, ...] = ()
        if body:
            if raws is None:
                raise errors.BadAnswer('The block came without its body.')
            block = block_module.Block.of_parts(h, header_bytes, raws)
            transactions = tuple(
                transaction_module.Transaction.from_bytes(h, raw)
                for raw in block.raw_transactions)
            for transaction in transactions:
                transaction_module.verify_signature(
                    self._ledger.provider, h, transaction)
        signers, quorum, view = self._ledger.certifiers(certified)
        return BlockView(
            header, block_module.header_digest(h, header_bytes),
            transactions, sum(len(raw) for raw in raws or ()), signers,
            quorum, view, certified.height)

    def _certified(self, node: ledger_module.Node, header_bytes: bytes,
                   certificate: bytes, height: int
                   ) -> ledger_module.Certified:
        """Return what proves a header: it, or the chain above it.

        A heartbeat has lost its certificate when its successor has one.
        """
        digest = block_module.header_digest(self._ledger.h, header_bytes)
        above = height
        while not certificate and above > 0:
            above += 1
            if above - height > _SUCCESSORS_MAX_COUNT:
                raise errors.BadCertificate(
                    'No certified block follows this heartbeat soon: '
                    'verify an exported chain instead.', height=height)
            pair, _none = asking.found(self._ledger.client.block(
                above, body=False, node=node))
            header_bytes, certificate = pair
            successor = block_module.Header.from_bytes(header_bytes)
            if successor.height != above or successor.parent != digest:
                raise errors.BadBlock('The block above names another one.',
                                      height=above)
            digest = block_module.header_digest(self._ledger.h,
                                                header_bytes)
        return self._ledger.certify(header_bytes, certificate)
