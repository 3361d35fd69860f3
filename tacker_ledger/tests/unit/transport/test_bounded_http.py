# SPDX-License-Identifier: Apache-2.0
"""Requests to servers which do what they want, on the loopback."""

import contextlib
import datetime
import os
import socket
import ssl
import threading
import time

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives import serialization
import fixtures

from tacker_ledger.core import errors
from tacker_ledger.tests import base
from tacker_ledger.transport import bounded_http
from tacker_ledger.transport import certificates

SHORT_SECONDS = 0.3
#: Bound on what a call of SHORT_SECONDS may really take on a busy machine.
LONG_SECONDS = 20


class Server(fixtures.Fixture):
    """Runs a function for each connection.

    :param behaviour: is given the socket; it is closed afterwards
    """

    def __init__(self, behaviour):
        super().__init__()
        self._behaviour = behaviour
        self.connections = 0

    def _setUp(self):
        self._listening = socket.create_server(('127.0.0.1', 0))
        self.port = self._listening.getsockname()[1]
        self.url = f'http://127.0.0.1:{self.port}'
        self.addCleanup(self._listening.close)
        self.open = []
        self.addCleanup(lambda: [one.close() for one in self.open])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _address = self._listening.accept()
                self.connections += 1
                self.open.append(connection)
                threading.Thread(target=self._serve, args=(connection,),
                                 daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            self._behaviour(connection)


def answering(data: bytes, keep: bool = True):
    """Return a behaviour which sends the same for every request."""
    def behave(connection):
        while connection.recv(65536):
            connection.sendall(data)
            if not keep:
                return
    return behave


def dripping(prefix: bytes = b''):
    """Return a behaviour which sends a byte now and then."""
    def behave(connection):
        connection.recv(65536)
        connection.sendall(prefix)
        for _ in range(1000):
            connection.sendall(b'x')
            time.sleep(SHORT_SECONDS / 10)
    return behave


def endless(prefix: bytes, piece: bytes):
    """Return a behaviour which never ends."""
    def behave(connection):
        connection.recv(65536)
        connection.sendall(prefix)
        while True:
            connection.sendall(piece)
    return behave


HELLO = (b'HTTP/1.1 200 OK\r\nContent-Type: Application/CBOR; v=1\r\n'
         b'Content-Length: 5\r\n\r\nhello')


class TestConnection(base.TestCase):
    """Bounds of one call."""

    def serve(self, behaviour):
        self.server = self.useFixture(Server(behaviour))
        self.connection = bounded_http.Connection(self.server.url)
        self.addCleanup(self.connection.close)

    def ask(self, target='/v1/head?nonce=00', method='GET', **more):
        return self.connection.request(
            method, target, accept='application/cbor', max_bytes=100_000,
            **{'timeout_seconds': LONG_SECONDS, **more})

    def refused(self, error, behaviour, **more):
        self.serve(behaviour)
        return self.assertRaises(error, self.ask, **more)

    def test_an_answer(self):
        self.serve(answering(HELLO))
        for _ in range(3):
            response = self.ask()
            self.assertEqual(
                (200, 'application/cbor', b'hello', 0.0),
                (response.status, response.media_type, response.content,
                 response.retry_after_seconds))
        self.assertEqual(1, self.server.connections)

    def test_what_is_sent(self):
        seen = []

        def behave(connection):
            data = b''
            while not data.endswith(b'\r\n\r\nabc'):
                data += connection.recv(65536)
            seen.append(data)
            connection.sendall(HELLO)

        self.useFixture(fixtures.EnvironmentVariable(
            'http_proxy', 'http://127.0.0.1:1'))
        self.serve(behave)
        self.ask('/v1/state?key=00&key=01', 'POST', body=b'abc',
                 body_type='application/cbor')
        head, _, body = seen[0].partition(b'\r\n\r\n')
        lines = head.split(b'\r\n')
        self.assertEqual(b'POST /v1/state?key=00&key=01 HTTP/1.1', lines[0])
        self.assertEqual(b'abc', body)
        self.assertIn(b'Accept-Encoding: identity', lines)
        self.assertIn(b'User-Agent: tacker-ledger', lines)
        self.assertIn(b'Content-Type: application/cbor', lines)

    def test_a_target_that_would_be_rewritten(self):
        self.serve(answering(HELLO))
        for target in ('/a b', '/\u00e9', '/a/../b\n'):
            self.assertRaises(errors.BadOption, self.ask, target)

    def test_slow_drip_of_a_body(self):
        self.refused(errors.Timeout, dripping(
            b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n'),
            timeout_seconds=SHORT_SECONDS)

    def test_slow_drip_of_a_header(self):
        self.refused(errors.Timeout, dripping(),
                     timeout_seconds=SHORT_SECONDS)

    def test_slow_drip_of_chunks(self):
        self.refused(errors.Timeout, dripping(
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;'),
            timeout_seconds=SHORT_SECONDS)

    def test_silence(self):
        self.refused(errors.Timeout, lambda connection: time.sleep(60),
                     timeout_seconds=SHORT_SECONDS)

    def test_a_server_that_does_not_read(self):
        self.refused(errors.Timeout, lambda connection: time.sleep(60),
                     timeout_seconds=SHORT_SECONDS, method='POST',
                     body=bytes(16 * 1024 * 1024), body_type='a/b')

    def test_endless_data(self):
        piece = b'10000\r\n' + bytes(65536) + b'\r\n'
        self.refused(errors.TooLarge, endless(
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', piece))
        self.refused(errors.TooLarge, endless(
            b'HTTP/1.0 200 OK\r\n\r\n', bytes(65536)))

    def test_endless_lines(self):
        chunked = (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked'
                   b'\r\n\r\n')
        for prefix in (b'', b'HTTP/1.1 200 OK\r\n', chunked):
            self.refused(errors.NoNode, endless(prefix, b'1' * 65536))
        self.refused(errors.NoNode, endless(
            b'HTTP/1.1 200 OK\r\n', b'X-Many: 1\r\n' * 1000))

    def test_endless_continuation(self):
        self.refused(errors.Timeout, endless(
            b'', b'HTTP/1.1 100 Continue\r\n\r\n'),
            timeout_seconds=SHORT_SECONDS)

    def test_an_announced_size_over_the_bound(self):
        for size in (b'100001', b'9' * 4000):
            self.refused(errors.TooLarge, answering(
                b'HTTP/1.1 200 OK\r\nContent-Length: ' + size
                + b'\r\n\r\n'))

    def test_compressed(self):
        self.refused(errors.BadAnswer, answering(
            b'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n'
            b'Content-Length: 5\r\n\r\nhello'))

    def test_redirect(self):
        elsewhere = self.useFixture(Server(answering(HELLO)))
        for status in (b'301', b'302', b'307', b'308'):
            self.refused(errors.BadAnswer, answering(
                b'HTTP/1.1 ' + status + b' Moved\r\nLocation: '
                + elsewhere.url.encode()
                + b'/\r\nContent-Length: 0\r\n\r\n'))
        self.assertEqual(0, elsewhere.connections)

    def test_no_cookies(self):
        seen = []

        def behave(connection):
            while data := connection.recv(65536):
                seen.append(data)
                connection.sendall(HELLO.replace(
                    b'\r\n\r\n', b'\r\nSet-Cookie: who=me\r\n\r\n'))

        self.serve(behave)
        self.ask()
        self.ask()
        self.assertNotIn(b'cookie', b''.join(seen).lower())

    def test_cut_off(self):
        self.refused(errors.NoNode, answering(
            b'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello', False))

    def test_not_http(self):
        error = self.refused(errors.NoNode, answering(
            b'\x1b[2J\x07 SSH-2.0\r\n\r\n', False))
        self.assertTrue(error.message.isprintable())

    def test_nobody_listens(self):
        with socket.create_server(('127.0.0.1', 0)) as held:
            port = held.getsockname()[1]
        connection = bounded_http.Connection(f'http://127.0.0.1:{port}')
        self.assertRaises(errors.NoNode, connection.request, 'GET', '/',
                          accept='a/b', timeout_seconds=LONG_SECONDS,
                          max_bytes=1)

    def test_a_kept_connection_that_was_closed_is_opened_again(self):
        def behave(connection):
            connection.recv(65536)
            connection.sendall(HELLO)
            connection.recv(65536)

        self.serve(behave)
        for _ in range(3):
            self.assertEqual(b'hello', self.ask().content)
        self.assertGreaterEqual(self.server.connections, 2)

    def test_retry_after(self):
        for text, seconds in ((b'7', 7.0), (b'-7', 0.0), (b'soon', 0.0),
                              (b'9' * 50, 0.0)):
            self.serve(answering(HELLO.replace(
                b'\r\n\r\n', b'\r\nRetry-After: ' + text + b'\r\n\r\n')))
            self.assertEqual(seconds, self.ask().retry_after_seconds)


class TestAddresses(base.TestCase):
    """Where a client connects to at all."""

    def test_doors_only(self):
        for url in ('http://192.0.2.1:80', 'http://door.example',
                    'ftp://127.0.0.1', 'https://user@door.example',
                    'https://door.example/path', '', 'door'):
            self.assertRaises(errors.BadDocument, bounded_http.Connection,
                              url)

    def test_outside_of_a_call_no_socket_works(self):
        one, other = socket.socketpair()
        self.addCleanup(other.close)
        ours = bounded_http._PlainSocket(one.family, one.type, one.proto,
                                         fileno=one.detach())
        self.addCleanup(ours.close)
        self.assertRaises(TimeoutError, ours.recv, 1)
        self.assertRaises(TimeoutError, ours.send, b'x')
        with bounded_http.deadline(LONG_SECONDS):
            other.sendall(b'x')
            self.assertEqual(b'x', ours.recv(1))


class Authority:
    """A CA with a server certificate."""

    def __init__(self, directory, hosts=('127.0.0.1',), days=10):
        key = ed25519.Ed25519PrivateKey.generate()
        own = ed25519.Ed25519PrivateKey.generate()
        now = datetime.datetime.now(datetime.UTC)
        ca = certificates.authority(key, 'test CA', now, 10)
        leaf = certificates.issue(key, ca, own, 'door', hosts,
                                  now - datetime.timedelta(days=5), days)
        pem = serialization.Encoding.PEM
        self.ca_pem = ca.public_bytes(pem).decode()
        self.file = directory / 'server.pem'
        self.file.write_bytes(certificates.key_pem(own)
                              + leaf.public_bytes(pem))

    def serve(self, maximum=ssl.TLSVersion.TLSv1_3):
        """Return a server's behaviour: HELLO over TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = maximum
        context.load_cert_chain(self.file)

        def behave(connection):
            with context.wrap_socket(connection, server_side=True) as tls:
                answering(HELLO)(tls)

        return behave


class TestTLS(base.TestCase):
    """Which authorities are believed."""

    def ask(self, authority, ca_pem, **more):
        server = self.useFixture(Server(authority.serve(**more)))
        self.connection = bounded_http.Connection(
            f'https://127.0.0.1:{server.port}', ca_pem)
        self.addCleanup(self.connection.close)
        return self.connection.request(
            'GET', '/', accept='a/b', timeout_seconds=LONG_SECONDS,
            max_bytes=100)

    def test_pinned(self):
        self.useFixture(fixtures.EnvironmentVariable(
            'REQUESTS_CA_BUNDLE', os.devnull))
        ours = Authority(self.make_directory())
        self.assertEqual(b'hello', self.ask(ours, ours.ca_pem).content)
        # nobody slipped the usual authorities in
        adapter = self.connection._session.get_adapter('https://127.0.0.1')
        self.assertEqual(1, len(adapter._context.get_ca_certs()))

    def test_refused(self):
        ours = Authority(self.make_directory())
        other = Authority(self.make_directory())
        for authority, ca_pem, more in (
                (other, ours.ca_pem, {}), (ours, None, {}),
                (ours, ours.ca_pem, {'maximum': ssl.TLSVersion.TLSv1_2})):
            self.assertRaises(errors.NoNode, self.ask, authority, ca_pem,
                              **more)
        for made in ({'hosts': ('192.0.2.1',)}, {'days': 1}):
            wrong = Authority(self.make_directory(), **made)
            self.assertRaises(errors.NoNode, self.ask, wrong, wrong.ca_pem)

    def test_plain_text_behind_https(self):
        server = self.useFixture(Server(answering(b'no TLS')))
        connection = bounded_http.Connection(
            f'https://127.0.0.1:{server.port}')
        self.assertRaises(errors.NoNode, connection.request, 'GET', '/',
                          accept='a/b', timeout_seconds=LONG_SECONDS,
                          max_bytes=1)

    def test_silence_in_the_handshake(self):
        server = self.useFixture(Server(
            lambda connection: time.sleep(60)))
        connection = bounded_http.Connection(
            f'https://127.0.0.1:{server.port}')
        self.assertRaises(errors.Timeout, connection.request, 'GET', '/',
                          accept='a/b', timeout_seconds=SHORT_SECONDS,
                          max_bytes=1)

    def test_not_a_certificate(self):
        empty = ('-----BEGIN CERTIFICATE-----\nAA==\n'
                 '-----END CERTIFICATE-----\n')
        for text in ('', 'x', empty):
            self.assertRaises(errors.BadOption, bounded_http.tls_context,
                              text)

    def test_the_context(self):
        for ca_pem in (None, Authority(self.make_directory()).ca_pem):
            context = bounded_http.tls_context(ca_pem)
            self.assertEqual(ssl.CERT_REQUIRED, context.verify_mode)
            self.assertTrue(context.check_hostname)
            self.assertEqual(ssl.TLSVersion.TLSv1_3,
                             context.minimum_version)
