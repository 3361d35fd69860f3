# SPDX-License-Identifier: Apache-2.0
"""S18: a damaged store is mended, or refused with what to do."""

import contextlib
import os
import random
import shutil

from tacker_ledger.core import errors
from tacker_ledger.storage import check
from tacker_ledger.storage import data_file
from tacker_ledger.storage import environment
from tacker_ledger.storage import guard
from tacker_ledger.storage import head_mark
from tacker_ledger.storage import opening
from tacker_ledger.tests import federations
from tacker_ledger.tests.unit.storage import stores

PAGE = 4096


class DamageCase(stores.StoreCase):
    """A closed store of some blocks, and what it should say."""

    BLOCKS = 12

    def setUp(self):
        super().setUp()
        for number in range(self.BLOCKS):
            count = 0 if number % 5 == 4 else 1 + number % 3
            self.stored.commit(*(
                self.stored.digest(f'{number} {index}')
                for index in range(count)))
        self.stored.store.persist(self.BLOCKS + 1, [b'a vote']).result()
        self.stored.close()
        self.truth = self.stored.ledger

    @property
    def data(self):
        return self.directory / environment.DIRECTORY / data_file.NAME

    @contextlib.contextmanager
    def env(self):
        with environment.Environment(self.directory,
                                     max_bytes=1 << 28) as env:
            yield env

    def opened(self):
        """Open as a node does."""
        made = self.stored.made
        self.stored.store = opening.open_store(
            self.directory, made.federation, made.signed.to_bytes(),
            federations.PROVIDER, max_bytes=1 << 28, sync=False)
        return self.stored.store

    def change(self, database, key, change):
        """Change a record as it lies on the disk, checksum and all."""
        with self.env() as env, env.write() as txn:
            handle = env.databases[database].handle
            stored = bytearray(txn.get(key, db=handle))
            change(stored)
            txn.put(key, bytes(stored), db=handle)

    def flip(self, database, key, at=0):
        def change(stored):
            stored[at] ^= 0x10
        self.change(database, key, change)

    def keys(self, database):
        with self.env() as env, env.read() as txn:
            return [key for key, _ in environment.scan(
                txn, env.databases[database])]

    def assert_serves_the_truth(self, store, height):
        """All that a reader asks for is as it was written."""
        blocks = self.truth.blocks[:height]
        self.assertEqual(height, store.head().height)
        reader = self.stored.reader
        for committed in blocks:
            at = committed.block.header.height
            (header, _), raws = reader.block(at)
            self.assertEqual(committed.block.header_bytes, header)
            self.assertEqual(committed.block.raw_transactions, raws)
            for index, one in enumerate(committed.outcome.transactions):
                self.assertEqual((at, index), reader.place(one.txid))
                self.assertEqual(one.raw, reader.transaction(one.txid)[2])
            for entry in committed.outcome.changes.entries:
                _, _, found = reader.history(entry.state_key,
                                             entry.count - 1, 1)
                self.assertEqual(
                    (at, entry.index,
                     committed.outcome.transactions[entry.index].raw),
                    found[0])
        keys = sorted({key for committed in blocks
                       for key in committed.outcome.changes.changes})
        newest = {}
        for committed in blocks:
            newest.update(committed.outcome.changes.changes)
        for key in keys:
            _, ((_, value, _),) = reader.state([key])
            self.assertEqual(newest[key], value)

    def assert_mended(self, dropped=0, doubt=True):
        store = self.opened()
        self.assert_serves_the_truth(store, self.BLOCKS - dropped)
        self.assertEqual(doubt, bool(store.doubt()))
        self.assertTrue((self.directory / 'ledger.mdb.damaged').exists())
        self.assertFalse((self.directory / 'repair').exists())
        with store.env.read() as txn:
            votes = store.votes.load(txn)
        self.stored.close()
        self.assertEqual('', self.log_of_second_start())
        return votes

    def log_of_second_start(self):
        with self.env() as env:
            sound = check.complete(env, self.h)
        self.assertEqual(sound.transactions, sum(
            len(self.stored.ledger.blocks[height - 1].outcome.transactions)
            for height in range(1, sound.height + 1)))
        return ''

    def assert_refused(self):
        error = self.assertRaises(errors.CorruptStore, self.opened)
        self.assertIn('does not serve', error.message)
        self.assertIn('Move everything in', error.message)
        self.assertFalse((self.directory / 'repair').exists())


class TestSound(DamageCase):

    def test_nothing_is_touched(self):
        store = self.opened()
        self.assert_serves_the_truth(store, self.BLOCKS)
        self.assertEqual('', store.doubt())
        self.assertEqual([b'a vote'], store.vote_records())
        self.assertFalse((self.directory / 'ledger.mdb.damaged').exists())

    def test_a_complete_check_counts(self):
        with self.env() as env:
            sound = check.complete(env, self.h)
        self.assertEqual((self.BLOCKS, 0, True),
                         (sound.height, sound.first_body, sound.clean))

    def test_after_a_kill(self):
        # the map is not in step, the mark may be behind
        with self.env() as env, env.write() as txn:
            environment.put(txn, env.meta, b'state-map-clean', b'0')
        self.mark(self.BLOCKS - 2)
        self.assert_serves_the_truth(self.opened(), self.BLOCKS)
        self.assertEqual('', self.stored.store.doubt())

    def mark(self, height):
        mark = head_mark.HeadMark(self.directory)
        mark.write(height)
        mark.close()

    def test_a_new_directory(self):
        self.stored.close()
        self.directory = self.directory.with_name('other')
        store = self.opened()
        self.assertEqual(0, store.head().height)
        self.assertEqual('', store.doubt())

    def test_s18_a_store_older_than_it_was_observes(self):
        self.mark(self.BLOCKS + 3)
        store = self.opened()
        self.assert_serves_the_truth(store, self.BLOCKS)
        self.assertIn(f'was at {self.BLOCKS + 3}', store.doubt())

    def test_s18_a_database_that_is_gone_observes(self):
        for left in (True, False):
            if left:
                os.truncate(self.data, 0)
            else:
                self.stored.close()
                shutil.rmtree(self.data.parent)
                self.mark(5)
            store = self.opened()
            self.assertEqual(0, store.head().height)
            self.assertIn('votes are missing', store.doubt())


class TestRecords(DamageCase):
    """One record of each kind is damaged, the rest of LMDB is sound."""

    def place(self, height, index=0):
        return environment.PLACE.pack(height, index)

    def test_s18_a_body_of_the_tail(self):
        self.flip('bodies', self.place(9), 20)
        self.assertEqual([b'a vote'], self.assert_mended(
            dropped=self.BLOCKS - 8))

    def test_s18_a_header_of_the_tail(self):
        self.flip('headers', environment.U64.pack(self.BLOCKS), 9)
        self.assert_mended(dropped=1)

    def test_s18_a_lost_block(self):
        for database, key in (('bodies', self.place(7)),
                              ('headers', environment.U64.pack(11))):
            with self.env() as env, env.write() as txn:
                environment.delete(txn, env.databases[database], key)
        self.assert_mended(dropped=self.BLOCKS - 6)

    def test_s18_what_follows_from_the_blocks_is_built_anew(self):
        for database in ('txids', 'state', 'federations'):
            key = self.keys(database)[-1]
            self.flip(database, key)
            # what was closed in order is not walked: damage met says so
            head_mark.suspect(self.directory, 'a test')
            votes = self.assert_mended(doubt=False)
            self.assertEqual([b'a vote'], votes)
            self.assertEqual('', head_mark.suspicion(self.directory))
            self.stored.close()

    def test_s18_values_are_checked_after_a_kill(self):
        self.flip('state', self.keys('state')[3])
        with self.env() as env, env.write() as txn:
            environment.put(txn, env.meta, b'state-map-clean', b'0')
        self.assert_mended(doubt=False)

    def test_s18_a_value_of_another_time(self):
        # its checksum is right, the state is not
        key = self.keys('state')[0]
        with self.env() as env, env.write() as txn:
            environment.put(txn, env.state, key, b'another')
            environment.put(txn, env.meta, b'state-map-clean', b'0')
        self.assert_mended(doubt=False)

    def test_s18_a_vote_is_doubt_and_no_repair(self):
        self.flip('votes', self.keys('votes')[0], 12)
        store = self.opened()
        self.assert_serves_the_truth(store, self.BLOCKS)
        self.assertRaises(errors.CorruptStore, store.vote_records)
        store.persist(self.BLOCKS + 1, [b'later']).result()

    def test_s18_damage_met_by_a_reader_is_an_error_not_an_answer(self):
        txid = self.truth.blocks[0].outcome.transactions[0].txid
        self.flip('txids', txid, 3)
        self.patch(check, 'TAIL_BLOCKS', 3)
        self.opened()
        self.assertRaises(errors.CorruptStore, self.stored.reader.place,
                          txid)

    def test_s18_the_mapped_array(self):
        self.opened().close()
        self.stored.store = None
        with open(self.directory / 'state.map', 'r+b') as file:
            # a root that is right over nodes that are not
            os.pwrite(file.fileno(), bytes(64), 64)
        self.opened()
        key = self.keys_of_state()[0]
        self.assertRaises(errors.CorruptStore, self.stored.reader.state,
                          [key])

    def keys_of_state(self):
        return sorted(self.truth.blocks[0].outcome.changes.changes)


class TestMiddle(DamageCase):

    BLOCKS = 20

    def setUp(self):
        super().setUp()
        self.patch(check, 'TAIL_BLOCKS', 6)

    def test_s18_a_body_of_the_middle(self):
        self.flip('bodies', environment.PLACE.pack(3, 0), 20)
        # nobody has looked there yet; whoever does gets no answer
        store = self.opened()
        self.assertRaises(errors.LedgerError, self.assert_serves_the_truth,
                          store, self.BLOCKS)
        self.stored.close()
        head_mark.suspect(self.directory, 'a test')
        self.assert_refused()
        self.assert_refused()

    def test_s18_the_edge_of_the_tail(self):
        head_mark.suspect(self.directory, 'a test')
        at = self.BLOCKS - 6
        self.flip('bodies', environment.PLACE.pack(at, 0), 20)
        self.assert_refused()
        self.flip('bodies', environment.PLACE.pack(at, 0), 20)
        self.flip('bodies', environment.PLACE.pack(at + 3, 0), 20)
        self.assert_mended(dropped=4)

    def test_s18_a_lost_sector_in_the_middle(self):
        # the pages of the first bodies
        wanted = self.truth.blocks[0].block.raw_transactions[0][:64]
        raw = self.data.read_bytes()
        at = raw.index(wanted) // PAGE * PAGE
        with open(self.data, 'r+b') as file:
            file.seek(at)
            file.write(bytes(512))
        head_mark.suspect(self.directory, 'a test')
        self.assert_refused()


class TestFiles(DamageCase):
    """Whole files are damaged, as disks do it."""

    def test_s18_a_torn_meta_page(self):
        for offset in (24, 152):  # the magic, the number of the commit
            copy = self.directory.with_name(f'copy-{offset}')
            shutil.copytree(self.directory, copy)
            home, self.directory = self.directory, copy
            for page in (0, PAGE):
                with open(self.data, 'r+b') as file:
                    os.pwrite(file.fileno(), b'\x55\xaa', page + offset - 8)
            self.assert_never_false()
            self.directory = home

    def test_s18_a_crash_of_a_repair_is_completed(self):
        self.flip('headers', environment.U64.pack(self.BLOCKS), 9)
        self.assert_mended(dropped=1)
        # the old one is gone, the new one not yet in place
        (self.directory / 'repair').mkdir()
        os.rename(self.directory / 'ledger.mdb',
                  self.directory / 'repair' / 'ledger.mdb')
        store = self.opened()
        self.assert_serves_the_truth(store, self.BLOCKS - 1)
        self.assertTrue(store.doubt())

    def assert_never_false(self):
        """Right content or a refusal with a code; return which."""
        def look():
            with contextlib.ExitStack() as stack:
                store = self.opened()
                stack.callback(self.stored.close)
                height = store.head().height
                self.assert_serves_the_truth(store, height)
                lost = height < self.BLOCKS
                # what may have forgotten votes must say so
                if not store.doubt():
                    try:
                        lost = lost or store.vote_records() != [b'a vote']
                    except errors.CorruptStore:
                        pass
                    else:
                        self.assertFalse(lost)
            return height

        try:
            return guard.run(look)
        except errors.LedgerError as error:
            self.assertIn(error.code, ('corrupt-store', 'storage-failed'),
                          error)
            self.assertNotIn('MismatchError', error.message)
            self.assertNotIn('AssertionError', error.message)
            return None

    def test_s18_truncated_and_flipped_anywhere(self):
        """S18: whatever is damaged, nothing false is served."""
        generator = random.Random(18)
        size = self.data.stat().st_size
        served = 0
        for number in range(40):
            copy = self.directory.with_name(f'run-{number}')
            shutil.copytree(self.directory, copy)
            home, self.directory = self.directory, copy
            if number % 4 == 0:
                os.truncate(self.data, generator.randrange(size))
            else:
                with open(self.data, 'r+b') as file:
                    for _ in range(generator.choice((1, 3, 40))):
                        at = generator.randrange(size)
                        byte = os.pread(file.fileno(), 1, at)[0]
                        os.pwrite(file.fileno(), bytes([
                            byte ^ 1 << generator.randrange(8)]), at)
            with self.subTest(number=number):
                if self.assert_never_false() is not None:
                    served += 1
            self.stored.close()
            self.directory = home
            shutil.rmtree(copy)
        # most damage of so short a chain is in its tail
        self.assertGreater(served, 10)


class TestGuard(stores.base.TestCase):

    def test_results_and_errors_come_back(self):
        self.assertEqual([1, 'a'], guard.run(lambda: (1, 'a')))

        def fail():
            raise errors.CorruptStore('no', height=7)
        error = self.assertRaises(errors.CorruptStore, guard.run, fail)
        self.assertEqual(('no', {'height': 7}),
                         (error.message, error.details))

    def test_a_signal_is_damage(self):
        error = self.assertRaises(errors.CorruptStore, guard.run,
                                  lambda: os.kill(os.getpid(), 7))
        self.assertIn('SIGBUS', error.message)

    def test_any_other_failure_is_damage(self):
        error = self.assertRaises(errors.CorruptStore, guard.run,
                                  lambda: 1 // 0)
        self.assertIn('ZeroDivisionError', error.message)
