# SPDX-License-Identifier: Apache-2.0
"""Query parameters, strictly: known names, plain values, once each.

All values of this interface are digits, hexadecimal digits or plain words,
so nothing is percent-encoded and a ``%`` is refused.  That also means one
request has one spelling, which its signed digest covers.
"""

from collections.abc import Collection
from collections.abc import Mapping
import re

from tacker_ledger.core import errors

_PAIRS_MAX_COUNT = 300
_VALUE = re.compile(r'[A-Za-z0-9._-]{0,128}\Z')
_HEX = re.compile(r'[0-9a-f]*\Z')
NONCE_BYTES = 16
_INT_MAX = 2 ** 63 - 1


class Parameters:
    """The parsed query of a request.

    :param values: name -> values, in order
    """

    __slots__ = ('_values',)

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self._values = values

    def text(self, name: str) -> str | None:
        """Return the value of a parameter, None if it is not there.

        :raises BadOption: it is there more than once
        """
        values = self._values.get(name)
        if values is None:
            return None
        if len(values) != 1:
            raise _refuse(name, 'given more than once')
        return values[0]

    def optional_integer(self, name: str) -> int | None:
        """Return a decimal number, None if it is not there.

        :raises BadOption: no number, or out of range
        """
        text = self.text(name)
        return None if text is None else number(name, text)

    def integer(self, name: str, default: int, *, low: int = 0,
                high: int = _INT_MAX) -> int:
        """Return a decimal number, the default if it is not there.

        :raises BadOption: no number, or out of range
        """
        text = self.text(name)
        return default if text is None else number(name, text, low, high)

    def flag(self, name: str, default: bool) -> bool:
        """Return ``true`` or ``false``.

        :raises BadOption: neither
        """
        text = self.text(name)
        if text is None:
            return default
        if text not in ('true', 'false'):
            raise _refuse(name, 'neither true nor false')
        return text == 'true'

    def hexadecimal(self, name: str, size: int) -> bytes | None:
        """Return bytes given as hexadecimal digits, or None.

        :raises BadOption: not ``size`` bytes in lower case
        """
        text = self.text(name)
        return None if text is None else from_hex(name, text, size)

    def hexadecimals(self, name: str, size: int, max_count: int
                     ) -> tuple[bytes, ...]:
        """Return all values of a parameter that may be repeated.

        :raises BadOption: one is not ``size`` bytes, or is there twice
        :raises TooLarge: too many
        """
        values = self._values.get(name, [])
        if len(values) > max_count:
            raise errors.TooLarge(
                f'At most {max_count} values of {name}.', option=name,
                size=len(values), limit=max_count)
        found = tuple(from_hex(name, value, size) for value in values)
        if len(set(found)) != len(found):
            raise _refuse(name, 'given twice with one value')
        return found


def parse(query: bytes, allowed: Collection[str]) -> Parameters:
    """Return the parameters in a query string.

    A nonce is checked here: every signed answer may be asked with one.

    :param query: as received, without the question mark
    :param allowed: names that may appear, beside ``nonce``
    :raises BadOption: an unknown name or a value of another form
    """
    values: dict[str, list[str]] = {}
    if query:
        pairs = query.split(b'&', _PAIRS_MAX_COUNT)
        if len(pairs) > _PAIRS_MAX_COUNT:
            raise _refuse('query', f'more than {_PAIRS_MAX_COUNT} values')
        for pair in pairs:
            name, _, value = pair.decode('latin-1').partition('=')
            if name != 'nonce' and name not in allowed:
                raise errors.BadOption(
                    f'There is no parameter {name[:64]!r} here.',
                    known=[*sorted(allowed), 'nonce'])
            if not _VALUE.match(value):
                raise _refuse(name, 'not of plain letters and digits')
            values.setdefault(name, []).append(value)
    parameters = Parameters(values)
    parameters.hexadecimal('nonce', NONCE_BYTES)
    return parameters


def number(name: str, text: str, low: int = 0, high: int = _INT_MAX) -> int:
    """Return a decimal number.

    :raises BadOption: no number, or out of range
    """
    digits = text.removeprefix('-')
    if (not digits.isascii() or not digits.isdecimal() or len(text) > 20
            or not low <= int(text) <= high):
        raise _refuse(name, f'not a number from {low} to {high}')
    return int(text)


def from_hex(name: str, text: str, size: int) -> bytes:
    """Return bytes given as hexadecimal digits.

    :raises BadOption: not ``size`` bytes in lower case
    """
    if len(text) != 2 * size or not _HEX.match(text):
        raise _refuse(name, f'not {2 * size} hexadecimal digits in lower '
                            'case')
    return bytes.fromhex(text)


def _refuse(name: str, why: str) -> errors.BadOption:
    return errors.BadOption(f'Parameter {name}: {why}.', option=name)
