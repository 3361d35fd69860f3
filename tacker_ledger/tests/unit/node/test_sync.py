# SPDX-License-Identifier: Apache-2.0
"""Tests of catching up: sources that help, lie, stall, cut short, die."""

import asyncio
import dataclasses

from tacker_ledger.core.consensus import catch_up
from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.node import supply
from tacker_ledger.node import sync
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers
from tacker_ledger.tests.unit.storage import stores

HONEST = 1
LIAR = 2


class Follower:
    """A member that is behind, and its links to the sources.

    :param sources: member -> what it answers a request with, or None
    """

    def __init__(self, made, sources):
        self.ledger = ledgers.Ledger(made)
        self.sources = sources
        self.taken: list[int] = []
        self.asked: list[tuple[int, int]] = []
        self.disagreed: list[errors.LedgerError] = []
        self.sync = sync.Sync(self, self.ledger.application,
                              federations.PROVIDER,
                              catch_up.Config(timeout_ms=100))

    def hears(self, claims):
        """Let members connect and say how far they are."""
        for member, height in claims.items():
            self.sync.connected(member)
            self.sync.claim(member, height)

    def send_to(self, member, message):
        self.asked.append((member, message.from_height))
        answer = self.sources[member](message)
        if answer == 'dies':
            self.sync.forget(member)
            del self.sources[member]
        elif answer is not None:
            asyncio.get_running_loop().call_soon(
                self.sync.received, member, answer)
        return True

    async def take_over(self, blocks):
        for block, certificate in blocks:
            outcome = self.ledger.application.validate(block)
            self.ledger.state.update(outcome.changes.changes)
            self.ledger.application.committed(outcome, certificate)
        self.taken.append(len(blocks))

    async def take_snapshot(self, member, height):
        raise errors.NotFound('none')

    def disagrees(self, error):
        self.disagreed.append(error)


class TestSync(stores.StoreCase):

    def setUp(self):
        super().setUp()
        self.patch(sync, '_POLL_SECONDS', 0.001)
        for number in range(3):
            self.stored.commit(self.stored.digest(f'tx {number}'))
            self.stored.commit()
            self.stored.commit()
        self.height = self.stored.store.head().height

    def honest(self, request):
        return supply.blocks(self.stored.store.env, request)

    def follow(self, claims=None, **sources):
        """Return a follower that has caught up as far as it could."""
        named = {LIAR: sources['liar']} if 'liar' in sources else {}
        if sources.get('honest', True):
            named[HONEST] = self.honest
        follower = Follower(self.stored.made, named)

        async def run():
            follower.hears({member: (claims or {}).get(member, self.height)
                            for member in sorted(named, reverse=True)})
            await follower.sync.settled()
            await follower.sync.stop()

        asyncio.run(run())
        return follower

    def assert_caught_up(self, follower):
        self.assertEqual(self.stored.ledger.application.head,
                         follower.ledger.application.head)
        self.assertEqual(self.stored.ledger.tree.root(),
                         follower.ledger.tree.root())

    def test_a_neighbour_helps(self):
        follower = self.follow()
        self.assert_caught_up(follower)
        self.assertEqual([self.height], follower.taken)

    def test_nothing_is_asked_of_who_has_nothing(self):
        follower = self.follow(claims={HONEST: 0})
        self.assertEqual([], follower.asked)

    def test_a_liar_is_left_for_the_next(self):
        def change(**fields):
            def lie(request):
                answer = self.honest(request)
                raw, certificate = answer.blocks[0]
                block = block_module.Block.from_bytes(self.h, raw)
                header = dataclasses.replace(block.header, **fields)
                forged = block_module.Block.assembled(
                    self.h, header, block.raw_transactions)
                return messages.Blocks(request.request_id, self.height, (
                    (forged.to_bytes(), certificate), *answer.blocks[1:]))
            return lie

        def certificates(make):
            def lie(request):
                answer = self.honest(request)
                return dataclasses.replace(answer, blocks=tuple(
                    (raw, make(raw, certificate))
                    for raw, certificate in answer.blocks))
            return lie

        def outsider(raw, certificate):
            block = block_module.Block.from_bytes(self.h, raw)
            others = federations.genesis(4, label='x').sites[::-1]
            return ledgers.certify(self.h, others, range(3),
                                   block.header.height, block.digest)

        lies = (
            change(timestamp_ms=ledgers.START_MS + 5),
            change(state_root=b'x' * 32), change(parent=b'x' * 32),
            change(federation=b'x' * 32), change(height=7),
            certificates(lambda raw, certificate: b''),
            certificates(lambda raw, certificate: b'junk'),
            certificates(outsider),
            lambda request: messages.Blocks(request.request_id, 9, ()),
            lambda request: messages.Blocks(request.request_id, 9, (
                (b'junk', b'junk'),)),
            lambda request: dataclasses.replace(
                self.honest(request),
                blocks=self.honest(request).blocks[1:]))
        for number, lie in enumerate(lies):
            follower = self.follow({LIAR: 10 ** 6}, liar=lie)
            self.assert_caught_up(follower)
            self.assertEqual((LIAR, 1), follower.asked[0], number)
            self.assertEqual(HONEST, follower.asked[1][0], number)

    def test_a_liar_alone_brings_nothing_and_no_loop(self):
        follower = self.follow(
            {LIAR: 10 ** 6}, honest=False,
            liar=lambda request: messages.Blocks(request.request_id, 9, ()))
        self.assertEqual(0, follower.ledger.application.head.height)
        self.assertEqual(1, len(follower.asked))

    def test_a_source_that_stalls_or_dies(self):
        for answer in (None, 'dies'):
            follower = self.follow({LIAR: 10 ** 6},
                                   liar=lambda request, a=answer: a)
            self.assert_caught_up(follower)

    def test_a_source_that_cuts_short_is_left(self):
        def cut(request):
            answer = self.honest(request)
            return dataclasses.replace(answer, blocks=answer.blocks[:1])
        follower = self.follow({LIAR: 10 ** 6}, liar=cut)
        self.assert_caught_up(follower)
        self.assertEqual([(LIAR, 1), (LIAR, 2)], follower.asked[:2])
        self.assertEqual(HONEST, follower.asked[2][0])

    def test_answers_nobody_asked_for_are_nothing(self):
        follower = Follower(self.stored.made, {HONEST: self.honest})
        answer = self.honest(messages.GetBlocks(77, 1, 10))
        follower.sync.received(HONEST, answer)
        self.assertEqual([], follower.taken)

    def test_a_failing_disk_is_not_the_sources_fault(self):
        follower = Follower(self.stored.made, {HONEST: self.honest})

        async def fail(blocks):
            raise errors.StorageFailed('full')

        follower.take_over = fail

        async def run():
            follower.hears({HONEST: self.height})
            await follower.sync.settled()

        self.assertRaises(errors.StorageFailed, asyncio.run, run())
        self.assertEqual([], follower.disagreed)

    def test_a_certified_block_that_is_not_valid_here_is_told(self):
        follower = Follower(self.stored.made, {HONEST: self.honest})

        async def fail(blocks):
            raise errors.BadBlock('names another state')

        follower.take_over = fail

        async def run():
            follower.hears({HONEST: self.height})
            await follower.sync.settled()

        self.assertRaises(errors.BadBlock, asyncio.run, run())
        self.assertEqual(['bad-block'],
                         [error.code for error in follower.disagreed])

    def test_the_start_waits_for_who_decides(self):
        follower = Follower(self.stored.made, {HONEST: self.honest,
                                               LIAR: self.honest})

        async def run():
            early = asyncio.create_task(follower.sync.first(3, 2, 30.0))
            for _ in range(5):
                await asyncio.sleep(0)
            self.assertFalse(early.done())
            follower.hears({HONEST: self.height, LIAR: self.height})
            return await early

        self.assertTrue(asyncio.run(run()))
        self.assert_caught_up(follower)

    def test_the_start_does_not_wait_for_ever(self):
        follower = Follower(self.stored.made, {HONEST: self.honest})

        async def run():
            follower.hears({HONEST: self.height})
            return await follower.sync.first(3, 2, 0.01)

        self.assertFalse(asyncio.run(run()))
        self.assert_caught_up(follower)

    def test_a_federation_of_one_does_not_wait(self):
        follower = Follower(self.stored.made, {})
        self.assertTrue(asyncio.run(follower.sync.first(0, 0, 30.0)))

    def test_a_start_goes_on_where_a_certified_block_is_not_valid(self):
        follower = Follower(self.stored.made, {HONEST: self.honest})

        async def fail(blocks):
            raise errors.BadBlock('names another state')

        follower.take_over = fail

        async def run():
            follower.hears({HONEST: self.height})
            try:
                return await follower.sync.first(1, 1, 5.0)
            finally:
                await follower.sync.stop()

        self.assertTrue(asyncio.run(run()))
        self.assertEqual(1, len(follower.disagreed))

    def test_a_fault_of_this_program_does_not_end_the_following(self):
        follower = Follower(self.stored.made, {HONEST: self.honest})
        take_over = follower.take_over

        async def fail_once(blocks):
            follower.take_over = take_over
            raise ZeroDivisionError

        follower.take_over = fail_once

        async def run():
            follower.hears({HONEST: self.height})
            while follower.ledger.application.head.height < self.height:
                await asyncio.sleep(0.01)
            await follower.sync.stop()

        asyncio.run(run())
        self.assert_caught_up(follower)
