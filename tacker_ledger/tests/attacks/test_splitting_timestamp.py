# SPDX-License-Identifier: Apache-2.0
"""A timestamp that splits the votes.

Were "too far in the future" judged by each member's own clock, a timestamp
crafted to lie between two clocks would be valid for some and invalid for
others: no quorum, and perhaps a deposed leader.  A block is judged by its
header's time alone, and the pool keeps a distance from that bound.
"""

import time

from tacker_ledger.core.consensus import effects
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core import limits
from tacker_ledger.tests.attacks import ledger_case
from tacker_ledger.tests.attacks import node_case
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests import ledgers
from tacker_ledger.tests.simulation import simulation

X_MS = limits.TIMESTAMP_FUTURE_MS
POOL_MS = X_MS - limits.POOL_SKEW_MS


class TestAtTheBound(ledger_case.LedgerCase):
    """To the millisecond, at the pool, the proposer and the validator."""

    def attack(self, timestamp_ms):
        """Return each kind of transaction with a timestamp."""
        return (self.thief.sealed(self.vnf, timestamp_ms=timestamp_ms),
                self.thief.public(timestamp_ms=timestamp_ms),
                self.thief.request(
                    self.vnf, timestamp_ms=timestamp_ms,
                    slot_expiry_ms=self.chain.time_ms + 60_000))

    def test_header_time(self):
        """What a block holds depends on its header, not on who looks."""
        header_ms = self.chain.time_ms + 1000
        for offset_ms, allowed in ((-1, True), (0, True), (1, False),
                                   (2 ** 40, False)):
            for one in self.attack(header_ms + X_MS + offset_ms):
                if allowed:
                    self.proposed(one, header_ms)
                else:
                    self.assert_no_block(errors.TimestampFuture, one)
                    self.assert_refused(errors.TimestampFuture, one)

    def proposed(self, one, header_ms):
        """Demand that proposer and validator both take a transaction."""
        self.chain.pool.waiting, self.chain.pool.refused = [one], []
        outcome = self.chain.application.propose(header_ms, 0,
                                                 allow_empty=False)
        self.assertEqual([], self.chain.pool.refused)
        self.assertEqual(header_ms, outcome.block.header.timestamp_ms)
        judged = self.chain.application.validate(outcome.block)
        self.assertEqual(outcome.overlay.root, judged.overlay.root)

    def test_the_clock_of_the_pool(self):
        """A pool takes less than a block may hold, by the skew."""
        now_ms = self.door.host.now_ms()
        for offset_ms, code in ((-1, None), (0, None),
                                (1, 'timestamp-future')):
            for one in self.attack(now_ms + POOL_MS + offset_ms):
                self.assertEqual(code, self.door.submit(one)[0].code)

    def test_what_a_pool_takes_fits_a_block_of_a_slow_leader(self):
        """The leader's clock may lag behind the pool's by the skew."""
        now_ms = self.door.host.now_ms()
        late = self.attack(now_ms + POOL_MS)[0]
        self.assertIsNone(self.door.submit(late)[0].code)
        behind_ms = now_ms - limits.POOL_SKEW_MS
        self.assertLess(behind_ms, self.chain.time_ms)
        self.proposed(late, max(behind_ms, self.chain.time_ms + 1))

    def test_in_the_pool_it_waits_for_its_time(self):
        """A leader that finds it too early passes over it, and goes on."""
        other = self.tenant.sealed(self.vnf)
        early = self.attack(self.chain.time_ms + 1000 + X_MS + 1)[0]
        self.chain.pool.waiting = [early, other]
        self.chain.pool.refused = []
        outcome = self.chain.application.propose(
            self.chain.time_ms + 1000, 0, allow_empty=False)
        self.assertEqual([other.txid],
                         [one.txid for one in outcome.transactions])
        self.assertEqual(['timestamp-future'],
                         [one.code for one in self.chain.pool.refused])
        self.door.pool.rejected(early, self.chain.pool.refused[0])
        self.chain.commit(other)
        self.chain.commit(early, time_ms=self.chain.time_ms + 1001)


class TestSkewedMembers(base.TestCase):
    """A whole federation whose clocks differ, in virtual time."""

    SKEWS_MS = {0: 0, 1: 9_000, 2: -9_000, 3: -5_000}

    def test_crafted_to_lie_between_the_clocks(self):
        """Every pool holds them all; no vote is refused, no view changes."""
        run = simulation.Simulation(4, seed=7, skews_ms=self.SKEWS_MS)
        run.start()
        run.pass_time(0.5)
        now_ms = simulation.EPOCH_MS + run.clock.now_us // 1000
        offsets_ms = sorted({skew_ms + delta_ms
                             for skew_ms in self.SKEWS_MS.values()
                             for delta_ms in (-50, -1, 0, 1, 50)})
        made = [ledgers.digest_transaction(
            run.made.h, f'crafted {offset_ms}',
            timestamp_ms=now_ms + X_MS + offset_ms)
            for offset_ms in offsets_ms]
        honest = run.transactions(4)
        for member in run.members:
            member.submit([*made, honest[member.index]])
        self.assertTrue(run.run_to_height(1))
        run.pass_time(3.0)
        run.check()
        committed = list(run.members[0].disk.txids)
        for member in run.members:
            self.assertEqual(committed, list(member.disk.txids))
            self.assertEqual([], member.refused)
            self.assertIsNone(member.halted)
            self.assertEqual(0, member.replica.view)
        self.assertLessEqual({one.txid for one in honest}, set(committed))
        valid = {one.txid for one, offset_ms
                 in zip(made, offsets_ms, strict=True) if offset_ms <= 0}
        self.assertLessEqual(valid, set(committed))

    def test_a_leader_whose_clock_is_far_ahead(self):
        """It cannot make room for such timestamps: nobody prepares."""
        run = simulation.Simulation(
            4, seed=7, skews_ms={0: 3_600_000})
        run.start()
        prepared = []
        run.observe(lambda _now, member, what: prepared.append(what)
                    if isinstance(what, effects.Append) else None)
        made = ledgers.digest_transaction(
            run.made.h, 'far', timestamp_ms=simulation.EPOCH_MS
            + 3_600_000 + X_MS)
        run.members[0].submit([made])
        run.pass_time(3.0)
        run.check()
        self.assertEqual([], prepared)
        self.assertEqual(
            {'timestamp-future'},
            {one.code for member in run.members[1:]
             for one in member.refused})


class TestRealClocks(node_case.NodeCase):
    """Four real nodes, each with its own reading of the clock."""

    def crafted(self, author, timestamp_ms):
        """Return a transaction with a timestamp."""
        transaction = ledger_case.Party(
            _Clock(self.h, timestamp_ms), pair=author.pair).public()
        return authors.Written(transaction, transaction_module.Submission(
            transaction.raw).to_bytes())

    def test_around_the_bound_of_every_node(self):
        author = self.author()
        accepted, too_far = [], []
        for _ in range(3):
            for index in range(self.members.size):
                written = [self.crafted(
                    author, time.time_ns() // 1_000_000 + POOL_MS + delta_ms)
                    for delta_ms in (-5_000, -20, -5, -1, 0, 1, 2, 3, 5, 10,
                                     20, 50, 30_000, X_MS)]
                answer = self.submit(index, *written)
                self.assertEqual(202, answer.status)
                for one, code in zip(written, answer.codes, strict=True):
                    self.assertIn(code, (None, 'timestamp-future'))
                    if code is None:
                        accepted.append(one)
                self.assertIsNone(answer.codes[0])
                self.assertEqual(['timestamp-future'] * 2,
                                 answer.codes[-2:])
                too_far += written[-2:]
        self.wait_committed(*accepted)
        self.settled()
        self.assertEqual(1, len({self.head(index)
                                 for index in self.members.up()}))
        with self.nothing_changes():
            for one in too_far[-4:]:
                self.assertEqual(['timestamp-future'],
                                 self.submit(1, one).codes)
        self.assert_goes_on(author=author)
        for index in self.members.up():
            self.assertNotIn('Refused what', self.members.log(index))


class _Clock:
    """What a party needs of a chain."""

    def __init__(self, h, time_ms):
        self.h = h
        self.time_ms = time_ms
