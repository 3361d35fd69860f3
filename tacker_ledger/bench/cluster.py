# SPDX-License-Identifier: Apache-2.0
"""A federation of real node processes on this machine, over TLS.

Set up by ``tacker-ledger-manage federation init`` as an operator would, in
a temporary directory.  Writes are durable (``fsync``) and every node checks
every signature, as nodes do; only the rate limits per key and address are
lifted, because one machine plays all clients.
"""

import asyncio
from collections.abc import Mapping
import configparser
import json
import pathlib
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from typing import Any
import urllib.request

from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.node import localsocket

START_SECONDS = 120.0
_STOP_SECONDS = 20.0
#: Below the range that outgoing connections take theirs from.
_FIRST_PORT = 21_000
_LAST_PORT = 31_000
#: Members, doors and operator doors each have a hundred.
_PORTS_STEP = 300
_MANY = 10 ** 9

#: group -> option -> value
Options = Mapping[str, Mapping[str, Any]]

_OPTIONS: Options = {
    'door': {'rate_per_address_per_second': float(_MANY),
             'rate_burst_per_address': _MANY,
             'rate_per_key_per_second': float(_MANY),
             'rate_burst_per_key': _MANY},
    'operator': {'enabled': False}}


class Cluster:
    """Node processes, started; ended and removed by :meth:`close`.

    :param nodes: how many members
    :param heartbeat_seconds: silence after which a block is empty
    :param options: further options of every node
    :param start: start the nodes at once
    :raises LedgerError: a node does not start; its log is in the message
    """

    def __init__(self, nodes: int, *, heartbeat_seconds: float = 5.0,
                 options: Options | None = None, start: bool = True
                 ) -> None:
        self.size = nodes
        self._home = pathlib.Path(tempfile.mkdtemp(prefix='ledger-bench-'))
        self.directory = self._home / 'federation'
        self._base_port = _free_ports(nodes)
        self._processes: list[subprocess.Popen[bytes]] = []
        try:
            self._init(heartbeat_seconds)
            for index in range(nodes):
                self._configure(index, _OPTIONS)
                self._configure(index, options or {})
            self.genesis = federation_module.check_genesis(
                providers.default(),
                federation_module.SignedFederation.from_bytes(
                    (self.directory / 'federation.cbor').read_bytes()))
            self.h = hashing.hasher(self.genesis.chain_id)
            self.tls = ssl.create_default_context(
                cafile=self.ca_file)
            if start:
                self.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> 'Cluster':
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _init(self, heartbeat_seconds: float) -> None:
        done = subprocess.run(
            [sys.executable, '-m', 'tacker_ledger.cmd.manage', 'federation',
             'init', '--nodes', str(self.size), '--directory',
             str(self.directory), '--base-port', str(self._base_port),
             '--heartbeat-seconds', str(heartbeat_seconds), '--admission',
             'open'], text=True, capture_output=True, check=False)
        if done.returncode:
            raise errors.LedgerError(
                f'The federation cannot be made: {done.stdout}{done.stderr}')

    def _configure(self, index: int, options: Options) -> None:
        path = self.home(index) / 'tacker-ledger.conf'
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(path)
        for group, values in options.items():
            if not parser.has_section(group):
                parser.add_section(group)
            for name, value in values.items():
                parser.set(group, name, str(value))
        with path.open('w') as file:
            parser.write(file)

    # Where things are

    def home(self, index: int) -> pathlib.Path:
        """Return a node's directory."""
        return self.directory / f'node-{index}'

    def door(self, index: int) -> tuple[str, int]:
        """Return host and port of a node's door."""
        return '127.0.0.1', self._base_port + 100 + index

    def pids(self) -> list[int]:
        """Return the nodes' process ids, by member."""
        return [process.pid for process in self._processes]

    # Processes

    def start(self) -> None:
        """Start all nodes; return when all of them serve a quorum.

        :raises LedgerError: one of them does not
        """
        self._processes = [self._spawn(index) for index in range(self.size)]
        deadline = time.monotonic() + START_SECONDS
        for index in range(self.size):
            while not self._serves(index):
                if (self._processes[index].poll() is not None
                        or time.monotonic() > deadline):
                    raise errors.LedgerError(
                        f'Node {index} does not start:\n{self._log(index)}')
                time.sleep(0.05)

    def _spawn(self, index: int) -> subprocess.Popen[bytes]:
        with (self.home(index) / 'node.log').open('ab') as log:
            return subprocess.Popen(
                [sys.executable, '-m', 'tacker_ledger.cmd.node',
                 '--config-file',
                 str(self.home(index) / 'tacker-ledger.conf')],
                stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True)

    def _log(self, index: int) -> str:
        return (self.home(index) / 'node.log').read_text(
            errors='replace')[-4000:]

    def _serves(self, index: int) -> bool:
        try:
            status = self.status(index)
        except (OSError, ValueError):
            return False
        return bool(status['healthy'] and status['has_quorum'])

    def status(self, index: int) -> dict[str, Any]:
        """Return what a node says of itself.

        :raises OSError: it does not answer
        """
        status: dict[str, Any] = json.loads(self.get(index, '/v1/status'))
        return status

    def get(self, index: int, target: str) -> bytes:
        """Return what a node's door answers.

        :raises OSError: it does not, or with an error
        """
        host, port = self.door(index)
        with urllib.request.urlopen(
                f'https://{host}:{port}{target}', timeout=30,
                context=self.tls) as response:
            body: bytes = response.read()
        return body

    def full_status(self, index: int) -> dict[str, Any]:
        """Return all that a node says of itself, by its local socket."""
        async def ask() -> dict[str, Any]:
            client = localsocket.LocalClient(
                str(self.home(index) / 'data' / 'node.sock'))
            await client.start()
            try:
                return await client.status()
            finally:
                await client.stop()

        return asyncio.run(ask())

    def height(self) -> int:
        """Return the lowest height that a node has."""
        return min(int(self.status(index)['height'])
                   for index in range(self.size))

    @property
    def ca_file(self) -> str:
        """The federation CA's certificate, PEM."""
        return str(self.directory / 'ca' / 'ca.pem')

    def leader(self) -> int:
        """Return the member that proposes at present."""
        return int(self.status(0)['leader'])

    def wait_height(self, height: int, seconds: float) -> None:
        """Return when every node has a block.

        :raises Timeout: one of them has not in time
        """
        deadline = time.monotonic() + seconds
        for index in range(self.size):
            while self.status(index)['height'] < height:
                if time.monotonic() > deadline:
                    raise errors.Timeout(
                        f'Node {index} has not reached height {height}.')
                time.sleep(0.02)

    def stop(self) -> None:
        """End all nodes in order."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def kill(self) -> None:
        """End all nodes with SIGKILL."""
        for process in self._processes:
            process.kill()
            process.wait()

    def close(self) -> None:
        """End all nodes and remove their directories."""
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)


def _free_ports(count: int) -> int:
    """Return the first port of a stretch that nobody listens in."""
    starts = range(_FIRST_PORT, _LAST_PORT, _PORTS_STEP)
    # not the first free one: others on this machine look for ports, too
    first = secrets.randbelow(len(starts))
    for start in (*starts[first:], *starts[:first]):
        if all(_free(start + offset + index)
               for offset in (0, 100) for index in range(count)):
            return start
    raise errors.Busy('There are no free ports for the nodes.')


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', port))
        except OSError:
            return False
    return True
