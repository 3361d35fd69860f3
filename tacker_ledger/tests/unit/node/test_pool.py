# SPDX-License-Identifier: Apache-2.0
"""Tests of the pool: bounds, fairness, and what a block leaves in it."""

import collections

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.node import pool as pool_module
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import keys

H = federations.genesis().h


def transaction(label: str, sender: str = 'a tenant', *, vid: int = 1,
                cid: bytes | None = None, size: int = 10):
    """Return a template by a sender."""
    return authoring.author_public(
        H, keys.curve(federations.PROVIDER, f'sender {sender}'), cid=cid,
        vid=vid, payload=payload.Template(
            'file', 't', vectors.fixed_bytes(label, size), 'v', '1'),
        timestamp_ms=ledgers.START_MS,
        nonce=vectors.fixed_bytes(f'nonce {label}', 16), compression=0)


def entry(one, member: int = 0, since: float = 0.0) -> pool_module.Entry:
    """Return a pool entry."""
    return pool_module.Entry(
        one, transaction_module.Submission(one.raw).to_bytes(), member,
        since)


class PoolCase(base.TestCase):

    MAX_COUNT = 10
    MAX_BYTES = 100_000

    def setUp(self):
        super().setUp()
        self.changes = []
        self.pool = pool_module.Pool(
            self.MAX_COUNT, self.MAX_BYTES, lambda: self.changes.append(1))

    def add(self, label: str, sender: str = 'a tenant', member: int = 0,
            **fields):
        one = transaction(label, sender, **fields)
        self.pool.add(entry(one, member))
        return one

    def senders(self) -> collections.Counter:
        return collections.Counter(
            held.transaction.sender_id for held in self.pool)


class TestPool(PoolCase):

    def test_first_come_first_served(self):
        added = [self.add(f'{i}', f'sender {i % 3}') for i in range(6)]
        self.assertEqual(added, self.pool.candidates(300, 10 ** 6))
        self.assertEqual(6, len(self.changes))

    def test_what_waits_is_known_with_its_signature_checked(self):
        one = self.add('one')
        self.assertIs(one, self.pool.known(bytes(bytearray(one.raw))))
        self.assertIsNone(self.pool.known(one.raw + b'\0'))
        self.pool.remove(one.txid)
        self.assertIsNone(self.pool.known(one.raw))

    def test_one_transaction_waits_for_a_version(self):
        one = self.add('one')
        self.assertRaises(errors.Duplicate, self.pool.add, entry(one))
        other = transaction('other', cid=one.content.cid)
        self.assertRaises(errors.VidConflict, self.pool.add, entry(other))
        self.add('next', cid=one.content.cid, vid=2)

    def test_a_committed_block_takes_its_transactions_and_their_rivals(self):
        one = self.add('one')
        follower = self.add('two', cid=one.content.cid, vid=2)
        rival = transaction('rival', cid=one.content.cid, vid=2)
        other = self.add('other')
        self.pool.committed([one, rival])
        self.assertEqual([other], self.pool.candidates(9, 10 ** 6))
        self.assertIsNone(self.pool.fate(one.txid))
        self.assertIsInstance(self.pool.fate(follower.txid),
                              errors.VidConflict)

    def test_a_version_whose_predecessor_waits_is_kept(self):
        one = self.add('one')
        two = self.add('two', cid=one.content.cid, vid=2)
        lone = self.add('lone', cid=bytes(16), vid=5)
        for candidate in (two, lone):
            self.pool.rejected(candidate, errors.VidConflict('later'))
        self.assertIn(two.txid, self.pool)
        self.assertNotIn(lone.txid, self.pool)
        self.assertEqual('vid-conflict', self.pool.fate(lone.txid).code)

    def test_a_predecessor_by_somebody_else_does_not_count(self):
        one = self.add('one')
        stranger = transaction('x', 'a stranger', cid=one.content.cid, vid=2)
        self.assertFalse(self.pool.follows_waiting(stranger))

    def test_time_heals_a_timestamp(self):
        one = self.add('one')
        self.pool.rejected(one, errors.TimestampFuture('not yet'))
        self.assertIn(one.txid, self.pool)

    def test_nothing_waits_for_ever(self):
        old, young = transaction('old'), transaction('young')
        self.pool.add(entry(old, since=1.0))
        self.pool.add(entry(young, since=5.0))
        self.assertEqual(1, self.pool.expire(2.0))
        self.assertEqual([young], self.pool.candidates(9, 10 ** 6))
        self.assertEqual('timeout', self.pool.fate(old.txid).code)
        self.assertEqual(5.0, self.pool.oldest_since())

    def test_counters_return_to_zero(self):
        added = [self.add(f'{i}', f's{i}', member=i % 2) for i in range(4)]
        self.assertEqual(2, len(self.pool.of_member(1)))
        for one in added:
            self.pool.remove(one.txid)
        self.assertEqual((0, 0, []), (len(self.pool), self.pool.bytes,
                                      self.pool.of_member(0)))
        self.assertIsNone(self.pool.oldest_since())

    def test_fates_are_bounded(self):
        self.patch(pool_module, '_FATES_MAX_COUNT', 2)
        added = [self.add(f'{i}') for i in range(3)]
        for one in added:
            self.pool.remove(one.txid, errors.Busy('full'))
        self.assertIsNone(self.pool.fate(added[0].txid))
        self.assertIsNotNone(self.pool.fate(added[2].txid))


class TestFullPool(PoolCase):

    def fill(self, sender: str = 'flooder', member: int = 0):
        for number in range(self.MAX_COUNT):
            self.add(f'{sender} {number}', sender, member)

    def test_the_flooder_itself_is_refused(self):
        self.fill()
        self.assertRaises(errors.Busy, self.add, 'more', 'flooder')
        self.assertEqual(self.MAX_COUNT, len(self.pool))

    def test_others_get_half_of_a_flooded_pool(self):
        self.fill()
        for number in range(self.MAX_COUNT // 2):
            self.add(f'quiet {number}', 'quiet')
        self.assertEqual([5, 5], sorted(self.senders().values()))
        self.assertRaises(errors.Busy, self.add, 'one more', 'quiet')

    def test_a_flooding_member_cannot_crowd_out_the_others(self):
        # a lying member invents senders
        for number in range(self.MAX_COUNT):
            self.add(f'{number}', f'invented {number}', member=3)
        mine = [self.add(f'mine {number}', 'tenant', member=0)
                for number in range(4)]
        self.assertTrue(all(one.txid in self.pool for one in mine))
        self.assertEqual(6, len(self.pool.of_member(3)))
        self.assertRaises(errors.Busy, self.add, 'x', 'invented', member=3)

    def test_who_gives_way_is_told(self):
        self.fill()
        last = transaction(f'flooder {self.MAX_COUNT - 1}', 'flooder')
        self.assertIn(last.txid, self.pool)
        self.add('quiet', 'quiet')
        self.assertNotIn(last.txid, self.pool)
        self.assertEqual('busy', self.pool.fate(last.txid).code)

    def test_bytes_are_bounded_too(self):
        self.pool.max_bytes = 3_000
        self.add('a', 'flooder', size=1_000)
        self.add('b', 'flooder', size=1_000)
        self.assertRaises(errors.Busy, self.add, 'c', 'flooder', size=1_000)
        self.add('d', 'quiet', size=500)
        self.assertLessEqual(self.pool.bytes, 3_000)
        self.assertEqual(2, len(self.pool))

    def test_nothing_is_evicted_for_what_does_not_fit_anyway(self):
        self.pool.max_bytes = 3_000
        self.add('a', 'flooder', size=1_000)
        self.assertRaises(errors.Busy, self.add, 'b', 'quiet', size=4_000)
        self.assertEqual(1, len(self.pool))


class TestCandidates(PoolCase):
    MAX_COUNT = 1000
    MAX_BYTES = 10 ** 7

    def test_members_then_senders_take_turns(self):
        for number in range(6):
            self.add(f'flood {number}', 'flooder', member=1)
        self.add('b 0', 'b', member=1)
        self.add('c 0', 'c', member=2)
        chosen = self.pool.candidates(4, 10 ** 6)
        names = [one.sender_id for one in chosen]
        self.assertEqual(4, len(chosen))
        self.assertEqual({2: 1, 1: 3}, collections.Counter(
            self.pool.get(one.txid).member for one in chosen))
        self.assertEqual([2, 1, 1],
                         sorted(collections.Counter(names).values(),
                                reverse=True))

    def test_the_order_of_a_sender_is_kept(self):
        first = self.add('v1')
        later = [self.add(f'v{vid}', cid=first.content.cid, vid=vid)
                 for vid in range(2, 8)]
        self.assertEqual([first, *later[:3]],
                         self.pool.candidates(4, 10 ** 6))

    def test_a_bound_on_bytes(self):
        big = self.add('big', 'a', size=5_000)
        small = self.add('small', 'b', member=1)
        self.assertEqual([small], self.pool.candidates(9, 4_000))
        self.assertEqual([big, small], self.pool.candidates(9, 10_000))
