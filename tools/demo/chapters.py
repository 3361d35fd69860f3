# SPDX-License-Identifier: Apache-2.0
"""The chapters of the demonstration, in their order.

Each takes the stage and a dictionary for what it observed, and raises
:class:`NotSo` when the world is not as it should be.
"""

import contextlib
import re
import signal
import subprocess
import time

import processes
import rulesets
import stage as stage_module

WEB, TELNET, SSH, KNOCKED, PROXY, GROUP = 80, 23, 22, 2222, 8080, 9000
#: Transactions accepted before the leader is killed, and after it.
FLOWING = 20
#: What the three lies of chapter seven try to keep from the VNF.
LIES = {'stale': 24, 'forged-block': 25, 'nothing': 26}


class NotSo(Exception):
    """The world is not as the story says."""


def check(holds: bool, what: str) -> None:
    """Raise NotSo unless it holds."""
    if not holds:
        raise NotSo(what)


def _ruleset(stage: stage_module.Stage, *closed: int) -> list[str]:
    return ['--applier', stage.world.applier,
            '--target', stage.world.target('firewall'),
            '--file', stage.write('firewall.nft',
                                  rulesets.firewall(*closed))]


def _update(stage: stage_module.Stage, *closed: int) -> dict:
    """Publish the next version of the tenant's firewall."""
    return stage.tenant.run(
        'configuration', 'update', stage.cids['firewall'],
        '--file', stage.write('firewall.nft', rulesets.firewall(*closed)))


def vnf_starts(stage: stage_module.Stage, observed: dict) -> None:
    """VNF A shows its key; the tenant registers it."""
    agent = stage.start_vnf('fw-a')
    stage.say('The console of fw-a shows its public key; the tenant reads '
              'it there.')
    vnf = stage.tenant.run('vnf', 'register', 'fw-a',
                           '--console', str(agent.console))
    observed['fingerprint'] = vnf['fingerprint']
    observed['registered_at_height'] = vnf['height']
    listening = agent.listening_sockets()
    observed['listening_sockets_of_the_vnf'] = listening
    check(not listening, 'the VNF listens on %s' % listening)
    ports = stage.passing('', (WEB, TELNET, PROXY, KNOCKED))
    observed['packets_pass'] = ports
    check(all(ports.values()), 'nothing is configured, yet packets stop')


def vendor_publishes(stage: stage_module.Stage, observed: dict) -> None:
    """A vendor publishes a public baseline."""
    written = stage.vendor.run(
        'template', 'publish', '--name', 'baseline',
        '--vendor', 'Example Networks', '--version-label', '1.0',
        '--applier', stage.world.applier,
        '--target', stage.world.target('baseline'),
        '--file', stage.write('baseline.nft', rulesets.BASELINE))
    stage.cids['baseline'] = written['cid']
    observed['template'] = written['cid']
    observed['height'] = written['height']
    observed['certified_by'] = written['signers']
    ports = stage.passing('', (PROXY,))
    observed['packets_pass'] = ports
    check(ports[PROXY], 'a template acted by itself')


def tenant_publishes(stage: stage_module.Stage, observed: dict) -> None:
    """An encrypted ruleset reaches A, with the vendor's baseline before."""
    before = stage.passing('', (WEB, TELNET, PROXY, KNOCKED))
    observed['packets_pass_before'] = before
    written = stage.tenant.run(
        'configuration', 'create', '--name', 'firewall', '--vnf', 'fw-a',
        '--apply-before', stage.cids['baseline'],
        *_ruleset(stage, TELNET))
    stage.cids['firewall'] = written['cid']
    wanted = {WEB: True, TELNET: False, PROXY: False, KNOCKED: False}
    observed['seconds_until_enforced'] = round(
        stage.wait_ports('', wanted), 2)
    observed['packets_pass_after'] = stage.passing('', wanted)
    observed['height'] = written['height']
    observed['certified_by'] = written['signers']
    shown = stage.tenant.run('transaction', 'show', written['transaction'])
    clear = 'tcp dport' in str(shown)
    observed['ruleset_readable_on_the_ledger'] = clear
    check(not clear, 'the ruleset stands in clear on the ledger')


def group_of_two(stage: stage_module.Stage, observed: dict) -> None:
    """B joins a group with A; one transaction configures both."""
    agent = stage.start_vnf('fw-b')
    stage.tenant.run('vnf', 'register', 'fw-b',
                     '--console', str(agent.console))
    stage.tenant.run('group', 'create', 'edge')
    for name in ('fw-a', 'fw-b'):
        stage.tenant.run('group', 'add', 'edge', name)
    before = {cloud: stage.passing(cloud, (GROUP,))[GROUP]
              for cloud in ('a', 'b')}
    observed['packets_pass_before'] = before
    check(all(before.values()), 'the group is not configured yet')
    written = stage.tenant.run(
        'configuration', 'create', '--name', 'policy', '--group', 'edge',
        '--applier', stage.world.applier,
        '--target', stage.world.target('group_policy'),
        '--file', stage.write('group.nft', rulesets.GROUP))
    stage.cids['policy'] = written['cid']
    for cloud in ('a', 'b'):
        stage.wait_ports(cloud, {GROUP: False})
    observed['packets_pass_after'] = {
        cloud: stage.passing(cloud, (GROUP,))[GROUP] for cloud in ('a', 'b')}
    observed['transactions'] = 1


def node_fails(stage: stage_module.Stage, observed: dict) -> None:
    """One node of four stops: publishing goes on; it catches up."""
    federation = stage.federation
    federation.nodes[stage_module.LIAR].stop()
    observed['stopped'] = 'node-%d' % stage_module.LIAR
    written = _update(stage, TELNET, SSH)
    stage.wait_ports('', {SSH: False, WEB: True})
    observed['published_and_enforced_at_height'] = written['height']
    federation.nodes[stage_module.LIAR].start()
    observed['back_after_seconds'] = round(
        federation.wait_ready([stage_module.LIAR]), 2)
    observed['caught_up_after_seconds'] = round(processes.wait_for(
        'the returned node catches up', 60,
        lambda: federation.height(stage_module.LIAR) >= written['height']), 2)
    observed['height_of_the_returned_node'] = federation.height(
        stage_module.LIAR)


def leader_dies(stage: stage_module.Stage, observed: dict) -> None:
    """The leader is killed while transactions flow; nothing is lost."""
    federation = stage.federation
    before = federation.status(0)
    leader = int(before['leader'])
    observed['leader'] = 'node-%d in view %d' % (leader, before['view'])
    writer = stage.flow()
    writer.start()
    try:
        processes.wait_for('transactions flow', 60,
                           lambda: writer.count() >= FLOWING)
        taken = writer.count()
        stage.say('The leader, node-%d, is killed (SIGKILL).' % leader)
        killed_at = time.monotonic()
        federation.nodes[leader].stop(signal.SIGKILL)
        observed['leader_now'] = _next_leader(federation, leader,
                                              before['view'])
        observed['a_block_of_the_new_leader_after_seconds'] = round(
            time.monotonic() - killed_at, 2)
        # It comes back while they flow.
        federation.nodes[leader].start()
        processes.wait_for('transactions flow on', 60,
                           lambda: writer.count() >= taken + FLOWING)
    finally:
        writer.stop()
    proven = writer.prove()
    observed['accepted_before_and_after_the_kill'] = (
        taken, len(writer.accepted) - taken)
    observed['of_these_taken_by_the_killed_node'] = sum(
        member == leader for _transaction, member in writer.accepted)
    observed['proven_on_the_ledger'] = len({one.placed.place
                                            for one in proven})
    check(observed['proven_on_the_ledger'] == len(writer.accepted),
          'two transactions are proven at one place')
    federation.wait_ready([leader])
    processes.wait_for(
        'the killed node catches up', 60,
        lambda: federation.height(leader) >= max(
            one.placed.height for one in proven))
    observed['killed_node_caught_up_seconds_after_the_kill'] = round(
        time.monotonic() - killed_at, 2)
    check([one.placed.place for one in writer.prove(leader)]
          == [one.placed.place for one in proven],
          'the killed node has them elsewhere')
    # The audit looks whether each stands there once.
    stage.flowed = [transaction for transaction, _member in writer.accepted]
    stage.killed = leader


def _next_leader(federation: processes.Federation, killed: int, view: int
                 ) -> str:
    """Wait until a later view has a block; say who leads it."""
    other = (killed + 1) % federation.size
    heights: dict = {}

    def works() -> bool:
        status = federation.status(other)
        if status.get('view', 0) <= view:
            return False
        first = heights.setdefault(status['view'], status['height'])
        return status['height'] > first

    processes.wait_for('the others choose a leader', 30, works)
    status = federation.status(other)
    return 'node-%d in view %d' % (status['leader'], status['view'])


def node_lies(stage: stage_module.Stage, observed: dict) -> None:
    """One node lies to the VNF; it is refused, named and bypassed."""
    agent = stage.agents['fw-a']
    stage.liar.start()
    agent.ask_only([(stage.liar.url, stage_module.LIAR),
                    (stage.federation.door(0), 0)])
    closed = [TELNET, SSH]
    for lie, port in LIES.items():
        stage.say('The node now tells this lie: %s.' % lie)
        _until_it_asks_the_liar(stage, agent)
        before = agent.evidence()
        stage.liar.lie(lie)
        closed.append(port)
        _update(stage, *closed)
        seconds = stage.wait_ports('', {port: False, WEB: True})
        observed['%s: enforced all the same after seconds' % lie] = round(
            seconds, 2)
        observed['%s: refused as' % lie] = _named(stage, agent, lie, before)
    stage.liar.stop()
    agent.ask_only([(stage.federation.door(index), index)
                    for index in range(stage.federation.size)])
    agent.restart()


def _until_it_asks_the_liar(stage: stage_module.Stage, agent) -> None:
    """Restart the VNF until it chose this one of its two nodes to poll."""
    stage.liar.lie('honest')
    for _attempt in range(20):
        agent.restart()
        with contextlib.suppress(processes.ProcessError):
            processes.wait_for('the VNF polls the node', 3,
                               lambda: stage.liar.asked() > 0)
            return
    raise NotSo('the VNF never polled the node that is to lie')


def _named(stage: stage_module.Stage, agent, lie: str, before: set) -> str:
    """What the VNF says of the lying node, once it says it."""
    if lie == 'stale':
        # An old answer is true, only old: it is reported, not proven false.
        report = re.compile(re.escape(stage.liar.url)
                            + r'.*(head-rollback|stale-head)')
        processes.wait_for('the VNF reports the stale node', 30,
                           lambda: agent.said(report))
        return agent.said(report)
    processes.wait_for('the VNF keeps evidence (%s)' % lie, 30,
                       lambda: agent.evidence() - before)
    named = re.compile(r'\(member %d\) gave a false answer, ([a-z-]+)'
                       % stage_module.LIAR)
    check(bool(agent.said(named)), 'the log of the VNF does not name it')
    return '%s, by the evidence %s' % (
        agent.said(named), ', '.join(sorted(agent.evidence() - before)))


def vnf_migrates(stage: stage_module.Stage, observed: dict) -> None:
    """A's state moves to B; the path follows; A's key is revoked."""
    world = stage.world
    check(not world.passes(KNOCKED), 'the knocked port is open unasked')
    if world.has_state:
        world.knock()
        processes.wait_for('the knock opens the port', 5,
                           lambda: world.passes(KNOCKED))
        observed['state_that_traffic_left_in_a'] = world.state('a')
        check(not world.state('b'), 'B knows of the knock already')
    check(world.passes(TELNET, 'b'), 'B enforces the ruleset already')
    request = stage.tenant.run('request', 'create', 'fw-a')
    observed['state_report_requested_at_height'] = request['height']
    switch = []
    for word in world.switch():
        switch += ['--path-switch-argument', word]
    migration = stage.tenant.run(
        'migration', 'create', 'fw-a', 'fw-b', '--path-switch', 'command',
        *switch)
    observed['migration'] = migration['state']
    observed['path_before'], observed['path_after'] = 'a', world.path()
    check(world.path() == 'b', 'the path was not switched')
    wanted = {WEB: True, TELNET: False, SSH: False, PROXY: False,
              KNOCKED: world.has_state, GROUP: False}
    stage.wait_ports('', wanted)
    observed['packets_pass_through_b'] = stage.passing('', wanted)
    if world.has_state:
        observed['state_in_b'] = world.state('b')
        check(bool(world.state('b')), 'the state did not arrive')
    vnfs = {vnf['name']: vnf['state']
            for vnf in stage.tenant.run('vnf', 'list', '--all')}
    observed['vnfs'] = vnfs
    retired = re.compile('ALARM (retired)')
    processes.wait_for('A says that its key is revoked', 60,
                       lambda: stage.agents['fw-a'].said(retired))
    observed['a_says'] = 'retired'
    observed['refused_now'] = stage.tenant.refused(
        'configuration', 'create', '--vnf', 'fw-a',
        *_ruleset(stage, TELNET))


def auditor_checks(stage: stage_module.Stage, observed: dict) -> None:
    """The history, and the chain from genesis by exported files alone."""
    history = stage.tenant.run('audit', 'show', stage.cids['firewall'])
    observed['versions_in_the_history'] = [row['vid'] for row in history]
    check(len(history) == 2 + len(LIES), 'the history is not complete')
    exported = stage.directory / 'exported.chain'
    _manage(stage, 'chain', 'export',
            str(stage.federation.home(stage.killed) / 'data'), str(exported))
    content = exported.read_bytes()
    times = [content.count(transaction.raw) for transaction in stage.flowed]
    observed['times_each_that_flowed_stands_in_the_killed_nodes_chain'] = {
        count: times.count(count) for count in sorted(set(times))}
    check(set(times) == {1}, 'not each transaction stands there once')
    chain = ('--chain-id', stage.federation.status(0)['chain_id'])
    verified = _manage(stage, 'chain', 'verify', *chain, str(exported))
    observed['verified_from_genesis'] = verified.splitlines()[-1]
    data = bytearray(exported.read_bytes())
    data[len(data) // 2] ^= 1
    exported.write_bytes(bytes(data))
    stage.say('One bit in the middle of the exported file is turned over.')
    try:
        _manage(stage, 'chain', 'verify', *chain, str(exported))
    except NotSo as refused:
        observed['altered_copy'] = str(refused).splitlines()[-1]
    check('altered_copy' in observed, 'the altered copy was believed')


def _manage(stage: stage_module.Stage, *words: str) -> str:
    stage.say('$ tacker-ledger-manage ' + ' '.join(words))
    done = subprocess.run(
        [str(processes.BIN / 'tacker-ledger-manage'), *words],
        capture_output=True, text=True, timeout=60)
    check(done.returncode == 0, done.stderr.strip() or done.stdout.strip())
    return done.stdout.strip()


ALL = (
    ('1', 'VNF A shows its key on its console; the tenant registers it',
     vnf_starts),
    ('2', 'A vendor publishes a public baseline template', vendor_publishes),
    ('3', 'The tenant publishes an encrypted ruleset; A enforces it',
     tenant_publishes),
    ('4', 'B joins a group with A; one transaction configures both',
     group_of_two),
    ('5', 'One node is stopped: publishing goes on; it comes back',
     node_fails),
    ('6', ('The leader is killed while transactions flow: each is committed '
           'once'), leader_dies),
    ('7', 'One node lies to the VNF: refused, named, bypassed', node_lies),
    ('8', 'A migrates to B by its state; the path follows; A is retired',
     vnf_migrates),
    ('9', 'The audit: full history, and the chain verified from files',
     auditor_checks),
)
