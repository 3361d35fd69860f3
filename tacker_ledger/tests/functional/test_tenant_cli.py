# SPDX-License-Identifier: Apache-2.0
"""``openstack vnf ledger ...`` against real nodes and real agents."""

import hashlib
import json
import pathlib
import stat

from tacker_ledger.tests import base
from tacker_ledger.tests.functional import federation
from tacker_ledger.tests.functional import tenants
from tacker_ledger.tests.functional import test_operator_door

UNKNOWN_CID = '00' * 16
UNKNOWN_ID = '00' * 32


class CliCase(base.TestCase):
    """Four nodes which admit enrolled keys only, and one tenant."""

    TIMEOUT_SCALE = 6

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.members = federation.Federation(admission='registered')
        cls.addClassCleanup(cls.members.close)

    def setUp(self):
        super().setUp()
        self.tenant = tenants.Tenant(self.make_directory(), self.members)
        self.tenant.init()
        self.rules = self.tenant.file('rules', 'allow 80\n')

    def agent(self, name):
        """Return a VNF with its agent, not registered."""
        vnf = tenants.Vnf(self.tenant, name)
        self.addCleanup(vnf.kill)
        return vnf

    def vnf(self, name):
        """Return a registered VNF with its agent."""
        return self.tenant.register(self.agent(name))

    def create(self, vnf, *options, target='rules'):
        return self.tenant('configuration', 'create', '--vnf', vnf,
                           '--applier', 'file', '--target', target,
                           '--file', self.rules, *options)


class TestProfile(CliCase):
    """Where it all begins, without any cloud."""

    def test_no_cloud_at_all(self):
        self.tenant.process = True
        rows = self.tenant('node', 'list', auth=())
        self.assertEqual(['node-0', 'node-1', 'node-2', 'node-3'],
                         [row['name'] for row in rows])
        self.assertEqual({'up'}, {row['state'] for row in rows})
        self.assertEqual(4, len(self.tenant('node', 'list', '--no-status',
                                            auth=())))

    def test_a_node_is_shown(self):
        """What it says of itself, without a token and without secrets."""
        shown = self.tenant('node', 'show', 'node-2', auth=())
        self.assertEqual(
            (2, 'node-2', 'up', True, '', 3, 0),
            tuple(shown[name] for name in (
                'member', 'name', 'state', 'voting', 'not_voting', 'peers_up',
                'first_body')))
        self.assertIn('node-3: up, height', shown['peers'])
        self.assertIn(shown['leader'], [f'node-{index}'
                                        for index in range(4)])
        self.assertNotIn('refused', shown)
        self.assertEqual(shown['instance'],
                         self.tenant('node', 'show', '2')['instance'])
        self.assertEqual('not-found', self.tenant.refused(
            'node', 'show', 'node-9'))
        row = self.tenant('node', 'list', '--long')[2]
        self.assertEqual(
            (self.members.url(2), True, 0, shown['node_key']),
            tuple(row[name] for name in ('url', 'voting', 'evidence',
                                         'node_key')))

    def test_what_operators_see(self):
        shown = self.tenant.operator('node', 'status', 'show')
        self.assertEqual(('node-0', 'up', True),
                         (shown['name'], shown['state'], shown['voting']))
        self.assertRegex(shown['expiries'], r'certificate: .* in 3649 days')
        self.assertEqual(
            ['node-1', 'node-2', 'node-3'],
            [row['name'] for row in self.tenant.operator(
                'node', 'peer', 'list') if row['is_up']])
        self.assertEqual([], self.tenant.operator(
            'node', 'evidence', 'list', '--long'))

    def test_other_nodes_for_once(self):
        url = self.members.url(2)
        rows = self.tenant('node', 'list', nodes=url)
        self.assertEqual(['not asked', 'not asked', 'up', 'not asked'],
                         [row['state'] for row in rows])
        self.assertEqual('bad-option', self.tenant.refused(
            'node', 'list', nodes='https://elsewhere.example'))

    def test_what_init_refuses(self):
        for options in (['--federation', '/no/such/file'],
                        ['--federation', self.rules],
                        ['--federation-directory', '/no/such']):
            self.assertIn(self.tenant.refused('init', *options),
                          ('bad-option', 'malformed'))

    def test_no_profile(self):
        elsewhere = tenants.Tenant(self.tenant.root / 'none', self.members)
        elsewhere.process = True
        done = elsewhere.run('key', 'list')
        self.assertEqual(1, done.returncode)
        self.assertIn('bad-option:', done.stderr)
        self.assertIn('vnf ledger init', done.stderr)
        self.assertNotIn('Traceback', done.stderr)

    def test_keys(self):
        made = self.tenant('key', 'create', 'spare', '--kind', 'recovery',
                           '--suite', 'ed25519')
        rows = self.tenant('key', 'list')
        self.assertEqual([('recovery', 'spare'), ('tenant', 'alice')],
                         [(row['kind'], row['name']) for row in rows])
        shown = self.tenant('key', 'show', 'spare', '--kind', 'recovery')
        self.assertEqual(made['key_id'], shown['key_id'])
        exported = self.tenant.text('key', 'export', 'alice')
        self.assertIn('-----BEGIN TACKER LEDGER PUBLIC KEY-----', exported)
        out = str(self.tenant.root / 'alice.pub')
        self.tenant.text('key', 'export', 'alice', '--output', out)
        self.assertEqual(exported, pathlib.Path(out).read_text())
        self.assertEqual('bad-option', self.tenant.refused(
            'key', 'export', 'alice', '--output', out))
        self.assertEqual('duplicate', self.tenant.refused(
            'key', 'create', 'alice'))
        self.assertEqual('not-found', self.tenant.refused(
            'key', 'show', 'nobody'))
        for path in (self.tenant.directory / 'keys').iterdir():
            self.assertEqual(0o600, stat.S_IMODE(path.stat().st_mode))

    def test_backup_and_restore(self):
        passphrase = pathlib.Path(self.tenant.file('passphrase',
                                                   'correct horse\n'))
        passphrase.chmod(0o600)
        options = ('--passphrase-file', str(passphrase))
        backup = str(self.tenant.root / 'backup')
        self.assertEqual(
            {'file': backup, 'keys': 1},
            self.tenant('key', 'backup', backup, *options))
        other = tenants.Tenant(self.tenant.root / 'other', self.members)
        other('init', '--federation-directory', str(self.members.directory))
        self.assertEqual(
            {'keys_restored': 1, 'inventory_restored': False},
            other('key', 'restore', backup, *options))
        self.assertEqual(self.tenant('key', 'list'), other('key', 'list'))
        passphrase.write_text('wrong horse\n')
        self.assertEqual('undecryptable', other.refused(
            'key', 'restore', backup, *options))
        # Nobody types here, and no secret comes by argument.
        self.assertEqual('bad-option', other.refused('key', 'restore',
                                                     backup))

    def test_keys_under_a_passphrase(self):
        passphrase = pathlib.Path(self.tenant.file('passphrase',
                                                   'correct horse\n'))
        passphrase.chmod(0o600)
        other = tenants.Tenant(self.tenant.root / 'other', self.members)
        other.init('bob', '--passphrase-file', str(passphrase))
        other('template', 'publish', '--applier', 'file', '--target', 'x',
              '--file', self.rules, '--vendor', 'ACME')
        passphrase.write_text('wrong horse\n')
        self.assertEqual('undecryptable', other.refused(
            'template', 'publish', '--applier', 'file', '--target', 'x',
            '--file', self.rules, '--vendor', 'ACME'))

    def test_enrolment(self):
        stranger = tenants.Tenant(self.tenant.root / 'stranger',
                                  self.members)
        stranger('init', '--federation-directory',
                 str(self.members.directory))
        key = stranger('key', 'create', 'bob')
        publish = ('template', 'publish', '--applier', 'file', '--target',
                   'x', '--file', self.rules, '--vendor', 'ACME')
        self.assertEqual('not-admitted', stranger.refused(*publish))
        public = str(stranger.root / 'bob.pub')
        stranger.text('key', 'export', 'bob', '--output', public)
        made = stranger.operator('enrolment', 'create', '--key-file', public,
                                 '--label', 'Bob')
        self.assertEqual(key['key_id'], made['key_id'])
        self.assertIn(('Bob', key['key_id']), [
            (row['label'], row['key_id'])
            for row in stranger.operator('enrolment', 'list')])
        tenants.wait_until(
            lambda: not stranger.run(*publish).returncode, 30,
            'the enrolment is known everywhere')
        endpoint = ('--os-auth-type', 'none', '--os-endpoint',
                    self.members.operator_url(0))
        stranger.text('enrolment', 'delete', '--key-id', key['key_id'],
                      auth=endpoint)
        self.assertEqual('not-found', stranger.refused(
            'enrolment', 'delete', '--key-id', key['key_id'],
            auth=endpoint))
        self.assertEqual('bad-option', stranger.refused(
            'enrolment', 'create', '--key-id', key['key_id'], '--label',
            'x' * 300, auth=endpoint))
        self.assertEqual('no-node', stranger.refused(
            'enrolment', 'list', auth=(
                '--os-auth-type', 'none', '--os-endpoint',
                'http://127.0.0.1:1')))


class TestPublishing(CliCase):
    """VNFs, groups, templates, configurations, requests, audits."""

    def test_a_configuration_from_template_to_audit(self):
        a = self.agent('a')
        # The tour: every command is a process, as users have it.
        self.tenant.process = True
        self.tenant('vnf', 'register', 'a', '--console', a.wait_console())
        base_file = self.tenant.file('base', 'base 1\n')
        self.tenant('template', 'publish', '--applier', 'file', '--target',
                    'base', '--file', base_file, '--vendor', 'ACME',
                    '--name', 'baseline', '--version-label', '1.0')
        made = self.create('a', '--name', 'edge', '--apply-before',
                           'baseline', '--description', 'north')
        self.assertEqual((1, 3), (made['vid'], made['quorum']))
        self.assertEqual(3, len(made['signers'].split(', ')))
        a.wait_file('rules', b'allow 80\n')
        a.wait_file('base', b'base 1\n')
        self._templates(a)
        self._configurations(a)
        self._reading_back(made)
        self._audit(made)
        self._receipts_and_requests(a)
        self.tenant('configuration', 'withdraw', 'edge')
        a.wait_file('rules', None)

    def _templates(self, a):
        newer = self.tenant.file('base', 'base 2\n')
        self.tenant('template', 'publish', '--template', 'baseline',
                    '--applier', 'file', '--target', 'base', '--file', newer,
                    '--vendor', 'ACME', '--version-label', '2.0')
        self.tenant('template', 'withdraw', 'baseline', '--last-vid', '1',
                    '--reason', 'CVE \x1b[31m')
        [row] = self.tenant('template', 'list')
        self.assertEqual((2, ''), (row['vid'], row['notice']))
        shown = self.tenant('template', 'show', 'baseline', '--vid', '1')
        self.assertEqual('WITHDRAWN: CVE \\x1b[31m', shown['notice'])
        [row] = self.tenant('configuration', 'refresh', 'edge')
        self.assertEqual(
            'update available; WITHDRAWN: CVE \\x1b[31m', row['status'])
        # Shown, and nothing else: what runs changes by the tenant's act.
        self.assertEqual(b'base 1\n', a.file('base').read_bytes())
        self.tenant('configuration', 'refresh', 'edge', '--apply')
        a.wait_file('base', b'base 2\n')
        [row] = self.tenant('configuration', 'refresh', 'edge')
        self.assertEqual('up to date', row['status'])

    def _configurations(self, a):
        updated = self.tenant('configuration', 'update', 'edge', '--file',
                              self.tenant.file('new', 'allow 443\n'),
                              '--if-vid', '2')
        self.assertEqual(3, updated['vid'])
        a.wait_file('rules', b'allow 443\n')
        self.assertEqual('vid-conflict', self.tenant.refused(
            'configuration', 'update', 'edge', '--file', self.rules,
            '--if-vid', '2'))
        diff = self.tenant.text('configuration', 'diff', 'edge', '1', '3')
        self.assertIn('-allow 80\n+allow 443\n', diff)
        self.assertEqual([1, 2, 3], [
            row['vid'] for row in self.tenant('configuration', 'history',
                                              'edge')])

    def _reading_back(self, made):
        self.assertEqual(
            self.tenant('configuration', 'list', '--vnf', 'a'),
            self.tenant('configuration', 'list'))
        out = str(self.tenant.root / 'out')
        shown = self.tenant('configuration', 'show', 'edge', '--vid', '1',
                            '--output', out)
        self.assertEqual(b'allow 80\n', pathlib.Path(out).read_bytes())
        self.assertEqual(('north', 'vnf:a', 'edge'), (
            shown['description'], shown['recipient'], shown['name']))
        txid = made['transaction']
        verified = self.tenant('transaction', 'verify', txid)
        self.assertEqual(made['height'], verified['height'])
        self.assertIn('certificate', verified['verified'])
        self.assertEqual('vnf:a', self.tenant('transaction', 'show', txid)[
            'recipient'])
        self.assertIn(txid, [row['transaction'] for row in self.tenant(
            'transaction', 'list', '--cid', 'edge')])
        block = self.tenant('block', 'verify', str(made['height']))
        self.assertIn('1 signatures', block['verified'])
        self.assertIn(txid, self.tenant('block', 'show', str(
            made['height']))['transaction_ids'])
        self.assertEqual(3, len(self.tenant('block', 'list', '--limit',
                                            '3')))

    def _audit(self, made):
        online = self.tenant('audit', 'show', 'edge')
        self.assertEqual([1, 2, 3], [row['vid'] for row in online])
        out = self.tenant.root / 'chain'
        self.members.manage('chain', 'export', str(self.members.data(1)),
                            str(out))
        # No node is asked: there is none at this address.
        nowhere = 'node-0=https://127.0.0.1:1'
        offline = self.tenant('audit', 'show', made['cid'], '--export',
                              str(out), nodes=nowhere)
        # Nodes may keep different votes of the same decision.
        for row in (*online, *offline):
            self.assertEqual(3, len(row.pop('signers').split(', ')))
        self.assertEqual(online, offline)
        data = bytearray(out.read_bytes())
        data[len(data) // 2] ^= 1
        (self.tenant.root / 'broken').write_bytes(bytes(data))
        self.tenant.refused(
            'audit', 'show', made['cid'], '--export',
            str(self.tenant.root / 'broken'), nodes=nowhere)

    def _receipts_and_requests(self, a):
        tenants.wait_until(
            lambda: self.tenant.receipts('a')[-1:] == [('applied', '', 3)],
            60, 'the receipt')
        rows = self.tenant('receipt', 'list')
        self.assertEqual({'applied'}, {row['outcome'] for row in rows})
        asked = self.tenant('request', 'create', 'a')
        shown = self.tenant('request', 'show', 'a', '--timeout', '30')
        self.assertEqual((asked['transaction'], 'answered'),
                         (shown['request'], shown['status']))
        self.assertEqual([':2', ':3'], [
            line[32:] for line in shown['effective'].splitlines()])
        self.assertEqual('not-found', self.tenant.refused(
            'request', 'show', UNKNOWN_CID))

    def test_keys_of_a_vnf(self):
        a = self.vnf('a')
        [row] = self.tenant('vnf', 'list')
        self.assertEqual(('a', 'uuid-a', 'active'), (
            row['name'], row['instance'], row['state']))
        self.tenant('vnf', 'welcome', 'a')
        self.tenant('vnf', 'key', 'replace', 'a', '--suite', 'ed25519')
        adopted = self.tenant('vnf', 'key', 'adopt', 'a', '--timeout', '60')
        self.assertNotEqual(row['fingerprint'], adopted['fingerprint'])
        self.assertEqual('not-found', self.tenant.refused(
            'vnf', 'key', 'adopt', 'a'))
        self.create('a')
        a.wait_file('rules', b'allow 80\n')
        shown = self.tenant('vnf', 'show', 'uuid-a')
        self.assertEqual(row['fingerprint'], shown['former_keys'])
        self.tenant('vnf', 'revoke', 'a', '--reason', 'stolen')
        tenants.wait_until(
            lambda: 'retired' in [row[0] for row
                                  in self.tenant.receipts('a')], 60,
            'the agent has retired', a.output)
        self.assertEqual([], self.tenant('vnf', 'list'))
        self.assertEqual('revoked', self.tenant('vnf', 'list', '--all')[0][
            'state'])
        self.assertEqual('key-revoked', self.tenant.refused(
            'vnf', 'welcome', 'a'))

    def test_two_keys_on_one_console(self):
        a, b = self.agent('a'), self.agent('b')
        both = self.tenant.file('console', pathlib.Path(
            a.wait_console()).read_text() + pathlib.Path(
                b.wait_console()).read_text())
        self.assertEqual('bad-option', self.tenant.refused(
            'vnf', 'register', 'a', '--console', both))
        made = self.tenant('vnf', 'register', 'a', '--console', both,
                           '--instance', 'uuid-a', '--no-welcome')
        self.assertEqual('duplicate', self.tenant.refused(
            'vnf', 'register', 'a', '--key-file', b.wait_console()))
        self.assertEqual('bad-signature', self.tenant.refused(
            'vnf', 'register', 'b', '--key-file', b.wait_console(),
            '--fingerprint', made['fingerprint']))
        self.tenant('vnf', 'register', 'b', '--console', '-', stdin=(
            pathlib.Path(b.wait_console()).read_text()))

    def test_a_group(self):
        a, b = self.vnf('a'), self.vnf('b')
        self.tenant('group', 'create', 'web')
        for name in 'ab':
            self.tenant('group', 'add', 'web', name)
        self.tenant('configuration', 'create', '--group', 'web', '--applier',
                    'file', '--target', 'rules', '--file', self.rules)
        for vnf in (a, b):
            vnf.wait_file('rules', b'allow 80\n')
        self.tenant('group', 'remove', 'web', 'b')
        shown = self.tenant('group', 'show', 'web')
        self.assertEqual((2, 'a', 0), (shown['epoch'], shown['members'],
                                       shown['pending']))
        self.assertEqual(['web'], [row['name'] for row
                                   in self.tenant('group', 'list')])
        self.tenant('configuration', 'create', '--group', 'web', '--applier',
                    'file', '--target', 'base', '--file', self.rules)
        a.wait_file('base', b'allow 80\n')
        self.assertFalse(b.file('base').exists())

    def test_a_million_bytes(self):
        a = self.vnf('a')
        block = hashlib.sha512(b'incompressible').digest()
        parts = []
        while len(parts) * 64 < 1_000_000:
            block = hashlib.sha512(block).digest()
            parts.append(block)
        data = b''.join(parts)[:1_000_000]
        made = self.tenant('configuration', 'create', '--vnf', 'a',
                           '--applier', 'file', '--target', 'rules',
                           '--file', self.tenant.file('big', data), '--name',
                           'big')
        self.assertEqual(3, made['quorum'])
        a.wait_file('rules', data)
        out = str(self.tenant.root / 'out')
        self.tenant('configuration', 'show', 'big', '--output', out)
        self.assertEqual(data, pathlib.Path(out).read_bytes())
        too_big = self.tenant.file('bigger', data + data)
        self.assertEqual('too-large', self.tenant.refused(
            'configuration', 'create', '--vnf', 'a', '--applier', 'file',
            '--target', 'rules', '--file', too_big))


class TestErrors(CliCase):
    """One clear error with its code; nothing is changed."""

    def test_what_is_not_there(self):
        for words in (
                ('configuration', 'show', UNKNOWN_CID),
                ('configuration', 'show', 'nobody'),
                ('configuration', 'diff', UNKNOWN_CID, '1', '2'),
                ('configuration', 'refresh', UNKNOWN_CID),
                ('template', 'show', UNKNOWN_CID),
                ('transaction', 'show', UNKNOWN_ID),
                ('block', 'show', '99999999'),
                ('audit', 'show', UNKNOWN_CID),
                ('vnf', 'show', 'x'), ('vnf', 'revoke', 'x'),
                ('group', 'show', 'x'), ('group', 'add', 'x', 'y'),
                ('receipt', 'list', '--vnf', 'x'),
                ('migration', 'show', 'x'),
                ('migration', 'create', 'x', 'y')):
            self.assertEqual('not-found', self.tenant.refused(*words),
                             words)

    def test_what_cannot_be(self):
        for words in (
                ('transaction', 'show', 'xyz'),
                ('transaction', 'list', '--limit', '0'),
                ('transaction', 'list', '--sender', 'me'),
                ('block', 'list', '--limit', '0'),
                ('group', 'create', '../x'),
                ('request', 'show', 'a:b'),
                ('key', 'create', 'a b'),
                ('audit', 'show', UNKNOWN_CID, '--export', '/no/such')):
            self.assertEqual('bad-option', self.tenant.refused(*words),
                             words)

    def test_no_quorum(self):
        for index in (1, 2, 3):
            self.members.pause(index)
            self.addCleanup(self.members.resume, index)
        done = self.tenant.run(
            'template', 'publish', '--applier', 'file', '--target', 'x',
            '--file', self.rules, '--vendor', 'ACME',
            nodes=self.members.url(0))
        self.assertEqual(1, done.returncode)
        self.assertIn(done.stderr.split(':')[0], ('no-quorum', 'timeout'))
        # Reading goes on.
        self.tenant('block', 'list', '--limit', '1',
                    nodes=self.members.url(0))

    def test_json_of_an_empty_list(self):
        for noun in ('vnf', 'group', 'configuration', 'migration',
                     'receipt'):
            self.assertEqual([], json.loads(self.tenant.text(
                noun, 'list', '-f', 'json')), noun)


class TestOperator(base.TestCase):
    """Enrolling with a token of a real Keystone."""

    TIMEOUT_SCALE = 15

    def environment(self, account):
        """Return what a user's RC file sets."""
        facts = self.keystone[account]
        return {
            'OS_AUTH_TYPE': 'password', 'OS_IDENTITY_API_VERSION': '3',
            'OS_CACERT': str(self.members.ca_file),
            'OS_VNF_LEDGER_ENDPOINT_OVERRIDE': self.members.operator_url(
                0).replace('http:', 'https:'),
            **{f'OS_{name.upper()}': value
               for name, value in facts.items()}}

    def test_enrolment(self):
        self.keystone = self.require_part('keystone')
        self.members = federation.Federation(
            1, admission='registered', start=False)
        self.addCleanup(self.members.close)
        self.members.configure(0, {
            'operator': {'auth_strategy': 'keystone', 'plain_http': False},
            'keystone_authtoken': test_operator_door.authtoken(
                self.keystone)})
        self.members.start_all()
        tenant = tenants.Tenant(self.make_directory(), self.members)
        tenant('init', '--federation-directory',
               str(self.members.directory))
        key_id = tenant('key', 'create', 'alice')['key_id']
        words = ('enrolment', 'create', '--key-id', key_id)

        def refused(account):
            return tenant.refused(*words, auth=(),
                                  environment=self.environment(account))

        self.assertEqual('forbidden', refused('auditor'))
        made = tenant(*words, auth=(), environment=self.environment('admin'))
        self.assertEqual(key_id, made['key_id'])
        tenant('template', 'publish', '--applier', 'file', '--target', 'x',
               '--file', tenant.file('data', 'x'), '--vendor', 'ACME')
        # Without a token there is no way in, and no trace of one.
        done = tenant.run('enrolment', 'list', auth=(), environment={
            'OS_PROJECT_NAME': 'x'})
        self.assertEqual(1, done.returncode)
        self.assertNotIn('Traceback', done.stderr)
