# SPDX-License-Identifier: Apache-2.0
"""Every route of the tenant and VNF door, over a simulated ledger."""

import asyncio
import json

from tacker_ledger.api.handlers import base as handlers_base
from tacker_ledger.api.handlers import transactions
from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import answer
from tacker_ledger.core.ledger import block
from tacker_ledger.core.ledger import state_proof
from tacker_ledger.core.ledger import transaction
from tacker_ledger.core import limits
from tacker_ledger.tests.unit.api import simulated

NONCE = 'ab' * 16


class DoorCase(simulated.AsyncTestCase):
    """A door over a fresh ledger."""

    OPTIONS = {}

    def setUp(self):
        super().setUp()
        self.world = simulated.World(**self.OPTIONS)

    async def read(self, target, read, status=200):
        """Return a signed answer and its body."""
        got = await self.world.get(target)
        self.assertEqual((status, 'application/cbor'),
                         (got.status, got.headers['content-type']),
                         got.content)
        self.assertEqual('no-store', got.headers['cache-control'])
        opened = self.world.opened(got, 'GET', target)
        if status == 404:
            self.assertRaises(errors.NotFound, read, opened.body)
            return opened, None
        return opened, read(opened.body)

    async def refused(self, status, code, target, **more):
        got = await self.world.get(target, **more)
        self.assertEqual((status, code), (got.status, got.json['code']),
                         got.json)
        return got


class TestReads(DoorCase):
    """Answers to reads."""

    async def test_head(self):
        self.world.chain.commit()
        opened, (header, certificate) = await self.read(
            f'/v1/head?nonce={NONCE}', answer.read_head)
        parsed = block.Header.from_bytes(header)
        self.assertEqual(1, parsed.height)
        self.assertTrue(certificate)
        self.assertEqual(
            (1, parsed.digest(self.world.chain.h), parsed.timestamp_ms,
             simulated.INSTANCE),
            (opened.head_height, opened.head_digest, opened.head_time_ms,
             opened.instance))

    async def test_head_without_since_does_not_wait(self):
        opened, _body = await self.read('/v1/head?wait=60',
                                        answer.read_head)
        self.assertEqual(0, opened.head_height)

    async def test_state_of_what_is_there_and_what_is_not(self):
        written = self.world.template()
        self.world.chain.commit(written)
        key = self.world.state_key(written)
        target = f'/v1/state?key={key.hex()}&key={"00" * 32}&nonce={NONCE}'
        _opened, (head, values) = await self.read(target, answer.read_state)
        root = block.Header.from_bytes(head[0]).state_root
        self.assertEqual([key, bytes(32)], [value[0] for value in values])
        self.assertIsNotNone(values[0][1])
        self.assertIsNone(values[1][1])
        for value in values:
            state_proof.verify(self.world.chain.h, root, *value)

    async def test_history_in_pages(self):
        first = self.world.template()
        self.world.chain.commit(first)
        for vid in (2, 3):
            self.world.chain.commit(self.world.template(
                first.content.cid, vid))
        key = self.world.state_key(first)
        _opened, (_head, named, entries) = await self.read(
            f'/v1/histories/{key.hex()}?after=1&limit=1',
            answer.read_history)
        self.assertEqual(key, named)
        self.assertEqual([(2, 0)], [entry[:2] for entry in entries])
        _opened, (_head, _key, entries) = await self.read(
            f'/v1/histories/{key.hex()}', answer.read_history)
        self.assertEqual([1, 2, 3], [entry[0] for entry in entries])

    async def test_transaction(self):
        written = self.world.template()
        self.world.chain.commit(written)
        _opened, (head, inclusion, raw) = await self.read(
            f'/v1/transactions/{written.txid.hex()}?nonce={NONCE}',
            answer.read_transaction)
        self.assertEqual(written.raw, raw)
        block.InclusionProof(*inclusion).verify(
            self.world.chain.h, raw,
            block.Header.from_bytes(head[0]).transactions_root)

    async def test_what_is_not_there_is_signed_too(self):
        await self.read(f'/v1/transactions/{"00" * 32}',
                        answer.read_transaction, 404)
        await self.read('/v1/blocks/7', answer.read_block, 404)

    async def test_block(self):
        written = self.world.template()
        self.world.chain.commit(written)
        _opened, (_head, raws) = await self.read('/v1/blocks/1',
                                                 answer.read_block)
        self.assertEqual((written.raw,), raws)
        _opened, (_head, raws) = await self.read(
            '/v1/blocks/1?body=false', answer.read_block)
        self.assertIsNone(raws)

    async def test_federation(self):
        _opened, entries = await self.read('/v1/federation',
                                           answer.read_federation)
        self.assertEqual(self.world.chain.signed.to_bytes(), entries[0][0])

    async def test_search_says_that_it_proves_nothing(self):
        written = self.world.template()
        self.world.chain.commit(written)
        got = await self.world.get(
            f'/v1/search?sender={"00" * 32}&type=1&after_height=0&limit=5')
        self.assertEqual(False, got.json['proven'])
        self.assertEqual([written.txid.hex()],
                         [row['txid'] for row in got.json['transactions']])

    async def test_fate(self):
        written = self.world.template()
        self.world.chain.commit(written)
        other = bytes(32)
        path = '/v1/transactions/{}/fate'
        self.assertEqual('committed', (await self.world.get(
            path.format(written.txid.hex()))).json['state'])
        self.assertEqual('unknown', (await self.world.get(
            path.format(other.hex()))).json['state'])
        self.world.facade.fates[other] = {
            'state': 'refused', 'code': 'vid-conflict', 'message': 'late'}
        self.assertEqual('vid-conflict', (await self.world.get(
            path.format(other.hex()))).json['code'])

    async def test_a_large_answer_is_counted_until_it_is_sent(self):
        written = self.world.template(size=handlers_base.SLICE_BYTES + 1)
        self.world.chain.commit(written)
        target = f'/v1/transactions/{written.txid.hex()}'
        _opened, (_head, _inclusion, raw) = await self.read(
            target, answer.read_transaction)
        self.assertEqual(written.raw, raw)
        outgoing = self.world.door.context.outgoing
        self.assertEqual(0, outgoing.taken_bytes)
        with outgoing.taken(outgoing._max_bytes):
            await self.refused(503, 'busy', target)

    async def test_services(self):
        got = await self.world.get('/')
        self.assertEqual('v1', got.json['versions'][0]['id'])
        got = await self.world.get('/healthcheck')
        self.assertEqual((200, b'OK'), (got.status, got.content))
        got = await self.world.get(
            '/healthcheck', headers={'accept': 'application/json'})
        self.assertEqual({'healthy': True, 'reason': ''}, got.json)
        got = await self.world.get('/v1/status')
        self.assertEqual(('node-0', 0), (got.json['name'],
                                         got.json['waiters']))

    async def test_unhealthy(self):
        async def status():
            return {'healthy': False, 'reason': 'storage-failed: disk'}
        self.world.facade.status = status
        got = await self.world.get('/healthcheck')
        self.assertEqual((503, b'storage-failed: disk'),
                         (got.status, got.content))

        async def away():
            raise errors.Busy('away')
        self.world.facade.status = away
        got = await self.world.get(
            '/healthcheck', headers={'accept': 'application/json'})
        self.assertEqual((503, 'busy: away'),
                         (got.status, got.json['reason']))


class TestBadRequests(DoorCase):
    """Each has one error with a stable code."""

    async def test_paths_and_methods(self):
        await self.refused(404, 'not-found', '/v1/nothing')
        await self.refused(404, 'not-found', '/v2/head')
        got = await self.world.call('DELETE', '/v1/head')
        self.assertEqual((405, 'bad-option'), (got.status, got.json['code']))
        self.assertEqual('GET, OPTIONS', got.headers['allow'])

    async def test_parameters(self):
        for target in ('/v1/head?since=-1', '/v1/head?since=x',
                       '/v1/head?since=1&since=2', '/v1/head?wait=61',
                       '/v1/head?colour=red', '/v1/head?nonce=12',
                       '/v1/head?nonce=' + 'AB' * 16,
                       '/v1/head?since=%31', '/v1/state', '/v1/state?key=12',
                       f'/v1/state?key={"00" * 32}&key={"00" * 32}',
                       '/v1/histories/12', f'/v1/histories/{"g" * 64}',
                       f'/v1/histories/{"00" * 32}?limit=101',
                       f'/v1/histories/{"00" * 32}?limit=0',
                       '/v1/transactions/00', '/v1/blocks/-1',
                       '/v1/blocks/x', f'/v1/blocks/{2 ** 64}',
                       '/v1/blocks/1?body=yes',
                       '/v1/federation?from_epoch=4294967296',
                       '/v1/search?limit=1001', '/v1/search?cid=00',
                       '/v1/status?verbose=1'):
            await self.refused(400, 'bad-option', target)

    async def test_too_many_keys(self):
        keys = '&'.join(f'key={number:064x}' for number in range(
            limits.STATE_KEYS_PER_QUERY_MAX_COUNT + 1))
        await self.refused(413, 'too-large', f'/v1/state?{keys}')

    async def test_version(self):
        header = 'OpenStack-API-Version'
        got = await self.world.get(
            '/v1/status', headers={header: 'vnf-ledger 1.0'})
        self.assertEqual(('vnf-ledger 1.0', header), (
            got.headers[header.lower()], got.headers['vary']))
        await self.refused(406, 'unsupported-version', '/v1/status',
                           headers={header: 'vnf-ledger 9.9'})

    async def test_a_fault_of_ours_says_no_more_than_that(self):
        def fail():
            raise ZeroDivisionError('secret')
        self.world.reader.head = fail
        got = await self.refused(500, 'internal', '/v1/head')
        self.assertNotIn(b'secret', got.content)
        self.assertIn('secret', self.log.output)


class TestSubmissions(DoorCase):
    """Handing transactions in."""

    def submission(self, **more):
        return transaction.Submission(
            self.world.template(**more).raw).to_bytes()

    async def submitted(self, body):
        got = await self.world.post(body)
        self.assertEqual(202, got.status, got.content)
        opened = self.world.opened(got, 'POST', '/v1/transactions', body)
        return answer.read_submission(opened.body)

    async def test_one(self):
        written = self.world.template()
        results = await self.submitted(
            transaction.Submission(written.raw).to_bytes())
        self.assertEqual(((written.txid, None, None),), results)
        self.assertEqual(['192.0.2.1'], self.world.facade.addresses)

    async def test_one_that_is_refused(self):
        got = await self.world.post(self.submission(vid=2))
        self.assertEqual((409, 'vid-conflict'),
                         (got.status, got.json['code']))

    async def test_a_batch_keeps_the_order(self):
        good, bad = self.submission(), self.submission(vid=2)
        results = await self.submitted(
            codec.encode((bad, good, b'junk')))
        self.assertEqual(['vid-conflict', None, 'malformed'],
                         [result[1] for result in results])
        self.assertIsNone(results[2][0])

    async def test_no_quorum_at_once(self):
        self.world.facade.refusal = errors.NoQuorum('alone')
        for body in (self.submission(), codec.encode((
                self.submission(), self.submission()))):
            got = await self.world.post(body)
            self.assertEqual((503, 'no-quorum'),
                             (got.status, got.json['code']))
            self.assertIn(int(got.headers['retry-after']), range(1, 6))

    async def test_a_body_is_judged_before_it_is_read(self):
        untouched = [{'type': 'http.request', 'body': b'',
                      'more_body': True}]
        for status, code, headers in (
                (413, 'too-large', {
                    'content-length': str(transactions.BODY_MAX_BYTES + 1)}),
                (411, 'malformed', {'transfer-encoding': 'chunked'}),
                (415, 'bad-option', {'content-length': '5', 'content-type':
                                     'application/json'}),
                (400, 'malformed', {'content-length': '0'}),
                (400, 'malformed', {'content-length': 'many'})):
            got = await self.world.post(b'', headers=headers,
                                        events=untouched)
            self.assertEqual((status, code), (got.status, got.json['code']))

    async def test_a_body_that_ends_early(self):
        got = await self.world.post(
            b'', headers={'content-length': '100'},
            events=[{'type': 'http.request', 'body': b'x',
                     'more_body': False}])
        self.assertEqual((400, 'malformed'), (got.status, got.json['code']))

    async def test_batches_out_of_bounds(self):
        one = self.submission()
        for body in (codec.encode(()), codec.encode((b'',)),
                     codec.encode((1, one)), codec.encode((one,)) + b'x',
                     codec.encode((one,) * (
                         limits.BATCH_SUBMIT_MAX_COUNT + 1)), b'\x84'):
            got = await self.world.post(body)
            self.assertEqual((400, 'malformed'),
                             (got.status, got.json['code']))

    async def test_bytes_in_flight_are_bounded(self):
        incoming = self.world.door.context.incoming
        with incoming.taken(incoming._max_bytes):
            got = await self.world.post(self.submission())
        self.assertEqual((503, 'busy'), (got.status, got.json['code']))
        await self.world.post(b'junk')
        self.assertEqual(0, incoming.taken_bytes)


class TestSlowBody(DoorCase):
    """A body that does not come."""

    OPTIONS = {'receive_timeout_seconds': 1}

    async def test_it_ends(self):
        got = await self.world.post(
            b'', headers={'content-length': '100'},
            events=[{'type': 'http.request', 'body': b'x',
                     'more_body': True}])
        self.assertEqual((504, 'timeout'), (got.status, got.json['code']))
        self.assertEqual(0, self.world.door.context.incoming.taken_bytes)


class TestWaiting(DoorCase):
    """Long-polls."""

    async def waiting(self, count=1):
        for _ in range(1000):
            if len(self.world.door._waiters) == count:
                return
            await asyncio.sleep(0)
        self.fail('nobody waits')

    async def test_head_waits_for_a_newer_one(self):
        target = '/v1/head?since=0&wait=60'
        task = asyncio.create_task(self.world.get(target))
        await self.waiting()
        await self.world.facade.commit()
        opened = self.world.opened(await task, 'GET', target)
        self.assertEqual(1, opened.head_height)
        self.assertEqual(0, len(self.world.door._waiters))

    async def test_state_wakes_only_for_its_keys(self):
        mine = self.world.template()
        key = self.world.state_key(mine)
        target = f'/v1/state?key={key.hex()}&since=0&wait=60'
        task = asyncio.create_task(self.world.get(target))
        await self.waiting()
        await self.world.facade.commit(self.world.template())
        await self.world.facade.commit()
        await asyncio.sleep(0.01)
        self.assertFalse(task.done())
        await self.world.facade.commit(mine)
        opened = self.world.opened(await task, 'GET', target)
        self.assertEqual(3, opened.head_height)

    async def test_state_that_changed_before_does_not_wait(self):
        mine = self.world.template()
        await self.world.facade.commit(mine)
        key = self.world.state_key(mine).hex()
        got = await self.world.get(f'/v1/state?key={key}&since=0&wait=60')
        self.assertEqual(200, got.status)

    async def test_transaction_waits_until_it_is_committed(self):
        mine = self.world.template()
        target = f'/v1/transactions/{mine.txid.hex()}?wait=60'
        task = asyncio.create_task(self.world.get(target))
        await self.waiting()
        await self.world.facade.commit(self.world.template())
        await self.world.facade.commit(mine)
        got = await task
        self.assertEqual(200, got.status)
        self.assertEqual(2, self.world.opened(
            got, 'GET', target).head_height)

    async def test_the_end_of_a_wait_shows_the_present_head(self):
        got = await self.world.get('/v1/head?since=5&wait=1')
        self.assertEqual(200, got.status)
        got = await self.world.get(
            f'/v1/transactions/{"00" * 32}?wait=1')
        self.assertEqual(404, got.status)

    async def test_a_client_that_goes_waits_no_more(self):
        gone = asyncio.Event()
        task = asyncio.create_task(self.world.get(
            '/v1/head?since=0&wait=60', gone=gone))
        await self.waiting()
        gone.set()
        await task
        self.assertEqual(0, len(self.world.door._waiters))

    async def test_at_the_end_of_the_node_all_are_let_go(self):
        task = asyncio.create_task(self.world.get(
            '/v1/head?since=0&wait=60'))
        await self.waiting()
        self.world.door._waiters.close()
        got = await task
        self.assertEqual((503, 'shutting-down', '1'), (
            got.status, got.json['code'], got.headers['retry-after']))
        got = await self.world.get('/healthcheck')
        self.assertEqual(503, got.status)


class TestShortWaits(DoorCase):
    """A node that holds clients less long than they ask for."""

    OPTIONS = {'wait_max_seconds': 1}

    async def test_it_cuts_what_is_asked_for(self):
        got = await self.world.get('/v1/head?since=5&wait=60')
        self.assertEqual(200, got.status)
        await self.refused(400, 'bad-option', '/v1/head?since=5&wait=61')


class TestFull(DoorCase):
    """More clients than may wait."""

    OPTIONS = {'waiters_max': 2, 'waiters_per_address_max': 1}

    async def test_the_present_head_at_once_and_a_hint(self):
        first = asyncio.create_task(self.world.get(
            '/v1/head?since=0&wait=60'))
        await asyncio.sleep(0)
        got = await self.world.get('/v1/head?since=0&wait=60')
        self.assertEqual(200, got.status)
        self.assertIn(int(got.headers['retry-after']), range(1, 62))
        second = asyncio.create_task(self.world.get(
            '/v1/head?since=0&wait=60', client='192.0.2.2'))
        await asyncio.sleep(0)
        got = await self.world.get('/v1/head?since=0&wait=60',
                                   client='192.0.2.3')
        self.assertIn('retry-after', got.headers)
        await self.world.facade.commit()
        for task in (first, second):
            self.assertNotIn('retry-after', (await task).headers)


class TestRates(DoorCase):
    """Limits per address and per key."""

    OPTIONS = {'rate_per_address_per_second': 0.01,
               'rate_burst_per_address': 3,
               'rate_per_key_per_second': 0.01, 'rate_burst_per_key': 2,
               'trusted_proxies': ['203.0.113.0/24']}

    async def test_reads_of_an_address(self):
        for _ in range(3):
            self.assertEqual(200, (await self.world.get('/v1/head')).status)
        got = await self.refused(429, 'rate-limited', '/v1/head')
        self.assertGreaterEqual(int(got.headers['retry-after']), 90)
        self.assertEqual(200, (await self.world.get(
            '/v1/head', client='192.0.2.2')).status)
        # writes are counted apart
        self.assertEqual(400, (await self.world.post(b'junk')).status)

    async def test_clients_behind_a_proxy(self):
        async def ask(address, proxy='203.0.113.1'):
            return (await self.world.get(
                '/v1/head', client=proxy,
                headers={'x-forwarded-for': address})).status
        self.assertEqual([200, 200, 200, 429],
                         [await ask('192.0.2.7') for _ in range(4)])
        self.assertEqual(200, await ask('192.0.2.8'))
        # what the client itself wrote in front changes nothing
        self.assertEqual(429, await ask('192.0.2.99, 192.0.2.7'))
        # also not in a line of its own, before the proxy's
        twice = [('x-forwarded-for', '192.0.2.98'),
                 ('x-forwarded-for', '192.0.2.7')]
        self.assertEqual(429, (await self.world.get(
            '/v1/head', client='203.0.113.1', headers=twice)).status)
        # and nobody else may say who the client is
        self.assertEqual([200, 200, 200, 429], [
            await ask(f'192.0.2.{number}', '198.51.100.1')
            for number in range(4)])

    async def test_a_key_in_a_batch(self):
        body = codec.encode(tuple(
            transaction.Submission(self.world.template().raw).to_bytes()
            for _ in range(3)))
        got = await self.world.post(body)
        opened = self.world.opened(got, 'POST', '/v1/transactions', body)
        self.assertEqual(
            [None, None, 'rate-limited'],
            [result[1] for result in answer.read_submission(opened.body)])
        got = await self.world.post(transaction.Submission(
            self.world.template().raw).to_bytes())
        self.assertEqual((429, 'rate-limited'),
                         (got.status, got.json['code']))
        # the same key elsewhere: a stranger cannot use up its rate
        got = await self.world.post(transaction.Submission(
            self.world.template().raw).to_bytes(), client='192.0.2.9')
        self.assertEqual(202, got.status)


class TestDescription(DoorCase):
    """The document that is served."""

    async def test_it_is_json(self):
        got = await self.world.get('/v1/openapi.json')
        self.assertEqual('3.1.0', json.loads(got.content)['openapi'])
