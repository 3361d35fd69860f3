# SPDX-License-Identifier: Apache-2.0
"""Runs test suites in two lanes and adds up what they counted.

A suite is either a run of stestr or a list of checks (commands which must
succeed). To add one, add a row to SUITES.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import dataclasses
import io
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

import subunit
import testtools

CHECKOUT = pathlib.Path(__file__).resolve().parents[1]
REPOSITORIES = CHECKOUT / '.stestr'
LANES = 2
#: A suite which hangs where no test limit reaches is ended then.
SUITE_LIMIT_SECONDS = int(os.environ.get('SUITE_LIMIT_SECONDS', '2400'))

#: How a test of stestr's stream counts.
PASSED = frozenset(('success', 'xfail'))
SKIPPED = frozenset(('skip',))
#: Everything else ("fail", "uxsuccess", a test that never ended) has failed.

#: What a test that passed leaves for the report, as a detail of this name.
MEASURED = 'measured'


@dataclasses.dataclass(slots=True)
class Outcome:
    """What became of one suite."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    broken: list[str] = dataclasses.field(default_factory=list)
    details: list[str] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        return not self.failed and not self.broken


class Processes:
    """The processes of all lanes, each in a group of its own."""

    def __init__(self):
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen] = set()
        self._closed = False

    def run(self, command: list[str], **extra) -> subprocess.CompletedProcess:
        with self._lock:
            if self._closed:
                raise KeyboardInterrupt
            process = subprocess.Popen(
                command, cwd=CHECKOUT, env=environment(),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                start_new_session=True, **extra)
            self._running.add(process)
        try:
            out, err = process.communicate(timeout=SUITE_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._end(process)
            out, err = process.communicate()
            err = (err or b'') + b'\nended: the suite took too long\n'
        finally:
            with self._lock:
                self._running.discard(process)
        return subprocess.CompletedProcess(
            command, process.returncode, out, err)

    def close(self):
        with self._lock:
            self._closed = True
            for process in self._running:
                self._end(process)

    @staticmethod
    def _end(process: subprocess.Popen):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def environment() -> dict[str, str]:
    """Return the environment of every suite.

    stestr finds Python on PATH, for it cannot quote a path with blanks.
    """
    venv = pathlib.Path(sys.executable).parent
    return {
        'OS_TEST_TIMEOUT': '60',
        **os.environ,
        'PATH': f'{venv}{os.pathsep}{os.environ["PATH"]}:/usr/sbin:/sbin',
        'PYTHON': 'python',
        'PYTHONUNBUFFERED': '1',
    }


@dataclasses.dataclass(frozen=True, slots=True)
class Checks:
    """Commands which must succeed; all of them run, whatever fails."""

    cost_seconds: int
    commands: tuple[tuple[str, ...], ...]

    def run(self, name: str, processes: Processes, filters) -> Outcome:
        outcome = Outcome()
        for command in self.commands:
            try:
                done = processes.run(list(command), stderr=subprocess.STDOUT)
            except OSError as exc:
                outcome.broken.append(f'{command[0]}: {exc}')
                continue
            if done.returncode:
                line = ' '.join(command)
                outcome.broken.append(f'exit {done.returncode}: {line}')
                outcome.details.append(f'$ {line}\n'
                                       + done.stdout.decode(errors='replace'))
        return outcome


@dataclasses.dataclass(frozen=True, slots=True)
class Tests:
    """A folder of tests, run by stestr with a repository of its own.

    :param folder: below ``tacker_ledger/tests``; that of the suite's name
        if it is empty
    :param without: a pattern of tests there that another suite runs
    """

    cost_seconds: int
    concurrency: int = 1
    folder: str = ''
    without: str = ''

    def run(self, name: str, processes: Processes, filters) -> Outcome:
        repository = REPOSITORIES / name
        repository.mkdir(parents=True, exist_ok=True)
        if not (repository / '.stestr' / 'format').exists():
            # a run that was cut short while making it
            shutil.rmtree(repository / '.stestr', ignore_errors=True)
        done = processes.run(
            [sys.executable, '-m', 'stestr', '--repo-url', str(repository),
             '--test-path', f'./tacker_ledger/tests/{self.folder or name}',
             'run', '--subunit', '--concurrency', str(self.concurrency),
             *(['--exclude-regex', self.without] if self.without else []),
             *filters],
            stderr=subprocess.PIPE)
        outcome = read_stream(done.stdout)
        ran = outcome.passed + outcome.failed + outcome.skipped
        if not ran:
            outcome.broken.append('no test was run')
        elif done.returncode and not outcome.failed:
            outcome.broken.append(f'stestr ended with {done.returncode}')
        if outcome.broken:
            outcome.details.append(done.stderr.decode(errors='replace'))
        return outcome


SHELL_SCRIPTS = (
    'git ls-files -z --cached --others --exclude-standard'
    ' | xargs -0 grep -lsIE "^#!.*\\b(ba)?sh$" | xargs shellcheck')
LINT = Checks(60, (
    ('ruff', 'check', '--quiet', '--output-format=concise', '.'),
    ('flake8',),
    ('bash', '-c', SHELL_SCRIPTS),
    ('tools/release_notes_check.sh',),
))
DOCS = Checks(60, (
    ('sphinx-build', '-W', '--keep-going', '-q', '-b', 'html',
     'doc/source', 'doc/build/html'),
    ('sphinx-build', '-W', '--keep-going', '-q', '-b', 'html',
     'releasenotes/source', 'releasenotes/build/html'),
))

#: By name. The cost, measured roughly, only decides what starts first.
SUITES = {
    'lint': LINT,
    'mypy': Checks(50, (('mypy',),)),
    'unit': Tests(120, concurrency=2),
    'functional': Tests(1000, without=r'functional\.faults\.'),
    'faults': Tests(1200, folder='functional/faults'),
    'simulation': Tests(300),
    'attacks': Tests(100),
    'docs': DOCS,
}


def read_stream(stream: bytes) -> Outcome:
    """Count the tests of a subunit stream and keep what the failed ones said.
    """
    outcome = Outcome()

    def on_test(test: dict):
        if test['status'] == 'exists' or not test['id']:
            return
        if test['status'] in PASSED:
            outcome.passed += 1
            if MEASURED in test['details']:
                outcome.details.append(
                    f'measured by {test["id"]}:\n'
                    + test['details'][MEASURED].as_text())
        elif test['status'] in SKIPPED:
            outcome.skipped += 1
            reason = ''.join(
                content.as_text()
                for key, content in test['details'].items()
                if key == 'reason')
            outcome.details.append(f'skipped {test["id"]}: {reason}')
        else:
            outcome.failed += 1
            outcome.details.append(describe(test))

    result = testtools.StreamToDict(on_test)
    result.startTestRun()
    try:
        subunit.ByteStreamToStreamResult(
            io.BytesIO(stream), non_subunit_name='stdout').run(result)
    finally:
        result.stopTestRun()
    return outcome


def describe(test: dict) -> str:
    """Return a failed test's name, status and every text it left behind."""
    lines = [f'{test["status"].upper()} {test["id"]}']
    for key, content in sorted(test['details'].items()):
        if content.content_type.type == 'text':
            text = content.as_text().strip()
            if text:
                lines.append(f'--- {key}\n{text}')
    return '\n'.join(lines)


def run_suite(name: str, processes: Processes, filters) -> Outcome:
    began = time.monotonic()
    try:
        outcome = SUITES[name].run(name, processes, filters)
    except Exception as exc:  # noqa: BLE001 - the sum must still be printed
        outcome = Outcome(broken=[f'{type(exc).__name__}: {exc}'])
    outcome.seconds = time.monotonic() - began
    return outcome


def report(name: str, outcome: Outcome):
    """Print one suite's result, and at length what went wrong."""
    counts = '' if isinstance(SUITES[name], Checks) else (
        f'{outcome.passed} passed, {outcome.failed} failed, '
        f'{outcome.skipped} skipped')
    verdict = 'ok' if outcome.good else 'FAILED'
    print(f'{name:<12}{outcome.seconds:8.1f} s  {verdict:<8}{counts}')
    reasons = collections.Counter(outcome.details)
    for text in (*outcome.broken, *reasons):
        print('\n'.join('    ' + line for line in text.splitlines()))
    sys.stdout.flush()


def run_all(names: list[str], filters: list[str]) -> list[Outcome]:
    """Run the suites, the dearest first, as soon as a lane is free."""
    processes = Processes()
    order = sorted(names, key=lambda name: -SUITES[name].cost_seconds)
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(LANES) as lanes:
        running = {lanes.submit(run_suite, name, processes, filters): name
                   for name in order}
        try:
            for done in concurrent.futures.as_completed(running):
                report(running[done], done.result())
                outcomes.append(done.result())
        except KeyboardInterrupt:
            processes.close()
            lanes.shutdown(cancel_futures=True)
            print('interrupted')
            outcomes.append(Outcome(broken=['interrupted']))
    return outcomes


def release_parts():
    """End the parts which tests have started, unless others use them."""
    minicloud = CHECKOUT / 'tools' / 'minicloud'
    if minicloud.exists():
        subprocess.run([sys.executable, str(minicloud), 'release'],
                       check=False, stdout=subprocess.DEVNULL)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog='tools/test.sh', description=__doc__.partition('\n')[0])
    parser.add_argument('suites', nargs='*', metavar='SUITE',
                        help='one of ' + ', '.join(SUITES))
    parser.add_argument('--list', action='store_true',
                        help='print the names of all suites')
    arguments, filters = sys.argv[1:], []
    if '--' in arguments:
        cut = arguments.index('--')
        arguments, filters = arguments[:cut], arguments[cut + 1:]
    options = parser.parse_args(arguments)
    if options.list:
        print('\n'.join(SUITES))
        return 0
    unknown = [name for name in options.suites if name not in SUITES]
    if unknown:
        parser.error(f'no suite {", ".join(unknown)}; there are '
                     + ', '.join(SUITES))
    names = list(dict.fromkeys(options.suites)) or list(SUITES)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    outcomes = run_all(names, filters)
    release_parts()
    bad = sum(not outcome.good for outcome in outcomes)
    print(f'{len(names)} suites in {time.monotonic() - began:.0f} s'
          + (f', {bad} FAILED' if bad else ''))
    passed, failed, skipped = (
        sum(getattr(outcome, field) for outcome in outcomes)
        for field in ('passed', 'failed', 'skipped'))
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
