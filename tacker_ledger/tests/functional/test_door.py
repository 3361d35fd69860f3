# SPDX-License-Identifier: Apache-2.0
"""The tenant and VNF door of real node processes, over real TLS."""

import asyncio
import configparser
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

from testtools import content

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional import doors
from tacker_ledger.tests.functional import federation
from tacker_ledger.transport import client

CROWD = 1000


class DoorCase(base.TestCase):
    """A federation for a class."""

    TIMEOUT_SCALE = 5
    OPTIONS: federation.Options = {}
    NODES = 4

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.members = federation.Federation(
            cls.NODES, heartbeat_seconds=1.0, options=cls.OPTIONS)
        cls.addClassCleanup(cls.members.close)
        cls.h = cls.members.h

    def setUp(self):
        super().setUp()
        self.members.start_all()
        self.client = self.connect()
        self.author = authors.Author(self.h)
        self.vnf = authors.Author(self.h)

    def connect(self, nodes=None, **more):
        made = doors.connect(self.members, nodes, **more)
        self.addCleanup(made.close)
        return made

    def node(self, index):
        return client.Node(self.members.url(index), index)

    def report(self, **figures):
        """Attach figures to the result and show them."""
        text = json.dumps({'test': self.id().rpartition('.')[2], **figures})
        self.addDetail('figures', content.text_content(text))
        sys.stderr.write(f'figures: {text}\n')

    def pair_key(self):
        return identifiers.pair_state_key(self.h, self.vnf.key_id,
                                          self.author.key_id)

    def committed(self, written, node=None):
        reply = self.client.submit([written.submission], node=node)
        self.assertEqual(((written.txid, None, None),), reply.body)
        reply = self.client.transaction(written.txid, wait_seconds=30,
                                        node=node)
        self.assertIsNotNone(reply.body)
        return reply


class TestRoutes(DoorCase):
    """Every route of every node."""

    def test_from_submission_to_proof(self):
        written = [self.author.configuration(self.vnf) for _ in range(3)]
        light = doors.judge(self.members)
        for number, one in enumerate(written):
            reply = self.committed(one, self.node(number))
            (header, certificate), inclusion, raw = reply.body
            found = light.check_transaction(header, certificate, raw,
                                            inclusion)
            self.assertEqual(one.txid, found.txid)
        for index in range(4):
            node = self.node(index)
            self.client.transaction(written[-1].txid, wait_seconds=30,
                                    node=node)
            history = doors.proven_history(
                self.client, doors.judge(self.members), self.pair_key(),
                node=node)
            self.assertEqual([one.txid for one in written],
                             [entry[2].txid for entry in history])

    def test_block_by_block(self):
        self.committed(self.author.template())
        light = doors.judge(self.members)
        height = self.client.head().answer.head_height
        seen = 0
        for number in range(height + 1):
            (header, certificate), raws = self.client.block(number).body
            seen += len(raws)
            if number == 0 or certificate:
                self.assertEqual(
                    number, light.certify(header, certificate).height)
        self.assertGreaterEqual(seen, 1)
        self.assertIsNone(self.client.block(10 ** 6).body)

    def test_absence(self):
        light = doors.judge(self.members)
        head, ((key, value, proof),) = self.client.state([bytes(32)]).body
        self.assertIsNone(value)
        light.check_state(light.accept_head(*head), key, value, proof)
        self.assertIsNone(self.client.transaction(bytes(32)).body)

    def test_the_rest(self):
        written = self.author.template()
        self.committed(written)
        signed, pair, inclusion, raw = self.client.federations().body[0]
        self.assertEqual((self.members.genesis_file.read_bytes(), None, None,
                          None), (signed, pair, inclusion, raw))
        node = self.client.pool.nodes()[0]
        self.members.wait_until(lambda: self.client.search(
            sender=self.author.key_id.hex(), node=node), 30, 'indexed')
        row, = self.client.search(sender=self.author.key_id.hex(), node=node)
        self.assertEqual((written.txid.hex(), 1), (row['txid'], row['vid']))
        self.assertEqual({'state': 'committed'},
                         self.client.fate(written.txid, node=node))
        for index in range(4):
            status = self.client.status(node=self.node(index))
            self.assertEqual((index, 4, True), (
                status['member'], status['members'], status['has_quorum']))
            for path in ('/', '/healthcheck', '/v1/openapi.json'):
                with urllib.request.urlopen(
                        self.members.url(index) + path,
                        context=ssl.create_default_context(
                            cafile=str(self.members.ca_file))) as got:
                    self.assertEqual(200, got.status)

    def test_batch(self):
        written = [self.author.template() for _ in range(100)]
        started = time.monotonic()
        reply = self.client.submit([one.submission for one in written])
        self.assertEqual([(one.txid, None, None) for one in written],
                         list(reply.body))
        for one in written:
            self.assertIsNotNone(self.client.transaction(
                one.txid, wait_seconds=30).body)
        self.report(batch_of_100_committed_seconds=round(
            time.monotonic() - started, 3))

    def test_the_largest_configuration(self):
        written = self.author.template(size=1_000_000)
        reply = self.committed(written)
        self.assertEqual(written.transaction.raw, reply.body[2])

    def test_refusals(self):
        first = self.author.template()
        self.committed(first)
        again, late = first.submission, self.author.template(
            cid=first.transaction.content.cid, vid=7).submission
        reply = self.client.submit([again, late, b'junk'])
        self.assertEqual(['duplicate', 'vid-conflict', 'malformed'],
                         [code for _txid, code, _message in reply.body])

    def test_long_poll(self):
        key = self.pair_key()
        node = self.node(0)
        height = self.client.head(node=node).answer.head_height
        written = self.author.configuration(self.vnf)
        timer = threading.Timer(0.5, lambda: self.client.submit(
            [written.submission], node=self.node(1)))
        timer.start()
        self.addCleanup(timer.join)
        while True:
            reply = self.client.state([key], since=height, wait_seconds=30,
                                      node=node)
            _head, ((_key, value, _proof),) = reply.body
            if value is not None:
                break


class TestBounds(DoorCase):
    """What a stranger may do to a door."""

    NODES = 1

    def tls(self, **changed):
        context = ssl.create_default_context(
            cafile=str(self.members.ca_file))
        for name, value in changed.items():
            setattr(context, name, value)
        host, _, port = self.members.url(0).rpartition('//')[2].rpartition(
            ':')
        raw = socket.create_connection((host, int(port)), 20)
        self.addCleanup(raw.close)
        made = context.wrap_socket(raw, server_hostname=host)
        self.addCleanup(made.close)
        return made

    def test_tls_1_2_is_refused(self):
        self.assertEqual('TLSv1.3', self.tls().version())
        self.assertRaises(ssl.SSLError, self.tls,
                          maximum_version=ssl.TLSVersion.TLSv1_2)

    def test_plain_http_to_a_tls_door(self):
        self.assertRaises(
            OSError, urllib.request.urlopen,
            self.members.url(0).replace('https', 'http') + '/v1/head',
            None, 20)

    def test_an_oversize_body_is_refused_before_it_is_read(self):
        connection = self.tls()
        connection.sendall(
            b'POST /v1/transactions HTTP/1.1\r\nHost: door\r\n'
            b'Content-Type: application/cbor\r\n'
            b'Content-Length: 1000000000000\r\n\r\n')
        head = connection.recv(65536)
        self.assertTrue(head.startswith(b'HTTP/1.1 413 '), head)

    def test_endless_header(self):
        connection = self.tls()
        before = doors.anonymous_memory_bytes(self.members.pid(0))
        connection.sendall(b'GET /v1/head HTTP/1.1\r\nX: ')

        def flood():
            while True:
                connection.sendall(b'x' * 65536)

        self.assertRaises(OSError, flood)
        after = doors.anonymous_memory_bytes(self.members.pid(0))
        self.assertLess(after - before, 16 * 1024 * 1024)

    def test_a_body_that_is_announced_and_does_not_come(self):
        for method in (b'GET', b'POST', b'PUT'):
            connection = self.tls()
            connection.sendall(
                method + b' /v1/head HTTP/1.1\r\nHost: door\r\n'
                b'Content-Length: 100\r\n\r\n')
            self.assertTrue(connection.recv(65536).startswith(b'HTTP/1.1 '))

    def test_many_keys_fit(self):
        keys = [bytes([number]) * 32 for number in range(256)]
        reply = self.client.state(keys)
        self.assertEqual(256, len(reply.body[1]))


class TestStart(base.TestCase):
    """Options which are refused at start, by their names."""

    TIMEOUT_SCALE = 2

    def setUp(self):
        super().setUp()
        self.members = federation.Federation(
            1, directory=self.make_directory() / 'federation', start=False,
            admission='registered')
        self.addCleanup(self.members.close)

    def refused(self, options, *words):
        path = self.members.config_file(0)
        before = path.read_text()
        self.members.configure(0, options)
        done = subprocess.run(
            [sys.executable, '-m', 'tacker_ledger.cmd.node',
             '--config-file', str(path)], cwd=base.CHECKOUT, text=True,
            capture_output=True, timeout=60)
        self.assertEqual(1, done.returncode, done.stderr)
        for word in ('error: bad-option: ', *words):
            self.assertIn(word, done.stderr)
        path.write_text(before)

    def test_refused(self):
        self.refused({'door': {'host': '0.0.0.0', 'plain_http': True}},
                     'plain_http in [door]')
        self.refused({'operator': {'host': '0.0.0.0', 'plain_http': True,
                                   'auth_strategy': 'noauth'}},
                     'plain_http in [operator]')
        self.refused({'operator': {'host': '0.0.0.0', 'plain_http': False,
                                   'auth_strategy': 'noauth'}},
                     'auth_strategy in [operator]')
        self.refused({'operator': {'auth_strategy': 'keystone'}},
                     'auth_type in [keystone_authtoken]')
        self.refused({'door': {'trusted_proxies': 'proxy.example'}},
                     'trusted_proxies in [door]')
        self.refused({'door': {'certificate_file': '/nowhere.pem'}},
                     'certificate_file in [door]')
        self.refused({'door': {'port': 99999}}, 'port')
        with socket.create_server(('127.0.0.1', 0)) as held:
            self.refused({'door': {'port': held.getsockname()[1]}},
                         'port in [door]')


class TestNoQuorum(DoorCase):
    """Two of four are away."""

    def test_writes_are_refused_at_once_and_reads_go_on(self):
        first = self.author.configuration(self.vnf)
        self.committed(first, self.node(0))
        for index in (2, 3):
            self.members.stop(index)
        self.members.wait_until(
            lambda: not self.members.status(0)['has_quorum'], 30,
            'node 0 sees no quorum')
        node = self.node(0)
        started = time.monotonic()
        error = self.assertRaises(
            errors.NoQuorum, self.client.submit,
            [self.author.template().submission], node=node)
        self.report(no_quorum_seconds=round(time.monotonic() - started, 3))
        self.assertGreaterEqual(error.details['retry_after_seconds'], 1)
        history = doors.proven_history(
            self.client, doors.judge(self.members), self.pair_key(),
            node=node)
        self.assertEqual([first.txid], [entry[2].txid for entry in history])
        self.assertIsNotNone(self.client.block(1, node=node).body)
        self.members.start_all()
        self.committed(self.author.template(), node)


class TestThousandWaitingClients(DoorCase):
    """A thousand VNFs wait at one node."""

    TIMEOUT_SCALE = 10
    OPTIONS = {'door': {'waiters_max': CROWD,
                        'waiters_per_address_max': CROWD,
                        'rate_burst_per_address': 100_000}}
    HEARTBEAT_SECONDS = 60

    @classmethod
    def setUpClass(cls):
        super(DoorCase, cls).setUpClass()
        cls.members = federation.Federation(
            cls.NODES, heartbeat_seconds=cls.HEARTBEAT_SECONDS,
            options=cls.OPTIONS)
        cls.addClassCleanup(cls.members.close)
        cls.h = cls.members.h

    def test_all_are_woken(self):
        asyncio.run(self.wake())

    async def wake(self):
        pid = self.members.pid(0)
        node = self.node(0)
        self.client.head(node=node)
        before = doors.anonymous_memory_bytes(pid)
        async with doors.crowd(node.url, CROWD,
                               self.members.ca_file) as crowd:
            connected = doors.anonymous_memory_bytes(pid)
            key = self.pair_key().hex()
            target = f'/v1/state?key={key}&since=0&wait=60&nonce={{:032x}}'
            asked = [asyncio.create_task(one.ask(target.format(number)))
                     for number, one in enumerate(crowd)]
            while self.status()['waiters'] < CROWD:
                await asyncio.sleep(0.1)
            waiting = doors.anonymous_memory_bytes(pid)
            await self.over_the_cap(target)
            written = self.author.configuration(self.vnf)
            woken = []
            for task in asked:
                task.add_done_callback(
                    lambda _task: woken.append(time.monotonic()))
            await asyncio.to_thread(self.client.submit,
                                    [written.submission], node=node)
            answers = await asyncio.gather(*asked)
            self.assertEqual({200}, {status for status, *_ in answers})
            self.assertEqual(CROWD, len({body for *_, body in answers}))
            self.assertEqual(0, self.status()['waiters'])
            self.report(
                waiters=CROWD,
                connections_mib=round((connected - before) / 2 ** 20, 1),
                waiting_mib=round((waiting - connected) / 2 ** 20, 1),
                all_woken_ms=round((max(woken) - min(woken)) * 1000))
            self.assertLess(waiting - before, 300 * 2 ** 20)

    def status(self):
        return self.client.status(node=self.node(0))

    async def over_the_cap(self, target):
        """One more client gets the present head and a hint."""
        node = self.node(0)
        async with doors.crowd(node.url, 1, self.members.ca_file) as (one,):
            started = time.monotonic()
            status, headers, _body = await one.ask(target.format(10 ** 9))
            self.assertEqual(200, status)
            self.assertIn(int(headers['retry-after']), range(1, 62))
            self.report(over_the_cap_ms=round(
                (time.monotonic() - started) * 1000, 1))

    def test_clients_that_go_are_forgotten(self):
        asyncio.run(self.go())

    async def go(self):
        node = self.node(0)
        async with doors.crowd(node.url, 50,
                               self.members.ca_file) as crowd:
            target = f'/v1/state?key={"00" * 32}&since=0&wait=60'
            tasks = [asyncio.create_task(one.ask(target)) for one in crowd]
            while self.status()['waiters'] < 50:
                await asyncio.sleep(0.05)
        await asyncio.gather(*tasks, return_exceptions=True)
        while self.status()['waiters']:
            await asyncio.sleep(0.05)

    def test_at_sigterm_all_are_let_go_at_once(self):
        asyncio.run(self.stop())

    async def stop(self):
        node = self.node(0)
        async with doors.crowd(node.url, 200,
                               self.members.ca_file) as crowd:
            target = f'/v1/state?key={"00" * 32}&since=0&wait=60'
            tasks = [asyncio.create_task(one.ask(target)) for one in crowd]
            while self.status()['waiters'] < 200:
                await asyncio.sleep(0.05)
            started = time.monotonic()
            ended = asyncio.create_task(asyncio.to_thread(
                self.members.stop, 0))
            answers = await asyncio.gather(*tasks)
            released = time.monotonic() - started
            self.assertEqual(0, await ended)
            self.report(released_seconds=round(released, 3),
                        ended_seconds=round(time.monotonic() - started, 3))
        self.assertEqual({503}, {status for status, *_ in answers})
        self.assertEqual({'shutting-down'}, {
            json.loads(body)['code'] for *_, body in answers})


class TestConfiguration(base.TestCase):
    """The door of a laptop."""

    TIMEOUT_SCALE = 2

    def test_plain_http_on_loopback(self):
        with federation.Federation(1, plain_http=True) as members:
            parser = configparser.ConfigParser()
            parser.read(members.config_file(0))
            self.assertTrue(parser.getboolean('door', 'plain_http'))
            asked = client.LedgerClient(
                [(members.url(0), 0)], members.genesis)
            self.addCleanup(asked.close)
            light = doors.judge(members)
            light.accept_head(*asked.head().body)
