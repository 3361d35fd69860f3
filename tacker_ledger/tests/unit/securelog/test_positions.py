# SPDX-License-Identifier: Apache-2.0
"""Tests of tacker_ledger.securelog.positions."""

from unittest import mock

from tacker_ledger.core.crypto import providers
from tacker_ledger.core.securelog import leaf
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import verify
from tacker_ledger.securelog import keys
from tacker_ledger.securelog import logger
from tacker_ledger.securelog import reading
from tacker_ledger.securelog import verification
from tacker_ledger.tests import base


class Positions(base.TestCase):

    def test_anchor_confirmed_after_its_checkpoint_was_verified(self):
        directory = self.make_directory()
        provider = providers.default()
        keys.generate(directory / 'keys', provider)
        writer = logger.Logger(
            str(directory / 'x.log'), keys.load_writer(
                directory / 'keys', provider), provider, name='x')
        self.addCleanup(writer.close)
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
