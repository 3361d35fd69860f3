# SPDX-License-Identifier: Apache-2.0
"""Endless data, and slow drip.

Clients and members send more than anybody should keep: bodies, headers and
frames without an end, or a byte now and then for ever.  All of it is refused
by what it announces, before it is read, or after a bounded time; the process
stays small and the federation goes on.
"""

import contextlib
import json
import socket
import ssl
import struct
import subprocess
import time

from tacker_ledger.core import codec
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.ledger import transaction
from tacker_ledger.core import limits
from tacker_ledger.tests.attacks import evil_peer
from tacker_ledger.tests.attacks import node_case

_MIB = 1024 * 1024
RECEIVE_SECONDS = 2
#: What a process may grow by under any of this.
GROWTH_MAX_BYTES = 128 * _MIB


class EndlessCase(node_case.NodeCase):
    """Attacks on one node; its memory is looked at."""

    OPTIONS = {'door': {'receive_timeout_seconds': RECEIVE_SECONDS}}

    @contextlib.contextmanager
    def unharmed(self, index, growth_max_bytes=GROWTH_MAX_BYTES):
        """Demand that a node neither grows nor changes, and goes on."""
        with (self.nothing_changes(),
              self.bounded_memory(index, growth_max_bytes)):
            yield
        self.assert_goes_on(index)

    def opened(self, index=0):
        """Return a connection to a door."""
        connection = socket.create_connection(self.address(index), 5.0)
        self.addCleanup(connection.close)
        return connection

    def told(self, connection, seconds=5.0):
        """Return (status, JSON) that a door answers with, (0, {}) if none."""
        connection.settimeout(seconds)
        data = b''
        with contextlib.suppress(OSError):
            while piece := connection.recv(65536):
                data += piece
                head, found, body = data.partition(b'\r\n\r\n')
                if found and len(body) >= _length(head):
                    break
        if not data:
            return 0, {}
        head, _found, body = data.partition(b'\r\n\r\n')
        status = int(head.split()[1])
        return status, json.loads(body) if body[:1] == b'{' else {}


def _length(head):
    for line in head.lower().split(b'\r\n'):
        if line.startswith(b'content-length:'):
            return int(line.partition(b':')[2])
    return 0


def post_head(length, extra=b''):
    """Return the head of a request that announces a body."""
    announced = (b'' if length is None
                 else b'Content-Length: %d\r\n' % length)
    return (b'POST /v1/transactions HTTP/1.1\r\nHost: x\r\n'
            b'Content-Type: application/cbor\r\n' + announced + extra
            + b'\r\n')


class TestDoor(EndlessCase):
    """The door for tenants and VNFs."""

    NODES = 1

    def test_bodies_are_refused_by_their_size(self):
        """No byte of them is sent, and the answer is there all the same."""
        with self.unharmed(0):
            for length in (16 * _MIB + 1, 10 ** 12, 2 ** 63 - 1):
                connection = self.opened()
                connection.sendall(post_head(length))
                status, error = self.told(connection)
                self.assertEqual((413, 'too-large'),
                                 (status, error.get('code')))

    def test_bodies_without_an_end(self):
        """Chunks, or more than was announced."""
        with self.unharmed(0):
            connection = self.opened()
            connection.sendall(post_head(
                None, b'Transfer-Encoding: chunked\r\n'))
            status, error = self.told(connection)
            self.assertEqual((411, 'malformed'),
                             (status, error.get('code')))
            # What is poured after it is dropped, and not for long.
            chunk = b'10000\r\n' + bytes(0x10000) + b'\r\n'
            evil_peer.poured(connection, chunk, 128 * _MIB)
            self.assertTrue(evil_peer.closed(
                connection, 2 * RECEIVE_SECONDS))
            connection = self.opened()
            connection.sendall(post_head(17 * _MIB))
            self.assertLess(evil_peer.poured(
                connection, bytes(_MIB), 512 * _MIB), 256 * _MIB)

    def test_large_ones_at_a_time(self):
        """The door holds so many bytes of strangers, not one more."""
        with self.unharmed(0):
            crowd = [self.opened() for _ in range(24)]
            for connection in crowd:
                connection.sendall(post_head(16 * _MIB))
            told = [self.told(connection, 2 * RECEIVE_SECONDS)
                    for connection in reversed(crowd)]
            codes = [error.get('code') for _status, error in told]
            self.assertEqual(8, codes.count('busy'))
            self.assertEqual(16, codes.count('timeout'))
            self.assertEqual({503, 504}, {status for status, _ in told})

    def test_a_transaction_that_is_too_large(self):
        junk = bytes(limits.TRANSACTION_MAX_BYTES + 1)
        with self.unharmed(0):
            answer = self.post(0, codec.encode((1, junk, None)))
            self.assertEqual(400, answer.status)
            self.assertIn(answer.codes[0], ('malformed', 'too-large'))
            answer = self.post(0, codec.encode((junk,)))
            self.assertEqual((202, ['malformed']),
                             (answer.status, answer.codes))
            answer = self.post(0, codec.encode(
                (b'x',) * (limits.BATCH_SUBMIT_MAX_COUNT + 1)))
            self.assertEqual((400, ['malformed']),
                             (answer.status, answer.codes))

    def test_structure_without_an_end(self):
        """Announced lengths and depths are not believed."""
        with self.unharmed(0):
            for body in (b'\x9b' + b'\xff' * 8, b'\x81' * (4 * _MIB),
                         b'\x9f' * _MIB, b'\x5b' + b'\x7f' * 8 + b'x',
                         b'\x83\x01\x5b' + b'\x7f' * 8, b'\xbb' * _MIB,
                         b'\x9a\x00\x0f\xff\xff' + bytes(0xfffff)):
                answer = self.post(0, body)
                self.assertIn((answer.status, answer.codes[0]),
                              ((400, 'malformed'), (413, 'too-large')))

    def test_headers_without_an_end(self):
        with self.unharmed(0):
            for line in (b'X-Filler: ' + b'x' * 8000 + b'\r\n',
                         b'x' * 8192):
                connection = self.opened()
                connection.sendall(b'GET /v1/head HTTP/1.1\r\nHost: x\r\n')
                self.assertLess(evil_peer.poured(
                    connection, line, 512 * _MIB), 16 * _MIB)
            connection = self.opened()
            connection.sendall(b'GET /')
            self.assertLess(evil_peer.poured(
                connection, b'a' * 8192, 512 * _MIB), 16 * _MIB)

    def test_questions_without_an_end(self):
        session = self.session()
        url = self.members.url(0)
        keys = '&'.join(f'key={number:064x}' for number in range(257))
        with self.unharmed(0):
            for path in (f'/v1/state?{keys}', '/v1/state?' + 'key=00&' * 290,
                         '/v1/histories/' + '0' * 64 + '?limit=101',
                         '/v1/blocks/' + '9' * 5000,
                         '/v1/head?since=' + '9' * 40 + '&wait=1',
                         '/v1/head?since=0&wait=100000',
                         '/v1/search?limit=1000000'):
                reply = session.get(url + path, timeout=10)
                self.assertIn(reply.status_code, (400, 413, 414))
                self.assertIn(reply.json()['code'],
                              ('bad-option', 'too-large', 'malformed'))

    def test_slow_drip(self):
        """A header, or a body, of which a byte comes now and then."""
        with self.unharmed(0):
            began = time.monotonic()
            dripping = [self.opened() for _ in range(3)]
            dripping[0].sendall(b'GET /v1/he')
            dripping[1].sendall(post_head(1000) + b'\x83')
            dripping[2].sendall(b'P')
            alive = set(dripping)
            while alive and time.monotonic() - began < 5 * RECEIVE_SECONDS:
                time.sleep(0.2)
                for connection in list(alive):
                    connection.settimeout(0.01)
                    try:
                        connection.sendall(b'x')
                        if not connection.recv(4096):
                            alive.discard(connection)
                    except TimeoutError:
                        pass
                    except OSError:
                        alive.discard(connection)
            self.assertEqual(set(), alive)


class TestPeerPort(EndlessCase):
    """The port between members, as stranger and as one of them."""

    @classmethod
    def prepare(cls):
        """The member with the lowest node key dials all others."""
        members = cls.members.genesis.members
        lowest = min(range(cls.NODES),
                     key=lambda index: members[index].node_key.signing)
        cls.ABSENT = (lowest,)
        cls.TARGET = (lowest + 1) % cls.NODES

    def peer(self):
        """Return that member gone bad, connected and not greeted."""
        made = evil_peer.EvilPeer(self.members, *self.ABSENT, self.TARGET)
        self.addCleanup(made.close)
        return made

    def test_strangers(self):
        """Without a member's key nobody is listened to."""
        host, port = self.members.genesis.members[
            self.TARGET].peer_address.split(':')
        with self.unharmed(self.TARGET):
            plain = socket.create_connection((host, int(port)), 5.0)
            self.addCleanup(plain.close)
            self.assertLess(evil_peer.poured(
                plain, bytes(65536), 512 * _MIB), 64 * _MIB)
            for context in (self.tls(), self.self_signed()):
                plain = socket.create_connection((host, int(port)), 5.0)
                self.addCleanup(plain.close)
                try:
                    connection = context.wrap_socket(plain)
                except (OSError, ssl.SSLError):
                    continue
                self.assertTrue(evil_peer.closed(connection))

    def self_signed(self):
        """Return a context with a certificate of nobody's."""
        directory = self.make_directory()
        files = directory / 'cert.pem', directory / 'key.pem'
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'ed25519', '-nodes',
             '-subj', '/CN=node-1', '-days', '1', '-out', str(files[0]),
             '-keyout', str(files[1])], check=True, capture_output=True)
        return self.tls(*files)

    def test_greetings_without_an_end(self):
        """A length that no greeting has ends it at its fourth byte."""
        with self.unharmed(self.TARGET):
            for size in (12 * _MIB + 1, 2 ** 31, 2 ** 32 - 1, 0):
                peer = self.peer()
                peer.send_raw(struct.pack('>I', size))
                self.assertTrue(evil_peer.closed(peer.connection))
            peer = self.peer()
            peer.send_raw(struct.pack('>I', 2 ** 32 - 1))
            self.assertLess(evil_peer.poured(
                peer.connection, bytes(65536), 512 * _MIB), 64 * _MIB)

    def test_frames_without_an_end(self):
        """The same after the greeting, from a member in good standing."""
        with self.unharmed(self.TARGET):
            for size in (limits.FRAME_MAX_BYTES + 1, 2 ** 32 - 1, 0):
                peer = self.peer().greet()
                peer.send_raw(struct.pack('>I', size))
                self.assertTrue(evil_peer.closed(peer.connection))
            peer = self.peer().greet()
            peer.send_raw(struct.pack('>I', limits.FRAME_MAX_BYTES + 1))
            self.assertLess(evil_peer.poured(
                peer.connection, bytes(65536), 512 * _MIB), 64 * _MIB)

    def test_the_largest_frames_of_junk(self):
        """Allowed by size, good for nothing: soon nobody listens."""
        junk = (b'\x00' * 1000, b'\x81' * _MIB, b'\x9b' + b'\xff' * 8,
                b'\x81\x18\x63', bytes(limits.FRAME_MAX_BYTES))
        with self.unharmed(self.TARGET):
            peer = self.peer().greet()
            sent = 0
            with contextlib.suppress(OSError, ssl.SSLError):
                while sent < 100:
                    peer.send(junk[sent % len(junk)])
                    sent += 1
            self.assertLess(sent, 100)
            self.assertTrue(evil_peer.closed(peer.connection))
            self.members.wait_until(
                lambda: 'too many bad frames'
                in self.members.log(self.TARGET), 5.0, 'the link is cut')

    def test_endless_forwarding(self):
        """What a member forwards waits in a bounded queue.

        Each looks good until its signature is checked, which takes longer
        than to send it again.
        """
        good = self.author().template(2048).transaction
        forged = codec.encode((
            1, good.txid, bytes(len(good.signature)), good.content_bytes))
        submission = transaction.Submission(forged).to_bytes()
        frame = messages.encode(messages.Transactions(
            True, (submission,) * limits.BLOCK_MAX_TRANSACTIONS))
        frames = 200 * _MIB // len(frame)
        with self.unharmed(self.TARGET, 80 * _MIB):
            peer = self.peer().greet()
            for _ in range(frames):
                peer.send(frame)
            peer.close()

    def test_one_connection_after_the_other(self):
        """Those that do not greet take few places, and not for long."""
        with self.unharmed(self.TARGET):
            crowd = [self.peer() for _ in range(80)]
            ended = [peer for peer in crowd
                     if evil_peer.closed(peer.connection, 0.02)]
            self.assertGreaterEqual(len(ended), 80 - 64)
            # Those that were let in hear the hello and then nothing.
            self.assertTrue(all(
                evil_peer.closed(peer.connection, 12.0) for peer in crowd
                if peer not in ended))
