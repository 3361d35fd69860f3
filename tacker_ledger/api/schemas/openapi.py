# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI 3.1 document of the tenant and VNF door."""

from typing import Any

from tacker_ledger.api import microversion
from tacker_ledger.api.schemas import components
from tacker_ledger.core import limits

Json = dict[str, Any]

_COMMON: Json = {
    '4XX': {'$ref': '#/components/responses/Refused'},
    '429': {'$ref': '#/components/responses/RateLimited'},
    '503': {'$ref': '#/components/responses/Unavailable'}}
_NOT_FOUND = components.signed(
    '[null]: the node has no such object, and signs that')
_PAIR = '[header, certificate]'


def _operation(name: str, summary: str, parameters: list[Json],
               responses: Json, **more: Any) -> Json:
    return {'operationId': name, 'summary': summary,
            'parameters': parameters, 'responses': {**responses, **_COMMON},
            **more}


def _read(name: str, summary: str, body: str, *parameters: Json,
          may_lack: bool = False) -> Json:
    """Return the operation of a read with a signed answer."""
    responses = {'200': components.signed(body)}
    if may_lack:
        responses['404'] = _NOT_FOUND
    return {'get': _operation(name, summary,
                              [*parameters, components.NONCE], responses)}


def _json(name: str, summary: str, schema: str,
          *parameters: Json, **more: Json) -> Json:
    """Return the operation of a read that nobody signs."""
    return {'get': _operation(
        name, summary, list(parameters),
        {'200': components.json_response(schema, summary), **more})}


def _submit() -> Json:
    return {'post': _operation(
        'submit', 'Submit transactions', [components.NONCE],
        {'202': components.signed(
            '[[transaction id or null, error code or null, message or '
            'null]...], in the order of the submissions'),
         '411': {'$ref': '#/components/responses/Refused'},
         '413': {'$ref': '#/components/responses/Refused'},
         '415': {'$ref': '#/components/responses/Refused'}},
        requestBody={'required': True, 'content': {'application/cbor': {
            'schema': {'$ref': '#/components/schemas/Submission'}}}})}


def _health() -> Json:
    content = {'text/plain': {'schema': {'type': 'string'}},
               'application/json': {'schema': {
                   '$ref': '#/components/schemas/Health'}}}
    return {'get': {
        'operationId': 'health', 'parameters': [],
        'summary': 'Whether to send clients here',
        'responses': {
            '200': {'description': 'OK', 'content': content},
            '503': {'description': 'The reason', 'content': content}}}}


def _reads() -> Json:
    p = components.parameter
    number = components.integer
    hexadecimal = components.hexadecimal
    state_key = hexadecimal(32, 'State key')
    return {
        '/v1/head': _read(
            'head', 'The newest certified header', _PAIR,
            components.SINCE, components.WAIT),
        '/v1/state': _read(
            'state', 'Values of the state with proofs, all at one head',
            f'[{_PAIR}, [[key, value or null, proof]...]]',
            {**p('key', state_key, required=True),
             'schema': {'type': 'array', 'items': state_key, 'minItems': 1,
                        'maxItems': limits.STATE_KEYS_PER_QUERY_MAX_COUNT},
             'style': 'form', 'explode': True},
            components.SINCE, components.WAIT),
        '/v1/histories/{state_key}': _read(
            'history', 'Transactions of one history, ascending',
            f'[{_PAIR}, state key, [[height, index, transaction]...]]',
            p('state_key', state_key, 'path'),
            p('after', number('Count of the last entry known', default=0)),
            p('limit', number('Entries at most', 1,
                              limits.HISTORY_PAGE_MAX_COUNT,
                              limits.HISTORY_PAGE_MAX_COUNT))),
        '/v1/transactions/{txid}': _read(
            'transaction', 'A committed transaction and its place',
            f'[{_PAIR}, [index, size, path], transaction]',
            components.TXID, components.WAIT, may_lack=True),
        '/v1/blocks/{height}': _read(
            'block', 'A block', f'[{_PAIR}, [transaction...] or null]',
            p('height', number('Height of the block'), 'path'),
            p('body', {'type': 'boolean', 'default': True, 'description':
                       'Whether to include the transactions'}),
            may_lack=True),
        '/v1/federation': _read(
            'federation', 'Federation documents, which prove themselves',
            f'[[signed document, {_PAIR} or null, [index, size, path] or '
            'null, transaction or null]...]',
            p('from_epoch', number('The first epoch wanted', default=0)))}


def _unsigned() -> Json:
    p = components.parameter
    number = components.integer
    hexadecimal = components.hexadecimal
    return {
        '/': _json('versions', 'Versions of the interface', 'Versions'),
        '/v1/status': _json('status', 'How the node is', 'Status'),
        '/v1/transactions/{txid}/fate': _json(
            'fate', 'What the node knows of a transaction', 'Fate',
            components.TXID),
        '/v1/search': _json(
            'search', 'Ask the index; not proven', 'SearchResult',
            p('sender', hexadecimal(32, 'Key id')),
            p('recipient', hexadecimal(32, 'Key id')),
            p('cid', hexadecimal(16, 'CID')),
            p('type', number('1 configuration, 2 request', 1, 255)),
            p('after_height', number('Only above this height', -1)),
            p('limit', number('Records at most', 1, 1000, 100))),
        '/v1/openapi.json': {'get': {
            'operationId': 'description', 'summary': 'This document',
            'parameters': [], 'responses': {'200': {
                'description': 'OpenAPI 3.1', 'content': {
                    'application/json': {'schema': {'type': 'object'}}}}}}}}


def document() -> Json:
    """Return the document, as a new object."""
    return {
        'openapi': '3.1.0',
        'info': {
            'title': 'Ledger node: tenant and VNF door',
            'version': microversion.text(microversion.MAXIMUM),
            'license': {'name': 'Apache-2.0', 'identifier': 'Apache-2.0'},
            'description':
                'Reading is open. Answers in CBOR are signed by the '
                'member\'s answer key and carry their proofs: believe the '
                'proofs, not the node.'},
        'paths': {**_unsigned(), **_reads(), '/healthcheck': _health(),
                  '/v1/transactions': _submit()},
        'components': {'schemas': components.SCHEMAS,
                       'responses': components.RESPONSES}}
