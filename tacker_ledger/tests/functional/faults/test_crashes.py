# SPDX-License-Identifier: Apache-2.0
"""Members end without a word, at any moment and at the worst one.

All members run the program of ``byzantine_node``, honest but for one thing:
told to, they end themselves by SIGKILL at a given point, for example when a
vote is durable and not yet sent.
"""

import collections
import random
import time

from tacker_ledger.tests.functional.faults import case
from tacker_ledger.tests.functional.faults import load as load_module
from tacker_ledger.tests.functional.faults import view_change_time

KILLS = 100
#: How long a member may take to come to the point where it ends.
POINT_SECONDS = 8.0


class TestLeaderFails(case.FaultsCase):
    HOOKED = (0, 1, 2, 3)

    def fail_leader(self, **command) -> None:
        """The leader ends as told; the others commit, then all do."""
        leader = self.leader()
        others = [index for index in range(4) if index != leader]
        view = max(map(self.view, others))
        self.members.tell(leader, **command)
        waiting = self.write(through=others[0])
        self.members.ended(leader)
        # with its proposal at all others that block needs no other leader
        self.members.wait_committed(waiting, others)
        self.assert_progress(others)
        self.members.wait_until(
            lambda: min(map(self.view, others)) > view, case.SOON_SECONDS,
            'another one leads')
        self.members.start(leader)
        self.assert_progress()

    def test_s06_leader_is_silent(self):
        """S6: it stands still."""
        leader = self.leader()
        others = [index for index in range(4) if index != leader]
        view = max(map(self.view, others))
        self.members.pause(leader)
        self.assert_progress(others)
        self.assertGreater(max(map(self.view, others)), view)
        self.members.resume(leader)
        self.assert_progress()

    def test_s06_leader_crashes_after_pre_prepare(self):
        """S6: all others, or one of them, have its proposal."""
        for count in (3, 1):
            self.fail_leader(crash='after', kind='PrePrepare', count=count)

    def test_s06_leader_crashes_after_prepare(self):
        """S6: it saw its proposal prepared and says nothing about it."""
        self.fail_leader(crash='before', kind='Commit')

    def test_s06_leader_crashes_after_one_commit(self):
        """S6: one other member has its commit."""
        self.fail_leader(crash='after', kind='Commit', count=1)


class TestKillLoop(case.FaultsCase):
    """Kill -9, a hundred times, while transactions flow."""

    HOOKED = (0, 1, 2, 3)
    OPTIONS = {}    # times are measured as they are by default
    #: What the leader was about to send, its record being durable.
    LEADER_POINTS = ('PrePrepare', 'Commit')
    FOLLOWER_POINTS = ('Prepare', 'Commit')

    def setUp(self):
        super().setUp()
        self.kills = collections.Counter()
        self.times = []
        # the same victims each time, though not the same moments
        self.random = random.Random(17)

    def kill_at_point(self, index: int, kind: str, who: str) -> None:
        self.members.tell(index, crash='before', kind=kind)
        self.wait_killed(index, kind, who)

    def wait_killed(self, index: int, kind: str, who: str) -> None:
        """Wait until a member has come to its end; or end it."""
        ends = time.monotonic() + POINT_SECONDS
        while self.members.running(index):
            if time.monotonic() > ends:
                # another view came in between: it will not say that soon
                self.kill_now(index, who)
                return
            time.sleep(0.002)
        self.kills[f'{who}, {kind} durable and not sent'] += 1

    def kill_now(self, index: int, who: str) -> None:
        self.members.kill(index)
        self.kills[f'{who}, at any moment'] += 1

    def kill_leader(self, number: int) -> None:
        leader = self.leader()
        kind = (*self.LEADER_POINTS, None)[number % 3]
        self.times.append(view_change_time.measure(
            self.members, leader,
            (lambda: self.kill_at_point(leader, kind, 'leader')) if kind
            else lambda: self.kill_now(leader, 'leader')))

    def kill_follower(self, number: int) -> None:
        leader = self.leader()
        index = self.random.choice([index for index in self.members.up()
                                    if index != leader])
        self.kill_at_point(index, self.FOLLOWER_POINTS[number % 2],
                           'follower')

    def kill_in_view_change(self, number: int) -> None:
        """Kill the leader, and one of those who change the view."""
        leader = self.leader()
        index = (leader + 1) % 4
        kind, who = (('NewView', 'next leader') if number % 8 == 3
                     else ('ViewChange', 'follower'))
        self.members.tell(index, crash='before', kind=kind)
        self.kill_now(leader, 'leader')
        self.wait_killed(index, kind, who)

    def round(self, number: int) -> None:
        """Kill three of four, one of them perhaps again as it starts."""
        if number % 4 == 3:
            self.kill_in_view_change(number)
        else:
            self.kill_leader(number)
            self.kill_follower(number)
        self.kill_now(self.random.choice(self.members.up()), 'one of two')
        down = [index for index in range(4)
                if not self.members.running(index)]
        for index in down:
            self.members.spawn(index)
        if number % 3 == 2:
            time.sleep(self.random.random() * 0.5)
            self.members.kill(down[0])
            self.kills['starting, at any moment'] += 1
            self.members.spawn(down[0])
        for index in down:
            self.members.wait_ready(index)
        self.members.wait_voting()

    def test_s17_kill_loop(self):
        """S17: no second vote, no committed block lost, no doubt left."""
        with load_module.Load(self.members, batch=5,
                              per_second=50) as load:
            load.wait_accepted(50)
            number = 0
            while sum(self.kills.values()) < KILLS:
                self.round(number)
                number += 1
            load.settle()
        self.accepted.update(load.accepted)
        self.assert_progress()
        report = [f'{count:4} {what}'
                  for what, count in sorted(self.kills.items())]
        report.append(f'{len(load.accepted)} transactions accepted')
        report.append(view_change_time.summary(self.times))
        self.measured('\n'.join(report))
        worst = sum(count for what, count in self.kills.items()
                    if 'leader' in what or 'not sent' in what)
        self.assertGreaterEqual(2 * worst, sum(self.kills.values()))
