# SPDX-License-Identifier: Apache-2.0
"""The default rules, and which door action each is about."""

import sys

import fixtures
from oslo_config import cfg
from oslo_policy import policy

from tacker_ledger.api.schemas import operator_openapi
from tacker_ledger import policies
from tacker_ledger.policies import enforcer
from tacker_ledger.policies import enrolments
from tacker_ledger.policies import node
from tacker_ledger.tests import base

READS = (node.STATUS, node.PEERS, node.USAGE, node.EVIDENCE)
WRITES = (enrolments.CREATE, enrolments.DELETE, enrolments.LIST)


class TestRules(base.TestCase):
    """Admin acts, reader looks, the rest does neither."""

    def setUp(self):
        super().setUp()
        self.directory = self.make_directory()
        self.conf = cfg.ConfigOpts()
        self.conf([], default_config_files=[], default_config_dirs=[])
        self.enforcer = enforcer.make_enforcer(self.conf)

    def allowed(self, rule, *roles, **creds):
        return bool(self.enforcer.authorize(
            rule, {}, {'roles': list(roles), 'project_id': 'p', **creds},
            do_raise=False))

    def test_who_may_what(self):
        for rule in READS:
            self.assertTrue(self.allowed(rule, 'admin'))
            self.assertTrue(self.allowed(rule, 'reader'))
            self.assertFalse(self.allowed(rule, 'stranger'))
            self.assertFalse(self.allowed(rule))
        for rule in WRITES:
            self.assertTrue(self.allowed(rule, 'admin', 'member', 'reader'))
            self.assertFalse(self.allowed(rule, 'member', 'reader'))
            self.assertFalse(self.allowed(rule))

    def test_both_scopes(self):
        self.assertTrue(self.allowed(
            enrolments.CREATE, 'admin', project_id=None,
            system_scope='all'))

    def test_a_file_overrides(self):
        path = self.directory / 'policy.yaml'
        path.write_text(f'"{node.PEERS}": "role:network"\n')
        self.conf.set_override('policy_file', str(path), 'oslo_policy')
        self.enforcer = enforcer.make_enforcer(self.conf)
        self.assertTrue(self.allowed(node.PEERS, 'network'))
        self.assertFalse(self.allowed(node.PEERS, 'reader'))

    def test_every_rule_is_documented_and_about_a_real_action(self):
        document = operator_openapi.document()['paths']
        about = {(operation['path'], operation['method'].lower())
                 for rule in policies.list_rules()
                 if isinstance(rule, policy.DocumentedRuleDefault)
                 for operation in rule.operations}
        real = {(path, method) for path, item in document.items()
                for method, operation in item.items()
                if operation['security']}
        self.assertEqual(real, about)
        self.assertTrue(all(rule.description
                            for rule in policies.list_rules()))

    def test_the_tools_get_an_enforcer(self):
        self.useFixture(fixtures.MonkeyPatch('sys.argv', [
            'oslopolicy-list-redundant', '--namespace', 'tacker_ledger',
            '--output-file=x']))
        self.addCleanup(cfg.CONF.reset)
        made = enforcer.get_enforcer()
        self.assertIn(node.PEERS, made.registered_rules)
        self.assertEqual(4, len(sys.argv))
