# SPDX-License-Identifier: Apache-2.0
"""What a verification of a secure log can find, and what it adds up to.

A finding names one fact: what happened, to which writer's record, in which
line of which file, and between which two checkpoints.  The verdict over all
findings is the worst of them (protocol section 8; S1 section 11.3).
"""

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import enum
from typing import Any


class Verdict(enum.Enum):
    """What can be said about a whole log, and the exit status for it."""

    #: Every line is proven, and the log cannot have been longer.
    INTACT = ('intact', 0)
    #: At least one record was edited, removed, added or moved.
    ALTERED = ('altered', 3)
    #: Nothing that is there is wrong, but an end is provably missing.
    TRUNCATED = ('truncated', 4)
    #: Nothing is wrong; lines after the last seal are not decided.
    UNDECIDABLE = ('undecidable', 5)
    #: Something given is not a secure log, or cannot be read.
    UNREADABLE = ('unreadable', 6)

    def __init__(self, label: str, exit_status: int) -> None:
        self.label = label
        self.exit_status = exit_status


class Kind(enum.Enum):
    """What happened to a record."""

    EDITED = ('edited', Verdict.ALTERED)
    DELETED = ('deleted', Verdict.ALTERED)
    INSERTED = ('inserted', Verdict.ALTERED)
    REORDERED = ('reordered', Verdict.ALTERED)
    #: The lines of a block agree with each other but not with its seal:
    #: somebody computed them anew after the key was disclosed.
    REWRITTEN = ('rewritten', Verdict.ALTERED)
    #: A forward-secure tag is not the one the session made.
    FALSE_TAG = ('false-tag', Verdict.ALTERED)
    FALSE_SIGNATURE = ('false-signature', Verdict.ALTERED)
    #: A session is recorded in the manifest or by a later session, and
    #: none of its records is there; or its opening is not recorded.
    SESSION_MISSING = ('session-missing', Verdict.ALTERED)
    #: A trusted checkpoint names another record than the one that stands.
    CONTRADICTED = ('contradicted', Verdict.ALTERED)
    #: A record is known to have followed the last one there.
    TRUNCATED = ('truncated', Verdict.TRUNCATED)
    #: Part of a line at the end of a session that did not close: what an
    #: interrupted write leaves.
    TORN = ('torn', Verdict.UNDECIDABLE)
    #: Lines after the last checkpoint of a session that did not close.
    UNSEALED_TAIL = ('unsealed-tail', Verdict.UNDECIDABLE)
    #: The list of sessions was not given: a whole one may be missing.
    NO_MANIFEST = ('no-manifest', Verdict.UNDECIDABLE)
    UNREADABLE = ('unreadable', Verdict.UNREADABLE)
    #: Lines newer than the newest trusted checkpoint, which stands there.
    OPEN_TAIL = ('open-tail', Verdict.INTACT)
    #: What an earlier verification had read is not there as it was.
    REREAD = ('reread', Verdict.INTACT)
    #: Under a signed record; not an alteration.
    REDACTED = ('redacted', Verdict.INTACT)
    #: Under a signed record; not an alteration.
    EXPIRED = ('expired', Verdict.INTACT)

    def __init__(self, label: str, verdict: Verdict) -> None:
        self.label = label
        self.verdict = verdict


#: The worst first.
_ORDER = (Verdict.ALTERED, Verdict.UNREADABLE, Verdict.TRUNCATED,
          Verdict.UNDECIDABLE, Verdict.INTACT)


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One fact about a log.

    :param kind: what happened
    :param detail: one sentence for a person
    :param writer: number of the session, or None if no record tells
    :param sequence: of the first record concerned, or None
    :param file: name of the segment, or None
    :param line: number of the line in it, from 1, or None
    :param before: number of the last checkpoint before, 0 is the opening;
        None if there is none
    :param after: number of the next checkpoint, or None
    :param count: records concerned
    """

    kind: Kind
    detail: str
    writer: int | None = None
    sequence: int | None = None
    file: str | None = None
    line: int | None = None
    before: int | None = None
    after: int | None = None
    count: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return the fields for JSON; kind and verdict by their labels."""
        return {'kind': self.kind.label,
                'verdict': self.kind.verdict.label,
                'detail': self.detail, 'writer': self.writer,
                'sequence': self.sequence, 'file': self.file,
                'line': self.line, 'before': self.before,
                'after': self.after, 'count': self.count}

    def __str__(self) -> str:
        place = '' if self.file is None else self.file
        if self.line is not None:
            place += f':{self.line}'
        if self.writer is not None:
            place += f'{" " if place else ""}(record {self.writer}.'
            place += f'{"?" if self.sequence is None else self.sequence})'
        between = ''
        if self.before is not None or self.after is not None:
            after = ('the end' if self.after is None
                     else f'checkpoint {self.after}')
            before = ('the beginning' if self.before is None
                      else f'checkpoint {self.before}')
            between = f'; between {before} and {after}'
        return (f'{self.kind.label}: {place}{": " if place else ""}'
                f'{self.detail}{between}')


def verdict(found: Iterable[Finding]) -> Verdict:
    """Return the worst verdict among findings; intact if there are none."""
    seen = {one.kind.verdict for one in found}
    return next((one for one in _ORDER if one in seen), Verdict.INTACT)


def joined(found: Sequence[Finding]) -> list[Finding]:
    """Return findings where what is missing in one place and stands in
    another is one line that was moved.
    """
    missing = {(one.writer, one.sequence) for one in found
               if one.kind is Kind.DELETED and one.count == 1
               and one.sequence is not None}
    moved = {(one.writer, one.sequence) for one in found
             if one.kind is Kind.INSERTED} & missing
    made = []
    for one in found:
        if (one.writer, one.sequence) in moved:
            if one.kind is Kind.DELETED:
                continue
            if one.kind is Kind.INSERTED:
                one = dataclasses.replace(
                    one, kind=Kind.REORDERED,
                    detail='this line was moved here from another block')
        made.append(one)
    return made
