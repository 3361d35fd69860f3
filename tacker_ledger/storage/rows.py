# SPDX-License-Identifier: Apache-2.0
"""Rows of the index, made from the chain alone.

The live path and a rebuild make them by the same function from the same
bytes, so their results cannot differ.
"""

from collections.abc import Sequence

from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.storage import index

_BIGINT_MAX = 2 ** 63 - 1


def indexed_block(h: hashing.Hasher, raw_header: bytes,
                  raws: Sequence[bytes]) -> index.IndexedBlock:
    """Return what the index keeps of a block.

    :param raw_header: its encoded header
    :param raws: its raw transactions in order
    """
    return of_parsed(
        block_module.Header.from_bytes(raw_header),
        h.hash(hashing.Tag.BLOCK, raw_header),
        [transaction_module.Transaction.from_bytes(h, raw) for raw in raws])


def of_parsed(header: block_module.Header, digest: bytes,
              parsed: Sequence[transaction_module.Transaction]
              ) -> index.IndexedBlock:
    """Return the same of a block whose transactions were read already.

    :param digest: of the header, 32 bytes
    """
    if not parsed:
        return index.IndexedBlock(header.height, digest)
    transactions: list[index.Row] = []
    references: list[index.Row] = []
    for position, transaction in enumerate(parsed):
        transactions.append(_transaction(header.height, position,
                                         transaction))
        references += _references(header.height, position,
                                  transaction.content)
    block = {
        'height': header.height, 'digest': digest,
        'time_ms': header.timestamp_ms, 'proposer': header.proposer,
        'transactions': len(parsed),
        'size': sum([len(one.raw) for one in parsed])}
    return index.IndexedBlock(header.height, digest, block, transactions,
                              references)


def is_row_of(h: hashing.Hasher, row: index.Row, raw: bytes) -> bool:
    """Return whether a row is the one that a transaction has there.

    :param raw: the transaction at the row's height and position
    """
    return row == _transaction(
        row['height'], row['position'],
        transaction_module.Transaction.from_bytes(h, raw))


def _transaction(height: int, position: int,
                 transaction: transaction_module.Transaction) -> index.Row:
    content = transaction.content
    request = isinstance(content, transaction_module.Request)
    return {
        'height': height, 'position': position, 'txid': transaction.txid,
        'type': (transaction_module.TYPE_REQUEST if request
                 else transaction_module.TYPE_CONFIGURATION),
        'cid': content.cid, 'vid': content.vid,
        'compression': content.compression,
        'encryption': content.encryption,
        'description': content.description,
        'sender': transaction.sender_id,
        'recipient': content.recipient_id,
        'timestamp_ms': (content.timestamp_ms
                         if content.timestamp_ms <= _BIGINT_MAX else None),
        'size': len(transaction.raw)}


def _references(height: int, position: int,
                content: transaction_module.Content) -> list[index.Row]:
    if isinstance(content, transaction_module.Request):
        return []
    return [
        {'height': height, 'position': position, 'side': side,
         'ordinal': ordinal, 'cid': reference.cid, 'vid': reference.vid,
         'txid': reference.digest}
        for side, some in enumerate((content.apply_before,
                                     content.apply_after))
        for ordinal, reference in enumerate(some)]
