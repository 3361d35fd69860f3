# SPDX-License-Identifier: Apache-2.0
"""Parts of the OpenAPI documents: responses, parameters, JSON schemas."""

from typing import Any

from tacker_ledger.api.schemas import status
from tacker_ledger.core import errors
from tacker_ledger.core import limits

Json = dict[str, Any]

WAIT_MAX_SECONDS = 60


def hexadecimal(size: int, what: str) -> Json:
    """Return the schema of bytes written as hexadecimal digits."""
    return {'type': 'string', 'pattern': f'^[0-9a-f]{{{2 * size}}}$',
            'description': f'{what}: {size} bytes as {2 * size} hexadecimal '
                           'digits in lower case'}


def integer(what: str, low: int = 0, high: int | None = None,
            default: int | None = None) -> Json:
    """Return the schema of a number."""
    schema: Json = {'type': 'integer', 'minimum': low, 'description': what}
    if high is not None:
        schema['maximum'] = high
    if default is not None:
        schema['default'] = default
    return schema


def parameter(name: str, schema: Json, place: str = 'query',
              required: bool = False) -> Json:
    """Return a parameter; its description is that of its schema."""
    schema = dict(schema)
    description = schema.pop('description')
    return {'name': name, 'in': place, 'required': required or place == 'path',
            'description': description, 'schema': schema}


NONCE = parameter('nonce', hexadecimal(
    16, 'Drawn by the client for each request, so that an answer cannot be '
        'a replay; the signature covers it'))
SINCE = parameter('since', integer(
    'Wait for something above this height'))
WAIT = parameter('wait', integer(
    'How long to wait at most, in seconds; the node may answer earlier with '
    'the present head', high=WAIT_MAX_SECONDS, default=0))
TXID = parameter('txid', hexadecimal(32, 'Transaction id'), 'path')

_ERROR: Json = {
    'type': 'object', 'required': ['code', 'message', 'details'],
    'properties': {
        'code': {'type': 'string', 'enum': sorted(errors.ALL_CODES),
                 'description': 'Stable name of the condition'},
        'message': {'type': 'string', 'description': 'For a person'},
        'details': {'type': 'object', 'additionalProperties': True}}}

_HEALTH: Json = {
    'type': 'object', 'required': ['healthy', 'reason'],
    'properties': {'healthy': {'type': 'boolean'},
                   'reason': {'type': 'string'}}}

_SEARCH: Json = {
    'type': 'object', 'required': ['proven', 'transactions'],
    'properties': {
        'proven': {'const': False},
        'begins_at': {
            'type': 'integer', 'description':
                'The index of this node knows nothing below this height; '
                '0 unless the node started from a snapshot.'},
        'transactions': {'type': 'array', 'items': {
            'type': 'object', 'additionalProperties': True,
            'properties': {
                'txid': {'type': 'string'}, 'height': {'type': 'integer'},
                'position': {'type': 'integer'}, 'type': {'type': 'integer'},
                'cid': {'type': 'string'}, 'vid': {'type': 'integer'},
                'sender': {'type': 'string'},
                'recipient': {'type': ['string', 'null']},
                'timestamp_ms': {'type': 'integer'},
                'description': {'type': 'string'},
                'size': {'type': 'integer'}}}}}}

_FATE: Json = {
    'type': 'object', 'required': ['state'], 'additionalProperties': True,
    'properties': {'state': {'enum': [
        'committed', 'waiting', 'refused', 'unknown']},
        'code': {'type': 'string'}, 'message': {'type': 'string'},
        'details': {'type': 'object', 'additionalProperties': True}}}

_VERSIONS: Json = {
    'type': 'object', 'required': ['versions'],
    'properties': {'versions': {'type': 'array', 'items': {
        'type': 'object', 'additionalProperties': True,
        'required': ['id', 'status', 'min_version', 'version', 'links']}}}}

SCHEMAS: Json = {
    'Error': _ERROR, 'Health': _HEALTH, 'Status': status.STATUS,
    'SearchResult': _SEARCH, 'Fate': _FATE, 'Versions': _VERSIONS,
    'Signed': {
        'type': 'string', 'contentEncoding': 'binary',
        'description':
            'Deterministic CBOR: [1, member, instance, request digest, head '
            'height, head digest, head time in ms, body, signature]. The '
            'specification of answers says what the signature covers and '
            'what each body holds.'},
    'Submission': {
        'type': 'string', 'contentEncoding': 'binary',
        'description':
            'Deterministic CBOR: a submission [1, transaction, admission], '
            f'or an array of 1 to {limits.BATCH_SUBMIT_MAX_COUNT} byte '
            'strings, each a submission.'}}


def json_response(schema: str, what: str) -> Json:
    """Return a response with JSON of a named schema."""
    return {'description': what, 'content': {'application/json': {
        'schema': {'$ref': f'#/components/schemas/{schema}'}}}}


def signed(what: str) -> Json:
    """Return a response with a signed body."""
    return {'description': f'Signed; the body is {what}',
            'content': {'application/cbor': {
                'schema': {'$ref': '#/components/schemas/Signed'}}}}


RETRY_AFTER: Json = {'Retry-After': {
    'description': 'Seconds after which to come back, jittered',
    'schema': {'type': 'integer'}}}

RESPONSES: Json = {
    'Refused': json_response('Error', 'The request is refused'),
    'RateLimited': {**json_response('Error', 'Too many requests'),
                    'headers': RETRY_AFTER},
    'Unavailable': {**json_response(
        'Error', 'Not now: no-quorum, busy, storage-failed, shutting-down'),
        'headers': RETRY_AFTER}}
