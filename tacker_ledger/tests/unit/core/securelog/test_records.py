# SPDX-License-Identifier: Apache-2.0
"""Tests of tacker_ledger.core.securelog.records."""

import base64
import datetime

import hypothesis
from hypothesis import strategies

from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import entry
from tacker_ledger.core.securelog import records
from tacker_ledger.tests.unit.core.securelog import test_session


class TestRecords(test_session.SessionCase):
    """Lines are read strictly."""

    def setUp(self):
        super().setUp()
        made = self.open()
        self.opening = made.unsent
        made.sent()
        self.line = made.line(b'a text |1.2 and more', b's' * 16)
        made.sent()
        self.checkpoint = made.checkpoint(9, records.REASON_COUNT, b'N' * 32)

    def test_each_kind_gives_its_line_again(self):
        line = records.parse_line(self.line)
        self.assertEqual(self.line, records.build_line(
            line.text, line.writer, line.sequence, line.salt, line.chained,
            line.tag))
        for data in (self.opening, self.checkpoint):
            self.assertEqual(data, records.parse_line(data).to_line())
            self.assertEqual(records.parse_line(data),
                             records.parse_line(data[:-1]))

    def test_a_redacted_line_keeps_what_was_committed(self):
        line = records.parse_line(self.line)
        redacted = records.parse_line(records.build_redacted(line))
        self.assertEqual(entry.KIND_REDACTED, redacted.kind)
        self.assertEqual(line.digest, redacted.digest)
        self.assertEqual(line.log_info(b'i' * 16),
                         redacted.log_info(b'i' * 16))
        self.assertNotIn(b'a text', records.build_redacted(line))

    def test_refused(self):
        head, _, tail = self.line[:-1].rpartition(b' ')
        for data in (
                b'', b'\n', b'plain text', self.line + self.line,
                self.line[:-2], self.line.replace(b'3.1 ', b'03.1 '),
                self.line.replace(b'3.1 ', b'0.1 '),
                self.line.replace(b'3.1 ', b'4294967296.1 '),
                self.line.replace(b'3.1 ', b'3.18446744073709551616 '),
                self.line.replace(b' |3', b'|3'),
                head + b' ' + base64.b64encode(b'x' * 81),
                head + b' ' + base64.b64encode(b'r' + b's' * 80),
                head + b' ' + tail[:-1] + b'!',
                head + b' ' + tail[:-1],
                self.checkpoint.replace(b'1 line', b'2 lines'),
                self.checkpoint.replace(b'checkpoint', b'Checkpoint'),
                self.checkpoint.replace(b'|3.2', b'|3.3'),
                self.checkpoint.replace(b'|3.2', b'|4.2'),
                self.opening.replace(b'slot 1', b'slot 2'),
                self.opening.replace(b'|3.0', b'|3.1')):
            self.assertRaises(errors.FormatError, records.parse_line, data)

    def test_too_long(self):
        text = b'x' * (limits.LOG_TEXT_MAX_BYTES + 1)
        line = records.build_line(text, 1, 1, bytes(16), bytes(32),
                                  bytes(32))
        self.assertRaises(errors.TooLarge, records.parse_line, line)
        self.assertRaises(errors.TooLarge, records.parse_line,
                          b'x' * (limits.LOG_LINE_MAX_BYTES + 1))

    @hypothesis.given(strategies.data())
    @hypothesis.settings(max_examples=150)
    def test_a_changed_byte_is_refused_or_read_as_it_stands(self, data):
        original = data.draw(strategies.sampled_from(
            (self.opening, self.line, self.checkpoint)))
        at = data.draw(strategies.integers(0, len(original) - 2))
        bit = data.draw(strategies.integers(0, 7))
        changed = (original[:at] + bytes([original[at] ^ 1 << bit])
                   + original[at + 1:])
        try:
            record = records.parse_line(changed)
        except errors.FormatError:
            return
        self.assertNotEqual(records.parse_line(original), record)

    @hypothesis.given(strategies.binary(max_size=400))
    def test_anything_else_is_refused(self, data):
        self.assertRaises(errors.FormatError, records.parse_line, data)

    @hypothesis.given(strategies.integers(0, 253_402_300_799_999))
    def test_utc(self, time_ms):
        expected = (datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
                    + datetime.timedelta(milliseconds=time_ms))
        self.assertEqual(
            expected.isoformat(timespec='milliseconds').replace(
                '+00:00', 'Z'),
            records.utc(time_ms))
