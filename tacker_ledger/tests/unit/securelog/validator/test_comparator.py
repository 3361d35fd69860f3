# SPDX-License-Identifier: Apache-2.0
"""Verdicts about real logs, anchored on a chain that holds any root."""

import logging

from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.securelog.anchor_drivers import base as chain
from tacker_ledger.securelog import handler as handler_module
from tacker_ledger.securelog import keys
from tacker_ledger.securelog.publisher import searcher
from tacker_ledger.securelog import trusted_keys
from tacker_ledger.securelog.validator import comparator
from tacker_ledger.securelog.validator import log_check
from tacker_ledger.storage import anchor_models as models
from tacker_ledger.storage import anchor_verdicts
from tacker_ledger.storage import anchors
from tacker_ledger.tests import base

LEASE = ('publisher', 'one')


class _Reader:
    is_evidence = True
    #: None: the chain holds no such transaction
    block = b'b' * 32

    def read(self, sent, raw_of):
        """Return what the chain holds."""
        return self.block and chain.Found(self.block, 4, b'r' * 32)

    def check_root(self, sent, checkpoints):
        """Agree."""


class TestComparator(base.TestCase):
    def setUp(self):
        super().setUp()
        self.directory = self.make_directory()
        self.file = self.directory / 'tacker.log'
        place = self.directory / 'keys'
        keys.generate(place, providers.default())
        (place / 'auditor.key').unlink()
        self.trusted = self.keys_in(place)
        handler = handler_module.SecureLogHandler(
            self.file, place, checkpoint_lines=10, checkpoint_seconds=0)
        for number in range(25):
            handler.handle(logging.LogRecord(
                'tacker', logging.INFO, __file__, 1, f'line {number}', (),
                None))
        handler.close()
        self.database = anchors.Anchors(
            f'sqlite:///{self.directory}/anchors.sqlite',
            sqlite_synchronous=False)
        self.addCleanup(self.database.close)
        self.database.migrate()
        self.verdicts = anchor_verdicts.Verdicts(self.database)
        self.anchor()

    def keys_in(self, place):
        return trusted_keys.TrustedKeys.load([str(place / 'log-signing.pub')])

    def anchor(self):
        """Anchor the newest checkpoint, and let the reader have read it."""
        searcher.Searcher(self.database, [str(self.file)], self.trusted,
                          lambda: 1, 'host').step()
        self.database.beat(*LEASE)
        due = self.database.due('bitcoin')
        sent = self.database.store(anchors.Draft(
            'bitcoin', 1, b'r' * 32, [one.id for one in due], b't' * 32,
            b'raw'), LEASE, 2)
        self.database.note(sent, LEASE, state=models.FINAL, block=b'b' * 32,
                           height=4)
        self.verdicts.add_reading(sent.id, b'b' * 32, 4, b'r' * 32, '', 3)

    def decide(self, check=None, reader=None):
        """Return the words of all verdicts."""
        comparator.Comparator(
            self.database, self.verdicts, [str(self.file)],
            {'bitcoin': reader or _Reader()},
            check or log_check.LogCheck(self.trusted),
            lambda: 5, None).step()
        return [message['verdict']
                for _, message in self.verdicts.all_messages()]

    def test_an_untouched_log_is_validated(self):
        self.assertEqual(['validated'], self.decide())

    def test_an_insertion_that_no_session_is_named_for(self):
        with open(self.file, 'ab') as file:
            file.write(b'x' * (2 * limits.LOG_LINE_MAX_BYTES + 2 ** 21))
        self.assertEqual(['altered'], self.decide())

    def test_a_log_signed_by_a_key_that_is_not_trusted(self):
        other = self.directory / 'other'
        keys.generate(other, providers.default())
        second = self.directory / 'second'
        keys.generate(second, providers.default())
        both = trusted_keys.TrustedKeys.load([
            str(one / 'log-signing.pub') for one in (other, second)])
        self.assertEqual(['altered'], self.decide(log_check.LogCheck(both)))

    def test_a_log_made_unfit_does_not_silence_the_validator(self):
        def check(log_file, checkpoints):
            raise errors.TooLarge('the manifest is too large')

        self.assertEqual(['altered'], self.decide(check))

    def test_a_rotation_meanwhile_puts_the_decision_off(self):
        check = log_check.LogCheck(self.trusted)

        def rotated(log_file, checkpoints):
            found = check(log_file, checkpoints)
            self.file.rename(f'{self.file}.1')
            return found

        self.assertEqual([], self.decide(rotated))
        self.assertEqual(['validated'], self.decide())

    def test_a_reading_that_the_chain_does_not_bear_out(self):
        reader = _Reader()
        reader.block = None
        self.assertEqual([], self.decide(reader=reader))
        # and once the chain does
        self.assertEqual(['validated'], self.decide())
