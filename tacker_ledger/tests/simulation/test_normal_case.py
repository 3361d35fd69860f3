# SPDX-License-Identifier: Apache-2.0
"""The normal case: everybody is there, and says what he should."""

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import quorum
from tacker_ledger.core.ledger import certificate
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers
from tacker_ledger.tests.simulation import network
from tacker_ledger.tests.simulation import simulation as simulation_module


class TestNormalCase(base.TestCase):
    """A federation of any size commits what clients send."""

    def _run_all(self, n: int, **fields):
        simulation = simulation_module.Simulation(n, seed=n, **fields)
        simulation.start()
        made = simulation.submit_over_time(15)
        self.assertTrue(simulation.run(lambda: all(
            len(member.disk.txids) == len(made)
            for member in simulation.members), seconds=10))
        simulation.check()
        for member in simulation.members:
            self.assertEqual([], member.refused)
            self.assertEqual([], member.evidence)
            self.assertIsNone(member.halted)
        self.assertEqual({one.txid for one in made},
                         set(simulation.members[0].disk.txids))
        return simulation

    def test_one_to_seven_members_commit_everything(self):
        for n in range(1, 8):
            with self.subTest(n=n):
                self._run_all(n)

    def test_votes_are_real_signatures(self):
        simulation = self._run_all(4, real=True)
        for _block, proof in simulation.members[2].disk.blocks:
            self.assertEqual(
                quorum.quorum_of(4),
                len(certificate.Certificate.from_bytes(proof).votes))

    def test_a_full_pool_is_drained_in_full_blocks(self):
        simulation = simulation_module.Simulation(
            4, batch_max_transactions=10).start()
        made = simulation.submit(2, 95)
        self.assertTrue(simulation.run_to_height(10))
        self.assertEqual([one.txid for one in made],
                         list(simulation.members[0].disk.txids))
        # A full batch does not wait for the interval, nor does the last
        # one, whose transactions have waited long enough.
        self.assertLess(simulation.clock.now_us, 200_000)
        simulation.check()

    def test_heartbeats_follow_silence(self):
        simulation = simulation_module.Simulation(
            4, conditions=network.STEADY, heartbeat_ms=5_000).start()
        simulation.pass_time(60)
        simulation.check()
        self.assertEqual({}, simulation.members[0].disk.txids)
        self.assertEqual(12, len(simulation.members[0].disk.blocks))

    def test_another_federation_takes_over(self):
        simulation = simulation_module.Simulation(4).start()
        simulation.submit(0, 3)
        simulation.run_to_height(1)
        made = simulation.made
        # Members change places, and one of them leaves.
        successor = federations.successor(
            made, [made.sites[2], made.sites[0], made.sites[1]])
        simulation.epochs.append(successor.federation)
        simulation.members[0].submit([
            ledgers.federation_transaction(made.h, successor)])
        simulation.run_to_height(2)
        for member in simulation.members:
            self.assertEqual(successor.federation,
                             member.ledger.federation)
        self.assertEqual([1, 2, 0, None], [
            member.replica.member for member in simulation.members])
        # Who leads now is the first of the new document.
        self.assertEqual(0, simulation.members[2].replica.leader)
        simulation.check()

    def test_a_wrong_clock_of_the_leader_is_noticed(self):
        simulation = simulation_module.Simulation(
            4, skews_ms={0: 60_000}).start()
        made = simulation.submit(0, 1)
        self.assertTrue(simulation.run_to_commit(made, seconds=10))
        self.assertIn('timestamp-future', [
            refusal.code for refusal in simulation.members[1].refused])
        # Its proposal waited too long; another member's was acceptable.
        self.assertEqual([1] * 4, [member.replica.view
                                   for member in simulation.members])
        simulation.check()

    def test_a_slow_clock_of_the_leader_is_no_hindrance(self):
        simulation = simulation_module.Simulation(
            4, skews_ms={0: -3_600_000}).start()
        made = simulation.submit(1, 3)
        simulation.run_to_height(1)
        simulation.submit(1, 3)
        self.assertTrue(simulation.run_to_height(2))
        self.assertEqual(len(made) + 3, len(simulation.members[0].disk.txids))
        simulation.check()

    def test_a_failed_disk_ends_voting_and_nothing_else(self):
        simulation = simulation_module.Simulation(4).start()
        simulation.members[3].disk.fails = True
        sent = []
        simulation.observe(lambda _now, member, what: sent.append(what)
                           if member.index == 3
                           and isinstance(what, effects.Send) else None)
        simulation.submit(1, 3)
        self.assertTrue(simulation.run_to_height(1))
        simulation.submit(1, 3)
        self.assertTrue(simulation.run_to_height(2))
        self.assertEqual([], sent)
        simulation.check()
