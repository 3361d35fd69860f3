# SPDX-License-Identifier: Apache-2.0
"""A member that lies to those who catch up, and one that floods."""

import os
import signal
import time

from tacker_ledger.tests.functional import doors
from tacker_ledger.tests.functional.faults import lies
from tacker_ledger.tests.functional.faults import members as members_module
from tacker_ledger.tests.functional.faults import test_byzantine_members

LIAR = test_byzantine_members.LIAR
LAGGARD = 2
#: Of a member that was flooded, above what it had.
GROWTH_MAX_BYTES = 160 * 1024 * 1024
#: Frames to each member.
FLOOD_PER_SECOND = 1000
FLOOD_SECONDS = 4.0


class TestByzantineSource(test_byzantine_members.ByzantineCase):

    def only_the_liar(self) -> int:
        """Let the laggard miss blocks, and ask nobody but the liar.

        :returns: the height at which it stands still
        """
        self.members.wait_voting()
        while self.leader() == LAGGARD:
            self.give_lead(LIAR)
        others = [index for index in self.honest() if index != LAGGARD]
        self.members.stop(LAGGARD)
        before = self.members.height(LAGGARD)
        for _ in range(3):
            self.assert_progress(others)
        self.members.network.partition([LAGGARD], others)
        return before

    def assert_comes_back(self) -> None:
        self.members.network.heal()
        self.members.wait_voting()
        self.assert_progress()

    def lie_to_laggard(self, names) -> None:
        before = self.only_the_liar()
        first, *rest = names
        self.members.tell(LIAR, lie=f'blocks-{first}', times=10 ** 6)
        self.members.start(LAGGARD)
        self.wait_told()
        for name in rest:
            self.members.tell(LIAR, lie=f'blocks-{name}', times=10 ** 6)
            self.wait_told()
            # it asks again, so it was not believed
            self.assertEqual(before, self.members.height(LAGGARD), name)
        pid = self.members.pid(LAGGARD)
        self.assert_comes_back()
        self.assertEqual(pid, self.members.pid(LAGGARD))
        # lying goes on, and is of no effect where others are asked too
        self.members.stop(LAGGARD)
        self.assert_progress([index for index in self.honest()
                              if index != LAGGARD])
        self.members.start(LAGGARD)
        self.assert_progress(self.honest())

    def test_s10_bad_certificates_in_blocks(self):
        """S10: doubled, foreign, too few signers: refused, block by block.
        """
        self.lie_to_laggard([f'certificate-{kind}'
                             for kind in lies.CERTIFICATES])

    def test_s10_bad_certificates_in_greetings(self):
        """S10: heads that nothing certifies put nobody in doubt."""
        for kind in lies.CERTIFICATES[:2]:
            self.members.tell(LIAR, heads=kind, claim=10 ** 9)
            self.members.kill(LAGGARD)
            self.members.start(LAGGARD)
            self.members.wait_voting(self.honest())
            self.assert_progress(self.honest())

    def test_s16_source_lies(self):
        """S16: other blocks, no bodies, no certificates, nothing."""
        self.lie_to_laggard(['other-time', 'no-bodies', 'no-certificates',
                             'empty', 'garbage', 'reversed', 'withheld'])

    def test_s16_source_truncates(self):
        """S16: block by block is slow and true; others are asked too."""
        self.only_the_liar()
        self.members.tell(LIAR, lie='blocks-truncated', times=10 ** 6)
        self.members.start(LAGGARD)
        self.wait_told()
        self.assert_comes_back()

    def test_s16_source_dies_midway(self):
        """S16: it ends as it answers; another source is found."""
        self.only_the_liar()
        self.members.tell(LIAR, crash='before', kind='Blocks')
        self.members.start(LAGGARD)
        self.members.ended(LIAR)
        self.members.network.heal()
        self.assert_progress(self.honest())
        self.members.start(LIAR)
        self.assert_progress()


class TestFlood(test_byzantine_members.ByzantineCase):

    def flood(self, kind: str) -> None:
        """Others commit while one floods; it costs them what is bounded."""
        pids = {index: self.members.pid(index) for index in self.honest()}
        before = {index: doors.anonymous_memory_bytes(pid)
                  for index, pid in pids.items()}
        used = {index: members_module.cpu_seconds(pid)
                for index, pid in pids.items()}
        sent = self.members.tell(LIAR)['flooded']
        began = time.monotonic()
        self.members.tell(LIAR, flood=kind, per_second=FLOOD_PER_SECOND)
        rounds, peak = 0, dict(before)
        while rounds < 3 or time.monotonic() - began < FLOOD_SECONDS:
            self.assert_progress(self.honest())
            rounds += 1
            for index, pid in pids.items():
                peak[index] = max(peak[index],
                                  doors.anonymous_memory_bytes(pid))
        elapsed = time.monotonic() - began
        sent = self.members.tell(LIAR, look=True)['flooded'] - sent
        share = max((members_module.cpu_seconds(pid) - used[index]) / elapsed
                    for index, pid in pids.items())
        growth = max(peak[index] - before[index] for index in pids)
        self.measured(
            f'{kind}: {sent} frames; {rounds} rounds of writes committed in '
            f'{elapsed:.1f} s, memory of a member grew by at most '
            f'{growth / 2 ** 20:.0f} MiB, CPU of a member at most '
            f'{share:.0%} of one core')
        self.assertGreater(sent, 10)
        self.assertLess(growth, GROWTH_MAX_BYTES)
        self.assertLess(share, 1.0)
        self.members.tell(LIAR)
        self.assert_progress()
        self.assertEqual(pids, {index: self.members.pid(index)
                                for index in self.honest()})

    def test_s13_garbage(self):
        """S13: frames of no form; the link is cut, again and again."""
        self.flood('garbage')

    def test_s13_huge_frames(self):
        """S13: lengths beyond the bound, 16 MiB of nothing, never ended."""
        self.flood('huge')

    def test_s13_well_signed_spam(self):
        """S13: votes, view changes, questions, duplicates, all signed."""
        self.flood('spam')

    def test_s13_reads_nothing(self):
        """S13: one that takes nothing off its links (it stands still)."""
        pid = self.members.pid(LIAR)
        os.kill(pid, signal.SIGSTOP)
        try:
            for _ in range(3):
                self.assert_progress(self.honest())
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assert_progress()
