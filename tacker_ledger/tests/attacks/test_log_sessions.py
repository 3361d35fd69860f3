# SPDX-License-Identifier: Apache-2.0
"""Attack: what a whole process wrote disappears."""

from tacker_ledger.core.securelog import records
from tacker_ledger.tests.attacks import log_case


class LogSessions(log_case.LogCase):

    def setUp(self):
        super().setUp()
        self.target = log_case.Log(self.id())
        for slot in range(3):
            self.target.open(f'{slot}.log', slot).blocks(2)

    def test_whole_file_of_a_writer_removed(self):
        del self.target.files['1.log']
        report = self.expect('altered', 'session-missing')
        self.assertEqual(2, self.first(report, 'session-missing').writer)

    def test_file_removed_and_manifest_edited(self):
        del self.target.files['1.log']
        lines = self.target.manifest.splitlines(keepends=True)
        self.target.manifest = lines[0] + lines[2]
        self.expect('altered', 'deleted')

    def test_last_file_removed_and_manifest_cut(self):
        # only who holds its opening, which is checkpoint 0, can tell
        del self.target.files['2.log']
        lines = self.target.manifest.splitlines(keepends=True)
        self.target.manifest = lines[0] + lines[1]
        self.expect('altered', 'session-missing',
                    trusted=self.target.anchors)

    def test_another_workers_file_cut_between_anchors(self):
        # the worker of slot 0 has a newer anchor; slot 1 is cut behind its
        # own, which no order among checkpoints of different files excuses
        self.target.put(self.target.lines('1.log')[:7], '1.log')
        self.expect('truncated', 'truncated', trusted=self.target.anchors)
        report = self.target.verify(trusted=self.target.anchors)
        self.assertEqual(
            [2], [one.writer for one in report.findings
                  if one.kind.label == 'truncated'])

    def test_manifest_not_handed_over(self):
        self.expect('undecidable', 'no-manifest', manifest=False,
                    trusted=self.target.anchors)

    def test_opening_replaced(self):
        lines = self.target.lines('1.log')
        other = log_case.Log('other', log_id=self.target.log_id)
        other.open()
        other.open('b.log')
        lines[0] = other.lines('b.log')[0]
        self.target.put(lines, '1.log')
        self.expect('altered', 'contradicted')

    def test_file_of_another_log_put_among_them(self):
        other = log_case.Log('other', log_id=b'O' * 16)
        for _ in range(4):
            writer = other.open('x.log')
        writer.close()
        lines = other.lines('x.log')
        self.target.put(lines[-2:], 'x.log')
        self.expect('altered', 'inserted', 'session-missing')

    def test_session_that_wrote_nothing_is_no_alarm(self):
        # announced, and killed before its first record
        self.target.open('3.log', 3)
        del self.target.files['3.log']
        again = self.target.open('3.log', 3, records.PreviousSession(
            4, None, None, False, 0))
        again.close()
        report = self.expect('undecidable', 'torn')
        self.assertNotIn('session-missing', self.kinds(report))
