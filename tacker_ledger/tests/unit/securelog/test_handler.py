# SPDX-License-Identifier: Apache-2.0
"""Tests of tacker_ledger.securelog.handler and .logger, in one process."""

import configparser
import errno
import logging
import logging.config
import os
import pathlib
from unittest import mock

import fixtures
from oslo_config import cfg
from oslo_log import log as oslo_log

from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core.securelog import findings
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import runs
from tacker_ledger.core.securelog import verify
from tacker_ledger.securelog import files
from tacker_ledger.securelog import handler
from tacker_ledger.securelog import keys
from tacker_ledger.securelog import logger
from tacker_ledger.tests import base


class HandlerCase(base.TestCase):
    """A log in a directory of its own."""

    def setUp(self):
        super().setUp()
        self.directory = self.make_directory()
        self.provider = providers.default()
        keys.generate(self.directory / 'keys', self.provider)
        (self.directory / 'keys/auditor.key').unlink()
        self.path = self.directory / 'x.log'
        self.said = []
        self.useFixture(self.patch('say', self.said.append))

    def patch(self, name, value):
        return fixtures.MonkeyPatch(
            f'tacker_ledger.securelog.logger.{name}', value)

    def make(self, **options) -> handler.SecureLogHandler:
        options.setdefault('checkpoint_seconds', 0)
        made = handler.SecureLogHandler(
            self.path, self.directory / 'keys', **options)
        self.addCleanup(made.close)
        return made

    @staticmethod
    def put(made, message, *arguments, exc_info=None):
        made.handle(logging.LogRecord(
            'service', logging.INFO, __file__, 1, message, arguments,
            exc_info))

    def texts(self, path=None) -> list[bytes]:
        return [record.text for record in map(
            records.parse_line,
            (path or self.path).read_bytes().splitlines())
            if isinstance(record, records.Line)]

    def assert_intact(self, *paths):
        context = runs.Context(
            keys.load_public(self.directory / 'keys/log-signing.pub'),
            self.provider)
        report = verify.verify(
            context, [(one.name, one.read_bytes())
                      for one in paths or (self.path,)],
            (self.directory / 'x.log.manifest').read_bytes())
        self.assertEqual(findings.Verdict.INTACT, report.verdict,
                         '\n'.join(map(str, report.findings)))


class TestHandler(HandlerCase):
    """Lines, whatever is in them."""

    def test_lines_of_every_sort(self):
        made = self.make(checkpoint_lines=3)
        self.put(made, 'an ordinary %s', 'line')
        try:
            raise ValueError('wrong')
        except ValueError as error:
            self.put(made, 'failed', exc_info=(
                type(error), error, error.__traceback__))
        self.put(made, '\x1b[2J\r\nforged |1.1 %s', 'A' * 108)
        self.put(made, b'\xff'.decode('utf-8', 'surrogateescape'))
        self.put(made, 'x' * 1_000_000)
        self.put(made, 'y' * 2_000_000)
        made.close()
        texts = self.texts()
        self.assertEqual(b'an ordinary line', texts[0])
        self.assertTrue(texts[1].startswith(b'failed\\nTraceback (most'))
        self.assertEqual(b'\\x1b[2J\\r\\nforged |1.1 ' + b'A' * 108,
                         texts[2])
        self.assertEqual(b'\\xff', texts[3])
        self.assertEqual(1_000_000, len(texts[4]))
        self.assertIn(b' [cut: ', texts[5])
        self.assert_intact()

    def test_secrets_are_masked_before_sealing(self):
        made = self.make()
        self.put(made, "{'auth_cred': {'password': 'S3cr3t'}}")
        made.close()
        self.assertNotIn(b'S3cr3t', self.path.read_bytes())
        self.assertEqual([b"{'auth_cred': {'password': '***'}}"],
                         self.texts())

    def test_a_record_that_cannot_be_formatted(self):
        made = self.make()
        made.handleError = mock.Mock()
        self.put(made, '%d', 'no number')
        self.put(made, 'next')
        self.assertEqual(1, made.handleError.call_count)
        made.close()
        self.assertEqual([b'next'], self.texts())

    def test_a_line_after_the_end(self):
        made = self.make()
        self.put(made, 'a')
        made.close()
        self.put(made, 'b')
        self.assertEqual([b'a', b'b'], self.texts())
        self.assert_intact()

    def test_a_line_logged_by_the_handler_of_a_signal(self):
        made = self.make()
        self.put(made, 'first')
        draw = logger.Logger._draw

        def interrupted(one, salts):
            draw(one, salts)
            self.put(made, 'from a signal')

        self.useFixture(self.patch('Logger._draw', interrupted))
        made._logger._salts.clear()
        self.put(made, 'interrupted')
        made.close()
        self.assertEqual([b'first', b'interrupted', b'from a signal'],
                         self.texts())
        self.assert_intact()

    def test_settings_that_cannot_be(self):
        for options in ({'checkpoint_lines': 0},
                        {'checkpoint_seconds': -1},
                        {'name': 'x' * 257}, {'mask_patterns': ('(',)}):
            self.assertRaises(errors.BadOption, self.make, **options)

    def test_a_record_that_cannot_be_written_keeps_its_secrets(self):
        made = self.make()
        self.put(made, 'password %d', 'hunter2')
        self.assertEqual(1, len(self.said))
        self.assertIn("TypeError at a record of 'service'", self.said[0])
        self.assertNotIn('hunter2', self.said[0])
        self.put(made, 'and the next')
        self.assertEqual([b'and the next'], self.texts())

    def test_keys_that_cannot_be_used(self):
        before = self.handlers()
        (self.directory / 'keys/log-signing.key').chmod(0o644)
        self.assertRaises(errors.BadOption, self.make)
        self.assertRaises(errors.BadOption, handler.SecureLogHandler,
                          self.path, self.directory / 'none')
        # what was never made is not closed at the end of the process
        self.assertEqual(before, self.handlers())

    def handlers(self):
        """Return the handlers of all loggers that are still there."""
        return [one for one in (ref() for ref in logging._handlerList)
                if isinstance(one, handler.SecureLogHandler)]

    def test_the_sample_of_log_config_append(self):
        # as every service does
        oslo_log.register_options(cfg.CONF)
        sample = configparser.RawConfigParser()
        sample.read(base.CHECKOUT / 'etc/tacker-ledger/secure-logging.conf')
        sample['handler_secure']['args'] = repr(
            (str(self.path), str(self.directory / 'keys')))
        path = self.directory / 'logging.conf'
        with open(path, 'w') as file:
            sample.write(file)
        root = logging.getLogger()
        before, level = root.handlers[:], root.level
        named = logging.getLogger('tacker')
        try:
            logging.config.fileConfig(path, disable_existing_loggers=False)
            logging.getLogger('tacker.vnfm').info('configured')
            for one in named.handlers:
                one.close()
        finally:
            root.handlers, root.level = before, level
            for name in ('tacker', 'sqlalchemy', 'amqp', 'oslo_messaging'):
                logging.getLogger(name).handlers = []
                logging.getLogger(name).propagate = True
        self.assertIn(b'tacker.vnfm', self.texts()[0])


class TestMishaps(HandlerCase):
    """What disks do."""

    def test_a_disk_that_fills_in_the_middle_of_a_line(self):
        made = self.make(checkpoint_lines=4)
        self.put(made, 'a')
        write = os.write
        calls = []

        def full(descriptor, data):
            calls.append(data)
            if len(calls) == 1:
                return write(descriptor, data[:50])
            raise OSError(errno.ENOSPC, 'No space left on device')

        with mock.patch.object(logger, '_write', full), mock.patch(
                'os.write', full):
            for number in range(5):
                self.put(made, 'b%d', number)
        self.assertEqual(1, len(self.said))
        self.assertIn('No space left', self.said[0])
        self.put(made, 'c')
        made.close()
        self.assertEqual(
            [b'a', b'b0', b'4 lines were lost here: No space left on device',
             b'c'], self.texts())
        self.assertEqual(2, len(self.said))
        self.assert_intact()

    def test_an_exception_after_a_write(self):
        made = self.make()
        self.put(made, 'a')
        write = os.write

        def interrupted(descriptor, data):
            write(descriptor, data)
            raise KeyboardInterrupt

        with mock.patch.object(logger, '_write', interrupted):
            self.assertRaises(KeyboardInterrupt, self.put, made, 'b')
        self.put(made, 'c')
        made.close()
        self.assertEqual([b'a', b'b', b'c'], self.texts())
        self.assert_intact()

    def test_rotation_with_a_line_half_written(self):
        made = self.make()
        self.put(made, 'a')
        write = os.write
        calls = []

        def full(descriptor, data):
            calls.append(data)
            if len(calls) == 1:
                return write(descriptor, data[:50])
            raise OSError(errno.ENOSPC, 'No space left on device')

        with mock.patch.object(logger, '_write', full), mock.patch(
                'os.write', full):
            self.put(made, 'b')
        moved = self.directory / 'x.log.1'
        self.path.rename(moved)
        self.put(made, 'c')
        made.close()
        self.assertEqual([b'a'], self.texts(moved))
        self.assertEqual([b'b', b'c'], self.texts())
        self.assert_intact(self.path, moved)

    def test_no_session_can_be_opened(self):
        made = self.make()
        with mock.patch('tacker_ledger.securelog.files.take_slot',
                        side_effect=OSError(errno.EACCES, 'Denied')):
            self.put(made, 'a')
            self.put(made, 'b')
        self.assertEqual(1, len(self.said))
        made._logger._retry_at = 0.0
        self.put(made, 'c')
        made.close()
        self.assertEqual([b'2 lines were lost here: Denied', b'c'],
                         self.texts())
        self.assert_intact()

    def test_cut_in_place(self):
        made = self.make()
        self.put(made, 'a')
        os.truncate(self.path, 0)
        self.put(made, 'b')
        made.close()
        self.assertIn(b'never by copytruncate', self.texts()[0])
        self.assertEqual(b'b', self.texts()[1])
        self.assertEqual(1, len(self.said))

    def test_a_torn_end_is_told_by_the_next_session(self):
        made = self.make()
        self.put(made, 'a')
        made.close()
        with open(self.path, 'ab') as file:
            file.write(b'half a li')
        made = self.make()
        self.put(made, 'b')
        made.close()
        lines = self.path.read_bytes().splitlines()
        self.assertEqual(b'half a li', lines[3])
        opening = records.parse_line(lines[4])
        self.assertEqual(9, opening.previous.torn_bytes)
        self.assertEqual(1, opening.previous.writer)

    def test_the_auditors_key_left_behind(self):
        (self.directory / 'keys/auditor.key').write_bytes(b'')
        self.make()
        self.assertIn('take it to the auditor', self.said[0])


class Robustness(HandlerCase):
    """What stands beside a log may be damaged, gone, or held by others."""

    def session(self):
        made = self.make()
        self.put(made, 'a line')
        made.close()

    def manifest(self) -> pathlib.Path:
        return self.path.with_name('x.log.manifest')

    def test_opening_can_be_read_after_manifest_and_state_are_gone(self):
        self.session()
        self.manifest().unlink()
        self.path.with_name('x.log.state').unlink()
        self.session()
        self.assertIsInstance(records.parse_line(
            self.manifest().read_bytes()), records.Opening)

    def test_torn_manifest_heals(self):
        self.session()
        with open(self.manifest(), 'ab') as file:
            file.write(b'opening of wri')
        self.session()
        for line in self.manifest().read_bytes().splitlines():
            self.assertIsInstance(records.parse_line(line), records.Opening)

    def test_whole_record_without_line_feed_stays(self):
        self.session()
        whole = self.manifest().read_bytes()
        self.session()
        both = self.manifest().read_bytes()
        self.manifest().write_bytes(both[:-1])
        self.session()
        self.assertNotEqual(whole, both)
        self.assertTrue(self.manifest().read_bytes().startswith(both))

    def test_no_number_left(self):
        self.session()
        state = files.StateFile(str(self.path))
        state.note_log(files.LogState(
            b'i' * 16, records.WRITER_MAX, b'd' * 32))
        state.close()
        self.session()
        self.assertIn('leaves no number', self.said[0])

    def test_held_manifest_is_not_waited_for_at_each_line(self):
        made = self.make()
        now = [0.0]

        def busy(descriptor):
            now[0] += 1.0
            raise errors.Busy('held')

        with mock.patch.object(files, 'lock', side_effect=busy) as locked, \
                mock.patch.object(logger.time, 'monotonic',
                                  lambda: now[0]):
            for _ in range(3):
                self.put(made, 'a line')
        self.assertEqual(1, locked.call_count)

    def test_checkpoint_of_an_idle_log_notices_a_rotation(self):
        made = self.make()
        self.put(made, 'a line')
        self.path.rename(self.path.with_name('x.log.1'))
        made._logger.checkpoint(records.REASON_TIME)
        self.assertIsInstance(records.parse_line(self.path.read_bytes()),
                              records.Checkpoint)
