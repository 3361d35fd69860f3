# SPDX-License-Identifier: Apache-2.0
"""Tests of tacker_ledger.core.securelog.entry."""

import hashlib
import hmac

import fixtures
import hypothesis
from hypothesis import strategies

from tacker_ledger.core import limits
from tacker_ledger.core.securelog import entry
from tacker_ledger.tests import base


class TestEscape(base.TestCase):
    """Texts stand on one line and come back."""

    def test_by_hand(self):
        for text, expected in (
                ('plain', b'plain'), ('', b''), ('a\\nb', b'a\\\\nb'),
                ('a\nb\r\t', b'a\\nb\\r\\t'), ('\x1b[31m\x00\x7f',
                                               b'\\x1b[31m\\x00\\x7f'),
                ('Grüße', 'Grüße'.encode()), ('\x85', b'\\u0085'),
                ('\u2028\u2029\u202e\u2066', b'\\u2028\\u2029\\u202e\\u2066'),
                ('\xa0', b'\\u00a0'), ('\U000e0001', b'\\U000e0001'),
                ('\udcff', b'\\xff'), ('\ud800', b'\\ud800')):
            self.assertEqual(expected, entry.escape(text), ascii(text))

    def test_bytes_that_are_no_utf8(self):
        self.assertEqual(b'a\\xff\\xc3 \xc3\xbc',
                         entry.escape_bytes(b'a\xff\xc3 \xc3\xbc'))

    @hypothesis.given(strategies.binary(max_size=200))
    def test_any_bytes_come_back(self, data):
        text = entry.escape_bytes(data)
        self.assertEqual(data, entry.unescape(text))
        self.assertTrue(text.decode('utf-8').isprintable())

    @hypothesis.given(strategies.text(max_size=200))
    def test_any_text_comes_back(self, text):
        self.assertEqual(text.encode(), entry.unescape(entry.escape(text)))

    @hypothesis.given(strategies.binary(max_size=100))
    def test_unescape_takes_anything(self, data):
        entry.unescape(data)

    def test_a_long_text_is_cut_between_characters(self):
        self.assertEqual(
            limits.LOG_TEXT_MAX_BYTES,
            len(entry.escape('x' * limits.LOG_TEXT_MAX_BYTES)))
        limit = 300
        self.useFixture(fixtures.MonkeyPatch(
            'tacker_ledger.core.limits.LOG_TEXT_MAX_BYTES', limit))
        for piece in ('x', 'ü', '\n', '\\', '\x00', '\u202e', '\U000e0001',
                      'a\\', 'ab\x01'):
            for shift in range(11):
                text = 'x' * shift + piece * (limit + 1)
                cut = entry.escape(text)
                self.assertLessEqual(len(cut), limit)
                kept, _, mark = cut.rpartition(b' [cut: ')
                whole = len(entry.escape(piece)) * (limit + 1) + shift
                self.assertEqual(b'%d bytes more]' % (whole - len(kept)),
                                 mark)
                back = entry.unescape(kept)
                self.assertTrue(text.encode().startswith(back))
                self.assertEqual(kept, entry.escape_bytes(back))


class TestChains(base.TestCase):
    """What is computed over a line, by other means."""

    def test_hmac_states(self):
        for key in (bytes(32), bytes(range(32))):
            inner, outer = entry.hmac_states(key)
            inner.update(b'message')
            outer.update(inner.digest())
            self.assertEqual(hmac.digest(key, b'message', 'sha256'),
                             outer.digest())

    def test_digest_info_and_evolution(self):
        name = b'tacker-ledger/1/log-text'
        digest = hashlib.sha256(
            bytes([len(name)]) + name + b's' * 16 + b'text').digest()
        self.assertEqual(digest, entry.text_digest(b's' * 16, b'text'))
        self.assertEqual(
            b'l' + b'i' * 16 + bytes.fromhex('00000007 0000000000000102')
            + digest, entry.log_info(ord('l'), b'i' * 16, 7, 258, digest))
        name = b'tacker-ledger/1/log-evolve'
        both = hashlib.sha512(
            bytes([len(name)]) + name + b'a' * 32 + b'h' * 32).digest()
        self.assertEqual((both[:32], both[32:]),
                         entry.evolve(b'a' * 32, b'h' * 32))
