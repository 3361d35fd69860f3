# SPDX-License-Identifier: Apache-2.0
"""Tests of whole nodes in one loop: real stores and TLS, faults put in."""

import asyncio
from unittest import mock

from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.storage import environment
from tacker_ledger.storage import store as store_module
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.unit.node import nodes as nodes_module


class NodeCase(base.TestCase):
    COUNT = 1
    HEARTBEAT_SECONDS = 60.0

    def setUp(self):
        super().setUp()
        self.nodes = nodes_module.Nodes(
            self.make_directory() / 'federation', self.COUNT,
            self.HEARTBEAT_SECONDS)
        self.addCleanup(self.nodes.close)

    def run_async(self, scenario):
        async def run():
            try:
                await scenario()
            finally:
                await self.nodes.stop()
        asyncio.run(run())

    def author(self) -> authors.Author:
        node = next(iter(self.nodes.running.values()))
        return authors.Author(node.store.h)

    async def accepted(self, node, *written):
        results = await node.facade.submit(
            [one.submission for one in written])
        self.assertEqual([None] * len(written),
                         [result.code for result in results])


class TestAlone(NodeCase):
    """A federation of one."""

    def test_it_commits_and_tells(self):
        async def scenario():
            node, = await self.nodes.start(0)
            heard = []

            async def listen(event):
                heard.append(event)

            async def fail(event):
                raise ValueError('a listener with a fault')

            node.facade.subscribe(fail)
            unsubscribe = node.facade.subscribe(listen)
            one = self.author().template()
            await self.accepted(node, one)
            await self.nodes.committed(one)
            await self.nodes.until(lambda: heard)
            self.assertEqual((1, {one.txid}), (heard[0].height,
                                               heard[0].txids))
            self.assertEqual(node.application.head.digest, heard[0].digest)
            (_, _), (proven,) = node.query.state([*heard[0].changed])
            self.assertIsNotNone(proven[1])
            unsubscribe()
            two = self.author().template()
            await self.accepted(node, two)
            await self.nodes.committed(two)
            self.assertEqual(1, len(heard))
        self.run_async(scenario)

    def test_the_status_says_what_is(self):
        async def scenario():
            node = self.nodes.make(0)
            self.nodes.running[0] = node
            self.assertEqual('busy', node.refusal().code)
            status = await node.facade.status()
            self.assertEqual((False, 'starting'), (status['healthy'],
                                                   status['reason']))
            await node.start()
            status = await node.facade.status()
            self.assertTrue(status['healthy'])
            self.assertEqual(
                ('node-0', 0, 1, 1, 0, True), tuple(status[name] for name in (
                    'name', 'member', 'members', 'quorum', 'peers_up',
                    'has_quorum')))
            node.refuse()
            result, = await node.facade.submit(
                [self.author().template().submission])
            self.assertEqual('shutting-down', result.code)
        self.run_async(scenario)

    def test_a_pool_that_is_full(self):
        async def scenario():
            node, = await self.nodes.start(0, pool_max_transactions=2)
            await node.consensus.engine.stop()
            author = self.author()
            results = await node.facade.submit(
                [author.template().submission for _ in range(3)])
            self.assertEqual([None, None, 'busy'],
                             [result.code for result in results])
        self.run_async(scenario)

    def test_what_became_of_a_transaction(self):
        async def scenario():
            node, = await self.nodes.start(0)
            author = self.author()
            first = author.template()
            await self.accepted(node, first)
            await self.nodes.committed(first)
            self.assertIsNone(await node.facade.fate(first.txid))
            await node.consensus.engine.stop()
            waiting = author.template()
            await self.accepted(node, waiting)
            self.assertEqual({'state': 'waiting'},
                             await node.facade.fate(waiting.txid))
            node.pool.remove(waiting.txid, errors.VidConflict('too late'))
            fate = await node.facade.fate(waiting.txid)
            self.assertEqual(('refused', 'vid-conflict'),
                             (fate['state'], fate['code']))
        self.run_async(scenario)

    def test_a_store_that_fails_stops_the_voting_not_the_reading(self):
        async def scenario():
            node, = await self.nodes.start(0)
            author = self.author()
            first = author.template()
            await self.accepted(node, first)
            await self.nodes.committed(first)

            def fail(txn):
                raise errors.StorageFailed('No space left on device.')

            original = node.store._writer.submit
            node.store._writer.submit = lambda job, after=None: original(
                fail, after)
            second = author.template()
            await self.accepted(node, second)
            await self.nodes.until(lambda: node.voting.problem is not None)
            self.assertEqual('storage-failed', node.refusal().code)
            status = await node.facade.status()
            self.assertFalse(status['healthy'])
            self.assertIsNotNone(node.query.transaction(first.txid))
            self.assertEqual(1, node.query.height())
            node.store._writer.submit = original
            await self.nodes.stop()
            # started again, with room: nothing that was accepted is lost
            await self.nodes.start(0)
            await self.nodes.committed(first, second)
        self.run_async(scenario)

    def test_with_a_damaged_vote_log_nothing_is_signed(self):
        async def scenario():
            await self.nodes.start(0)
            data = self.nodes.running[0].conf.node.data_directory
            await self.nodes.stop(0)
            env = environment.Environment(data)
            with env.write() as txn:
                environment.put(txn, env.votes, bytes(16), b'torn')
            env.close()
            node, = await self.nodes.start(0)
            status = await node.facade.status()
            self.assertFalse(status['voting'])
            self.assertIn('damaged', status['doubt'])
            await self.nodes.stop(0)
            # nobody else could tell it: an operator has to
            node, = await self.nodes.start(0, end_doubt=True)
            one = self.author().template()
            await self.accepted(node, one)
            await self.nodes.committed(one)
        self.run_async(scenario)

    def test_nothing_is_signed_after_a_stop(self):
        async def scenario():
            node, = await self.nodes.start(0)
            await node.consensus.engine.stop()
            height = node.application.head.height
            await self.accepted(node, self.author().template())
            await asyncio.sleep(0.2)
            self.assertEqual(height, node.application.head.height)
            self.assertEqual([], node.store.vote_records())
        self.run_async(scenario)


class TestFour(NodeCase):
    """Four members in one loop."""

    COUNT = 4

    def test_a_transaction_goes_from_any_member_to_all(self):
        async def scenario():
            started = await self.nodes.start(0, 1, 2, 3)
            author = self.author()
            written = [author.template() for _ in range(4)]
            for node, one in zip(started, written, strict=True):
                await self.accepted(node, one)
            await self.nodes.committed(*written)
            await self.nodes.until(lambda: len({
                node.application.head.digest for node in started}) == 1)
        self.run_async(scenario)

    def test_one_comes_late_and_catches_up_while_others_go_on(self):
        async def scenario():
            started = await self.nodes.start(0, 1, 2)
            author = self.author()
            written = [author.template() for _ in range(3)]
            for one in written:
                await self.accepted(started[0], one)
                await self.nodes.committed(one)
            late, = await self.nodes.start(3)
            self.assertEqual(started[0].application.head.digest,
                             late.application.head.digest)
            last = author.template()
            await self.accepted(late, last)
            await self.nodes.committed(*written, last)
        self.run_async(scenario)

    def test_what_the_leader_missed_reaches_it_later(self):
        async def scenario():
            started = await self.nodes.start(0, 1, 2, 3)
            one = self.author().template()
            original = started[2].hub.send
            started[2].hub.send = lambda *arguments, **more: False
            await self.accepted(started[2], one)
            await asyncio.sleep(0.1)
            self.assertNotIn(one.txid, started[0].pool)
            started[2].hub.send = original
            await self.nodes.committed(one)
        self.run_async(scenario)

    def test_a_new_federation_document_acts_from_the_next_height(self):
        async def scenario():
            started = await self.nodes.start(0, 1, 2, 3)
            before = started[0].application.federation
            signed = self.nodes.successor(before, heartbeat_ms=50_000)
            author = self.author()
            published = author.federation(signed.to_bytes())
            await self.accepted(started[1], published)
            await self.nodes.committed(published)
            await self.nodes.until(lambda: all(
                node.application.federation.epoch == 1 for node in started))
            after = author.template()
            await self.accepted(started[2], after)
            await self.nodes.committed(after)
            self.assertEqual(
                50_000, started[3].query.federation().parameters.heartbeat_ms)
            self.assertEqual(2, len(started[3].query.federations()))
            # and a member that was away follows the change
            await self.nodes.stop(3)
            last, = await self.nodes.start(3)
            self.assertEqual(1, last.application.federation.epoch)
            one = author.template()
            await self.accepted(last, one)
            await self.nodes.committed(one)
        self.run_async(scenario)

    def test_in_doubt_a_member_observes_until_it_has_caught_up(self):
        async def scenario():
            started = await self.nodes.start(0, 1, 2, 3)
            await self.nodes.stop(3)
            directory = self.nodes.directory / 'node-3' / 'data'
            env = environment.Environment(directory)
            with env.write() as txn:
                environment.put(txn, env.votes, b'\xff' * 16, b'torn')
            env.close()
            last, = await self.nodes.start(3)
            self.assertFalse(last.voting.may_vote())
            author = self.author()
            for _ in range(3):
                one = author.template()
                await self.accepted(started[0], one)
                await self.nodes.committed(one)
            self.assertEqual('', last.doubt.reason)
            # its vote is needed again, and it gives it
            await self.nodes.stop(2)
            two = author.template()
            await self.accepted(started[1], two)
            await self.nodes.committed(two)
        self.run_async(scenario)

    def test_a_member_without_a_quorum_says_so(self):
        async def scenario():
            started = await self.nodes.start(0, 1, 2, 3)
            await self.nodes.stop(0, 3)
            await self.nodes.until(
                lambda: not started[1].voting.has_quorum())
            result, = await started[1].facade.submit(
                [self.author().template().submission])
            self.assertEqual('no-quorum', result.code)
        self.run_async(scenario)

    def test_junk_from_a_member_cuts_its_link_and_nothing_else(self):
        async def scenario():
            started = await self.nodes.start(0, 1, 2, 3)
            for _ in range(25):
                started[3].hub.send(1, b'\x83junk')
            await self.nodes.until(
                lambda: 3 not in started[1].hub.up())
            one = self.author().template()
            await self.accepted(started[2], one)
            await self.nodes.committed(one)
            await self.nodes.until(lambda: 3 in started[1].hub.up())
        self.run_async(scenario)

    def test_a_signature_that_is_none_is_refused_by_all(self):
        async def scenario():
            started = await self.nodes.start(0, 1, 2, 3)
            one = self.author().template()
            changed = bytearray(one.submission)
            at = changed.index(one.transaction.signature) + 5
            changed[at] ^= 1
            result, = await started[1].facade.submit([bytes(changed)])
            self.assertEqual('bad-signature', result.code)
            # forwarded by a lying member it goes nowhere either
            started[3].send(messages.Transactions(False, (bytes(changed),)),
                            0)
            await self.accepted(started[3], one)
            await self.nodes.committed(one)
            # the good one may be told again after it is in a block
            await self.nodes.until(lambda: not len(started[0].pool))
        self.run_async(scenario)


class TestHeartbeats(NodeCase):
    COUNT = 2
    HEARTBEAT_SECONDS = 0.1

    def test_silence_is_shown_to_be_alive(self):
        async def scenario():
            first, second = await self.nodes.start(0, 1)
            await self.nodes.until(
                lambda: second.application.head.height >= 3)
            self.assertEqual(
                (), first.query.block(2)[1])
        self.run_async(scenario)


class TestStartUp(NodeCase):
    COUNT = 2

    def test_a_failed_start_gives_the_directory_back(self):
        def fail(*_):
            raise errors.CorruptStore('no')
        with self.patched(store_module.LedgerStore, '_open_map', fail):
            self.assertRaises(errors.CorruptStore, self.nodes.make, 0)
        self.run_async(self.start_first)

    async def start_first(self):
        await self.nodes.start(0)

    def patched(self, where, name, value):
        return mock.patch.object(where, name, value)
