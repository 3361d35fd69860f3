# SPDX-License-Identifier: Apache-2.0
"""The simulator finds faults that are put into the core on purpose."""

import os
import subprocess
import sys

from tacker_ledger.tests import base
from tacker_ledger.tests.simulation import mutations

_REQUIRED = ('quorum off by one', 'vote before persist',
             'certificate not checked', 'prepared certificate dropped',
             'timer never reset', 'duplicate signer accepted')

_ROTTEN = '''
from tacker_ledger.tests.simulation import mutations
mutations.BY_NAME['x'] = mutations.Mutation(
    'x', (('core.consensus.quorum', 'no such text', ''),), 'S1', (0, 0))
mutations.apply('x')
from tacker_ledger.core.consensus import quorum
'''


def _run(name: str, arguments: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, '-m', 'tacker_ledger.tests.simulation.mutations',
         name, *arguments], cwd=base.CHECKOUT, capture_output=True,
        text=True, timeout=600, check=False, env={
            **os.environ, 'PYTHONPATH': str(base.CHECKOUT)})


class TestMutations(base.TestCase):
    """Each mutation is found by the scenario that is named for it."""

    TIMEOUT_SCALE = 10

    def test_all_that_have_to_be_there_are(self):
        self.assertEqual(set(), set(_REQUIRED) - set(mutations.BY_NAME))

    def test_the_documentation_names_them_all(self):
        text = (base.CHECKOUT / 'doc/source/contributor/testing.rst'
                ).read_text(encoding='utf-8')
        for mutation in mutations.MUTATIONS:
            self.assertIn(f'* - {mutation.name}\n     - '
                          f'{mutation.scenario}, seed', text)

    def test_each_is_found_and_the_true_source_passes(self):
        for mutation in mutations.MUTATIONS:
            with self.subTest(mutation.name):
                true = _run('none', mutation.arguments)
                self.assertEqual((0, ''), (true.returncode, true.stderr),
                                 true.stdout)
                found = _run(mutation.name, mutation.arguments)
                self.assertEqual((1, ''), (found.returncode, found.stderr))
                self.assertIn('FAILED seed ', found.stdout)
                self.assertNotIn('Traceback', found.stdout)

    def test_a_text_that_is_not_there_is_an_error(self):
        finished = subprocess.run(
            [sys.executable, '-c', _ROTTEN],
            cwd=base.CHECKOUT, capture_output=True, text=True, timeout=60,
            check=False)
        self.assertEqual(1, finished.returncode)
        self.assertIn('holds 0 times: no such text', finished.stderr)
