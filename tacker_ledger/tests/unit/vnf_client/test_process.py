# SPDX-License-Identifier: Apache-2.0
"""Tests of running programs."""

import os
import pathlib
import sys
import time

from tacker_ledger.core import errors
from tacker_ledger.tests import base
from tacker_ledger.vnf_client import process


def python(code: str, data: bytes = b'', **options) -> process.Completed:
    options.setdefault('timeout_seconds', 30)
    return process.run((sys.executable, '-c', code), data=data, **options)


class TestRun(base.TestCase):

    def test_large_input_and_output_pass(self):
        data = os.urandom(1 << 20)
        done = python('import sys; d = sys.stdin.buffer.read();'
                      'sys.stdout.buffer.write(d); sys.stderr.write("ok")',
                      data)
        self.assertEqual((0, data, b'ok'),
                         (done.status, done.stdout, done.stderr))

    def test_a_program_that_does_not_read_is_no_error(self):
        self.assertEqual(
            0, python('pass', b'x' * (1 << 20)).status)

    def test_status_and_complaint(self):
        done = python('import sys; sys.exit("no\\x1b[31m\\nway")')
        self.assertEqual(1, done.status)
        self.assertEqual('no [31m way', done.said())

    def test_time_ends_it_and_its_children(self):
        directory = self.make_directory()
        code = ('import os, subprocess, sys, time\n'
                'p = subprocess.Popen([sys.executable, "-c",'
                ' "import time; time.sleep(600)"])\n'
                f'open({str(directory / "pid")!r}, "w").write(str(p.pid))\n'
                'time.sleep(600)')
        self.assertRaises(errors.Timeout, python, code, timeout_seconds=3)
        child = int((directory / 'pid').read_text())
        for _ in range(100):
            status = pathlib.Path(f'/proc/{child}/stat')
            if not status.exists() or ') Z ' in status.read_text():
                return
            time.sleep(0.05)
        self.fail('a child outlived its time')

    def test_too_much_output_ends_it(self):
        self.assertRaises(
            errors.TooLarge, python,
            'import sys\nwhile True: sys.stdout.write("x" * 65536)',
            output_max_bytes=1 << 20)

    def test_a_daemon_may_stay_behind(self):
        code = ('import os, time\n'
                'print("started", flush=True)\n'
                'if os.fork() == 0:\n'
                '    os.setsid(); time.sleep(15)\n')
        began = time.monotonic()
        self.assertEqual(b'started\n', python(code).stdout)
        self.assertLess(time.monotonic() - began, 14)

    def test_what_cannot_start(self):
        self.assertRaises(errors.NotFound, process.run, ('/no/such',),
                          timeout_seconds=1)

    def test_the_environment_is_small(self):
        os.environ['TACKER_LEDGER_SECRET'] = 'x'
        self.addCleanup(os.environ.pop, 'TACKER_LEDGER_SECRET')
        done = python('import os; print(sorted(os.environ))')
        self.assertNotIn(b'SECRET', done.stdout)


class TestOptions(base.TestCase):

    def test_names(self):
        self.assertEqual(
            {'fw': ('nft', '-f', 'a b')},
            process.named_commands('x', ['fw = nft -f "a b"']))
        for bad in (['fw'], ['=x'], ['a='], ['a=1', 'a=2']):
            self.assertRaises(errors.BadOption, process.named, 'x', bad)
        self.assertRaises(errors.BadOption, process.split, 'a "b')
