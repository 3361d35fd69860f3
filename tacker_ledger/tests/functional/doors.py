# SPDX-License-Identifier: Apache-2.0
"""Clients of real doors, one or a thousand, for functional tests."""

import asyncio
import contextlib
import pathlib
import ssl
import subprocess
import sys
import time

from tacker_ledger.core.crypto import providers
from tacker_ledger.core.ledger import light_client
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core.ledger import trusted_state
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import federation
from tacker_ledger.transport import client

READY_SECONDS = 60.0


def connect(members: federation.Federation, nodes=None,
            **more) -> client.LedgerClient:
    """Return a client of some nodes.

    :param nodes: (url, member) pairs; None: all doors of the federation
    """
    return client.LedgerClient(
        [(url, index) for index, url in enumerate(members.urls())]
        if nodes is None else nodes, members.genesis,
        ca_pem=members.ca_file.read_text(), **more)


def judge(members: federation.Federation) -> light_client.LightClient:
    """Return a light client which knows genesis."""
    provider = providers.default()
    return light_client.LightClient(
        provider, trusted_state.TrustedState.bootstrap(
            provider, members.genesis.chain_id,
            members.genesis_file.read_bytes()))


def proven_history(asked: client.LedgerClient,
                   light: light_client.LightClient, key: bytes, **more):
    """Return the transactions of a history, everything checked."""
    reply = asked.state([key], **more)
    head, ((_key, value, proof),) = reply.body
    certified = light.accept_head(*head)
    light.check_state(certified, key, value, proof)
    record = state_records.PairRecord.from_bytes(value)
    entries = []
    while len(entries) < record.count:
        _head, _key, page = asked.history(
            key, after=len(entries), **more).body
        entries += page
    return light.check_history(0, state_records.EMPTY_HEAD,
                               entries[:record.count], record.count,
                               record.head)


class Waiter:
    """One kept-alive TLS connection which long-polls."""

    def __init__(self, url: str, context: ssl.SSLContext | None) -> None:
        self._host, _, port = url.rpartition('//')[2].rpartition(':')
        self._port = int(port)
        self._context = context

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection(
            self._host, self._port, ssl=self._context, limit=65536)

    async def ask(self, target: str) -> tuple[int, dict[str, str], bytes]:
        """Send a GET request; return status, headers and body."""
        self._writer.write(f'GET {target} HTTP/1.1\r\nHost: door\r\n\r\n'
                           .encode())
        head = (await self._reader.readuntil(b'\r\n\r\n')).decode()
        status, *lines = head.split('\r\n')
        headers = dict(line.lower().split(': ', 1)
                       for line in lines if line)
        body = await self._reader.readexactly(
            int(headers['content-length']))
        return int(status.split(' ')[1]), headers, body

    def close(self) -> None:
        """Go without a word."""
        self._writer.transport.abort()


@contextlib.asynccontextmanager
async def crowd(url: str, count: int, ca_file: pathlib.Path):
    """Give many connected waiters."""
    context = ssl.create_default_context(cafile=str(ca_file))
    waiters = [Waiter(url, context) for _ in range(count)]
    limit = asyncio.Semaphore(50)

    async def one(waiter: Waiter) -> None:
        async with limit:
            await waiter.open()

    await asyncio.gather(*(one(waiter) for waiter in waiters))
    try:
        yield waiters
    finally:
        for waiter in waiters:
            waiter.close()


def anonymous_memory_bytes(pid: int) -> int:
    """Return the memory of a process that is no mapped file."""
    for line in pathlib.Path(f'/proc/{pid}/status').read_text().split('\n'):
        if line.startswith('RssAnon:'):
            return int(line.split()[1]) * 1024
    raise AssertionError('no RssAnon')


class ApiProcess:
    """A ``tacker-ledger-api`` of one node, on a port of its own."""

    def __init__(self, members: federation.Federation, index: int,
                 port: int) -> None:
        self.url = f'https://127.0.0.1:{port}'
        self.member = index
        self._log = members.home(index) / f'api-{port}.log'
        with open(self._log, 'ab') as log:
            self.process = subprocess.Popen(
                [sys.executable, '-m', 'tacker_ledger.cmd.api',
                 '--config-file', str(members.config_file(index)),
                 '--port', str(port)], cwd=base.CHECKOUT,
                stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True)

    def log(self) -> str:
        """Return what it printed."""
        return self._log.read_text(errors='replace')

    def wait_ready(self, asked: client.LedgerClient) -> None:
        """Return when it answers.

        :param asked: any client of its address
        """
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                asked.status(node=client.Node(self.url, self.member))
                return
            except Exception as error:
                if (self.process.poll() is not None
                        or time.monotonic() > deadline):
                    raise AssertionError(self.log()) from error
            time.sleep(0.1)

    def end(self) -> int:
        """End it with SIGTERM; return the status."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(20)
