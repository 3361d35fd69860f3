# SPDX-License-Identifier: Apache-2.0
"""The HTTP server's bounds, on real sockets of the loopback."""

import asyncio
import contextlib
import resource
import types

from tacker_ledger.api import http_protocol
from tacker_ledger.api import listening
from tacker_ledger.core import errors
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.api import simulated


async def echo(scope, receive, send):
    """Answer with the size of the body; /wait answers when told."""
    size = 0
    while True:
        event = await receive()
        size += len(event.get('body', b''))
        if not event.get('more_body'):
            break
    body = f'{scope["method"]} {size}'.encode()
    await send({'type': 'http.response.start', 'status': 200, 'headers': [
        (b'content-length', str(len(body)).encode())]})
    await send({'type': 'http.response.body', 'body': body})


async def lengthy(_scope, receive, send):
    """Answer with 256 MiB, more than a kernel takes from us unread."""
    await receive()
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    for _ in range(1024):
        await send({'type': 'http.response.body', 'body': bytes(262_144),
                    'more_body': True})
    await send({'type': 'http.response.body', 'body': b''})


def options(**changed):
    """Return options of a door."""
    return types.SimpleNamespace(**{'host': '127.0.0.1', 'port': 0,
                                    'plain_http': True, **changed})


class TestListener(simulated.AsyncTestCase):
    """uvicorn with bounds."""

    @contextlib.asynccontextmanager
    async def serving(self, application=echo, connections=10,
                      timeout=30.0):
        listener = listening.Listener(
            application, 'door', options(), None,
            http_protocol.Bounds(connections, timeout), 30)
        await listener.start()
        self.writers = []
        try:
            yield listener
        finally:
            for writer in self.writers:
                writer.transport.abort()
            await listener.stop()

    async def connect(self, listener):
        reader, writer = await asyncio.open_connection('127.0.0.1',
                                                       listener.port)
        self.writers.append(writer)
        return reader, writer

    async def response(self, reader):
        head = await reader.readuntil(b'\r\n\r\n')
        size = int(head.lower().partition(b'content-length: ')[2]
                   .partition(b'\r\n')[0])
        return head.split(b' ')[1], await reader.readexactly(size)

    async def test_kept_alive_and_pipelined(self):
        async with self.serving() as listener:
            reader, writer = await self.connect(listener)
            for _ in range(3):
                writer.write(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
                self.assertEqual((b'200', b'GET 0'),
                                 await self.response(reader))
            writer.write(b'POST / HTTP/1.1\r\nHost: x\r\n'
                         b'Content-Length: 3\r\n\r\nabc'
                         b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
            self.assertEqual((b'200', b'POST 3'),
                             await self.response(reader))
            self.assertEqual((b'200', b'GET 0'), await self.response(reader))
            self.assertNotIn(b'uvicorn', listener.url.encode())

    async def test_head_requests_and_continue(self):
        async with self.serving() as listener:
            reader, writer = await self.connect(listener)
            writer.write(b'HEAD / HTTP/1.1\r\nHost: x\r\n\r\n')
            self.assertIn(b' 200 ', await reader.readuntil(b'\r\n\r\n'))
            writer.write(b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3'
                         b'\r\nExpect: 100-continue\r\n\r\n')
            self.assertIn(b' 100 ', await reader.readuntil(b'\r\n\r\n'))
            writer.write(b'abc')
            self.assertEqual((b'200', b'POST 3'),
                             await self.response(reader))

    async def test_a_header_without_end(self):
        async with self.serving() as listener:
            for part in (b'X-Many: 1\r\n', b'x'):
                reader, writer = await self.connect(listener)
                writer.write(b'GET / HTTP/1.1\r\n')
                with contextlib.suppress(ConnectionError):
                    for _ in range(200):
                        writer.write(part * (4096 // len(part)))
                        await writer.drain()
                        await asyncio.sleep(0)
                    answer = await reader.read()
                    self.assertTrue(answer.startswith(b'HTTP/1.1 431 ')
                                    or not answer)
            reader, writer = await self.connect(listener)
            writer.write(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
            self.assertEqual((b'200', b'GET 0'), await self.response(reader))

    async def test_not_http(self):
        async with self.serving() as listener:
            reader, writer = await self.connect(listener)
            writer.write(b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n')
            self.assertIn(b' 400 ', await reader.read())

    async def test_a_connection_that_says_nothing(self):
        async with self.serving(timeout=0.1) as listener:
            reader, _writer = await self.connect(listener)
            self.assertEqual(b'', await self.ended(reader))
            reader, writer = await self.connect(listener)
            writer.write(b'GET / HT')
            self.assertEqual(b'', await self.ended(reader))
            # one that has had an answer is not cut off so soon
            reader, writer = await self.connect(listener)
            writer.write(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
            await self.response(reader)
            writer.write(b'GET')
            self.assertEqual(b'', await self.ended(reader))

    async def ended(self, reader):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b''

    async def test_a_client_that_does_not_read(self):
        async with self.serving(lengthy, timeout=0.1) as listener:
            _reader, writer = await self.connect(listener)
            writer.write(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
            state = listener._server.server_state
            for _ in range(500):
                await asyncio.sleep(0.01)
                if not state.connections:
                    break
            self.assertEqual((set(), 0), (state.connections,
                                          state.total_requests))

    async def test_connections_are_counted(self):
        async with self.serving(connections=2) as listener:
            held = [await self.connect(listener) for _ in range(2)]
            for reader, writer in held:
                writer.write(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
                await self.response(reader)
            reader, writer = await self.connect(listener)
            with contextlib.suppress(ConnectionError):
                writer.write(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
                self.assertEqual(b'', await reader.read())

    async def test_a_port_in_use_names_the_option(self):
        async with self.serving() as listener:
            other = listening.Listener(
                echo, 'operator', options(port=listener.port), None,
                http_protocol.Bounds(1, 1.0), 1)
            error = (await asyncio.gather(other.start(),
                                          return_exceptions=True))[0]
            self.assertIsInstance(error, errors.BadOption)
            self.assertIn('Option port in [operator]', error.message)


class TestOpenFiles(base.TestCase):
    """The limit follows what the door may hold."""

    def setUp(self):
        super().setUp()
        self.limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE,
                        self.limits)

    def test_raised_as_far_as_allowed(self):
        _soft, hard = self.limits
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
        listening.allow_open_files(600)
        self.assertEqual((600, hard),
                         resource.getrlimit(resource.RLIMIT_NOFILE))
        listening.allow_open_files(10)
        self.assertEqual((600, hard),
                         resource.getrlimit(resource.RLIMIT_NOFILE))
        self.assertEqual('', self.log.output)

    def test_too_little(self):
        _soft, hard = self.limits
        if hard == resource.RLIM_INFINITY:
            self.skipTest('this process has no limit')
        listening.allow_open_files(hard + 1)
        self.assertEqual((hard, hard),
                         resource.getrlimit(resource.RLIMIT_NOFILE))
        self.assertIn('connections_max', self.log.output)


class TestPlainHTTP(base.TestCase):
    """Without TLS only where nobody else can listen."""

    def test_loopback(self):
        for host in ('127.0.0.1', '127.9.9.9', '::1', 'localhost'):
            listening.check_plain_http('door', options(host=host))

    def test_anywhere_else_the_option_is_named(self):
        for host in ('0.0.0.0', '192.0.2.1', '::', 'localhost.example',
                     'door.example'):
            error = self.assertRaises(
                errors.BadOption, listening.check_plain_http, 'door',
                options(host=host))
            self.assertIn('Option plain_http in [door]', error.message)
            listening.check_plain_http(
                'door', options(host=host, plain_http=False))

    def test_a_missing_certificate_names_the_option(self):
        error = self.assertRaises(
            errors.BadOption, listening.tls_context, 'door', '/nowhere',
            '/nowhere')
        self.assertIn('Option certificate_file in [door]', error.message)
