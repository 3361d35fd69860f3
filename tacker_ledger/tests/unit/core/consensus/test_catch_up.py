# SPDX-License-Identifier: Apache-2.0
"""Tests of the machine that catches up, in virtual time.

The sources help, lie, withhold, cut short, stall and die; the chain moves
on.  Whatever they do, only certified blocks are handed over, and one honest
source is enough.
"""

import dataclasses
import functools
import heapq
import itertools

import hypothesis
from hypothesis import strategies as st

from tacker_ledger.core.consensus import catch_up
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core import limits
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers

#: Of the patched protocol: blocks of an answer, and kept certificates.
INTERVAL = 8
HEIGHT = 44
LATENCY_MS = 10


@functools.cache
def chain():
    """Return (made, encoded blocks with the certificates a store keeps)."""
    made = federations.genesis(4)
    ledger = ledgers.Ledger(made)
    for number in range(1, HEIGHT + 1):
        ledger.commit([ledgers.digest_transaction(ledger.h, f'tx {number}')]
                      if number % 5 == 0 else ())
    return made, ledger


def stored(ledger, height):
    """Return what a member with that head holds: (raw, certificate)."""
    return [(one.block.to_bytes(),
             one.certificate if one.block.raw_transactions
             or number == height or number % INTERVAL == 0 else b'')
            for number, one in enumerate(ledger.blocks[:height], 1)]


def honest(world, request):
    """Answer as a member does that holds the chain so far."""
    held = stored(world.source, world.height)[request.from_height - 1:]
    found = held[:request.max_count]
    while found and not found[-1][1]:
        found.pop()
    return messages.Blocks(request.request_id, world.height, tuple(found))


def stalls(world, request):
    """Never answer."""
    return


def withholds(world, request):
    """Have nothing, and say so."""
    return messages.Blocks(request.request_id, world.height, ())


def crumbles(world, request):
    """Give as little as makes an answer."""
    found = list(honest(world, request).blocks)
    end = next(number for number, (_, certificate) in enumerate(found)
               if certificate)
    return messages.Blocks(request.request_id, world.height,
                           tuple(found[:end + 1]))


def cuts(world, request):
    """Leave the end out, where it is certified."""
    answer = honest(world, request)
    return dataclasses.replace(answer, blocks=answer.blocks[:-1])


def skips(world, request):
    """Leave the first block out."""
    answer = honest(world, request)
    return dataclasses.replace(answer, blocks=answer.blocks[1:])


def junk(world, request):
    """Send what is no block."""
    return messages.Blocks(request.request_id, 10 ** 9, (
        (b'no block', b'no certificate'),))


def forges(world, request):
    """Change a header, and keep the certificate."""
    answer = honest(world, request)
    raw, certificate = answer.blocks[0]
    block = block_module.Block.from_bytes(world.made.h, raw)
    forged = block_module.Block.assembled(
        world.made.h, dataclasses.replace(
            block.header, state_root=b'x' * 32), block.raw_transactions)
    return dataclasses.replace(answer, blocks=(
        (forged.to_bytes(), certificate), *answer.blocks[1:]))


def certifies(world, request):
    """Certify with a quorum of others."""
    answer = honest(world, request)
    sites = federations.genesis(4, label='x').sites[::-1]
    return dataclasses.replace(answer, blocks=tuple(
        (raw, ledgers.certify(
            world.made.h, sites, range(3), request.from_height + number,
            block_module.Block.from_bytes(world.made.h, raw).digest))
        for number, (raw, _) in enumerate(answer.blocks)))


def floods(world, request):
    """Send more than was asked for."""
    answer = honest(world, request)
    return dataclasses.replace(answer, blocks=answer.blocks * 40)


def strips(world, request):
    """Drop the certificates of blocks with transactions."""
    answer = honest(world, request)
    return dataclasses.replace(answer, blocks=tuple(
        (raw, certificate if number == len(answer.blocks) - 1 else b'')
        for number, (raw, certificate) in enumerate(answer.blocks)))


BEHAVIOURS = (honest, stalls, withholds, crumbles, cuts, skips, junk, forges,
              certifies, floods, strips)


class World:
    """A follower, its sources and the time."""

    def __init__(self, behaviours, *, config=None, height=HEIGHT,
                 claims=None):
        self.made, self.source = chain()
        self.height = height
        self.behaviours = dict(enumerate(behaviours, 1))
        self.ledger = ledgers.Ledger(self.made)
        self.machine = catch_up.CatchUp(
            config or catch_up.Config(timeout_ms=1000, take_max_count=6),
            self.ledger.application, federations.PROVIDER)
        self.now_ms = 0
        self.numbers = itertools.count()
        self.queue = []
        self.timer = None
        self.asked = []
        self.distrusted = []
        self.taken = []
        self.snapshots = []
        self.failing = None
        for member in self.behaviours:
            self.event(catch_up.LinkUp(member))
            self.event(catch_up.Claimed(
                member, (claims or {}).get(member, self.height)))

    def later(self, delay_ms, action):
        heapq.heappush(self.queue, (
            self.now_ms + delay_ms, next(self.numbers), action))

    def event(self, event):
        for effect in self.machine.step(event, self.now_ms):
            self.execute(effect)

    def execute(self, effect):
        match effect:
            case catch_up.Ask():
                self.asked.append((effect.member,
                                   effect.message.from_height))
                self.later(LATENCY_MS, lambda: self.answer(effect))
            case catch_up.Take():
                self.later(LATENCY_MS, lambda: self.take(effect))
            case catch_up.FetchSnapshot():
                self.snapshots.append(effect)
            case catch_up.Distrust():
                self.distrusted.append((effect.member, effect.code))
            case catch_up.SetTimer():
                self.timer = timer = object()
                self.later(effect.delay_ms, lambda: self.fire(timer))
            case catch_up.CancelTimer():
                self.timer = None

    def fire(self, timer):
        if self.timer is timer:
            self.timer = None
            self.event(catch_up.TimerFired())

    def answer(self, effect):
        behaviour = self.behaviours.get(effect.member)
        if behaviour is None:
            return
        found = behaviour(self, effect.message)
        if found == 'dies':
            self.down(effect.member)
        elif found is not None:
            self.event(catch_up.Answered(effect.member, found))

    def down(self, member):
        del self.behaviours[member]
        self.event(catch_up.LinkDown(member))

    def take(self, effect):
        if self.failing:
            self.event(catch_up.TakeFailed(effect.take_id, 'storage-failed',
                                           'full'))
            return
        self.taken.append(len(effect.blocks))
        assert effect.blocks[-1][1]
        for block, certificate in effect.blocks:
            if block.header.height > self.head:
                self.commit(block, certificate)
        self.event(catch_up.Taken(effect.take_id))

    def commit(self, block, certificate):
        # the oracle: nothing but the one certified chain
        height = block.header.height
        assert block.digest == self.source.blocks[height - 1].block.digest
        outcome = self.ledger.application.validate(block)
        self.ledger.state.update(outcome.changes.changes)
        self.ledger.application.committed(outcome, certificate)

    @property
    def head(self):
        return self.ledger.application.head.height

    def run(self, until_ms=10 ** 6, until_height=None):
        """Let the time pass; return how much it took to get there."""
        while self.queue and self.now_ms < until_ms:
            if until_height is not None and self.head >= until_height:
                break
            self.now_ms, _, action = heapq.heappop(self.queue)
            action()
        return self.now_ms


class TestCatchUp(base.TestCase):

    def setUp(self):
        super().setUp()
        self.patch(limits, 'CERTIFICATE_INTERVAL_BLOCKS', INTERVAL)
        self.patch(limits, 'BLOCKS_PER_FRAME_MAX_COUNT', INTERVAL)
        self.patch(limits, 'BLOCKS_ANSWER_MAX_BYTES', 10 ** 6)

    def test_one_honest_source_is_enough(self):
        world = World([honest])
        world.run()
        self.assertEqual(HEIGHT, world.head)
        self.assertEqual([], world.distrusted)
        self.assertFalse(world.machine.busy)
        self.assertIsNone(world.timer)
        # a heartbeat goes with what certifies it
        self.assertEqual(HEIGHT, sum(world.taken))

    def test_the_next_answer_is_on_its_way_while_one_is_stored(self):
        world = World([honest])
        order = []
        execute, take = world.execute, world.take

        def note(effect):
            order.append(type(effect).__name__)
            execute(effect)

        def taken(effect):
            order.append('taken')
            take(effect)

        world.execute, world.take = note, taken
        world.run()
        self.assertLess(order.index('Ask'), order.index('taken'))

    def test_s16_each_kind_of_bad_source_is_left_for_an_honest_one(self):
        codes = {stalls: 'timeout', withholds: 'not-found',
                 crumbles: 'truncated', cuts: None, skips: 'bad-block',
                 junk: 'malformed', forges: 'bad-block',
                 certifies: 'bad-certificate', floods: 'bad-block',
                 strips: 'bad-certificate'}
        for behaviour in BEHAVIOURS[1:]:
            world = World([behaviour, honest], claims={1: 10 ** 6})
            world.run(until_height=HEIGHT)
            self.assertEqual(HEIGHT, world.head, behaviour)
            self.assertEqual(1, world.asked[0][0], behaviour)
            self.assertIn(1, [member for member, _ in world.distrusted])
            self.assertNotIn(2, [member for member, _ in world.distrusted])
            if codes[behaviour]:
                self.assertEqual((1, codes[behaviour]),
                                 world.distrusted[0], behaviour)

    def test_s16_a_source_that_dies_midway(self):
        count = itertools.count()

        def dies(world, request):
            return (honest(world, request) if next(count) < 2 else 'dies')

        world = World([dies, honest], claims={1: 10 ** 6})
        world.run()
        self.assertEqual(HEIGHT, world.head)
        self.assertEqual([1, 1, 1, 2], [m for m, _ in world.asked[:4]])
        # what it had given before was not asked for again
        self.assertEqual(2 * INTERVAL + 1, world.asked[3][1])
        self.assertEqual([(1, 'no-node')], world.distrusted)

    def test_s16_the_chain_moves_on_meanwhile(self):
        world = World([honest], height=20)

        def grow():
            world.height += 4
            if world.height < HEIGHT:
                world.later(3, grow)

        world.later(1, grow)
        world.run()
        self.assertEqual(HEIGHT, world.head)

    def test_blocks_that_come_by_consensus_are_passed_over(self):
        world = World([honest])
        world.run(until_ms=LATENCY_MS)
        for one in world.source.blocks[world.head:30]:
            world.commit(one.block, one.certificate)
        world.event(catch_up.HeadMoved())
        world.run()
        self.assertEqual(HEIGHT, world.head)
        self.assertEqual([], world.distrusted)

    def test_a_failing_source_waits_longer_each_time(self):
        world = World([withholds])
        world.run(until_ms=200_000)
        self.assertGreaterEqual(10, len(world.asked))
        self.assertEqual(0, world.head)
        world.behaviours[1] = honest
        world.run(until_ms=300_000)
        self.assertEqual(HEIGHT, world.head)

    def test_who_failed_least_is_asked_first(self):
        world = World([stalls, honest, honest], claims={1: 10 ** 6})
        world.run(until_ms=100_000, until_height=HEIGHT)
        self.assertEqual([1, 2], sorted({m for m, _ in world.asked}))

    def test_a_failing_disk_is_not_the_sources_fault(self):
        world = World([honest])
        world.failing = True
        world.run(until_ms=5_000)
        self.assertEqual((0, []), (world.head, world.distrusted))
        # two requests each time, and longer pauses
        self.assertGreaterEqual(8, len(world.asked))
        world.failing = False
        world.run()
        self.assertEqual(HEIGHT, world.head)

    def test_consensus_may_close_a_small_gap(self):
        world = World([honest], height=1, claims={1: 0})
        world.event(catch_up.Following())
        world.event(catch_up.Claimed(1, 1))
        self.assertEqual([], world.asked)
        one = world.source.blocks[0]
        world.commit(one.block, one.certificate)
        world.event(catch_up.HeadMoved())
        world.run()
        self.assertEqual([], world.asked)
        # and if it does not, it is asked for
        world.height = 2
        world.event(catch_up.Claimed(1, 2))
        self.assertEqual([], world.asked)
        world.run()
        self.assertEqual(([(1, 2)], 2), (world.asked, world.head))

    def test_answers_that_nobody_asked_for_have_no_effect(self):
        world = World([stalls, stalls])
        request = world.asked[0][0], world.machine._request.message
        answer = honest(world, request[1])
        for member, found in (
                (2, answer), (9, answer),
                (1, dataclasses.replace(answer, request_id=77))):
            world.event(catch_up.Answered(member, found))
            self.assertEqual(0, len(world.machine._buffer))

    def test_memory_is_bounded(self):
        config = catch_up.Config(take_max_count=1, buffer_max_bytes=2000)
        world = World([honest], config=config)
        most = 0
        event = world.event

        def watch(one):
            nonlocal most
            event(one)
            most = max(most, len(world.machine._buffer))

        world.event = watch
        world.run()
        self.assertEqual(HEIGHT, world.head)
        self.assertLess(most, 3 * INTERVAL)

    def test_far_behind_a_snapshot_is_asked_for(self):
        config = catch_up.Config(snapshot_threshold_blocks=20)
        world = World([honest, honest], config=config)
        self.assertEqual([], world.asked)
        [wanted] = world.snapshots
        self.assertEqual((1, HEIGHT - 20), (wanted.member, wanted.height))
        # it lies: the other one is asked
        world.event(catch_up.TakeFailed(wanted.take_id, 'bad-proof', 'lies',
                                        blame=True))
        self.assertEqual([(1, 'bad-proof')], world.distrusted)
        [_, second] = world.snapshots
        self.assertEqual(2, second.member)
        # it arrives
        for one in world.source.blocks[:30]:
            world.commit(one.block, one.certificate)
        world.event(catch_up.Taken(second.take_id))
        self.assertEqual([(2, 31)], world.asked)
        world.run()
        self.assertEqual(HEIGHT, world.head)

    def test_where_nobody_has_a_snapshot_everything_is_replayed(self):
        config = catch_up.Config(snapshot_threshold_blocks=20)
        world = World([honest, honest], config=config)
        for number in range(2):
            self.assertEqual(number + 1, len(world.snapshots))
            world.event(catch_up.TakeFailed(
                world.snapshots[-1].take_id, 'not-found', 'none',
                blame=True, refused=True))
        self.assertEqual([1, 2], [one.member for one in world.snapshots])
        world.run()
        self.assertEqual((HEIGHT, []), (world.head, world.distrusted))

    def test_a_source_that_dies_while_it_gives_a_snapshot(self):
        config = catch_up.Config(snapshot_threshold_blocks=20)
        world = World([honest, honest], config=config)
        world.down(1)
        self.assertEqual([(1, 'no-node')], world.distrusted)
        world.event(catch_up.TakeFailed(
            world.snapshots[0].take_id, 'no-node', 'gone', blame=True))
        self.assertEqual([(1, 'no-node')], world.distrusted)
        self.assertEqual([1, 2], [one.member for one in world.snapshots])

    @hypothesis.settings(max_examples=60)
    @hypothesis.given(data=st.data())
    def test_whatever_they_do_the_chain_is_followed(self, data):
        behaviours = data.draw(st.lists(
            st.sampled_from(BEHAVIOURS), min_size=0, max_size=4))
        place = data.draw(st.integers(0, len(behaviours)))
        behaviours.insert(place, honest)
        claims = {member: data.draw(st.sampled_from((0, 3, 44, 10 ** 9)))
                  for member in range(1, len(behaviours) + 1)
                  if member != place + 1}
        world = World(behaviours, claims=claims, config=catch_up.Config(
            timeout_ms=1000, take_max_count=data.draw(st.integers(1, 9)),
            buffer_max_bytes=data.draw(st.sampled_from((0, 10 ** 6)))))
        for _ in range(data.draw(st.integers(0, 3))):
            member = data.draw(st.sampled_from(sorted(world.behaviours)))
            if world.behaviours[member] is not honest:
                world.later(data.draw(st.integers(0, 300)),
                            lambda m=member: m in world.behaviours
                            and world.down(m))
        world.run(until_ms=60_000, until_height=HEIGHT)
        self.assertEqual(HEIGHT, world.head)
        self.assertNotIn(place + 1, [m for m, _ in world.distrusted])
