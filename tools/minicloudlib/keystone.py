# SPDX-License-Identifier: Apache-2.0
"""Keystone, with the accounts and the catalogue the tests want."""

import getpass
import grp
import json
import os

from minicloudlib import identity
from minicloudlib import layout
from minicloudlib import mariadb
from minicloudlib import part
from minicloudlib import processes
from minicloudlib import wsgi

REGION = 'RegionOne'
SERVICE_TYPE = 'vnf-ledger'
#: user -> (project, roles); "admin" is made by Keystone's own bootstrap
ACCOUNTS = {
    'tacker-ledger': ('service', ('service',)),
    'auditor': ('demo', ('reader',)),
    'tenant': ('demo', ('member',)),
}
#: the accounts a person may want to be
CLOUDS = {'admin': 'admin', 'auditor': 'demo', 'tenant': 'demo'}

_CONFIGURATION = """\
[DEFAULT]
use_stderr = true
[database]
connection = {database}
[identity]
# the least bcrypt allows: accounts of tests protect nothing
password_hash_rounds = 4
[token]
provider = fernet
expiration = 86400
[fernet_tokens]
key_repository = {data}/fernet
[fernet_receipts]
key_repository = {data}/fernet
[credential]
key_repository = {data}/credential
[cache]
# without it a token check costs half a second
enabled = true
backend = oslo_cache.dict
"""


class Keystone(part.Part):
    """The identity service over MariaDB."""

    name = 'keystone'
    needs = ('mariadb',)
    ports = ('keystone',)
    process_names = ('keystone',)

    @property
    def url(self) -> str:
        return f'http://{layout.HOST}:{self.where.port("keystone")}/v3'

    def install(self):
        self.venv()

    def configure(self):
        database = mariadb.MariaDB(self.where).database('keystone')
        layout.write_private(
            self.etc / 'keystone.conf', _CONFIGURATION.format(
                database=database, data=self.data))

    def create(self):
        mariadb.MariaDB(self.where).query(
            'DROP DATABASE keystone; CREATE DATABASE keystone;')
        manage = [self.venv() / 'bin' / 'keystone-manage',
                  f'--config-file={self.etc / "keystone.conf"}']
        owner = [f'--keystone-user={getpass.getuser()}',
                 f'--keystone-group={grp.getgrgid(os.getgid()).gr_name}']
        self.call([*manage, 'db_sync'])
        self.call([*manage, 'fernet_setup', *owner])
        self.call([*manage, 'credential_setup', *owner])
        self.call([
            *manage, 'bootstrap', '--bootstrap-region-id', REGION,
            *(word for interface in ('public', 'internal', 'admin')
              for word in (f'--bootstrap-{interface}-url', self.url))],
            environ={**os.environ, 'OS_BOOTSTRAP_PASSWORD':
                     self.where.password('keystone-admin')})

    def start(self):
        wsgi.serve(self, 'keystone', 'keystone.wsgi.api:application',
                   self.where.port('keystone'), self.venv(),
                   {'OS_KEYSTONE_CONFIG_DIR': self.etc})

    def ready(self) -> bool:
        return (processes.port_open(self.where.port('keystone'))
                and identity.answers(self.url))

    def settle(self):
        admin = identity.Identity(
            self.url, self.where.password('keystone-admin'))
        for user, (project, roles) in ACCOUNTS.items():
            project_id = admin.ensure('project', project, domain_id='default')
            user_id = admin.ensure(
                'user', user, domain_id='default',
                password=self.where.password(f'keystone-{user}'))
            for role in roles:
                admin.grant(project_id, user_id, admin.ensure('role', role))
        service = admin.ensure('service', SERVICE_TYPE, type=SERVICE_TYPE)
        admin.endpoints(service, REGION, self.service_url)

    @property
    def service_url(self) -> str:
        """The address the catalogue gives for the operators' API."""
        return f'http://{layout.HOST}:{self.where.port("vnf-ledger")}'

    def up(self) -> str:
        done = super().up()
        self._write_client_files()
        return done

    def _auth(self, user: str, project: str) -> dict:
        return {
            'auth_url': self.url, 'username': user,
            'password': self.where.password(f'keystone-{user}'),
            'project_name': project, 'user_domain_name': 'Default',
            'project_domain_name': 'Default'}

    def _write_client_files(self):
        clouds = {f'minicloud-{user}': {
            'auth': self._auth(user, project), 'region_name': REGION,
            'identity_api_version': 3}
            for user, project in CLOUDS.items()}
        # JSON is YAML
        layout.write_private(self.where.home / 'clouds.yaml',
                             json.dumps({'clouds': clouds}, indent=2) + '\n')
        variables = {f'OS_{key.upper()}': value
                     for key, value in self._auth('admin', 'admin').items()}
        variables.update(OS_REGION_NAME=REGION, OS_IDENTITY_API_VERSION='3')
        layout.write_private(self.where.home / 'openrc', ''.join(
            f"export {key}='{value}'\n" for key, value in variables.items()))

    def facts(self) -> dict:
        return {
            'auth_url': self.url, 'region': REGION,
            'service_type': SERVICE_TYPE, 'service_url': self.service_url,
            'admin': self._auth('admin', 'admin'),
            **{user.replace('tacker-ledger', 'service'):
               self._auth(user, project)
               for user, (project, _roles) in ACCOUNTS.items()},
        }
