# SPDX-License-Identifier: Apache-2.0
"""The network between members fails: cut, one way, flapping, slow."""

import random
import time

from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional.faults import case
from tacker_ledger.tests.functional.faults import load as load_module

FLAPS = 12


class TestPartitions(case.FaultsCase):
    """Packets are dropped on the bridge, by nftables."""

    OPTIONS = {'node': {'view_timeout_ms': 400,
                        'view_timeout_max_ms': 4000}}

    def others(self, *members: int) -> list[int]:
        return [index for index in range(4) if index not in members]

    def heal(self) -> None:
        """Let everything pass: all go on, with every member's vote."""
        self.members.network.heal()
        self.members.wait_voting()
        self.assert_progress()

    def test_s15_two_and_two(self):
        """S15: no side decides; healed, they go on by themselves."""
        self.members.network.partition([0, 1], [2, 3])
        self.members.wait_until(
            lambda: not any(self.members.status(index)['has_quorum']
                            for index in range(4)),
            case.SOON_SECONDS, 'nobody sees a quorum')
        before = self.members.heights()
        # what was under way when it began may have ended, no more
        self.assertLessEqual(max(before) - min(before), 1)
        self.members.submit(0, authors.Author(self.h).template().submission)
        self.members.wait_until(
            lambda: all(not self.members.status(index)['voting']
                        for index in range(4)),
            case.SOON_SECONDS, 'nobody votes')
        self.assertEqual(before, self.members.heights())
        self.heal()

    def test_s15_leader_in_the_minority(self):
        """S15: the other three change the view; the leader comes back."""
        leader = self.leader()
        others = self.others(leader)
        view = max(map(self.view, others))
        self.members.network.partition([leader], others)
        self.assert_progress(others)
        self.assertGreater(max(map(self.view, others)), view)
        alone = self.members.height(leader)
        self.assertLess(alone, min(self.members.heights(others)))
        self.heal()
        self.assertNotEqual(leader, self.leader())

    def test_s15_follower_in_the_minority(self):
        """S15: nobody needs it, and it catches up."""
        leader = self.leader()
        follower = self.others(leader)[0]
        self.members.network.partition([follower], self.others(follower))
        self.assert_progress(self.others(follower))
        self.heal()

    def test_s15_one_way(self):
        """S15: a member is heard and hears nothing, or the other way."""
        for outward in (True, False):
            leader = self.leader()
            others = self.others(leader)
            self.members.network.cut(*(
                (leader, other) if outward else (other, leader)
                for other in others))
            self.assert_progress(others)
            self.heal()

    def test_s15_one_way_between_two(self):
        """S15: two members do not hear each other; all commit."""
        leader = self.leader()
        one, other = self.others(leader)[:2]
        self.members.network.cut((one, other))
        self.assert_progress()
        self.heal()

    def test_s15_flapping(self):
        """S15: links come and go under load; then all is as if nothing."""
        drawn = random.Random(15)
        with load_module.Load(self.members, batch=5,
                              per_second=50) as load:
            load.wait_accepted(20)
            for number in range(FLAPS):
                sides = drawn.sample(range(4), 4)
                if number % 3:
                    self.members.network.partition(sides[:1], sides[1:])
                else:
                    self.members.network.partition(sides[:2], sides[2:])
                # how long a flap lasts is what is tested
                time.sleep(drawn.uniform(0.1, 1.0))
                self.members.network.heal()
                time.sleep(drawn.uniform(0.1, 0.5))
            load.wait_accepted(20)
            load.settle()
        self.accepted.update(load.accepted)
        self.heal()

    def test_s15_lost_packets(self):
        """S15: one packet in twenty is lost, everywhere."""
        self.members.network.lose(5)
        with load_module.Load(self.members, batch=5,
                              per_second=30) as load:
            load.wait_accepted(40)
            load.settle()
        self.accepted.update(load.accepted)
        self.heal()


class TestSlowLinks(case.FaultsCase):
    """Members reach each other through the relay."""

    MEMBERS = {'relayed': True}
    OPTIONS = {}

    def test_s15_delayed_and_lossy_links(self):
        """S15: links of 40 to 80 ms that lose and stand still."""
        self.members.relay.shape(delay_ms=40, jitter_ms=40, loss=0.02)
        with load_module.Load(self.members, batch=5,
                              per_second=40) as load:
            load.wait_accepted(40)
            before = max(map(self.view, range(4)))
            load.wait_accepted(60)
            # slow is not silent: leaders are given their time
            self.assertLessEqual(max(map(self.view, range(4))), before + 2)
            for _ in range(3):
                self.assertGreater(self.members.relay.reset(), 0)
                load.wait_accepted(5)
            leader = self.leader()
            self.members.relay.stall([(leader, other)
                                      for other in range(4)])
            others = [index for index in range(4) if index != leader]
            view = max(map(self.view, others))
            self.members.wait_until(
                lambda: min(map(self.view, others)) > view,
                case.SOON_SECONDS, 'the others leave its view')
            self.members.wait_growth(1, others)
            self.members.relay.resume()
            load.settle()
        self.accepted.update(load.accepted)
        self.members.wait_voting()
        self.assert_progress()
        self.assertGreater(self.members.relay.passed_bytes(), 0)
