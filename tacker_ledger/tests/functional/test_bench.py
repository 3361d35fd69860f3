# SPDX-License-Identifier: Apache-2.0
"""The benchmark as an operator starts it, quick: real nodes, all of it."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from testtools import content

from tacker_ledger.tests import base

_SECONDS = 900


class TestBench(base.TestCase):
    """``tacker-ledger-bench all --quick``, once for all tests."""

    TIMEOUT_SCALE = 20

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._directory = tempfile.TemporaryDirectory(prefix='bench-test-')
        cls.addClassCleanup(cls._directory.cleanup)
        cls.root = pathlib.Path(cls._directory.name)
        (cls.root / 'tmp').mkdir()
        began = time.monotonic()
        cls.done = subprocess.run(
            [sys.executable, '-m', 'tacker_ledger.cmd.bench', 'all',
             '--quick', '--json', str(cls.root / 'found.json'),
             '--report', str(cls.root / 'report')],
            cwd=base.CHECKOUT, text=True, capture_output=True, check=False,
            timeout=_SECONDS, env={'TMPDIR': str(cls.root / 'tmp'),
                                   'PATH': '/usr/bin:/bin'})
        cls.measured = (
            f'all --quick took {time.monotonic() - began:.0f} s (a minute is '
            'meant, on a machine that does nothing else); load average '
            f'{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors')
        if cls.done.returncode:
            raise AssertionError(cls.done.stdout + cls.done.stderr)
        cls.found = json.loads((cls.root / 'found.json').read_text())

    def test_everything_asked_for_was_measured(self):
        self.addDetail('measured', content.text_content(self.measured))
        self.assertEqual(
            {'machine', 'options', 'quick', 'limit', 'reads', 'writes',
             'consensus', 'publish-to-apply', 'startup', 'log'},
            set(self.found))
        self.assertTrue(self.found['quick'])
        limit = self.found['limit']
        self.assertGreater(limit['verify'], 0)
        for part in ('states', 'absent', 'blocks', 'sizes'):
            for one in self.found['reads'][part]:
                self.assertGreater(one['reads'], 0)
                # nothing signs an answer for less than a signature costs
                self.assertGreater(one['cpu_seconds_each'],
                                   limit['sign'] / 2)

    def test_all_that_was_written_was_committed(self):
        (one,) = self.found['writes']['nodes']
        self.assertEqual(4, one['nodes'])
        self.assertEqual(4, len(one['node_cpu_seconds']))
        self.assertGreater(one['committed'], 0)
        self.assertEqual(0, one['refused'])
        self.assertGreater(one['encoded_bytes'], one['size'])
        self.assertGreater(one['cpu_seconds_each'],
                           self.found['limit']['verify'] / 2)

    def test_counted_bytes_are_those_of_the_simulation(self):
        (delay,) = self.found['consensus']['delays']
        self.assertGreaterEqual(delay['blocks'], delay['batches'])
        for one in self.found['consensus']['counted']:
            self.assertEqual(100 * 400 * 3, one['data'])
            # at most 3 x 3 prepares and 4 x 3 commits, 100 bytes a frame
            self.assertLess(one['overhead'], 3 * 700 + 21 * 100)
            self.assertEqual(3, one['sent']['pre-prepare'][0])

    def test_a_vnf_applied_and_a_node_started(self):
        (one,) = self.found['publish-to-apply']['nodes']
        self.assertEqual(4, one['seconds']['count'])
        started = self.found['startup']
        self.assertEqual(2000, started['transactions'])
        self.assertGreater(started['memory']['anonymous'], 1 << 20)
        self.assertEqual([1000, 2000], [
            cost['transactions'] for cost in started['costs']])

    def test_the_page_and_the_table(self):
        page = (self.root / 'report' / 'benchmark.html').read_text()
        self.assertGreaterEqual(page.count('<svg'), 6)
        self.assertIn('quick run', page)
        self.assertIn('of limit', self.done.stdout)
        self.assertNotIn('of limit', self.done.stderr)

    def test_nothing_is_left(self):
        self.assertEqual([], sorted((self.root / 'tmp').glob(
            'ledger-bench-*')))
