# SPDX-License-Identifier: Apache-2.0
"""What an nftables configuration may say, and the state of dynamic sets.

A configuration is text in nft's own language made of blocks
``table FAMILY NAME { ... }`` of one table and nothing else: no other table,
no command, no ``include`` (which reads files of the VNF).  It is looked at
token by token with nft's own rules for quotes and comments; whether the
rules inside make sense is nft's to say.

Dynamic state is the content of sets and maps which the kernel fills (flags
``dynamic`` or ``timeout``), as JSON::

    [{"name": text, "type": ..., "map": ..., "elem": [element, ...]}, ...]

with elements as nft's own JSON writes them, sorted, but for one thing: in a
report ``until`` (a time, seconds since the Unix epoch, rounded down) stands
in the place of ``expires`` (seconds left).  So a state at rest reads the
same twice, which is how a migration knows that nothing is new, and no
element lives longer for having moved.  A report may come from another
instance, so it is read strictly and rebuilt from what was understood.
"""

import dataclasses
import json
import re
from typing import Any

from tacker_ledger.core import errors
from tacker_ledger.core import limits

FAMILIES = ('ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev')
STATE_MAX_BYTES = 2 * 1024 * 1024
SETS_MAX_COUNT = 256
ELEMENTS_MAX_COUNT = 65536

_TABLE = re.compile(r'(?:%s) [A-Za-z_][A-Za-z0-9_.-]{0,63}\Z'
                    % '|'.join(FAMILIES))
_TOKEN = re.compile(
    rb'(?P<skip>[ \t\r\n]+|\\\r?\n|#[^\n]*)'
    rb'|(?P<quoted>"[^"]*")'
    rb'|(?P<mark>[{};])'
    rb'|(?P<word>[^\s"#{};\\]+|\\)')
_NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_.-]{0,127}\Z')
_SCALAR = re.compile(r'[A-Za-z0-9_.:/*-]{1,128}\Z')
_SECONDS_MAX = 10 * 365 * 24 * 60 * 60
_EPOCH_SECONDS_MAX = 2 ** 40
#: Times in a report are rounded down to these.
_UNTIL_STEP_SECONDS = 10
_DYNAMIC_BLOCK = re.compile(
    r'^\t(?:set|map) (\S+) \{\n((?:\t\t.*\n)*)\t\}$', re.MULTILINE)
_DYNAMIC_FLAGS = re.compile(r'^\t\tflags [^\n]*\b(?:dynamic|timeout)\b',
                            re.MULTILINE)


def check_table_name(table: str) -> str:
    """Return ``FAMILY NAME`` if it names a table.

    :raises BadOption: it does not
    """
    if not _TABLE.match(table):
        raise errors.BadOption(
            f'{table!r} is not FAMILY NAME of an nftables table.')
    return table


def check_text(table: str, text: bytes) -> None:
    """Refuse a configuration that is not about one table alone.

    :param table: ``FAMILY NAME``
    :raises DryRunFailed: the message says what stands there
    """
    tokens = _tokens(text)
    family, name = table.encode('ascii').split(b' ')
    at = 0
    while at < len(tokens):
        if tokens[at] == b';':
            at += 1
            continue
        if tokens[at:at + 4] != [b'table', family, name, b'{']:
            found = b' '.join(tokens[at:at + 3])[:60]
            raise errors.DryRunFailed(
                f'Only blocks of table {table} may stand here, not '
                f'{found.decode("utf-8", "replace")!r}.', table=table)
        at = _end_of_block(tokens, at + 4)


def _tokens(text: bytes) -> list[bytes]:
    if b'\x00' in text:
        raise errors.DryRunFailed('The ruleset holds a null byte.')
    tokens = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise errors.DryRunFailed('A quote in the ruleset is not '
                                      'closed.')
        at = found.end()
        if found.lastgroup != 'skip':
            tokens.append(found[0])
    return tokens


def _end_of_block(tokens: list[bytes], at: int) -> int:
    """Return the index after the brace that closes a block."""
    depth = 1
    while at < len(tokens):
        token = tokens[at]
        at += 1
        if token == b'{':
            depth += 1
        elif token == b'}':
            depth -= 1
            if depth == 0:
                return at
        elif token == b'include':
            raise errors.DryRunFailed('The ruleset includes a file.')
    raise errors.DryRunFailed('A block of the ruleset is not closed.')


@dataclasses.dataclass(frozen=True, slots=True)
class DynamicSet:
    """A set or map which the kernel fills.

    :param shape: what its elements must look like: type and, of a map, the
        type it maps to
    :param elements: as nft's JSON writes them
    """

    name: str
    shape: Any
    elements: tuple[Any, ...] = dataclasses.field(repr=False)


def dynamic_sets(terse: str, listed: bytes) -> tuple[DynamicSet, ...]:
    """Return the dynamic sets of a table.

    :param terse: what ``nft -t list table`` printed: it alone shows the
        flag ``dynamic``
    :param listed: what ``nft -j list table`` printed: it has the elements
    """
    names = {found[1] for found in _DYNAMIC_BLOCK.finditer(terse)
             if _DYNAMIC_FLAGS.search(found[2])}
    sets = []
    for entry in json.loads(listed)['nftables']:
        for kind in ('set', 'map'):
            body = entry.get(kind)
            if body and body['name'] in names:
                sets.append(DynamicSet(
                    body['name'], [body['type'], body.get('map')],
                    tuple(_elements(body.get('elem', [])))))
    return tuple(sets)


def encode_state(sets: tuple[DynamicSet, ...], now_seconds: float) -> bytes:
    """Return the JSON of dynamic sets that have elements.

    :param now_seconds: wall clock, since the Unix epoch
    """
    return json.dumps(
        [{'name': one.name, 'type': one.shape[0], 'map': one.shape[1],
          'elem': sorted((_dated(element, now_seconds)
                          for element in one.elements), key=json.dumps)}
         for one in sets if one.elements],
        separators=(',', ':'), sort_keys=True).encode('utf-8')


def _dated(element: Any, now_seconds: float) -> Any:
    """Return an element with the time at which it ends."""
    if isinstance(element, list):
        return [_dated(element[0], now_seconds), element[1]]
    if not isinstance(element, dict) or 'expires' not in element.get(
            'elem', {}):
        return element
    inner = dict(element['elem'])
    until = now_seconds + inner.pop('expires')
    inner['until'] = int(until) // _UNTIL_STEP_SECONDS * _UNTIL_STEP_SECONDS
    return {'elem': inner}


def decode_state(data: bytes, now_seconds: float
                 ) -> tuple[DynamicSet, ...]:
    """Return the dynamic sets that another instance reported.

    Elements whose time is over are left out.

    :param now_seconds: wall clock, since the Unix epoch
    :raises Malformed: not strictly what :func:`encode_state` writes
    :raises TooLarge: more than is allowed
    """
    if len(data) > STATE_MAX_BYTES:
        raise errors.TooLarge('The observed state is too large.',
                              limit=STATE_MAX_BYTES)
    try:
        rows = json.loads(data)
        if not isinstance(rows, list) or len(rows) > SETS_MAX_COUNT:
            raise ValueError('not a list of sets')
        return tuple(_set(row, now_seconds) for row in rows)
    except (ValueError, RecursionError) as exc:
        raise errors.Malformed(
            f'The observed state is not readable: {exc}.') from exc


def _set(row: Any, now_seconds: float) -> DynamicSet:
    if not isinstance(row, dict) or row.keys() != {'name', 'type', 'map',
                                                   'elem'}:
        raise ValueError('not a set')
    if not isinstance(row['name'], str) or not _NAME.match(row['name']):
        raise ValueError('not the name of a set')
    return DynamicSet(row['name'], [row['type'], row['map']],
                      tuple(_undated(row['elem'], now_seconds)))


def _undated(elements: Any, now_seconds: float) -> list[Any]:
    """Return the elements of a report with the seconds they have left."""
    if (not isinstance(elements, list)
            or len(elements) > ELEMENTS_MAX_COUNT):
        raise ValueError('not a list of elements')
    return _elements([left for element in elements
                      for left in _with_seconds_left(element, now_seconds)])


def _with_seconds_left(element: Any, now_seconds: float) -> list[Any]:
    """Return a dated element as nft takes it; none when its time is over."""
    if isinstance(element, list) and len(element) == 2:
        return [[first, element[1]] for first
                in _with_seconds_left(element[0], now_seconds)]
    if not isinstance(element, dict) or not isinstance(
            element.get('elem'), dict) or 'until' not in element['elem']:
        return [element]
    inner = dict(element['elem'])
    until = inner.pop('until')
    if type(until) is not int or not 0 <= until <= _EPOCH_SECONDS_MAX:
        raise ValueError('not a time')
    left = int(until - now_seconds)
    # Where the clocks differ, no more than its set allows at most.
    timeout = _seconds(inner.get('timeout', _SECONDS_MAX))
    inner['expires'] = min(left, timeout)
    return [{'elem': inner}] if left >= 1 else []


def _elements(elements: Any) -> list[Any]:
    if (not isinstance(elements, list)
            or len(elements) > ELEMENTS_MAX_COUNT):
        raise ValueError('not a list of elements')
    return [_element(element) for element in elements]


def _element(element: Any) -> Any:
    """Return one element rebuilt from the parts that are known."""
    if isinstance(element, list):
        if len(element) != 2:
            raise ValueError('not an element of a map')
        return [_element(element[0]), _value(element[1])]
    if isinstance(element, dict) and element.keys() == {'elem'}:
        inner = element['elem']
        if not isinstance(inner, dict) or 'val' not in inner:
            raise ValueError('not an element')
        rebuilt = {'val': _value(inner['val'])}
        for name in ('timeout', 'expires'):
            if name in inner:
                rebuilt[name] = _seconds(inner[name])
        return {'elem': rebuilt}
    return _value(element)


def _seconds(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _SECONDS_MAX:
        raise ValueError('not a number of seconds')
    return max(1, value)


def _value(value: Any) -> Any:
    if type(value) is int and 0 <= value < 2 ** 64:
        return value
    if isinstance(value, str) and _SCALAR.match(value):
        return value
    if isinstance(value, dict) and len(value) == 1:
        ((kind, inner),) = value.items()
        if (kind in ('concat', 'range') and isinstance(inner, list)
                and 2 <= len(inner) <= limits.NESTING_MAX_DEPTH):
            return {kind: [_value(part) for part in inner]}
        if kind == 'prefix' and isinstance(inner, dict) \
                and inner.keys() == {'addr', 'len'}:
            return {'prefix': {'addr': _value(inner['addr']),
                               'len': _value(inner['len'])}}
    raise ValueError('not a value')


def additions(table: str, sets: tuple[DynamicSet, ...]) -> bytes:
    """Return nft's JSON which adds the elements of sets to a table."""
    family, name = table.split(' ')
    return json.dumps({'nftables': [
        {'add': {'element': {'family': family, 'table': name,
                             'name': one.name, 'elem': one.elements}}}
        for one in sets if one.elements]}).encode('utf-8')
