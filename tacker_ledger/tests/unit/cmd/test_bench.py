# SPDX-License-Identifier: Apache-2.0
"""Tests of the arguments of ``tacker-ledger-bench``."""

import contextlib
import io

from tacker_ledger.bench import figures
from tacker_ledger.bench import runs
from tacker_ledger.cmd import bench
from tacker_ledger.core import errors
from tacker_ledger.tests import base


class TestArguments(base.TestCase):

    def parse(self, *arguments):
        return bench.parser().parse_args(arguments)

    def test_defaults_are_the_papers(self):
        parsed = self.parse('consensus')
        self.assertEqual((400, 100, None),
                         (parsed.size, parsed.batch, parsed.nodes))

    def test_lists_and_bounds(self):
        self.assertEqual((1, 4, 10), self.parse('reads', '--nodes', '1,4,10'
                                                ).nodes)
        for wrong in (('nothing',), ('reads', '--nodes', '0'),
                      ('reads', '--nodes', 'x'), ('reads', '--nodes', '51'),
                      ('writes', '--batch', '101'), ('writes', '--size', '0'),
                      ()):
            with contextlib.redirect_stderr(io.StringIO()):
                self.assertRaises(SystemExit, self.parse, *wrong)

    def run_main(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = bench.main(arguments)
        return status, out.getvalue(), err.getvalue()

    def test_what_cannot_be_measured_ends_with_its_code(self):
        def fail(_options, _say):
            raise errors.Timeout('it did not come')

        self.patch(runs, 'limit', lambda _options, _say: {})
        self.patch(runs, 'SUBCOMMANDS', {'reads': fail})
        status, out, err = self.run_main('reads')
        self.assertEqual((1, ''), (status, out))
        self.assertIn('error: timeout: it did not come', err)

    def test_a_report_without_matplotlib_is_refused_first(self):
        def missing():
            raise errors.BadOption('no matplotlib', option='--report')

        def never(*_args):
            raise AssertionError('measured')

        self.patch(figures, 'available', missing)
        self.patch(runs, 'run', never)
        status, _out, err = self.run_main('reads', '--report', 'x')
        self.assertEqual(1, status)
        self.assertIn('no matplotlib', err)
