# SPDX-License-Identifier: Apache-2.0
"""What tools/test.sh counts, and that it never calls a bad run good."""

import contextlib
import importlib.util
import io
import sys
import textwrap

import fixtures
import subunit

from tacker_ledger.tests import base


def load_suites():
    """Return tools/suites.py as a module of its own."""
    spec = importlib.util.spec_from_file_location(
        'tacker_ledger_suites', base.CHECKOUT / 'tools' / 'suites.py')
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


class TestStream(base.TestCase):
    """The counts of a subunit stream."""

    def read(self, *events):
        stream = io.BytesIO()
        writer = subunit.StreamResultToBytes(stream)
        for test, status in events:
            writer.status(test_id=test, test_status=status)
        return load_suites().read_stream(stream.getvalue())

    def test_nothing(self):
        outcome = self.read()
        self.assertEqual(
            (0, 0, 0), (outcome.passed, outcome.failed, outcome.skipped))

    def test_every_status(self):
        outcome = self.read(
            ('a', 'success'), ('b', 'xfail'), ('c', 'skip'), ('d', 'fail'),
            ('e', 'uxsuccess'), ('f', 'inprogress'), ('g', 'exists'))
        self.assertEqual(
            (2, 3, 1), (outcome.passed, outcome.failed, outcome.skipped))
        self.assertFalse(outcome.good)

    def test_a_test_counts_once(self):
        outcome = self.read(('a', 'inprogress'), ('a', 'success'))
        self.assertEqual((1, 0), (outcome.passed, outcome.failed))

    def test_what_was_measured_is_kept(self):
        stream = io.BytesIO()
        writer = subunit.StreamResultToBytes(stream)
        writer.status(test_id='a', test_status='inprogress')
        writer.status(test_id='a', file_name='measured', eof=True,
                      file_bytes=b'7 s', mime_type='text/plain;charset=utf8')
        writer.status(test_id='a', test_status='success')
        outcome = load_suites().read_stream(stream.getvalue())
        self.assertEqual(['measured by a:\n7 s'], outcome.details)
        self.assertTrue(outcome.good)


class TestRun(base.TestCase):
    """Whole runs, of real suites in a tree of their own."""

    TIMEOUT_SCALE = 2

    def setUp(self):
        super().setUp()
        self.suites = load_suites()
        self.tree = self.make_directory()
        for name, value in (
                ('CHECKOUT', self.tree),
                ('REPOSITORIES', self.tree / '.stestr'),
                ('SUITES', {'small': self.suites.Tests(1)}),
                ('release_parts', lambda: None)):
            self.useFixture(fixtures.MonkeyPatch(
                f'{self.suites.__name__}.{name}', value))
        (self.tree / '.stestr.conf').write_text(
            '[DEFAULT]\ntest_path=.\ntop_dir=./\n')

    def write(self, text: str):
        folder = self.tree / 'tacker_ledger' / 'tests' / 'small'
        folder.mkdir(parents=True)
        for place in (folder, *list(folder.parents)[:2]):
            (place / '__init__.py').touch()
        (folder / 'test_it.py').write_text(textwrap.dedent(text))

    def run_main(self, *arguments: str) -> tuple[int, list[str]]:
        printed = io.StringIO()
        self.useFixture(fixtures.MonkeyPatch(
            'sys.argv', ['suites.py', *arguments]))
        with contextlib.redirect_stdout(printed):
            status = self.suites.main()
        return status, printed.getvalue().splitlines()

    def test_good_bad_and_skipped(self):
        self.write('''
            import unittest

            class T(unittest.TestCase):
                def test_good(self):
                    pass

                def test_bad(self):
                    self.assertEqual('apple', 'pear')

                def test_skipped(self):
                    self.skipTest('missing part: orchard')
        ''')
        status, lines = self.run_main('small')
        self.assertEqual(1, status)
        self.assertEqual('1 passed, 1 failed, 1 skipped', lines[-1])
        text = '\n'.join(lines)
        self.assertIn("'apple' != 'pear'", text)
        self.assertIn('missing part: orchard', text)
        status, lines = self.run_main('small', '--', 'test_good')
        self.assertEqual(0, status, lines)
        self.assertEqual('1 passed, 0 failed, 0 skipped', lines[-1])

    def test_a_module_that_does_not_load(self):
        self.write('import no_such_module\n')
        status, lines = self.run_main()
        self.assertEqual(1, status)
        self.assertRegex(lines[-1], r'^0 passed, \d failed, 0 skipped$')
        self.assertIn('no_such_module', '\n'.join(lines))

    def test_no_tests_is_a_failure(self):
        self.write('"""Nothing here."""\n')
        status, lines = self.run_main()
        self.assertEqual(1, status)
        self.assertEqual('0 passed, 0 failed, 0 skipped', lines[-1])
        self.assertIn('no test was run', '\n'.join(lines))

    def test_a_worker_that_dies(self):
        self.write('''
            import os
            import unittest

            class T(unittest.TestCase):
                def test_it(self):
                    os._exit(0)
        ''')
        status, lines = self.run_main()
        self.assertEqual(1, status)
        self.assertEqual('0 passed, 1 failed, 0 skipped', lines[-1])

    def test_checks_do_not_count_but_fail_the_run(self):
        self.suites.SUITES['check'] = self.suites.Checks(1, (
            ('false',), ('true',), ('no-such-program',)))
        status, lines = self.run_main('check')
        self.assertEqual(1, status)
        self.assertEqual('0 passed, 0 failed, 0 skipped', lines[-1])
        self.assertIn('FAILED', lines[0])
        text = '\n'.join(lines)
        self.assertIn('exit 1: false', text)
        self.assertIn('no-such-program', text)

    def test_a_suite_that_hangs_is_ended(self):
        self.suites.SUITES['check'] = self.suites.Checks(1, (
            ('sleep', '60'),))
        self.useFixture(fixtures.MonkeyPatch(
            f'{self.suites.__name__}.SUITE_LIMIT_SECONDS', 1))
        status, lines = self.run_main('check')
        self.assertEqual(1, status)
        self.assertEqual('0 passed, 0 failed, 0 skipped', lines[-1])
