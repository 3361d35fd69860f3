# SPDX-License-Identifier: Apache-2.0
"""A node with its cloud around it: the index in MariaDB, RPC by RabbitMQ."""

import uuid

from oslo_log import log as logging
import sqlalchemy as sa

from tacker_ledger import conf as conf_module
from tacker_ledger.core import errors
from tacker_ledger import messaging
from tacker_ledger.node import query
from tacker_ledger.storage import index as index_module
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional import federation


class TestMariadb(base.TestCase):
    TIMEOUT_SCALE = 10

    def setUp(self):
        super().setUp()
        pattern = self.require_part('mariadb')['url_pattern']
        server = sa.create_engine(pattern.format(database='mysql'))
        self.addCleanup(server.dispose)
        self.urls = []
        for number in range(2):
            name = f'ledger_{uuid.uuid4().hex}_{number}'
            self.urls.append(pattern.format(database=name))
            with server.connect() as connection:
                connection.execute(sa.text(f'CREATE DATABASE {name}'))
            self.addCleanup(self.drop, server, name)

    @staticmethod
    def drop(server, name):
        with server.connect() as connection:
            connection.execute(sa.text(f'DROP DATABASE {name}'))

    def content(self, url):
        index = index_module.Index(url)
        try:
            return list(index.content()), index.position()
        finally:
            index.close()

    def test_the_same_index_as_in_sqlite(self):
        with federation.Federation(3, start=False) as members:
            for index, url in enumerate(self.urls):
                members.configure(index, {'database': {'connection': url}})
                members.manage('db', 'sync', '--config-file',
                               str(members.config_file(index)))
            members.start_all()
            tenant = authors.Author(members.h)
            vnf = authors.Author(members.h, suite=1)
            first = tenant.template()
            written = [first, tenant.configuration(vnf), tenant.request(vnf),
                       vnf.configuration(tenant)]
            for one in written:
                result, = members.submit(0, one.submission)
                self.assertTrue(result.accepted, result)
            reader = query.open_directory(str(members.data(2)))
            members.wait_until(lambda: all(
                reader.transaction(one.txid) for one in written), 30.0)
            height = reader.height()
            members.wait_until(lambda: all(
                members.status(index)['index_height'] >= height
                for index in range(3)), 30.0)
            for index in range(3):
                members.stop(index)
            urls = [*self.urls,
                    f'sqlite:///{members.data(2)}/index.sqlite']
            contents = [[row for row in self.content(url)[0]
                         if row[1][0] <= height] for url in urls]
            self.assertEqual(contents[0], contents[1])
            self.assertEqual(contents[0], contents[2])
            self.assertEqual(
                4, len([row for row in contents[0]
                        if row[0] == 'transactions']))
            # dropped and built again: the same
            members.manage('index', 'rebuild', '--config-file',
                           str(members.config_file(1)))
            rebuilt, position = self.content(self.urls[1])
            self.assertEqual(contents[1], [row for row in rebuilt
                                           if row[1][0] <= height])
            self.assertLessEqual(height, position.height)
            self.assert_refused_while_running(members)

    def assert_refused_while_running(self, members):
        members.start_all()
        done = members.manage(
            'index', 'rebuild', '--config-file',
            str(members.config_file(1)), check=False)
        self.assertEqual(1, done.returncode)
        self.assertIn('error: busy: ', done.stderr)


class TestRpc(base.TestCase):
    TIMEOUT_SCALE = 10

    def test_the_facade_by_rabbitmq(self):
        url = self.require_part('rabbitmq')['transport_url']
        # a name of its own: other tests share the broker
        prefix = f'rpc-{uuid.uuid4().hex[:12]}-'
        with federation.Federation(
                1, admission='registered', init=['--name-prefix', prefix],
                options={'DEFAULT': {'transport_url': url}}) as members:
            conf = conf_module.make_conf(
                [], groups=(), register=(logging.register_options,
                                         messaging.register_options))
            conf.set_override('transport_url', url)
            transport = messaging.get_transport(conf)
            self.addCleanup(transport.cleanup)
            client = messaging.NodeClient(transport, f'{prefix}0', 30)
            chain_id = members.h.chain_id.hex()
            self.assertEqual(chain_id, client.status()['chain_id'])
            author = authors.Author(members.h)
            written = author.template()
            result, = client.submit([written.submission])
            self.assertEqual('not-admitted', result['code'])
            client.enrol(author.key_id, 'by rpc')
            self.assertEqual(
                [{'key_id': author.key_id.hex(), 'label': 'by rpc',
                  'member': 0}], client.enrolments())
            result, = client.submit([written.submission])
            self.assertEqual((None, written.txid.hex()),
                             (result['code'], result['txid']))
            members.wait_until(lambda: self.found(client, written), 20.0)
            members.wait_until(lambda: client.search(
                sender=author.key_id.hex()), 20.0)
            self.assertEqual([], client.peers())
            self.assertEqual(1, client.usage()[0]['count'])
            self.assertEqual([], client.evidence())
            self.assertGreater(client.head()['height'], 0)
            client.unenrol(author.key_id)
            self.assertRaises(errors.NotFound, client.unenrol,
                              author.key_id)
            self.assertRaises(errors.BadOption, client.search, cid='xy')

    @staticmethod
    def found(client, written) -> bool:
        try:
            return bool(client.transaction(written.txid))
        except errors.NotFound:
            return False


class Heard:
    """Keeps notifications of every priority."""

    def __init__(self):
        self.events = []

    def info(self, context, publisher_id, event_type, payload, metadata):
        self.events.append(('info', publisher_id, event_type, payload))

    def error(self, context, publisher_id, event_type, payload, metadata):
        self.events.append(('error', publisher_id, event_type, payload))

    def payloads(self, event_type):
        """Return (priority, payload) of one type."""
        return [(priority, payload) for priority, _, event, payload
                in self.events if event == event_type]


class TestNotifications(base.TestCase):
    TIMEOUT_SCALE = 10

    def listen(self, url, topic):
        conf = conf_module.make_conf(
            [], groups=(), register=(logging.register_options,
                                     messaging.register_options))
        conf.set_override('transport_url', url)
        transport = messaging.oslo_messaging.get_notification_transport(conf)
        self.addCleanup(transport.cleanup)
        heard = Heard()
        listener = messaging.oslo_messaging.get_notification_listener(
            transport, [messaging.oslo_messaging.Target(topic=topic)], [heard],
            executor='threading')
        listener.start()
        self.addCleanup(listener.wait)
        self.addCleanup(listener.stop)
        return heard

    def test_a_view_change_and_a_lost_quorum_by_rabbitmq(self):
        url = self.require_part('rabbitmq')['transport_url']
        # a name of its own: other tests share the broker
        topic = f'ledger-{uuid.uuid4().hex[:12]}'
        heard = self.listen(url, topic)
        with federation.Federation(4, options={
                'DEFAULT': {'transport_url': url},
                'oslo_messaging_notifications': {'topics': topic}
                }) as members:
            leader = members.status(0)['leader']
            other, third = [index for index in range(4)
                            if index != leader][:2]
            members.kill(leader)
            written = authors.Author(members.h).template()
            result, = members.submit(other, written.submission)
            self.assertTrue(result.accepted, result)
            members.wait_until(lambda: heard.payloads(
                'vnf_ledger.view_change.end'), 60.0, 'the change is told')
            (priority, payload), *_ = heard.payloads(
                'vnf_ledger.view_change.end')
            self.assertEqual(
                ('info', '1.0', members.h.chain_id.hex(),
                 f'node-{payload["leader"]}'),
                (priority, payload['payload_version'], payload['chain_id'],
                 payload['leader_name']))
            self.assertGreater(payload['height'], 0)
            self.assertTrue(heard.payloads('vnf_ledger.view_change.start'))
            self.assertIn(f'tacker-ledger-node.{payload["reporter"]}',
                          [event[1] for event in heard.events])
            members.kill(third)
            members.wait_until(lambda: heard.payloads(
                'vnf_ledger.no_quorum.start'), 60.0, 'the loss is told')
            (priority, payload), *_ = heard.payloads(
                'vnf_ledger.no_quorum.start')
            self.assertEqual(
                ('error', {'connected': 2, 'quorum': 3}),
                (priority, payload['details']))
            members.start(leader)
            members.wait_until(lambda: heard.payloads(
                'vnf_ledger.no_quorum.end'), 60.0, 'the end is told')
