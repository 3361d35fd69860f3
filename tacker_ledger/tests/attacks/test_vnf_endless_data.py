# SPDX-License-Identifier: Apache-2.0
"""Endless data and slow drip: a node that holds a VNF by its connection.

Real sockets on loopback: the first node answers for ever, drop by drop or
with a flood; the others are honest.
"""

import contextlib
import pathlib
import socket
import threading
import time

from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.tests import agent_case

_HEAD = (b'HTTP/1.1 200 OK\r\nContent-Type: application/cbor\r\n'
         b'%s\r\n\r\n')


class HostileServer:
    """Accepts connections and answers each with what a function sends."""

    def __init__(self, send):
        self._send = send
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.url = 'http://127.0.0.1:%d' % self._listener.getsockname()[1]
        self.ended = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(connection,),
                                 daemon=True).start()

    def _answer(self, connection):
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            self._send(connection, self.ended)

    def close(self):
        self.ended.set()
        self._listener.close()


def drip(connection, ended):
    """One byte now and then, within a body that was announced."""
    connection.sendall(_HEAD % b'Content-Length: 100000')
    while not ended.wait(0.1):
        connection.sendall(b'x')


def drip_headers(connection, ended):
    """Headers without end, slowly."""
    connection.sendall(b'HTTP/1.1 200 OK\r\n')
    while not ended.wait(0.1):
        connection.sendall(b'X-Filler: x\r\n')


def flood(connection, ended):
    """Chunks without end, as fast as they are taken."""
    connection.sendall(_HEAD % b'Transfer-Encoding: chunked')
    chunk = b'10000\r\n' + bytes(65536) + b'\r\n'
    while not ended.is_set():
        connection.sendall(chunk)


def announce_too_much(connection, ended):
    """A length that nobody should make room for."""
    connection.sendall(_HEAD % (b'Content-Length: %d' % (1 << 62)))
    ended.wait(20)


def silence(connection, ended):
    """A connection and nothing else."""
    ended.wait(20)


def nonsense(connection, ended):
    """Not HTTP."""
    connection.sendall(bytes(range(256)) * 10)


class TestEndlessData(agent_case.AgentCase):

    def hostile(self, send):
        """Return a VNF that asks this server first, then honest nodes."""
        server = HostileServer(send)
        self.addCleanup(server.close)
        listening = self.doors.listening()
        urls = listening.__enter__()
        self.addCleanup(listening.__exit__, None, None, None)
        node = agent_case.document_module.Node
        document = self.bootstrap_document(nodes=(
            node(server.url, 0), node(urls[1], 1), node(urls[2], 2)))
        self.vnf = self.start(document=document,
                              request_timeout_seconds=0.5)
        client = self.vnf.agent.fetcher.client
        client._connections = {}
        client.pool._rank.sort(key=lambda one: one.member)

    def assertSurvives(self, send, *codes):
        self.hostile(send)
        before = _resident_bytes()
        self.commit(self.author(self.configuration(b'good')))
        began = time.monotonic()
        self.poll()
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual(b'good', self.vnf.content())
        self.assertLess(_resident_bytes() - before,
                        4 * limits.ANSWER_MAX_BYTES)
        self.assertTrue(any(f'no acceptable answer, {code}'
                            in self.log.output for code in codes),
                        self.log.output)
        # and alone with it nothing changes
        self.vnf.agent.fetcher.client.pool.replace(
            [self.vnf.agent.fetcher.client.pool.nodes()[-1]])
        self.assertNothingChanged(self._poll_alone)

    def _poll_alone(self):
        self.assertRaises(errors.LedgerError, self.poll)

    def test_slow_drip(self):
        self.assertSurvives(drip, 'timeout')

    def test_slow_drip_of_headers(self):
        self.assertSurvives(drip_headers, 'timeout', 'no-node', 'bad-answer')

    def test_endless_data(self):
        self.assertSurvives(flood, 'too-large', 'timeout')

    def test_a_length_without_measure(self):
        self.assertSurvives(announce_too_much, 'too-large')

    def test_silence(self):
        self.assertSurvives(silence, 'timeout')

    def test_nonsense(self):
        self.assertSurvives(nonsense, 'no-node', 'bad-answer')


def _resident_bytes() -> int:
    status = pathlib.Path('/proc/self/status').read_text()
    (line,) = [line for line in status.splitlines()
               if line.startswith('VmRSS:')]
    return int(line.split()[1]) * 1024
