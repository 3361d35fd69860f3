# SPDX-License-Identifier: Apache-2.0
"""How long a federation is without a leader, measured with real processes.

::

    python -m tacker_ledger.tests.functional.faults.view_change_time \
        --nodes 10 --kills 20

kills the leader again and again while transactions flow, with the options
a node has by default, and prints the times from the kill to the first block
that another leader's view has certified at each of the others.  Needs root
and nftables.
"""

import argparse
from collections.abc import Callable
from collections.abc import Sequence
import statistics
import sys
import time

from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.tests.functional.faults import load as load_module
from tacker_ledger.tests.functional.faults import members as members_module
from tacker_ledger.tests.functional.faults import namespaces
from tacker_ledger.tests.functional.faults import oracle

_POLL_SECONDS = 0.002


def view_of(members: members_module.Members, index: int) -> int:
    """Return the view of a member's newest certificate."""
    _header, certificate = members.reader(index).head()
    if not certificate:
        return 0
    return certificate_module.Certificate.from_bytes(certificate).view


def measure(members: members_module.Members, leader: int,
            end: Callable[[], None]) -> float:
    """End the leader; return the seconds until the others have a new block.

    :param end: returns when the leader's process has just ended
    """
    others = [index for index in members.up() if index != leader]
    view = max(view_of(members, index) for index in others)
    end()
    began = time.monotonic()
    while min(view_of(members, index) for index in others) <= view:
        if time.monotonic() - began > members_module.SOON_SECONDS:
            members.wait_until(lambda: False, 0.0,
                               f'a block after leader {leader}')
        time.sleep(_POLL_SECONDS)
    return time.monotonic() - began


def summary(times: Sequence[float]) -> str:
    """Return median and 95th percentile in words."""
    ordered = sorted(times)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return (f'{len(ordered)} leaders killed: next block at all others after '
            f'{statistics.median(ordered):.3f} s (median), {p95:.3f} s '
            f'(95th percentile), {ordered[-1]:.3f} s (longest)')


def main(argv: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--nodes', type=int, default=4)
    parser.add_argument('--kills', type=int, default=20)
    arguments = parser.parse_args(argv)
    lacking = namespaces.missing()
    if lacking:
        print(f'missing part: {": ".join(lacking)}', file=sys.stderr)
        return 77
    times = []
    with members_module.Members(arguments.nodes) as members:
        with load_module.Load(members) as load:
            load.wait_accepted(50)
            while len(times) < arguments.kills:
                leader = members.agreed_leader(members.up())
                times.append(measure(members, leader,
                                     lambda: members.kill(leader)))
                members.start(leader)
                members.wait_voting()
            load.settle()
        oracle.judge(members, load.accepted)
    print(f'n = {arguments.nodes}: {summary(times)}')
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
