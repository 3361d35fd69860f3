# SPDX-License-Identifier: Apache-2.0
"""The verifier of a whole log: its segments in, runs out, a report back.

It does no input or output and keeps no more than the lines of open blocks:

1. sort the segments by :func:`first_place`;
2. for each segment :meth:`Verifier.begin`, :meth:`Verifier.feed` with its
   bytes, :meth:`Verifier.end`; at last :meth:`Verifier.finish`;
3. all of these return runs: give each to ``run_verification.verify``, in
   this process or in another, and its outcome to :meth:`Verifier.absorb`,
   in the order of the runs;
4. :meth:`Verifier.report`.

What is said about whole sessions (the manifest, what each opening found of
the session before, trusted checkpoints) is decided by :mod:`.sessions`.
"""

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses

from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import findings
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import resumption
from tacker_ledger.core.securelog import retention as retention_module
from tacker_ledger.core.securelog import run_verification
from tacker_ledger.core.securelog import runs
from tacker_ledger.core.securelog import seals
from tacker_ledger.core.securelog import sessions as sessions_module
from tacker_ledger.core.securelog import unsealing

Kind = findings.Kind

#: A run is handed out when its lines have so many bytes.
RUN_BYTES = 1 << 20
#: Lines without a checkpoint which are kept; a block has far fewer.
_OPEN_MAX_BYTES = 256 << 20
_OPEN_MAX_LINES = 4 * limits.LOG_BLOCK_MAX_LINES
#: Lines looked at for one that tells its place.
_PEEK_MAX_LINES = 1000


def first_place(data: bytes) -> tuple[int, int] | None:
    """Return (writer, sequence) of the first record in some bytes.

    :returns: None if no line is a record; then it is no segment
    """
    for line in data.split(b'\n', _PEEK_MAX_LINES)[:_PEEK_MAX_LINES]:
        try:
            record = records.parse_line(line)
        except errors.FormatError:
            continue
        return record.writer, (0 if isinstance(record, records.Opening)
                               else record.sequence)
    return None


@dataclasses.dataclass(slots=True)
class _Open:
    """A session whose lines are being read."""

    writer: int
    start: unsealing.Sealing | None
    secret: unsealing.State | None
    #: the record whose wrap is in force, followed for an auditor alone
    agreement: unsealing.Sealing | None = None
    pieces: list[runs.Piece] = dataclasses.field(default_factory=list)
    size: int = 0
    lines: int = 0


class Verifier:
    """Verifies one log.

    :param context: keys, and what is trusted
    :param manifest: the bytes of the log's manifest, or None if it was
        not given
    :param retentions: signed records of expired segments
    """

    def __init__(self, context: runs.Context, manifest: bytes | None = None,
                 retentions: Sequence[retention_module.Retention] = ()
                 ) -> None:
        self._context = context
        self._retentions = tuple(retentions)
        self._sessions = sessions_module.Sessions(context, self._retentions)
        if manifest is not None:
            self._sessions.read_manifest(manifest)
        self._open: dict[int, _Open] = {}
        self._current: _Open | None = None
        self._file = ''
        self._line = 1
        self._offset = 0
        #: name -> (offset, line) up to where a segment was read
        self._read: dict[str, tuple[int, int]] = {}
        self._rest = b''
        self._overlong = False
        #: bytes of a torn line that no piece holds
        self._skipped = self._skipped_lines = 0

    def note(self, finding: findings.Finding) -> None:
        """Take a finding of the caller's, about files beside the log."""
        self._sessions.add(finding)

    def begin(self, name: str, offset: int = 0, line: int = 1) -> None:
        """Begin a segment.

        :param name: what findings call it
        :param offset: of the first byte that is fed, if an earlier
            verification is resumed; the beginning of a line
        :param line: its number
        """
        self._file, self._line, self._rest = name, line, b''
        self._offset = offset
        self._current, self._overlong = None, False

    def feed(self, data: bytes) -> list[runs.Run]:
        """Take the next bytes of the segment; return runs to verify."""
        data = self._rest + data
        end = data.rfind(b'\n') + 1
        self._rest = data[end:]
        made: list[runs.Run] = []
        if end:
            whole = data[:end]
            if self._overlong:
                self._overlong = False
            self._take(whole, made)
        if len(self._rest) > limits.LOG_LINE_MAX_BYTES:
            self._pass_over()
        return made

    def end(self) -> list[runs.Run]:
        """End the segment; return runs to verify."""
        made: list[runs.Run] = []
        self._read[self._file] = (self._offset, self._line)
        if self._rest:
            self._torn(len(self._rest), self._line)
            self._rest = b''
        self._current = None
        return made

    def finish(self) -> list[runs.Run]:
        """End the log: return what nothing closes."""
        made = [self._emit(one, True) for _, one in sorted(
            self._open.items())]
        self._open.clear()
        return made

    def absorb(self, outcome: runs.Outcome) -> None:
        """Take what the verification of a run gave, in order."""
        self._sessions.absorb(outcome)

    def position(self) -> resumption.Position:
        """Return where a later verification may go on.

        To be asked once all segments were read and all outcomes so far are
        in, and before :meth:`finish`.
        """
        read = dict(self._read)
        for one in self._open.values():
            for piece in reversed(one.pieces):
                known = read.get(piece.file)
                if known is None or piece.offset <= known[0]:
                    read[piece.file] = (piece.offset, piece.line)
        return resumption.Position(
            self._sessions.log_id or b'',
            tuple(resumption.File(name, *place)
                  for name, place in sorted(read.items())),
            tuple(resumption.Open(one.writer, one.start, one.agreement)
                  for one in self._open.values()),
            self._context.auditor is not None,
            self._sessions.memory())

    def resume(self, position: resumption.Position) -> None:
        """Go on where an earlier verification ended, before anything is
        fed; its findings are taken over.
        """
        self._sessions.remember(position.log_id, position.memory)
        for one in position.open:
            self._open[one.writer] = _Open(
                one.writer, one.start,
                self._secret_of(one.agreement, one.start), one.agreement)

    def expect(self, position: resumption.Position) -> None:
        """Take what an earlier verification has seen as known to have been
        there, and verify all the same.
        """
        self._sessions.expect({
            one.writer: one.last[0] for one in position.memory.sessions
            if one.last is not None})

    def report(self) -> sessions_module.Report:
        """Return findings and verdict, once all outcomes are in."""
        return self._sessions.report()

    # Lines

    def _pass_over(self) -> None:
        """Drop a line longer than any: no memory for it."""
        self._offset += len(self._rest)
        self._rest = b''
        if not self._overlong:
            self._overlong = True
            self._sessions.add(findings.Finding(
                Kind.INSERTED, 'a line longer than any line of a log',
                None, None, self._file, self._line))

    def _torn(self, size: int, line: int) -> None:
        writer = self._current.writer if self._current else None
        closed = self._current is not None and _has_closed(self._current)
        self._sessions.add(findings.Finding(
            Kind.INSERTED if closed else Kind.TORN,
            f'{size} bytes after the last whole line',
            writer, None, self._file, line))

    def _take(self, data: bytes, made: list[runs.Run]) -> None:
        """Take whole lines; openings among them begin sessions."""
        at = 0
        while at < len(data):
            begin, end = seals.find_opening(data, at)
            opening = None
            while begin < len(data):
                opening = seals.opening(data[begin:end])
                if (opening is not None
                        and not self._sessions.has(opening.writer)):
                    break
                # A copy of one, or a text that begins so: a line.
                opening = None
                begin, end = seals.find_opening(data, end + 1)
            if begin > at:
                self._lines(data[at:begin], opening, made)
            if opening is None:
                break
            self._begin_session(opening, made)
            at = end + 1

    def _lines(self, data: bytes, opening: records.Opening | None,
               made: list[runs.Run]) -> None:
        """Take lines of one session; ``opening`` follows them, if any."""
        if opening is not None:
            data = self._without_torn(data, opening)
        if not data:
            return
        one = self._current
        if one is None:
            one = self._current = self._resume(data)
            if one is None:
                self._sessions.add(findings.Finding(
                    Kind.UNREADABLE, 'no line here is a record of a secure '
                    'log', None, None, self._file, self._line))
                self._line += _count(data)
                self._offset += len(data)
                return
        one.pieces.append(runs.Piece(self._file, self._line, data,
                                     self._offset))
        one.size += len(data)
        self._offset += len(data)
        count = _count(data)
        one.lines += count
        self._line += count
        if one.size >= RUN_BYTES:
            self._cut(one, self._line, made)
        if one.size > _OPEN_MAX_BYTES or one.lines > _OPEN_MAX_LINES:
            self._sessions.add(findings.Finding(
                Kind.DELETED, f'no checkpoint in {one.size} bytes',
                one.writer, None, self._file, self._line))
            made.append(self._emit(one, True))
            one.start, one.secret = None, None

    def _without_torn(self, data: bytes, opening: records.Opening) -> bytes:
        """Take off the part of a line that a crash left before a restart."""
        following: records.Opening | None = opening
        while following is not None and following.previous is not None:
            before = following.previous
            begin = data.rfind(b'\n', 0, len(data) - 1) + 1
            if data and len(data) - 1 - begin == before.torn_bytes:
                self._torn(before.torn_bytes, self._line + _count(data) - 1)
                self._skipped += len(data) - begin
                self._skipped_lines += 1
                data = data[:begin]
            # The session before may have ended before its first record.
            following = self._sessions.announced(before.writer)
        return data

    def _begin_session(self, opening: records.Opening,
                       made: list[runs.Run]) -> None:
        """End the session that wrote this file and begin the next."""
        self._line += self._skipped_lines
        self._offset += self._skipped
        self._skipped = self._skipped_lines = 0
        if self._current is not None:
            ended = self._current
            self._open.pop(ended.writer, None)
            made.append(self._emit(ended, True))
        self._sessions.begin(opening, self._file, self._line)
        self._line += 1
        self._offset += len(opening.to_line())
        self._current = _Open(opening.writer, opening, None, opening)
        self._open[opening.writer] = self._current

    def _resume(self, data: bytes) -> _Open | None:
        """Return the session that a segment goes on with."""
        place = first_place(data)
        if place is None:
            return None
        writer, sequence = place
        one = self._open.get(writer)
        if one is not None:
            return one
        kept = self._sessions.stand_in(writer)
        if kept is not None and kept.checkpoint.sequence < sequence:
            one = _Open(writer, kept.checkpoint, self._secret_of(
                kept.agreement, kept.checkpoint), kept.agreement)
        else:
            self._sessions.headless(writer, sequence, self._file,
                                    self._line, _log_id(data))
            one = _Open(writer, None, None)
        self._open[writer] = one
        return one

    def _secret_of(self, agreement: unsealing.Sealing | None,
                   start: unsealing.Sealing | None
                   ) -> unsealing.State | None:
        """Return where the auditor's walk stands before ``start``."""
        if (self._context.auditor is None or agreement is None
                or start is None):
            return None
        walk = unsealing.Unsealer(self._context.auditor,
                                  self._context.provider)
        if unsealing.number_of(agreement) < unsealing.number_of(start):
            walk.skip(agreement)
        return walk.state

    # Runs

    def _cut(self, one: _Open, line: int, made: list[runs.Run]) -> None:
        """Hand out the lines up to the last checkpoint there is.

        :param line: number of the line after the last piece
        """
        data = one.pieces[-1].data
        end = len(data)
        while True:
            begin, end = seals.find_last_checkpoint(data, end)
            if not end:
                return
            record, exact = seals.parse(data[begin:end])
            if exact and record is not None and self._fits(one, record):
                break
            end = begin
        last = one.pieces.pop()
        one.pieces.append(dataclasses.replace(last, data=data[:end + 1]))
        secret = self._walk(one)
        made.append(self._emit(one, False))
        one.start, one.secret = record, secret
        rest = data[end + 1:]
        if rest:
            one.pieces.append(runs.Piece(
                last.file, line - _count(rest), rest,
                last.offset + end + 1))
            one.size, one.lines = len(rest), _count(rest)

    def _fits(self, one: _Open, record: records.Checkpoint) -> bool:
        return (record.writer == one.writer
                and record.log_id == self._sessions.log_id
                and (one.start is None
                     or (record.number > unsealing.number_of(one.start)
                         and record.sequence
                         > unsealing.sequence_of(one.start)
                         and not _closes(one.start))))

    def _walk(self, one: _Open) -> unsealing.State | None:
        """Return the auditor's state after the lines that are handed out."""
        if self._context.auditor is None:
            return None
        walk = unsealing.Unsealer(self._context.auditor,
                                  self._context.provider, one.secret)
        if one.start is not None:
            walk.skip(one.start)
        wrapped = [record for piece in one.pieces
                   for record in _wrapped(piece.data)
                   if self._fits(one, record)]
        # The last one is the beginning of the next run, which opens it.
        last = one.pieces[-1].data
        _, end = seals.find_last_checkpoint(last, len(last))
        for record in wrapped:
            one.agreement = record
            if last[:end].endswith(record.to_line().rstrip(b'\n')):
                continue
            walk.skip(record)
        return walk.state

    def _emit(self, one: _Open, tail: bool) -> runs.Run:
        run = runs.Run(self._sessions.log_id or b'', one.writer, one.start,
                       one.secret, tuple(one.pieces), tail)
        one.pieces, one.size, one.lines = [], 0, 0
        return run


def verify(context: runs.Context,
           segments: Iterable[tuple[str, bytes]],
           manifest: bytes | None = None,
           retentions: Sequence[retention_module.Retention] = ()
           ) -> sessions_module.Report:
    """Verify a log that is in memory.

    :param segments: (name, content), in any order
    """
    verifier = Verifier(context, manifest, retentions)
    for name, data in order(segments):
        verifier.begin(name)
        for run in verifier.feed(data) + verifier.end():
            verifier.absorb(run_verification.verify(run, context))
    for run in verifier.finish():
        verifier.absorb(run_verification.verify(run, context))
    return verifier.report()


def order(segments: Iterable[tuple[str, bytes]]
          ) -> list[tuple[str, bytes]]:
    """Return segments in the order in which they were written."""
    return sorted(segments, key=lambda one: (
        first_place(one[1]) or (0, 0), one[0]))


def _count(data: bytes) -> int:
    """Return the number of line feeds; four times as fast as counting."""
    return len(data) - len(data.replace(b'\n', b''))


def _closes(start: unsealing.Sealing | None) -> bool:
    return (isinstance(start, records.Checkpoint)
            and start.reason == records.REASON_CLOSE)


def _has_closed(one: _Open) -> bool:
    """Return whether what was read of a session ends with its close."""
    if not one.pieces:
        return _closes(one.start)
    data = one.pieces[-1].data
    begin, end = seals.find_last_checkpoint(data, len(data))
    return (end + 1 == len(data)
            and _closes(seals.parse(data[begin:end])[0]))


def _wrapped(data: bytes) -> list[records.Checkpoint]:
    """Return the checkpoints that carry a wrap."""
    found = []
    at = 0
    while at < len(data):
        begin, end = seals.find_checkpoint(data, at)
        if begin < end and seals.has_wrap(data, begin, end):
            record, _ = seals.parse(data[begin:end])
            if record is not None and record.wrap is not None:
                found.append(record)
        at = end + 1
    return found


def _log_id(data: bytes) -> bytes | None:
    """Return the log id that the first checkpoint of some lines names."""
    begin, end = seals.find_checkpoint(data, 0)
    record, _ = seals.parse(data[begin:end])
    return None if record is None else record.log_id
