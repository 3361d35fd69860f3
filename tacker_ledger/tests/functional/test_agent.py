# SPDX-License-Identifier: Apache-2.0
"""The agent as a process: installed alone, watched while it works."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from tacker_ledger.core.configuration import console_block
from tacker_ledger.core.crypto import envelope
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import payload
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import agent_process

RESIDENT_MAX_BYTES = 60 * 1000 * 1000
#: What a VNF image must not need.
_HEAVY = ('sqlalchemy', 'alembic', 'lmdb', 'oslo_messaging', 'oslo_db',
          'openstack', 'keystoneauth1', 'keystonemiddleware', 'falcon',
          'uvicorn', 'cryptography', 'tackerclient', 'eventlet')
#: Writes the names of all imported modules when the interpreter ends.
_SITE = '''import atexit, os, sys


@atexit.register
def _tell():
    with open(os.environ['MODULES_FILE'], 'w') as file:
        file.write('\\n'.join(sorted(sys.modules)))
'''


def clean_environment(directory: pathlib.Path) -> str:
    """Install ``.[vnf-client]`` from a copy of the checkout alone.

    :returns: the interpreter
    """
    copy = directory / 'source'
    listed = subprocess.run(
        ['git', 'ls-files', '-z', '--cached', '--others',
         '--exclude-standard'], cwd=base.CHECKOUT, check=True,
        capture_output=True).stdout.decode()
    for name in filter(None, listed.split('\0')):
        if (base.CHECKOUT / name).is_file():
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(base.CHECKOUT / name, target)
    subprocess.run([sys.executable, '-m', 'venv', str(directory / 'venv')],
                   check=True)
    python = str(directory / 'venv' / 'bin' / 'python')
    subprocess.run(
        [python, '-m', 'pip', 'install', '-q', f'{copy}[vnf-client]'],
        check=True, cwd=directory, env={
            **{name: value for name, value in os.environ.items()
               if name != 'PYTHONPATH'}, 'PBR_VERSION': '0.0.1'})
    return python


class AgentProcessCase(base.TestCase):
    """One agent and a tenant beside a simulated federation."""

    def setUp(self):
        super().setUp()
        self.provider = providers.default()
        self.federation = agent_process.Federation()
        self.addCleanup(self.federation.close)
        self.tenant = self.provider.generate(2)
        self.root = self.make_directory()
        self.target = self.root / 'firewall'

    def start(self, python=sys.executable, options=(), **environment):
        agent = agent_process.AgentProcess(
            self.root, self.federation.document(self.tenant.document),
            python, (f'file_target = firewall={self.target}',
                     'crypto_provider = pycryptodome', *options),
            environment)
        self.addCleanup(agent.kill)
        return agent

    def wait_for(self, what, agent, seconds=30):
        """Return what a function returns as soon as it is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if agent.process.poll() is not None:
                self.fail('the agent ended: ' + agent.output())
            found = what()
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError('it did not come: ' + agent.output())

    def key_block(self, agent):
        def read():
            if not agent.console.exists():
                return None
            found = console_block.find(agent.console.read_text())
            return found and console_block.parse(
                self.federation.chain.h, self.provider, found[0])
        return self.wait_for(read, agent)

    def configure(self, block, data: bytes):
        one = authoring.author_configuration(
            self.federation.chain.h, self.provider, self.tenant, vid=1,
            payload=payload.Configuration('file', 'firewall', data),
            timestamp_ms=agent_process.now_ms(),
            nonce=self.provider.random_bytes(16),
            content_key=self.provider.random_bytes(32),
            recipient=block.vnf_key).transaction
        self.federation.commit(one)
        return one

    def applied(self, data):
        return lambda: (self.target.exists()
                        and self.target.read_bytes() == data)

    def receipts(self, block):
        key = agent_process.door_simulator.pair_key(
            self.federation.chain, self.tenant.document.key_id,
            block.receipt_key.key_id)
        return list(self.federation.chain.histories.get(key, ()))


class TestAlone(AgentProcessCase):
    """``pip install .[vnf-client]`` in a clean environment."""

    TIMEOUT_SCALE = 4

    def test_runs_alone_small_and_without_a_listening_socket(self):
        scratch = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, scratch, ignore_errors=True)
        try:
            python = clean_environment(scratch)
        except subprocess.CalledProcessError as exc:
            self.skip_missing('package index', str(exc))
        site = scratch / 'site'
        site.mkdir()
        (site / 'sitecustomize.py').write_text(_SITE)
        agent = self.start(python, PYTHONPATH=str(site),
                           MODULES_FILE=str(self.root / 'modules'))
        watch = Watch(agent)
        self.addCleanup(watch.end)
        block = self.key_block(agent)
        self.assertEqual(1, block.vnf_key.suite)
        time.sleep(1)  # within a long-poll
        for data in (b'drop', self.provider.random_bytes(1_000_000)):
            self.configure(block, data)
            self.wait_for(self.applied(data), agent)
        self.wait_for(lambda: len(self.receipts(block)) == 2, agent)
        self.request_and_answer(agent, block)
        watch.end()
        self.assertEqual(set(), watch.listening)
        self.assertGreater(watch.most_sockets, 0)
        self.assertGreater(watch.samples, 50)
        self.assertLessEqual(agent.resident_bytes('VmHWM'),
                             RESIDENT_MAX_BYTES)
        self.assertEqual(0, agent.stop())
        modules = (self.root / 'modules').read_text().splitlines()
        self.assertIn('tacker_ledger.vnf_client.service', modules)
        self.assertEqual([], [name for name in modules
                              if name.partition('.')[0] in _HEAVY])

    def request_and_answer(self, agent, block):
        asked = authoring.author_request(
            self.federation.chain.h, self.tenant, vid=1,
            recipient_id=block.vnf_key.key_id,
            slot_expiry_ms=agent_process.now_ms() + 60_000,
            timestamp_ms=agent_process.now_ms(),
            nonce=self.provider.random_bytes(16))
        self.federation.commit(asked)
        key = agent_process.door_simulator.pair_key(
            self.federation.chain, self.tenant.document.key_id,
            block.vnf_key.key_id)
        (place,) = self.wait_for(
            lambda: self.federation.chain.histories.get(key), agent)
        answer = agent_process.ledger_simulator.transaction_module \
            .Transaction.from_bytes(self.federation.chain.h,
                                    self.federation.chain.raw_at(place))
        report = authoring.open_configuration(
            self.federation.chain.h, answer, self.tenant,
            envelope.Role.RECIPIENT)[0]
        self.assertEqual(2, len(report.effective))


class Watch:
    """Samples a process's sockets as fast as it can."""

    def __init__(self, agent):
        self.agent = agent
        self.listening = set()
        self.most_sockets = 0
        self.samples = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._ended.wait(0.01):
            try:
                count, listening = self.agent.sockets()
            except OSError:
                continue
            self.samples += 1
            self.most_sockets = max(self.most_sockets, count)
            self.listening.update(listening)

    def end(self):
        self._ended.set()
        self._thread.join()


class TestProgram(AgentProcessCase):

    def test_sigterm_ends_a_long_poll_at_once(self):
        agent = self.start(options=('wait_seconds = 60',
                                    'suite = ed25519'))
        self.key_block(agent)
        time.sleep(1.5)
        began = time.monotonic()
        self.assertEqual(0, agent.stop())
        self.assertLess(time.monotonic() - began, 15)
        self.assertIn('Stopped', agent.output())

    def test_sigterm_finishes_an_apply(self):
        slow = self.root / 'reload.py'
        slow.write_text('import time; time.sleep(2)')
        agent = self.start(options=(
            'suite = ed25519',
            f'file_reload = firewall={sys.executable} {slow}'))
        block = self.key_block(agent)
        self.configure(block, b'drop')
        self.wait_for(self.applied(b'drop'), agent)
        self.assertEqual(0, agent.stop())
        self.assertFalse((self.root / 'state' / 'journal').exists())
        self.assertIn('version 1 is in force', agent.output())

    def test_kill_and_start_again(self):
        agent = self.start(options=('suite = ed25519',))
        block = self.key_block(agent)
        self.configure(block, b'one')
        # killed before it says so, it would put all back
        self.wait_for(lambda: 'is in force' in agent.output(), agent)
        agent.kill()
        self.target.unlink()
        again = self.start(options=('suite = ed25519',))
        self.wait_for(self.applied(b'one'), again)
        self.configure(block, b'two')
        self.wait_for(self.applied(b'two'), again)
        self.wait_for(lambda: len(self.receipts(block)) == 2, again)

    def test_two_agents_cannot_share_a_directory(self):
        agent = self.start(options=('suite = ed25519',))
        self.key_block(agent)
        again = self.start(options=('suite = ed25519',))
        self.assertEqual(1, again.process.wait(30))
        self.assertIn('busy', again.output())

    def run_badly(self, *lines):
        path = self.root / 'bad.conf'
        path.write_text('\n'.join(('[vnf_client]', *lines, '')))
        done = subprocess.run(
            [sys.executable, '-m', 'tacker_ledger.cmd.vnf_client',
             '--config-file', str(path)], capture_output=True, text=True,
            timeout=50)
        self.assertEqual(78, done.returncode, done.stderr)
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        return done.stderr

    def test_wrong_configuration_names_the_option(self):
        document = self.root / 'bootstrap.json'
        document.write_text(self.federation.document(
            self.tenant.document).to_json())
        good = (f'bootstrap_file = {document}',
                f'state_directory = {self.root}/elsewhere')
        for name, lines in (
                ('bootstrap_file', ()),
                ('bootstrap_file', ('bootstrap_file = /no/such',)),
                ('suite', (*good, 'suite = dsa')),
                ('wait_seconds', (*good, 'wait_seconds = 1000')),
                ('appliers', (*good, 'appliers = netconf')),
                ('file_target', (*good, 'file_target = firewall')),
                ('keystore', (*good, 'keystore = clay-tablet'))):
            self.assertIn(name, self.run_badly(*lines))
        document.write_text('{"version": 1}')
        self.assertIn('bad-document', self.run_badly(*good))
