# SPDX-License-Identifier: Apache-2.0
"""Changes of a running federation, made as operators make them."""

import configparser
import contextlib
import io
import pathlib
import shutil

from tacker_ledger.cmd import manage
from tacker_ledger.tests.functional import federation


class Changing(federation.Federation):
    """A federation whose members, keys and certificates change.

    Documents are proposed, approved, collected and submitted by the shipped
    commands, here in this process.
    """

    def __init__(self, nodes: int = 4, **options):
        self.documents = 0
        super().__init__(nodes, init=('--suite', 'ed25519'), options={
            'node': {'reload_interval_seconds': 0.3}}, **options)

    def command(self, *arguments: str, status: int = 0) -> str:
        """Run ``tacker-ledger-manage federation``; return what it prints."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            found = manage.main(['federation', *map(str, arguments)])
        if found != status:
            raise federation.NodeFailed(
                f'{arguments}: {found}: {out.getvalue()}{err.getvalue()}')
        return out.getvalue() + err.getvalue()

    @property
    def issuer_key(self) -> pathlib.Path:
        """The issuing key in force at genesis."""
        return self.directory / 'ca' / 'issuer.key'

    def join(self, name: str, newest: pathlib.Path | None = None) -> int:
        """Make a newcomer's directory with certificate; return its index.

        :param newest: document in force, if it is to know whom to ask
        """
        index = self.size
        start = self._ports.start
        home = self.home(index)
        self.command(
            'join', '--name', name, '--genesis', self.genesis_file,
            '--directory', home, '--host', '127.0.0.1', '--suite', 'ed25519',
            '--peer-port', start + index, '--door-port', start + 100 + index,
            '--operator-port', start + 200 + index, '--admission', 'open',
            *(() if newest is None else ('--newest', newest)))
        self.certify(home / f'{name}.member', home / 'node.pem')
        shutil.copy(self.ca_file, home / 'ca.pem')
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(self.config_file(0))
        self.configure(index, {'node': {
            name: parser['node'][name] for name in (
                'reconnect_max_seconds', 'ping_interval_seconds',
                'start_timeout_seconds', 'reload_interval_seconds')}})
        self.size += 1
        return index

    def certify(self, material: pathlib.Path, out: pathlib.Path) -> None:
        """Have the CA certify what public material asks for."""
        self.command('certify', material, '--genesis', self.genesis_file,
                     '--ca', self.directory / 'ca', '--out', out)

    def propose(self, at: int, *arguments: str,
                issuer: pathlib.Path | None = None) -> pathlib.Path:
        """Return the file of the next document, as one node's chain has it.

        :param at: directory index of a node
        """
        self.documents += 1
        out = self.directory / f'proposal-{self.documents}.cbor'
        self.command('propose', '--current', self.data(at), '--issuer-key',
                     issuer or self.issuer_key, '--out', out, *arguments)
        return out

    def approve(self, proposal: pathlib.Path, at: int,
                approvers: list[int]) -> None:
        """Let members approve, each its own copy, and collect them."""
        copies = []
        for index in approvers:
            copy = proposal.with_suffix(f'.{index}')
            keys = [argument for name in ('node.key', 'node.key.next')
                    if (self.home(index) / name).exists()
                    for argument in ('--node-key', self.home(index) / name)]
            self.command('approve', proposal, '--current', self.data(at),
                         '--yes', '--out', copy, *keys)
            copies.append(copy)
        self.command('collect', proposal, *copies, '--current',
                     self.data(at))

    def change(self, at: int, approvers: list[int], *arguments: str,
               issuer: pathlib.Path | None = None) -> int:
        """Put the next document in force; return its epoch."""
        proposal = self.propose(at, *arguments, issuer=issuer)
        self.approve(proposal, at, approvers)
        self.command('submit', proposal, '--data', self.data(at))
        return int(self.status(at)['epoch'])

    def wait_epoch(self, epoch: int, nodes: list[int]) -> None:
        """Wait until nodes act under an epoch."""
        for index in nodes:
            self.wait_until(
                lambda index=index: self.status(index)['epoch'] >= epoch,
                what=f'node {index} is in epoch {epoch}')

    def wait_voting(self, nodes: list[int]) -> None:
        """Wait until nodes vote."""
        for index in nodes:
            self.wait_until(
                lambda index=index: self.status(index)['voting'],
                what=f'node {index} votes')
