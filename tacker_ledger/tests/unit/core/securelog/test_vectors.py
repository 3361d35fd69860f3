# SPDX-License-Identifier: Apache-2.0
"""The writer and the parser of secure logs against the golden vectors."""

from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto import suite
from tacker_ledger.core.securelog import entry
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import session
from tacker_ledger.tests import base
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import keys


class TestSecureLogVectors(base.TestCase):
    """Bytes of every record."""

    def setUp(self):
        super().setUp()
        found = vectors.load('secure-log')
        self.lines = [
            {name: bytes.fromhex(value) for name, value in one.items()}
            for one in found.pop('lines')]
        found.pop('writer')
        self.found = {name: bytes.fromhex(value)
                      for name, value in found.items()}

    def test_the_writer_writes_them(self):
        opening = records.parse_line(self.found['opening'])
        provider = providers.default()
        signing = provider.load_private(
            keys.ed25519_private_bytes('log signing', False))
        made = session.Session.open(
            session.Head(
                opening.log_id, opening.writer, opening.slot,
                opening.boot_id, opening.time_ms, opening.name,
                opening.signing_key_id, opening.auditor_key_id,
                opening.manifest_previous, opening.previous),
            session.Secrets(self.found['block_key'], self.found['evolving'],
                            self.found['seal_secret'], self.found['wrap']),
            signing.sign, provider)
        self.assertEqual(self.found['opening'], made.unsent)
        made.sent()
        for one in self.lines:
            self.assertEqual(one['line'], made.line(
                entry.escape_bytes(one['text']), one['salt']))
            made.sent()
        self.assertEqual(self.found['checkpoint'], made.checkpoint(
            opening.time_ms + 5, records.REASON_COUNT,
            self.found['next_key']))

    def test_the_parser_reads_them(self):
        provider = providers.default()
        document = suite.KeyDocument.from_bytes(self.found['signing_key'])
        for name in ('opening', 'checkpoint'):
            record = records.parse_line(self.found[name])
            self.assertTrue(provider.verify(
                document, record.message(), record.signature))
            self.assertEqual(self.found[name], record.to_line())
        for one in self.lines:
            line = records.parse_line(one['line'])
            self.assertEqual(one['log_info'],
                             line.log_info(self.found['log_id']))
            self.assertEqual((one['h'], one['t']), (line.chained, line.tag))
        first = records.parse_line(self.lines[0]['line'])
        self.assertEqual(self.found['redacted'],
                         records.build_redacted(first))
