# SPDX-License-Identifier: Apache-2.0
"""Who plays: a federation, a tenant, a vendor, two VNFs and a lying node."""

import os
import pathlib

import agents
import flow
import processes
import tenant
import world

PLACES = {'fw-a': 'a', 'fw-b': 'b'}
LIAR = 3
HONEST = 1


class Stage:
    """Everything that runs during the demonstration.

    :param a_world: what is observed
    :param directory: where everything lies
    :param say: shows a line
    """

    def __init__(self, a_world: 'world.PacketWorld | world.FileWorld',
                 directory: pathlib.Path, say) -> None:
        self.world = a_world
        self.directory = directory
        self.say = say
        self.federation = processes.Federation(directory / 'federation',
                                               a_world.host)
        self.tenant = tenant.Hand(directory / 'tenant', say)
        self.vendor = tenant.Hand(directory / 'vendor', say)
        self.agents: dict[str, agents.Agent] = {}
        self.liar = processes.LyingNode(
            self.federation, LIAR, HONEST,
            '%s:%d' % (a_world.host, processes.BASE_PORT + 300))
        #: What later chapters need of earlier ones, by name.
        self.cids: dict[str, str] = {}
        #: Accepted while a leader was killed, and which one that was.
        self.flowed: list = []
        self.killed = 0

    def set(self, observed: dict) -> None:
        """Start the nodes, make both parties' keys and let them write."""
        os.environ['no_proxy'] = self.world.host
        self.world.build()
        self.say(self.federation.initialise())
        self.federation.start()
        files = self.federation.directory
        for hand, name in ((self.tenant, 'tenant'), (self.vendor, 'vendor')):
            hand.run('init', '--federation', str(files / 'federation.cbor'),
                     '--ca', str(files / 'ca' / 'ca.pem'))
            key = hand.run('key', 'create', name)
            assert isinstance(key, dict)
            # Only enrolled keys may write: an operator lets these two in.
            hand.run('enrolment', 'create', '--key-id', key['key_id'],
                     '--label', name,
                     endpoint=self.federation.operator(0))
        observed['nodes'] = [self.federation.status(index)['name']
                             for index in range(self.federation.size)]
        observed['chain'] = self.federation.status(0)['chain_id']

    def write(self, name: str, text: str) -> str:
        """Write a file of a party's; give its path."""
        path = self.directory / name
        path.write_text(text)
        return str(path)

    def start_vnf(self, name: str) -> agents.Agent:
        """Start a VNF with its bootstrap document, as a cloud would."""
        cloud = PLACES[name]
        agent = agents.Agent(
            name, self.directory / name, self.world.inside(cloud),
            self.world.applier, self.world.options(cloud))
        self.tenant.run(
            'vnf', 'bootstrap', '--instance', name, '--interval', '1',
            '--reference-key', self._vendor_key(),
            '--output', str(agent.bootstrap), silent=True)
        agent.start()
        self.agents[name] = agent
        return agent

    def flow(self) -> flow.Flow:
        """Return a writer that hands the vendor's templates to all nodes."""
        return flow.Flow(self.vendor.directory, 'vendor', [
            self.federation.door(index)
            for index in range(self.federation.size)])

    def _vendor_key(self) -> str:
        path = self.directory / 'vendor.pub'
        if not path.exists():
            self.vendor.run('key', 'export', 'vendor', '--output', str(path),
                            silent=True)
        return str(path)

    def passing(self, cloud: str, ports) -> dict:
        """Which of these TCP ports let packets through."""
        return {port: self.world.passes(port, cloud) for port in ports}

    def wait_ports(self, cloud: str, wanted: dict, seconds: float = 60
                   ) -> float:
        """Wait until packets behave as wanted; give the seconds."""
        return processes.wait_for(
            'packets through %s: wanted %s' % (cloud or 'the path', wanted),
            seconds, lambda: self.passing(cloud, wanted) == wanted)

    def commands(self) -> list[str]:
        """Commands to play with while everything is left running."""
        openstack = [*self.world.outside(),
                     str(processes.BIN / 'openstack'),
                     '--os-auth-type', 'none',
                     '--ledger-dir', str(self.tenant.directory),
                     'vnf', 'ledger']
        start = ' '.join(openstack)
        return ['Try:', *('  %s %s' % (start, words) for words in (
            'node list', 'node show node-0', 'vnf list', 'configuration list',
            'configuration history ' + self.cids.get('firewall', 'CID'),
            'transaction list', 'receipt list fw-b')),
            '  tail -f %s' % (self.directory / 'fw-b' / 'agent.log')]

    def show_logs(self) -> None:
        """Show the ends of the logs, after a failure."""
        for process in (*self.federation.nodes,
                        *(agent.process for agent in self.agents.values())):
            self.say('--- %s' % process.name)
            for line in process.tail().splitlines()[-8:]:
                self.say(line)

    def strike(self) -> None:
        """Stop and remove everything."""
        self.liar.stop()
        for agent in self.agents.values():
            agent.process.stop()
        self.federation.stop()
        self.world.close()
