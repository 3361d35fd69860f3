# SPDX-License-Identifier: Apache-2.0
"""WSGI behind ASGI."""

import wsgiref.validate

from tacker_ledger.api import wsgi_bridge
from tacker_ledger.tests.unit.api import simulated


class TestBridge(simulated.AsyncTestCase):
    """What an application is told and what comes back."""

    async def call(self, application, events, **scope):
        bridge = wsgi_bridge.Bridge(application, 1)
        self.addCleanup(bridge.close)
        events = list(events)
        sent = []

        async def receive():
            return events.pop(0)

        async def send(event):
            sent.append(event)

        await bridge({
            'type': 'http', 'http_version': '1.1', 'method': 'POST',
            'path': '/a/\u00e9', 'raw_path': b'/a/%C3%A9',
            'query_string': b'q=1', 'scheme': 'https',
            'headers': [(b'host', b'door'), (b'x-twice', b'1'),
                        (b'x-twice', b'2'), (b'x_roles', b'admin'),
                        (b'content-type', b'text/plain'),
                        (b'content-length', b'3')],
            'client': ('192.0.2.1', 4000), 'server': ('door', 443),
            **scope}, receive, send)
        return sent

    async def test_environment(self):
        seen = {}

        def application(environ, start_response):
            seen.update(environ, body=environ['wsgi.input'].read(3))
            start_response('201 Created', [('Content-Type', 'text/plain'),
                                           ('X-One', '1')])
            return [b'he', b'llo']

        sent = await self.call(
            wsgiref.validate.validator(application),
            [{'type': 'http.request', 'body': b'ab', 'more_body': True},
             {'type': 'http.request', 'body': b'c', 'more_body': False}])
        self.assertEqual(201, sent[0]['status'])
        self.assertEqual(
            {b'content-type': b'text/plain', b'x-one': b'1',
             b'content-length': b'5'}, dict(sent[0]['headers']))
        self.assertEqual(b'hello', sent[1]['body'])
        self.assertEqual(
            ('POST', '/a/\xc3\xa9', 'q=1', '192.0.2.1', '1,2', 'text/plain',
             '3', b'abc', 'https'),
            tuple(seen[name] for name in (
                'REQUEST_METHOD', 'PATH_INFO', 'QUERY_STRING', 'REMOTE_ADDR',
                'HTTP_X_TWICE', 'CONTENT_TYPE', 'CONTENT_LENGTH', 'body',
                'wsgi.url_scheme')))
        # what could be taken for X-Roles never arrives
        self.assertNotIn('HTTP_X_ROLES', seen)

    async def test_a_body_over_the_bound(self):
        piece = bytes(wsgi_bridge.BODY_MAX_BYTES)
        sent = await self.call(
            None, [{'type': 'http.request', 'body': piece,
                    'more_body': True}] * 2)
        self.assertEqual(413, sent[0]['status'])
        self.assertIn(b'too-large', sent[1]['body'])

    async def test_a_client_that_goes(self):
        self.assertEqual([], await self.call(
            None, [{'type': 'http.disconnect'}]))

    async def test_no_length_where_there_is_no_body(self):
        def application(_environ, start_response):
            start_response('204 No Content', [])
            return []

        sent = await self.call(application, [
            {'type': 'http.request', 'body': b'', 'more_body': False}])
        self.assertEqual([], sent[0]['headers'])
