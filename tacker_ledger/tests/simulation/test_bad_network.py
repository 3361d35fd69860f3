# SPDX-License-Identifier: Apache-2.0
"""What the network does to frames changes when, not what, is decided."""

from tacker_ledger.tests import base
from tacker_ledger.tests.simulation import network
from tacker_ledger.tests.simulation import simulation as simulation_module


class TestBadNetwork(base.TestCase):
    """Frames come late, twice, in another order, or not at all."""

    def _survives(self, conditions, seeds):
        for seed in seeds:
            with self.subTest(seed=seed):
                simulation = simulation_module.Simulation(
                    4, seed, conditions=conditions).start()
                made = simulation.submit_over_time(10)
                self.assertTrue(simulation.run(lambda: all(
                    len(member.disk.txids) == len(made)
                    for member in simulation.members), seconds=60))
                simulation.check()
                for member in simulation.members:
                    self.assertEqual([], member.refused)
                    self.assertEqual([], member.evidence)

    def test_doubled_frames_have_no_effect(self):
        self._survives(network.DOUBLING, range(3))

    def test_reordered_frames_have_no_effect(self):
        self._survives(network.REORDERING, range(3))

    def test_lost_frames_are_sent_again(self):
        self._survives(network.LOSSY, range(6))

    def test_all_of_it_at_once(self):
        self._survives(network.AWFUL, range(6))

    def test_every_frame_doubled_decides_the_same_blocks(self):
        ids = []
        for doubling in (0.0, 1.0):
            simulation = simulation_module.Simulation(
                4, conditions=network.Conditions(
                    latency_us=(1_000, 1_000), doubling=doubling)).start()
            for _ in range(3):
                simulation.submit(1, 4)
                simulation.pass_time(0.5)
            ids.append([member.disk.head.digest
                        for member in simulation.members])
        self.assertEqual(ids[0], ids[1])


class TestMissingMembers(base.TestCase):
    """Members are silent, crash, come back."""

    def _simulation(self, n=4, **fields):
        return simulation_module.Simulation(n, **fields).start()

    def test_one_silent_follower_of_four(self):
        simulation = self._simulation()
        simulation.network.cut(3)
        simulation.submit(0, 5)
        self.assertTrue(simulation.run_to_height(1, members=(0, 1, 2)))
        self.assertEqual([], simulation.members[3].disk.blocks)
        simulation.check()

    def test_two_silent_followers_of_four_stop_it(self):
        simulation = self._simulation()
        simulation.network.cut(2)
        simulation.network.cut(3)
        simulation.submit(0, 5)
        simulation.pass_time(60)
        self.assertEqual([[], [], [], []], [
            member.disk.blocks for member in simulation.members])
        for index in (2, 3):
            simulation.network.mend(index)
            simulation.connect(index)
        self.assertTrue(simulation.run_to_height(1, seconds=20))
        simulation.check()

    def test_a_follower_catches_up(self):
        simulation = self._simulation()
        simulation.network.cut(3)
        for height in range(1, 15):
            simulation.submit(0, 1)
            simulation.run_to_height(height, members=(0, 1, 2))
        simulation.network.mend(3)
        simulation.connect(3)
        self.assertTrue(simulation.run_to_height(14, seconds=5))
        simulation.submit(3, 1)
        self.assertTrue(simulation.run_to_height(15, seconds=5))
        simulation.check()

    def test_a_follower_that_missed_the_end_of_a_height_asks(self):
        simulation = self._simulation()
        simulation.submit(0, 1)
        # Cut off once it has voted, before the others' commits arrive.
        simulation.run(lambda: simulation.members[3].replica.prepared)
        simulation.network.cut(3)
        simulation.run_to_height(1, members=(0, 1, 2))
        simulation.network.mend(3)
        # Nobody tells it that its links are up: its own voice is heard.
        self.assertTrue(simulation.run_to_height(1, seconds=20))
        simulation.check()

    def test_members_that_crash_keep_their_word(self):
        for seed in range(8):
            with self.subTest(seed=seed):
                self._crash_and_return(seed)

    def _crash_and_return(self, seed):
        simulation = self._simulation(4, seed=seed, heartbeat_ms=2_000,
                                      conditions=network.AWFUL)
        simulation.submit_over_time(10)
        for step in range(8):
            index = (seed + step) % 4
            simulation.pass_time(0.05 + 0.03 * seed)
            simulation.members[index].crash()
            simulation.pass_time(0.2)
            simulation.members[index].start()
            simulation.connect(index)
        height = max(len(member.disk.blocks)
                     for member in simulation.members)
        self.assertTrue(simulation.run_to_height(height + 2, seconds=60))
        simulation.check()
        for member in simulation.members:
            self.assertEqual([], member.evidence)
            self.assertIsNone(member.halted)

    def test_all_crash_at_once_and_start_by_themselves(self):
        simulation = self._simulation(4)
        simulation.submit(0, 1)
        simulation.run(lambda: all(member.replica.prepared
                                   for member in simulation.members))
        prepared = {member.replica.prepared.header
                    for member in simulation.members}
        simulation.pass_time(0.0015)
        for member in simulation.members:
            member.crash()
        self.assertEqual([0, 0, 0, 0], [
            len(member.disk.blocks) for member in simulation.members])
        simulation.start()
        self.assertTrue(simulation.run_to_height(1, seconds=20))
        simulation.check()
        # What all had prepared is what is decided.
        outcome, _proof = simulation.members[0].disk.outcomes[0]
        self.assertEqual(prepared, {outcome.block.header_bytes})
