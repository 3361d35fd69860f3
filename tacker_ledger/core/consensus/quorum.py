# SPDX-License-Identifier: Apache-2.0
"""How many members may be faulty, and how many votes decide.

Written once for PBFT.  The popular 2f + 1 is a quorum only where
n = 3f + 1: at n = 5, 6, 8 or 9 two sets of that size can have nothing but
faulty members in common.
"""


def faults(n: int) -> int:
    """Return how many of ``n`` members may be faulty: f of n >= 3f + 1."""
    assert n >= 1
    return (n - 1) // 3


def quorum_of(n: int) -> int:
    """Return how many of ``n`` members decide: floor((n + f) / 2) + 1.

    Any two quorums have more than f members in common, hence an honest
    one; and the n - f members that are not faulty are always enough.
    """
    return (n + faults(n)) // 2 + 1
