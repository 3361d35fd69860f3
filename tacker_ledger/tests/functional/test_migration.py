# SPDX-License-Identifier: Apache-2.0
"""Migration between two real agents, by processes that are killed."""

import signal
import subprocess
import sys

from tacker_ledger.core.configuration import migration_record
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import federation
from tacker_ledger.tests.functional import tenants

#: Does one action of a migration and is killed before the next.
ONE_STEP = '''
import os, signal, sys
from tacker_ledger.tenant_client import client
seen = []
def listen(migration, action):
    if seen:
        os.kill(os.getpid(), signal.SIGKILL)
    seen.append(action)
with client.TenantClient.open(sys.argv[1]) as tenant:
    tenant.migrations.listener = listen
    tenant.migrations.run(tenant.migrations.find(sys.argv[2]),
                          timeout_seconds=60)
'''


class TestMigration(base.TestCase):
    """S0 III.D on four nodes and two agents."""

    TIMEOUT_SCALE = 8

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.members = federation.Federation()
        cls.addClassCleanup(cls.members.close)

    def setUp(self):
        super().setUp()
        self.tenant = tenants.Tenant(self.make_directory(), self.members)
        self.tenant.init()
        self.a, self.b = self.vnf('a'), self.vnf('b')
        self.tenant('group', 'create', 'web')
        self.tenant('group', 'add', 'web', 'a')
        self.configure('rules', 'allow 80\n', '--vnf', 'a')
        self.configure('base', 'group\n', '--group', 'web')
        self.a.wait_file('rules', b'allow 80\n')
        self.a.wait_file('base', b'group\n')

    def vnf(self, name):
        vnf = tenants.Vnf(self.tenant, name)
        self.addCleanup(vnf.kill)
        return self.tenant.register(vnf)

    def configure(self, target, text, *options):
        return self.tenant(
            'configuration', 'create', '--applier', 'file', '--target',
            target, '--file', self.tenant.file('data', text), '--name',
            target, *options)

    def update(self, name, text):
        return self.tenant('configuration', 'update', name, '--vnf', 'b',
                           '--file', self.tenant.file('data', text))

    def last_receipt(self, vnf):
        return self.tenant.receipts(vnf)[-1][:2]

    def assert_moved(self):
        [row] = self.tenant('migration', 'list')
        self.assertEqual(('source-terminated', 'destination'),
                         (row['state'], row['path']))
        self.b.wait_file('rules', b'allow 80\n')
        self.b.wait_file('base', b'group\n')
        self.assertEqual(['b'], [row['name'] for row
                                 in self.tenant('vnf', 'list')])
        self.assertEqual((2, 'b'), (
            self.tenant('group', 'show', 'web')['epoch'],
            self.tenant('group', 'show', 'web')['members']))

    def test_killed_at_every_step(self):
        log = self.tenant.root / 'switched'
        switch = self.tenant.root / 'switch'
        switch.write_text(f'#!/bin/sh\necho "$1 $SOURCE" >> {log}\n')
        switch.chmod(0o755)
        made = self.tenant(
            'migration', 'create', 'a', 'b', '--no-run', '--path-switch',
            'command', '--path-switch-argument', str(switch))
        states = []
        for _ in range(40):
            done = subprocess.run(
                [sys.executable, '-c', ONE_STEP, str(self.tenant.directory),
                 made['id']], capture_output=True, timeout=120,
                cwd=base.CHECKOUT)
            with self.tenant.library() as tenant:
                states.append(tenant.migrations.find(made['id']).state)
            if done.returncode == 0:
                break
            self.assertEqual(-signal.SIGKILL, done.returncode, done.stderr)
        self.assertIs(migration_record.State.SOURCE_TERMINATED, states[-1])
        self.assertEqual(sorted(states), states)
        self.assertGreater(len(states), 12)
        self.assert_moved()
        self.assertEqual('switch a\n', log.read_text())
        self._life_goes_on_at_the_destination()

    def _life_goes_on_at_the_destination(self):
        # A later version, and one that has to be reverted.
        self.update('rules', 'allow 443\n')
        self.b.wait_file('rules', b'allow 443\n')
        self.update('rules', 'broken\n')
        tenants.wait_until(
            lambda: self.last_receipt('b') == ('reverted', 'apply-failed'),
            60, 'the broken version was reverted', self.b.output)
        self.b.wait_file('rules', b'allow 443\n')
        self.b.wait_file('base', b'group\n')
        # What came with the migration can be withdrawn.
        self.tenant('configuration', 'withdraw', 'base', '--vnf', 'b')
        self.b.wait_file('base', None)
        self.b.wait_file('rules', b'allow 443\n')
        # The group goes on with its new key.
        self.configure('base2', 'x', '--group', 'web', '--description', 'x')
        # The source obeys nobody any more.
        tenants.wait_until(
            lambda: self.last_receipt('a') == ('retired', ''), 60,
            'the source has retired', self.a.output)

    def test_abort_after_the_path_was_switched(self):
        log = self.tenant.root / 'switched'
        switch = self.tenant.root / 'switch'
        switch.write_text(f'#!/bin/sh\necho "$1" >> {log}\n')
        switch.chmod(0o755)
        made = self.tenant(
            'migration', 'create', 'a', 'b', '--no-run', '--path-switch',
            'command', '--path-switch-argument', str(switch))
        for _ in range(40):
            subprocess.run(
                [sys.executable, '-c', ONE_STEP, str(self.tenant.directory),
                 made['id']], capture_output=True, timeout=120,
                cwd=base.CHECKOUT)
            shown = self.tenant('migration', 'show', made['id'])
            if shown['state'] == 'path-switched':
                break
        self.assertEqual('destination', shown['path'])
        shown = self.tenant('migration', 'abort', made['id'])
        self.assertEqual(('aborted', 'source'), (shown['state'],
                                                 shown['path']))
        self.assertEqual('switch\nswitch-back\n', log.read_text())
        self.assertEqual({'a', 'b'}, {row['name'] for row
                                      in self.tenant('vnf', 'list')})
        # The source still obeys.
        self.tenant('configuration', 'update', 'rules', '--file',
                    self.tenant.file('data', 'allow 22\n'))
        self.a.wait_file('rules', b'allow 22\n')

    def test_by_one_command_with_what_went_wrong_before(self):
        # The newest version failed at the source: report and chain differ.
        self.tenant('configuration', 'update', 'rules', '--file',
                    self.tenant.file('data', 'broken\n'))
        tenants.wait_until(
            lambda: self.last_receipt('a') == ('reverted', 'apply-failed'),
            60, 'the source has reverted it', self.a.output)
        self.assertEqual('reference-mismatch', self.tenant.refused(
            'migration', 'create', 'a', 'b'))
        [row] = self.tenant('migration', 'list')
        self.assertEqual(('requested', 'source'), (row['state'],
                                                   row['path']))
        self.tenant('migration', 'resume', row['id'][:8], '--differences',
                    'report')
        self.assert_moved()
