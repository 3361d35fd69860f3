# SPDX-License-Identifier: Apache-2.0
"""The parts the other tests stand on are the real thing and work."""

import pathlib
import uuid

from keystoneauth1.identity import v3
from keystoneauth1 import session
from oslo_config import cfg
import oslo_messaging
from oslo_messaging import conffixture
import requests
import sqlalchemy

from tacker_ledger.tests import base


class TestParts(base.TestCase):
    # a cold start of Keystone installs it
    TIMEOUT_SCALE = 10

    def test_rabbitmq_carries_a_call(self):
        conf = cfg.ConfigOpts()
        conf([], default_config_files=[], default_config_dirs=[])
        # a client reads options which only the global object has by itself
        self.useFixture(conffixture.ConfFixture(conf))
        transport = oslo_messaging.get_rpc_transport(
            conf, self.require_part('rabbitmq')['transport_url'])
        self.addCleanup(transport.cleanup)

        class Endpoint:
            def double(self, context, number):
                return 2 * number

        topic = f'test-{uuid.uuid4().hex}'
        server = oslo_messaging.get_rpc_server(
            transport, oslo_messaging.Target(topic=topic, server='here'),
            [Endpoint()], executor='threading')
        server.start()
        self.addCleanup(server.wait)
        self.addCleanup(server.stop)
        client = oslo_messaging.get_rpc_client(
            transport, oslo_messaging.Target(topic=topic), timeout=20)
        self.assertEqual(42, client.call({}, 'double', number=21))

    def test_mariadb_makes_and_drops_a_database(self):
        pattern = self.require_part('mariadb')['url_pattern']
        name = f'test_{uuid.uuid4().hex}'
        server = sqlalchemy.create_engine(pattern.format(database='mysql'))
        self.addCleanup(server.dispose)
        with server.connect() as connection:
            connection.execute(sqlalchemy.text(f'CREATE DATABASE {name}'))
        own = sqlalchemy.create_engine(pattern.format(database=name))
        self.addCleanup(own.dispose)
        with own.begin() as connection:
            connection.execute(sqlalchemy.text('CREATE TABLE t (n INT)'))
            connection.execute(sqlalchemy.text('INSERT INTO t VALUES (7)'))
        with own.connect() as connection:
            self.assertEqual(7, connection.execute(
                sqlalchemy.text('SELECT n FROM t')).scalar())
        with server.connect() as connection:
            connection.execute(sqlalchemy.text(f'DROP DATABASE {name}'))

    def test_keystone_knows_the_service_and_its_users(self):
        keystone = self.require_part('keystone')

        def login(account):
            return session.Session(auth=v3.Password(**keystone[account]))

        for account, role in (('admin', 'admin'), ('service', 'service'),
                              ('auditor', 'reader'), ('tenant', 'member')):
            access = login(account).auth.get_access(login(account))
            self.assertIn(role, access.role_names)
        self.assertEqual(
            keystone['service_url'],
            login('auditor').get_endpoint(
                service_type=keystone['service_type'],
                region_name=keystone['region']))

    def test_the_service_user_may_check_tokens(self):
        keystone = self.require_part('keystone')
        auditor = session.Session(auth=v3.Password(**keystone['auditor']))
        service = session.Session(auth=v3.Password(**keystone['service']))
        reply = service.get(
            keystone['auth_url'] + '/auth/tokens',
            headers={'X-Subject-Token': auditor.get_token()})
        self.assertEqual('auditor', reply.json()['token']['user']['name'])

    def test_bitcoind_mines_on_regtest(self):
        part = self.require_part('bitcoind')
        login = tuple(pathlib.Path(part['cookie_file']).read_text().split(
            ':'))

        def call(method, *parameters):
            reply = requests.post(
                part['url'], auth=login, timeout=20,
                json={'method': method, 'params': parameters})
            self.assertEqual(200, reply.status_code, reply.text)
            return reply.json()['result']

        self.assertEqual('regtest', call('getblockchaininfo')['chain'])
        # of nobody: the script that anybody can spend
        made, = call('generatetodescriptor', 1, 'raw(51)#8lvh9jxk')
        self.assertLess(0, call('getblock', made)['confirmations'])
