# SPDX-License-Identifier: Apache-2.0
"""Tests of snapshots between members, without and with whole nodes."""

import asyncio
import itertools
import shutil

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import snapshot_messages
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.node import snapshots
from tacker_ledger.tests import federations
from tacker_ledger.tests.unit.node import test_service
from tacker_ledger.tests.unit.storage import test_snapshot

SOURCE, JOINER = 1, 2


def over_the_wire(message):
    """Return a message as the other side reads it."""
    frame = messages.encode(message)
    assert snapshot_messages.is_snapshot(frame)
    return snapshot_messages.decode(frame)


class TestBothSides(test_snapshot.SnapshotCase):
    """A holder and a fetcher, joined by a loop instead of a link."""

    def setUp(self):
        super().setUp()
        self.answers = []
        self.change = lambda message: message

    def both(self, hold_seconds=60.0, timeout_seconds=5.0,
             whole_seconds=60.0):
        loop = asyncio.get_running_loop()

        def to_joiner(member, message):
            self.answers.append((member, type(message).__name__))
            changed = self.change(over_the_wire(message))
            if changed is not None:
                loop.call_soon(lambda: self.fetcher.received(SOURCE, changed))

        def to_source(member, message):
            loop.call_soon(self.holder.received, JOINER,
                           over_the_wire(message))

        self.holder = snapshots.Holder(self.stored.store.env, to_joiner,
                                       hold_seconds)
        self.fetcher = snapshots.Fetcher(
            self.joiner.ledger.application, federations.PROVIDER, to_source,
            self.joiner.directory, timeout_seconds, whole_seconds)

    def run_both(self, scenario, **arguments):
        async def run():
            self.both(**arguments)
            try:
                return await scenario()
            finally:
                await self.holder.stop()
                self.assertEqual({}, self.holder._held)
        return asyncio.run(run())

    def test_a_snapshot_comes(self):
        self.change_epoch()

        async def scenario():
            fetched = await self.fetcher.fetch(SOURCE, 1)
            await asyncio.sleep(0)
            return fetched

        fetched = self.run_both(scenario)
        self.assertEqual(self.stored.store.head(), fetched.check.head)
        self.joiner.store.install(fetched.check, fetched.incoming).result()
        self.assertEqual(self.stored.store.tree.root(),
                         self.joiner.store.tree.root())
        # it was let go: the last thing said
        self.assertEqual([JOINER] * 4, [member for member, _ in self.answers])

    def test_it_comes_in_pages(self):
        self.patch(limits, 'SNAPSHOT_PAGE_MAX_COUNT', 2)
        self.run_both(lambda: self.fetcher.fetch(SOURCE, 1))
        self.assertEqual(4, [name for _, name in self.answers].count('Page'))

    def assert_fails(self, error, **arguments):
        self.assertRaises(
            error, self.run_both,
            lambda: self.fetcher.fetch(SOURCE, arguments.pop('lowest', 1)),
            **arguments)
        self.assertFalse(
            list(self.joiner.directory.glob('incoming-snapshot*')))

    def test_s16_it_stalls(self):
        def stall(message):
            return None if isinstance(
                message, snapshot_messages.Page) else message
        self.change = stall
        self.assert_fails(errors.Timeout, timeout_seconds=0.05)

    def test_s16_full_pages_without_an_end(self):
        numbers = itertools.count(1)

        def endless(message):
            if not isinstance(message, snapshot_messages.Page) or (
                    message.items and len(message.items[0][0]) == 4):
                return message
            return snapshot_messages.Page(message.request_id, ((
                next(numbers).to_bytes(32, 'big'), bytes(4096)),), True)

        self.patch(limits, 'SNAPSHOT_PAGE_MAX_BYTES', 4000)
        self.patch(limits, 'BLOCK_MAX_TRANSACTIONS', 10 ** 9)
        self.change_epoch()
        self.change = endless
        self.assert_fails(errors.Timeout, whole_seconds=0.3)

    def test_s16_it_dies_midway(self):
        def die(message):
            if isinstance(message, snapshot_messages.Page):
                self.fetcher.forget(SOURCE)
                return None
            return message
        self.change = die
        self.assert_fails(errors.NoNode)

    def test_s16_it_answers_with_something_else(self):
        self.change = lambda message: snapshot_messages.Page(
            message.request_id, (), False)
        self.assert_fails(errors.Malformed)

    def test_it_is_held_no_more(self):
        def end(message):
            if isinstance(message, snapshot_messages.Snapshot):
                self.holder._release(JOINER)
            return message
        self.change = end
        self.assert_fails(errors.NotFound)

    def test_it_is_not_held_for_ever(self):
        async def scenario():
            self.holder.received(JOINER, snapshot_messages.GetSnapshot(7, 1))
            while not self.answers:
                await asyncio.sleep(0.001)
            while self.holder._held:
                await asyncio.sleep(0.001)
        self.run_both(scenario, hold_seconds=0.01)

    def test_few_are_held_at_once(self):
        async def scenario():
            for member in (5, 6, 7):
                self.holder.received(
                    member, snapshot_messages.GetSnapshot(7, 1))
                while not self.holder._tasks[member].done():
                    await asyncio.sleep(0.001)
            self.assertEqual({5, 6}, set(self.holder._held))
            self.assertEqual((7, 'NoSnapshot'), self.answers[-1])
            # one ends, or its link does
            self.holder.received(5, snapshot_messages.EndSnapshot(1))
            self.holder.forget(6)
            while self.holder._held:
                await asyncio.sleep(0.001)
        self.run_both(scenario)

    def test_one_request_of_a_member_at_a_time(self):
        async def scenario():
            for number in range(5):
                self.holder.received(
                    5, snapshot_messages.GetSnapshot(number, 1))
            while not self.holder._tasks[5].done():
                await asyncio.sleep(0.001)
        self.run_both(scenario)
        self.assertEqual(1, len(self.answers))


class TestNodes(test_service.NodeCase):
    """Four nodes with real stores and links, one of them far behind."""

    COUNT = 4

    def lie(self, index, change):
        """Let a node change the pages of the state that it gives."""
        holder = self.nodes.running[index].snapshots._holder
        send = holder._send

        def sent(member, message):
            if isinstance(message, snapshot_messages.Page):
                message = change(message)
            if message is not None:
                send(member, message)

        holder._send = sent

    async def fill(self, node, count):
        for _ in range(count):
            one = self.author().template(50)
            await self.accepted(node, one)
            await self.nodes.committed(one)

    async def join(self, **options):
        """Start node 3, with an empty disk."""
        shutil.rmtree(self.nodes.directory / 'node-3' / 'data',
                      ignore_errors=True)
        joiner, = await self.nodes.start(
            3, snapshot_threshold_blocks=5, start_timeout_seconds=20.0,
            **options)
        return joiner

    async def assert_joined(self, joiner):
        first = self.nodes.running[0]
        await self.nodes.until(
            lambda: joiner.application.head.height
            == first.application.head.height)
        self.assertEqual(first.application.head.digest,
                         joiner.application.head.digest)
        self.assertEqual(first.store.tree.root(), joiner.store.tree.root())
        with joiner.store.env.read() as txn:
            self.assertGreater(joiner.store.chain.base_height(txn), 5)
        # without node 1 nothing is decided unless the joiner votes
        await self.nodes.stop(1)
        await self.fill(first, 2)

    def test_s16_a_joiner_takes_a_snapshot_and_votes(self):
        async def scenario():
            started = await self.nodes.start(0, 1, 2)
            await self.fill(started[0], 8)
            await self.assert_joined(await self.join())
        self.run_async(scenario)
        self.assertIn('came as a snapshot', self.log.output)

    def test_s16_lying_sources_are_left_for_an_honest_one(self):
        def changed(message):
            items = [(key, value[:-1] + bytes([value[-1] ^ 1]))
                     if len(key) == 32 else (key, value)
                     for key, value in message.items]
            return snapshot_messages.Page(message.request_id, tuple(items),
                                          message.more)

        async def scenario():
            started = await self.nodes.start(0, 1, 2)
            await self.fill(started[0], 8)
            self.lie(0, changed)
            self.lie(1, lambda message: None)
            await self.assert_joined(await self.join(
                sync_timeout_seconds=0.5))
        self.run_async(scenario)

    def test_s16_across_a_change_of_the_federation(self):
        async def scenario():
            started = await self.nodes.start(0, 1, 2)
            await self.fill(started[0], 6)
            first = started[0].application.federation
            one = self.author().federation(self.nodes.successor(
                first, batch_max_transactions=7).to_bytes())
            await self.accepted(started[0], one)
            await self.nodes.committed(one)
            await self.nodes.until(lambda: all(
                node.application.federation.epoch == 1 for node in started))
            await self.fill(started[0], 2)
            joiner = await self.join()
            self.assertEqual(started[0].application.federation,
                             joiner.application.federation)
            self.assertEqual(started[0].query.federations(),
                             joiner.query.federations())
            await self.assert_joined(joiner)
        self.run_async(scenario)

    def test_s16_a_member_far_behind_keeps_what_it_had(self):
        async def scenario():
            started = await self.nodes.start(
                0, 1, 2, 3, snapshot_threshold_blocks=5)
            await self.fill(started[0], 2)
            await self.nodes.stop(3)
            await self.fill(started[0], 9)
            joiner, = await self.nodes.start(
                3, snapshot_threshold_blocks=5, start_timeout_seconds=0.0)
            await self.assert_joined(joiner)
            self.assertIsNotNone(joiner.query.block(2))
            self.assertRaises(errors.Pruned, joiner.query.block, 4)
            await self.nodes.until(
                lambda: joiner.indexer.height
                == started[0].application.head.height)
        self.run_async(scenario)

    def test_a_node_that_has_the_whole_chain_replays(self):
        async def scenario():
            started = await self.nodes.start(0, 1, 2)
            await self.fill(started[0], 8)
            joiner, = await self.nodes.start(
                3, snapshot_threshold_blocks=0, start_timeout_seconds=20.0)
            with joiner.store.env.read() as txn:
                self.assertEqual(0, joiner.store.chain.base_height(txn))
        self.run_async(scenario)
