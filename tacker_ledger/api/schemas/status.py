# SPDX-License-Identifier: Apache-2.0
"""JSON schemas of how a node does, for the documents of both doors."""

from typing import Any

Json = dict[str, Any]

_TEXT: Json = {'type': 'string'}
_COUNT: Json = {'type': 'integer', 'minimum': 0}
_MAYBE_COUNT: Json = {'type': ['integer', 'null'], 'minimum': 0}
_YES: Json = {'type': 'boolean'}


def _object(required: tuple[str, ...], **properties: Json) -> Json:
    return {'type': 'object', 'required': list(required),
            'additionalProperties': True, 'properties': properties}


def _list(items: Json) -> Json:
    return {'type': 'array', 'items': items}


def _said(schema: Json, description: str) -> Json:
    return {**schema, 'description': description}


_CONDITION = _object(
    ('code', 'message', 'stops_voting', 'since_ms'),
    code=_said(_TEXT, 'Stable name'), message=_said(_TEXT, 'For a person'),
    stops_voting=_said(_YES, 'The node signs nothing while it lasts'),
    details={'type': 'object', 'additionalProperties': True},
    since_ms=_said(_COUNT, 'Unix epoch, milliseconds'))

_NAMED_PEER = _object(
    ('member', 'name', 'up'), member=_COUNT, name=_TEXT, up=_YES,
    height=_said(_MAYBE_COUNT, 'Newest block it says it has'),
    view=_said(_MAYBE_COUNT, 'View of its newest message'))

_EVIDENCE = _object(
    ('kind', 'member', 'height', 'view'), kind=_TEXT, member=_COUNT,
    height=_COUNT, view=_COUNT)

_SINCE_1_0: Json = {
    'name': _TEXT, 'member': {'type': 'integer'}, 'members': _COUNT,
    'chain_id': _TEXT, 'epoch': _COUNT, 'height': _COUNT,
    'head_digest': _TEXT, 'head_time_ms': _COUNT, 'view': _COUNT,
    'leader': {'type': ['integer', 'string', 'null']},
    'pool': _object(
        (), transactions=_COUNT, bytes=_COUNT, max_transactions=_COUNT,
        max_bytes=_COUNT, oldest_waited_ms=_said(
            _COUNT, 'How long the oldest transaction has waited')),
    'peers_up': _COUNT, 'quorum': _COUNT, 'has_quorum': _YES,
    'instance': _TEXT, 'version': _TEXT, 'index_height': _said(
        {'type': 'integer'}, 'Searches know all blocks up to here'),
    'index_problem': _TEXT, 'admission': _TEXT, 'storage_bytes': _COUNT,
    'voting': _said(_YES, 'Whether this process signs'),
    'doubt': _said(_TEXT, 'Why it observes only; empty: it does not'),
    'healthy': _YES, 'reason': _TEXT,
    'waiters': _said(_COUNT, 'Clients which wait in this process')}

_SINCE_1_1: Json = {
    'index_begins_at': _said(
        _COUNT, 'Searches know nothing below; 0: everything'),
    'federation': _object(
        ('epoch', 'digest', 'quorum'), epoch=_COUNT, digest=_TEXT,
        faults=_COUNT, quorum=_COUNT, members=_list(_TEXT),
        expiry_ms=_COUNT),
    'leader_name': {'type': ['string', 'null']},
    'views_changed': _said(_COUNT, 'Views entered by a change since the '
                                   'process began'),
    'lag': _said(_COUNT, 'Blocks behind the highest member heard'),
    'highest': _object(('height', 'member'), height=_COUNT,
                       member=_MAYBE_COUNT),
    'catching_up': _YES, 'peers': _list(_NAMED_PEER),
    'doubt_ends_height': _MAYBE_COUNT,
    'bodies': _said(_object(('first', 'last'), first=_COUNT, last=_COUNT),
                    'Heights whose bodies are all held here'),
    'evidence': _object(('count', 'newest'), count=_COUNT,
                        newest=_list(_EVIDENCE)),
    'conditions': _list(_CONDITION),
    'not_voting': _said(_TEXT, 'Why it does not vote; empty: it does'),
    'uptime_ms': _COUNT}

STATUS: Json = _object(('name', 'member', 'height'), **_SINCE_1_0,
                       **_SINCE_1_1)

OPERATOR_STATUS: Json = _object(
    ('name', 'member', 'height'), **_SINCE_1_0, **_SINCE_1_1,
    refused=_said(_list(_object(
        ('member', 'name', 'count', 'codes'), member=_COUNT, name=_TEXT,
        count=_COUNT, codes={'type': 'object',
                             'additionalProperties': _COUNT})),
        'What members sent that was not acceptable, since the start'),
    sent=_said({'type': 'object', 'additionalProperties': _object(
        ('frames', 'bytes'), frames=_COUNT, bytes=_COUNT)},
        'What was sent to other members, by kind of message'),
    expiries=_list(_object(
        ('what', 'ends_ms', 'days_left'),
        what={'enum': ['certificate', 'ca', 'federation']},
        ends_ms=_COUNT, days_left={'type': 'integer'})))

PEERS: Json = _object(('peers',), peers=_list(_object(
    ('member', 'name', 'up'), member=_COUNT, name=_TEXT, address=_TEXT,
    up=_YES, instance={'type': ['string', 'null']}, height=_MAYBE_COUNT,
    view=_MAYBE_COUNT, since_ms=_said(_MAYBE_COUNT, 'The link is this old'),
    heard_ms=_said(_MAYBE_COUNT, 'Something came so long ago'),
    queued_bytes=_COUNT, dropped=_said(_COUNT, 'Frames without room'),
    last_error=_TEXT)))

EVIDENCE: Json = _object(('evidence',), evidence=_list({
    **_EVIDENCE, 'properties': {
        **_EVIDENCE['properties'],
        'federation': _said(_TEXT, 'Digest of the federation document'),
        'messages': _said(_list(_TEXT), 'The record, in hex')}}))
