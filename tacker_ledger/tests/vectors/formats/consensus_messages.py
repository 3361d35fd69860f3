# SPDX-License-Identifier: Apache-2.0
"""Every message between nodes, and the evidence of two votes."""

from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.tests.vectors import by_hand
from tacker_ledger.tests.vectors import by_hand_federation as federation

NAME = 'consensus-messages'

_HEADER = federation.header(1)
_DIGEST = federation.digest_of(_HEADER)
_OTHER = federation.digest_of(federation.header(1, time_ms=7))
_BLOCK = codec.encode((1, _HEADER, ()))
_GENESIS_PAIR = codec.encode((federation.header(0), b''))
_PAIR = codec.encode((_HEADER, federation.certificate(_HEADER, 1,
                                                      (0, 1, 2))))
_INSTANCE = by_hand.fixed('instance', 16)
_NONCE = by_hand.fixed('hello nonce', 16)
_TAGS = {2: 'hello', 6: 'view-change', 7: 'new-view'}


def _sign(member: int, *fields: Any) -> tuple[Any, ...]:
    """Return a message with the signature over all of it behind it."""
    covered = federation.message(_TAGS[fields[0]], codec.encode(fields))
    return (*fields, federation.MEMBERS[member].vote(covered))


def _prepared(view: int, voters: tuple[int, ...], digest: bytes = _DIGEST
              ) -> tuple[Any, ...]:
    return (view, _HEADER, tuple(
        (index, federation.vote(
            'pre-prepare' if index == view % 4 else 'prepare', index, 1,
            view, digest)) for index in voters))


def view_change(member: int, view: int = 1, prepared: Any = None,
                head: bytes = _GENESIS_PAIR) -> tuple[Any, ...]:
    """Return a signed view change at height 1."""
    return _sign(member, 6, 1, view, member, head, prepared)


def new_view(member: int, changes: list[Any], header: bytes | None,
             view: int = 1) -> tuple[Any, ...]:
    """Return a signed new view at height 1."""
    return _sign(member, 7, 1, view, member, tuple(
        codec.encode(change) for change in changes), header)


def _messages() -> list[tuple[str, tuple[Any, ...]]]:
    vote = federation.vote
    shown = codec.encode((16, 1, 0, 2, 5, _DIGEST,
                          vote('commit', 2, 1, 0, _DIGEST)))
    changes = [view_change(index, 1, _prepared(0, (0, 1, 2))
                           if index == 2 else None) for index in (0, 2, 3)]
    follows = new_view(1, changes, _HEADER)
    return [
        ('hello', (1, 1, federation.CHAIN_ID, 3, _INSTANCE, _NONCE, 0, 1,
                   _DIGEST)),
        ('hello-answer at genesis', _sign(0, 2, _INSTANCE, _NONCE, None,
                                          None)),
        ('hello-answer', _sign(0, 2, _INSTANCE, _NONCE, _PAIR, shown)),
        ('pre-prepare', (3, 1, 0, 0, _BLOCK,
                         vote('pre-prepare', 0, 1, 0, _DIGEST), None)),
        ('pre-prepare after a change of view', (
            3, 1, 1, 1, _BLOCK, vote('pre-prepare', 1, 1, 1, _DIGEST),
            federation.hashed('new-view', codec.encode(follows)))),
        ('prepare', (4, 1, 0, 1, _DIGEST[:8],
                     vote('prepare', 1, 1, 0, _DIGEST))),
        ('commit', (5, 1, 0, 1, _DIGEST[:8],
                    vote('commit', 1, 1, 0, _DIGEST))),
        ('the longest vote', (5, 2 ** 64 - 1, 2 ** 32 - 1, 255, b'\xff' * 8,
                              bytes(64))),
        ('view-change, nothing prepared', changes[0]),
        ('view-change, a block prepared', changes[1]),
        ('new-view, a block to propose again', follows),
        ('new-view, nothing prepared', new_view(
            1, [view_change(index) for index in (0, 2, 3)], None)),
        ('transactions', (8, False, (b'\x01', b'\x02\x03'))),
        ('urgent transactions', (8, True, (b'\x01',))),
        ('get-blocks', (9, 77, 1, 256)),
        ('blocks', (10, 77, 9, ((_BLOCK, federation.certificate(
            _HEADER, 1, (1, 2, 3))), (_BLOCK, b'')))),
        ('no blocks', (10, 78, 0, ())),
        ('ping', (11, 5)),
        ('pong', (12, 5)),
        ('get-body', (13, 1, _DIGEST[:8])),
        ('body', (14, _BLOCK)),
        ('status', (15, 1, 0)),
        ('shown vote', codec.decode(shown, _Anything(), 1000)),
        ('certified head', (17, _PAIR)),
    ]


def _refused_messages() -> list[dict[str, Any]]:
    vote = (5, 1, 0, 1, _DIGEST[:8], bytes(64))

    def case(why: str, *fields: Any) -> dict[str, Any]:
        return {'why': why, 'code': 'malformed',
                'message': codec.encode(fields)}

    return [
        case('kind 0', 0), case('a head that is none', 17, 1),
        case('kind 18', 18, 1), case('no kind'),
        case('kind 5 as a boolean', True),
        case('a vote at height 0', 5, 0, *vote[2:]),
        case('view 2^32', 5, 1, 2 ** 32, *vote[3:]),
        case('member 256', 5, 1, 0, 256, *vote[4:]),
        case('a whole digest in a vote', *vote[:4], _DIGEST, vote[5]),
        case('a field missing', *vote[:5]),
        case('a field too many', *vote, None),
        case('a view change to view 0', 6, 1, 0, 1, _GENESIS_PAIR, None,
             bytes(64)),
        case('no transactions', 8, False, ()),
        case('257 blocks asked for', 9, 1, 1, 257),
        case('a block without a certificate field', 10, 1, 1, ((_BLOCK,),)),
    ]


def _signed_parts() -> list[dict[str, Any]]:
    """Return what the signatures of messages cover."""
    return [
        {'why': why, 'message': codec.encode(fields),
         'covered': federation.message(_TAGS[fields[0]],
                                       codec.encode(fields[:-1]))}
        for why, fields in _messages() if fields[0] in _TAGS]


def _refused_changes() -> list[dict[str, Any]]:
    def case(why: str, code: str, fields: tuple[Any, ...]) -> dict[str, Any]:
        return {'why': why, 'code': code, 'message': codec.encode(fields)}

    unsigned = (*view_change(2)[:-1], bytes(64))
    return [
        case('not signed', 'bad-signature', unsigned),
        case('by another member', 'bad-signature',
             (*view_change(2)[:3], 3, *view_change(2)[4:])),
        case('on another head', 'forked-chain', view_change(2, head=_PAIR)),
        case('two prepares', 'bad-certificate',
             view_change(2, 1, _prepared(0, (0, 1)))),
        case('without the leader', 'bad-certificate',
             view_change(2, 1, _prepared(0, (1, 2, 3)))),
        case('prepared in the view asked for', 'bad-certificate',
             view_change(2, 1, _prepared(1, (0, 1, 2)))),
        case('prepares for another header', 'bad-certificate',
             view_change(2, 1, _prepared(0, (0, 1, 2), _OTHER))),
    ]


def _refused_new_views() -> list[dict[str, Any]]:
    def case(why: str, code: str, fields: tuple[Any, ...]) -> dict[str, Any]:
        return {'why': why, 'code': code, 'message': codec.encode(fields)}

    changes = [view_change(index) for index in (0, 2, 3)]
    found = [*changes[:2], view_change(3, 1, _prepared(0, (0, 1, 2)))]
    return [
        case('by another than the leader', 'bad-signature',
             new_view(2, changes, None)),
        case('two view changes', 'bad-certificate',
             new_view(1, changes[:2], None)),
        case('a view change twice', 'bad-certificate',
             new_view(1, [changes[0], changes[0], changes[1]], None)),
        case('a change for another view', 'bad-certificate',
             new_view(1, [*changes[:2], view_change(3, 2)], None)),
        case('what was prepared is left out', 'bad-certificate',
             new_view(1, found, None)),
        case('what was not prepared', 'bad-certificate',
             new_view(1, changes, _HEADER)),
    ]


def _evidence(kinds: tuple[int, int] = (3, 5), *, first: bytes = _DIGEST,
              second: bytes = _OTHER, member: int = 0, signer: int = 0,
              view: int = 0, swap: bool = False) -> bytes:
    tags = {3: 'pre-prepare', 4: 'prepare', 5: 'commit'}
    votes = sorted(
        (kind, digest, federation.vote(tags[kind], signer, 1, 0, digest))
        for kind, digest in zip(kinds, (first, second), strict=True))
    return codec.encode((1, federation.DIGEST, 1, view, member,
                         tuple(votes[::-1] if swap else votes)))


def _equivocations() -> dict[str, Any]:
    def case(why: str, record: bytes, code: str = 'bad-proof'
             ) -> dict[str, Any]:
        return {'why': why, 'code': code, 'record': record}

    return {
        'accepted': [_evidence(kinds) for kinds in (
            (3, 3), (3, 5), (4, 4), (4, 5), (5, 5))],
        'refused': [
            case('one block twice', _evidence((4, 5), second=_DIGEST)),
            case('signed by another', _evidence(signer=1)),
            case('of another view', _evidence(view=1)),
            case('out of order', _evidence((3, 5), swap=True)),
            case('of no member', _evidence(member=4)),
        ],
    }


class _Anything:
    def check(self, value: Any, path: str) -> None:
        pass


def make() -> dict[str, Any]:
    """Return messages at height 1, after the genesis block."""
    return {
        'chain_id': federation.CHAIN_ID,
        'federation': federation.GENESIS,
        'accepted': [
            {'why': why, 'kind': fields[0], 'message': codec.encode(fields)}
            for why, fields in _messages()],
        'refused': _refused_messages(),
        'votes': [
            {'kind': kind, 'tag': tag, 'height': 1, 'view': 3,
             'digest': _DIGEST, 'covered': federation.vote_message(
                 tag, 1, 3, _DIGEST)}
            for kind, tag in ((3, 'pre-prepare'), (4, 'prepare'),
                              (5, 'commit'))],
        'signed_parts': _signed_parts(),
        'refused_view_changes': _refused_changes(),
        'refused_new_views': _refused_new_views(),
        'equivocations': _equivocations(),
    }
