# SPDX-License-Identifier: Apache-2.0
"""Stores to test with: an in-memory ledger makes the blocks they keep."""

import pathlib

from tacker_ledger.node import query
from tacker_ledger.storage import store
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers


class Stored:
    """A data directory beside the ledger whose blocks it holds.

    :param directory: of the data
    """

    def __init__(self, directory: pathlib.Path, n: int = 4):
        self.directory = directory
        self.made = federations.genesis(n)
        self.ledger = ledgers.Ledger(self.made)
        self.h = self.made.h
        self.store: store.LedgerStore | None = None
        self.open()

    def open(self) -> store.LedgerStore:
        """Open the directory as a node does."""
        self.store = store.LedgerStore(
            self.directory, self.made.federation,
            self.made.signed.to_bytes(), max_bytes=1 << 28, sync=False)
        return self.store

    def close(self) -> None:
        """Close it in order, if it is open."""
        if self.store is not None:
            self.store.close()
        self.store = None

    @property
    def reader(self) -> query.Query:
        """A reader inside the node's process."""
        return query.Query(self.store.env, self.store.nodes)

    def commit(self, *transactions, **fields) -> ledgers.Committed:
        """Commit a block and store it."""
        block = self.ledger.commit(transactions, **fields)
        self.store.append([(block.outcome, block.certificate)]).result()
        return block

    def digest(self, label: str, **fields):
        """Return a transaction that follows from its label."""
        return ledgers.digest_transaction(self.h, label, **fields)


class StoreCase(base.TestCase):
    """A test with a store."""

    def setUp(self):
        super().setUp()
        self.directory = self.make_directory() / 'data'
        self.stored = Stored(self.directory)
        self.addCleanup(lambda: self.stored.close())
        self.h = self.stored.h

    def reopen(self) -> store.LedgerStore:
        """Close the store in order and open it again."""
        self.stored.close()
        return self.stored.open()
