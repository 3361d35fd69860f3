# SPDX-License-Identifier: Apache-2.0
"""Tests of which process of an identity counts."""

import random

from tacker_ledger.core.consensus import instances
from tacker_ledger.tests import base

A, B = b'a' * 16, b'b' * 16


class TestReplaces(base.TestCase):

    def test_the_first_is_held(self):
        self.assertTrue(instances.replaces(None, A))
        self.assertTrue(instances.replaces(None, instances.NOBODY))

    def test_another_process_is_turned_away(self):
        self.assertFalse(instances.replaces(A, B))

    def test_the_same_process_comes_again(self):
        self.assertTrue(instances.replaces(A, A))

    def test_who_claims_nothing_gives_way_and_pushes_nobody_out(self):
        self.assertTrue(instances.replaces(instances.NOBODY, A))
        self.assertFalse(instances.replaces(A, instances.NOBODY))
        self.assertFalse(instances.replaces(instances.NOBODY,
                                            instances.NOBODY))


class TestClaim(base.TestCase):

    def setUp(self):
        super().setUp()
        self.claim = instances.Claim(A)

    def test_a_quorum_counts_oneself(self):
        self.assertTrue(self.claim.has_quorum(1))
        self.claim.up(1, self.claim.offer())
        self.assertFalse(self.claim.has_quorum(3))
        self.claim.up(2, self.claim.offer())
        self.assertTrue(self.claim.has_quorum(3))
        self.claim.down(1)
        self.assertFalse(self.claim.has_quorum(3))

    def test_an_observer_claims_nothing(self):
        self.claim.up(1, A)
        self.assertTrue(self.claim.observe(True))
        self.assertFalse(self.claim.observe(True))
        self.assertEqual(instances.NOBODY, self.claim.offer())
        for member in range(4):
            self.claim.up(member, self.claim.offer())
        self.assertFalse(self.claim.has_quorum(1))
        self.assertTrue(self.claim.observe(False))
        self.assertEqual((A, set()), (self.claim.offer(),
                                      self.claim.holders))

    def due(self, now_ms):
        return self.claim.release_due(now_ms, 5, lambda: 100)

    def test_it_lets_go_only_when_another_process_is_held(self):
        for member in (1, 2):
            self.claim.up(member, A)
        self.assertFalse(self.due(0))
        self.assertFalse(self.due(1000))
        self.assertTrue(self.claim.refused(3))
        self.assertFalse(self.claim.refused(3))
        self.assertFalse(self.due(1000))
        self.assertFalse(self.due(1099))
        self.assertTrue(self.due(1100))
        # once: it is told again if that is still so
        self.assertFalse(self.due(5000))

    def test_with_a_quorum_it_holds_on(self):
        for member in (1, 2, 3, 4):
            self.claim.up(member, A)
        self.claim.refused(5)
        self.assertFalse(self.due(0))
        self.assertFalse(self.due(10_000))
        self.assertEqual(set(), self.claim.rivals)

    def test_a_quorum_meanwhile_starts_the_wait_anew(self):
        self.claim.up(1, A)
        self.claim.refused(5)
        self.assertFalse(self.due(0))
        for member in (2, 3, 4):
            self.claim.up(member, A)
        self.assertFalse(self.due(50))
        for member in (2, 3, 4):
            self.claim.down(member)
        self.claim.refused(5)
        self.assertFalse(self.due(120))
        self.assertTrue(self.due(220))

    def test_with_nothing_to_let_go_it_goes_on_asking(self):
        self.claim.refused(1)
        self.assertFalse(self.due(0))
        self.assertFalse(self.due(10_000))


class TestTwoCopies(base.TestCase):
    """Two processes of one identity among many members."""

    def contest(self, n, quorum, seed):
        """Return the winner and whether two ever had a quorum at once."""
        chance = random.Random(seed)
        claims = [instances.Claim(A), instances.Claim(B)]
        held: dict[int, int] = {}
        away = [0, 0]
        for member in range(1, n):
            # torn apart as badly as can be
            held[member] = member % 2
            claims[member % 2].up(member, claims[member % 2].offer())
            claims[1 - member % 2].refused(member)
        together = False
        for now in range(0, 60_000, 10):
            for index, claim in enumerate(claims):
                if claim.release_due(now, quorum, lambda: chance.randrange(
                        300, 900)):
                    away[index] = now + chance.randrange(300, 900)
                    for member in [m for m in held if held[m] == index]:
                        del held[member]
                        claim.down(member)
                if now < away[index] or chance.random() < 0.9:
                    continue  # it tries now and then
                for member in range(1, n):
                    holder = held.get(member)
                    if instances.replaces(
                            None if holder is None
                            else claims[holder].instance, claim.offer()):
                        held[member] = index
                        claim.up(member, claim.offer())
                    else:
                        claim.refused(member)
            won = [claim.has_quorum(quorum) for claim in claims]
            together = together or all(won)
            if any(won):
                return won.index(True), together
        return None, together

    def test_one_of_them_gets_a_quorum_and_never_both(self):
        winners = set()
        for n, quorum in ((7, 5), (10, 7)):
            for seed in range(40):
                winner, together = self.contest(n, quorum, seed)
                self.assertFalse(together)
                self.assertIsNotNone(winner, f'seed {seed}')
                winners.add(winner)
        self.assertEqual({0, 1}, winners)
