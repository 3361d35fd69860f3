# SPDX-License-Identifier: Apache-2.0
"""Tests of the node's local socket: an API process's view of its node."""

import asyncio
import os
import stat

from tacker_ledger.core import errors
from tacker_ledger.node import localsocket
from tacker_ledger.node import submit as submit_module
from tacker_ledger.tests import base
from tacker_ledger.transport import framing

KEYS = [bytes([number]) * 32 for number in range(4)]


class Facade:
    """A node that remembers what it was asked."""

    def __init__(self):
        self.identity = submit_module.Identity(b'c' * 32, 2, 'node-2',
                                               b'i' * 16)
        self.listeners = []
        self.submitted = []
        self.enrolled = {}
        self.gate = asyncio.Event()
        self.gate.set()

    async def submit(self, submissions, address=None):
        self.submitted.append((list(submissions), address))
        return [submit_module.SubmitResult(KEYS[1]) if raw != b'bad' else
                submit_module.SubmitResult.refused(None, errors.Malformed(
                    'no', where=1)) for raw in submissions]

    async def status(self):
        await self.gate.wait()
        return {'height': 7}

    async def peers(self):
        return [{'member': 1}]

    async def usage(self):
        return []

    async def enrol(self, key_id, label=''):
        self.enrolled[key_id] = label
        return {'label': label}

    async def unenrol(self, key_id):
        if self.enrolled.pop(key_id, None) is None:
            raise errors.NotFound('Not enrolled.', key_id=key_id.hex())

    async def enrolments(self):
        return sorted(self.enrolled.values())

    async def evidence(self):
        return [{'kind': 'equivocation'}]

    async def fate(self, txid):
        return None if txid == KEYS[0] else {'state': 'waiting'}

    def subscribe(self, listener):
        self.listeners.append(listener)
        return lambda: (listener in self.listeners
                        and self.listeners.remove(listener))


def event(height: int, complete: bool = True) -> submit_module.HeadEvent:
    """Return what a node tells of a block."""
    return submit_module.HeadEvent(
        height, 1000 * height, KEYS[3], frozenset(KEYS[:2]),
        frozenset(KEYS[2:3]), complete)


class TestLocalSocket(base.TestCase):

    def setUp(self):
        super().setUp()
        self.path = str(self.make_directory() / 'node.sock')

    async def serve(self, facade: Facade) -> localsocket.LocalServer:
        server = localsocket.LocalServer(facade, self.path, lambda: event(7))
        await server.start()
        return server

    def run_scenario(self, scenario):
        async def run():
            facade = Facade()
            server = await self.serve(facade)
            client = localsocket.LocalClient(self.path, 0.01)
            await client.start(10)
            try:
                await scenario(facade, server, client)
            finally:
                await client.stop()
                await server.stop()
        asyncio.run(run())

    def test_calls(self):
        async def scenario(facade, server, client):
            self.assertEqual(facade.identity, client.identity)
            self.assertEqual({'height': 7}, await client.status())
            self.assertEqual([{'member': 1}], await client.peers())
            self.assertEqual([], await client.usage())
            self.assertEqual([{'kind': 'equivocation'}],
                             await client.evidence())
            self.assertEqual({'label': 'a'},
                             await client.enrol(KEYS[0], 'a'))
            self.assertEqual(['a'], await client.enrolments())
            self.assertIsNone(await client.unenrol(KEYS[0]))
            self.assertIsNone(await client.fate(KEYS[0]))
            self.assertEqual({'state': 'waiting'},
                             await client.fate(KEYS[1]))
        self.run_scenario(scenario)

    def test_a_refusal_is_the_same_error(self):
        async def scenario(facade, server, client):
            try:
                await client.unenrol(KEYS[0])
            except errors.NotFound as error:
                self.assertEqual({'key_id': KEYS[0].hex()}, error.details)
            else:
                self.fail('no refusal')
        self.run_scenario(scenario)

    def test_submissions(self):
        async def scenario(facade, server, client):
            results = await client.submit([b'good', b'bad'], '192.0.2.1')
            self.assertEqual(
                [(KEYS[1], None), (None, 'malformed')],
                [(result.txid, result.code) for result in results])
            self.assertEqual({'where': 1}, results[1].error().details)
            self.assertEqual([([b'good', b'bad'], '192.0.2.1')],
                             facade.submitted)
        self.run_scenario(scenario)

    def test_a_batch_larger_than_a_frame(self):
        async def scenario(facade, server, client):
            large = [bytes([number]) * 1_300_000 for number in range(20)]
            results = await client.submit(large)
            self.assertEqual(20, len(results))
            self.assertEqual(large, [raw for batch, _ in facade.submitted
                                     for raw in batch])
            self.assertGreater(len(facade.submitted), 1)
        self.run_scenario(scenario)

    def test_heads_are_told_in_order(self):
        async def scenario(facade, server, client):
            heard = []
            done = asyncio.Event()

            async def listen(told):
                heard.append(told)
                if told.height == 9:
                    done.set()

            unsubscribe = client.subscribe(listen)
            for height in (8, 9):
                await facade.listeners[0](event(height))
            await asyncio.wait_for(done.wait(), 10)
            self.assertEqual([event(8), event(9)], heard[-2:])
            unsubscribe()
        self.run_scenario(scenario)

    def test_calls_do_not_wait_for_each_other(self):
        async def scenario(facade, server, client):
            facade.gate.clear()
            slow = asyncio.create_task(client.status())
            self.assertEqual([], await client.usage())
            self.assertFalse(slow.done())
            facade.gate.set()
            self.assertEqual({'height': 7}, await slow)
        self.run_scenario(scenario)

    def test_a_node_that_goes_and_comes_back(self):
        async def scenario(facade, server, client):
            heard = asyncio.Queue()
            client.subscribe(heard.put)
            facade.gate.clear()
            waiting = asyncio.create_task(client.status())
            await asyncio.sleep(0.05)
            await server.stop()
            result = await asyncio.gather(waiting, return_exceptions=True)
            self.assertIsInstance(result[0], errors.Busy)
            results = await client.submit([b'x', b'y'])
            self.assertEqual(['busy', 'busy'],
                             [result.code for result in results])
            again = await self.serve(Facade())
            told = await asyncio.wait_for(heard.get(), 10)
            # what changed meanwhile is unknown
            self.assertFalse(told.complete)
            self.assertEqual({'height': 7}, await client.status())
            await again.stop()
        self.run_scenario(scenario)

    def test_it_is_for_the_nodes_user_alone(self):
        async def scenario(facade, server, client):
            mode = os.stat(self.path).st_mode
            self.assertEqual(0o600, stat.S_IMODE(mode))
        self.run_scenario(scenario)

    def test_junk_ends_its_connection_alone(self):
        async def scenario(facade, server, client):
            for junk in (b'\xff' * 8, framing.frame(b'junk'),
                         framing.frame(b'\x80')):
                reader, writer = await asyncio.open_unix_connection(
                    self.path)
                writer.write(junk)
                try:
                    await asyncio.wait_for(reader.read(), 10)
                except ConnectionError:
                    pass
                writer.close()
            self.assertEqual({'height': 7}, await client.status())
        self.run_scenario(scenario)

    def test_unknown_methods_and_wrong_arguments(self):
        async def scenario(facade, server, client):
            for method, arguments, code in (
                    ('close', [], 'not-found'),
                    ('identity', [], 'not-found'),
                    ('enrol', [], 'malformed'),
                    ('enrol', ['zz'], 'malformed'),
                    ('status', {'a': 1}, None)):
                try:
                    await client._call(method, arguments)
                except errors.LedgerError as error:
                    self.assertEqual(code, error.code)
                else:
                    self.assertIsNone(code)
        self.run_scenario(scenario)

    def test_no_node(self):
        async def run():
            client = localsocket.LocalClient(self.path, 0.01)
            await client.start(0.05)
        self.assertRaises(errors.Timeout, asyncio.run, run())

    def test_a_place_that_cannot_be_had(self):
        self.path = '/nonexistent/node.sock'
        error = self.assertRaises(
            errors.BadOption, asyncio.run, self.serve_once())
        self.assertEqual('socket_file', error.details['option'])

    async def serve_once(self):
        await self.serve(Facade())
