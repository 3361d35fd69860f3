# SPDX-License-Identifier: Apache-2.0
"""Attack: the end of a log is cut off.

A cut of what nothing has sealed is for an anchor or a collector to decide:
without them the verdict is "undecidable", never "intact".
"""

from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import sessions
from tacker_ledger.tests.attacks import log_case


class LogTruncated(log_case.LogCase):

    def setUp(self):
        super().setUp()
        self.target = log_case.Log(self.id())
        self.writer = self.target.open()
        self.writer.blocks(3)
        self.writer.lines(4)

    def test_tail_truncated(self):
        self.target.put(self.target.lines()[:-2])
        for auditor in (False, True):
            self.expect('undecidable', 'unsealed-tail', auditor=auditor)

    def test_truncated_to_a_checkpoint(self):
        self.target.put(self.target.lines()[:13])
        for auditor in (False, True):
            self.expect('undecidable', 'unsealed-tail', auditor=auditor)
        # and decided: checkpoint 3 is known
        report = self.expect('truncated', 'truncated',
                             trusted=self.target.anchors)
        found = self.first(report, 'truncated')
        self.assertEqual((1, 13, 2), (found.writer, found.sequence,
                                      found.before))

    def test_nothing_cut_is_decided_too(self):
        report = self.expect('intact', 'open-tail', auditor=True,
                             trusted=self.target.anchors)
        self.assertEqual(4, report.findings[0].count)

    def test_open_tail_edited_where_nobody_can_check_it(self):
        lines = self.target.lines()
        lines[-2] = lines[-2].replace(b'line', b'lime')
        self.target.put(lines)
        # its key is not disclosed yet, so no anchor vouches for these lines
        self.expect('undecidable', 'unsealed-tail',
                    trusted=self.target.anchors)
        self.expect('altered', 'edited', auditor=True,
                    trusted=self.target.anchors)

    def test_cut_found_by_a_session_that_wrote_nothing(self):
        last = records.parse_line(self.target.lines()[-1])
        whole = self.target.files['a.log']
        self.target.open(previous=records.PreviousSession(
            1, None, (last.sequence, last.chained, last.tag), False, 0))
        self.target.files['a.log'] = b''.join(
            whole.splitlines(keepends=True)[:-2])
        self.target.open(previous=records.PreviousSession(
            2, None, None, False, 0)).close()
        self.expect('truncated', 'truncated')

    def test_truncated_past_an_anchor(self):
        newest = max(self.target.anchors)
        trusted = {newest: self.target.anchors[newest]}
        self.target.put(self.target.lines()[:15])
        self.expect('truncated', 'truncated', trusted=trusted)

    def test_checkpoint_file_edited_together_with_the_log(self):
        # S1 kept checkpoints in a file beside the log; here whoever cuts
        # the log and forgets its anchors locally still meets the list that
        # lies elsewhere
        trusted = dict(self.target.anchors)
        self.target.put(self.target.lines()[:7])
        del self.target.anchors[1, 18]
        del self.target.anchors[1, 12]
        self.assertEqual('intact', self.target.verify(
            trusted=self.target.anchors).verdict.label)
        self.expect('truncated', 'truncated', trusted=trusted)

    def test_sealed_file_cut_anywhere(self):
        target = log_case.Log(self.id())
        writer = target.open(boot_id=sessions.SEALED_BOOT_ID)
        writer.blocks(2, 3)
        writer.close()
        whole = target.files['a.log']
        self.target = target
        self.expect('intact', manifest=False)
        for size in range(len(whole) - 1, -1, -1):
            target.files['a.log'] = whole[:size]
            self.assertIn(target.verify(manifest=False).verdict.label,
                          ('truncated', 'altered', 'unreadable'), size)

    def test_restart_laundering_a_cut(self):
        # the cut happens while the service is down; the next session notes
        # what its state file knew and what it found
        last = records.parse_line(self.target.lines()[18])
        cut = self.target.lines()[:13]
        self.target.put(cut)
        found = records.parse_line(cut[-1])
        again = self.target.open(previous=records.PreviousSession(
            1, (last.sequence, last.chained),
            (found.sequence, found.chained, found.tag), False, 0))
        again.blocks(1)
        again.close()
        for auditor in (False, True):
            report = self.expect('truncated', 'truncated', auditor=auditor)
            self.assertEqual(
                13, self.first(report, 'truncated').sequence)

    def test_cut_after_a_restart(self):
        again = self.target.open(previous=self.writer.previous())
        again.close()
        lines = self.target.lines()
        del lines[20:23]
        self.target.put(lines)
        self.expect('truncated', 'truncated')
