# SPDX-License-Identifier: Apache-2.0
"""What is said about whole sessions of a log, and the report over it.

Four witnesses: the manifest, which names every session; each opening, which
tells what its session found of the one before in the same file; trusted
checkpoints, which an anchor or a collector holds; signed retention records.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import hmac
from typing import Any

from tacker_ledger.core.securelog import findings
from tacker_ledger.core.securelog import leaf
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import resumption
from tacker_ledger.core.securelog import retention as retention_module
from tacker_ledger.core.securelog import runs
from tacker_ledger.core.securelog import seals

Kind = findings.Kind

#: Findings kept of each verdict, so that none hides a worse one.
_FINDINGS_MAX_COUNT = 10_000
#: What findings call the manifest.
_MANIFEST = 'manifest'
#: In place of a boot id: this session was made at once from a whole file
#: and ends with a clean close, so one without is cut.
SEALED_BOOT_ID = b'\xff' * 16


@dataclasses.dataclass(slots=True)
class Session:
    """What was seen of one session.

    :param last: (sequence, h) of its last record
    :param checkpoint: its last checkpoint
    """

    opening: records.Opening | None
    file: str
    line: int
    last: tuple[int, bytes] | None = None
    checkpoint: records.Checkpoint | None = None
    tail: runs.Tail | None = None

    @property
    def closed(self) -> bool:
        """Whether it ends with the checkpoint of a clean close."""
        return (self.checkpoint is not None
                and self.checkpoint.reason == records.REASON_CLOSE)


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What a verification gave.

    :param findings: in the order of the log
    :param lines: lines that stand there, checkpoints not counted
    :param checkpoints: checkpoints that stand there
    :param sessions: sessions that stand there
    """

    verdict: findings.Verdict
    findings: tuple[findings.Finding, ...]
    log_id: bytes | None
    lines: int
    checkpoints: int
    sessions: int

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return {
            'verdict': self.verdict.label,
            'exit_status': self.verdict.exit_status,
            'log_id': None if self.log_id is None else self.log_id.hex(),
            'lines': self.lines, 'checkpoints': self.checkpoints,
            'sessions': self.sessions,
            'findings': [one.to_dict() for one in self.findings]}


class Sessions:
    """Collects facts about sessions while the log is read.

    :param context: keys, and what is trusted
    :param retentions: whose signatures are checked here
    """

    def __init__(self, context: runs.Context,
                 retentions: Sequence[retention_module.Retention]) -> None:
        self._context = context
        self._found: list[findings.Finding] = []
        self._kept: dict[findings.Verdict, int] = {}
        self._sessions: dict[int, Session] = {}
        self._manifest: dict[int, records.Opening] | None = None
        self._confirmed: set[tuple[int, int]] = set()
        self._lines = 0
        self._checkpoints = 0
        self.log_id: bytes | None = None
        #: writer -> a sequence that was there once
        self._expected: dict[int, int] = {}
        self._stand_ins: dict[int, retention_module.StandIn] = {}
        for one in retentions:
            self._read_retention(one)

    def add(self, finding: findings.Finding) -> None:
        """Note a finding."""
        kept = self._kept.get(finding.kind.verdict, 0)
        if kept < _FINDINGS_MAX_COUNT:
            self._kept[finding.kind.verdict] = kept + 1
            self._found.append(finding)

    def _read_retention(self, one: retention_module.Retention) -> None:
        context = self._context
        if not context.provider.verify(context.signing, one.message(),
                                       one.signature):
            self.add(findings.Finding(
                Kind.FALSE_SIGNATURE, 'a retention record is not signed by '
                'the log signing key'))
            return
        if self.log_id is not None and one.log_id != self.log_id:
            # another log's sessions have the same numbers
            self.add(findings.Finding(
                Kind.INSERTED, 'a retention record of another log'))
            return
        for kept in one.stand_ins:
            known = self._stand_ins.get(kept.checkpoint.writer)
            if (context.signed(kept.checkpoint)
                    and kept.checkpoint.log_id == one.log_id
                    and (known is None or known.checkpoint.sequence
                         < kept.checkpoint.sequence)):
                self._stand_ins[kept.checkpoint.writer] = kept
        self.log_id = self.log_id or one.log_id

    def stand_in(self, writer: int) -> retention_module.StandIn | None:
        """Return what is left of an expired beginning of a session."""
        return self._stand_ins.get(writer)

    # The manifest

    def read_manifest(self, data: bytes) -> None:
        """Take the manifest: one opening a line, each naming the last."""
        self._manifest = {}
        lines = data.split(b'\n')
        torn = lines.pop()
        digest = records.NO_DIGEST
        last = 0
        for number, line in enumerate(lines, 1):
            opening = seals.opening(line)
            if opening is None:
                self._in_manifest(Kind.EDITED, 'not an opening', None,
                                  number)
                continue
            if self.log_id is None:
                self.log_id = opening.log_id
            if (opening.manifest_previous != digest
                    or opening.writer <= last):
                self._in_manifest(
                    Kind.DELETED if opening.writer > last + 1
                    else Kind.REORDERED, 'this record does not continue the '
                    'one before it', opening.writer, number)
            self._check_opening(opening, _MANIFEST, number)
            digest = records.record_digest(opening.to_bytes())
            last = opening.writer
            self._manifest[opening.writer] = opening
        if torn:
            self._in_manifest(Kind.TORN, f'{len(torn)} bytes after the last '
                              'whole line', None, len(lines) + 1)

    def _in_manifest(self, kind: Kind, detail: str, writer: int | None,
                     line: int) -> None:
        self.add(findings.Finding(kind, detail, writer, 0, _MANIFEST, line))

    def _check_opening(self, opening: records.Opening, file: str, line: int
                       ) -> None:
        if opening.log_id != self.log_id:
            self.add(findings.Finding(
                Kind.INSERTED, 'the opening of a session of another log',
                opening.writer, 0, file, line))
        if opening.chained != opening.expected_chained():
            self.add(findings.Finding(
                Kind.EDITED, 'the fields of this opening were changed',
                opening.writer, 0, file, line, None, 0))
        if (opening.signing_key_id != self._context.signing.key_id
                or not self._context.signed(opening)):
            self.add(findings.Finding(
                Kind.FALSE_SIGNATURE, 'the signature of this opening is not '
                'of the log signing key', opening.writer, 0, file, line,
                None, 0))

    # While the log is read

    def has(self, writer: int) -> bool:
        """Return whether a session was begun already."""
        return writer in self._sessions

    def begin(self, opening: records.Opening, file: str, line: int) -> None:
        """Take the opening of a session that was not seen before."""
        if self.log_id is None:
            self.log_id = opening.log_id
        self._check_opening(opening, file, line)
        self._sessions[opening.writer] = Session(
            opening, file, line, (0, opening.chained))
        trusted = self._context.trusted.get((opening.writer, 0))
        if trusted is None:
            return
        if hmac.compare_digest(trusted, leaf.checkpoint_hash(
                opening.log_id, opening.writer, 0, opening.to_bytes())):
            self._confirmed.add((opening.writer, 0))
        else:
            self.add(findings.Finding(
                Kind.CONTRADICTED, 'an anchor or a collector holds another '
                'opening of this session', opening.writer, 0, file, line))

    def headless(self, writer: int, sequence: int, file: str, line: int,
                 log_id: bytes | None) -> None:
        """Take a session that does not begin where it is first seen."""
        if self.log_id is None:
            self.log_id = log_id
        self._sessions.setdefault(writer, Session(None, file, line))
        self.add(findings.Finding(
            Kind.DELETED, f'the session begins before this: {sequence} '
            'record(s) are missing', writer, 0, file, line, None, None,
            sequence))

    def absorb(self, outcome: runs.Outcome) -> None:
        """Take what the verification of a run gave."""
        for one in outcome.findings:
            self.add(one)
        self._lines += outcome.lines
        self._checkpoints += outcome.checkpoints
        self._confirmed.update(outcome.confirmed)
        session = self._sessions.setdefault(
            outcome.writer, Session(None, '', 0))
        if outcome.last is not None:
            session.checkpoint = outcome.last
            session.last = (outcome.last.sequence, outcome.last.chained)
        if outcome.tail is not None:
            session.tail = outcome.tail
            session.last = outcome.tail.last or session.last

    # From one verification to the next

    def memory(self) -> resumption.Memory:
        """Return what the runs so far gave."""
        return resumption.Memory(
            self._lines, self._checkpoints, tuple(sorted(self._confirmed)),
            tuple(one for one in self._found if one.file != _MANIFEST),
            tuple(resumption.Seen(
                writer, one.opening, one.file, one.line, one.last,
                one.checkpoint, one.tail)
                for writer, one in sorted(self._sessions.items())))

    def remember(self, log_id: bytes, memory: resumption.Memory) -> None:
        """Take what an earlier verification gave."""
        self.log_id = self.log_id or log_id
        self._lines, self._checkpoints = memory.lines, memory.checkpoints
        self._confirmed.update(memory.confirmed)
        for finding in memory.findings:
            self.add(finding)
        for one in memory.sessions:
            self._sessions[one.writer] = Session(
                one.opening, one.file, one.line, one.last, one.checkpoint,
                one.tail)

    def expect(self, last: Mapping[int, int]) -> None:
        """Take sequences that an earlier verification has seen."""
        self._expected.update(last)

    # At the end

    def report(self) -> Report:
        """Return findings and verdict."""
        if not self._sessions and not self._stand_ins:
            self.add(findings.Finding(
                Kind.UNREADABLE, 'no record of a secure log'))
        self._look_at_manifest()
        self._look_at_witnesses()
        self._look_at_ends()
        self._look_at_trusted()
        self._look_at_expected()
        found = tuple(findings.joined(self._found))
        return Report(findings.verdict(found), found, self.log_id,
                      self._lines, self._checkpoints, len(self._sessions))

    def _look_at_manifest(self) -> None:
        """Compare the sessions there with those that were recorded."""
        sealed = all(_is_sealed(one) for one in self._sessions.values())
        if self._manifest is None:
            highest = max(self._sessions, default=0)
            expected = range(1, highest + 1)
            if self._stand_ins or not sealed:
                self.add(findings.Finding(
                    Kind.NO_MANIFEST, 'without the manifest nobody knows '
                    'whether a whole session is missing'))
        else:
            expected = range(1, max(self._manifest, default=0) + 1)
        for writer in sorted({*expected, *self._stand_ins}):
            if writer not in self._sessions:
                self._missing(writer)
        if self._manifest is None:
            return
        for writer, session in self._sessions.items():
            recorded = self._manifest.get(writer)
            opening = session.opening
            if recorded is None:
                self.add(findings.Finding(
                    Kind.SESSION_MISSING, 'this session is not in the '
                    'manifest', writer, 0, session.file, session.line))
            elif (opening is not None
                  and opening.to_bytes() != recorded.to_bytes()):
                self.add(findings.Finding(
                    Kind.CONTRADICTED, 'the manifest holds another opening '
                    'of this session', writer, 0, session.file,
                    session.line))

    def _missing(self, writer: int) -> None:
        if writer in self._stand_ins:
            kept = self._stand_ins[writer].checkpoint
            self.add(findings.Finding(
                Kind.EXPIRED, f'records up to {writer}.{kept.sequence} were '
                'deleted under a signed record', writer, 0, after=kept.number,
                count=kept.sequence + 1))
            ended = any(
                one.previous is not None and one.previous.writer == writer
                and one.previous.found is not None
                and one.previous.found[:2] == (kept.sequence, kept.chained)
                for one in self._openings())
            if kept.reason != records.REASON_CLOSE and not ended:
                self.add(findings.Finding(
                    Kind.TRUNCATED, 'the session goes on after what has '
                    'expired', writer, kept.sequence + 1,
                    before=kept.number))
            return
        announced = any(
            one.previous is not None and one.previous.writer == writer
            and one.previous.known is None and one.previous.found is None
            for one in self._openings())
        if announced:
            self.add(findings.Finding(
                Kind.TORN, 'the session was announced; the one after it '
                'found none of its records', writer, 0))
        else:
            self.add(findings.Finding(
                Kind.SESSION_MISSING, 'none of the records of this session '
                'is there', writer, 0))

    def announced(self, writer: int) -> records.Opening | None:
        """Return the opening that stands in the manifest alone."""
        return (None if writer in self._sessions
                else (self._manifest or {}).get(writer))

    def _openings(self) -> list[records.Opening]:
        """Return every opening, also of sessions that wrote nothing."""
        return list({**(self._manifest or {}), **{
            writer: one.opening for writer, one in self._sessions.items()
            if one.opening is not None}}.values())

    def _look_at_witnesses(self) -> None:
        """Compare each session with what the one after it has found."""
        for opening in self._openings():
            before = opening.previous
            session = (None if before is None
                       else self._sessions.get(before.writer))
            if before is None or session is None or session.last is None:
                continue
            found = before.found[0] if before.found is not None else -1
            sequence, chained = session.last
            # Not compared with what was found: a file that was rotated
            # while the service was down is not found, and is here.
            if before.known is not None and before.known[0] > sequence:
                self._cut(session, before.writer, before.known[0],
                          'a restart found less than the session had sealed')
            elif sequence < found:
                self._cut(session, before.writer, found,
                          'the session after it found records that are not '
                          'there')
            elif before.found is not None and (
                    sequence > found
                    or not hmac.compare_digest(chained, before.found[1])):
                self.add(findings.Finding(
                    Kind.INSERTED if sequence > found else Kind.REWRITTEN,
                    'the end of this session is not what the session after '
                    'it found', before.writer, min(sequence, found + 1),
                    session.file, None))

    def _cut(self, session: Session, writer: int, sequence: int | None,
             detail: str) -> None:
        last = -1 if session.last is None else session.last[0]
        number = (session.checkpoint.number if session.checkpoint is not None
                  else 0)
        self.add(findings.Finding(
            Kind.TRUNCATED, detail if sequence is None else
            f'{detail}, up to {writer}.{sequence}', writer,
            last + 1, session.tail.file if session.tail else session.file,
            None, number, None,
            1 if sequence is None else max(1, sequence - last)))

    def _look_at_ends(self) -> None:
        """Say what is known of the end of each session."""
        for writer, session in sorted(self._sessions.items()):
            if writer in self._stand_ins:
                kept = self._stand_ins[writer].checkpoint
                if session.opening is None:
                    self.add(findings.Finding(
                        Kind.EXPIRED, f'records up to {writer}.'
                        f'{kept.sequence} were deleted under a signed '
                        'record', writer, 0, after=kept.number,
                        count=kept.sequence + 1))
            if session.closed:
                continue
            sealed_to = (session.checkpoint.sequence
                         if session.checkpoint is not None else 0)
            number = (session.checkpoint.number
                      if session.checkpoint is not None else 0)
            count = session.tail.count if session.tail is not None else 0
            if _is_sealed(session):
                self._cut(session, writer, None, 'a sealed file ends with '
                          'a clean close, this one does not')
                continue
            newest = max((place[1] for place in self._context.trusted
                          if place[0] == writer), default=None)
            # Whoever has not the auditor's key cannot check these lines.
            trusted = (newest == sealed_to
                       and (writer, sealed_to) in self._confirmed
                       and (not count or self._context.auditor is not None))
            self.add(findings.Finding(
                Kind.OPEN_TAIL if trusted else Kind.UNSEALED_TAIL,
                f'{count} line(s) after the last checkpoint'
                + (', which is the newest that is trusted' if trusted else
                   '; whether there were more is not known here'),
                writer, sealed_to + 1,
                session.tail.file if session.tail else session.file,
                session.tail.line if session.tail else None, number, None,
                count))

    def _look_at_trusted(self) -> None:
        """Compare the log with what an anchor or a collector holds."""
        cut: set[int] = set()
        for writer, sequence in sorted(self._context.trusted,
                                       reverse=True):
            kept = self._stand_ins.get(writer)
            if (kept is not None and kept.checkpoint.sequence == sequence
                    and not self._is_trusted(kept.checkpoint)):
                self._contradicted(writer, sequence)
            if ((writer, sequence) in self._confirmed or writer in cut
                    or (kept is not None
                        and sequence <= kept.checkpoint.sequence)):
                continue
            session = self._sessions.get(writer)
            last = (session.last[0] if session is not None
                    and session.last is not None else -1)
            if sequence <= last:
                self._contradicted(writer, sequence)
            elif session is not None:
                self._cut(session, writer, sequence, 'an anchor or a '
                          'collector holds a checkpoint that is not there')
                cut.add(writer)
            elif not any(one.kind is Kind.SESSION_MISSING
                         and one.writer == writer for one in self._found):
                self.add(findings.Finding(
                    Kind.SESSION_MISSING, 'an anchor or a collector holds a '
                    'checkpoint of this session; none of its records is '
                    'there', writer, sequence))

    def _look_at_expected(self) -> None:
        """Compare with what an earlier verification has seen."""
        for writer, sequence in sorted(self._expected.items()):
            session = self._sessions.get(writer)
            kept = self._stand_ins.get(writer)
            if kept is not None and kept.checkpoint.sequence >= sequence:
                continue
            if session is None:
                self.add(findings.Finding(
                    Kind.SESSION_MISSING, 'an earlier verification saw '
                    'records of this session', writer, 0))
            elif session.last is None or session.last[0] < sequence:
                self._cut(session, writer, sequence, 'an earlier '
                          'verification saw records that are not there')

    def _is_trusted(self, record: records.Checkpoint) -> bool:
        place = (record.writer, record.sequence)
        return hmac.compare_digest(
            self._context.trusted[place], leaf.checkpoint_hash(
                record.log_id, *place, record.to_bytes()))

    def _contradicted(self, writer: int, sequence: int) -> None:
        if any(one.kind is Kind.CONTRADICTED and one.writer == writer
               and one.sequence == sequence for one in self._found):
            return
        self.add(findings.Finding(
            Kind.CONTRADICTED, 'an anchor or a collector holds a checkpoint '
            'where none stands', writer, sequence))


def _is_sealed(session: Session) -> bool:
    return (session.opening is not None
            and session.opening.boot_id == SEALED_BOOT_ID)
