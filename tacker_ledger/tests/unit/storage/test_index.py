# SPDX-License-Identifier: Apache-2.0
"""Tests of the relational index and of the thread that fills it."""

import threading

from tacker_ledger.core import errors
from tacker_ledger.node import indexing
from tacker_ledger.storage import index as index_module
from tacker_ledger.storage import models
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.storage import stores

CHAIN = b'c' * 32


def row(height: int, position: int, sender: bytes = b's' * 32) -> dict:
    """Return one transaction's row."""
    return {'height': height, 'position': position,
            'txid': bytes([height, position]) * 16, 'type': 1,
            'cid': b'c' * 16, 'vid': height, 'compression': 0,
            'encryption': 0, 'description': 'Grüße', 'sender': sender,
            'recipient': None, 'timestamp_ms': 1, 'size': 10}


def block(height: int, count: int, **fields) -> index_module.IndexedBlock:
    """Return a block with so many transactions."""
    head = {'height': height, 'digest': bytes(32), 'time_ms': height,
            'proposer': 0, 'transactions': count, 'size': 10 * count}
    return index_module.IndexedBlock(
        height, bytes([height]) * 32, head if count else None,
        [row(height, position, **fields) for position in range(count)])


class IndexCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.url = f'sqlite:///{self.make_directory()}/index.sqlite'
        self.index = index_module.Index(self.url)
        self.addCleanup(self.index.close)

    def prepare(self, chain=CHAIN, digest_at=lambda height: None):
        return self.index.prepare(chain, digest_at)


class TestIndex(IndexCase):

    def test_a_new_index_is_empty(self):
        self.assertEqual(-1, self.prepare())
        self.assertEqual([], list(self.index.content()))

    def test_what_is_added_is_found(self):
        self.prepare()
        self.index.add([block(0, 0), block(1, 2), block(2, 0)])
        self.assertEqual(index_module.Position(2, b'\2' * 32),
                         self.index.position())
        self.assertEqual([(1, 0), (1, 1)], [
            (found['height'], found['position'])
            for found in self.index.search({'cid': b'c' * 16}, -1, 10)])
        self.assertEqual([row(1, 1)], self.index.search(
            {'txid': row(1, 1)['txid']}, -1, 10))
        self.assertEqual([], self.index.search({'sender': bytes(32)}, -1, 9))
        self.assertEqual(['blocks', 'transactions', 'transactions'],
                         [table for table, _ in self.index.content()])

    def test_a_page_does_not_end_inside_a_block(self):
        self.prepare()
        self.index.add([block(height, 3) for height in range(1, 5)])
        first = self.index.search({}, -1, 4)
        self.assertEqual([1, 1, 1, 2, 2, 2],
                         [found['height'] for found in first])
        second = self.index.search({}, 2, 4)
        self.assertEqual([3, 3, 3, 4, 4, 4],
                         [found['height'] for found in second])
        self.assertEqual([], self.index.search({}, 4, 4))

    def test_kept_over_a_restart(self):
        self.prepare()
        self.index.add([block(1, 1)])
        again = index_module.Index(self.url)
        self.addCleanup(again.close)
        self.assertEqual(1, again.prepare(CHAIN, lambda height: b'\1' * 32))
        self.assertEqual(2, len(list(again.content())))

    def test_made_anew_for_another_chain_branch_or_schema(self):
        for change in (
                lambda: self.prepare(bytes(32)),
                lambda: self.prepare(digest_at=lambda height: None),
                lambda: self.prepare(digest_at=lambda height: bytes(32))):
            self.index.create(CHAIN)
            self.index.add([block(1, 1)])
            self.assertEqual(-1, change())
            self.assertEqual([], list(self.index.content()))
        self.index.create(CHAIN)
        self.patch(models, 'SCHEMA_VERSION', '0')
        self.assertFalse(self.index.fits(CHAIN))

    def test_half_a_batch_is_none(self):
        self.prepare()
        self.index.add([block(1, 1)])
        self.assertRaises(errors.StorageFailed, self.index.add,
                          [block(2, 1), block(1, 1)])
        self.assertEqual(1, self.index.position().height)
        self.assertEqual(2, len(list(self.index.content())))

    def test_wrong_connections(self):
        for url in ('nonsense', 'nonsense://', 'sqlite+nonsense://',
                    'sqlite:////nonexistent/index.sqlite'):
            error = self.assertRaises(
                errors.BadOption, index_module.Index, url, max_retries=0)
            self.assertEqual('connection', error.details['option'])

    def test_no_password_in_an_error(self):
        error = self.assertRaises(
            errors.BadOption, index_module.Index,
            'mysql+pymysql://user:secret@127.0.0.1:1/x', max_retries=0)
        self.assertNotIn('secret', str(error))


class TestIndexer(IndexCase):

    def setUp(self):
        super().setUp()
        self.prepare()
        self.chain = [block(0, 0)]

    def read(self, first, count):
        return self.chain[first:first + count]

    def test_it_follows(self):
        indexer = index_module.Indexer(self.index, self.read, -1)
        heights = []
        indexer.catch_up(heights.append)
        self.assertEqual([0], heights)
        indexer.start()
        self.chain += [block(height, 1) for height in range(1, 150)]
        indexer.wake()
        reached = threading.Event()
        original = self.index.add
        self.patch(self.index, 'add', lambda blocks: (
            original(blocks),
            blocks[-1].height == 150 and reached.set()))
        self.chain.append(block(150, 0))
        indexer.wake()
        self.assertTrue(reached.wait(20))
        indexer.stop()
        self.assertEqual(150, self.index.position().height)

    def test_what_comes_soon_after_many_rows_is_added_together(self):
        self.patch(index_module, '_MANY_ROWS', 1)
        self.patch(index_module, '_PAUSE_SECONDS', 10 ** 6)
        self.chain = [block(0, 1)]
        indexer = index_module.Indexer(self.index, self.read, -1)
        indexer.catch_up()
        additions = []
        original = self.index.add
        self.patch(self.index, 'add', lambda blocks: (
            original(blocks), additions.append(len(blocks))))
        following = iter([lambda: self.chain.append(block(1, 1)),
                          indexer._stop_requested.set])
        self.patch(indexer._wake, 'wait', lambda: next(following)())
        # the second one comes while the indexer rests
        self.patch(indexer._stop_requested, 'wait',
                   lambda seconds: self.chain.append(block(2, 1)))
        indexer._follow()
        self.assertEqual([2], additions)

    def test_a_database_that_is_away_is_waited_for(self):
        self.patch(index_module, '_RETRY_SECONDS', 0.01)
        original = self.index.add
        failures = iter([True, True])
        done = threading.Event()

        def add(blocks):
            if next(failures, False):
                raise errors.StorageFailed('away')
            original(blocks)
            done.set()

        self.patch(self.index, 'add', add)
        indexer = index_module.Indexer(self.index, self.read, -1)
        indexer.start()
        indexer.wake()
        self.assertTrue(done.wait(20))
        indexer.stop()
        self.assertEqual('', indexer.problem)
        self.assertEqual(0, self.index.position().height)


class TestFromAChain(stores.StoreCase):
    """Rows made from a stored chain."""

    def make(self) -> tuple[index_module.Index, index_module.Indexer]:
        index = index_module.Index(
            f'sqlite:///{self.make_directory()}/index.sqlite')
        self.addCleanup(index.close)
        return index, indexing.make_indexer(index, self.stored.reader)

    def test_live_and_rebuilt_are_the_same(self):
        live, indexer = self.make()
        for number in range(4):
            self.stored.commit(*[self.stored.digest(f'{number} {i}')
                                 for i in range(number)])
            indexer.catch_up()
        rebuilt, indexer = self.make()
        indexer.catch_up()
        self.assertEqual(list(live.content()), list(rebuilt.content()))
        self.assertEqual(live.position(), rebuilt.position())
        tables = [table for table, _ in live.content()]
        self.assertEqual((3, 6), (tables.count('blocks'),
                                  tables.count('transactions')))

    def test_the_indexer_goes_on_where_it_was(self):
        index, indexer = self.make()
        self.stored.commit(self.stored.digest('one'))
        indexer.catch_up()
        self.stored.commit(self.stored.digest('two'))
        again = indexing.make_indexer(index, self.stored.reader)
        self.assertEqual(1, again.height)
        self.assertEqual(2, again.catch_up())
