# SPDX-License-Identifier: Apache-2.0
"""Lies: a signed answer that contradicts itself, as evidence for anybody.

A false answer carries the member's signature, so whoever holds the
federation document can see for himself that the member said it and that it
is false: a header that no quorum certified, a proof that leads elsewhere, a
transaction that is not the one asked for.  No knowledge of the chain is
needed.  What cannot be seen so (an old head, something withheld) is no lie
in this sense; clients report it.
"""

from collections.abc import Callable
import dataclasses
import re

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import answer as answer_module
from tacker_ledger.core.ledger import block
from tacker_ledger.core.ledger import certificate
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import state_proof
from tacker_ledger.core.ledger import transaction
from tacker_ledger.core import limits

VERSION = 1
_TARGET_MAX_BYTES = 32 * 1024
_SCHEMA = codec.Record(
    codec.Int(0, 255),
    codec.Record(codec.Text(16), codec.Text(_TARGET_MAX_BYTES),
                 codec.Bytes.exact(hashing.DIGEST_BYTES)),
    codec.Bytes(1, limits.ANSWER_MAX_BYTES), codec.Text(64))
_KEY = re.compile(r'[0-9a-f]{64}\Z')
_MAX_BYTES = limits.ANSWER_MAX_BYTES + _TARGET_MAX_BYTES + 256


@dataclasses.dataclass(frozen=True, slots=True)
class Lie:
    """A request, the answer it got, and what is wrong with that.

    :param request: what was asked
    :param answer: the encoded signed answer
    :param reason: stable code of the error that the answer leads to
    """

    request: answer_module.Request
    answer: bytes
    reason: str

    def to_bytes(self) -> bytes:
        """Return the canonical encoding."""
        request = self.request
        return codec.encode((
            VERSION, (request.method, request.target, request.body_hash),
            self.answer, self.reason))

    @classmethod
    def from_bytes(cls, data: bytes) -> 'Lie':
        """Return what ``data`` encodes; :func:`check_lie` judges it.

        :raises FormatError: not a record
        """
        version, request, answer, reason = codec.decode(
            data, _SCHEMA, _MAX_BYTES)
        if version != VERSION:
            raise errors.UnsupportedVersion(
                f'lie of version {version}', known=[VERSION])
        return cls(answer_module.Request(*request), answer, reason)


def evidence_of(h: hashing.Hasher, verifier: certificate.Verifier,
                federation: federation_module.Federation,
                request: answer_module.Request, member: int, data: bytes
                ) -> Lie | None:
    """Return the record of a lie if an answer is one, else None.

    :param federation: in force at the header that the answer shows
    :param data: the encoded answer
    :raises BadAnswer: nobody can be held to it: it is not signed by the
        member, or answers another request
    """
    answer = answer_module.check_answer(
        h, verifier, federation, request.digest(h), member, data)
    fault = find_fault(h, verifier, federation, request, answer)
    return None if fault is None else Lie(request, data, fault.code)


def check_lie(h: hashing.Hasher, verifier: certificate.Verifier,
              federation: federation_module.Federation, lie: Lie) -> int:
    """Return the index of the member whom the record convicts.

    :raises BadProof: it convicts nobody
    """
    try:
        answer = answer_module.Answer.from_bytes(lie.answer)
        answer_module.check_answer(h, verifier, federation,
                                   lie.request.digest(h), answer.member,
                                   lie.answer)
    except errors.BadAnswer as exc:
        raise errors.BadProof(f'not said by a member: {exc.message}') from exc
    fault = find_fault(h, verifier, federation, lie.request, answer)
    if fault is None or fault.code != lie.reason:
        raise errors.BadProof('nothing is wrong with the answer',
                              claimed=lie.reason)
    return answer.member


def find_fault(h: hashing.Hasher, verifier: certificate.Verifier,
               federation: federation_module.Federation,
               request: answer_module.Request, answer: answer_module.Answer
               ) -> errors.LedgerError | None:
    """Return what is wrong with an answer by its own bytes, or None.

    A header under another federation document than the one given cannot be
    judged by it, and counts as no fault.  So does the answer to a target
    that is not written in the plain form that our clients send: who frames
    the question must not be able to frame the member.
    """
    judge, subject = _judge_of(request)
    if judge is None:
        return None
    try:
        judge(_Case(h, verifier, federation, subject, answer))
    except (errors.UnknownFederation, errors.NotFound,
            errors.UnsupportedVersion, _Undecided):
        return None
    except errors.LedgerError as exc:
        return exc
    return None


class _Undecided(errors.LedgerError):
    """The answer cannot be judged."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Case:
    """An answer under judgement.

    :param subject: what was asked for, as the target spells it
    """

    h: hashing.Hasher
    verifier: certificate.Verifier
    federation: federation_module.Federation
    subject: str
    answer: answer_module.Answer

    def certified(self, pair: answer_module.HeadPair
                  ) -> certificate.Certified:
        """Return the certified head of a pair."""
        return certificate.certify(self.h, self.verifier, self.federation,
                                   *pair)

    def head(self, pair: answer_module.HeadPair) -> certificate.Certified:
        """Return the same; it must be the head that the envelope names."""
        found = self.certified(pair)
        answer = self.answer
        if (found.height, found.header_digest, found.time_ms) != (
                answer.head_height, answer.head_digest,
                answer.head_time_ms):
            raise errors.BadAnswer('the envelope names another head')
        return found


def _judge_head(case: _Case) -> None:
    case.head(answer_module.read_head(case.answer.body))


def _judge_state(case: _Case) -> None:
    pair, values = answer_module.read_state(case.answer.body)
    head = case.head(pair)
    asked = [item.removeprefix('key=') for item in case.subject.split('&')
             if item.startswith('key=')]
    if len(set(asked)) != len(asked) or not all(map(_KEY.match, asked)):
        raise _Undecided('not the plain form of a target')
    if sorted(key.hex() for key, _value, _proof in values) != sorted(asked):
        raise errors.BadAnswer('it answers for other keys')
    for key, value, proof in values:
        state_proof.verify(case.h, head.state_root, key, value, proof)


def _judge_history(case: _Case) -> None:
    pair, key, entries = answer_module.read_history(case.answer.body)
    head = case.head(pair)
    if key.hex() != case.subject:
        raise errors.BadAnswer('it answers for another history')
    places = [entry[:2] for entry in entries]
    if places != sorted(set(places)) or any(
            height > head.height for height, _index in places):
        raise errors.BadAnswer('the entries are not in their order')
    for _height, _index, raw in entries:
        transaction.Transaction.from_bytes(case.h, raw)


def _judge_transaction(case: _Case) -> None:
    pair, inclusion, raw = answer_module.read_transaction(case.answer.body)
    certified = case.certified(pair)
    block.InclusionProof(*inclusion).verify(
        case.h, raw, certified.transactions_root)
    found = transaction.Transaction.from_bytes(case.h, raw)
    if found.txid.hex() != case.subject:
        raise errors.BadAnswer('it is another transaction')


def _judge_block(case: _Case) -> None:
    pair, raws = answer_module.read_block(case.answer.body)
    header, seal = pair
    parsed = certificate.read_header(case.h, header)
    if str(parsed.height) != case.subject:
        raise errors.BadAnswer('it is a block of another height')
    # A heartbeat's certificate is dropped once its successor has one.
    if seal or parsed.height == 0:
        case.certified(pair)
    if raws is not None:
        block.Block.of_parts(case.h, header, raws)


_QUERY = r'(?:\?[a-z0-9_=&-]*)?\Z'
#: The plain forms of targets; the group is the subject.
_JUDGES: tuple[tuple[re.Pattern[str], Callable[[_Case], None]], ...] = (
    (re.compile(r'/v1/(head)' + _QUERY), _judge_head),
    (re.compile(r'/v1/state\?([a-z0-9_=&-]*)\Z'), _judge_state),
    (re.compile(r'/v1/histories/([0-9a-f]{64})' + _QUERY), _judge_history),
    (re.compile(r'/v1/transactions/([0-9a-f]{64})' + _QUERY),
     _judge_transaction),
    (re.compile(r'/v1/blocks/(0|[1-9][0-9]*)' + _QUERY), _judge_block),
)


def _judge_of(request: answer_module.Request
              ) -> tuple[Callable[[_Case], None] | None, str]:
    """Return who judges the answer to a request, and its subject."""
    if request.method == 'GET':
        for pattern, judge in _JUDGES:
            found = pattern.match(request.target)
            if found:
                return judge, found[1]
    return None, ''
