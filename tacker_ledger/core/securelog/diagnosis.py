# SPDX-License-Identifier: Apache-2.0
"""The slow path of verification: what is wrong with the lines of a block.

Runs once on a block that :mod:`.blocks` did not accept.  Each line is looked
at by itself: does it continue the line that has the sequence before its own?
With the block's key that is decided by one HMAC a line, wherever the lines
stand and whatever is missing between others (S1 section 11.3: which line,
and what was done to it).
"""

from collections.abc import Collection
from collections.abc import Sequence
import dataclasses

from tacker_ledger.core import errors
from tacker_ledger.core.securelog import blocks
from tacker_ledger.core.securelog import entry
from tacker_ledger.core.securelog import findings
from tacker_ledger.core.securelog import records

Kind = findings.Kind


def parse_line(raw: bytes) -> records.Line | None:
    """Return a plain or redacted line taken apart, or None."""
    try:
        record = records.parse_line(raw)
    except errors.FormatError:
        return None
    return record if isinstance(record, records.Line) else None


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """Lines between two checkpoints, and what is known around them.

    :param log_id: 16 bytes
    :param writer: number of the session
    :param first: sequence that the first line must have; None if the
        records before are unknown
    :param end: sequence of the checkpoint after the lines; None for a tail
        that nothing closes
    :param h: of the record before, or None if it is not known
    :param key: the block's key, or None if nobody disclosed it
    :param keyed_from: the first sequence under this key; earlier lines
        belong to blocks whose checkpoints are not there
    :param end_h: h of the last line as the checkpoint signs it, or None
    :param state: A of the first line, known to the auditor, or None
    :param before: number of the checkpoint before, or None
    :param after: number of the checkpoint after, or None
    """

    log_id: bytes
    writer: int
    first: int | None
    end: int | None
    h: bytes | None
    key: bytes | None
    keyed_from: int
    end_h: bytes | None
    state: bytes | None
    before: int | None
    after: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a line stands."""

    file: str
    line: int


class Diagnosis:
    """Finds out what happened to the lines of one block.

    :param block: what is known around them
    :param lines: every line that stands there, without newlines, plain or
        not
    :param places: of each line
    :param redacted: (writer, sequence, D) that signed records cover
    """

    def __init__(self, block: Block, lines: Sequence[bytes],
                 places: Sequence[Place],
                 redacted: Collection[tuple[int, int, bytes]] = ()) -> None:
        self._block = block
        self._lines = lines
        self._places = places
        self._redacted = redacted
        self._parsed = [parse_line(line) for line in lines]
        self._found: list[findings.Finding] = []
        #: sequence -> index of the line that is taken for it
        self._chosen: dict[int, int] = {}
        self._strays: list[int] = []

    def run(self) -> list[findings.Finding]:
        """Return what was found, in the order of the lines.

        Empty if every line is right, which includes redacted ones only if
        they are not covered: those that are give a finding each.
        """
        self._choose()
        self._look_for_gaps()
        self._look_at_order()
        self._look_at_links()
        return self._found

    @property
    def chain(self) -> list[records.Line]:
        """The lines taken, by sequence."""
        return [self._line(self._chosen[one])
                for one in sorted(self._chosen)]

    def _line(self, index: int) -> records.Line:
        line = self._parsed[index]
        if line is None:
            raise AssertionError('not a line')
        return line

    def _add(self, kind: Kind, detail: str, sequence: int | None,
             index: int | None, count: int = 1) -> None:
        place = self._places[index] if index is not None else None
        self._found.append(findings.Finding(
            kind, detail, self._block.writer, sequence,
            place.file if place else None, place.line if place else None,
            self._block.before, self._block.after, count))

    def _choose(self) -> None:
        """Take one line for each sequence; the others are strays."""
        block = self._block
        candidates: dict[int, list[int]] = {}
        for index, line in enumerate(self._parsed):
            if (line is None or line.writer != block.writer
                    or (block.first is not None
                        and line.sequence < block.first)
                    or (block.end is not None
                        and line.sequence >= block.end)):
                self._strays.append(index)
            else:
                candidates.setdefault(line.sequence, []).append(index)
        for sequence in sorted(candidates):
            indexes = candidates[sequence]
            best = indexes[0]
            if len(indexes) > 1:
                best = next((one for one in indexes
                             if self._continues(self._line(one),
                                                candidates)), best)
                self._strays += [one for one in indexes if one != best]
            self._chosen[sequence] = best
        self._strays.sort()

    def _continues(self, line: records.Line,
                   candidates: dict[int, list[int]]) -> bool:
        """Return whether a line continues any candidate before it."""
        if (self._block.key is None
                or line.sequence < self._block.keyed_from):
            return True
        before: list[bytes | None]
        if line.sequence == self._block.first:
            before = [self._block.h]
        else:
            before = [self._line(one).chained
                      for one in candidates.get(line.sequence - 1, ())]
        return any(h is not None
                   and _mac(self._block, line, h) == line.chained
                   for h in before)

    def _look_for_gaps(self) -> None:
        """Name what is missing, what was put there, what was changed."""
        chosen = self._chosen
        first = (self._block.first if self._block.first is not None
                 else min(chosen, default=None))
        end = (self._block.end if self._block.end is not None
               else max(chosen, default=-1) + 1)
        strays = set(self._strays)
        if first is not None:
            start = first
            for sequence in [*sorted(chosen), end]:
                if sequence > start:
                    self._gap(start, sequence, strays)
                start = sequence + 1
        for index in sorted(strays):
            line = self._parsed[index]
            self._add(Kind.INSERTED, 'a line that the session did not '
                      'write here', line.sequence if line else None, index)

    def _gap(self, start: int, end: int, strays: set[int]) -> None:
        """Explain the missing sequences from ``start`` up to ``end``."""
        chosen = self._chosen
        after = chosen.get(start - 1, -1)
        before = chosen.get(end, len(self._lines))
        between = sorted(one for one in strays if after < one < before)
        # A stray where a line is missing is that line, changed so that its
        # place cannot be read or is another one.
        for sequence, index in zip(range(start, end), between, strict=False):
            strays.discard(index)
            self._add(Kind.EDITED, 'the place or the fields of this line '
                      'were changed', sequence, index)
        missing = end - start - len(between)
        if missing > 0:
            here = before if before < len(self._lines) else None
            if here is None and self._lines:
                here = len(self._lines) - 1
            first = start + len(between)
            self._add(
                Kind.DELETED, f'{missing} record(s) are missing, '
                f'{self._block.writer}.{first} to '
                f'{self._block.writer}.{end - 1}', first, here, missing)

    def _look_at_order(self) -> None:
        """Name the first line that stands before an earlier one."""
        last = -1
        for sequence in sorted(self._chosen):
            index = self._chosen[sequence]
            if index < last:
                self._add(Kind.REORDERED, 'this line stands before an '
                          'earlier one', sequence, index)
                return
            last = index

    def _look_at_links(self) -> None:
        """Check each line against the one before it."""
        block = self._block
        if block.key is None:
            return
        good = block.h
        rewritten = True
        for sequence in sorted(self._chosen):
            index = self._chosen[sequence]
            line = self._line(index)
            before = (self._h_before(sequence)
                      if sequence >= block.keyed_from else None)
            if before is None:
                rewritten = False
                good = line.chained
                continue
            made = _mac(block, line, before)
            if made != line.chained:
                rewritten = False
                if (good is not None and good != before
                        and _mac(block, line, good)
                        == line.chained):
                    # It continues what the line before should have said.
                    good = line.chained
                    continue
                self._add(Kind.EDITED, 'the text or the fields of this '
                          'line were changed', sequence, index)
                good = made
                continue
            good = line.chained
            if line.kind == entry.KIND_REDACTED:
                self._look_at_redaction(line, index)
        self._look_at_end(rewritten)

    def _h_before(self, sequence: int) -> bytes | None:
        if sequence == self._block.first:
            return self._block.h
        index = self._chosen.get(sequence - 1)
        return None if index is None else self._line(index).chained

    def _look_at_redaction(self, line: records.Line, index: int) -> None:
        if ((line.writer, line.sequence, line.digest)
                in self._redacted):
            self._add(Kind.REDACTED, 'taken out under a signed record',
                      line.sequence, index)
        else:
            self._add(Kind.EDITED, 'the text was taken out without a '
                      'signed record', line.sequence, index)

    def _look_at_end(self, rewritten: bool) -> None:
        """Compare the last line with what the checkpoint signs."""
        block = self._block
        if block.end_h is None or block.end is None:
            return
        index = self._chosen.get(block.end - 1)
        if index is None or self._line(index).chained == block.end_h:
            return
        if rewritten:
            self._rewritten()
        elif not self._found:
            self._add(Kind.EDITED, 'the last line is not the one that the '
                      'checkpoint seals', block.end - 1, index)

    def _rewritten(self) -> None:
        """All lines agree, but with another end: name the first if the
        auditor's tags can tell it.
        """
        lines = self.chain
        sequence = lines[0].sequence
        detail = ('lines of this block were computed anew with its '
                  'disclosed key; the first one changed is not known '
                  'without the auditor\'s key')
        if self._block.state is not None:
            tags, _ = blocks.evolve(self._block.state,
                                    [line.chained for line in lines])
            for line, tag in zip(lines, tags, strict=True):
                if line.tag != tag:
                    sequence = line.sequence
                    detail = ('from this line on the block was computed '
                              'anew with its disclosed key')
                    break
        self._add(Kind.REWRITTEN, detail, sequence, self._chosen[sequence],
                  len(lines))


def _mac(block: Block, line: records.Line, before: bytes) -> bytes:
    """Return what h of a line must be after a record with h ``before``."""
    return blocks.mac(block.key or b'', before, line.log_info(block.log_id))
