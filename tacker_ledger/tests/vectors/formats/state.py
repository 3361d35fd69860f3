# SPDX-License-Identifier: Apache-2.0
"""What single transactions do to a state, or why they are refused."""

from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import by_hand
from tacker_ledger.tests.vectors.formats import transactions

NAME = 'state'

NOW_MS = by_hand.NOW_MS
_TENANT, _VNF, _STRANGER = by_hand.TENANT, by_hand.VNF, by_hand.AUDITOR
_FUTURE_MS = 600_000
_WEEK_MS = 7 * 24 * 60 * 60 * 1000
_READERS = (2, 2, 2, 2)
#: (key, value) pairs.
_State = list[tuple[bytes, bytes]]


def nonce(label: str) -> bytes:
    """Return a nonce that depends on the label."""
    return vectors.fixed_bytes(f'nonce {label}', 16)


def folded(*txids: bytes) -> bytes:
    """Return the history head over transaction ids."""
    head = by_hand.ZEROS
    for txid in txids:
        head = by_hand.hashed('history', head, txid)
    return head


def form(compression: int = 0, description: str = '') -> bytes:
    """Return the digest of what an answer must use."""
    return by_hand.hashed('answer-form', codec.encode(
        (compression, 1, description)))


def cid_key(cid: bytes) -> bytes:
    """Return the state key of a CID."""
    return by_hand.hashed('state-key', b'\x01', cid)


def pair_key(recipient: by_hand.Signer, sender: by_hand.Signer) -> bytes:
    """Return the state key of a pair."""
    return by_hand.hashed('state-key', b'\x02', recipient.key_id,
                          sender.key_id)


def txid_of(raw: bytes) -> bytes:
    """Return the id in an encoded transaction: its second field."""
    assert raw[:4] == b'\x84\x01\x58\x20'
    return raw[4:36]


CID = by_hand.cid_of(_TENANT, nonce('first'))
SLOT = by_hand.cid_of(_TENANT, nonce('asked'))
_OLD = vectors.fixed_bytes('an earlier transaction', 32)
_OLDER = vectors.fixed_bytes('an older transaction', 32)


def _config(signer: by_hand.Signer = _TENANT, label: str = 'first',
            **fields: Any) -> bytes:
    return by_hand.transaction(signer, transactions.sealed(
        signer, _READERS, nonce=nonce(label), **fields))


def _request(signer: by_hand.Signer = _TENANT, label: str = 'asked',
             expiry_ms: int = NOW_MS + 1000, **fields: Any) -> bytes:
    return by_hand.transaction(signer, transactions.request(
        signer, expiry_ms, nonce=nonce(label), **fields))


def _answer(signer: by_hand.Signer = _VNF, **fields: Any) -> bytes:
    return _config(signer, 'answer', **{
        'cid': SLOT, 'vid': 1, 'recipient_id': _TENANT.key_id, **fields})


def _cid_value(kind: int, next_vid: int, latest: bytes, slots: Any,
               *history: bytes) -> bytes:
    return codec.encode((
        1, kind, _TENANT.key_id, next_vid, next_vid - 1, latest,
        tuple(slots), len(history), folded(*history)))


def _pair_value(*history: bytes) -> bytes:
    return codec.encode((1, len(history), folded(*history)))


def _slot(vid: int, txid: bytes = _OLD, expiry_ms: int = NOW_MS + 1000,
          answer: bytes | None = None) -> tuple[Any, ...]:
    return (vid, _VNF.key_id, expiry_ms, answer or form(), txid)


_TO_VNF = pair_key(_VNF, _TENANT)
_TO_TENANT = pair_key(_TENANT, _VNF)
#: A CID with two versions, and one with a request that waits.
_CONFIGURED: _State = [
    (cid_key(CID), _cid_value(1, 3, _OLD, (), _OLDER, _OLD)),
    (_TO_VNF, _pair_value(_OLDER, _OLD))]
_ASKED: _State = [(cid_key(SLOT), _cid_value(2, 2, _OLD, [_slot(1)], _OLD))]
_FULL: _State = [(cid_key(SLOT), _cid_value(
    2, 17, _OLD, [_slot(vid) for vid in range(1, 17)], _OLD))]


def _accepted() -> list[tuple[str, _State, int, bytes, _State]]:
    first, second = _config(), _config(label='second', cid=CID, vid=3)
    template = by_hand.transaction(_TENANT, transactions.public(
        _TENANT, nonce=nonce('template')))
    published = by_hand.cid_of(_TENANT, nonce('template'))
    public = by_hand.transaction(_TENANT, transactions.public(
        _TENANT, nonce=nonce('public'), cid=CID, vid=3))
    asked = _request(compression=1, description='é')
    more = _request(label='more', cid=SLOT, vid=2)
    after_all = _request(label='more', cid=SLOT, vid=17,
                         expiry_ms=NOW_MS + 1000 + _WEEK_MS,
                         timestamp_ms=NOW_MS + 1000 + _FUTURE_MS)
    answered = _answer()
    ids = {raw: txid_of(raw) for raw in (
        first, second, template, public, asked, more, after_all, answered)}
    return [
        ('first version', [], NOW_MS, first, [
            (cid_key(CID), _cid_value(1, 2, ids[first], (), ids[first])),
            (_TO_VNF, _pair_value(ids[first]))]),
        ('next version', _CONFIGURED, NOW_MS, second, [
            (cid_key(CID), _cid_value(1, 4, ids[second], (), _OLDER, _OLD,
                                      ids[second])),
            (_TO_VNF, _pair_value(_OLDER, _OLD, ids[second]))]),
        ('public, first version', [], NOW_MS, template, [
            (cid_key(published), _cid_value(1, 2, ids[template], (),
                                            ids[template]))]),
        ('public, next version', _CONFIGURED, NOW_MS, public, [
            (cid_key(CID), _cid_value(1, 4, ids[public], (), _OLDER, _OLD,
                                      ids[public]))]),
        ('first request', [], NOW_MS, asked, [
            (cid_key(SLOT), _cid_value(
                2, 2, ids[asked],
                [_slot(1, ids[asked], answer=form(1, 'é'))], ids[asked])),
            (_TO_VNF, _pair_value(ids[asked]))]),
        ('request while another waits', _ASKED, NOW_MS, more, [
            (cid_key(SLOT), _cid_value(
                2, 3, ids[more], [_slot(1), _slot(2, ids[more])], _OLD,
                ids[more])),
            (_TO_VNF, _pair_value(ids[more]))]),
        ('answer', _ASKED, NOW_MS + 999, answered, [
            (cid_key(SLOT), _cid_value(2, 2, _OLD, (), _OLD,
                                       ids[answered])),
            (_TO_TENANT, _pair_value(ids[answered]))]),
        ('request when sixteen expired, at both limits of time', _FULL,
         NOW_MS + 1000, after_all, [
             (cid_key(SLOT), _cid_value(
                 2, 18, ids[after_all],
                 [_slot(17, ids[after_all],
                        NOW_MS + 1000 + _WEEK_MS)], _OLD, ids[after_all])),
             (_TO_VNF, _pair_value(ids[after_all]))]),
    ]


def _refused() -> list[tuple[str, str, _State, int, bytes]]:
    now = NOW_MS
    first = _config()
    known: _State = [(cid_key(CID), _cid_value(
        1, 2, txid_of(first), (), txid_of(first)))]
    public_answer = by_hand.transaction(_VNF, transactions.public(
        _VNF, nonce=nonce('answer'), cid=SLOT))
    return [
        ('the latest again', 'duplicate', known, now, first),
        ('an older version', 'vid-conflict', _CONFIGURED, now, first),
        ('a version left out', 'vid-conflict', _CONFIGURED, now,
         _config(label='second', cid=CID, vid=4)),
        ('a first version that is not 1', 'vid-conflict', [], now,
         _config(vid=2)),
        ('somebody else\'s CID', 'not-owner', _CONFIGURED, now,
         _config(_STRANGER, 'second', cid=CID, vid=3)),
        ('a new CID made from another nonce', 'cid-not-certified', [], now,
         _config(label='second', cid=CID)),
        ('a new CID made by another sender', 'cid-not-certified', [], now,
         _config(_STRANGER, cid=CID)),
        ('a request for a configuration CID', 'wrong-kind', _CONFIGURED,
         now, _request(cid=CID, vid=3)),
        ('a request by another', 'not-owner', _ASKED, now,
         _request(_STRANGER, cid=SLOT, vid=2)),
        ('an answer to nothing', 'slot-closed', _ASKED, now,
         _answer(vid=2)),
        ('an answer at its expiry', 'slot-closed', _ASKED, now + 1000,
         _answer()),
        ('an answer by another', 'wrong-answerer', _ASKED, now,
         _answer(_STRANGER)),
        ('the owner\'s own configuration', 'wrong-answerer', _ASKED, now,
         _config(label='second', cid=SLOT)),
        ('an answer with another compression', 'wrong-answer-form', _ASKED,
         now, _answer(compression=1)),
        ('an answer with another description', 'wrong-answer-form', _ASKED,
         now, _answer(description='x')),
        ('an answer to another', 'wrong-answer-form', _ASKED, now,
         _answer(recipient_id=_STRANGER.key_id)),
        ('a public answer', 'wrong-answer-form', _ASKED, now,
         public_answer),
        ('too far in the future', 'timestamp-future', [], now,
         _config(timestamp_ms=now + _FUTURE_MS + 1)),
        ('a request that has expired', 'bad-expiry', [], now,
         _request(expiry_ms=now)),
        ('a request open too long', 'bad-expiry', [], now,
         _request(expiry_ms=now + _WEEK_MS + 1)),
        ('a seventeenth request', 'slots-full', _FULL, now,
         _request(label='more', cid=SLOT, vid=17)),
    ]


def make() -> dict[str, Any]:
    """Return transactions with the state before and what they change."""
    return {
        'chain_id': by_hand.CHAIN_ID,
        'accepted': [
            {'why': why, 'before': before, 'header_time_ms': time_ms,
             'transaction': raw, 'changes': changes}
            for why, before, time_ms, raw, changes in _accepted()],
        'refused': [
            {'why': why, 'code': code, 'before': before,
             'header_time_ms': time_ms, 'transaction': raw}
            for why, code, before, time_ms, raw in _refused()],
    }
