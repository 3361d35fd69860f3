# SPDX-License-Identifier: Apache-2.0
"""Real parts for tests: a broker, a database server, Keystone, Bitcoin.

Each function returns how to reach its part, which ``tools/minicloud`` starts
when it is not up.  Variables of the environment point the tests at parts
which run elsewhere instead:

``TACKER_LEDGER_TEST_TRANSPORT_URL``
    of a RabbitMQ
``TACKER_LEDGER_TEST_DATABASE_URL``
    of a database server, with ``{database}`` in the place of the name
"""

import fcntl
import functools
import json
import os
import pathlib
import subprocess
import sys

from tacker_ledger.tests import base

MINICLOUD = base.CHECKOUT / 'tools' / 'minicloud'
START_SECONDS = 600
_EXIT_MISSING = 77

# Looked up when the process starts: tests may change HOME.
_ENVIRON = {'HOME': os.environ.get('HOME', '/'),
            **{name: value for name, value in os.environ.items()
               if name.startswith(('TACKER_LEDGER_', 'MINICLOUD_'))}}


class Missing(Exception):
    """A part cannot be had on this machine."""

    def __init__(self, part: str, reason: str):
        super().__init__(f'{part}: {reason}')
        self.part = part
        self.reason = reason


@functools.cache
def _in_use(home: pathlib.Path):
    """Keep ``minicloud release`` away for as long as this process lives."""
    handle = open(home / 'run' / 'in-use', 'w')  # noqa: SIM115
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def _home() -> pathlib.Path:
    done = subprocess.run(
        [sys.executable, str(MINICLOUD), 'home'], check=True, text=True,
        capture_output=True, env={**os.environ, **_ENVIRON})
    return pathlib.Path(done.stdout.strip())


def _start(name: str) -> dict:
    if not MINICLOUD.exists():
        raise Missing(name, f'{MINICLOUD} is not here')
    home = _home()
    _in_use(home)
    done = subprocess.run(
        [sys.executable, str(MINICLOUD), 'up', '--for-tests', name],
        env={**os.environ, **_ENVIRON}, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=START_SECONDS)
    if done.returncode == _EXIT_MISSING:
        raise Missing(name, done.stdout.strip().splitlines()[-1])
    if done.returncode:
        raise RuntimeError(f'minicloud could not start {name}:\n'
                           + done.stdout)
    return json.loads((home / 'parts.json').read_text())[name]


@functools.cache
def rabbitmq() -> dict:
    """Return ``transport_url`` for oslo.messaging."""
    url = _ENVIRON.get('TACKER_LEDGER_TEST_TRANSPORT_URL')
    return {'transport_url': url} if url else _start('rabbitmq')


@functools.cache
def mariadb() -> dict:
    """Return ``url_pattern``; the account in it may create databases."""
    url = _ENVIRON.get('TACKER_LEDGER_TEST_DATABASE_URL')
    return {'url_pattern': url} if url else _start('mariadb')


@functools.cache
def keystone() -> dict:
    """Return ``auth_url``, ``region`` and the accounts.

    ``admin``, ``service``, ``auditor`` (role reader) and ``tenant`` (role
    member) are keyword arguments of keystoneauth1's ``v3.Password``.
    ``service_url`` is what the catalogue says about the operators' API: a
    test that serves it binds there.
    """
    return _start('keystone')


@functools.cache
def bitcoind() -> dict:
    """Return ``url`` and ``cookie_file`` of a Bitcoin node on regtest.

    All tests share it. ``program`` are the words that start such a node:
    a test which undoes blocks or stops the node starts one of its own.
    """
    return _start('bitcoind')


BY_NAME = {'rabbitmq': rabbitmq, 'mariadb': mariadb, 'keystone': keystone,
           'bitcoind': bitcoind}
