# SPDX-License-Identifier: Apache-2.0
"""Verifies one run of blocks.

Inside a run the records form a chain (each names the one before by its
digest), so the signature of the last one covers all of them byte for byte:
it alone is verified as long as everything is right, and each by itself as
soon as anything is not.
"""

from collections.abc import Sequence
import hmac

from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core.securelog import blocks
from tacker_ledger.core.securelog import diagnosis
from tacker_ledger.core.securelog import findings
from tacker_ledger.core.securelog import leaf
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import runs
from tacker_ledger.core.securelog import seals
from tacker_ledger.core.securelog import unsealing

Kind = findings.Kind


def verify(run: runs.Run, context: runs.Context) -> runs.Outcome:
    """Verify one run."""
    return _Verification(run, context).result()


class _Verification:
    """The state of one run's verification."""

    def __init__(self, run: runs.Run, context: runs.Context) -> None:
        self._run = run
        self._context = context
        self._found: list[findings.Finding] = []
        self._start = run.start
        self._digest = (None if run.start is None else
                        records.record_digest(run.start.to_bytes()))
        self._unsealer: unsealing.Unsealer | None = None
        self._sealed: tuple[bytes, bytes] | None = None
        self._open_start()
        #: lines of the block that is being read
        self._lines: list[bytes] = []
        #: (index in the lines of the block, file, number of that line)
        self._spans: list[tuple[int, str, int]] = []
        self._unproven: list[tuple[records.Checkpoint,
                                   diagnosis.Place]] = []
        self._confirmed: list[tuple[int, int]] = []
        self._line_count = 0
        self._checkpoint_count = 0
        self._last: records.Checkpoint | None = None

    def _open_start(self) -> None:
        """Open what the record before the run seals for the auditor."""
        context, start = self._context, self._run.start
        if context.auditor is None:
            return
        self._unsealer = unsealing.Unsealer(
            context.auditor, context.provider, self._run.secret)
        if start is None:
            return
        self._sealed = self._unsealer.open(start)
        if self._sealed is None:
            if isinstance(start, records.Opening):
                self._unsealer = None
            self._add(Kind.UNREADABLE, 'what is sealed here does not open '
                      'with the auditor\'s key that was given',
                      unsealing.sequence_of(start), None,
                      unsealing.number_of(start))

    def result(self) -> runs.Outcome:
        for piece in self._run.pieces:
            self._read(piece)
        tail = None
        if self._lines or self._run.tail:
            tail = self._close_tail()
        self._prove()
        return runs.Outcome(
            self._run.writer, tuple(self._found), self._line_count,
            self._checkpoint_count, tuple(self._confirmed), self._last, tail)

    def _read(self, piece: runs.Piece) -> None:
        """Verify the blocks that end in a piece; keep what is open."""
        data = piece.data
        number = piece.line
        at = 0
        self._spans.append((len(self._lines), piece.file, number))
        while at < len(data):
            begin, end = seals.find_checkpoint(data, at)
            if begin > at:
                lines = data[at:begin].split(b'\n')
                lines.pop()
                self._lines += lines
                number += len(lines)
            if begin == end:
                break
            place = diagnosis.Place(piece.file, number)
            line = data[begin:end]
            number += 1
            at = end + 1
            if self._seal(line, place):
                self._lines = []
                self._spans = [(0, piece.file, number)]
            else:
                self._lines.append(line)

    def _places(self) -> list[diagnosis.Place]:
        """Return the place of each line of the block."""
        places: list[diagnosis.Place] = []
        if not self._spans:
            return places
        ends = [span[0] for span in self._spans[1:]] + [len(self._lines)]
        for (index, file, line), end in zip(self._spans, ends, strict=True):
            places += [diagnosis.Place(file, line + one)
                       for one in range(end - index)]
        return places

    def _add(self, kind: Kind, detail: str, sequence: int | None,
             place: diagnosis.Place | None, after: int | None,
             count: int = 1) -> None:
        self._found.append(findings.Finding(
            kind, detail, self._run.writer, sequence,
            place.file if place else None, place.line if place else None,
            None if self._start is None else unsealing.number_of(self._start),
            after, count))

    # A block that ends with a checkpoint

    def _seal(self, line: bytes, place: diagnosis.Place) -> bool:
        """Take a line for the end of the block, if it is that."""
        start = self._start
        if start is not None:
            first = unsealing.sequence_of(start) + 1
            usual = seals.expect(
                line, self._run.log_id, self._run.writer,
                first + len(self._lines), unsealing.number_of(start) + 1,
                first)
            if usual is not None and self._is_right(*usual):
                self._unproven.append((usual[0], place))
                self._pass(usual[0], place)
                return True
        record, exact = seals.parse(line)
        if (record is None or record.log_id != self._run.log_id
                or record.writer != self._run.writer):
            return False
        if exact and self._is_right(record, record.to_bytes()):
            self._unproven.append((record, place))
        elif not self._examine(record, exact, place):
            return False
        self._pass(record, place)
        return True

    def _pass(self, record: records.Checkpoint, place: diagnosis.Place
              ) -> None:
        """Count a block, and compare its checkpoint with the trusted."""
        self._line_count += len(self._lines)
        self._checkpoint_count += 1
        self._last = record
        if self._context.trusted:
            self._compare(record, place)

    def _is_right(self, record: records.Checkpoint, encoded: bytes) -> bool:
        """Check a whole block but for the signature; the good path."""
        start = self._start
        if start is None:
            return False
        first = unsealing.sequence_of(start) + 1
        if (record.first != first
                or record.sequence != first + len(self._lines)
                or record.number != unsealing.number_of(start) + 1
                or record.previous != self._digest
                or _closes(start)):
            return False
        made = blocks.verify_lines(
            self._lines, record.log_id, record.writer, first, start.chained,
            record.key)
        if made is None:
            return False
        chain, tags = made
        before = chain[-1] if chain else start.chained
        if (record.chained_before != before
                or record.chained != _mac(record)
                or record.tags != blocks.tags_digest((*tags, record.tag))):
            return False
        if self._unsealer is not None and not self._is_sealed_right(
                record, chain, tags):
            return False
        self._start = record
        self._digest = records.record_digest(encoded)
        return True

    def _is_sealed_right(self, record: records.Checkpoint,
                         chain: tuple[bytes, ...], tags: tuple[bytes, ...]
                         ) -> bool:
        """Check what only the auditor can: tags, and what was sealed."""
        unsealer = self._unsealer
        if unsealer is None:
            return True
        if self._sealed is None:
            # Reported where it did not open; go on where it does again.
            self._sealed = unsealer.open(record)
            return True
        key, state = self._sealed
        made, end = blocks.evolve(state, (*chain, record.chained))
        if (not hmac.compare_digest(key, record.key)
                or made != (*tags, record.tag)):
            return False
        walked = unsealer.state
        opened = unsealer.open(record)
        if opened is None or not hmac.compare_digest(opened[1], end):
            self._unsealer = unsealing.Unsealer(
                self._auditor(), self._context.provider, walked)
            return False
        self._sealed = opened
        return True

    def _auditor(self) -> suite_module.KeyPair:
        auditor = self._context.auditor
        if auditor is None:
            raise AssertionError('no auditor')
        return auditor

    def _prove(self) -> bool:
        """Verify the signatures that wait; return whether all are true."""
        waiting, self._unproven = self._unproven, []
        if not waiting or self._context.signed(waiting[-1][0]):
            return True
        for record, place in waiting:
            if not self._context.signed(record):
                self._found.append(findings.Finding(
                    Kind.FALSE_SIGNATURE, 'the signature of this checkpoint '
                    'is not of the log signing key', record.writer,
                    record.sequence, place.file, place.line,
                    record.number - 1, record.number))
        return False

    def _examine(self, record: records.Checkpoint, exact: bool,
                 place: diagnosis.Place) -> bool:
        """Find out what is wrong with a block; the slow path.

        :returns: whether the checkpoint ends the block at all
        """
        proven = self._prove()
        start = self._start
        signed = self._context.signed(record)
        first = (record.first if start is None
                 else unsealing.sequence_of(start) + 1)
        if record.sequence < first or (start is not None
                                       and _closes(start)):
            return False
        if not signed and (
                record.sequence != first + len(self._lines)
                or (start is not None and record.number
                    != unsealing.number_of(start) + 1)):
            return False
        begun = len(self._found)
        if not exact:
            self._add(Kind.EDITED, 'the text of this checkpoint is not that '
                      'of its record', record.sequence, place, record.number)
        if not signed:
            self._add(Kind.FALSE_SIGNATURE, 'the signature of this '
                      'checkpoint is not of the log signing key',
                      record.sequence, place, record.number)
        lines = self._diagnose(record, first)
        follows = None
        if signed and not self._is_bad(begun):
            follows = self._look_closer(record, lines, proven, place)
        if (exact and start is not None and len(self._found) == begun
                and proven):
            # Nothing may pass here that the good path did not pass.
            self._add(Kind.EDITED, 'the block is not what its checkpoint '
                      'closes', record.sequence, place, record.number)
        self._resume(record, follows, place)
        return True

    def _is_bad(self, begun: int) -> bool:
        """Return whether an alteration was found since ``begun``."""
        return any(one.kind.verdict is findings.Verdict.ALTERED
                   for one in self._found[begun:])

    def _diagnose(self, record: records.Checkpoint, first: int
                  ) -> Sequence[records.Line]:
        """Look at each line by itself."""
        start = self._start
        state = (None if self._sealed is None or record.first != first
                 else self._sealed[1])
        looked = diagnosis.Diagnosis(
            diagnosis.Block(
                record.log_id, record.writer, first, record.sequence,
                None if start is None else start.chained, record.key,
                record.first, record.chained_before, state,
                None if start is None else unsealing.number_of(start),
                record.number),
            self._lines, self._places(), self._context.redacted)
        self._found += looked.run()
        return looked.chain

    def _look_closer(self, record: records.Checkpoint,
                     lines: Sequence[records.Line], proven: bool,
                     place: diagnosis.Place) -> bytes | None:
        """Check what joins lines that are right with a true signature.

        :returns: A after the checkpoint, for the auditor
        """
        start = self._start
        before = self._chained_before(lines)
        if (record.chained != _mac(record)
                or (before is not None and record.chained_before != before)
                or (start is not None and record.number
                    != unsealing.number_of(start) + 1)):
            self._add(Kind.REWRITTEN, 'this checkpoint is signed but does '
                      'not continue what stands before it', record.sequence,
                      place, record.number)
        elif start is not None and proven and record.previous != self._digest:
            self._add(Kind.REWRITTEN, 'this checkpoint names another record '
                      'than the one before it, and both are signed',
                      record.sequence, place, record.number)
        tags = (*(line.tag for line in lines), record.tag)
        state = None
        if self._sealed is not None:
            key, state = self._sealed
            made, state = blocks.evolve(
                state, (*(line.chained for line in lines), record.chained))
            if made != tags or not hmac.compare_digest(key, record.key):
                self._name_tag(record, lines, made, place)
                return None
        if blocks.tags_digest(tags) != record.tags:
            self._add(Kind.FALSE_TAG, 'the tags of this block are not those '
                      'that its checkpoint signs; which one was changed is '
                      'not known without the auditor\'s key',
                      record.first, self._first_place(place), record.number,
                      len(tags))
        return state

    def _chained_before(self, lines: Sequence[records.Line]) -> bytes | None:
        if lines:
            return lines[-1].chained
        return None if self._start is None else self._start.chained

    def _first_place(self, place: diagnosis.Place) -> diagnosis.Place:
        places = self._places()
        return places[0] if places else place

    def _name_tag(self, record: records.Checkpoint,
                  lines: Sequence[records.Line], made: tuple[bytes, ...],
                  place: diagnosis.Place) -> None:
        """Name the first record whose tag the session did not make."""
        places = self._places()
        sequence, where = record.sequence, place
        for index, line in enumerate(lines):
            if line.tag != made[index]:
                sequence = line.sequence
                if index < len(places):
                    where = places[index]
                break
        self._add(Kind.FALSE_TAG, 'from this record on the tags are not '
                  'those of the session\'s secret: somebody else wrote, '
                  'whatever the signature says', sequence, where,
                  record.number)

    def _resume(self, record: records.Checkpoint, follows: bytes | None,
                place: diagnosis.Place) -> None:
        """Go on after a checkpoint that the good path did not pass."""
        if self._unsealer is not None:
            self._sealed = self._unsealer.open(record)
            if follows is not None and (
                    self._sealed is None
                    or not hmac.compare_digest(self._sealed[1], follows)):
                self._add(Kind.FALSE_TAG, 'what this checkpoint seals for '
                          'the auditor is not the session\'s secret',
                          record.sequence, place, record.number)
        self._start = record
        self._digest = records.record_digest(record.to_bytes())

    def _compare(self, record: records.Checkpoint, place: diagnosis.Place
                 ) -> None:
        """Compare a checkpoint with the trusted one of its place."""
        here = (record.writer, record.sequence)
        trusted = self._context.trusted.get(here)
        if trusted is None:
            return
        if hmac.compare_digest(trusted, leaf.checkpoint_hash(
                record.log_id, *here, record.to_bytes())):
            self._confirmed.append(here)
        else:
            self._found.append(findings.Finding(
                Kind.CONTRADICTED, 'an anchor or a collector holds another '
                'checkpoint for this place: the log was computed anew up to '
                'here', record.writer, record.sequence, place.file,
                place.line, record.number - 1, record.number))

    # Lines that nothing closes

    def _close_tail(self) -> runs.Tail:
        """Check the lines after the last checkpoint as far as possible."""
        start, lines = self._start, self._lines
        places = self._places()
        place = places[0] if places else None
        number = None if start is None else unsealing.number_of(start)
        if start is not None and _closes(start) and lines:
            self._add(Kind.INSERTED, 'lines after the clean close of the '
                      'session', unsealing.sequence_of(start) + 1, place,
                      None, len(lines))
            return runs.Tail(self._run.writer, 0, _last(start, ()), None,
                             None, number)
        chain = self._check_tail(places)
        self._line_count += len(lines)
        return runs.Tail(
            self._run.writer, len(lines), _last(start, chain),
            place.file if place else None, place.line if place else None,
            number)

    def _check_tail(self, places: list[diagnosis.Place]
                    ) -> Sequence[records.Line]:
        start = self._start
        first = (None if start is None
                 else unsealing.sequence_of(start) + 1)
        key = None if self._sealed is None else self._sealed[0]
        begun = len(self._found)
        looked = diagnosis.Diagnosis(
            diagnosis.Block(
                self._run.log_id, self._run.writer, first, None,
                None if start is None else start.chained, key, first or 0,
                None, None,
                None if start is None else unsealing.number_of(start), None),
            self._lines, places, self._context.redacted)
        self._found += looked.run()
        lines = looked.chain
        if self._sealed is not None and not self._is_bad(begun):
            made, _ = blocks.evolve(self._sealed[1],
                                    [line.chained for line in lines])
            for line, tag, place in zip(lines, made, places, strict=True):
                if line.tag != tag:
                    self._add(Kind.FALSE_TAG, 'from this line on the tags '
                              'are not those of the session\'s secret',
                              line.sequence, place, None)
                    break
        return lines


def _mac(record: records.Checkpoint) -> bytes:
    """Return what h of a checkpoint must be (S1, equation 2)."""
    return blocks.mac(record.key, record.chained_before, record.key,
                      record.log_info())


def _closes(record: unsealing.Sealing) -> bool:
    return (isinstance(record, records.Checkpoint)
            and record.reason == records.REASON_CLOSE)


def _last(start: unsealing.Sealing | None, lines: Sequence[records.Line]
          ) -> tuple[int, bytes] | None:
    """Return (sequence, h) of the last record that stands there."""
    if lines:
        return lines[-1].sequence, lines[-1].chained
    if start is None:
        return None
    return unsealing.sequence_of(start), start.chained
