# SPDX-License-Identifier: Apache-2.0
"""What is observed: real packets where possible, else files.

Both worlds answer the same questions. ``PacketWorld`` sends packets through
real firewalls in network namespaces; ``FileWorld`` (without root or nft)
reads the files which the ``file`` applier keeps.
"""

import pathlib
import re
import sys

import lab

SWITCH = pathlib.Path(__file__).with_name('switch_path.py')


class PacketWorld:
    """Two clouds with nftables firewalls between a client and a server."""

    kind = 'real packets through nftables in network namespaces'
    applier = 'nftables'
    #: Traffic fills a set of the firewall.
    has_state = True

    def __init__(self, prefix: str, _directory: pathlib.Path) -> None:
        self.lab = lab.Lab(prefix)
        self.host = lab.NODES_ADDRESS

    def build(self) -> None:
        """Make namespaces and wires, and step into the nodes' one."""
        self.lab.build()
        self.lab.enter('nodes')

    def inside(self, cloud: str) -> list[str]:
        """What runs a command inside a cloud's VNF."""
        return self.lab.inside('cloud-' + cloud)

    def outside(self) -> list[str]:
        """What runs a command beside the nodes, for ``--keep``."""
        return self.lab.inside('nodes')

    def options(self, _cloud: str) -> str:
        """Lines for the agent's configuration."""
        return ('nftables_tables = inet baseline,inet firewall,'
                'inet group_policy')

    def target(self, table: str) -> str:
        """The applier's name for one of the story's tables."""
        return 'inet ' + table

    def switch(self) -> list[str]:
        """The arguments of the ``command`` path switch."""
        return [sys.executable, str(SWITCH), self.lab.prefix]

    def path(self) -> str:
        """The cloud which the service path leads through."""
        return self.lab.path()

    def passes(self, port: int, cloud: str = '') -> bool:
        """Whether a TCP connection succeeds along the path (or a cloud)."""
        return self.lab.passes(port, cloud)

    def knock(self) -> None:
        """Let traffic fill the firewall's dynamic set."""
        self.lab.knock(7001)

    def state(self, cloud: str) -> str:
        """The dynamic state that the kernel holds in a cloud."""
        text = self.lab.nft(cloud, 'list', 'set', 'inet', 'firewall',
                            'knocked')
        found = re.search(r'elements = \{([^}]*)\}', text)
        return ' '.join(found.group(1).split()) if found else ''

    def close(self) -> None:
        """Remove everything."""
        self.lab.close()


class FileWorld:
    """The same story on loopback with the ``file`` applier."""

    kind = ('files written by the file applier (root, iproute2 and nftables '
            'would give real packets)')
    applier = 'file'
    #: No traffic passes, so nothing but configuration is to be moved.
    has_state = False
    host = '127.0.0.1'
    _TABLES = ('baseline', 'firewall', 'group_policy')

    def __init__(self, _prefix: str, directory: pathlib.Path) -> None:
        self._directory = directory / 'clouds'

    def build(self) -> None:
        """Make the clouds' directories and lead the path through A."""
        for cloud in lab.CLOUDS:
            (self._directory / cloud).mkdir(parents=True)
        (self._directory / 'path').write_text('a')

    def inside(self, _cloud: str) -> list[str]:
        """Nothing: the agents run beside everything else."""
        return []

    def outside(self) -> list[str]:
        """Nothing, as above."""
        return []

    def options(self, cloud: str) -> str:
        """Lines for the agent's configuration."""
        return '\n'.join(
            'file_target = %s=%s' % (table, self._directory / cloud / table)
            for table in self._TABLES)

    def target(self, table: str) -> str:
        """The applier's name for one of the story's tables."""
        return table

    def switch(self) -> list[str]:
        """The arguments of the ``command`` path switch."""
        return [sys.executable, str(SWITCH), str(self._directory / 'path')]

    def path(self) -> str:
        """The cloud which the service path leads through."""
        return (self._directory / 'path').read_text()

    def _files(self, cloud: str) -> str:
        return ''.join(path.read_text() for path in sorted(
            (self._directory / (cloud or self.path())).iterdir()))

    def passes(self, port: int, cloud: str = '') -> bool:
        """What a firewall with these rules would do."""
        return 'tcp dport %d drop' % port not in self._files(cloud)

    def close(self) -> None:
        """Leave the files: they lie in the demonstration's directory."""
