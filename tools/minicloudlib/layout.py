# SPDX-License-Identifier: Apache-2.0
"""Where a test cloud keeps its things, its ports and its passwords."""

import contextlib
import fcntl
import json
import os
import pathlib
import secrets
import threading

#: Every address of the cloud.
HOST = '127.0.0.1'

#: Below the range from which the kernel draws ports for outgoing
#: connections (32768), and away from the services' usual ports.
PORTS = {
    'epmd': 4389,
    'rabbitmq': 5692,
    'rabbitmq-distribution': 25692,
    'mariadb': 3326,
    'keystone': 31510,
    'bitcoind': 18453,
    'bitcoind-peers': 18454,
    # nothing listens there until a test starts the operators' API
    'vnf-ledger': 31520,
}


class Layout:
    """The directory of one cloud.

    ``TACKER_LEDGER_MINICLOUD`` names it, ``MINICLOUD_PORT_OFFSET`` shifts
    every port; clouds with different offsets have different directories.
    """

    def __init__(self, environ=os.environ):
        self._drawing = threading.Lock()
        self.offset = int(environ.get('MINICLOUD_PORT_OFFSET') or 0)
        default = pathlib.Path.home() / '.cache' / 'tacker-ledger' / (
            f'minicloud-{self.offset}' if self.offset else 'minicloud')
        self.home = pathlib.Path(
            environ.get('TACKER_LEDGER_MINICLOUD') or default).absolute()
        if len(str(self.home).split()) > 1:
            # mariadb-install-db would break it apart
            raise ValueError(f'the directory of a test cloud may not have '
                             f'blanks in its name: {self.home}')
        for path in (self.home, self.run, self.logs):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def run(self) -> pathlib.Path:
        """What is running now."""
        return self.home / 'run'

    @property
    def logs(self) -> pathlib.Path:
        return self.home / 'logs'

    @property
    def facts_file(self) -> pathlib.Path:
        """How to reach the parts that are up, for tests."""
        return self.home / 'parts.json'

    def data(self, part: str) -> pathlib.Path:
        """What a part keeps from one start to the next."""
        return self.home / 'data' / part

    def etc(self, part: str) -> pathlib.Path:
        """A part's configuration, written anew at every start."""
        path = self.home / 'etc' / part
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def venv(self, name: str) -> pathlib.Path:
        return self.home / 'venvs' / name

    def port(self, name: str) -> int:
        return PORTS[name] + self.offset

    def password(self, name: str) -> str:
        """Return the password of that name, drawn when first asked for."""
        path = self.home / 'passwords.json'
        with self._drawing:  # parts start side by side
            known = read_json(path)
            if name not in known:
                known[name] = secrets.token_hex(16)
                write_private(path, json.dumps(known, indent=2))
        return known[name]

    @contextlib.contextmanager
    def lock(self):
        """Keep others from starting or stopping parts meanwhile."""
        with open(self.home / 'lock', 'w') as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def unused(self):
        """Give whether no test process uses the parts, and keep it so."""
        with open(self.run / 'in-use', 'w') as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True


def read_json(path: pathlib.Path) -> dict:
    """Return what the file holds, nothing when there is none."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return {}


def write_private(path: pathlib.Path, text: str):
    """Replace the file at once, readable by its owner only."""
    fresh = path.with_name(path.name + '.new')
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, 'w') as handle:
        handle.write(text)
    fresh.replace(path)
