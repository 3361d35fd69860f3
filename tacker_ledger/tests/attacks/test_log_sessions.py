# SPDX-License-Identifier: Apache-2.0
"""Attack: what a whole process wrote disappears."""

import dataclasses
from unittest import mock

from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import retention
from tacker_ledger.core.securelog import sessions
from tacker_ledger.core.securelog import verify
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

    def test_alteration_behind_many_lesser_findings(self):
        lines = self.target.lines('1.log')
        lines[3] = lines[3].replace(b'line', b'lime')
        self.target.put(lines, '1.log')
        with mock.patch.object(sessions, '_FINDINGS_MAX_COUNT', 5):
            for number in range(6):
                self.target.files[f'.{number}'] = b'no line feed'
            self.expect('altered', 'torn', 'edited')

    def test_opening_torn_by_a_crash_is_no_alarm(self):
        target = self.target = log_case.Log(self.id())
        target.open()
        target.files['a.log'] = target.files['a.log'][:300] + b'\n'
        again = target.open(previous=records.PreviousSession(
            1, None, None, False, 300))
        again.blocks(1)
        again.close()
        self.expect('undecidable', 'torn')

    def test_two_restarts_torn_in_a_row_are_no_alarm(self):
        target = self.target = log_case.Log(self.id())
        target.open().blocks(1)
        last = records.parse_line(target.lines()[-1])
        target.files['a.log'] += b'half a line\n'
        begun = target.files['a.log']
        target.open(previous=records.PreviousSession(
            1, None, (last.sequence, last.chained, last.tag), False, 11))
        for half in (b'', b'opening of\n'):
            target.files['a.log'] = begun + half
            manifest, digest = target.manifest, target._manifest_digest
            again = target.open(previous=records.PreviousSession(
                2, None, None, False, max(0, len(half) - 1)))
            again.close()
            self.expect('undecidable', 'torn')
            target.manifest, target._manifest_digest = manifest, digest
            target._writers -= 1

    def test_bytes_after_a_clean_close(self):
        target = self.target = log_case.Log(self.id())
        target.open().close()
        target.files['a.log'] += b'no line feed'
        self.expect('altered', 'inserted')

    def test_lines_without_number_and_end(self):
        target = self.target = log_case.Log(self.id())
        target.open()
        with mock.patch.object(verify, '_OPEN_MAX_LINES', 10):
            target.files['a.log'] += b'\n' * 11
            self.expect('altered', 'deleted')

    def test_session_that_wrote_nothing_is_no_alarm(self):
        # announced, and killed before its first record
        self.target.open('3.log', 3)
        del self.target.files['3.log']
        again = self.target.open('3.log', 3, records.PreviousSession(
            4, None, None, False, 0))
        again.close()
        report = self.expect('undecidable', 'torn')
        self.assertNotIn('session-missing', self.kinds(report))


class Retentions(log_case.LogCase):
    """Records that allow what they were not made for."""

    def setUp(self):
        super().setUp()
        self.target = self.fill(b'A' * 16)

    def fill(self, log_id) -> log_case.Log:
        made = log_case.Log(self.id(), log_id=log_id)
        for slot in range(3):
            writer = made.open(str(slot), slot).blocks(1)
            writer.close()
        return made

    @staticmethod
    def expire(log, file, last=-1) -> retention.Retention:
        lines = log.lines(file)
        made = retention.Retention(log.log_id, 1, 'old', (
            retention.StandIn(records.parse_line(lines[last]),
                              records.parse_line(lines[0])),))
        log.put(lines[last:][1:], file)
        return dataclasses.replace(
            made, signature=log.keys.signing.sign(made.message()))

    def test_record_of_another_log(self):
        own = self.expire(self.target, '0')
        self.expect('intact', 'expired', retentions=[own])
        del self.target.files['1']
        foreign = self.expire(self.fill(b'B' * 16), '1')
        self.expect('altered', 'session-missing', retentions=[own, foreign])

    def test_all_expired_and_no_manifest(self):
        record = self.expire(self.target, '0')
        self.target.files.clear()
        self.expect('undecidable', 'no-manifest', manifest=False,
                    retentions=[record])

    def test_other_checkpoint_than_the_anchored_one_stands_in(self):
        record = self.expire(self.target, '0', 6)
        self.expect('intact', retentions=[record],
                    trusted=self.target.anchors)
        place = (1, record.stand_ins[0].checkpoint.sequence)
        self.expect('altered', 'contradicted', retentions=[record],
                    trusted={**self.target.anchors, place: b'x' * 32})

    def test_expired_session_without_a_close_is_no_alarm(self):
        target = self.target = log_case.Log(self.id())
        writer = target.open('0').blocks(1)
        target.open('1', previous=writer.previous()).close()
        self.expect('intact', retentions=[self.expire(target, '0')])
