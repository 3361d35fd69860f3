# SPDX-License-Identifier: Apache-2.0
"""The client against real doors over a simulated ledger."""

import asyncio
import json
import subprocess
import sys
import threading

import fixtures

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import answer
from tacker_ledger.core.ledger import lie
from tacker_ledger.core.ledger import transaction
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.api import simulated
from tacker_ledger.tests.unit.transport import test_bounded_http
from tacker_ledger.transport import client

JSON = b'Content-Type: application/json\r\n'


class RealDoor(fixtures.Fixture):
    """A door in a loop and thread of its own."""

    def _setUp(self):
        self.world = simulated.World()
        self.loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        thread.start()
        self.addCleanup(self.loop.close)
        self.addCleanup(thread.join)
        self.addCleanup(self.loop.call_soon_threadsafe, self.loop.stop)
        self.run(self.world.door.start())
        self.addCleanup(lambda: self.run(self.world.door.stop()))
        self.url = self.world.door.url

    def run(self, coroutine):
        """Run something in the door's loop."""
        return asyncio.run_coroutine_threadsafe(
            coroutine, self.loop).result(30)

    def commit(self, *transactions):
        """Commit a block."""
        self.run(self.world.facade.commit(*transactions))


def response(status: int, body: bytes, more: bytes = JSON) -> bytes:
    """Return the bytes of an HTTP response."""
    return b'HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n%s' % (
        status, more, len(body), body)


class ClientCase(base.TestCase):
    """A client of one real door."""

    def setUp(self):
        super().setUp()
        self.door = self.useFixture(RealDoor())
        self.world = self.door.world
        self.chain = self.world.chain
        self.client = self.make([(self.door.url, 0)])

    def make(self, nodes, **more):
        made = client.LedgerClient(
            nodes, self.chain.federation, provider=self.chain.provider,
            **{'timeout_seconds': 20.0, **more})
        self.addCleanup(made.close)
        return made

    def server(self, behaviour):
        return self.useFixture(test_bounded_http.Server(behaviour)).url

    def signing(self, body=None, **changed):
        """Return a behaviour which signs as member 0, with changes."""
        def behave(connection):
            while head := connection.recv(65536):
                target = head.split(b' ')[1].decode()
                request = answer.Request.of('GET', target)
                fields = {
                    'member': 0, 'instance': bytes(16),
                    'request_digest': request.digest(self.chain.h),
                    'head_height': 0, 'head_digest': bytes(32),
                    'head_time_ms': 0, 'body': body or codec.encode(
                        self.world.reader.head()), **changed}
                signed = answer.sign_answer(
                    self.chain.h,
                    lambda message: self.chain.provider.sign_raw_ed25519(
                        self.chain.secrets[0].answer, message), **fields)
                connection.sendall(response(
                    200, signed.to_bytes(),
                    b'Content-Type: application/cbor\r\n'))
        return self.server(behave)


class TestHonest(ClientCase):
    """Every method against a door that does what it should."""

    def test_reads(self):
        written = self.world.template()
        self.door.commit(written)
        key = self.world.state_key(written)
        reply = self.client.head()
        self.assertEqual((1, 0, self.world.reader.head()), (
            reply.answer.head_height, reply.node.member, reply.body))
        reply = self.client.state([key, bytes(32)])
        self.assertEqual(self.world.reader.state([key, bytes(32)]),
                         reply.body)
        reply = self.client.history(key, after=0, limit=10)
        self.assertEqual(((1, 0, written.raw),), reply.body[2])
        reply = self.client.transaction(written.txid)
        self.assertEqual(written.raw, reply.body[2])
        self.assertIsNone(self.client.transaction(bytes(32)).body)
        self.assertEqual((written.raw,), self.client.block(1).body[1])
        self.assertIsNone(self.client.block(1, body=False).body[1])
        self.assertIsNone(self.client.block(2).body)
        self.assertEqual(1, len(self.client.federations().body))
        self.assertEqual(1, len(self.client.search(after_height=0)))
        self.assertEqual('node-0', self.client.status()['name'])
        self.assertEqual('committed',
                         self.client.fate(written.txid)['state'])

    def test_waiting(self):
        timer = threading.Timer(0.2, self.door.commit)
        timer.start()
        self.addCleanup(timer.join)
        reply = self.client.head(since=0, wait_seconds=20)
        self.assertEqual(1, reply.answer.head_height)

    def test_submitting(self):
        good, bad = self.world.template(), self.world.template(vid=2)
        reply = self.client.submit([
            transaction.Submission(one.raw).to_bytes()
            for one in (good, bad)])
        self.assertEqual((good.txid, None, None), reply.body[0])
        self.assertEqual((bad.txid, 'vid-conflict'), reply.body[1][:2])
        self.assertRaises(errors.TooLarge, self.client.submit, [])
        self.assertRaises(errors.TooLarge, self.client.submit, [b'x'] * 101)

    def test_a_refusal_is_the_error_it_is(self):
        self.world.facade.refusal = errors.NoQuorum('alone', connected=1)
        raw = transaction.Submission(self.world.template().raw).to_bytes()
        error = self.assertRaises(errors.NoQuorum, self.client.submit, [raw])
        self.assertEqual(1, error.details['connected'])
        self.assertGreaterEqual(error.details['retry_after_seconds'], 1)

    def test_each_request_has_a_nonce_of_its_own(self):
        targets = {self.client.head().request.target for _ in range(5)}
        self.assertEqual(5, len(targets))

    def test_the_reply_shows_no_bytes(self):
        self.assertNotIn('raw', repr(self.client.head()))


class TestNodes(ClientCase):
    """One after the other."""

    def test_the_next_node_is_asked(self):
        def fail(connection):
            connection.recv(65536)

        bad = [
            self.server(fail),
            self.server(test_bounded_http.answering(response(
                503, b'{"code": "shutting-down"}'))),
            self.server(test_bounded_http.answering(response(200, b'{}'))),
            self.server(test_bounded_http.answering(response(
                200, b'junk', b'Content-Type: application/cbor\r\n'))),
            self.server(test_bounded_http.dripping(
                b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n'))]
        many = self.make([(url, 0) for url in bad] + [(self.door.url, 0)],
                         timeout_seconds=1.0)
        for _ in range(3):
            self.assertEqual(self.door.url, many.head().node.url)
        # it stays with the one that answers
        self.assertEqual(self.door.url, many.pool.nodes()[0].url)

    def test_none_answers(self):
        busy = response(503, b'{"code": "busy", "message": "later\\u001b"}',
                        JSON + b'Retry-After: 9\r\n')
        urls = [self.server(test_bounded_http.answering(busy))
                for _ in range(2)]
        error = self.assertRaises(
            errors.Busy, self.make([(url, 0) for url in urls]).head)
        self.assertEqual((9.0, 'later?'), (
            error.details['retry_after_seconds'], error.message))
        urls.append(self.server(test_bounded_http.answering(
            response(200, b''))))
        error = self.assertRaises(
            errors.NoNode, self.make([(url, 0) for url in urls]).head)
        self.assertEqual({'busy', 'bad-answer'}, {
            one['code'] for one in error.details['nodes']})

    def test_one_named_node_alone(self):
        away = self.server(lambda connection: connection.recv(1))
        both = self.make([(away, 1), (self.door.url, 0)])
        named = client.Node(away, 1)
        self.assertRaises(errors.LedgerError, both.head, node=named)
        self.assertEqual(named, both.pool.nodes()[-1])

    def test_a_fault_of_the_request_is_no_fault_of_the_node(self):
        both = self.make([(self.door.url, 0), ('http://127.0.0.1:1', 1)])
        both.pool.mark_failing(client.Node('http://127.0.0.1:1', 1))
        good = client.Node(self.door.url, 0)
        self.assertRaises(errors.BadOption, both.search, limit=10 ** 6,
                          node=good)
        self.assertEqual(good, both.pool.nodes()[0])

    def test_json_that_is_none(self):
        for body in (b'', b'[]', b'{', b'[' * 100_000, b'\xff',
                     b'1' * 10_000):
            url = self.server(test_bounded_http.answering(
                response(200, body)))
            self.assertRaises(errors.BadAnswer, self.make([(url, 0)]).status)
        for body in (b'{}', b'{"transactions": 7}',
                     b'{"transactions": [7]}'):
            url = self.server(test_bounded_http.answering(
                response(200, body)))
            self.assertRaises(errors.BadAnswer, self.make([(url, 0)]).search)


class TestLies(ClientCase):
    """What is signed, but not so."""

    def refused(self, error, url, ask='head', member=0, **more):
        self.client = self.make([(url, member)])
        return self.assertRaises(error, getattr(self.client, ask), **more)

    def test_not_this_request(self):
        self.refused(errors.BadAnswer, self.signing(
            request_digest=bytes(32)))
        self.assertEqual((), self.client.pool.offences())

    def test_not_this_member(self):
        self.refused(errors.BadAnswer, self.door.url, member=1)
        self.refused(errors.BadAnswer, self.signing(member=1), member=1)
        self.refused(errors.BadAnswer, self.door.url, member=99)

    def test_a_replayed_answer(self):
        old = self.client.head().raw
        self.refused(errors.BadAnswer, self.server(
            test_bounded_http.answering(response(
                200, old, b'Content-Type: application/cbor\r\n'))))

    def test_a_signed_body_of_another_shape_is_a_lie(self):
        self.refused(errors.BadAnswer, self.signing(codec.encode((1, 2))))
        offence, = self.client.pool.offences()
        found = lie.Lie(offence.request, offence.answer, offence.code)
        self.assertEqual(0, lie.check_lie(
            self.chain.h, self.chain.provider, self.chain.federation, found))

    def test_a_head_that_goes_back(self):
        self.door.commit()
        made = self.make([(self.door.url, 0)])
        made.head()
        # the same member, at an address which answers with an old head
        other = client.Node(self.signing(), 0)
        made.pool._records[other] = made.pool._records.pop(
            made.pool.nodes()[0])
        made.pool._rank = [other]
        self.assertRaises(errors.HeadRollback, made.head)
        self.assertEqual(['head-rollback'],
                         [one.code for one in made.pool.offences()])

    def test_accused_by_the_light_client(self):
        reply = self.client.head()
        self.client.accuse(reply, 'bad-certificate')
        offence, = self.client.pool.offences()
        self.assertEqual((reply.raw, reply.request, 'bad-certificate'),
                         (offence.answer, offence.request, offence.code))

    def test_documents_prove_themselves(self):
        """A client that knows none of the present members can go on."""
        made = self.make([(self.door.url, 3)])
        self.assertRaises(errors.BadAnswer, made.head)
        self.assertEqual(self.chain.signed.to_bytes(),
                         made.federations().body[0][0])


class TestFederation(ClientCase):
    """Members come and go."""

    def test_nodes_follow_their_members(self):
        other = simulated.World().chain.federation
        made = self.make([('https://old.example:1', 0),
                          ('https://127.0.0.1:7', 3)])
        made.update(other)
        self.assertIs(other, made.federation)
        self.assertEqual(
            {('https://old.example:1', 0), ('https://127.0.0.1:7', 3),
             (other.members[1].door_url, 1), (other.members[2].door_url, 2)},
            {(node.url, node.member) for node in made.pool.nodes()})


class TestImports(base.TestCase):
    """What a VNF image needs for this."""

    def test_no_library_of_the_node(self):
        code = ('import sys, json; import tacker_ledger.transport.client; '
                'print(json.dumps(sorted(sys.modules)))')
        done = self.run_python(code)
        loaded = {name.partition('.')[0] for name in json.loads(done)}
        self.assertEqual(set(), loaded & {
            'asyncio', 'lmdb', 'sqlalchemy', 'falcon', 'uvicorn',
            'oslo_messaging', 'oslo_db', 'keystonemiddleware',
            'cryptography'})

    def run_python(self, code):
        return subprocess.run(
            [sys.executable, '-c', code], cwd=base.CHECKOUT, check=True,
            capture_output=True, text=True).stdout
