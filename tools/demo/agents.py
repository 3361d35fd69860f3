# SPDX-License-Identifier: Apache-2.0
"""The VNFs' agents as processes, with what an operator sees of them."""

import json
import pathlib
import re

import processes

_CONF = """\
[DEFAULT]
debug = false
[vnf_client]
bootstrap_file = {home}/bootstrap.json
state_directory = {home}/state
console = {home}/console.txt
console_interval_minutes = 1
wait_seconds = 20
second_node_polls = 3
receipt_delay_max_seconds = 0.3
appliers = {applier}
{options}
"""


class Agent:
    """One VNF's agent.

    :param name: of the VNF
    :param home: its directory
    :param prefix: what runs a command inside the VNF
    :param applier: the applier it may use
    :param options: further lines of its configuration
    """

    def __init__(self, name: str, home: pathlib.Path, prefix: list[str],
                 applier: str, options: str) -> None:
        self.name = name
        self.home = home
        home.mkdir()
        (home / 'agent.conf').write_text(_CONF.format(
            home=home, applier=applier, options=options))
        self._mark = 0
        self.process = processes.Process(
            name, [*prefix, str(processes.BIN / 'tacker-ledger-agent'),
                   '--config-file', str(home / 'agent.conf')],
            home / 'agent.log')

    @property
    def console(self) -> pathlib.Path:
        """The file that stands for the VNF's console."""
        return self.home / 'console.txt'

    @property
    def bootstrap(self) -> pathlib.Path:
        """What the orchestrator hands to the VNF."""
        return self.home / 'bootstrap.json'

    def start(self) -> None:
        """Start it and wait for its key on the console."""
        self.process.start()
        processes.wait_for(
            'the key block of %s\n%s' % (self.name, self.process.tail()),
            20, self._printed)

    def _printed(self) -> bool:
        if not self.process.alive():
            raise processes.ProcessError(
                '%s ended:\n%s' % (self.name, self.process.tail()))
        return (self.console.exists()
                and 'END TACKER LEDGER VNF KEY' in self.console.read_text())

    def restart(self) -> None:
        """Stop it and start it again; only what it says then counts."""
        self.process.stop()
        self._mark = self.process.log.stat().st_size
        self.start()

    def ask_only(self, nodes: list[tuple[str, int]]) -> None:
        """Give it other nodes (URL, member) from its next start on."""
        document = json.loads(self.bootstrap.read_text())
        document['nodes'] = [{'url': url, 'member': member}
                             for url, member in nodes]
        self.bootstrap.write_text(json.dumps(document, indent=1))

    def evidence(self) -> set[str]:
        """Names of the records it holds of answers it refused."""
        return {path.name for path in
                (self.home / 'state' / 'evidence').glob('*')}

    def said(self, what: re.Pattern) -> str:
        """The newest that its log says of this (the pattern's group)."""
        log = self.process.log.read_text(errors='replace')[self._mark:]
        found = what.findall(log)
        return found[-1] if found else ''

    def listening_sockets(self) -> list[str]:
        """What its process listens on (TCP, UDP without a peer)."""
        inodes = set()
        for link in pathlib.Path('/proc/%d/fd' % self.process.pid).iterdir():
            try:
                target = str(link.readlink())
            except OSError:
                continue
            if target.startswith('socket:['):
                inodes.add(target[8:-1])
        found = []
        for table in ('tcp', 'tcp6', 'udp', 'udp6'):
            path = pathlib.Path('/proc/%d/net/%s' % (self.process.pid, table))
            for line in path.read_text().splitlines()[1:]:
                fields = line.split()
                if fields[9] in inodes and fields[3] in ('0A', '07'):
                    found.append('%s %s' % (table, fields[1]))
        return found
