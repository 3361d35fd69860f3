# SPDX-License-Identifier: Apache-2.0
"""The database of publisher and validator."""

import threading

from alembic import autogenerate
from alembic.migration import MigrationContext
import sqlalchemy as sa

from tacker_ledger.core import errors
from tacker_ledger.storage import anchor_models as models
from tacker_ledger.storage import anchor_verdicts
from tacker_ledger.storage import anchors
from tacker_ledger.tests import base

LEASE = ('publisher', 'one')
LOG = b'l' * 16


def found(writer: int, sequence: int, number: int = 1) -> anchors.Found:
    """Return a checkpoint whose hash tells where it stands."""
    return anchors.Found(LOG, writer, sequence, number,
                         bytes([writer, sequence]) * 16, b'record', '/log')


class AnchorsCase(base.TestCase):
    """A fresh database."""

    def setUp(self):
        super().setUp()
        self.url = f'sqlite:///{self.make_directory()}/anchors.sqlite'
        self.database = self.open()
        self.database.migrate()

    def open(self) -> anchors.Anchors:
        """Return one more view of the database."""
        made = anchors.Anchors(self.url, sqlite_synchronous=False)
        self.addCleanup(made.close)
        return made

    def draft(self, number: int, *ids: int, txid: int = 0) -> anchors.Draft:
        """Return an anchor over outbox rows."""
        return anchors.Draft('bitcoin', number, b'r' * 32, ids,
                             bytes([txid or number]) * 32, b'raw')


class TestSchema(AnchorsCase):
    def test_migrations_lead_to_the_models(self):
        with self.database.engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={'version_table': models.VERSION_TABLE,
                                  # SQLite keeps no type BINARY
                                  'compare_type': False})
            self.assertEqual([], autogenerate.compare_metadata(
                context, models.metadata))

    def test_migrating_again_keeps_what_is_there(self):
        self.database.add_found([found(1, 5)], 1)
        self.open().migrate()
        self.assertEqual(1, len(self.database.due('bitcoin')))

    def test_two_processes_migrate_at_once(self):
        self.url = f'sqlite:///{self.make_directory()}/both.sqlite'
        failed = []

        def migrate():
            try:
                self.open().migrate()
            except errors.LedgerError as error:
                failed.append(error)

        threads = [threading.Thread(target=migrate) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], failed)
        self.assertEqual([], self.open().due('bitcoin'))

    def test_a_database_that_is_not_there_is_a_bad_option(self):
        self.assertRaises(errors.BadOption, anchors.Anchors,
                          'sqlite:////nowhere/at/all.sqlite')
        self.assertRaises(errors.BadOption, anchors.Anchors, 'nonsense')

    def test_no_password_is_in_what_is_wrong_with_an_address(self):
        error = self.assertRaises(
            errors.BadOption, anchors.Anchors,
            'mysql+pymysql://user:pa@ss:SECRET/1@host/db')
        self.assertNotIn('SECRET', error.message)
        self.assertIsNone(error.__cause__)


class TestOutbox(AnchorsCase):
    def test_a_checkpoint_enters_once_with_its_cursor(self):
        cursor = anchors.Cursor(b'f' * 32, '/log', 90, 4, b'h' * 32)
        self.assertEqual(2, self.database.add_found(
            [found(1, 5), found(1, 9)], 1, cursor))
        self.assertEqual(cursor, self.database.cursor(b'f' * 32))
        self.assertEqual(0, self.database.add_found([found(1, 5)], 1))
        self.assertIsNone(self.database.cursor(b'g' * 32))

    def test_the_newest_of_each_session_is_due(self):
        self.database.add_found([found(1, 5), found(1, 9), found(2, 3)], 1)
        self.assertEqual([(1, 9), (2, 3)],
                         [(one.writer, one.sequence)
                          for one in self.database.due('bitcoin')])

    def test_what_is_anchored_is_due_with_another_driver_only(self):
        self.database.beat(*LEASE)
        self.database.add_found([found(1, 5)], 1)
        [due] = self.database.due('bitcoin')
        sent = self.database.store(self.draft(1, due.id), LEASE, 2)
        self.assertEqual([], self.database.due('bitcoin'))
        self.assertEqual([due], self.database.due('ledger'))
        self.assertEqual([due], self.database.checkpoints(sent.anchor_id))
        self.database.add_found([found(1, 9)], 1)
        self.assertEqual([9], [one.sequence
                               for one in self.database.due('bitcoin')])

    def test_a_lost_anchor_gives_its_checkpoints_back(self):
        self.database.beat(*LEASE)
        self.database.add_found([found(1, 5)], 1)
        [due] = self.database.due('bitcoin')
        sent = self.database.store(self.draft(1, due.id), LEASE, 2)
        self.database.note(sent, LEASE, state=models.CONFLICTED)
        self.assertEqual([due], self.database.due('bitcoin'))
        self.assertEqual([], self.database.unsettled('bitcoin'))


class TestAnchors(AnchorsCase):
    def setUp(self):
        super().setUp()
        self.database.beat(*LEASE)
        self.database.add_found([found(1, 5), found(2, 5)], 1)

    def test_a_number_is_taken_once(self):
        other = self.open()
        self.database.store(self.draft(1, 1), LEASE, 2)
        self.assertRaises(anchors.LeaseLost, other.store,
                          self.draft(1, 2, txid=9), LEASE, 2)
        self.assertEqual(2, other.next_number('bitcoin'))
        self.assertEqual(1, len(other.sent()))

    def test_nothing_is_stored_without_the_lease(self):
        self.assertRaises(anchors.LeaseLost, self.database.store,
                          self.draft(1, 1), ('publisher', 'two'), 2)
        self.assertEqual([], self.database.sent())

    def test_a_replacement_carries_the_same_anchor(self):
        first = self.database.store(self.draft(1, 1), LEASE, 2)
        second = self.database.store_attempt(first, b'n' * 32, b'raw2', 7,
                                             LEASE, 3)
        self.assertEqual((first.anchor_id, 1, 7, 2), (
            second.anchor_id, second.attempt, second.fee_satoshi,
            second.created_ms))
        # in one step: the old one, sent again, would be refused
        self.assertEqual([models.REPLACED, models.PENDING],
                         [one.state for one in self.database.sent()])
        self.assertEqual([first.anchor_id],
                         self.database.unsettled('bitcoin'))
        self.assertEqual(second, self.database.newest('bitcoin'))
        # the one that was replaced may be mined all the same
        self.database.note(second, LEASE, state=models.CONFLICTED)
        self.database.note(first, LEASE, state=models.FINAL, block=b'b' * 32)
        self.assertEqual([], self.database.unsettled('bitcoin'))
        self.assertEqual([1], [one.id for one in
                               self.database.unprovided('bitcoin')])

    def test_a_new_block_has_to_be_provided_and_told_again(self):
        sent = self.database.store(self.draft(1, 1), LEASE, 2)
        self.assertEqual([], self.database.unprovided('bitcoin'))
        block = {'state': models.CONFIRMED, 'block': b'b' * 32}
        sent = self.database.note(sent, LEASE, **block)
        self.assertEqual([sent], self.database.unprovided('bitcoin'))
        sent = self.database.note(sent, LEASE, provided_block=b'b' * 32,
                                  told_block=b'b' * 32)
        self.assertEqual([], self.database.unprovided('bitcoin'))
        sent = self.database.note(sent, LEASE, block=b'c' * 32)
        self.assertEqual([sent], self.database.unprovided('bitcoin'))


class TestLease(AnchorsCase):
    def test_one_has_it_until_it_is_silent(self):
        other = self.open()
        self.assertEqual(('one', 0), self.database.beat(*LEASE))
        seen = other.beat('publisher', 'two')
        self.assertEqual(('one', 0), seen)
        self.assertEqual(('one', 1), self.database.beat(*LEASE))
        self.assertFalse(other.take_over('publisher', 'two', seen))
        seen = other.beat('publisher', 'two')
        self.assertTrue(other.take_over('publisher', 'two', seen))
        self.assertEqual('two', self.database.beat(*LEASE)[0])
        other.release('publisher', 'two')
        self.assertEqual('one', self.database.beat(*LEASE)[0])


class TestVerdicts(AnchorsCase):
    def setUp(self):
        super().setUp()
        self.database.beat(*LEASE)
        self.database.add_found([found(1, 5)], 1)
        self.verdicts = anchor_verdicts.Verdicts(self.database)
        self.sent = self.database.store(self.draft(1, 1), LEASE, 2)

    def confirm(self, block: bytes) -> None:
        """Put the anchor into a block."""
        self.database.note(self.sent, LEASE, state=models.CONFIRMED,
                           block=block, height=4)

    def test_a_block_is_read_and_decided_once(self):
        self.assertEqual([], self.verdicts.unread(['bitcoin']))
        self.confirm(b'b' * 32)
        [sent] = self.verdicts.unread(['bitcoin'])
        for _ in range(2):
            self.verdicts.add_reading(sent.id, b'b' * 32, 4, b'r' * 32, '',
                                      3)
        self.assertEqual([], self.verdicts.unread(['bitcoin']))
        [reading] = self.verdicts.readings(is_compared=False)
        decided = [anchor_verdicts.Verdict(LOG, 1, 'validated',
                                           {'number': 1})]
        self.assertTrue(self.verdicts.decide(reading, decided, 5))
        self.assertFalse(self.verdicts.decide(reading, decided, 5))
        self.assertEqual([(1, {'number': 1})], self.verdicts.untold())
        self.verdicts.note_verdict_told(1)
        self.assertEqual([], self.verdicts.untold())
        self.assertEqual([(1, {'number': 1})], self.verdicts.all_messages())
        self.assertEqual([], self.verdicts.readings(is_compared=False))

    def test_another_block_is_read_anew(self):
        self.confirm(b'b' * 32)
        self.verdicts.add_reading(self.sent.id, b'b' * 32, 4, None,
                                  'no-op-return', 3)
        self.confirm(b'c' * 32)
        self.assertEqual([b'c' * 32], [
            one.block for one in self.verdicts.unread(['bitcoin'])])

    def test_anchors_that_nobody_reads_are_passed_over(self):
        self.confirm(b'b' * 32)
        self.assertEqual([], self.verdicts.unread(['ledger']))
        self.assertEqual([], self.verdicts.unread(['bitcoin'],
                                                  self.sent.id))

    def test_errors_of_the_database_have_a_code(self):
        with self.database.engine.begin() as connection:
            connection.execute(sa.text('DROP TABLE anchor_verdicts'))
        self.assertRaises(errors.StorageFailed, self.verdicts.untold)
