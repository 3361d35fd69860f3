# SPDX-License-Identifier: Apache-2.0
"""A federation of real node processes on loopback, for tests and demos.

::

    with federation.Federation(nodes=4) as members:
        members.url(0)              # door, https://127.0.0.1:port
        members.stop(2)             # SIGTERM, returns the exit status
        members.start(2)            # returns when it serves again
        members.wait_height(7)      # at every running member

Ports lie below 32768, where no outgoing connection takes them, and are held
by a lock file while the federation lives, so several can run at a time.
"""

import asyncio
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import configparser
import contextlib
import fcntl
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any

from tacker_ledger.core.crypto import providers
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.node import localsocket
from tacker_ledger.tests import base

START_SECONDS = 60.0
STOP_SECONDS = 20.0
_FIRST_PORT = 20_000
_LAST_PORT = 32_000
_PORTS = 300
#: Looked up when the process starts: tests change where temporary files go.
_LOCKS = pathlib.Path(tempfile.gettempdir())
_ENROLMENT_LABEL = 'test'

#: group -> option -> value
Options = Mapping[str, Mapping[str, Any]]


class NodeFailed(AssertionError):
    """A node did not do what was waited for; the message has its log."""


class PortRange:
    """Three runs of free ports, nobody else's until closed."""

    def __init__(self, count: int):
        self._handle = None
        starts = list(range(_FIRST_PORT, _LAST_PORT - _PORTS, _PORTS))
        random.shuffle(starts)
        for start in starts:
            if self._take(start) and all(
                    _free(start + offset + index)
                    for offset in (0, 100, 200) for index in range(count)):
                self.start = start
                return
            self.close()
        raise AssertionError('no free ports')

    def _take(self, start: int) -> bool:
        path = _LOCKS / f'tacker-ledger-ports-{os.getuid()}-{start}.lock'
        self._handle = open(path, 'w')  # noqa: SIM115
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Let others have them."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', port))
        except OSError:
            return False
    return True


class Federation:
    """Node processes with their directories, ports and keys.

    :param nodes: how many members
    :param heartbeat_seconds: an empty block follows after so much silence
    :param admission: ``open`` or ``registered``
    :param plain_http: doors without TLS
    :param init: further arguments of ``federation init``
    :param options: for every node's configuration file
    :param directory: a new directory to keep; None: a temporary one
    :param start: start all nodes at once
    """

    def __init__(self, nodes: int = 4, *, heartbeat_seconds: float = 1.0,
                 admission: str = 'open', plain_http: bool = False,
                 init: Iterable[str] = (), options: Options | None = None,
                 directory: str | os.PathLike[str] | None = None,
                 start: bool = True):
        self.size = nodes
        self._temporary = directory is None
        self.directory = pathlib.Path(
            directory or pathlib.Path(tempfile.mkdtemp(
                prefix='tacker-ledger-')) / 'federation')
        self._ports = PortRange(nodes)
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        arguments = [
            '--nodes', str(nodes), '--directory', str(self.directory),
            '--base-port', str(self._ports.start), '--heartbeat-seconds',
            str(heartbeat_seconds), '--admission', admission, *init]
        if plain_http:
            arguments.append('--plain-http')
        try:
            self.manage('federation', 'init', *arguments)
            quick: Options = {'node': {'reconnect_max_seconds': 0.3,
                                       'ping_interval_seconds': 0.5,
                                       'start_timeout_seconds': 5.0}}
            for index in range(nodes):
                self.configure(index, quick)
                self.configure(index, options or {})
            if start:
                self.start_all()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> 'Federation':
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    # Where things are

    @property
    def ca_file(self) -> pathlib.Path:
        """Certificate of the federation CA."""
        return self.directory / 'ca' / 'ca.pem'

    @property
    def genesis_file(self) -> pathlib.Path:
        """The signed federation document."""
        return self.directory / 'federation.cbor'

    @property
    def genesis(self) -> federation_module.Federation:
        """The checked genesis federation."""
        return federation_module.check_genesis(
            providers.default(), federation_module.SignedFederation
            .from_bytes(self.genesis_file.read_bytes()))

    @property
    def h(self) -> hashing.Hasher:
        """Of the chain."""
        return hashing.hasher(self.genesis.chain_id)

    def home(self, index: int) -> pathlib.Path:
        """Directory of a node."""
        return self.directory / f'node-{index}'

    def data(self, index: int) -> pathlib.Path:
        """Data directory of a node."""
        return self.home(index) / 'data'

    def config_file(self, index: int) -> pathlib.Path:
        """Configuration of a node."""
        return self.home(index) / 'tacker-ledger.conf'

    def url(self, index: int) -> str:
        """Door of a node."""
        return self.genesis.members[index].door_url

    def urls(self) -> list[str]:
        """Doors of all nodes."""
        return [member.door_url for member in self.genesis.members]

    def operator_url(self, index: int) -> str:
        """Operator door of a node."""
        return f'http://127.0.0.1:{self._ports.start + 200 + index}'

    def log_file(self, index: int) -> pathlib.Path:
        """Standard output and error of a node, all its runs."""
        return self.home(index) / 'node.log'

    def log(self, index: int) -> str:
        """The text of :meth:`log_file`."""
        path = self.log_file(index)
        return path.read_text(errors='replace') if path.exists() else ''

    # Changing things

    def configure(self, index: int, options: Options) -> None:
        """Change options in a node's file; it reads them at its start."""
        parser = configparser.ConfigParser(interpolation=None)
        path = self.config_file(index)
        parser.read(path)
        for group, values in options.items():
            if group != 'DEFAULT' and not parser.has_section(group):
                parser.add_section(group)
            for name, value in values.items():
                parser.set(group, name, str(value))
        with open(path, 'w') as file:
            parser.write(file)

    def manage(self, *arguments: str, check: bool = True,
               ) -> subprocess.CompletedProcess[str]:
        """Run ``tacker-ledger-manage``."""
        done = subprocess.run(
            [sys.executable, '-m', 'tacker_ledger.cmd.manage', *arguments],
            cwd=base.CHECKOUT, text=True, capture_output=True, check=False)
        if check and done.returncode:
            raise NodeFailed(f'manage {" ".join(arguments)}: '
                             f'{done.stdout}{done.stderr}')
        return done

    # Processes

    def spawn(self, index: int) -> subprocess.Popen[bytes]:
        """Start a node's process and return at once."""
        assert not self.running(index), f'node {index} runs already'
        with open(self.log_file(index), 'ab') as log:
            process = subprocess.Popen(
                [sys.executable, '-m', 'tacker_ledger.cmd.node',
                 '--config-file', str(self.config_file(index))],
                cwd=base.CHECKOUT, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True)
        self._processes[index] = process
        return process

    def start(self, index: int, timeout: float = START_SECONDS) -> None:
        """Start a node; return when it serves."""
        self.spawn(index)
        self.wait_ready(index, timeout)

    def start_all(self, timeout: float = START_SECONDS) -> None:
        """Start every node that does not run; return when all serve."""
        fresh = [index for index in range(self.size)
                 if not self.running(index)]
        for index in fresh:
            self.spawn(index)
        for index in fresh:
            self.wait_ready(index, timeout)
        if len(self.up()) >= self.genesis.quorum:
            self.wait_until(lambda: all(
                self.status(index)['has_quorum'] for index in self.up()),
                timeout, 'every node sees a quorum')

    def running(self, index: int) -> bool:
        """Return whether a node's process runs."""
        process = self._processes.get(index)
        return process is not None and process.poll() is None

    def up(self) -> list[int]:
        """Return the nodes whose process runs."""
        return [index for index in range(self.size) if self.running(index)]

    def pid(self, index: int) -> int:
        """Return the process id of a running node."""
        return self._processes[index].pid

    def stop(self, index: int, timeout: float = STOP_SECONDS) -> int:
        """End a node with SIGTERM; return its exit status."""
        return self._end(index, signal.SIGTERM, timeout)

    def kill(self, index: int) -> int:
        """End a node with SIGKILL."""
        return self._end(index, signal.SIGKILL, STOP_SECONDS)

    def pause(self, index: int) -> None:
        """Let a node stand still."""
        os.kill(self.pid(index), signal.SIGSTOP)

    def resume(self, index: int) -> None:
        """Let a node go on."""
        os.kill(self.pid(index), signal.SIGCONT)

    def _end(self, index: int, number: int, timeout: float) -> int:
        process = self._processes[index]
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise NodeFailed(
                    f'node {index} did not end within {timeout} s:\n'
                    + self.log(index)[-8000:]) from None
        return process.returncode

    def close(self) -> None:
        """End all processes and remove a temporary directory."""
        for index in self.up():
            with contextlib.suppress(ProcessLookupError):
                self.resume(index)
            self._processes[index].terminate()
        for process in self._processes.values():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._ports.close()
        if self._temporary:
            shutil.rmtree(self.directory.parent, ignore_errors=True)

    # Watching

    def call(self, index: int, method: str, *arguments: Any,
             timeout: float = 10.0) -> Any:
        """Call a method of a node's façade over its local socket."""
        async def run() -> Any:
            client = localsocket.LocalClient(
                str(self.data(index) / 'node.sock'), 0.05)
            await client.start(timeout)
            try:
                return await getattr(client, method)(*arguments)
            finally:
                await client.stop()
        return asyncio.run(run())

    def status(self, index: int) -> dict[str, Any]:
        """Return the status of a node."""
        found: dict[str, Any] = self.call(index, 'status')
        return found

    def submit(self, index: int, *submissions: bytes) -> list[Any]:
        """Submit to a node; return its ``SubmitResult`` objects."""
        found: list[Any] = self.call(index, 'submit', list(submissions))
        return found

    def enrol(self, key_id: bytes, index: int = 0) -> None:
        """Let a key write at every node (admission ``registered``)."""
        self.call(index, 'enrol', key_id, _ENROLMENT_LABEL)
        self.wait_until(
            lambda: all(any(
                record['key_id'] == key_id.hex()
                for record in self.call(other, 'enrolments'))
                for other in self.up()), 10.0, 'the enrolment is known')

    def wait_ready(self, index: int, timeout: float = START_SECONDS) -> None:
        """Wait until a node serves at its door."""
        def ready() -> bool:
            if not self.running(index):
                raise NodeFailed(f'node {index} has ended:\n'
                                 + self.log(index)[-8000:])
            if not (self.data(index) / 'node.sock').exists():
                return False
            port = self._ports.start + 100 + index
            with socket.socket() as probe:
                return probe.connect_ex(('127.0.0.1', port)) == 0
        self.wait_until(ready, timeout, f'node {index} serves')

    def wait_height(self, height: int, nodes: Iterable[int] | None = None,
                    timeout: float = START_SECONDS) -> None:
        """Wait until nodes (all running ones) have a block."""
        for index in self.up() if nodes is None else nodes:
            self.wait_until(
                lambda index=index: self.status(index)['height'] >= height,
                timeout, f'node {index} has height {height}')

    def wait_until(self, condition: Callable[[], bool],
                   timeout: float = START_SECONDS, what: str = '') -> None:
        """Wait for a condition, with the logs in the failure."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                logs = ''.join(
                    f'\n--- {path.parent.name}/{path.name}\n'
                    f'{path.read_text(errors="replace")[-3000:]}'
                    for index in range(self.size)
                    for path in sorted(self.home(index).glob('*.log')))
                raise NodeFailed(f'not within {timeout} s: {what}{logs}')
            time.sleep(0.05)
