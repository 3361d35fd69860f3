# SPDX-License-Identifier: Apache-2.0
"""The demonstration's network: namespaces, wires and real packets.

One namespace holds the ledger nodes; each "cloud" is a namespace with one
VNF, a firewall which forwards between a client and a server namespace::

    nodes ---- management bridge ---- cloud A, cloud B
    client ==== cloud A ==== server        (the service path at first)
    client ==== cloud B ==== server        (the path after the migration)

Everything the lab makes carries its prefix and is removed by ``close``.
Needs root, iproute2 and nftables; without them the demonstration runs on
loopback with the ``file`` applier.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import subprocess
import sys

CLONE_NEWNET = 0x40000000
NODES_ADDRESS = '10.99.0.1'
CLIENT_ADDRESS = '10.60.1.1'
SERVER_ADDRESS = '10.60.2.1'
CLOUDS = {'a': 1, 'b': 2}
# Beside the path there is a measuring line through each cloud, which no
# path switch moves: client .11 to server .11 through A, .12 through B.
SIDE = 10
# What the server answers on, and what the rulesets of the story speak of.
TCP_PORTS = (22, 23, 24, 25, 26, 80, 2222, 8080, 9000)
PROBE = pathlib.Path(__file__).with_name('probe.py')


class LabError(Exception):
    """A part of the lab could not be made; the message names the command."""


def missing_parts() -> list[str]:
    """Names of the parts that a lab with real packets lacks here."""
    missing = [name for name in ('ip', 'nft') if not shutil.which(name)]
    if os.geteuid() != 0:
        missing.insert(0, 'root')
    if not missing and not _namespaces_work():
        missing.append('network namespaces')
    return missing


def _namespaces_work() -> bool:
    """Whether this machine (a container, perhaps) lets us make them."""
    name = 'tl-try-%d' % os.getpid()
    try:
        run('ip', 'netns', 'add', name)
        try:
            run('ip', 'netns', 'exec', name, 'nft', 'list', 'ruleset')
        finally:
            run('ip', 'netns', 'del', name)
    except LabError:
        return False
    return True


def run(*argv: str, check: bool = True, **kwargs) -> str:
    """Run a command, give its output; LabError with its words if it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20,
                          **kwargs)
    if check and done.returncode:
        raise LabError('%s: %s' % (' '.join(argv), done.stderr.strip()))
    return done.stdout


class Lab:
    """Namespaces and wires of the demonstration (see the module's text)."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.namespaces: list[str] = []
        self._probes: dict[str, subprocess.Popen] = {}

    def namespace(self, name: str) -> str:
        """The full name of one of the lab's namespaces."""
        return '%s-%s' % (self.prefix, name)

    def inside(self, name: str) -> list[str]:
        """The argv prefix that runs a command in a namespace."""
        return ['ip', 'netns', 'exec', self.namespace(name)]

    def ip(self, name: str, *argv: str, check: bool = True) -> str:
        """``ip`` in a namespace."""
        return run('ip', '-n', self.namespace(name), *argv, check=check)

    def build(self) -> None:
        """Make every namespace and wire, and start the probes."""
        for name in ('nodes', 'client', 'server', 'cloud-a', 'cloud-b'):
            run('ip', 'netns', 'add', self.namespace(name))
            self.namespaces.append(name)
            self.ip(name, 'link', 'set', 'lo', 'up')
        self.ip('nodes', 'link', 'add', 'br0', 'type', 'bridge')
        self.ip('nodes', 'addr', 'add', NODES_ADDRESS + '/24', 'dev', 'br0')
        self.ip('nodes', 'link', 'set', 'br0', 'up')
        self.ip('client', 'addr', 'add', CLIENT_ADDRESS + '/32', 'dev', 'lo')
        self.ip('server', 'addr', 'add', SERVER_ADDRESS + '/32', 'dev', 'lo')
        for letter, number in CLOUDS.items():
            self._cloud(letter, number)
        self.switch_path('a')
        for name in ('client', 'server'):
            self._start_probe(name)
        self.ask('server', 'listen', list(TCP_PORTS))

    def _wire(self, one: str, one_if: str, one_address: str,
              other: str, other_if: str, other_address: str | None) -> None:
        self.ip(one, 'link', 'add', one_if, 'type', 'veth', 'peer', 'name',
                other_if, 'netns', self.namespace(other))
        self.ip(one, 'addr', 'add', one_address, 'dev', one_if)
        self.ip(one, 'link', 'set', one_if, 'up')
        if other_address:
            self.ip(other, 'addr', 'add', other_address, 'dev', other_if)
        self.ip(other, 'link', 'set', other_if, 'up')

    def _cloud(self, letter: str, number: int) -> None:
        cloud = 'cloud-' + letter
        port = 'mgmt-' + letter
        self._wire(cloud, 'mgmt', '10.99.0.%d/24' % (20 + number),
                   'nodes', port, None)
        self.ip('nodes', 'link', 'set', port, 'master', 'br0')
        for side, third, address in (('client', 10, CLIENT_ADDRESS),
                                     ('server', 20, SERVER_ADDRESS)):
            net = '10.50.%d.' % (third + number)
            self._wire(cloud, side, net + '1/24',
                       side, 'to-' + letter, net + '2/24')
            self.ip(cloud, 'route', 'add', address, 'via', net + '2')
            beside = self._beside(address, number)
            self.ip(side, 'addr', 'add', beside + '/32', 'dev', 'lo')
            self.ip(cloud, 'route', 'add', beside, 'via', net + '2')
            other = SERVER_ADDRESS if side == 'client' else CLIENT_ADDRESS
            self.ip(side, 'route', 'add', self._beside(other, number),
                    'via', net + '1', 'src', beside)
        run(*self.inside(cloud), 'sh', '-c',
            'echo 1 > /proc/sys/net/ipv4/ip_forward')

    @staticmethod
    def _beside(address: str, number: int) -> str:
        return address.rpartition('.')[0] + '.%d' % (SIDE + number)

    def switch_path(self, letter: str) -> None:
        """Send the service path, both directions, through one cloud."""
        for command in self.switch_commands(letter):
            run(*command)

    def switch_commands(self, letter: str) -> list[list[str]]:
        """The two routes that make the service path (client, server)."""
        number = CLOUDS[letter]
        return [
            ['ip', '-n', self.namespace('client'), 'route', 'replace',
             SERVER_ADDRESS, 'via', '10.50.%d.1' % (10 + number),
             'src', CLIENT_ADDRESS],
            ['ip', '-n', self.namespace('server'), 'route', 'replace',
             CLIENT_ADDRESS, 'via', '10.50.%d.1' % (20 + number),
             'src', SERVER_ADDRESS]]

    def path(self) -> str:
        """Which cloud the client's packets to the server pass now."""
        route = self.ip('client', 'route', 'get', SERVER_ADDRESS)
        for letter, number in CLOUDS.items():
            if 'via 10.50.%d.1 ' % (10 + number) in route:
                return letter
        raise LabError('no service path: ' + route)

    # -- observation ------------------------------------------------------
    def _start_probe(self, name: str) -> None:
        self._probes[name] = subprocess.Popen(
            [*self.inside(name), sys.executable, str(PROBE)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, name: str, verb: str, *arguments):
        """One question to the probe process in a namespace."""
        probe = self._probes[name]
        assert probe.stdin and probe.stdout
        probe.stdin.write(json.dumps([verb, *arguments]) + '\n')
        probe.stdin.flush()
        line = probe.stdout.readline()
        if not line:
            raise LabError('the probe in %s is gone' % name)
        return json.loads(line)

    def _ends(self, cloud: str) -> tuple[str, str]:
        if not cloud:
            return CLIENT_ADDRESS, SERVER_ADDRESS
        number = CLOUDS[cloud]
        return (self._beside(CLIENT_ADDRESS, number),
                self._beside(SERVER_ADDRESS, number))

    def passes(self, port: int, cloud: str = '') -> bool:
        """Whether a real TCP connection from client to server succeeds.

        :param cloud: through this one; else along the service path
        """
        return self.ask('client', 'connect', *self._ends(cloud), port)

    def knock(self, port: int) -> None:
        """Send one UDP packet along the service path."""
        self.ask('client', 'datagram', *self._ends(''), port)

    def nft(self, letter: str, *argv: str) -> str:
        """``nft`` inside a cloud (what its kernel enforces right now)."""
        return run(*self.inside('cloud-' + letter), 'nft', *argv, check=False)

    def enter(self, name: str) -> None:
        """Move this process (and children started later) into a namespace.

        Used for the namespace of the nodes, so that the tenant's commands,
        run in this process, reach the nodes as a tenant's host would.
        """
        libc = ctypes.CDLL(None, use_errno=True)
        with open('/var/run/netns/' + self.namespace(name)) as handle:
            if libc.setns(handle.fileno(), CLONE_NEWNET):
                raise LabError('setns: ' + os.strerror(ctypes.get_errno()))

    def close(self) -> None:
        """Remove everything the lab made."""
        for probe in self._probes.values():
            for stream in (probe.stdin, probe.stdout):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()
            probe.terminate()
            probe.wait(10)
        self._probes.clear()
        for name in self.namespaces:
            run('ip', 'netns', 'del', self.namespace(name), check=False)
        self.namespaces.clear()
