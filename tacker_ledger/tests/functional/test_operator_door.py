# SPDX-License-Identifier: Apache-2.0
"""The operator door with a real Keystone, and by RPC with a real broker."""

import os
import pathlib
import subprocess
import sys
import time

from keystoneauth1.identity import v3
from keystoneauth1 import session
import requests

from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional import doors
from tacker_ledger.tests.functional import federation

READS = ('/v1/status', '/v1/peers', '/v1/usage', '/v1/evidence')
READY_SECONDS = 60
#: The module cannot be imported without a configuration.
CONFIG_FILES = 'TACKER_LEDGER_CONFIG_FILES'


def authtoken(keystone: dict) -> dict:
    """Return group ``keystone_authtoken`` of a service."""
    service = keystone['service']
    return {'auth_type': 'password', 'memcached_servers': '',
            'www_authenticate_uri': keystone['auth_url'],
            'service_token_roles_required': True,
            **{name: service[name] for name in (
                'auth_url', 'username', 'password', 'project_name',
                'user_domain_name', 'project_domain_name')}}


class OperatorCase(base.TestCase):
    """What holds wherever the door runs."""

    TIMEOUT_SCALE = 15

    def setUp(self):
        super().setUp()
        self.keystone = self.require_part('keystone')

    def token(self, account):
        return session.Session(v3.Password(
            **self.keystone[account])).get_token()

    def call(self, method, path, account=None, token=None, **more):
        headers = {}
        if account is not None:
            token = self.token(account)
        if token is not None:
            headers['X-Auth-Token'] = token
        return requests.request(
            method, self.url + path, headers=headers, timeout=30,
            verify=self.verify, **more)

    def check_roles(self, key_id):
        """Admin acts, a reader looks, the rest is told who they are."""
        for path in READS:
            for account in ('admin', 'auditor'):
                got = self.call('GET', path, account)
                self.assertEqual(200, got.status_code, got.text)
            got = self.call('GET', path)
            self.assertEqual((401, 'unauthenticated'),
                             (got.status_code, got.json()['code']))
            self.assertIn('www-authenticate', got.headers)
            got = self.call('GET', path, token='g' * 180)
            self.assertEqual(401, got.status_code)
        body = {'key_id': key_id, 'label': 'a tenant'}
        got = self.call('POST', '/v1/enrolments', 'auditor', json=body)
        self.assertEqual((403, 'forbidden'), (got.status_code,
                                              got.json()['code']))
        self.assertEqual(403, self.call(
            'GET', '/v1/enrolments', 'auditor').status_code)
        got = self.call('POST', '/v1/enrolments', 'admin', json=body)
        self.assertEqual(201, got.status_code, got.text)
        got = self.call('GET', '/v1/enrolments', 'admin')
        self.assertIn(key_id, [one['key_id']
                               for one in got.json()['enrolments']])
        path = f'/v1/enrolments/{key_id}'
        self.assertEqual(401, self.call('DELETE', path).status_code)
        self.assertEqual(403, self.call(
            'DELETE', path, 'auditor').status_code)
        self.assertEqual(204, self.call('DELETE', path, 'admin').status_code)
        self.assertEqual(404, self.call('DELETE', path, 'admin').status_code)
        for path in ('/', '/healthcheck', '/v1/openapi.json'):
            self.assertEqual(200, self.call('GET', path).status_code)


class TestInTheNode(OperatorCase):
    """In threads of the node's process, over TLS."""

    def setUp(self):
        super().setUp()
        self.members = federation.Federation(
            1, admission='registered', heartbeat_seconds=1, start=False)
        self.addCleanup(self.members.close)
        self.members.configure(0, {
            'operator': {'auth_strategy': 'keystone', 'plain_http': False},
            'keystone_authtoken': authtoken(self.keystone)})
        self.members.start_all()
        self.url = self.members.operator_url(0).replace('http:', 'https:')
        self.verify = str(self.members.ca_file)

    def test_roles(self):
        author = authors.Author(self.members.h)
        client = doors.connect(self.members)
        self.addCleanup(client.close)
        self.check_roles(author.key_id.hex())
        # an enrolment does what it says
        written = author.template()
        (_txid, code, _message), = client.submit(
            [written.submission, written.submission]).body[:1]
        self.assertEqual('not-admitted', code)
        self.call('POST', '/v1/enrolments', 'admin',
                  json={'key_id': author.key_id.hex()})
        self.assertIsNone(client.submit([written.submission]).body[0][1])
        self.assertIsNotNone(client.transaction(
            written.txid, wait_seconds=30).body)
        usage, = self.call('GET', '/v1/usage', 'auditor').json()['usage']
        self.assertEqual((author.key_id.hex(), 1),
                         (usage['sender'], usage['count']))
        self.assertIn('Enrolled key', self.members.log(0))
        for secret in (self.keystone['service']['password'],
                       self.token('admin')):
            self.assertNotIn(secret, self.members.log(0))


class TestUnderGunicorn(OperatorCase):
    """Away from the node, which is reached by RPC."""

    def setUp(self):
        super().setUp()
        self.broker = self.require_part('rabbitmq')['transport_url']
        self.members = federation.Federation(
            1, admission='registered', heartbeat_seconds=1, start=False)
        self.addCleanup(self.members.close)
        self.members.configure(0, {
            'DEFAULT': {'transport_url': self.broker},
            'operator': {'enabled': False}})
        self.members.start_all()
        self.verify = True
        port = self.members._ports.start + 290
        self.url = f'http://127.0.0.1:{port}'
        self.serve(port)

    def serve(self, port):
        directory = self.make_directory()
        path = directory / 'operator.conf'
        groups = {
            'DEFAULT': {'transport_url': self.broker,
                        'rpc_response_timeout': 5},
            'operator': {'node': 'node-0'},
            'keystone_authtoken': authtoken(self.keystone)}
        path.write_text(''.join(
            f'[{group}]\n' + ''.join(
                f'{name} = {value}\n' for name, value in options.items())
            for group, options in groups.items()))
        path.chmod(0o600)
        self.log_file = directory / 'log'
        with open(self.log_file, 'wb') as log:
            self.process = subprocess.Popen(
                [str(pathlib.Path(sys.executable).parent / 'gunicorn'),
                 '--workers', '2', '--threads', '2', '--bind',
                 f'127.0.0.1:{port}',
                 'tacker_ledger.api.operator_wsgi:application'],
                cwd=base.CHECKOUT, stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, 'HOME': str(directory),
                     CONFIG_FILES: str(path)})
        self.addCleanup(self.process.wait, 30)
        self.addCleanup(self.process.terminate)
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                requests.get(self.url + '/', timeout=5)
                return
            except requests.RequestException:
                text = self.log_file.read_text(errors='replace')
                self.assertIsNone(self.process.poll(), text)
                self.assertLess(time.monotonic(), deadline, text)
                time.sleep(0.2)

    def test_roles(self):
        author = authors.Author(self.members.h)
        self.check_roles(author.key_id.hex())
        got = self.call('GET', '/v1/status', 'auditor').json()
        self.assertEqual(('node-0', True), (got['name'], got['healthy']))
        # without the node there is an error, not a hanging door
        self.members.stop(0)
        got = self.call('GET', '/v1/status', 'auditor')
        self.assertIn(got.status_code, (503, 504))
        self.assertIn(got.json()['code'], ('no-node', 'timeout'))


class TestStart(base.TestCase):
    """What the module refuses to be loaded with."""

    TIMEOUT_SCALE = 2

    def test_without_a_broker(self):
        done = subprocess.run(
            [sys.executable, '-c',
             'import tacker_ledger.api.operator_wsgi'], cwd=base.CHECKOUT,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=60, env={**os.environ, CONFIG_FILES: os.devnull})
        self.assertNotEqual(0, done.returncode)
        self.assertIn('Option transport_url in [DEFAULT] is required',
                      done.stdout)
