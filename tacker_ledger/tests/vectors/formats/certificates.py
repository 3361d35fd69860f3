# SPDX-License-Identifier: Apache-2.0
"""Certificates of headers under one federation document."""

from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.tests.vectors import by_hand_federation as federation

NAME = 'certificates'

_HEADER = federation.header(1)
_DIGEST = federation.digest_of(_HEADER)


def _votes(voters: tuple[int, ...], **fields: Any) -> tuple[Any, ...]:
    fields = {'tag': 'commit', 'height': 1, 'view': 0, 'digest': _DIGEST,
              **fields}
    return tuple((index, federation.vote(
        fields['tag'], index, fields['height'], fields['view'],
        fields['digest'])) for index in voters)


def _accepted() -> list[dict[str, Any]]:
    return [
        {'voters': list(voters), 'view': view, 'header': _HEADER,
         'digest': _DIGEST, 'vote_message': federation.vote_message(
             'commit', 1, view, _DIGEST),
         'certificate': federation.certificate(_HEADER, 1, voters, view)}
        for voters, view in (((0, 1, 2), 0), ((1, 2, 3), 0),
                             ((0, 1, 2, 3), 2 ** 32 - 1))]


def _refused() -> list[dict[str, Any]]:
    def case(why: str, code: str, certificate: Any, header: bytes = _HEADER
             ) -> dict[str, Any]:
        if not isinstance(certificate, bytes):
            certificate = codec.encode(certificate)
        return {'why': why, 'code': code, 'header': header,
                'certificate': certificate}

    good = _votes((0, 1, 2))
    other = federation.header(1, state_root=b'\x01' * 32)
    foreign = federation.header(1, federation=b'\x01' * 32)
    fields = list(codec.decode(_HEADER, _Anything(), 256))
    fields[1] = b'\x01' * 32
    return [
        case('two votes', 'bad-certificate', (1, 1, 0, good[:2])),
        case('no votes', 'bad-certificate', (1, 1, 0, ())),
        case('empty', 'bad-certificate', b''),
        case('a wrong vote beside a quorum', 'bad-certificate',
             (1, 1, 0, (*good, (3, bytes(64))))),
        case('a vote by no member', 'bad-certificate',
             (1, 1, 0, (*good, (4, bytes(64))))),
        case('a vote twice', 'bad-certificate',
             (1, 1, 0, (good[0], good[0], good[1]))),
        case('members out of order', 'bad-certificate',
             (1, 1, 0, good[::-1])),
        case('prepares', 'bad-certificate',
             (1, 1, 0, _votes((0, 1, 2), tag='prepare'))),
        case('votes of another view', 'bad-certificate', (1, 1, 1, good)),
        case('votes of two views', 'bad-certificate',
             (1, 1, 0, (*good[:2], *_votes((2,), view=1)))),
        case('votes of another height', 'bad-certificate',
             (1, 1, 0, _votes((0, 1, 2), height=2))),
        case('votes for another header', 'bad-certificate', (1, 1, 0, good),
             other),
        case('version 2', 'unsupported-version', (2, 1, 0, good)),
        case('engine 2', 'unsupported-version', (1, 2, 0, good)),
        case('a header under another document', 'unknown-federation',
             federation.certificate(foreign, 1, (0, 1, 2)), foreign),
        case('a header of another chain', 'wrong-federation',
             (1, 1, 0, good), codec.encode(tuple(fields))),
        case('not a header', 'bad-block', (1, 1, 0, good), b'\x00'),
        case('another block at height 0', 'bad-certificate', b'',
             federation.header(0, time_ms=1)),
        case('votes for the genesis block', 'bad-certificate',
             federation.certificate(federation.header(0), 0, (0, 1, 2)),
             federation.header(0)),
    ]


class _Anything:
    def check(self, value: Any, path: str) -> None:
        pass


def make() -> dict[str, Any]:
    """Return headers with certificates, good and bad."""
    return {
        'chain_id': federation.CHAIN_ID,
        'federation': federation.GENESIS,
        'genesis': {'header': federation.header(0), 'certificate': b''},
        'accepted': _accepted(),
        'refused': _refused(),
    }
