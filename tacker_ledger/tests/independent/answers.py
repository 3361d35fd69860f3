# SPDX-License-Identifier: Apache-2.0
"""Signed answers and what convicts a liar (page *Answers*)."""

import dataclasses
import re
from typing import Any

from tacker_ledger.tests.independent import blocks
from tacker_ledger.tests.independent import cbor
from tacker_ledger.tests.independent import certificates
from tacker_ledger.tests.independent import federation
from tacker_ledger.tests.independent import hashing
from tacker_ledger.tests.independent import keys
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import shapes
from tacker_ledger.tests.independent import statemap
from tacker_ledger.tests.independent import transactions

MAX_BYTES = 25_165_824
MAX_LIE_BYTES = 25_198_848

_FIELDS = (
    shapes.integer(0, 255), shapes.octets(16), shapes.DIGEST, shapes.HEIGHT,
    shapes.DIGEST, shapes.TIME, shapes.octets(1, MAX_BYTES),
    shapes.octets(64))
HC = shapes.fields(shapes.octets(1, blocks.MAX_HEADER_BYTES),
                   shapes.octets(0, certificates.MAX_BYTES))
_TRANSACTION = shapes.octets(1, transactions.MAX_BYTES)
_INCLUSION = shapes.fields(
    shapes.integer(0, 299), shapes.integer(1, 300),
    shapes.array(shapes.DIGEST, 0, 9))
_BODIES: dict[str, shapes.Shape] = {
    'head': HC,
    'state': shapes.fields(HC, shapes.array(shapes.fields(
        shapes.DIGEST,
        shapes.nullable(shapes.octets(1, 4096)),
        shapes.octets(1, statemap.MAX_PROOF_BYTES)), 0, 256)),
    'histories': shapes.fields(HC, shapes.DIGEST, shapes.array(
        shapes.fields(shapes.integer(1, (1 << 64) - 1),
                      shapes.integer(0, 299), _TRANSACTION),
        0, 100)),
    'transactions': shapes.fields(HC, _INCLUSION, _TRANSACTION),
    'blocks': shapes.fields(HC, shapes.nullable(
        shapes.array(_TRANSACTION, 0, 300))),
}
_TARGETS = {
    'head': re.compile(r'/v1/head'),
    'state': re.compile(r'/v1/state'),
    'histories': re.compile(r'/v1/histories/([0-9a-f]{64})'),
    'transactions': re.compile(r'/v1/transactions/([0-9a-f]{64})'),
    'blocks': re.compile(r'/v1/blocks/(0|[1-9][0-9]*)'),
}
_QUERY = re.compile(r'[a-z0-9_=&-]*')


class NotJudged(Exception):
    """This answer convicts nobody, whatever is in it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What a member signed."""

    member: int
    instance: bytes
    request_digest: bytes
    head_height: int
    head_digest: bytes
    head_time_ms: int
    body: bytes
    signature: bytes

    def covered(self, chain_id: bytes) -> bytes:
        """Return what the signature covers."""
        return hashing.message(
            'answer', chain_id, self.request_digest, self.instance,
            self.head_height.to_bytes(8, 'big'), self.head_digest,
            self.head_time_ms.to_bytes(8, 'big'), hashing.sha256(self.body))


def request_digest(chain_id: bytes, method: str, target: str,
                   body: bytes) -> bytes:
    """Return the digest of a request."""
    return hashing.digest('request', chain_id, cbor.encode(
        [method, target, hashing.sha256(body)]))


def check(chain_id: bytes, document: federation.Document, encoded: bytes,
          digest: bytes, member: int) -> Answer:
    """Return the answer of ``member`` to the request with this digest."""
    try:
        answer = Answer(*shapes.versioned(encoded, MAX_BYTES, *_FIELDS))
        refusal.require(
            answer.request_digest == digest and answer.member == member
            and member < len(document.members), 'bad-answer')
        keys.verify_ed25519(document.members[member].answer_key,
                            answer.covered(chain_id), answer.signature)
    except refusal.Refused as exc:
        raise refusal.Refused('bad-answer', str(exc)) from None
    return answer


# Lies


def _certified(chain_id: bytes, document: federation.Document,
               pair: list[bytes]) -> blocks.Header:
    try:
        return certificates.check(chain_id, document, *pair)
    except refusal.Refused as exc:
        if exc.code in ('unknown-federation', 'unsupported-version'):
            raise NotJudged(exc.code) from None
        raise


def _head(chain_id: bytes, document: federation.Document, answer: Answer,
          pair: list[bytes]) -> blocks.Header:
    header = _certified(chain_id, document, pair)
    refusal.require(
        (header.height, header.digest, header.time_ms) == (
            answer.head_height, answer.head_digest, answer.head_time_ms),
        'bad-answer', 'another head')
    return header


def _parse_without_signature(chain_id: bytes, encoded: bytes
                             ) -> bytes:
    """Return the id of a transaction of right form and hash."""
    try:
        return transactions.parse(chain_id, encoded).txid
    except refusal.Refused as exc:
        if exc.code == 'bad-signature':
            return bytes(shapes.versioned(
                encoded, transactions.MAX_BYTES, shapes.DIGEST,
                shapes.anything, shapes.anything)[0])
        if exc.code == 'unsupported-version':
            raise NotJudged(exc.code) from None
        raise


def _judge_state(chain_id, document, answer, query, body) -> None:
    header = _head(chain_id, document, answer, body[0])
    asked = [item[4:] for item in query.split('&')
             if item.startswith('key=')]
    if any(re.fullmatch('[0-9a-f]{64}', key) is None for key in asked):
        raise NotJudged('keys')
    if len(set(asked)) != len(asked):
        raise NotJudged('keys')
    refusal.require(
        sorted(entry[0].hex() for entry in body[1]) == sorted(asked),
        'bad-answer', 'other keys')
    for key, value, proof in body[1]:
        statemap.check_proof(chain_id, header.state_root, key, value, proof)


def _judge_history(chain_id, document, answer, asked, body) -> None:
    header = _head(chain_id, document, answer, body[0])
    places = [(height, index) for height, index, _raw in body[2]]
    refusal.require(
        body[1].hex() == asked and places == sorted(set(places))
        and all(height <= header.height for height, _index in places),
        'bad-answer', 'history')
    for _height, _index, raw in body[2]:
        _parse_without_signature(chain_id, raw)


def _judge_transaction(chain_id, document, _answer, asked, body) -> None:
    header = _certified(chain_id, document, body[0])
    blocks.check_inclusion(chain_id, header.transactions_root, body[2],
                           cbor.encode(body[1]))
    refusal.require(
        _parse_without_signature(chain_id, body[2]).hex() == asked,
        'bad-answer', 'another transaction')


def _judge_block(chain_id, document, _answer, asked, body) -> None:
    (header_bytes, certificate), raws = body
    try:
        header = blocks.parse_header(header_bytes)
    except refusal.Refused:
        raise refusal.Refused('bad-block', 'no header') from None
    refusal.require(header.chain_id == chain_id, 'wrong-federation')
    refusal.require(str(header.height) == asked, 'bad-answer',
                    'another block')
    if certificate or header.height == 0:
        _certified(chain_id, document, body[0])
    if raws is not None:
        refusal.require(
            blocks.transactions_root(chain_id, raws)
            == header.transactions_root, 'bad-block')


def _judge(chain_id: bytes, document: federation.Document, method: str,
           target: str, answer: Answer) -> None:
    """Refuse with the code of the first thing wrong with an answer."""
    path, mark, query = target.partition('?')
    name, matched = next(
        ((name, matched) for name, pattern in _TARGETS.items()
         if (matched := pattern.fullmatch(path))), (None, None))
    if (method != 'GET' or name is None or not _QUERY.fullmatch(query)
            or (name == 'state' and not mark)):
        raise NotJudged('target')
    try:
        value = cbor.decode(answer.body, MAX_BYTES)
        if value == [None]:
            raise NotJudged('no such object')
        body: Any = _BODIES[name](value)
    except refusal.Refused as exc:
        raise refusal.Refused('bad-answer', str(exc)) from None
    asked = matched[1] if matched.re.groups else ''
    if name == 'head':
        _head(chain_id, document, answer, body)
    elif name == 'state':
        _judge_state(chain_id, document, answer, query, body)
    elif name == 'histories':
        _judge_history(chain_id, document, answer, asked, body)
    elif name == 'transactions':
        _judge_transaction(chain_id, document, answer, asked, body)
    else:
        _judge_block(chain_id, document, answer, asked, body)


def convict(chain_id: bytes, document: federation.Document, encoded: bytes
            ) -> int:
    """Return the member that the record of a lie convicts."""
    request, answered, reason = shapes.versioned(
        encoded, MAX_LIE_BYTES, shapes.fields(
            shapes.text(16), shapes.text(32_768), shapes.DIGEST),
        shapes.octets(1, MAX_BYTES), shapes.text(64))
    digest = hashing.digest('request', chain_id, cbor.encode(request))
    try:
        member = Answer(*shapes.versioned(
            answered, MAX_BYTES, *_FIELDS)).member
        answer = check(chain_id, document, answered, digest, member)
    except refusal.Refused as exc:
        raise refusal.Refused('bad-proof', str(exc)) from None
    try:
        _judge(chain_id, document, request[0], request[1], answer)
    except NotJudged as exc:
        raise refusal.Refused('bad-proof', str(exc)) from None
    except refusal.Refused as exc:
        refusal.require(exc.code == reason, 'bad-proof', 'another reason')
        return answer.member
    raise refusal.Refused('bad-proof', 'nothing is wrong with it')
