# SPDX-License-Identifier: Apache-2.0
"""Drivers which move the path."""

import json
import stat
import sys

from tacker_ledger.core import errors
from tacker_ledger.tenant_client import path_switches
from tacker_ledger.tests import base

ENDS = path_switches.Ends('ab', 'a', 'b; rm -rf /', 'uuid-a', 'uuid-b')


class TestPathSwitches(base.TestCase):
    """What a program is told, and what its failures become."""

    def script(self, body):
        path = self.make_directory() / 'switch'
        path.write_text(f'#!{sys.executable}\n{body}')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    def test_none(self):
        subject = path_switches.load(['none'])
        subject.switch(ENDS)
        subject.switch_back(ENDS)
        self.assertRaises(errors.BadOption, path_switches.load,
                          ['none', 'x'])

    def test_what_a_program_is_told(self):
        out = self.make_directory() / 'out'
        program = self.script(
            'import json, os, sys\n'
            f'open({str(out)!r}, "w").write(json.dumps(\n'
            '    [sys.argv[1:], dict(os.environ)]))\n')
        subject = path_switches.load(['command', program, '$(id)', '-x'])
        subject.switch_back(ENDS)
        arguments, environment = json.loads(out.read_text())
        self.assertEqual(['$(id)', '-x', 'switch-back'], arguments)
        self.assertEqual('b; rm -rf /', environment['DESTINATION'])
        self.assertEqual(
            {'MIGRATION_ID', 'SOURCE', 'SOURCE_UUID', 'DESTINATION',
             'DESTINATION_UUID', 'PATH'},
            set(environment) - {'LC_CTYPE', 'PWD', 'SHLVL', '_'})

    def test_failure(self):
        subject = path_switches.load(['command', self.script(
            'print("no route")\nraise SystemExit(3)\n')])
        error = self.assertRaises(errors.ApplyFailed, subject.switch, ENDS)
        self.assertEqual(3, error.details['status'])
        self.assertIn('no route', error.details['output'])
        self.assertRaises(errors.RevertFailed, subject.switch_back, ENDS)

    def test_too_slow(self):
        subject = path_switches.CommandSwitch(
            [self.script('import time\ntime.sleep(60)\n')], 0.2)
        self.assertRaises(errors.ApplyFailed, subject.switch, ENDS)

    def test_no_program(self):
        for words in (['command'], ['command', '/no/such'], ['nonsense']):
            self.assertRaises(errors.BadOption, path_switches.load, words)

    def test_a_program_that_is_none(self):
        path = self.make_directory() / 'switch'
        path.write_bytes(b'\x7fELF nonsense')
        path.chmod(0o755)
        subject = path_switches.load(['command', str(path)])
        self.assertRaises(errors.ApplyFailed, subject.switch, ENDS)
