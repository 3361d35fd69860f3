# SPDX-License-Identifier: Apache-2.0
"""Tests of the driver of the PBFT replica, against its contract."""

import asyncio

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.node.engine import base as engine_module
from tacker_ledger.node.engine import pbft
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers


class Replica:
    """Answers each event with the effects a test gave for its class."""

    def __init__(self):
        self.view = 3
        self.leader = 1
        self.events = []
        self.answers = {}

    def step(self, event, now_ms):
        self.events.append(event)
        return self.answers.pop(type(event), [])

    def newest(self, member):
        return None


class Host:
    """A node that notes what it is asked."""

    def __init__(self):
        self.calls = []
        self.writes = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.full = False
        self.count = 0

    def now_ms(self):
        return 5

    def send(self, message, to):
        self.calls.append(('send', message, to))

    def persist(self, height, records):
        future = asyncio.get_running_loop().create_future()
        self.writes.append(future)
        self.calls.append(('persist', height, records))
        return future

    async def append(self, outcome, certificate):
        self.calls.append(('append', certificate))
        await self.gate.wait()
        if self.full:
            raise errors.StorageFailed('full')

    def pool_state(self):
        return engine_module.PoolState(self.count, 100 * self.count, 7)

    def vote_records(self):
        return [b'record']

    def keep_evidence(self, record, member):
        self.calls.append(('evidence', member))

    def note_refusal(self, member, code, reason):
        self.calls.append(('refusal', member, code))

    def behind(self, member, height):
        self.calls.append(('behind', member, height))

    def halted(self, code, reason):
        self.calls.append(('halted', code))


STATUS = messages.Status(1, 0)


class TestPbftEngine(base.TestCase):

    def setUp(self):
        super().setUp()
        self.ledger = ledgers.Ledger(federations.genesis())

    def run_scenario(self, scenario, may_vote=True):
        async def run():
            self.host = Host()
            engine = pbft.PbftEngine(engine_module.Parts(
                self.host, self.ledger.application, federations.PROVIDER,
                (self.ledger.made.sites[0].vote_seed,)))
            self.replica = engine._replica = Replica()
            await engine.start(may_vote)
            try:
                await scenario(engine)
            finally:
                await engine.stop()
        asyncio.run(run())

    async def until(self, condition):
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.001)

    def seen(self, kind):
        return [event for event in self.replica.events
                if isinstance(event, kind)]

    def append(self, view=2):
        block = self.ledger.commit()
        return effects.Append(block.outcome, block.certificate, view)

    def test_the_start(self):
        block = self.ledger.commit(view=6)
        self.assertEqual(1, block.block.header.height)

        async def scenario(engine):
            self.assertEqual([effects.Start([b'record'], 6, False)],
                             self.replica.events)
            self.assertEqual((3, 1, 'pbft'), (engine.view, engine.leader,
                                              engine.name))
        self.run_scenario(scenario, may_vote=False)

    def test_effects_are_executed_in_order(self):
        async def scenario(engine):
            self.replica.answers[effects.Received] = [
                effects.Send(STATUS, None), effects.Behind(2, 9),
                effects.Refused(1, 1, 0, 'bad-block', 'x'),
                effects.Send(STATUS, 1), effects.Halted(1, 'bad-block', 'x')]
            engine.received(STATUS, 2)
            await self.until(lambda: len(self.host.calls) == 5)
            self.assertEqual(
                [('send', STATUS, None), ('behind', 2, 9),
                 ('refusal', 1, 'bad-block'), ('send', STATUS, 1),
                 ('halted', 'bad-block')], self.host.calls)
        self.run_scenario(scenario)

    def test_the_end_of_a_write_is_an_event(self):
        async def scenario(engine):
            self.replica.answers[effects.Received] = [
                effects.Persist(7, 1, (STATUS,))]
            engine.received(STATUS, 2)
            await self.until(lambda: self.host.writes)
            # other events go on meanwhile
            engine.connected(2)
            await self.until(lambda: self.seen(effects.PeerConnected))
            self.assertEqual([], self.seen(effects.Persisted))
            self.host.writes[0].set_result(None)
            await self.until(lambda: self.seen(effects.Persisted))
            self.assertEqual([effects.Persisted(7)],
                             self.seen(effects.Persisted))
        self.run_scenario(scenario)

    def test_a_write_that_fails(self):
        async def scenario(engine):
            self.replica.answers[effects.Received] = [
                effects.Persist(7, 1, (STATUS,))]
            engine.received(STATUS, 2)
            await self.until(lambda: self.host.writes)
            self.host.writes[0].set_exception(errors.StorageFailed('full'))
            await self.until(lambda: self.seen(effects.PersistFailed))
            self.assertIn(('halted', 'storage-failed'), self.host.calls)
            self.assertEqual([], self.seen(effects.Persisted))
        self.run_scenario(scenario)

    def test_an_append_comes_before_anything_else(self):
        async def scenario(engine):
            self.replica.answers[effects.Received] = [self.append()]
            self.host.gate.clear()
            engine.received(STATUS, 2)
            engine.connected(2)
            await self.until(lambda: self.host.calls)
            await asyncio.sleep(0.01)
            self.assertEqual([], self.seen(effects.PeerConnected))
            self.host.gate.set()
            await self.until(lambda: self.seen(effects.PeerConnected))
            kinds = [type(event) for event in self.replica.events]
            self.assertLess(kinds.index(effects.BlockCommitted),
                            kinds.index(effects.PeerConnected))
            self.assertEqual([effects.BlockCommitted(1, 2)],
                             self.seen(effects.BlockCommitted))
        self.run_scenario(scenario)

    def test_an_append_that_fails_ends_it(self):
        async def scenario(engine):
            self.host.full = True
            self.replica.answers[effects.Received] = [self.append()]
            engine.received(STATUS, 2)
            await self.until(
                lambda: ('halted', 'storage-failed') in self.host.calls)
            engine.received(STATUS, 2)
            await asyncio.sleep(0.01)
            self.assertEqual(1, len(self.seen(effects.Received)))
            self.assertEqual([], self.seen(effects.BlockCommitted))
        self.run_scenario(scenario)

    def test_timers(self):
        async def scenario(engine):
            self.replica.answers[effects.Received] = [
                effects.SetTimer('a', 60_000), effects.SetTimer('b', 60_000),
                effects.SetTimer('c', 5), effects.SetTimer('a', 1),
                effects.CancelTimer('b'), effects.CancelTimer('none')]
            engine.received(STATUS, 2)
            await self.until(lambda: len(self.seen(effects.Timer)) == 2)
            self.assertEqual([effects.Timer('a'), effects.Timer('c')],
                             self.seen(effects.Timer))
            self.assertEqual({}, engine._timers)
        self.run_scenario(scenario)

    def test_transactions_are_announced_together_and_after_a_block(self):
        async def scenario(engine):
            self.host.count = 3
            for _ in range(5):
                engine.transactions_ready()
            await self.until(lambda: self.seen(effects.TransactionsReady))
            engine.committed_elsewhere(1, b'')
            await self.until(
                lambda: len(self.seen(effects.TransactionsReady)) == 2)
            self.assertEqual([effects.TransactionsReady(3, 300, 7)] * 2,
                             self.seen(effects.TransactionsReady))
            self.assertEqual([effects.BlockCommitted(1, 0)],
                             self.seen(effects.BlockCommitted))
        self.run_scenario(scenario)

    def test_catching_up_has_the_ledger_to_itself(self):
        async def scenario(engine):
            async with engine.exclusive():
                engine.received(STATUS, 2)
                await asyncio.sleep(0.01)
                self.assertEqual([], self.seen(effects.Received))
            await self.until(lambda: self.seen(effects.Received))
        self.run_scenario(scenario)

    def test_a_member_that_floods_takes_nobody_elses_place(self):
        self.patch(pbft, 'WAITING_MAX_COUNT', 5)
        self.patch(pbft, 'WAITING_MAX_BYTES', 1000)
        large = messages.Body(bytes(600))

        async def scenario(engine):
            async with engine.exclusive():
                for _ in range(50):
                    engine.received(STATUS, 2)
                engine.received(large, 3)
                engine.received(large, 3)
                engine.received(STATUS, 1)
            await self.until(
                lambda: self.seen(effects.Received)[-1:] == [
                    effects.Received(STATUS, 1)])
            self.assertEqual(7, len(self.seen(effects.Received)))
            self.assertEqual(46, engine.dropped)
            # what was looked at makes room again
            engine.received(large, 3)
            await self.until(lambda: self.seen(
                effects.Received)[-1] == effects.Received(large, 3))
        self.run_scenario(scenario)

    def test_nothing_happens_after_a_stop(self):
        async def scenario(engine):
            self.replica.answers[effects.Received] = [
                effects.SetTimer('a', 1)]
            engine.received(STATUS, 2)
            await self.until(lambda: self.seen(effects.Received))
            await engine.stop()
            events = len(self.replica.events)
            engine.received(STATUS, 2)
            engine.connected(1)
            engine.voting(True)
            await asyncio.sleep(0.01)
            self.assertEqual(events, len(self.replica.events))
        self.run_scenario(scenario)
