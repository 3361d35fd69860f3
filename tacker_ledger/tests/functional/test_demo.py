# SPDX-License-Identifier: Apache-2.0
"""The demonstration holds, with real packets and with files."""

import json
import subprocess
import sys

from tacker_ledger.tests import base

STORY = base.CHECKOUT / 'tools' / 'demo' / 'story.py'
CHAPTERS = 10


class TestDemo(base.TestCase):
    """``tools/demo.sh`` after its set-up."""

    TIMEOUT_SCALE = 8

    def tell(self, *options: str) -> tuple[str, dict]:
        """Run the demonstration; give what it printed and its JSON."""
        record = self.make_directory() / 'demo.json'
        done = subprocess.run(
            [sys.executable, str(STORY), '--json', str(record), *options],
            capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stdout[-6000:]
                         + done.stderr[-2000:])
        return done.stdout, json.loads(record.read_text())

    def check(self, told: dict) -> None:
        self.assertIs(True, told['ok'])
        self.assertEqual(CHAPTERS, len(told['steps']))
        for step in told['steps']:
            self.assertEqual({'name', 'ok', 'seconds', 'observed'},
                             step.keys())
            self.assertIs(True, step['ok'], step)
            self.assertTrue(step['observed'], step)

    def test_with_packets(self):
        printed, told = self.tell()
        if 'No real packets here' in printed:
            self.skip_missing('network namespaces', printed.splitlines()[0])
        self.check(told)
        self.assertIn('real packets', printed)

    def test_with_files(self):
        printed, told = self.tell('--files')
        self.check(told)
        self.assertIn('file applier', printed)

    def test_an_unknown_option(self):
        done = subprocess.run([sys.executable, str(STORY), '--nothing'],
                              capture_output=True, text=True)
        self.assertEqual(2, done.returncode)
        self.assertIn('--nothing', done.stderr)
        self.assertEqual('', done.stdout)
