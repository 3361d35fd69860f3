# SPDX-License-Identifier: Apache-2.0
"""What the commands share."""

import io
import sys
from types import SimpleNamespace
from unittest import mock

import hypothesis
from hypothesis import strategies

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.osc.v1 import base as subject
from tacker_ledger.tests import base


class TestShowing(base.TestCase):
    """Nothing from the chain controls a terminal."""

    def test_escape(self):
        for text, shown in (
                ('plain text, ümlaut ✓', 'plain text, ümlaut ✓'),
                ('\x1b[31mred', '\\x1b[31mred'), ('a\nb', 'a\\nb'),
                ('\x00\x7f\x9b', '\\x00\\x7f\\x9b'),
                ('\u202eevil', '\\u202eevil'), ('\u2028', '\\u2028'),
                ('\ufeff\u200b', '\\ufeff\\u200b')):
            self.assertEqual(shown, subject.escape(text))
        self.assertEqual('a\n\tb\\r', subject.escape('a\n\tb\r', lines=True))

    @hypothesis.settings(max_examples=200)
    @hypothesis.given(strategies.text())
    def test_any_text(self, text):
        shown = subject.escape(text)
        self.assertTrue(shown.isprintable() or ' ' in shown
                        or all(char.isprintable() or char == '\xa0'
                               or char.isspace() for char in shown))
        for char in shown:
            self.assertNotIn(char, '\x1b\x9b\n\r\u202e\u2066')

    def test_data(self):
        self.assertEqual('a\nb\\x1b', subject.show_data(b'a\nb\x1b'))
        self.assertEqual('(2 bytes) ff00', subject.show_data(b'\xff\x00'))

    def test_times(self):
        self.assertEqual('2023-11-14T22:13:20.123Z',
                         subject.show_time(1_700_000_000_123))
        self.assertEqual(f'{2 ** 63} ms', subject.show_time(2 ** 63))

    def test_references(self):
        cid = bytes(16)
        references = (identifiers.Reference(cid),
                      identifiers.Reference(cid, 2),
                      identifiers.Reference(cid, 3, bytes(32)))
        self.assertEqual(
            '\n'.join(f'{cid.hex()}{end}' for end in (
                '@latest', ':2@exact', ':3@pinned')),
            subject.show_references(references))

    def test_errors(self):
        error = errors.NotFound('no \x1b', where='x\n', empty='')
        self.assertEqual('not-found: no \\x1b (where: x\\n)',
                         subject.describe(error))

    def test_what_was_not_waited_for(self):
        written = SimpleNamespace(cid=b'a' * 16, vid=1, txid=b'b' * 32,
                                  proven=None)
        columns, values = subject.show_written(written, vnf='a')
        shown = dict(zip(columns, values, strict=True))
        self.assertEqual(('a', 'not waited for', ''), (
            shown['vnf'], shown['signers'], shown['height']))


class TestReading(base.TestCase):
    """Files, standard input and passphrases."""

    def test_files(self):
        path = self.make_directory() / 'x'
        subject.write_file(str(path), b'1')
        self.assertEqual(b'1', subject.read_data(str(path)))
        self.assertRaises(errors.BadOption, subject.write_file, str(path),
                          b'2')
        self.assertRaises(errors.BadOption, subject.read_data,
                          str(path) + 'y')

    def test_standard_input(self):
        def read(data):
            with mock.patch.object(sys, 'stdin', SimpleNamespace(
                    buffer=io.BytesIO(data))):
                return subject.read_data('-')

        self.assertEqual(b'rules', read(b'rules'))
        self.assertRaises(
            errors.TooLarge, read,
            b'x' * (subject.limits.INFLATED_MAX_BYTES + 1))

    def test_passphrases(self):
        path = self.make_directory() / 'x'
        for text, accepted in (('correct horse\n', True), ('short', False)):
            path.write_text(text)
            path.chmod(0o600)
            if accepted:
                self.assertEqual(b'correct horse', subject.read_passphrase(
                    str(path), True))
            else:
                self.assertRaises(errors.BadOption, subject.read_passphrase,
                                  str(path), False)

    def test_typed_passphrases(self):
        def typed(*words, twice=True):
            with mock.patch('getpass.getpass', side_effect=words), \
                    mock.patch.object(sys, 'stdin', SimpleNamespace(
                        isatty=lambda: True)):
                return subject.read_passphrase(None, twice)

        self.assertEqual(b'correct horse', typed('correct horse',
                                                 'correct horse'))
        self.assertEqual(b'correct horse', typed('correct horse',
                                                 twice=False))
        self.assertRaises(errors.BadOption, typed, 'correct horse',
                          'incorrect horse')
