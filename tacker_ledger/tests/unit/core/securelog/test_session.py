# SPDX-License-Identifier: Apache-2.0
"""Tests of tacker_ledger.core.securelog.session, and of sealing."""

import hashlib
import hmac

from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import checkpoint
from tacker_ledger.core.securelog import entry
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import session
from tacker_ledger.tests import base

LOG_ID = b'L' * 16
KEY = b'K' * 32
EVOLVING = b'A' * 32
SEAL = b'S' * 32


class SessionCase(base.TestCase):
    """A session with fixed secrets."""

    def setUp(self):
        super().setUp()
        self.provider = providers.default()
        self.signing = self.provider.generate(2, False)
        self.auditor = self.provider.generate(2)

    def open(self, previous=None) -> session.Session:
        return session.Session.open(
            session.Head(LOG_ID, 3, 1, b'B' * 16, 1_700_000_000_123,
                         'host/a\nlog', self.signing.document.key_id,
                         self.auditor.document.key_id, bytes(32), previous),
            session.Secrets(KEY, EVOLVING, SEAL, self.provider.wrap(
                self.auditor.document, SEAL)),
            self.signing.sign, self.provider)


class TestSession(SessionCase):
    """Lines and checkpoints, checked by the equations."""

    def test_opening(self):
        before = records.PreviousSession(
            2, (7, b'h' * 32), (9, b'i' * 32, b't' * 32), False, 12)
        made = self.open(before)
        opening = records.parse_line(made.unsent)
        self.assertEqual(made.opening, opening)
        self.assertEqual(before, opening.previous)
        self.assertEqual(opening.expected_chained(), opening.chained)
        self.assertTrue(self.provider.verify(
            self.signing.document, opening.message(), opening.signature))
        self.assertEqual(
            b'opening of writer 3 in slot 1: host/a\\nlog, '
            b'2023-11-14T22:13:20.123Z', opening.text())
        self.assertEqual(1, made.unsent.count(b'\n'))

    def test_a_block_by_its_equations(self):
        made = self.open()
        chained, evolving, tags = made.opening.chained, EVOLVING, b''
        made.sent()
        for number in range(1, 4):
            data = made.line(b'text %d' % number, b's' * 16)
            made.sent()
            line = records.parse_line(data)
            info = entry.log_info(ord('l'), LOG_ID, 3, number,
                                  entry.text_digest(b's' * 16, line.text))
            self.assertEqual(info, line.log_info(LOG_ID))
            chained = hmac.digest(KEY, chained + info, 'sha256')
            self.assertEqual(chained, line.chained)
            tag, evolving = entry.evolve(evolving, chained)
            self.assertEqual(tag, line.tag)
            tags += tag
        made.checkpoint(1_700_000_000_200, records.REASON_COUNT, b'N' * 32)
        record = records.parse_line(made.unsent)
        self.assertEqual(chained, record.chained_before)
        self.assertEqual(hmac.digest(
            KEY, chained + KEY + record.log_info(), 'sha256'),
            record.chained)
        tag, evolving = entry.evolve(evolving, record.chained)
        self.assertEqual(tag, record.tag)
        self.assertEqual(
            hashing.tagged_hash(hashing.Tag.LOG_TAGS, tags, tag),
            record.tags)
        self.assertEqual(
            records.record_digest(made.opening.to_bytes()), record.previous)
        self.assertTrue(self.provider.verify(
            self.signing.document, record.message(), record.signature))
        self.assertEqual((1, 1, 4), (record.number, record.first,
                                     record.sequence))
        self.check_sealed(made.opening, record, evolving)

    def check_sealed(self, opening, record, evolving):
        secret = self.auditor.unwrap(opening.wrap)
        self.assertEqual(SEAL, secret)
        first, secret = checkpoint.ratchet(secret)
        self.assertEqual((KEY, EVOLVING), checkpoint.unseal(
            self.provider, first, opening.sealed, (LOG_ID, 3, 0)))
        second, secret = checkpoint.ratchet(secret)
        self.assertEqual((b'N' * 32, evolving), checkpoint.unseal(
            self.provider, second, record.sealed, (LOG_ID, 3, 4)))
        self.assertRaises(errors.Undecryptable, checkpoint.unseal,
                          self.provider, second, record.sealed,
                          (LOG_ID, 3, 5))

    def test_a_new_agreement(self):
        made = self.open()
        for _ in range(limits.LOG_AGREEMENT_MAX_COUNT - 1):
            self.assertFalse(made.wants_agreement)
            made.checkpoint(1, records.REASON_TIME, KEY)
            made.sent()
        # the first that is not under the opening's is number 1024
        self.assertTrue(made.wants_agreement)
        fresh = b'F' * 32
        made.checkpoint(1, records.REASON_TIME, b'N' * 32, (
            fresh, self.provider.wrap(self.auditor.document, fresh)))
        self.assertFalse(made.wants_agreement)
        record = records.parse_line(made.unsent)
        self.assertEqual(fresh, self.auditor.unwrap(record.wrap))
        key, _ = checkpoint.ratchet(fresh)
        self.assertEqual(b'N' * 32, checkpoint.unseal(
            self.provider, key, record.sealed,
            (LOG_ID, 3, record.sequence))[0])

    def test_a_clean_close(self):
        made = self.open()
        self.assertFalse(made.closed)
        made.close(5)
        self.assertTrue(made.closed)
        record = records.parse_line(made.unsent.splitlines()[-1])
        self.assertEqual(records.REASON_CLOSE, record.reason)

    def test_what_is_not_written_waits(self):
        made = self.open()
        first = made.unsent
        second = made.line(b'a', b's' * 16)
        self.assertTrue(second.startswith(first))
        third = made.line(b'b', b's' * 16)
        self.assertTrue(third.startswith(second))
        self.assertEqual(third, made.unsent)
        made.sent()
        self.assertEqual(b'', made.unsent)
        self.assertEqual(1, made.line(b'c', b's' * 16).count(b'\n'))
        self.assertEqual(4, made.sequence)
        self.assertEqual(3, made.block_lines)

    def test_an_exception_between_two_records(self):
        made = self.open()
        made.sent()
        other = self.open()
        other._state = made._state
        other.opening, other._sent = made.opening, made._sent
        made.line(b'never handed out', b's' * 16)
        # an exception came before the state was set: the tag is a leftover
        made._state = other._state
        made.line(b'a', b's' * 16)
        made.checkpoint(1, records.REASON_COUNT, KEY)
        record = records.parse_line(made.unsent.splitlines()[-1])
        line = records.parse_line(made.unsent.splitlines()[-2])
        self.assertEqual(hashing.tagged_hash(
            hashing.Tag.LOG_TAGS, line.tag, record.tag), record.tags)

    def test_no_secret_in_what_is_printed(self):
        made = self.open()
        secrets = session.Secrets(KEY, EVOLVING, SEAL, b'')
        for text in (repr(secrets), repr(made), repr(made.opening)):
            for secret in (KEY, EVOLVING, SEAL):
                self.assertNotIn(repr(secret)[2:-1], text)
                self.assertNotIn(hashlib.sha256(secret).hexdigest(), text)
