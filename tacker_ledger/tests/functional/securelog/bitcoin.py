# SPDX-License-Identifier: Apache-2.0
"""Bitcoin nodes of a test's own, on a chain that nobody else mines."""

import contextlib
import pathlib
import subprocess
import time

from tacker_ledger.bitcoin import rpc
from tacker_ledger.bitcoin import spender
from tacker_ledger.core import errors
from tacker_ledger.tests.functional import federation

REGTEST = rpc.Chain('regtest', rpc.NETWORKS['regtest'][0])
TERMS = spender.Terms(
    fee_rate_min=1.0, fee_rate_max=50.0, fee_target_blocks=6,
    chain_value_satoshi=1000, low_balance_anchors=10, final_depth=3)
START_SECONDS = 60.0


class Node:
    """A regtest node with a directory and a port of its own.

    :param part: what ``require_part('bitcoind')`` returned
    :param directory: a new one
    """

    def __init__(self, part: dict, directory: pathlib.Path):
        self._program = part['program']
        self._directory = directory
        self._ports = federation.PortRange(1)
        self.port = self._ports.start
        self.cookie = directory / 'regtest' / '.cookie'
        self.url = f'http://127.0.0.1:{self.port}'
        self.client = rpc.Client(self.url, cookie_file=str(self.cookie),
                                 timeout_seconds=20)
        self._process = None
        self._address = None

    def start(self, *arguments: str, wait: bool = True):
        """Start it, and wait until it answers."""
        with open(self._directory / 'log', 'ab') as log:
            self._process = subprocess.Popen(
                [*self._program, f'-datadir={self._directory}', '-regtest',
                 '-server', '-txindex=1', '-listen=0', '-dnsseed=0',
                 '-rpcbind=127.0.0.1', '-rpcallowip=127.0.0.1',
                 f'-rpcport={self.port}', '-debuglogfile=0',
                 '-printtoconsole=1', '-fallbackfee=0.00001', *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if wait:
            self.wait()

    def wait(self):
        """Wait until it answers."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.client.call('uptime')
                return
            except errors.BitcoinFailed as exc:
                if (not exc.passing or time.monotonic() > deadline
                        or self._process.poll() is not None):
                    raise AssertionError(
                        (self._directory / 'log').read_text()[-2000:]
                    ) from exc
            time.sleep(0.05)

    def stop(self):
        """End it, as an operator would."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def close(self):
        """End it and give its port back."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._ports.close()

    def wallet(self, terms: spender.Terms = TERMS,
               name: str = 'anchors') -> spender.Spender:
        """Return a spender whose wallet is open."""
        one = spender.Spender(self.client, name, REGTEST, terms)
        one.open(create=True)
        return one

    def mine(self, blocks: int = 1) -> list[str]:
        """Find blocks; nobody gets their coins."""
        if self._address is None:
            self._address = self.client.call(
                'getdescriptorinfo', 'raw(51)')['descriptor']
        return self.client.call('generatetodescriptor', blocks,
                                self._address)

    def fund(self, one: spender.Spender):
        """Mine a coin for the wallet, and bury it until it can be spent."""
        self.client.call('generatetoaddress', 1, one.address())
        self.mine(100)

    def mine_empty(self) -> str:
        """Find a block that takes in nothing that waits."""
        return self.client.call('generateblock', 'raw(51)#8lvh9jxk', [])[
            'hash']


def node(test, *arguments: str) -> Node:
    """Return a node that runs, for one test."""
    one = Node(test.require_part('bitcoind'), test.make_directory())
    test.addCleanup(one.close)
    one.start(*arguments)
    return one
