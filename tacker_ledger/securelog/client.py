# SPDX-License-Identifier: Apache-2.0
"""The client (S1, Fig. 14): verdicts in words, and what they amount to.

Messages come from a queue, so nothing in them is relied on before it was
looked at, and nothing of them reaches a terminal unescaped.
"""

import json
from typing import Any

VALIDATED = 'validated'
ALTERED = 'altered'
MISSING = 'missing'
NOT_ANCHORED = 'not-anchored'

#: Exit status by verdict; the highest of all that were seen counts.
EXIT_STATUS = {VALIDATED: 0, NOT_ANCHORED: 5, MISSING: 4, ALTERED: 3}
#: From the best to the worst.
_RANK = (VALIDATED, NOT_ANCHORED, MISSING, ALTERED)
#: For a message that is no verdict.
EXIT_UNREADABLE = 6
_TEXT_MAX_CHARS = 2048


def worst(verdicts: set[str]) -> int:
    """Return the exit status for all verdicts that were seen."""
    if not verdicts <= set(_RANK):
        return EXIT_UNREADABLE
    return EXIT_STATUS[max(verdicts, key=_RANK.index, default=VALIDATED)]


def word_of(message: Any) -> str:
    """Return the verdict in a message; an unknown one as ``unreadable``."""
    word = message.get('verdict') if isinstance(message, dict) else None
    return word if isinstance(word, str) and word in _RANK else 'unreadable'


def to_json(message: Any) -> str:
    """Return a message as one line of JSON, ASCII only."""
    return json.dumps(message, sort_keys=True, ensure_ascii=True)


def to_text(message: Any) -> str:
    """Return a verdict in S1's words, one line per fact."""
    word = word_of(message)
    if word == 'unreadable':
        return 'a message that is no verdict'
    number = _text(message, 'number')
    place = (f'{_text(message, "log")}, session {_text(message, "writer")}, '
             f'anchor {_text(message, "anchor")} of '
             f'{_text(message, "driver")} at height '
             f'{_text(message, "height")}')
    if message.get('evidence') is not True:
        place += ', a chain that is not evidence'
    if word == VALIDATED:
        return f'checkpoint number {number} has been validated ({place})'
    if word == NOT_ANCHORED:
        return (f'checkpoint number {number} has not been validated: the '
                f'chain does not hold its hash '
                f'({_text(message, "problem")}; {place})')
    lines = []
    if word == MISSING:
        lines.append(f'checkpoint number {number} was anchored and is '
                     f'missing: the log was cut before it ({place})')
    found = message.get('findings')
    for one in found if isinstance(found, list) else ():
        if isinstance(one, dict):
            lines.append(_altered(one, place))
    if not lines:
        lines.append(f'checkpoint number {number} is not the one that was '
                     f'anchored: the log was altered ({place})')
    return '\n'.join(lines)


def _altered(finding: dict[str, Any], place: str) -> str:
    """Return where a log was altered: between which two checkpoints."""
    before, after = finding.get('before'), finding.get('after')
    first = 'the beginning' if before is None else (
        f'checkpoint {_text(finding, "before")}')
    last = 'the end' if after is None else (
        f'checkpoint {_text(finding, "after")}')
    where = ''
    if finding.get('line') is not None:
        where = (f' at line {_text(finding, "line")} of '
                 f'{_text(finding, "file")}')
    return (f'the log was altered between {first} and {last}{where}: '
            f'{_text(finding, "kind")}: {_text(finding, "detail")} '
            f'({place})')


def _text(fields: dict[str, Any], name: str) -> str:
    """Return a field for a terminal: no control characters, bounded."""
    text = str(fields.get(name))[:_TEXT_MAX_CHARS]
    return text if text.isprintable() else ascii(text)[1:-1]
