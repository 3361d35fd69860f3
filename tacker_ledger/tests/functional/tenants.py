# SPDX-License-Identifier: Apache-2.0
"""A tenant with the real command line, and agents for its VNFs."""

import contextlib
import io
import json
import logging
import os
import pathlib
import subprocess
import sys
import time
from typing import Any

from openstackclient import shell

from tacker_ledger.core.configuration import bootstrap
from tacker_ledger.tenant_client import client as client_module
from tacker_ledger.tests.functional import agent_process
from tacker_ledger.tests.functional import federation as federation_module

COMMAND_SECONDS = 120


class Refused(AssertionError):
    """A command ended with another status than was expected."""


class Tenant:
    """One tenant's directory and its commands.

    Commands run in the shell of ``openstack`` within this process, which
    spares a second of start-up each, or as processes of their own.

    :param root: a directory of the test's
    :param members: the federation it belongs to
    :ivar process: run commands as processes
    """

    def __init__(self, root: pathlib.Path,
                 members: federation_module.Federation):
        self.root = root
        self.members = members
        self.directory = root / 'tenant'
        self.process = False
        root.mkdir(parents=True, exist_ok=True)

    def run(self, *words: str, stdin: str = '', nodes: str = '',
            auth: tuple[str, ...] = ('--os-auth-type', 'none'),
            environment: dict[str, str] | None = None
            ) -> subprocess.CompletedProcess[str]:
        """Run ``openstack ... vnf ledger WORDS``."""
        arguments = [*auth, *(('--os-vnf-ledger-nodes', nodes)
                              if nodes else ()), 'vnf', 'ledger', *words]
        # The shell keeps its first client: another endpoint, another one.
        if not (self.process or stdin or environment
                or '--os-endpoint' in auth):
            return _in_shell(['--ledger-dir', str(self.directory),
                              *arguments])
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith('OS_')}
        return subprocess.run(
            [str(pathlib.Path(sys.executable).with_name('openstack')),
             *arguments], input=stdin, text=True, capture_output=True,
            timeout=COMMAND_SECONDS, cwd=self.root,
            env={**clean, 'HOME': str(self.root),
                 'TACKER_LEDGER_HOME': str(self.directory),
                 **(environment or {})})

    def text(self, *words: str, **options: Any) -> str:
        """Run a command that must succeed; return what it printed."""
        done = self.run(*words, **options)
        if done.returncode:
            raise Refused(f'{words}: {done.returncode}\n{done.stdout}'
                          f'{done.stderr}')
        return done.stdout

    def __call__(self, *words: str, **options: Any) -> Any:
        """The same for a command that shows something; parsed."""
        return json.loads(self.text(*words, '-f', 'json', **options))

    def refused(self, *words: str, **options: Any) -> str:
        """Run a command that must fail; return its error's code."""
        done = self.run(*words, **options)
        if done.returncode != 1 or done.stdout:
            raise Refused(f'{words}: {done.returncode}\n{done.stdout}'
                          f'{done.stderr}')
        return done.stderr.strip().splitlines()[-1].partition(':')[0]

    def operator(self, *words: str, **options: Any) -> Any:
        """Run a command at the operator door of node 0."""
        return self(*words, auth=(
            '--os-auth-type', 'none', '--os-endpoint',
            self.members.operator_url(0)), **options)

    def init(self, key: str = 'alice', *options: str) -> None:
        """Make the profile and an enrolled key."""
        self('init', '--federation-directory', str(self.members.directory),
             *options)
        made = self('key', 'create', key)
        self.members.enrol(bytes.fromhex(made['key_id']))

    def register(self, vnf: 'Vnf') -> 'Vnf':
        """Register an agent's VNF; return it."""
        with self.library() as tenant:
            text = pathlib.Path(vnf.wait_console()).read_text()
            tenant.vnfs.register(vnf.name, [text])
            tenant.vnfs.welcome(vnf.name, tenant.keys.choose(None))
        return vnf

    def receipts(self, vnf: str) -> list[tuple[str, str, int]]:
        """Return outcome, code and VID of a VNF's receipts."""
        with self.library() as tenant:
            return [(one.payload.outcome.name.lower(), one.payload.code,
                     one.payload.vid)
                    for one in tenant.receipts.list_all(
                        tenant.vnfs.find(vnf), tenant.keys.choose(None))]

    def library(self) -> client_module.TenantClient:
        """Return the tenant client in this process, for quick steps."""
        return client_module.TenantClient.open(self.directory)

    def file(self, name: str, data: str | bytes) -> str:
        """Return the path of a file with this content."""
        path = self.root / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return str(path)


def _in_shell(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    out, err = io.StringIO(), io.StringIO()
    level = logging.getLogger().level
    handlers = list(logging.getLogger().handlers)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = shell.OpenStackShell().run(arguments)
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
    return subprocess.CompletedProcess(arguments, status, out.getvalue(),
                                       err.getvalue())


class Vnf(agent_process.AgentProcess):
    """An agent whose file applier has the targets ``rules`` and ``base``.

    Content with the word ``broken`` is written, then fails to load.

    :param tenant: makes its bootstrap document
    """

    def __init__(self, tenant: Tenant, name: str, *bootstrap_options: str):
        root = tenant.root / f'vnf-{name}'
        (root / 'etc').mkdir(parents=True)
        self.name = name
        text = tenant.text('vnf', 'bootstrap', '--instance', f'uuid-{name}',
                           '--interval', '0.3', *bootstrap_options)
        reload = root / 'reload'
        reload.write_text('#!/bin/sh\n! grep -q broken "$1"\n')
        reload.chmod(0o755)
        super().__init__(root, bootstrap.parse(text), sys.executable, (
            f'file_target = rules={root}/etc/rules',
            f'file_target = base={root}/etc/base',
            f'file_reload = rules={reload} {root}/etc/rules',
            'appliers = file', 'suite = rsa2048',
            'console_interval_minutes = 0.05'))

    def file(self, target: str) -> pathlib.Path:
        """Return what the applier writes for a target."""
        return self.root / 'etc' / target

    def wait_console(self, seconds: float = 60) -> str:
        """Return the path of the console once it shows the key block."""
        wait_until(lambda: self.console.exists()
                   and '-----END' in self.console.read_text(), seconds,
                   f'{self.name} shows its key', self.output)
        return str(self.console)

    def wait_file(self, target: str, data: bytes | None,
                  seconds: float = 60) -> None:
        """Wait until a target has a content; None: until it is gone."""
        path = self.file(target)
        wait_until(lambda: (path.read_bytes() if path.exists() else None)
                   == data, seconds,
                   f'{self.name} has the right {target}', self.output)


def wait_until(condition, seconds: float, what: str, details=str) -> None:
    """Wait for a condition; say what did not become true."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError(
                f'not within {seconds} s: {what}\n{details()[-4000:]}')
        time.sleep(0.05)
