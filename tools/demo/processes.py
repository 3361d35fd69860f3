# SPDX-License-Identifier: Apache-2.0
"""The demonstration's processes: four nodes, two agents, one liar.

Each is the shipped console script, with its own directory and log file.
"""

import contextlib
import pathlib
import signal
import subprocess
import sys
import time

import requests

BIN = pathlib.Path(sys.executable).parent
HEARTBEAT_SECONDS = 2
BASE_PORT = 21700
DOOR_OFFSET = 100
OPERATOR_OFFSET = 200


class ProcessError(Exception):
    """A process did not start or stop; the message shows its log's end."""


class Process:
    """A console script that runs in the background.

    :param name: names the log file
    :param argv: the command
    :param log: where its output goes
    """

    def __init__(self, name: str, argv: list[str],
                 log: pathlib.Path) -> None:
        self.name = name
        self.argv = argv
        self.log = log
        self._running: subprocess.Popen | None = None

    def start(self) -> None:
        """Start it; its output is appended to the log."""
        with self.log.open('ab') as log:
            self._running = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT)

    @property
    def pid(self) -> int:
        """Process id, 0 when it does not run."""
        return self._running.pid if self._running else 0

    def alive(self) -> bool:
        """Whether it runs."""
        return bool(self._running) and self._running.poll() is None

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it, by force after ten seconds."""
        if not self._running:
            return
        self._running.send_signal(number)
        try:
            self._running.wait(10)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait(10)
        self._running = None

    def tail(self) -> str:
        """The end of its log."""
        with contextlib.suppress(OSError):
            return self.log.read_text(errors='replace')[-1500:]
        return ''


def wait_for(what: str, seconds: float, condition) -> float:
    """Wait until ``condition()`` is true; give the seconds it took.

    Raises ProcessError naming ``what`` when it does not come true.
    """
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise ProcessError('not within %d s: %s' % (seconds, what))
        time.sleep(0.02)
    return time.monotonic() - began


class Federation:
    """Four members of one federation, each with its own directory.

    :param directory: where everything of the federation lies
    :param host: the address which the nodes listen on
    """

    def __init__(self, directory: pathlib.Path, host: str,
                 size: int = 4) -> None:
        self.directory = directory
        self.host = host
        self.size = size
        self.nodes: list[Process] = []
        self._session = requests.Session()
        self._session.trust_env = False

    def initialise(self) -> str:
        """Make CA, keys and the signed member list; give the tool's words."""
        done = subprocess.run(
            [str(BIN / 'tacker-ledger-manage'), 'federation', 'init',
             '--nodes', str(self.size), '--directory', str(self.directory),
             '--host', self.host, '--base-port', str(BASE_PORT),
             '--heartbeat-seconds', str(HEARTBEAT_SECONDS)],
            capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise ProcessError(done.stderr + done.stdout)
        for index in range(self.size):
            home = self.home(index)
            # The operators of this laptop need no Keystone.
            overrides = home / 'laptop.conf'
            overrides.write_text(
                '[operator]\nhost = 127.0.0.1\nport = %d\n'
                'auth_strategy = noauth\nplain_http = true\n'
                % (BASE_PORT + OPERATOR_OFFSET + index))
            self.nodes.append(Process(
                'node-%d' % index,
                [str(BIN / 'tacker-ledger-node'),
                 '--config-file', str(home / 'tacker-ledger.conf'),
                 '--config-file', str(overrides)],
                self.directory / ('node-%d.log' % index)))
        return done.stdout.strip()

    def home(self, index: int) -> pathlib.Path:
        """A member's directory."""
        return self.directory / ('node-%d' % index)

    def door(self, index: int) -> str:
        """URL of a member's door for tenants and VNFs."""
        return 'https://%s:%d' % (self.host, BASE_PORT + DOOR_OFFSET + index)

    def operator(self, index: int) -> str:
        """URL of a member's door for operators."""
        return 'http://127.0.0.1:%d' % (BASE_PORT + OPERATOR_OFFSET + index)

    def status(self, index: int) -> dict:
        """What a node says of itself; empty when it does not answer."""
        try:
            reply = self._session.get(
                self.door(index) + '/v1/status', timeout=2,
                verify=str(self.directory / 'ca' / 'ca.pem'))
            return reply.json() if reply.status_code == 200 else {}
        except (requests.RequestException, ValueError):
            return {}

    def height(self, index: int) -> int:
        """A node's height, -1 when it does not answer."""
        return int(self.status(index).get('height', -1))

    def start(self) -> None:
        """Start every node and wait until they agree on blocks."""
        for node in self.nodes:
            node.start()
        self.wait_ready(range(self.size))

    def wait_ready(self, indices, seconds: float = 90) -> float:
        """Wait until these nodes serve and see a quorum."""
        def ready() -> bool:
            for index in indices:
                if not self.nodes[index].alive():
                    raise ProcessError('node-%d ended:\n%s' % (
                        index, self.nodes[index].tail()))
            return all(self.status(index).get('quorum') for index in indices)
        return wait_for('the nodes see a quorum', seconds, ready)

    def stop(self) -> None:
        """Stop what runs."""
        for node in self.nodes:
            node.stop()


class LyingNode:
    """A member's keys in the hands of a program that lies on request."""

    def __init__(self, federation: Federation, member: int, upstream: int,
                 address: str) -> None:
        self.url = 'https://' + address
        self._argv = [
            sys.executable, '-m',
            'tacker_ledger.tests.functional.byzantine_door',
            str(federation.home(member)), federation.door(upstream), address,
            str(member)]
        self._log = federation.directory / 'lying-node.log'
        self._running: subprocess.Popen | None = None

    def start(self) -> None:
        """Start it in its honest mode."""
        with self._log.open('ab') as log:
            self._running = subprocess.Popen(
                self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=log, text=True)
        self._expect('honest')

    def _expect(self, mode: str) -> None:
        assert self._running and self._running.stdout
        if self._running.stdout.readline().strip() != mode:
            raise ProcessError('the lying node: '
                               + self._log.read_text()[-1500:])

    def lie(self, mode: str) -> None:
        """Lie as the mode says from now on."""
        assert self._running and self._running.stdin
        self._running.stdin.write(mode + '\n')
        self._running.stdin.flush()
        self._expect(mode)

    def asked(self) -> int:
        """How many polls it answered since its mode was set."""
        assert self._running and self._running.stdin and self._running.stdout
        self._running.stdin.write('?\n')
        self._running.stdin.flush()
        return int(self._running.stdout.readline())

    def stop(self) -> None:
        """End it."""
        if self._running:
            assert self._running.stdin and self._running.stdout
            self._running.stdin.close()
            self._running.stdout.close()
            self._running.terminate()
            self._running.wait(10)
            self._running = None
