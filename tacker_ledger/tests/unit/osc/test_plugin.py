# SPDX-License-Identifier: Apache-2.0
"""What OpenStackClient loads."""

import argparse
import configparser
import copy
import subprocess
import sys
from types import SimpleNamespace

import fixtures
from keystoneauth1 import noauth
from keystoneauth1 import session
from openstack import connection
from osc_lib.command import command
from stevedore import extension

from tacker_ledger.osc import plugin
from tacker_ledger.osc import sdk
from tacker_ledger.tests import base

GROUP = 'openstack.vnf_ledger.v1'


class TestPlugin(base.TestCase):
    """The contract of a plugin."""

    def test_contract(self):
        self.assertIn(plugin.DEFAULT_API_VERSION, plugin.API_VERSIONS)
        self.assertTrue(plugin.API_VERSION_OPTION.startswith('os_'))

    def test_options(self):
        self.useFixture(fixtures.EnvironmentVariable(
            'OS_VNF_LEDGER_NODES', 'https://a,https://b'))
        self.useFixture(fixtures.EnvironmentVariable(
            'TACKER_LEDGER_HOME', '/x'))
        parsed = plugin.build_option_parser(
            argparse.ArgumentParser()).parse_args([])
        self.assertEqual(
            ('1', '/x', 'https://a,https://b'),
            (parsed.os_vnf_ledger_api_version, parsed.ledger_dir,
             parsed.os_vnf_ledger_nodes))

    def test_loading_it_costs_little(self):
        done = subprocess.run(
            [sys.executable, '-c', (
                'import osc_lib.utils, sys; before = set(sys.modules);'
                'import tacker_ledger.osc.plugin;'
                'print(*(set(sys.modules) - before))')],
            capture_output=True, text=True, cwd=base.CHECKOUT, check=True)
        self.assertEqual({'tacker_ledger', 'tacker_ledger.osc',
                          'tacker_ledger.osc.plugin'},
                         set(done.stdout.split()))

    def test_without_a_cloud(self):
        instance = SimpleNamespace(_api_version={'vnf_ledger': '1'},
                                   _auth_required=False)
        self.assertIsInstance(plugin.make_client(instance), sdk.Proxy)

    def test_every_command_is_registered_and_loads(self):
        parser = configparser.ConfigParser()
        parser.read(base.CHECKOUT / 'setup.cfg')
        listed = {
            name.strip(): target.strip() for name, _, target in (
                line.partition('=') for line in parser['entry_points'][
                    GROUP].strip().splitlines())}
        loaded = {one.name: one.plugin
                  for one in extension.ExtensionManager(GROUP)}
        self.assertEqual(set(listed), set(loaded))
        for name, target in listed.items():
            found = loaded[name]
            module, _, attribute = target.partition(':')
            self.assertTrue(issubclass(found, command.Command), name)
            self.assertEqual((module, attribute),
                             (found.__module__, found.__name__))
            self.assertTrue(name.startswith('vnf_ledger_'))

    def test_every_command_describes_itself(self):
        app = SimpleNamespace(options=SimpleNamespace())
        for one in extension.ExtensionManager(GROUP):
            found = one.plugin(app, None)
            parser = found.get_parser(one.name)
            self.assertTrue(found.get_description().strip(), one.name)
            for action in parser._actions:
                self.assertTrue(action.help, (one.name, action.dest))


class TestProxy(base.TestCase):
    """openstacksdk finds the operator door."""

    def setUp(self):
        super().setUp()
        self.asked = []
        self.answers = {}

    def proxy(self):
        made = sdk.Proxy(session.Session(auth=noauth.NoAuth(
            endpoint='http://127.0.0.1:1')), service_type=sdk.SERVICE_TYPE)

        def request(url, method, **options):
            self.asked.append((method, url, options.get('json')))
            status, body = self.answers[method]
            return SimpleNamespace(
                status_code=status, headers={}, url=url, links={},
                json=lambda: copy.deepcopy(body))

        made.request = request
        return made

    def test_enrolments(self):
        row = {'key_id': 'ab', 'label': 'x', 'member': 2}
        self.answers = {'GET': (200, {'enrolments': [row]}),
                        'POST': (201, row), 'DELETE': (204, {})}
        proxy = self.proxy()
        made = proxy.create_enrolment(key_id='ab', label='x')
        self.assertEqual(('ab', 'x', 2),
                         (made.key_id, made.label, made.member))
        self.assertEqual([made.key_id], [one.key_id for one
                                         in proxy.enrolments()])
        proxy.delete_enrolment('ab')
        self.assertEqual(
            [('POST', '/v1/enrolments', {'key_id': 'ab', 'label': 'x'}),
             ('GET', '/v1/enrolments', None),
             ('DELETE', 'v1/enrolments/ab', None)], self.asked)

    def test_peers(self):
        self.answers = {'GET': (200, {'peers': [
            {'name': 'node-1', 'up': True, 'height': 4}]})}
        [peer] = self.proxy().peers()
        self.assertEqual(('node-1', True, 4),
                         (peer.name, peer.is_up, peer.height))

    def test_in_the_catalogue(self):
        made = connection.Connection(
            session=session.Session(auth=noauth.NoAuth(
                endpoint='http://127.0.0.1:1')))
        proxy = sdk.make_proxy(made)
        self.assertIsInstance(proxy, sdk.Proxy)
        self.assertIs(proxy, made.vnf_ledger)
        self.assertEqual('http://127.0.0.1:1', proxy.get_endpoint())
