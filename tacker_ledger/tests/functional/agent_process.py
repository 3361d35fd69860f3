# SPDX-License-Identifier: Apache-2.0
"""The agent as a process, beside a simulated federation on loopback."""

import base64
import dataclasses
import os
import pathlib
import signal
import subprocess
import threading
import time

from tacker_ledger.core.configuration import bootstrap
from tacker_ledger.tests import door_simulator
from tacker_ledger.tests import ledger_simulator

_TCP_LISTEN = '0A'
#: Flag of a listening socket in /proc/net/unix (__SO_ACCEPTCON).
_UNIX_LISTEN = 0x10000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Federation:
    """A chain whose blocks come in real time, with doors on loopback."""

    def __init__(self, block_seconds: float = 0.2) -> None:
        self.chain = ledger_simulator.Chain()
        self.doors = door_simulator.Doors(self.chain)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._block_seconds = block_seconds
        self.chain.commit(time_ms=now_ms())
        self._listening = self.doors.listening()
        self.urls = self._listening.__enter__()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while not self._ended.wait(self._block_seconds):
            self.commit()

    def commit(self, *transactions) -> int:
        """Append a block now, with what agents have submitted."""
        with self._lock:
            return self.chain.commit(*transactions,
                                     *self.doors.submitted(),
                                     time_ms=max(now_ms(),
                                                 self.chain.time_ms + 1))

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._listening.__exit__(None, None, None)

    def document(self, commander, **changes) -> bootstrap.Bootstrap:
        """Return a bootstrap document with one commander."""
        genesis = self.chain.blocks[0].block
        return dataclasses.replace(bootstrap.Bootstrap(
            chain_id=self.chain.h.chain_id,
            federation=self.chain.signed.to_bytes(),
            floor=bootstrap.Floor(0, genesis.digest,
                                  genesis.header.timestamp_ms),
            nodes=tuple(bootstrap.Node(url, member)
                        for member, url in enumerate(self.urls)),
            ca='', commanders=(commander,), references=(),
            allow_unpinned_references=False, recovery_key_id=None,
            interval_seconds=0.5, instance_uuid='an-instance'), **changes)


class AgentProcess:
    """A running ``tacker-ledger-agent``.

    :param python: interpreter of the environment it is installed in
    :param options: lines of the group ``[vnf_client]``
    """

    def __init__(self, root: pathlib.Path, document: bootstrap.Bootstrap,
                 python: str, options: tuple[str, ...] = (),
                 environment: dict[str, str] | None = None) -> None:
        self.root = root
        self.console = root / 'console'
        (root / 'bootstrap.json').write_text(document.to_json())
        (root / 'agent.conf').write_text('\n'.join((
            '[vnf_client]', f'bootstrap_file = {root}/bootstrap.json',
            f'state_directory = {root}/state', f'console = {self.console}',
            'receipt_delay_max_seconds = 0.2', 'wait_seconds = 2',
            *options, '')))
        self.log = (root / 'log').open('ab')
        self.process = subprocess.Popen(
            [python, '-m', 'tacker_ledger.cmd.vnf_client', '--config-file',
             str(root / 'agent.conf')], stdout=self.log, stderr=self.log,
            cwd=root, env={**os.environ, **(environment or {})})

    def output(self) -> str:
        """Return what it logged."""
        return (self.root / 'log').read_text()

    def stop(self) -> int:
        """End it with SIGTERM and return its status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def resident_bytes(self, field: str = 'VmRSS') -> int:
        """Return its memory; VmHWM is the most it ever had."""
        status = pathlib.Path(f'/proc/{self.process.pid}/status').read_text()
        (line,) = [line for line in status.splitlines()
                   if line.startswith(field + ':')]
        return int(line.split()[1]) * 1024

    def sockets(self) -> tuple[int, list[str]]:
        """Return how many sockets it has, and those that wait for anybody.
        """
        base = pathlib.Path(f'/proc/{self.process.pid}')
        inodes = set()
        for descriptor in (base / 'fd').iterdir():
            try:
                target = os.readlink(descriptor)
            except FileNotFoundError:
                continue
            if target.startswith('socket:['):
                inodes.add(target[8:-1])
        return len(inodes), [*_inet(base, inodes), *_unix(base, inodes)]


def _inet(base: pathlib.Path, inodes: set[str]) -> list[str]:
    found = []
    for table in ('tcp', 'tcp6', 'udp', 'udp6', 'raw', 'raw6'):
        path = base / 'net' / table
        if not path.exists():
            continue
        for line in path.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes and (
                    not table.startswith('tcp')
                    or fields[3] == _TCP_LISTEN):
                found.append(f'{table} {fields[1]} {fields[3]}')
    return found


def _unix(base: pathlib.Path, inodes: set[str]) -> list[str]:
    found = []
    for line in (base / 'net' / 'unix').read_text().splitlines()[1:]:
        fields = line.split()
        if fields[6] in inodes and int(fields[3], 16) & _UNIX_LISTEN:
            found.append(f'unix {fields[7:]}')
    return found


def encoded(document) -> str:
    """Return a key document as bootstrap documents carry it."""
    return base64.b64encode(document.to_bytes()).decode()
