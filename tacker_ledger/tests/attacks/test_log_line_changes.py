# SPDX-License-Identifier: Apache-2.0
"""Attack: a log line is edited, deleted, inserted, reordered, replaced.

The intruder owns the files, and every key that a checkpoint has disclosed;
not the log signing key and not the auditor's.
"""

import binascii
import dataclasses

from tacker_ledger.core.securelog import blocks
from tacker_ledger.core.securelog import entry
from tacker_ledger.core.securelog import records
from tacker_ledger.tests.attacks import log_case

#: Line 9 of the file, record 1.9: in the block between checkpoints 1 and 2.
INDEX = 9


class LogLineChanges(log_case.LogCase):

    def _expect_at(self, kind: str, line: int, sequence: int,
                   auditor: bool = False):
        report = self.expect('altered', kind, auditor=auditor)
        found = self.first(report, kind)
        self.assertEqual(('a.log', line, 1, sequence, 1, 2),
                         (found.file, found.line, found.writer,
                          found.sequence, found.before, found.after))
        return found

    def test_untouched(self):
        for auditor in (False, True):
            self.assertEqual([], self.kinds(self.expect('intact',
                                                        auditor=auditor)))

    def test_log_line_edited(self):
        lines = self.target.lines()
        lines[INDEX] = lines[INDEX].replace(b'line', b'lime')
        self.target.put(lines)
        report = self.expect('altered')
        self.assertEqual(['edited'], self.kinds(report))
        self._expect_at('edited', INDEX + 1, INDEX)

    def test_log_line_edited_with_its_chain(self):
        # the h of this line and all after it is made anew with the key that
        # the checkpoint discloses: replaced by a disclosed key
        self._rewrite(INDEX)
        report = self.expect('altered', 'rewritten')
        found = self.first(report, 'rewritten')
        self.assertEqual((1, 2), (found.before, found.after))
        # the tags tell the auditor from which line on
        self._expect_at('rewritten', INDEX + 1, INDEX, auditor=True)

    def _rewrite(self, index: int) -> None:
        lines = self.target.lines()
        end = records.parse_line(lines[12])
        h = records.parse_line(lines[index - 1]).chained
        for one in range(index, 12):
            line = records.parse_line(lines[one])
            text = b'forged' if one == index else line.text
            digest = entry.text_digest(line.salt, text)
            h = blocks.mac(end.key, h, dataclasses.replace(
                line, digest=digest).log_info(end.log_id))
            lines[one] = records.build_line(
                text, 1, line.sequence, line.salt, h, line.tag)
        self.target.put(lines)

    def test_log_line_deleted(self):
        lines = self.target.lines()
        del lines[INDEX]
        self.target.put(lines)
        report = self.expect('altered')
        self.assertEqual(['deleted'], self.kinds(report))
        self._expect_at('deleted', INDEX + 1, INDEX)

    def test_log_lines_deleted_with_their_checkpoint(self):
        lines = self.target.lines()
        del lines[8:13]
        self.target.put(lines)
        self.expect('altered', 'deleted')

    def test_log_line_inserted(self):
        lines = self.target.lines()
        lines.insert(INDEX, records.build_line(
            b'forged', 1, INDEX, bytes(16), bytes(32), bytes(32)))
        self.target.put(lines)
        report = self.expect('altered')
        self.assertEqual(['inserted'], self.kinds(report))
        self._expect_at('inserted', INDEX + 1, INDEX)

    def test_log_line_reordered(self):
        lines = self.target.lines()
        lines[INDEX], lines[INDEX + 1] = lines[INDEX + 1], lines[INDEX]
        self.target.put(lines)
        report = self.expect('altered')
        self.assertEqual(['reordered'], self.kinds(report))
        self._expect_at('reordered', INDEX + 1, INDEX + 1)

    def test_log_line_moved_to_another_block(self):
        lines = self.target.lines()
        lines.insert(2, lines.pop(INDEX))
        self.target.put(lines)
        report = self.expect('altered')
        self.assertEqual(['reordered'], self.kinds(report))
        self.assertEqual((3, INDEX), (report.findings[0].line,
                                      report.findings[0].sequence))

    def test_tag_of_a_line_changed(self):
        lines = self.target.lines()
        line = records.parse_line(lines[INDEX])
        lines[INDEX] = records.build_line(
            line.text, 1, INDEX, line.salt, line.chained, bytes(32))
        self.target.put(lines)
        # anybody sees it: the checkpoint signs a digest of the tags
        report = self.expect('altered')
        self.assertEqual(['false-tag'], self.kinds(report))
        self.assertEqual((1, 2), (report.findings[0].before,
                                  report.findings[0].after))
        self._expect_at('false-tag', INDEX + 1, INDEX, auditor=True)

    def test_newline_injection(self):
        target = log_case.Log(self.id())
        writer = target.open()
        forged = records.build_line(b'admin logged out', 1, 2, bytes(16),
                                    bytes(32), bytes(32)).decode()
        writer.line(f'user said: hello\n{forged}and more')
        writer.close()
        self.target = target
        self.assertEqual(1, self.expect('intact').lines)
        self.assertEqual(3, len(target.lines()))

    def test_terminal_escape_injection(self):
        target = log_case.Log(self.id())
        writer = target.open()
        writer.line('\x1b[2J\x9b1A\u202egnol\u2028 \x00\r gone')
        writer.close()
        self.target = target
        self.expect('intact')
        shown = target.files['a.log'].decode()
        self.assertTrue(shown.replace('\n', '').isprintable())

    def test_text_that_looks_like_a_checkpoint(self):
        target = log_case.Log(self.id())
        writer = target.open()
        writer.line(self.target.lines()[6].decode().rstrip())
        writer.line(self.target.lines()[0].decode().rstrip())
        writer.close()
        self.target = target
        self.assertEqual(2, self.expect('intact').lines)

    def test_redacted_line_guessed(self):
        # the salt went with the text: no guess can be confirmed
        lines = self.target.lines()
        line = records.parse_line(lines[INDEX])
        lines[INDEX] = records.build_redacted(line)
        redacted = records.parse_line(lines[INDEX])
        self.assertEqual(bytes(16), redacted.salt)
        self.assertNotIn(line.salt.hex().encode(), lines[INDEX])
        self.assertNotIn(binascii.b2a_base64(line.salt, newline=False)[:20],
                         lines[INDEX])
        self.assertNotEqual(redacted.digest, entry.text_digest(
            redacted.salt, line.text))
        self.target.put(lines)
        # taken out by nobody who may
        self.expect('altered', 'edited')
        covered = {(1, INDEX, line.digest)}
        for auditor in (False, True):
            report = self.target.verify(auditor, redacted=covered)
            self.assertEqual(('intact', ['redacted']),
                             (report.verdict.label, self.kinds(report)))
