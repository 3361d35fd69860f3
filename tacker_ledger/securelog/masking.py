# SPDX-License-Identifier: Apache-2.0
"""Secrets leave a line before it is sealed: afterwards they cannot.

oslo.utils knows the names of OpenStack's secrets; what stands beside no
such name is masked here: private keys in PEM, the password in a URL, and
credentials in an Authorization header.  A deployment adds patterns.
"""

from collections.abc import Iterable
import re

from oslo_utils import strutils

from tacker_ledger.core import errors

MASK = '***'

_PEM = re.compile(
    r'(-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----)'
    r'.*?(?:(-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----)|\Z)', re.DOTALL)
_URL = re.compile(r'(://[^\s:/@\'"]{0,256}:)[^\s/@\'"]{1,1024}(@)')
_AUTHORIZATION = re.compile(
    r'(authorization\b[\'"]?\s{0,8}[:=,]\s{0,8}b?[\'"]?\s{0,8}'
    r'(?:basic|bearer|digest|negotiate)\s{1,8})[^\s\'"]{1,8192}',
    re.IGNORECASE)
_TOKEN = re.compile(
    r'(x-(?:auth|subject|service|storage)-token[\'"]?\s{0,8}[:=,]\s{0,8}b?'
    r'[\'"]?\s{0,8})[^\s\'",}]{1,8192}', re.IGNORECASE)


class Masker:
    """Masks secrets in texts; call it.

    :param patterns: regular expressions beside the built-in ones; of each
        match its group ``secret`` is masked
    :raises BadOption: a pattern does not compile or has no such group
    """

    __slots__ = ('_patterns',)

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._patterns = [_compile(pattern) for pattern in patterns]

    def __call__(self, text: str) -> str:
        """Return ``text`` with every secret that is known as one masked."""
        if 'PRIVATE KEY-----' in text:
            text = _PEM.sub(rf'\1{MASK}\2', text)
        if '://' in text:
            text = _URL.sub(rf'\1{MASK}\2', text)
        if 'uthorization' in text or 'UTHORIZATION' in text:
            text = _AUTHORIZATION.sub(rf'\1{MASK}', text)
        if '-Token' in text or '-token' in text or '-TOKEN' in text:
            text = _TOKEN.sub(rf'\1{MASK}', text)
        for pattern in self._patterns:
            text = pattern.sub(_mask_group, text)
        return strutils.mask_password(text, MASK)


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        made = re.compile(pattern)
    except re.error as error:
        raise errors.BadOption(
            f'The pattern {pattern!r} does not compile: {error}.'
        ) from error
    if 'secret' not in made.groupindex:
        raise errors.BadOption(
            f'The pattern {pattern!r} has no group (?P<secret>...).')
    return made


def _mask_group(match: re.Match[str]) -> str:
    start, end = match.span('secret')
    if start < 0:
        return match.group()
    whole = match.group()
    offset = match.start()
    return whole[:start - offset] + MASK + whole[end - offset:]
