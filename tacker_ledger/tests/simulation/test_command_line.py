# SPDX-License-Identifier: Apache-2.0
"""What the simulator's command line says and prints."""

import contextlib
import gc
import io
import logging

from tacker_ledger.tests import base
from tacker_ledger.tests.simulation import __main__ as command_line
from tacker_ledger.tests.simulation import oracle
from tacker_ledger.tests.simulation import run as run_module
from tacker_ledger.tests.simulation import scenarios


def _run(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        status = command_line.main(list(arguments))
    return status, out.getvalue()


def _fails(run: run_module.Run) -> None:
    """Commit a block, and do not like it."""
    world = run.federation().start()
    world.submit(0, 1)
    world.run_to_height(1)
    if run.seed == 5:
        raise oracle.Stuck('as asked for')


class TestCommandLine(base.TestCase):
    """Seeds, scenarios, members."""

    def setUp(self):
        super().setUp()
        # The command line is at home in a process of its own.
        logger = logging.getLogger('tacker_ledger')
        self.addCleanup(logger.setLevel, logger.level)
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        self.addCleanup(gc.unfreeze)

    def test_counts_seeds_and_speed(self):
        status, text = _run('--seeds', '3-5', '--scenario', 'S6', '--nodes',
                            '7')
        self.assertEqual(0, status)
        self.assertIn('seeds 3-5\n', text)
        count = len(scenarios.by_row()['S6'])
        self.assertIn(f'{3 * count} runs of {count} scenarios, 0 failed',
                      text)
        self.assertIn('runs per CPU second', text)

    def test_one_scenario_with_real_frames(self):
        status, text = _run('--seeds', '2', '--wire', '--scenario',
                            'S8/leader-proposes-what-is-not-valid')
        self.assertEqual(0, status)
        self.assertIn('1 runs of 1 scenarios, 0 failed', text)

    def test_a_transcript(self):
        status, text = _run('--seeds', '0', '--transcript', '--scenario',
                            'S6/leader-is-silent')
        self.assertEqual(0, status)
        self.assertIn('view-change -> all', text)
        self.assertIn('it ends well', text)

    def test_a_failing_run_prints_seed_command_and_transcript(self):
        entry = run_module.Scenario('S99', 'fails', _fails, (4,))
        run_module.REGISTRY.append(entry)
        self.addCleanup(run_module.REGISTRY.remove, entry)
        status, text = _run('--seeds', '4-6', '--scenario', 'S99')
        self.assertEqual(1, status)
        self.assertEqual(1, text.count('FAILED seed 5 of S99/fails: '
                                       'Stuck: as asked for'))
        self.assertIn('--scenario S99/fails --seeds 5-5 --transcript', text)
        self.assertIn('append      height 1', text)
        self.assertIn('3 runs of 1 scenarios, 1 failed', text)

    def test_the_list_of_names(self):
        status, text = _run('--list')
        self.assertEqual(0, status)
        self.assertEqual(len(run_module.REGISTRY), len(text.splitlines()))

    def test_no_such_scenario(self):
        self.assertEqual((2, 'no scenario S77\n'),
                         _run('--scenario', 'S77'))

    def test_the_speed(self):
        status, text = _run('--speed')
        self.assertEqual(0, status)
        self.assertIn('runs of 20 blocks, n=4', text)
