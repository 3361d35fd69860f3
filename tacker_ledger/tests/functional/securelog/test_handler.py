# SPDX-License-Identifier: Apache-2.0
"""Real services write secure logs, and whatever happens to them is told."""

import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import unittest

from tacker_ledger.core.crypto import providers
from tacker_ledger.core.securelog import findings
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import runs
from tacker_ledger.core.securelog import verify
from tacker_ledger.securelog import keys
from tacker_ledger.tests import base

WRITER = 'tacker_ledger.tests.functional.securelog.log_writer'
NOT_SEGMENTS = ('.lock', '.state', '.manifest')

Kind = findings.Kind
Verdict = findings.Verdict


class LogCase(base.TestCase):
    """A directory with keys, and processes that log there."""

    TIMEOUT_SCALE = 3

    def setUp(self):
        super().setUp()
        self.directory = self.make_directory()
        self.provider = providers.default()
        self.make_keys(self.directory)

    def make_keys(self, directory: pathlib.Path) -> None:
        self.key_directory = directory / 'keys'
        keys.generate(self.key_directory, self.provider)
        # the auditor takes it away
        secret = self.key_directory / 'auditor.key'
        self.auditor = self.make_directory()
        shutil.move(secret, self.auditor / 'auditor.key')

    def start(self, *arguments: str, where: pathlib.Path | None = None
              ) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, '-m', WRITER, str(where or self.directory),
             *arguments], cwd=base.CHECKOUT, stderr=subprocess.PIPE,
            text=True)
        self.addCleanup(self._end, process)
        return process

    @staticmethod
    def _end(process: subprocess.Popen) -> None:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stderr.close()

    def run_writer(self, *arguments: str, where=None) -> str:
        """Let a process log to its end; return what it said."""
        process = self.start(*arguments, where=where)
        _, said = process.communicate()
        self.assertEqual(0, process.returncode, said)
        return said

    def segments(self, where=None) -> list[tuple[str, bytes]]:
        directory = where or self.directory
        return [(path.name, path.read_bytes())
                for path in sorted(directory.glob('service.log*'))
                if not path.name.endswith(NOT_SEGMENTS)]

    def texts(self, where=None) -> list[bytes]:
        """Return the texts of plain lines, in the order of the files."""
        found = []
        for _, data in self.segments(where):
            for line in data.splitlines():
                try:
                    record = records.parse_line(line)
                except ValueError:
                    continue
                if isinstance(record, records.Line):
                    found.append(record.text)
        return found

    def report(self, where=None):
        from tacker_ledger.keystore import file as file_keystore
        directory = where or self.directory
        context = runs.Context(
            keys.load_public(self.key_directory / 'log-signing.pub'),
            self.provider,
            file_keystore.FileKeystore(self.auditor).pair('auditor'))
        return verify.verify(
            context, self.segments(where),
            (directory / 'service.log.manifest').read_bytes())

    def assert_no_alarm(self, where=None, verdict=Verdict.INTACT):
        report = self.report(where)
        self.assertEqual(
            verdict, report.verdict,
            '\n'.join(map(str, report.findings)))
        return report

    def wait_for_lines(self, count: int, name: str = 'service.log') -> None:
        path = self.directory / name
        while not path.exists() or path.read_bytes().count(b'\n') < count:
            time.sleep(0.01)


class TestServices(LogCase):
    """What services do by themselves."""

    def test_a_clean_run_and_its_restarts(self):
        for _ in range(3):
            self.run_writer('lines', '250')
        self.assert_no_alarm()
        self.assertEqual(750, len(self.texts()))
        self.assertEqual(1, len(self.segments()))

    def test_children_write_sessions_of_their_own(self):
        self.run_writer('forks', '300')
        self.assert_no_alarm()
        self.assertEqual(10 + 4 * 300, len(self.texts()))
        self.assertEqual(4, len(self.segments()))

    def test_several_workers_at_the_same_time(self):
        workers = [self.start('lines', '400') for _ in range(5)]
        for worker in workers:
            _, said = worker.communicate()
            self.assertEqual(0, worker.returncode, said)
        self.assert_no_alarm()
        self.assertEqual(2000, len(self.texts()))

    def test_threads_while_another_forks(self):
        self.run_writer('threads', '300')
        self.assert_no_alarm()
        texts = self.texts()
        self.assertEqual(
            2400, sum(b' thread ' in one for one in texts))
        for thread in range(8):
            self.assertEqual(
                [b'%d' % number for number in range(300)],
                [one.rpartition(b' ')[2] for one in texts
                 if b' thread %d ' % thread in one])

    def test_an_end_by_signal_amid_signals_that_log(self):
        process = self.start('until-told', '0')
        self.wait_for_lines(2000)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate()
        self.assertEqual(0, process.returncode, said)
        self.assert_no_alarm()
        self.assertIn(b'told to end by signal 15', b'\n'.join(self.texts()))

    def test_an_idle_log_shows_that_it_lives(self):
        process = self.start('forever', '1000.0', 'checkpoint_seconds=0.2')
        self.wait_for_lines(5)
        process.kill()
        process.communicate()
        data = (self.directory / 'service.log').read_bytes()
        self.assertIn(b'closed by time', data)
        self.assertIn(b'checkpoint 3: 0 lines', data)

    def test_processes_under_green_threads(self):
        script = textwrap.dedent('''
            import eventlet
            eventlet.monkey_patch()
            import logging, os, sys
            from tacker_ledger.tests.functional.securelog import log_writer
            log_writer.attach(sys.argv[1], checkpoint_seconds=0.2)

            def work(who):
                for number in range(200):
                    log_writer.LOG.info('green %d line %d', who, number)
                    if number % 7 == 0:
                        eventlet.sleep(0)

            log_writer.lines(5, 'before')
            pid = os.fork()
            pool = eventlet.GreenPool()
            for who in range(10):
                pool.spawn(work, who)
            pool.waitall()
            eventlet.sleep(0.6)
            if not pid:
                logging.shutdown()
                os._exit(0)
            _, status = os.waitpid(pid, 0)
            sys.exit(status)
            ''')
        try:
            import importlib.metadata
            importlib.metadata.version('eventlet')
        except importlib.metadata.PackageNotFoundError:
            if base.in_ci():
                raise
            raise unittest.SkipTest('eventlet is not installed') from None
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', script,
             str(self.directory)], cwd=base.CHECKOUT, capture_output=True,
            text=True)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assert_no_alarm()
        self.assertEqual(5 + 2 * 2000, len(self.texts()))
        self.assertIn(b'closed by time',
                      (self.directory / 'service.log').read_bytes())


class TestMishaps(LogCase):
    """What happens to services."""

    def test_killed_at_any_moment_and_started_again(self):
        draw = random.Random(17)
        for _ in range(8):
            process = self.start('forever', '0', 'checkpoint_lines=20')
            size = self._size()
            while self._size() < size + 4000:
                time.sleep(0.002)
            time.sleep(draw.random() * 0.02)
            process.kill()
            process.communicate()
        self.run_writer('lines', '5')
        report = self.assert_no_alarm(verdict=Verdict.UNDECIDABLE)
        # which lines came last before a kill, only a collector can tell
        self.assertLessEqual({one.kind for one in report.findings},
                             {Kind.UNSEALED_TAIL, Kind.TORN})

    def _size(self) -> int:
        path = self.directory / 'service.log'
        return path.stat().st_size if path.exists() else 0

    def test_killed_and_not_started_again_is_undecided(self):
        process = self.start('forever', '0.001')
        self.wait_for_lines(30)
        process.kill()
        process.communicate()
        self.assert_no_alarm(verdict=Verdict.UNDECIDABLE)

    def test_a_torn_line_is_told_from_an_altered_one(self):
        path = self.directory / 'service.log'
        data = b''
        # a line must be the last, as a checkpoint that is gone is no crash
        while not data or not isinstance(
                records.parse_line(data.splitlines(keepends=True)[-1]),
                records.Line):
            before = len(data.splitlines())
            process = self.start('forever', '0.001', 'checkpoint_lines=10')
            self.wait_for_lines(before + 30)
            process.kill()
            process.communicate()
            data = path.read_bytes()
        # what a crash of the machine leaves of the line being written
        os.truncate(path, len(data) - 20)
        self.run_writer('lines', '5')
        report = self.assert_no_alarm(verdict=Verdict.UNDECIDABLE)
        self.assertEqual({Kind.UNSEALED_TAIL, Kind.TORN},
                         {one.kind for one in report.findings})

    def test_rotation_by_moving(self):
        process = self.start('forever', '0.0005', 'checkpoint_lines=20')
        for number in range(4):
            self.wait_for_lines(70)
            path = self.directory / 'service.log'
            path.rename(f'{path}.{4 - number}')
        self.wait_for_lines(5)
        process.terminate()
        process.communicate()
        self.run_writer('lines', '3')
        self.assertEqual(5, len(self.segments()))
        self.assert_no_alarm()

    def test_rotation_by_logrotate(self):
        logrotate = shutil.which('logrotate') or '/usr/sbin/logrotate'
        if not pathlib.Path(logrotate).exists():
            raise unittest.SkipTest('logrotate is not installed')
        process = self.start('forever', '0.0005', 'checkpoint_lines=20')
        configuration = self.directory / 'rotate.conf'
        configuration.write_text(
            f'{self.directory}/service.log {{\n rotate 9\n nocompress\n'
            f' create\n missingok\n su root root\n}}\n')
        configuration.chmod(0o644)
        for _ in range(3):
            self.wait_for_lines(70)
            subprocess.run(
                [logrotate, '-f', '-s', str(self.directory / 'rotated'),
                 str(configuration)], check=True, capture_output=True)
        self.wait_for_lines(5)
        process.terminate()
        process.communicate()
        self.run_writer('lines', '3')
        self.assertEqual(4, len(self.segments()))
        self.assert_no_alarm()

    def test_cutting_in_place_is_refused_by_name(self):
        process = self.start('forever', '0.001', 'checkpoint_lines=10')
        self.wait_for_lines(45)
        path = self.directory / 'service.log'
        shutil.copy(path, f'{path}.1')
        os.truncate(path, 0)
        self.wait_for_lines(30)
        process.terminate()
        _, said = process.communicate()
        self.assertEqual(1, said.count('never by copytruncate'), said)
        self.assertIn(b'never by copytruncate', b'\n'.join(self.texts()))

    def test_a_full_disk(self):
        place = self.make_directory()
        made = subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', 'size=160k', 'tmpfs', str(place)],
            capture_output=True, text=True)
        if made.returncode:
            if base.in_ci():
                self.fail(made.stderr)
            raise unittest.SkipTest('a tmpfs cannot be mounted')
        self.addCleanup(subprocess.run, ['umount', '-l', str(place)])
        self.make_keys(place)
        ballast = place / 'ballast'
        ballast.write_bytes(bytes(40_000))
        process = self.start('forever', '0.0005', 'checkpoint_lines=10',
                             where=place)
        path = place / 'service.log'
        said = process.stderr.readline()
        self.assertIn('lost until this ends', said)
        time.sleep(0.3)
        self.assertIsNone(process.poll())
        ballast.unlink()
        while b'lines were lost here' not in path.read_bytes():
            time.sleep(0.01)
        process.terminate()
        _, said = process.communicate()
        self.assertIn('written again', said)
        data = self.segments(place)
        # what was written while there was no room is whole
        for _, one in data:
            for line in one.splitlines():
                records.parse_line(line)
        texts = self.texts(place)
        lost = sum(int(one.split(b' lines were lost')[0].rpartition(b' ')[2])
                   for one in texts if b' lines were lost here' in one)
        numbers = [int(one.rpartition(b' ')[2]) for one in texts
                   if b' service line ' in one]
        self.assertGreater(lost, 20)
        self.assertEqual(numbers[-1] + 1, len(numbers) + lost)
        self.assertEqual(sorted(set(numbers)), numbers)
        self.assert_no_alarm(place)
