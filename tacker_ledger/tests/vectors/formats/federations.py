# SPDX-License-Identifier: Apache-2.0
"""Federation documents, what is signed, and what is refused."""

from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.tests.vectors import by_hand
from tacker_ledger.tests.vectors import by_hand_federation as federation

NAME = 'federations'

_GOOD = federation.approvals(federation.DIGEST, (1, federation.MEMBERS))
_BOTH = ((0, federation.MEMBERS), (1, federation.NEW_MEMBERS))
_NEXT = federation.approvals(federation.SUCCESSOR_DIGEST, *_BOTH)


def _described(raw: bytes, signed: bytes, **fields: Any) -> dict[str, Any]:
    digest = federation.hashed('federation', raw)
    return {
        'document': raw, 'digest': digest,
        'issue_message': federation.message('federation-issue', digest),
        'approval_message': federation.message('federation-approval',
                                               digest),
        'signed': signed, **fields}


def _refused_documents() -> list[dict[str, Any]]:
    first, *others = federation.document()[7]

    def case(why: str, code: str, **changed: Any) -> dict[str, Any]:
        return {'why': why, 'code': code, 'document': codec.encode(
            federation.document(**changed))}

    def member(why: str, place: int, value: Any, code: str = 'bad-document'
               ) -> dict[str, Any]:
        changed = (*first[:place], value, *first[place + 1:])
        return case(why, code, field_7=(changed, *others))

    return [
        case('version 2', 'unsupported-version', field_0=2),
        case('a quorum of 2 of 4', 'bad-document', quorum=2),
        case('a quorum of 4 of 4', 'bad-document', quorum=4),
        case('epoch 1 without a predecessor', 'bad-document', epoch=1),
        case('a predecessor of genesis', 'bad-document',
             predecessor=b'\x01' * 32),
        case('expired at once', 'bad-document',
             field_5=federation.CREATED_MS),
        case('rules that begin at height 1', 'bad-document',
             field_9=((1, 1),)),
        case('two rules of one height', 'bad-document',
             field_9=((0, 1), (5, 1), (5, 2))),
        case('no members', 'malformed', field_7=()),
        case('a heartbeat of 49 ms', 'malformed',
             field_10=(49, 20, 300, 8_388_608, 1)),
        case('more archives than members', 'bad-document',
             field_10=(30_000, 20, 300, 8_388_608, 5)),
        case('an issuer that decrypts', 'bad-document',
             field_11=by_hand.TENANT.document),
        case('the issuer is a member', 'bad-document',
             field_11=federation.MEMBERS[0].node.document),
        case('an issuer that is no key', 'bad-key', field_11=b'\x00'),
        member('an empty name', 0, ''),
        member('a name with a blank', 0, 'node 0'),
        member('a name twice', 0, 'node-1'),
        member('an address without a port', 1, 'node-0.example'),
        member('port 65536', 1, 'node-0.example:65536'),
        member('an address twice', 1, 'node-1.example:2701'),
        member('a door that is none', 2, 'node-0.example'),
        member('a node key twice', 3, others[0][3]),
        member('a vote key of small order', 4, bytes(32)),
        member('one key in two roles', 4, first[5]),
        member('an engine twice', 6, (('a', b'1'), ('a', b'2'))),
    ]


def _refused_genesis() -> list[dict[str, Any]]:
    def case(why: str, code: str, given: list[Any],
             raw: bytes = federation.GENESIS, **fields: Any
             ) -> dict[str, Any]:
        return {'why': why, 'code': code,
                'signed': federation.signed(raw, given, **fields)}

    spoiled = [(*_GOOD[0][:2], bytes(64)), *_GOOD[1:]]
    lent = [(*_GOOD[0][:2], _GOOD[2][2]), *_GOOD[1:]]
    return [
        case('two approvals of four', 'bad-document', _GOOD[2:]),
        case('a wrong approval beside a quorum', 'bad-signature', spoiled),
        case('the approval of another member', 'bad-signature', lent),
        case('an approval by no member', 'bad-signature',
             [*_GOOD, (1, 4, bytes(64))]),
        case('an approval by a predecessor', 'bad-document',
             [(0, 0, _GOOD[0][2]), *_GOOD]),
        case('approvals out of order', 'bad-document', _GOOD[::-1]),
        case('an approval twice', 'bad-document', [_GOOD[0], *_GOOD]),
        case('not signed by its issuer', 'bad-signature', _GOOD,
             issuer=federation.NEW_ISSUER),
        case('a later document', 'wrong-federation', _NEXT,
             federation.SUCCESSOR, issuer=federation.NEW_ISSUER),
    ]


def _refused_successors() -> list[dict[str, Any]]:
    def case(why: str, code: str, given: list[Any],
             raw: bytes = federation.SUCCESSOR) -> dict[str, Any]:
        return {'why': why, 'code': code, 'signed': federation.signed(
            raw, given, federation.NEW_ISSUER)}

    def other(**changed: Any) -> tuple[bytes, list[Any]]:
        raw = codec.encode(federation.document(
            federation.NEW_MEMBERS, quorum=4, issuer=federation.NEW_ISSUER,
            **changed))
        return raw, federation.approvals(
            federation.hashed('federation', raw), *_BOTH)

    digest = federation.SUCCESSOR_DIGEST
    skipped, its_approvals = other(epoch=2, predecessor=federation.DIGEST)
    foreign, foreign_approvals = other(epoch=1, predecessor=b'\x01' * 32)
    own = [one for one in _NEXT if one[0] == 1]
    return [
        case('a quorum of the new members alone', 'bad-document', own),
        case('a quorum of the old members alone', 'bad-document',
             [one for one in _NEXT if one[0] == 0]),
        case('two old members of four', 'bad-document',
             federation.approvals(digest, *_BOTH,
                                  leave_out=((0, 0), (0, 1)))),
        case('three new members of five', 'bad-document',
             federation.approvals(digest, *_BOTH,
                                  leave_out=((1, 0), (1, 4)))),
        case('new members in the name of the old', 'bad-signature',
             [*((0, index, signature)
                for _side, index, signature in own[:4]), *own]),
        case('an epoch left out', 'bad-document', its_approvals, skipped),
        case('another predecessor', 'wrong-federation', foreign_approvals,
             foreign),
    ]


def make() -> dict[str, Any]:
    """Return a genesis document, its successor, and what is refused."""
    return {
        'chain_id': federation.CHAIN_ID,
        'genesis': _described(
            federation.GENESIS,
            federation.signed(federation.GENESIS, _GOOD),
            genesis_header=federation.header(0)),
        'genesis_with_a_quorum': federation.signed(
            federation.GENESIS, _GOOD[:3]),
        'successor': _described(
            federation.SUCCESSOR,
            federation.signed(federation.SUCCESSOR, _NEXT,
                              federation.NEW_ISSUER)),
        'refused_documents': _refused_documents(),
        'refused_genesis': _refused_genesis(),
        'refused_successors': _refused_successors(),
    }
