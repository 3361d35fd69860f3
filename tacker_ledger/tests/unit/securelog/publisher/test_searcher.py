# SPDX-License-Identifier: Apache-2.0
"""The checkpoint searcher over real log files."""

import base64
import dataclasses
import logging
import os

from tacker_ledger.core.crypto import providers
from tacker_ledger.core.securelog import records
from tacker_ledger.keystore import file as file_keystore
from tacker_ledger.securelog import handler as handler_module
from tacker_ledger.securelog import keys
from tacker_ledger.securelog.publisher import searcher
from tacker_ledger.securelog import trusted_keys
from tacker_ledger.storage import anchors
from tacker_ledger.tests import base


class TestSearcher(base.TestCase):
    def setUp(self):
        super().setUp()
        self.directory = self.make_directory()
        self.file = self.directory / 'tacker.log'
        self.keys = self.directory / 'keys'
        keys.generate(self.keys, providers.default())
        (self.keys / 'auditor.key').unlink()
        self.handler = self.open()
        self.database = anchors.Anchors(
            f'sqlite:///{self.directory}/anchors.sqlite')
        self.addCleanup(self.database.close)
        self.database.migrate()
        self.trusted = trusted_keys.TrustedKeys.load(
            [str(self.keys / 'log-signing.pub')])
        self.searcher = self.start(self.trusted)

    def open(self):
        made = handler_module.SecureLogHandler(
            self.file, self.keys, checkpoint_lines=10, checkpoint_seconds=0)
        self.addCleanup(made.close)
        return made

    def start(self, trusted):
        return searcher.Searcher(self.database, [str(self.file)], trusted,
                                 lambda: 7, 'host')

    def write(self, count, text='line'):
        for _ in range(count):
            self.handler.handle(logging.LogRecord(
                'tacker', logging.INFO, __file__, 1, text, (), None))

    def due(self):
        return [(one.writer, one.number)
                for one in self.database.due('bitcoin')]

    def test_each_checkpoint_is_found_once(self):
        self.write(25)
        # the opening and two checkpoints
        self.assertEqual(3, self.searcher.step())
        self.assertEqual(0, self.searcher.step())
        self.write(5)
        self.assertEqual(1, self.start(self.trusted).step())
        self.assertEqual([(1, 3)], self.due())

    def test_a_rotated_file_keeps_its_cursor(self):
        self.write(15)
        self.searcher.step()
        os.rename(self.file, f'{self.file}.1')
        self.write(15)
        self.assertEqual(2, self.searcher.step())
        cursors = self.database.engine.connect()
        self.addCleanup(cursors.close)
        self.assertEqual([(1, 3)], self.due())

    def test_an_inode_that_is_used_again_is_read_from_its_start(self):
        self.write(15)
        self.searcher.step()
        self.handler.close()
        content = self.file.read_bytes()
        with open(self.file, 'r+b') as file:
            file.truncate()
            file.write(b'another beginning\n' + content)
        self.assertEqual(1, self.searcher.step())

    def test_half_a_line_is_left_for_later(self):
        self.write(10)
        self.handler.close()
        content = self.file.read_bytes()
        self.file.write_bytes(content[:-5])
        before = self.searcher.step()
        self.file.write_bytes(content)
        self.assertEqual(1, self.searcher.step())
        self.assertEqual(2, before)

    def test_checkpoints_of_strangers_are_not_taken(self):
        self.write(15)
        self.assertEqual(0, self.start(
            trusted_keys.TrustedKeys([])).step())

    def test_a_line_that_looks_like_a_checkpoint_is_none(self):
        self.write(3, 'checkpoint 9: 100 lines, closed by count')
        self.assertEqual(1, self.searcher.step())

    def test_records_of_other_hosts_are_verified(self):
        self.write(15)
        self.searcher.step()
        [due] = self.database.due('bitcoin')
        self.handler.close()
        self.start(self.trusted).step()
        [last] = self.database.due('bitcoin')
        for path in self.directory.glob('anchors.sqlite*'):
            path.unlink()
        fresh = anchors.Anchors(f'sqlite:///{self.directory}/b.sqlite')
        self.addCleanup(fresh.close)
        fresh.migrate()
        taker = searcher.Searcher(fresh, [], self.trusted, lambda: 7, 'b')
        taker.take(searcher.described(last.record))
        taker.take(searcher.described(due.record))
        self.assertEqual([last.hash],
                         [one.hash for one in fresh.due('bitcoin')])
        forged = bytearray(last.record)
        forged[-1] ^= 1
        for message in (None, 7, {}, {'record': 7}, {'record': '!'},
                        {'record': 'A' * 10 ** 6},
                        {'record': base64.b64encode(b'junk').decode()},
                        searcher.described(bytes(forged))):
            taker.take(message)
        self.assertEqual(1, len(fresh.due('bitcoin')))

    def test_no_other_key_takes_the_places_of_a_log_of_this_host(self):
        self.write(15)
        self.searcher.step()
        [due] = self.database.due('bitcoin')
        place = self.directory / 'other'
        keys.generate(place, providers.default())
        pair = file_keystore.FileKeystore(place).pair(keys.SIGNING)
        stolen = dataclasses.replace(
            records.Checkpoint.from_bytes(due.record), sequence=10 ** 9)
        forged = dataclasses.replace(
            stolen, signature=pair.sign(stolen.message()))
        both = self.start(trusted_keys.TrustedKeys.load([
            str(one / 'log-signing.pub') for one in (self.keys, place)]))
        with self.assertLogs(searcher.LOG.logger, 'ERROR'):
            both.take(searcher.described(forged.to_bytes()))
        self.assertEqual([due], self.database.due('bitcoin'))
        self.write(10)
        self.searcher.step()
        self.assertEqual([(1, 2)], self.due())
