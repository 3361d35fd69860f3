# SPDX-License-Identifier: Apache-2.0
"""Tests of securelog.positions, .verification and .editing on files."""

import pathlib
from unittest import mock

from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core.securelog import leaf
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import verify
from tacker_ledger.securelog import editing
from tacker_ledger.securelog import keys
from tacker_ledger.securelog import logger
from tacker_ledger.securelog import reading
from tacker_ledger.securelog import verification
from tacker_ledger.tests import base


class Positions(base.TestCase):

    def open(self) -> tuple[pathlib.Path, logger.Logger]:
        directory = self.make_directory()
        provider = providers.default()
        keys.generate(directory / 'keys', provider)
        writer = logger.Logger(
            str(directory / 'x.log'), keys.load_writer(
                directory / 'keys', provider), provider, name='x')
        self.addCleanup(writer.close)
        return directory, writer

    def test_restart_while_a_log_is_verified(self):
        directory, writer = self.open()
        writer.write(b'a line')
        writer.close()
        log = verification.find([str(directory / 'x.log')])
        read = verification._read

        def later(*arguments):
            writer.write(b'of the next session')
            writer.close()
            return read(*arguments)

        with mock.patch.object(verification, '_read', later):
            report = verification.verify_log(log, str(directory / 'keys'))
        self.assertEqual('intact', report.verdict.label, report.findings)

    def test_a_line_too_long_is_not_rewritten(self):
        directory, writer = self.open()
        path = directory / 'x.log'
        writer.write(b'a line')
        writer.checkpoint(records.REASON_COUNT)
        with open(path, 'ab') as file:
            file.write(b'j' * 2_500_000 + b'\n')
        writer.write(b'a line')
        writer.close()
        whole = path.read_bytes()
        self.assertRaises(
            errors.CorruptStore, editing.redact,
            verification.find([str(path)]), [(1, 1)], 'why',
            str(directory / 'keys'), providers.default())
        self.assertEqual(whole, path.read_bytes())

    def test_anchor_confirmed_after_its_checkpoint_was_verified(self):
        directory, writer = self.open()
        for _ in range(3):
            writer.write(b'a line')
            writer.checkpoint(records.REASON_COUNT)
        log = verification.find([str(directory / 'x.log')])
        trusted = {
            (raw.record.writer, raw.record.sequence): leaf.checkpoint_hash(
                raw.record.log_id, raw.record.writer, raw.record.sequence,
                raw.record.to_bytes())
            for raw in reading.lines(log)
            if isinstance(raw.record, records.Checkpoint)}
        labels = []
        with mock.patch.object(verify, 'RUN_BYTES', 1):
            for known in ({}, trusted, trusted):
                labels.append(verification.verify_log(
                    log, str(directory / 'keys'), known,
                    state=str(directory / 'state')).verdict.label)
        self.assertEqual(['undecidable', 'intact', 'intact'], labels)
