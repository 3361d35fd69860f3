# SPDX-License-Identifier: Apache-2.0
"""Nodes inside a test's own loop: real stores, real TLS, no doors."""

import asyncio
from collections.abc import Callable
import configparser
import contextlib
import dataclasses
import pathlib
import time

from tacker_ledger.cmd import manage
from tacker_ledger import conf as conf_module
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.node import identity
from tacker_ledger.node import indexing
from tacker_ledger.node import service
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional import federation


class Nodes:
    """Members of one federation, made in a directory.

    :param directory: new
    :param count: how many
    """

    def __init__(self, directory: pathlib.Path, count: int,
                 heartbeat_seconds: float = 60.0):
        self.directory = directory
        self.count = count
        self._ports = federation.PortRange(count)
        with contextlib.redirect_stdout(None):
            assert manage.main([
                'federation', 'init', '--nodes', str(count), '--directory',
                str(directory), '--base-port', str(self._ports.start),
                '--heartbeat-seconds', str(heartbeat_seconds), '--suite',
                'ed25519', '--admission', 'open']) == 0
        self.running: dict[int, service.Node] = {}

    def close(self) -> None:
        """Give the ports back."""
        self._ports.close()

    def make(self, index: int, **options) -> service.Node:
        """Return a node that is not started.

        :param options: of group node
        """
        path = self.directory / f'node-{index}' / 'tacker-ledger.conf'
        parser = configparser.ConfigParser()
        parser.read(path)
        options = {'reconnect_max_seconds': 0.1, 'start_timeout_seconds': 0.2,
                   'ping_interval_seconds': 0.2, 'fsync': False, **options}
        for name, value in options.items():
            parser.set('node', name, str(value))
        with open(path, 'w') as file:
            parser.write(file)
        conf = conf_module.make_conf(
            ['--config-file', str(path)],
            register=(indexing.register_options,))
        return service.Node(conf, identity.load(conf))

    def successor(self, before: federation_module.Federation,
                  **parameters) -> federation_module.SignedFederation:
        """Return a document with other parameters, approved by all."""
        provider = providers.default()
        issuer = provider.load_private(
            (self.directory / 'ca' / 'issuer.key').read_bytes())
        pairs = [provider.load_private(
            (self.directory / f'node-{index}' / 'node.private').read_bytes())
            for index in range(self.count)]
        document = dataclasses.replace(
            before.document, epoch=before.epoch + 1,
            predecessor=before.digest, parameters=dataclasses.replace(
                before.parameters, **parameters))
        signed = federation_module.issue(issuer, document, before.chain_id)
        h = hashing.hasher(before.chain_id)
        return signed.with_approvals(
            federation_module.approve(h, pair, signed, side, index)
            for side in (federation_module.SIDE_PREDECESSOR,
                         federation_module.SIDE_OWN)
            for index, pair in enumerate(pairs))

    async def start(self, *indices: int, **options) -> list[service.Node]:
        """Start nodes, all at once."""
        made = [self.make(index, **options) for index in indices]
        self.running.update(zip(indices, made, strict=True))
        await asyncio.gather(*(node.start() for node in made))
        if len(self.running) >= made[0].application.federation.quorum:
            await self.until(lambda: all(node.voting.has_quorum()
                                         for node in made))
        return made

    async def stop(self, *indices: int) -> None:
        """Stop nodes; all without arguments."""
        for index in indices or list(self.running):
            await self.running.pop(index).stop()

    async def until(self, condition: Callable[[], bool],
                    timeout_seconds: float = 30.0) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + timeout_seconds
        while not condition():
            assert time.monotonic() < deadline, 'not in time'
            await asyncio.sleep(0.005)

    async def committed(self, *written: authors.Written) -> None:
        """Wait until all running nodes have transactions."""
        await self.until(lambda: all(
            node.query.place(one.txid) is not None
            for node in self.running.values() for one in written))
