# SPDX-License-Identifier: Apache-2.0
"""S20: an index in MariaDB that is lost, behind or ahead becomes what it was.

The same with SQLite, and files that are damaged, is in
``unit/node/test_indexing``; whole nodes that lose theirs, in ``faults``.
"""

import itertools
import shutil
import uuid

import sqlalchemy as sa

from tacker_ledger.core import hashing
from tacker_ledger.node import indexing
from tacker_ledger.storage import index as index_module
from tacker_ledger.storage import models
from tacker_ledger.tests.unit.storage import stores

_EARLY, _ALL = 20, 30


class TestIndexInMariadb(stores.StoreCase):
    """The index of a chain of thirty blocks, row by row."""

    TIMEOUT_SCALE = 10

    def setUp(self):
        super().setUp()
        self.pattern = self.require_part('mariadb')['url_pattern']
        self.server = sa.create_engine(self.pattern.format(database='mysql'))
        self.addCleanup(self.server.dispose)
        self.names = itertools.count()
        self.early = self.database()
        self.late = self.database()
        self.extend(_EARLY)
        self.rows(self.early)
        self.copy = self.directory.with_name('copy')
        self.extend(_ALL - _EARLY)
        self.live = self.rows(self.late)
        self.assertGreater(len(self.live), 60)
        # and what another database makes of the same chain
        self.assertEqual(self.live, self.rows(
            f'sqlite:///{self.directory}/index.sqlite'))

    def database(self):
        """Return the URL of a new database."""
        name = f'index_{uuid.uuid4().hex}_{next(self.names)}'
        with self.server.connect() as connection:
            connection.execute(sa.text(f'CREATE DATABASE {name}'))
        self.addCleanup(self.drop, name)
        return self.pattern.format(database=name)

    def drop(self, name):
        with self.server.connect() as connection:
            connection.execute(sa.text(f'DROP DATABASE {name}'))

    def extend(self, blocks):
        start = len(self.stored.ledger.blocks)
        for number in range(start, start + blocks):
            self.stored.commit(*(self.stored.digest(f'{number} {index}')
                                 for index in range(number % 4)))

    def rows(self, url):
        """Open the index as a starting node does; return all its rows."""
        index = index_module.Index(url)
        try:
            indexer = indexing.make_indexer(index, self.stored.reader)
            head = self.stored.store.head()
            self.assertEqual(head.height, indexer.catch_up())
            self.assertEqual(head.digest, index.position().digest)
            return list(index.content())
        finally:
            index.close()

    def position(self, url):
        index = index_module.Index(url)
        try:
            return index.position().height
        finally:
            index.close()

    def execute(self, statement):
        engine = sa.create_engine(self.late)
        try:
            with engine.begin() as connection:
                connection.execute(statement)
        finally:
            engine.dispose()

    def assert_rebuilt(self, url):
        """Compare row by row, so that a failure names the row."""
        for before, now in zip(self.live, self.rows(url), strict=True):
            self.assertEqual(before, now)

    def test_s20_lost(self):
        """S20: a new, empty database."""
        self.assert_rebuilt(self.database())

    def test_s20_tables_lost(self):
        """S20: one table after the other is dropped."""
        for table in models.metadata.tables.values():
            self.execute(sa.schema.DropTable(table))
            self.assert_rebuilt(self.late)

    def test_s20_behind(self):
        """S20: an older copy of the database is restored."""
        self.assertEqual(_EARLY, self.position(self.early))
        self.assert_rebuilt(self.early)

    def test_s20_ahead_of_the_chain(self):
        """S20: the chain lost its newest blocks; the index has them."""
        shutil.copytree(self.directory, self.copy)
        self.extend(5)
        self.assertNotEqual(self.live, self.rows(self.late))
        self.stored.close()
        shutil.rmtree(self.directory)
        shutil.copytree(self.copy, self.directory)
        self.stored.open()
        self.assertEqual(_ALL + 5, self.position(self.late))
        self.assert_rebuilt(self.late)

    def test_s20_of_another_branch(self):
        """S20: the block it ends with is not the chain's at that height."""
        self.execute(
            sa.update(models.meta).where(models.meta.c.name == 'digest')
            .values(value=bytes(hashing.DIGEST_BYTES).hex()))
        self.execute(sa.delete(models.transactions).where(
            models.transactions.c.height == 7))
        self.assert_rebuilt(self.late)
