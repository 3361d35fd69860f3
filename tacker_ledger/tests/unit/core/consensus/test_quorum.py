# SPDX-License-Identifier: Apache-2.0
"""How many votes decide."""

from tacker_ledger.core.consensus import quorum
from tacker_ledger.tests import base


class TestQuorum(base.TestCase):
    """The two inequalities that make a quorum one."""

    def test_small_federations(self):
        self.assertEqual([0, 0, 0, 1, 1, 1, 2, 2, 2, 3],
                         [quorum.faults(n) for n in range(1, 11)])
        self.assertEqual([1, 2, 2, 3, 4, 4, 5, 6, 6, 7],
                         [quorum.quorum_of(n) for n in range(1, 11)])

    def test_two_quorums_share_an_honest_member(self):
        for n in range(1, 257):
            faulty, needed = quorum.faults(n), quorum.quorum_of(n)
            self.assertGreater(2 * needed - n, faulty)

    def test_honest_members_alone_are_a_quorum(self):
        for n in range(1, 257):
            self.assertLessEqual(quorum.quorum_of(n), n - quorum.faults(n))

    def test_two_f_plus_one_would_not_do(self):
        unsafe = [n for n in range(1, 12)
                  if 2 * (2 * quorum.faults(n) + 1) - n <= quorum.faults(n)]
        self.assertEqual([2, 3, 5, 6, 8, 9, 11], unsafe)
