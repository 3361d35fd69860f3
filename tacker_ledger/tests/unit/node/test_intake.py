# SPDX-License-Identifier: Apache-2.0
"""Tests of the way into the pool and on to the leader."""

import asyncio
import os
import types

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import request_timers
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core import limits
from tacker_ledger.node import intake
from tacker_ledger.node import pool as pool_module
from tacker_ledger.storage import journal
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers
from tacker_ledger.tests.unit.node import test_pool


class Anybody:
    """An admission driver; ``refuses`` holds sender ids."""

    name = 'test'

    def __init__(self):
        self.refuses = set()

    def admit(self, submission, transaction, now):
        if transaction.sender_id in self.refuses:
            raise errors.NotAdmitted('no')


class Host:
    """A node's part in it."""

    def __init__(self, leader=2):
        self.member = 1
        self.problem = None
        self.leads = leader
        self.sent = []
        self.expired = []
        self.up = [0, 2, 3]

    def now_ms(self):
        return ledgers.START_MS

    def refusal(self):
        return self.problem

    def leader(self):
        return self.leads

    def send(self, message, to):
        self.sent.append((message, to))

    def peers_up(self):
        return self.up

    def request_expired(self, txid):
        self.expired.append(txid)


class TestIntake(base.TestCase):

    def setUp(self):
        super().setUp()
        self.ledger = ledgers.Ledger(federations.genesis())
        self.host = Host()
        self.pool = pool_module.Pool(100, 10 ** 7)
        self.admission = Anybody()
        self.known = set()
        self.directory = self.make_directory()
        self.journal = journal.Journal(self.directory, 10 ** 6)
        self.addCleanup(lambda: self.journal.close())

    def make(self, forward_after_seconds=1000.0):
        return intake.Intake(
            self.host, federations.PROVIDER, self.ledger.application,
            self.ledger.state, self.pool, self.admission,
            self.known.__contains__, self.journal, forward_after_seconds)

    def run_scenario(self, scenario, **fields):
        async def run():
            made = self.make(**fields)
            made.start()
            try:
                await scenario(made)
            finally:
                await made.stop()
        asyncio.run(run())

    @staticmethod
    def raw(one) -> bytes:
        return transaction_module.Submission(one.raw).to_bytes()

    def test_what_is_accepted_goes_to_the_leader_in_one_frame(self):
        some = [test_pool.transaction(f'{i}') for i in range(3)]

        async def scenario(made):
            results = await made.submit([self.raw(one) for one in some])
            self.assertEqual([(one.txid, None) for one in some],
                             [(r.txid, r.code) for r in results])
            await asyncio.sleep(0)
            self.assertEqual([(messages.Transactions(
                False, tuple(self.raw(one) for one in some)), 2)],
                self.host.sent)
            self.assertEqual(3, len(self.pool))
        self.run_scenario(scenario)

    def test_the_leader_sends_nothing(self):
        self.host.leads = 1

        async def scenario(made):
            await made.submit([self.raw(test_pool.transaction('a'))])
            await asyncio.sleep(0)
            self.assertEqual([], self.host.sent)
        self.run_scenario(scenario)

    def test_refusals_in_the_order_of_their_price(self):
        one = test_pool.transaction('one')
        bad = bytearray(self.raw(one))
        at = bad.index(one.signature)
        bad[at] ^= 1
        stranger = test_pool.transaction('two', 'stranger')
        self.admission.refuses.add(stranger.sender_id)
        foreign = ledgers.digest_transaction(
            federations.genesis(4, label='other').h, 'foreign')
        late = test_pool.transaction('late', vid=3)

        async def scenario(made):
            async def code(raw):
                result, = await made.submit([raw])
                return result.code
            self.assertEqual('malformed', await code(b'junk'))
            self.assertEqual('bad-hash', await code(self.raw(foreign)))
            self.assertEqual('bad-signature', await code(bytes(bad)))
            self.assertEqual('vid-conflict', await code(self.raw(late)))
            self.assertEqual('not-admitted', await code(self.raw(stranger)))
            self.assertIsNone(await code(self.raw(one)))
            self.assertEqual('duplicate', await code(self.raw(one)))
            self.known.add(stranger.txid)
            self.assertEqual('duplicate', await code(self.raw(stranger)))
            self.host.problem = errors.NoQuorum('alone')
            self.assertEqual('no-quorum', await code(self.raw(one)))
            self.assertEqual(1, len(self.pool))
        self.run_scenario(scenario)

    def test_a_timestamp_ahead_of_our_clock(self):
        far = ledgers.digest_transaction(
            self.ledger.h, 'far', timestamp_ms=(
                ledgers.START_MS + limits.TIMESTAMP_FUTURE_MS
                - limits.POOL_SKEW_MS + 1))

        async def scenario(made):
            result, = await made.submit([self.raw(far)])
            self.assertEqual('timestamp-future', result.code)
        self.run_scenario(scenario)

    def test_what_a_member_forwards_needs_no_admission(self):
        one = test_pool.transaction('one', 'stranger')
        self.admission.refuses.add(one.sender_id)
        other = test_pool.transaction('other')

        async def scenario(made):
            made.received(3, messages.Transactions(False, (
                b'junk', self.raw(one), self.raw(one), self.raw(other))))
            while len(self.pool) < 2:
                await asyncio.sleep(0)
            self.assertEqual([one, other],
                             [held.transaction for held in
                              self.pool.of_member(3)])
            # it is not handed on
            self.assertEqual([], self.host.sent)
        self.run_scenario(scenario)

    def test_what_a_member_forwards_is_bounded(self):
        self.patch(intake, '_BACKLOG_MAX_COUNT', 5)
        raws = tuple(self.raw(test_pool.transaction(f'{i}'))
                     for i in range(9))

        async def scenario(made):
            made.received(3, messages.Transactions(False, raws))
            self.assertEqual(4, made.dropped)
            made.received(0, messages.Transactions(False, raws[5:6]))
            while len(self.pool) < 6:
                await asyncio.sleep(0)
        self.run_scenario(scenario)

    def test_what_stays_out_of_blocks_is_told_to_all(self):
        self.patch(intake, '_SWEEP_SECONDS', 0.001)
        one = test_pool.transaction('one')

        async def scenario(made):
            await made.submit([self.raw(one)])
            while not any(to is None for _, to in self.host.sent):
                await asyncio.sleep(0.001)
            self.assertEqual(
                (messages.Transactions(True, (self.raw(one),)), None),
                self.host.sent[-1])
        self.run_scenario(scenario, forward_after_seconds=0.005)

    def test_a_leader_that_is_gone_is_not_waited_for(self):
        self.host.up = [0, 3]
        one, two = map(test_pool.transaction, ('one', 'two'))

        async def scenario(made):
            await made.submit([self.raw(one)])
            while not self.host.sent:
                await asyncio.sleep(0.001)
            self.host.up.append(2)
            await made.submit([self.raw(two)])
            while len(self.host.sent) < 2:
                await asyncio.sleep(0.001)
            made.lost(0)
            made.lost(2)
        self.run_scenario(scenario)
        self.assertEqual(
            [(messages.Transactions(True, (self.raw(one),)), None),
             (messages.Transactions(False, (self.raw(two),)), 2),
             (messages.Transactions(True, (self.raw(one), self.raw(two))),
              None)], self.host.sent)

    def waits_after(self, count, full):
        """Return who is told of a transaction after a block."""
        self.patch(intake, '_SWEEP_SECONDS', 0.001)
        self.patch(intake, '_BUSY_PATIENCE', 10 ** 9)
        block = [types.SimpleNamespace(txid=bytes([n]) * 32,
                                       sender_id=bytes(32))
                 for n in range(count)]

        async def scenario(made):
            made.block_committed(block, full)
            await made.submit([self.raw(test_pool.transaction('one'))])
            await asyncio.sleep(0.05)
        self.run_scenario(scenario, forward_after_seconds=0.005)
        return {to for _, to in self.host.sent}

    def test_full_blocks_make_members_patient(self):
        self.assertEqual({2}, self.waits_after(0, True))

    def test_half_full_blocks_make_members_patient(self):
        most = self.ledger.application.federation.parameters
        self.assertEqual({2}, self.waits_after(
            -(-most.batch_max_transactions // 2), False))

    def test_blocks_with_room_explain_no_waiting(self):
        self.assertEqual({2, None}, self.waits_after(3, False))

    def test_busy_blocks_explain_waiting_as_long_as_blocks_take(self):
        made = self.make(forward_after_seconds=0.5)
        made._pace = 0.75
        self.assertEqual(2.0, made._busy_seconds())
        made._pace = 60.0
        self.assertEqual(4.0, made._busy_seconds())

    def test_what_was_accepted_outlives_the_process(self):
        one, two = map(test_pool.transaction, ('one', 'two'))

        async def scenario(made):
            results = await made.submit([self.raw(one), b'junk',
                                         self.raw(two)])
            self.assertEqual([None, 'malformed', None],
                             [result.code for result in results])

        async def again(made):
            self.assertIn(one.txid, self.pool)
            self.assertNotIn(two.txid, self.pool)
            self.assertTrue(self.pool.holds_of(self.host.member))
            # Nothing waits any more: nothing is kept.
            self.pool.committed([one])
            made.block_committed([one], False)
            self.assertEqual([], self.journal.load())
        self.run_scenario(scenario)
        self.pool = pool_module.Pool(100, 10 ** 7)
        self.known.add(two.txid)
        self.run_scenario(again)

    def test_what_cannot_be_written_down_is_not_accepted(self):
        self.journal.close()
        full = os.open('/dev/full', os.O_WRONLY)
        self.journal._descriptor = full
        one = test_pool.transaction('one')

        async def scenario(made):
            result, = await made.submit([self.raw(one)])
            self.assertEqual('storage-failed', result.code)
        self.run_scenario(scenario)
        self.assertNotIn(one.txid, self.pool)
        self.assertEqual([], self.host.sent)

    def test_who_leaves_a_view_shows_what_waits(self):
        one = test_pool.transaction('one')

        async def scenario(made):
            # It was accepted by a member that has let go of it since.
            made.received(3, messages.Transactions(True, (self.raw(one),)))
            while one.txid not in self.pool:
                await asyncio.sleep(0.001)
            made.view_left()
        self.run_scenario(scenario)
        self.assertEqual([(messages.Transactions(True, (self.raw(one),)),
                           None)], self.host.sent)

    def test_crowded_pools_blame_the_leader_later(self):
        self.pool.max_transactions = 2
        one = test_pool.transaction('one')

        async def scenario(made):
            made.received(3, messages.Transactions(True, (self.raw(one),)))
            while one.txid not in self.pool:
                await asyncio.sleep(0.001)
            # The pool was crowded before the first block, and the leader's
            # before the second, which holds as much as ours could.
            made.block_committed((), False)
            others = [test_pool.transaction(str(n)) for n in range(2)]
            made.block_committed(others, False)
            for _ in range(request_timers.PASSES_MAX_COUNT):
                made.block_committed((), False)
            self.assertEqual([], self.host.expired)
            made.block_committed((), False)
            self.assertEqual([one.txid], self.host.expired)
        self.run_scenario(scenario)

    def test_what_blocks_with_room_pass_over_blames_the_leader(self):
        one = test_pool.transaction('one')

        async def scenario(made):
            made.received(3, messages.Transactions(True, (self.raw(one),)))
            while one.txid not in self.pool:
                await asyncio.sleep(0.001)
            for _ in range(request_timers.PASSES_MAX_COUNT):
                made.block_committed((), False)
            self.assertEqual([], self.host.expired)
            # Another leader has the same chances,
            made.view_changed()
            for _ in range(request_timers.PASSES_MAX_COUNT):
                made.block_committed((), False)
            # and so has one whose link was down.
            made.resend(2)
            for _ in range(request_timers.PASSES_MAX_COUNT):
                made.block_committed((), False)
            self.assertEqual([], self.host.expired)
            made.block_committed((), False)
            self.assertEqual([one.txid], self.host.expired)
            self.pool.remove(one.txid)
            made.block_committed((), False)
            self.assertEqual([one.txid], self.host.expired)
        self.run_scenario(scenario)

    def test_what_blames_the_leader_is_told_to_all_again(self):
        # the member it was accepted by may have let go of it
        one, other = (test_pool.transaction(name) for name in 'ab')

        async def scenario(made):
            made.received(3, messages.Transactions(True, (self.raw(one),)))
            made.received(0, messages.Transactions(False, (
                self.raw(other),)))
            while len(self.pool) < 2:
                await asyncio.sleep(0.01)
            for _ in range(1 + request_timers.PASSES_MAX_COUNT):
                self.assertEqual([], self.host.expired)
                made.block_committed([], False)
            self.assertEqual([one.txid], self.host.expired)
            # The leader heard it first, from us.
            handed, (message, to) = self.host.sent
            self.assertEqual((messages.Transactions(
                False, (self.raw(one),)), 2), handed)
            self.assertIsNone(to)
            self.assertEqual(messages.Transactions(True, (
                self.raw(one), self.raw(other))), message)
        self.run_scenario(scenario)

    def test_what_is_told_twice_is_looked_at_once(self):
        one = test_pool.transaction('one')

        async def scenario(made):
            await made.submit([self.raw(one)])
            # a second look would parse and verify
            self.patch(transaction_module.Transaction, 'from_bytes', None)
            made.received(3, messages.Transactions(True, (self.raw(one),)))
            while made._backlogs[3].items:
                await asyncio.sleep(0)
            self.assertEqual(1, len(self.pool))
        self.run_scenario(scenario)

    def test_a_member_that_comes_back_hears_it_again_if_it_leads(self):
        one = test_pool.transaction('one')

        async def scenario(made):
            await made.submit([self.raw(one)])
            await asyncio.sleep(0)
            self.host.sent.clear()
            made.resend(3)
            self.assertEqual([], self.host.sent)
            made.resend(2)
            self.assertEqual([(messages.Transactions(
                False, (self.raw(one),)), 2)], self.host.sent)
        self.run_scenario(scenario)

    def test_large_ones_are_cut_into_frames(self):
        some = [test_pool.transaction(f'{i}', size=900_000)
                for i in range(4)]

        async def scenario(made):
            await made.submit([self.raw(one) for one in some])
            await asyncio.sleep(0)
            self.assertEqual([2, 2], [len(message.submissions)
                                      for message, _ in self.host.sent])
        self.run_scenario(scenario)
