# SPDX-License-Identifier: Apache-2.0
"""The second reader agrees about secure logs."""

from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import secure_log
from tacker_ledger.tests import independent_cases

unhexed = bytes.fromhex


class TestSecureLog(independent_cases.IndependentTestCase):
    """One block, from its opening to its checkpoint."""

    def setUp(self):
        super().setUp()
        self.found = self.load('secure-log')
        self.reader = secure_log.Reader(
            unhexed(self.found['signing_key']),
            unhexed(self.found['auditor_private']))

    def read(self, lines: list[bytes]) -> None:
        self.reader.opening(unhexed(self.found['opening']))
        for line in lines:
            self.reader.line(line)
        self.reader.checkpoint(unhexed(self.found['checkpoint']))

    def lines(self) -> list[bytes]:
        return [unhexed(one['line']) for one in self.found['lines']]

    def test_vectors(self):
        """Chain, tags, signatures and what is sealed hold."""
        self.read(self.lines())
        self.assertEqual(len(self.found['lines']), len(self.reader.texts))
        self.assertEqual(self.found['next_key'], self.reader.next_key.hex())

    def test_a_redacted_line(self):
        """The block holds as before."""
        self.read([unhexed(self.found['redacted']), *self.lines()[1:]])

    def test_a_changed_line(self):
        """It does not hold."""
        lines = self.lines()
        lines[1] = lines[1].replace('ß'.encode(), b'ss')
        self.assertRaises(refusal.Refused, self.read, lines)
