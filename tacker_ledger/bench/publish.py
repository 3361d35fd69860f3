# SPDX-License-Identifier: Apache-2.0
"""From a tenant's publishing to the configuration in force in a VNF.

A real agent long-polls real nodes.  The clock runs from before the tenant
seals and signs until the file that the agent's file applier writes has the
new content; so the client's cost is in this one figure, as a tenant sees
it.  One configuration is under way at a time.
"""

import dataclasses
import pathlib
import secrets
import subprocess
import sys
import tempfile
import time

from tacker_ledger.bench import cluster as cluster_module
from tacker_ledger.bench import load as load_module
from tacker_ledger.core.configuration import bootstrap
from tacker_ledger.core.configuration import console_block
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.transport import client as client_module

_START_SECONDS = 60.0
_APPLY_SECONDS = 30.0
_LOOK_SECONDS = 0.001
_BETWEEN_SECONDS = 0.3
#: Pause between two polls: none, one long-poll follows another.
_INTERVAL_SECONDS = 0.05
_TARGET = 'firewall'


@dataclasses.dataclass(frozen=True, slots=True)
class Publish:
    """Configurations published one after another.

    :param nodes: members
    :param size: bytes of each configuration
    :param seconds: from publishing to applied, each
    """

    nodes: int
    size: int
    seconds: tuple[float, ...]


class _Vnf:
    """An agent's process and what it writes."""

    def __init__(self, root: pathlib.Path, document: bootstrap.Bootstrap
                 ) -> None:
        self.target = root / _TARGET
        self._console = root / 'console'
        self._log = root / 'log'
        (root / 'bootstrap.json').write_text(document.to_json())
        (root / 'agent.conf').write_text('\n'.join((
            '[vnf_client]', f'bootstrap_file = {root}/bootstrap.json',
            f'state_directory = {root}/state', f'console = {self._console}',
            f'file_target = {_TARGET}={self.target}', 'appliers = file',
            f'suite = {load_module.SUITE}', '')))
        with self._log.open('ab') as log:
            self.process = subprocess.Popen(
                [sys.executable, '-m', 'tacker_ledger.cmd.vnf_client',
                 '--config-file', str(root / 'agent.conf')],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def key_block(self) -> str | None:
        """Return the block with its keys once the console shows it."""
        if self._console.exists():
            found = console_block.find(self._console.read_text())
            if found:
                return found[0]
        return None

    def wait(self, data: bytes) -> None:
        """Return when the target has this content."""
        deadline = time.monotonic() + _APPLY_SECONDS
        while True:
            try:
                if self.target.read_bytes() == data:
                    return
            except FileNotFoundError:
                pass
            self.check(deadline)
            time.sleep(_LOOK_SECONDS)

    def check(self, deadline: float) -> None:
        """Raise if it has ended, or the time is over."""
        if self.process.poll() is not None or time.monotonic() > deadline:
            raise errors.Timeout('The agent did not apply: '
                                 + self._log.read_text()[-2000:])

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def measure(cluster: cluster_module.Cluster, *, count: int, size: int
            ) -> Publish:
    """Publish ``count`` configurations of ``size`` bytes.

    :raises LedgerError: one was not applied
    """
    provider = providers.default()
    tenant = provider.generate(
        suite_module.by_name(load_module.SUITE).number)
    client = client_module.LedgerClient(
        [(url, index) for index, url in enumerate(
            member.door_url for member in cluster.genesis.members)],
        cluster.genesis,
        ca_pem=pathlib.Path(cluster.ca_file).read_text())
    with tempfile.TemporaryDirectory(prefix='ledger-bench-') as directory:
        vnf = _Vnf(pathlib.Path(directory), _document(cluster, tenant))
        try:
            block = console_block.parse(cluster.h, provider, _shown(vnf))
            return Publish(cluster.size, size, tuple(
                _publish(cluster, client, tenant, block.vnf_key, vnf,
                         secrets.token_bytes(size))
                for _ in range(count)))
        finally:
            vnf.close()
            client.close()


def _shown(vnf: _Vnf) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        block = vnf.key_block()
        if block is not None:
            return block
        vnf.check(deadline)
        time.sleep(0.05)


def _document(cluster: cluster_module.Cluster,
              tenant: suite_module.KeyPair) -> bootstrap.Bootstrap:
    assert cluster.h.chain_id is not None
    header = block_module.genesis_header(cluster.h, cluster.genesis)
    return bootstrap.Bootstrap(
        chain_id=cluster.h.chain_id,
        federation=(cluster.directory / 'federation.cbor').read_bytes(),
        floor=bootstrap.Floor(0, header.digest(cluster.h),
                              header.timestamp_ms),
        nodes=tuple(bootstrap.Node(member.door_url, index) for index, member
                    in enumerate(cluster.genesis.members)),
        ca=pathlib.Path(cluster.ca_file).read_text(),
        commanders=(tenant.document,), references=(),
        allow_unpinned_references=False, recovery_key_id=None,
        interval_seconds=_INTERVAL_SECONDS, instance_uuid='benchmark')


def _publish(cluster: cluster_module.Cluster,
             client: client_module.LedgerClient,
             tenant: suite_module.KeyPair,
             recipient: suite_module.KeyDocument, vnf: _Vnf, data: bytes
             ) -> float:
    """Publish one configuration; return seconds until it is applied."""
    time.sleep(_BETWEEN_SECONDS)
    began = time.monotonic()
    one = authoring.author_configuration(
        cluster.h, providers.default(), tenant, vid=1, recipient=recipient,
        payload=payload.Configuration('file', _TARGET, data),
        timestamp_ms=time.time_ns() // 1_000_000,
        nonce=secrets.token_bytes(16), content_key=secrets.token_bytes(32)
        ).transaction
    reply = client.submit([transaction_module.Submission(one.raw).to_bytes()])
    _txid, code, text = reply.body[0]
    if code is not None:
        raise errors.LedgerError(f'A configuration is refused: {text}')
    vnf.wait(data)
    return time.monotonic() - began
