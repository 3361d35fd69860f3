# SPDX-License-Identifier: Apache-2.0
"""Every scenario under many seeds, and all schedules of twins.

Both run in two processes.  What fails is printed with its seed, a command
that runs it again, and a transcript.
"""

import re
import subprocess
import sys

from tacker_ledger.tests import base
from tacker_ledger.tests.simulation import scenarios
from tacker_ledger.tests.simulation import twins

_PROCESSES = 2
#: Runs of all scenarios together, at least.
_RUNS = 3_000
#: Rows of the scenarios' table that a simulation can say something about.
_ROWS = [f'S{number}' for number in range(1, 26)]
_SECONDS = 1_500


def _run_all(commands: list[list[str]]) -> list[tuple[int, str]]:
    """Run the simulator's commands at once; return (status, output)."""
    running = [subprocess.Popen(
        [sys.executable, '-m', *command], cwd=base.CHECKOUT,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for command in commands]
    return [(process.communicate(timeout=_SECONDS)[0], process.returncode)
            [::-1] for process in running]


class TestScenarios(base.TestCase):
    """Safety and liveness, whatever happens."""

    TIMEOUT_SCALE = 30

    def test_every_row_has_a_scenario(self):
        self.assertEqual(_ROWS, list(scenarios.by_row()))

    def test_names_are_unique(self):
        names = [(one.row, one.name) for ones in scenarios.by_row().values()
                 for one in ones]
        self.assertEqual(len(names), len(set(names)))

    def test_s01_to_s25_under_many_seeds(self):
        """S1 to S25."""
        count = sum(map(len, scenarios.by_row().values()))
        each = -(-_RUNS // (count * _PROCESSES))
        found = _run_all([
            ['tacker_ledger.tests.simulation', '--seeds',
             f'{first * each}-{first * each + each - 1}']
            for first in range(_PROCESSES)])
        runs = 0
        for status, output in found:
            self.assertEqual(0, status, output)
            runs += int(re.search(r'^(\d+) runs of ', output,
                                  re.MULTILINE)[1])
        self.assertGreaterEqual(runs, _RUNS)


class TestTwins(base.TestCase):
    """Two copies of one member never make the others disagree."""

    TIMEOUT_SCALE = 30

    def test_s02_all_schedules_of_three_views(self):
        """S2: 4 twins, 16 splits for each of 3 views: 16,384 schedules."""
        self.assertEqual(16_384, twins.COUNT)
        half = twins.COUNT // _PROCESSES
        for status, output in _run_all([
                ['tacker_ledger.tests.simulation.twins',
                 f'{first * half}-{(first + 1) * half}']
                for first in range(_PROCESSES)]):
            self.assertEqual(0, status, output)
            self.assertIn(f'{half} schedules of twins', output)

    def test_schedules_are_all_different(self):
        self.assertEqual(twins.COUNT, len({
            twins.Schedule.numbered(number)
            for number in range(twins.COUNT)}))
        self.assertEqual(16, len(set(twins.SPLITS)))
