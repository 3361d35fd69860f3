# SPDX-License-Identifier: Apache-2.0
"""Signed answers, their bodies, and records of lies."""

import hashlib
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.tests.vectors import by_hand
from tacker_ledger.tests.vectors import by_hand_federation as federation
from tacker_ledger.tests.vectors.formats import transactions

NAME = 'answers'

_INSTANCE = by_hand.fixed('instance', 16)
_QUERY = 'nonce=' + by_hand.fixed('client nonce', 16).hex()
_KEY = by_hand.fixed('state key', 32)
_ABSENT = bytes([_KEY[0] ^ 0x80]) + _KEY[1:]
_VALUE = b'a value'
#: With one entry every sibling is zeros, and so is every other place.
_PRESENT_PROOF = codec.encode((bytes(3), (), 20, None))
_VALUE_HASH = hashlib.sha256(_VALUE).digest()


def _transaction(label: str) -> tuple[bytes, bytes]:
    """Return (id, encoded transaction)."""
    nonce = by_hand.fixed(label, 16)
    fields = list(transactions.public(by_hand.TENANT, nonce=nonce))
    fields[2] = federation.hashed('cid', by_hand.TENANT.key_id, nonce)[:16]
    content = codec.encode(tuple(fields))
    txid = federation.hashed('transaction', content)
    return txid, codec.encode((1, txid, by_hand.TENANT.sign(
        federation.message('transaction-signature', txid)), content))


_TXIDS, _RAWS = zip(_transaction('first'), _transaction('second'),
                    strict=True)
_LEAVES = tuple(
    federation.hashed('block-transaction', index.to_bytes(4, 'big'),
                      b'\x00\x00\x00\x02', raw)
    for index, raw in enumerate(_RAWS))


def _state_root() -> bytes:
    """Return the root over one entry."""
    node = federation.hashed('state-leaf', _KEY, _VALUE_HASH)
    position = int.from_bytes(_KEY, 'big') >> 236
    for level in range(20):
        pair = ((by_hand.ZEROS, node) if position >> level & 1
                else (node, by_hand.ZEROS))
        node = hashlib.sha256(b'\x01' + b''.join(pair)).digest()
    return node


def _absent_proof() -> bytes:
    """Return the proof that nothing is in the other half."""
    node = federation.hashed('state-leaf', _KEY, _VALUE_HASH)
    position = int.from_bytes(_KEY, 'big') >> 236
    for level in range(19):
        pair = ((by_hand.ZEROS, node) if position >> level & 1
                else (node, by_hand.ZEROS))
        node = hashlib.sha256(b'\x01' + b''.join(pair)).digest()
    return codec.encode((b'\x80\x00\x00', (node,), 20, None))


_HEADER = federation.header(
    1, state_root=_state_root(), transactions_root=hashlib.sha256(
        b'\x01' + _LEAVES[0] + _LEAVES[1]).digest())
_SEAL = federation.certificate(_HEADER, 1, (0, 1, 3))
_PAIR = (_HEADER, _SEAL)
_TIME_MS = federation.CREATED_MS + 1_000
_SIGNED = federation.signed(federation.GENESIS, federation.approvals(
    federation.DIGEST, (1, federation.MEMBERS)))
_INCLUSION = (1, 2, (_LEAVES[0],))

#: name -> (target, value of the body)
_BODIES: dict[str, tuple[str, Any]] = {
    'head': (f'/v1/head?since=0&wait=5&{_QUERY}', _PAIR),
    'state': (f'/v1/state?key={_KEY.hex()}&key={_ABSENT.hex()}&{_QUERY}',
              (_PAIR, ((_KEY, _VALUE, _PRESENT_PROOF),
                       (_ABSENT, None, _absent_proof())))),
    'history': (f'/v1/histories/{_KEY.hex()}?after=0&limit=100&{_QUERY}',
                (_PAIR, _KEY, ((1, 0, _RAWS[0]), (1, 1, _RAWS[1])))),
    'transaction': (f'/v1/transactions/{_TXIDS[1].hex()}?{_QUERY}',
                    (_PAIR, _INCLUSION, _RAWS[1])),
    'block': (f'/v1/blocks/1?body=true&{_QUERY}', (_PAIR, _RAWS)),
    'block without body': (f'/v1/blocks/1?{_QUERY}', (_PAIR, None)),
    'heartbeat whose certificate was dropped': (
        f'/v1/blocks/1?{_QUERY}', ((_HEADER, b''), None)),
    'federation': (f'/v1/federation?{_QUERY}',
                   ((_SIGNED, None, None, None),
                    (_SIGNED, _PAIR, _INCLUSION, _RAWS[1]))),
    'not found': (f'/v1/transactions/{bytes(32).hex()}?{_QUERY}', (None,)),
}
_SUBMITTED = ('/v1/transactions', ((_TXIDS[0], None, None),
                                   (None, 'malformed', 'not readable')))


def request(method: str, target: str, body: bytes = b'') -> bytes:
    """Return the digest of a request."""
    return federation.hashed('request', codec.encode(
        (method, target, hashlib.sha256(body).digest())))


def answer(request_digest: bytes, value: Any, *, member: int = 1,
           head: tuple[int, bytes, int] = (
               1, federation.digest_of(_HEADER), _TIME_MS)
           ) -> tuple[bytes, bytes]:
    """Return (what is signed, the encoded answer)."""
    body = value if isinstance(value, bytes) else codec.encode(value)
    height, digest, time_ms = head
    covered = federation.message(
        'answer', request_digest, _INSTANCE, height.to_bytes(8, 'big'),
        digest, time_ms.to_bytes(8, 'big'), hashlib.sha256(body).digest())
    return covered, codec.encode((
        1, member, _INSTANCE, request_digest, height, digest, time_ms, body,
        federation.MEMBERS[member].answer(covered)))


def _accepted() -> list[dict[str, Any]]:
    asked = [(name, 'GET', target, b'', value)
             for name, (target, value) in _BODIES.items()]
    asked.append(('submission', 'POST', _SUBMITTED[0], b'\x80',
                  _SUBMITTED[1]))
    found = []
    for name, method, target, body, value in asked:
        digest = request(method, target, body)
        covered, encoded = answer(digest, value)
        found.append({
            'name': name, 'method': method, 'target': target,
            'request_body': body, 'request_digest': digest, 'member': 1,
            'body': codec.encode(value), 'covered': covered,
            'answer': encoded})
    return found


def _refused() -> list[dict[str, Any]]:
    digest = request('GET', _BODIES['head'][0])
    _covered, good = answer(digest, _PAIR)

    def case(why: str, encoded: bytes, member: int = 1) -> dict[str, Any]:
        return {'why': why, 'code': 'bad-answer', 'request_digest': digest,
                'member': member, 'answer': encoded}

    return [
        case('of another member', good, 2),
        case('to another request', answer(request('GET', '/v1/head'),
                                          _PAIR)[1]),
        case('not signed', good[:-64] + bytes(64)),
        case('signed by another', answer(digest, _PAIR, member=2)[1].replace(
            b'\x89\x01\x02', b'\x89\x01\x01', 1)),
        case('version 2', good.replace(b'\x89\x01', b'\x89\x02', 1)),
        case('not an answer', b'\x00'),
    ]


def _lie(target: str, value: Any, reason: str, *, method: str = 'GET',
         **fields: Any) -> bytes:
    _covered, encoded = answer(request(method, target), value, **fields)
    return codec.encode((
        1, (method, target, hashlib.sha256().digest()), encoded, reason))


def _lies() -> list[dict[str, Any]]:
    def case(why: str, reason: str, name: str, value: Any, **fields: Any
             ) -> dict[str, Any]:
        return {'why': why, 'member': 1, 'reason': reason,
                'lie': _lie(_BODIES[name][0], value, reason, **fields)}

    other = federation.header(1, state_root=b'\x01' * 32)
    proofs = _BODIES['state'][1][1]
    entries = _BODIES['history'][1][2]
    return [
        case('a header that nobody certified', 'bad-certificate', 'head',
             (other, _SEAL)),
        case('what is no header', 'bad-block', 'head', (b'\x00', _SEAL)),
        case('another head in the envelope', 'bad-answer', 'head', _PAIR,
             head=(2, federation.digest_of(_HEADER), _TIME_MS)),
        case('nothing for you', 'bad-proof', 'state',
             (_PAIR, ((_KEY, None, _PRESENT_PROOF), proofs[1]))),
        case('another value', 'bad-proof', 'state',
             (_PAIR, ((_KEY, b'other', _PRESENT_PROOF), proofs[1]))),
        case('a key left out', 'bad-answer', 'state', (_PAIR, proofs[:1])),
        case('a history out of order', 'bad-answer', 'history',
             (_PAIR, _KEY, entries[::-1])),
        case('a history of another key', 'bad-answer', 'history',
             (_PAIR, _ABSENT, entries)),
        case('a transaction with a changed content', 'bad-hash', 'history',
             (_PAIR, _KEY, ((1, 0, _RAWS[0].replace(
                 _TXIDS[0], bytes(32))),))),
        case('another transaction', 'bad-answer', 'transaction',
             (_PAIR, (0, 2, (_LEAVES[1],)), _RAWS[0])),
        case('a transaction elsewhere', 'bad-proof', 'transaction',
             (_PAIR, (0, 2, (_LEAVES[1],)), _RAWS[1])),
        case('other transactions', 'bad-block', 'block',
             (_PAIR, _RAWS[::-1])),
        case('another block', 'bad-answer', 'block',
             ((federation.header(0), b''), None)),
        case('a body that is none', 'bad-answer', 'head', b'\x00'),
    ]


def _no_lies() -> list[dict[str, Any]]:
    def case(why: str, lie: bytes) -> dict[str, Any]:
        return {'why': why, 'code': 'bad-proof', 'lie': lie}

    state_target, state_value = _BODIES['state']
    foreign = federation.header(1, federation=b'\x01' * 32)
    pair = (foreign, federation.certificate(foreign, 1, (0, 1, 2)))
    return [
        *(case(f'the truth: {name}', _lie(target, value, 'bad-proof'))
          for name, (target, value) in _BODIES.items()),
        case('another reason', _lie(_BODIES['head'][0], b'\x00',
                                    'bad-proof')),
        case('a key in capitals', _lie(state_target.replace(
            _KEY.hex(), _KEY.hex().upper()), state_value, 'bad-answer')),
        case('a key twice', _lie(
            state_target + f'&key={_KEY.hex()}', state_value, 'bad-answer')),
        case('an escape in the target', _lie(
            state_target + '&x=%26', state_value, 'bad-answer')),
        case('a height with a leading zero', _lie(
            '/v1/blocks/01', _BODIES['block'][1], 'bad-answer')),
        case('under another federation document', _lie(
            '/v1/head', pair, 'bad-answer')),
        case('another method', _lie('/v1/head', b'\x00', 'bad-answer',
                                    method='POST')),
        case('another resource', _lie('/v1/federation', b'\x00',
                                      'bad-answer')),
        case('not signed by the member', codec.encode((
            1, ('GET', '/v1/head', hashlib.sha256().digest()),
            answer(request('GET', '/v1/head'), b'\x00')[1][:-64]
            + bytes(64), 'bad-answer'))),
    ]


def make() -> dict[str, Any]:
    """Return answers of member 1 whose head is at height 1."""
    return {
        'chain_id': federation.CHAIN_ID,
        'federation': federation.GENESIS,
        'header': _HEADER,
        'accepted': _accepted(),
        'refused': _refused(),
        'lies': _lies(),
        'no_lies': _no_lies(),
    }
