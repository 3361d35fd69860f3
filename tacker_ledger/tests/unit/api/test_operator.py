# SPDX-License-Identifier: Apache-2.0
"""The operator door's application, under each kind of caller."""

import json

from falcon import testing
from keystoneauth1 import loading
from keystonemiddleware import auth_token
from oslo_config import cfg

from tacker_ledger.api import noauth
from tacker_ledger.api import operator
from tacker_ledger.conf import door as door_options
from tacker_ledger.core import errors
from tacker_ledger.tests import base

KEY = 'ab' * 32
PATHS = ('/v1/status', '/v1/peers', '/v1/usage', '/v1/evidence',
         '/v1/enrolments')


class Backend:
    """A node in memory."""

    def __init__(self):
        self.enrolled = {}

    def status(self):
        return {'name': 'node-0', 'member': 0, 'height': 5}

    def peers(self):
        return [{'member': 1, 'up': True}]

    def usage(self):
        return [{'sender': KEY, 'bytes': 10, 'count': 1}] * 3

    def evidence(self):
        return []

    def enrolments(self):
        return [{'key_id': key.hex(), 'label': label, 'member': 0}
                for key, label in self.enrolled.items()]

    def enrol(self, key_id, label=''):
        self.enrolled[key_id] = label
        return {'key_id': key_id.hex(), 'label': label, 'member': 0}

    def unenrol(self, key_id):
        if self.enrolled.pop(key_id, None) is None:
            raise errors.NotFound('There is no such enrolment.')


def callable_of(application):
    """Return an application as Falcon's test client takes it."""
    return lambda environ, start_response: application(environ,
                                                       start_response)


def configuration(**options):
    """Return a configuration of the operator door."""
    conf = cfg.ConfigOpts()
    group = cfg.OptGroup('operator')
    conf.register_opts(door_options.OPERATOR_OPTIONS, group=group)
    conf([], project='tacker-ledger', default_config_files=[],
         default_config_dirs=[])
    for name, value in options.items():
        conf.set_override(name, value, group='operator')
    return conf


class OperatorCase(base.TestCase):
    """A door without Keystone."""

    def setUp(self):
        super().setUp()
        self.backend = Backend()
        conf = configuration(auth_strategy='noauth')
        self.application = callable_of(
            operator.make_application(conf, self.backend))

    def call(self, method, path, host='127.0.0.1:8978', **more):
        more.setdefault('remote_addr', '127.0.0.1')
        result = testing.simulate_request(
            self.application, method, path, host='127.0.0.1',
            headers={'Host': host, **more.pop('headers', {})}, **more)
        self.assertTrue(result.headers['x-openstack-request-id'])
        return result

    def refused(self, status, code, *args, **more):
        result = self.call(*args, **more)
        self.assertEqual((status, code),
                         (result.status_code, result.json['code']))


class TestNoauth(OperatorCase):
    """Everybody on this machine is an operator, nobody else is."""

    def test_reads(self):
        self.assertEqual(5, self.call('GET', '/v1/status').json['height'])
        self.assertEqual(
            [True], [peer['up'] for peer in self.call(
                'GET', '/v1/peers').json['peers']])
        self.assertEqual(3, len(self.call(
            'GET', '/v1/usage').json['usage']))
        self.assertEqual(2, len(self.call(
            'GET', '/v1/usage', query_string='limit=2').json['usage']))
        self.assertEqual([], self.call(
            'GET', '/v1/evidence').json['evidence'])
        self.assertEqual('v1', self.call('GET', '/').json['versions'][0][
            'id'])
        self.assertEqual('3.1.0', self.call(
            'GET', '/v1/openapi.json').json['openapi'])
        self.assertEqual(200, self.call('GET', '/healthcheck').status_code)

    def test_enrolment(self):
        result = self.call('POST', '/v1/enrolments',
                           json={'key_id': KEY, 'label': 'tenant'})
        self.assertEqual((201, KEY), (result.status_code,
                                      result.json['key_id']))
        self.assertTrue(result.headers['location'].endswith(
            f'/v1/enrolments/{KEY}'))
        self.assertEqual(
            ['tenant'], [one['label'] for one in self.call(
                'GET', '/v1/enrolments').json['enrolments']])
        self.assertEqual(204, self.call(
            'DELETE', f'/v1/enrolments/{KEY}').status_code)
        self.refused(404, 'not-found', 'DELETE', f'/v1/enrolments/{KEY}')

    def test_bad_enrolments(self):
        for body in ({}, {'key_id': 'ab'}, {'key_id': 7},
                     {'key_id': KEY, 'label': 7},
                     {'key_id': KEY, 'label': 'x' * 256},
                     {'key_id': KEY, 'label': 'a\x1b[2J'},
                     {'key_id': KEY, 'rank': 1}):
            self.refused(400, 'bad-option', 'POST', '/v1/enrolments',
                         json=body)
        headers = {'Content-Type': 'application/json'}
        for body in ('', '[]', '{', '"x"', '[' * 10_000):
            self.refused(400, 'malformed', 'POST', '/v1/enrolments',
                         body=body, headers=headers)
        self.refused(413, 'too-large', 'POST', '/v1/enrolments',
                     body=' ' * 20_000, headers=headers)
        self.refused(415, 'bad-option', 'POST', '/v1/enrolments',
                     body=json.dumps({'key_id': KEY}),
                     headers={'Content-Type': 'text/plain'})
        self.refused(400, 'bad-option', 'DELETE', '/v1/enrolments/ab')
        self.refused(400, 'bad-option', 'GET', '/v1/usage',
                     query_string='limit=0')
        self.refused(405, 'bad-option', 'PUT', '/v1/enrolments')
        self.refused(404, 'not-found', 'GET', '/v1/nothing')
        self.assertEqual({}, self.backend.enrolled)

    def test_pages_of_a_browser_are_no_operators(self):
        """A rebound name, another origin, another machine."""
        for more in ({'host': 'evil.example'},
                     {'host': '127.0.0.1.evil.example:8978'},
                     {'headers': {'Origin': 'https://evil.example'}},
                     {'headers': {'Origin': 'null'}},
                     {'remote_addr': '192.0.2.1'}):
            self.refused(403, 'forbidden', 'GET', '/v1/status', **more)
        self.assertEqual(200, self.call(
            'GET', '/v1/status', host='localhost:8978',
            headers={'Origin': 'http://[::1]:8978'}).status_code)

    def test_a_node_that_is_away(self):
        def away():
            raise errors.NoNode('RPC failed')
        self.backend.status = away
        self.refused(503, 'no-node', 'GET', '/v1/status')

        def fault():
            raise ZeroDivisionError('secret')
        self.backend.status = fault
        result = self.call('GET', '/v1/status')
        self.assertEqual((500, 'internal'), (result.status_code,
                                             result.json['code']))
        self.assertNotIn('secret', result.text)

    def test_version(self):
        self.refused(406, 'unsupported-version', 'GET', '/v1/status',
                     headers={'OpenStack-API-Version': 'vnf-ledger 7.0'})

    def test_own_headers_of_identity_are_dropped(self):
        seen = {}

        def application(environ, start_response):
            seen.update(environ)
            start_response('200 OK', [])
            return []

        environ = testing.create_environ(
            '/', headers={'X-Roles': 'x', 'X-User-Id': 'mallory',
                          'X-Project-Domain-Id': 'd'},
            host='127.0.0.1', remote_addr='127.0.0.1')
        noauth.NoAuth(application)(environ, lambda *args: None)
        self.assertEqual('noauth', seen['HTTP_X_USER_ID'])
        self.assertEqual('admin,reader', seen['HTTP_X_ROLES'])
        self.assertNotIn('HTTP_X_PROJECT_DOMAIN_ID', seen)


class TestRoles(base.TestCase):
    """What the door does with the roles it is told."""

    def setUp(self):
        super().setUp()
        self.backend = Backend()
        self.application = operator.make_routes(configuration(),
                                                self.backend)

    def call(self, roles, method, path, **more):
        return testing.simulate_request(
            self.application, method, path, headers={
                'X-Identity-Status': 'Confirmed', 'X-Roles': roles,
                'X-Project-Id': 'p', 'X-User-Id': 'u'}, **more)

    def test_who_may_what(self):
        writes = (('GET', '/v1/enrolments', {}),
                  ('POST', '/v1/enrolments', {'json': {'key_id': KEY}}),
                  ('DELETE', f'/v1/enrolments/{KEY}', {}))
        for method, path, more in writes:
            for roles in ('reader', 'member,reader', 'service', ''):
                got = self.call(roles, method, path, **more)
                self.assertEqual((403, 'forbidden'),
                                 (got.status_code, got.json['code']))
        self.assertEqual({}, self.backend.enrolled)
        self.assertEqual([200, 201, 204], [
            self.call('admin', method, path, **more).status_code
            for method, path, more in writes])
        for path in PATHS[:-1]:
            for roles, status in (('admin', 200), ('reader', 200),
                                  ('service', 403), ('', 403)):
                self.assertEqual(
                    status, self.call(roles, 'GET', path).status_code)

    def test_every_action_is_judged(self):
        """No route but the open ones answers a caller without a role."""
        for template, resource in operator.ROUTES:
            if template in operator.OPEN_PATHS:
                continue
            path = template.format(key_id=KEY)
            for method in ('GET', 'POST', 'DELETE'):
                if hasattr(resource, f'on_{method.lower()}'):
                    self.assertEqual(403, self.call(
                        '', method, path).status_code, path)


class TestKeystone(base.TestCase):
    """With Keystone in front; tokens themselves: functional tests."""

    def make(self, **options):
        conf = configuration()
        # registers the options, so that they can be set
        auth_token.AuthProtocol(None, {'oslo_config_config': conf})
        for name, value in options.items():
            conf.set_override(name, value, 'keystone_authtoken')
        return operator.make_application(conf, Backend())

    def test_a_missing_option_is_named(self):
        for options, name in (
                ({}, 'auth_type'), ({'auth_type': 'password'}, 'auth_url'),
                ({'auth_type': 'magic'}, 'auth_type')):
            error = self.assertRaises(errors.BadOption, self.make, **options)
            self.assertIn(f'Option {name} in [keystone_authtoken]',
                          error.message.replace('auth-', 'auth_'))

    def test_without_a_token(self):
        conf = configuration()
        auth_token.AuthProtocol(None, {'oslo_config_config': conf})
        plugin = loading.get_auth_plugin_conf_options('password')
        conf.register_opts(plugin, group='keystone_authtoken')
        for name, value in (('auth_type', 'password'),
                            ('auth_url', 'http://127.0.0.1:1'),
                            ('www_authenticate_uri', 'http://127.0.0.1:1')):
            conf.set_override(name, value, 'keystone_authtoken')
        application = callable_of(
            operator.make_application(conf, Backend()))
        for path in PATHS:
            result = testing.simulate_get(application, path)
            self.assertEqual((401, 'unauthenticated'),
                             (result.status_code, result.json['code']))
            self.assertIn('www-authenticate', result.headers)
        # what the caller says of itself is not believed
        result = testing.simulate_get(application, '/v1/peers', headers={
            'X-Identity-Status': 'Confirmed', 'X-Roles': 'admin'})
        self.assertEqual(401, result.status_code)
        for path in ('/', '/v1/openapi.json', '/healthcheck'):
            self.assertEqual(200, testing.simulate_get(
                application, path).status_code)
