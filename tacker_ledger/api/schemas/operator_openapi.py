# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI 3.1 document of the operator door."""

from typing import Any

from tacker_ledger.api import microversion
from tacker_ledger.api.schemas import components
from tacker_ledger.api.schemas import status

Json = dict[str, Any]

_KEY_ID = components.hexadecimal(32, 'Key id')
_COMMON: Json = {
    '4XX': {'$ref': '#/components/responses/Refused'},
    '503': {'$ref': '#/components/responses/Unavailable'}}


def _list_of(noun: str) -> Json:
    return {'type': 'object', 'required': [noun], 'properties': {
        noun: {'type': 'array', 'items': {
            'type': 'object', 'additionalProperties': True}}}}


def _operation(name: str, summary: str, responses: Json, *,
               parameters: tuple[Json, ...] = (), is_open: bool = False,
               **more: Any) -> Json:
    return {'operationId': name, 'summary': summary,
            'parameters': list(parameters),
            'security': [] if is_open else [{'keystone': []}],
            'responses': {**responses, **_COMMON}, **more}


def _get(name: str, summary: str, schema: str, **more: Any) -> Json:
    return {'get': _operation(
        name, summary, {'200': components.json_response(schema, summary)},
        **more)}


def _enrolments() -> Json:
    return {
        **_get('enrolments', 'Enrolled keys', 'Enrolments'),
        'post': _operation(
            'enrol', 'Enrol a key',
            {'201': components.json_response('Enrolment', 'Enrolled')},
            requestBody={'required': True, 'content': {
                'application/json': {'schema': {
                    '$ref': '#/components/schemas/NewEnrolment'}}}})}


def document() -> Json:
    """Return the document, as a new object."""
    schemas = {name: components.SCHEMAS[name]
               for name in ('Error', 'Versions')}
    enrolment: Json = {
        'type': 'object', 'required': ['key_id'], 'properties': {
            'key_id': {'type': 'string', 'pattern': _KEY_ID['pattern']},
            'label': {'type': 'string', 'maxLength': 255}}}
    schemas.update({
        'Status': status.OPERATOR_STATUS, 'Peers': status.PEERS,
        'Usage': _list_of('usage'), 'Evidence': status.EVIDENCE,
        'Enrolments': _list_of('enrolments'),
        'NewEnrolment': {**enrolment, 'additionalProperties': False},
        'Enrolment': {**enrolment, 'additionalProperties': True}})
    key_id = components.parameter('key_id', _KEY_ID, 'path')
    limit = components.parameter('limit', components.integer(
        'Records at most', 1, 10_000, 1000))
    return {
        'openapi': '3.1.0',
        'info': {'title': 'Ledger node: operator door',
                 'version': microversion.text(microversion.MAXIMUM),
                 'license': {'name': 'Apache-2.0',
                             'identifier': 'Apache-2.0'}},
        'paths': {
            '/': _get('versions', 'Versions of the interface', 'Versions',
                      is_open=True),
            '/v1/openapi.json': {'get': {
                'operationId': 'description', 'summary': 'This document',
                'security': [], 'parameters': [], 'responses': {'200': {
                    'description': 'OpenAPI 3.1', 'content': {
                        'application/json': {
                            'schema': {'type': 'object'}}}}}}},
            '/v1/status': _get('status', 'How the node does', 'Status'),
            '/v1/peers': _get('peers', 'The other members', 'Peers'),
            '/v1/usage': _get('usage', 'Disk use per sending key', 'Usage',
                              parameters=(limit,)),
            '/v1/evidence': _get('evidence', 'Proofs of members\' faults',
                                 'Evidence'),
            '/v1/enrolments': _enrolments(),
            '/v1/enrolments/{key_id}': {'delete': _operation(
                'unenrol', 'Take back an enrolment',
                {'204': {'description': 'Done'}}, parameters=(key_id,))}},
        'components': {
            'schemas': schemas,
            'responses': {name: components.RESPONSES[name]
                          for name in ('Refused', 'Unavailable')},
            'securitySchemes': {'keystone': {
                'type': 'apiKey', 'in': 'header', 'name': 'X-Auth-Token'}}}}
