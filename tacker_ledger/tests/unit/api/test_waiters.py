# SPDX-License-Identifier: Apache-2.0
"""Who is woken, who is let go, who may not wait."""

import asyncio
import random

from tacker_ledger.api import waiters
from tacker_ledger.core import errors
from tacker_ledger.tests.unit.api import simulated

KEY = bytes(32)
#: Another key with the same prefix.
NEIGHBOUR = bytes(31) + b'\x01'
FAR = b'\xff' * 32


async def never():
    """Stand for a client that stays."""
    await asyncio.Event().wait()


class TestWaiters(simulated.AsyncTestCase):
    """The registry itself."""

    def setUp(self):
        super().setUp()
        self.waiters = waiters.Waiters(100, 50, random.Random(1))

    async def start(self, *keys, address='a', seconds=60, gone=never):
        task = asyncio.create_task(self.waiters.wait(
            keys, address, seconds, gone))
        await asyncio.sleep(0)
        return task

    async def test_only_those_concerned_are_woken(self):
        first = await self.start(KEY)
        second = await self.start(NEIGHBOUR)
        third = await self.start(FAR, KEY)
        self.assertEqual(2, self.waiters.wake([KEY]))
        self.assertEqual(waiters.Outcome.CHANGED, await first)
        self.assertEqual(waiters.Outcome.CHANGED, await third)
        self.assertFalse(second.done())
        self.assertEqual(1, len(self.waiters))
        self.assertEqual(1, self.waiters.wake([FAR, NEIGHBOUR]))
        await second
        self.assertEqual({}, self.waiters._by_prefix)
        self.assertEqual(0, len(self.waiters._per_address))

    async def test_without_keys_every_block_wakes(self):
        task = await self.start()
        self.assertEqual(1, self.waiters.wake([]))
        self.assertEqual(waiters.Outcome.CHANGED, await task)

    async def test_when_it_is_not_known_what_changed(self):
        tasks = [await self.start(KEY), await self.start(FAR),
                 await self.start()]
        self.assertEqual(3, self.waiters.wake(None))
        await asyncio.gather(*tasks)

    async def test_deadline(self):
        task = await self.start(KEY, seconds=0.01)
        self.assertEqual(waiters.Outcome.DEADLINE, await task)
        self.assertEqual(0, len(self.waiters))

    async def test_a_client_that_goes(self):
        async def gone():
            return None
        task = await self.start(KEY, gone=gone)
        self.assertEqual(waiters.Outcome.GONE, await task)

        async def broken():
            raise ConnectionResetError
        task = await self.start(KEY, gone=broken)
        self.assertEqual(waiters.Outcome.GONE, await task)

    async def test_a_cancelled_request_leaves_nothing(self):
        task = await self.start(KEY)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self.assertEqual((0, {}), (len(self.waiters),
                                   self.waiters._by_prefix))

    async def test_bounds(self):
        held = [await self.start(KEY, address='a') for _ in range(50)]
        self.assertEqual(waiters.Outcome.FULL,
                         await self.waiters.wait([KEY], 'a', 60, never))
        held += [await self.start(KEY, address='b') for _ in range(50)]
        self.assertEqual(waiters.Outcome.FULL,
                         await self.waiters.wait([KEY], 'c', 60, never))
        self.waiters.wake([KEY])
        await asyncio.gather(*held)
        self.assertEqual(0, len(self.waiters))

    async def test_waking_is_sliced(self):
        """The loop does other things before the last one is woken."""
        held = [await self.start(KEY, address=str(number))
                for number in range(waiters.WAKE_SLICE_COUNT + 1)]
        self.waiters.wake([KEY])
        self.assertEqual(
            waiters.WAKE_SLICE_COUNT,
            sum(waiter.future.done()
                for waiter in self.waiters._by_prefix[KEY[:2]]))
        await asyncio.gather(*held)

    async def test_close(self):
        task = await self.start(KEY)
        self.waiters.close()
        error = (await asyncio.gather(task, return_exceptions=True))[0]
        self.assertIsInstance(error, errors.ShuttingDown)
        self.assertTrue(self.waiters.closed)
        refused = self.waiters.wait([KEY], 'a', 60, never)
        error = (await asyncio.gather(refused, return_exceptions=True))[0]
        self.assertIsInstance(error, errors.ShuttingDown)

    def test_deadlines_follow_the_heartbeat_and_are_jittered(self):
        found = {self.waiters.deadline_seconds(60, 30_000)
                 for _ in range(100)}
        self.assertGreater(len(found), 90)
        self.assertTrue(all(45 <= one <= 60 for one in found))
        short = [self.waiters.deadline_seconds(60, 2_000)
                 for _ in range(100)]
        self.assertTrue(all(3 <= one <= 4 for one in short))
        least = self.waiters.deadline_seconds(60, 50)
        self.assertTrue(0.75 <= least <= 1)
