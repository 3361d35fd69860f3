# SPDX-License-Identifier: Apache-2.0
"""Every route is described, and every description has its route."""

import json
import re

import falcon.routing
import jsonschema

from tacker_ledger.api import door
from tacker_ledger.api import operator
from tacker_ledger.api.schemas import openapi
from tacker_ledger.api.schemas import operator_openapi
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.api import simulated


def methods_of(resource) -> set[str]:
    """Return the HTTP methods a resource answers, in lower case."""
    return {method.lower() for method in falcon.routing.map_http_methods(
        resource)}


def references(value):
    """Yield every ``$ref`` in a document."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == '$ref':
                yield item
            else:
                yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


class DocumentCase:
    """What holds for the documents of both doors."""

    def test_paths(self):
        described = {path: set(item)
                     for path, item in self.document['paths'].items()}
        self.assertEqual(self.real, described)

    def test_path_parameters(self):
        for path, item in self.document['paths'].items():
            for operation in item.values():
                self.assertEqual(
                    set(re.findall(r'{(\w+)}', path)),
                    {one['name'] for one in operation['parameters']
                     if one['in'] == 'path'}, path)

    def test_operations_have_names_and_answers(self):
        names = [operation['operationId']
                 for item in self.document['paths'].values()
                 for operation in item.values()]
        self.assertEqual(len(names), len(set(names)))
        for item in self.document['paths'].values():
            for operation in item.values():
                self.assertTrue(operation['summary'])
                self.assertTrue(any(
                    code.startswith('2') for code in operation['responses']))

    def test_references_lead_somewhere(self):
        for reference in references(self.document):
            found = self.document
            for name in reference.removeprefix('#/').split('/'):
                self.assertIn(name, found, reference)
                found = found[name]

    def test_schemas_are_schemas(self):
        for schema in self.document['components']['schemas'].values():
            jsonschema.Draft202012Validator.check_schema(schema)
        for item in self.document['paths'].values():
            for operation in item.values():
                for one in operation['parameters']:
                    jsonschema.Draft202012Validator.check_schema(
                        one['schema'])

    def test_it_is_json(self):
        self.assertEqual(self.document, json.loads(json.dumps(
            self.document)))

    def schema(self, name):
        return jsonschema.Draft202012Validator({
            **self.document['components']['schemas'][name],
            'components': self.document['components']})


class TestDoor(DocumentCase, simulated.AsyncTestCase):
    """The tenant and VNF door."""

    document = openapi.document()
    real = {template: methods_of(resource(None))
            for template, resource in door.ROUTES}

    async def test_query_parameters_are_those_taken(self):
        """A name that is described is taken; another one is not."""
        world = simulated.World()
        example = {'since': '0', 'wait': '0', 'after': '0', 'limit': '1',
                   'body': 'true', 'from_epoch': '0', 'type': '1',
                   'after_height': '0', 'nonce': '0' * 32,
                   'cid': '0' * 32, 'sender': '0' * 64,
                   'recipient': '0' * 64, 'key': '0' * 64}
        for path, item in self.document['paths'].items():
            if 'get' not in item or path == '/healthcheck':
                continue
            names = [one['name'] for one in item['get']['parameters']
                     if one['in'] == 'query']
            filled = path.format(state_key='0' * 64, txid='0' * 64, height=0)
            query = '&'.join(f'{name}={example[name]}' for name in names)
            got = await world.get(f'{filled}?{query}' if query else filled)
            self.assertIn(got.status, (200, 404), (filled, got.content))
            got = await world.get(f'{filled}?undescribed=1')
            self.assertEqual(400, got.status, filled)

    async def test_json_answers_fit_their_schemas(self):
        world = simulated.World()
        for target, name in (
                ('/', 'Versions'), ('/v1/status', 'Status'),
                ('/v1/search', 'SearchResult'), ('/v1/nothing', 'Error'),
                (f'/v1/transactions/{"0" * 64}/fate', 'Fate')):
            self.schema(name).validate((await world.get(target)).json)


class TestOperatorDoor(DocumentCase, base.TestCase):
    """The operator door."""

    document = operator_openapi.document()
    real = {template: methods_of(resource(None, None))
            for template, resource in operator.ROUTES}
