# SPDX-License-Identifier: Apache-2.0
"""S20: an index that is lost, behind or damaged becomes what it was."""

import contextlib
import os
import random
import shutil
import sqlite3
import types

from tacker_ledger.core import errors
from tacker_ledger.node import indexing
from tacker_ledger.node import query
from tacker_ledger.tests.unit.storage import stores


class TestIndexing(stores.StoreCase):
    """The index of a chain of thirty blocks, row by row."""

    def setUp(self):
        super().setUp()
        self.conf = types.SimpleNamespace(
            node=types.SimpleNamespace(data_directory=str(self.directory)),
            database=_Options(connection=None))
        self.file = self.directory / indexing.FILE
        self.extend(20)
        self.rows()
        self.early = self.directory / 'early'
        shutil.copy(self.file, self.early)
        self.extend(10)
        self.live = self.rows()
        self.assertGreater(len(self.live), 60)

    def extend(self, blocks):
        start = len(self.stored.ledger.blocks)
        for number in range(start, start + blocks):
            self.stored.commit(*(self.stored.digest(f'{number} {index}')
                                 for index in range(number % 4)))

    def rows(self):
        """Open the index as a starting node does; return all its rows."""
        index = indexing.open_index(self.conf)
        try:
            indexer = indexing.make_indexer(index, self.stored.reader)
            height = indexer.catch_up()
            self.assertEqual(self.stored.store.head().height, height)
            self.assertEqual(self.stored.store.head().digest,
                             index.position().digest)
            return list(index.content())
        finally:
            index.close()

    def assert_rebuilt(self):
        """Compare row by row, so that a failure names the row."""
        rows = self.rows()
        for before, now in zip(self.live, rows, strict=True):
            self.assertEqual(before, now)
        self.assertEqual(self.live, self.rows())

    def test_s20_lost(self):
        """S20: the file is gone."""
        self.file.unlink()
        self.assert_rebuilt()

    def test_s20_behind(self):
        """S20: the file is an older copy."""
        shutil.copy(self.early, self.file)
        self.assert_rebuilt()

    def test_s20_ahead_of_the_chain(self):
        """S20: the chain lost its newest blocks; the index has them."""
        early = self.directory.with_name('early')
        shutil.copytree(self.directory, early)
        live = self.live
        self.extend(5)
        self.assertNotEqual(live, self.rows())
        ahead = self.file.read_bytes()
        self.stored.close()
        shutil.rmtree(self.directory)
        shutil.copytree(early, self.directory)
        self.stored.open()
        self.file.write_bytes(ahead)
        self.assert_rebuilt()

    def test_s18_a_row_that_is_false_is_not_shown(self):
        """S18: a flipped value is noticed when it is read."""
        for column, value in (('size', '7'), ('txid', "x'00'"),
                              ('vid', '2'), ('description', "'no'"),
                              ('recipient', 'sender')):
            with contextlib.closing(sqlite3.connect(
                    self.file)) as connection:
                connection.execute(
                    f'UPDATE transactions SET {column} = {value} '
                    'WHERE height = 7 AND position = 1')
                connection.commit()
            self.assert_never_false()
            self.assert_rebuilt()

    def assert_never_false(self):
        """A search shows what is true, or fails."""
        index = indexing.open_index(self.conf)
        self.addCleanup(index.close)
        reader = query.Query(self.stored.store.env, self.stored.store.nodes,
                             index)
        try:
            found = reader.search(limit=1000)
        except errors.LedgerError as error:
            self.assertIn(error.code, ('corrupt-store', 'storage-failed'))
            return
        truth = [row for table, row in self.live if table == 'transactions']
        self.assertEqual(
            [(row[0], row[1], row[2].hex()) for row in truth],
            [(row['height'], row['position'], row['txid'])
             for row in found])

    def test_s18_damaged(self):
        """S18: truncated, torn, overwritten: nothing of it is kept."""
        whole = self.file.read_bytes()
        generator = random.Random(20)
        damages = [b'', b'no database at all', whole[:len(whole) // 2],
                   whole[:-1], bytes(len(whole))]
        for at in (0, 4096):
            damages.append(whole[:at] + generator.randbytes(4096)
                           + whole[at + 4096:])
        for damage in damages:
            for suffix in ('-wal', '-shm'):
                if os.path.exists(f'{self.file}{suffix}'):
                    os.unlink(f'{self.file}{suffix}')
            self.file.write_bytes(damage)
            self.assert_rebuilt()


class _Options(types.SimpleNamespace):
    """A group of options of which only some are there."""

    def __contains__(self, name):
        return name in self.__dict__
