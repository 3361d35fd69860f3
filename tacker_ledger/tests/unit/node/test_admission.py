# SPDX-License-Identifier: Apache-2.0
"""Tests of admission."""

from tacker_ledger import conf as conf_module
from tacker_ledger.core import errors
from tacker_ledger.node import admission
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.node import test_pool


def make_conf(**options):
    """Return a configuration with some options of group node set."""
    conf = conf_module.cfg.ConfigOpts()
    conf_module.register_groups(conf, conf_module.NODE)
    for name, value in options.items():
        group, _, name = name.partition('__')
        conf.set_override(name, value, group)
    return conf


class Access:
    """What a node would know."""

    def __init__(self):
        self.keys = set()
        self.by = {}
        self.answers = set()

    def enrolled(self, key_id):
        return key_id in self.keys

    def addressers(self, key_id, limit):
        return self.by.get(key_id, [])[:limit]

    def answers_open_slot(self, transaction):
        return transaction.txid in self.answers


class TestRegistered(base.TestCase):

    def setUp(self):
        super().setUp()
        self.access = Access()
        self.driver = admission.RegisteredAdmission(make_conf(
            node__rate_per_key_per_second=10.0, node__rate_burst_per_key=8,
            node__rate_addressed_share=0.25), self.access)
        self.tenant = test_pool.transaction('t', 'tenant')
        self.vnf = test_pool.transaction('v', 'vnf')

    def admit(self, transaction, now=0.0):
        self.driver.admit(None, transaction, now)

    def test_a_stranger(self):
        self.assertRaises(errors.NotAdmitted, self.admit, self.tenant)

    def test_an_enrolled_key_has_its_part_of_the_rate(self):
        self.access.keys.add(self.tenant.sender_id)
        for _ in range(6):
            self.admit(self.tenant)
        error = self.assertRaises(errors.RateLimited, self.admit,
                                  self.tenant)
        self.assertGreater(error.details['retry_after_seconds'], 0)
        self.admit(self.tenant, now=0.2)

    def test_addressed_keys_share_the_other_part(self):
        self.access.keys.add(self.tenant.sender_id)
        others = [test_pool.transaction(f'o{i}', f'vnf {i}')
                  for i in range(3)]
        for other in others:
            self.access.by[other.sender_id] = [self.tenant.sender_id]
        self.admit(others[0])
        self.admit(others[1])
        self.assertRaises(errors.RateLimited, self.admit, others[2])
        for _ in range(6):
            self.admit(self.tenant)

    def test_only_an_enrolled_addresser_lets_a_key_in(self):
        stranger = test_pool.transaction('s', 'stranger').sender_id
        self.access.by[self.vnf.sender_id] = [stranger]
        self.assertRaises(errors.NotAdmitted, self.admit, self.vnf)
        # the first enrolled one is charged, whoever came before
        self.access.by[self.vnf.sender_id].append(self.tenant.sender_id)
        self.access.keys.add(self.tenant.sender_id)
        self.admit(self.vnf)
        self.admit(self.vnf)
        self.assertRaises(errors.RateLimited, self.admit, self.vnf)

    def test_an_answer_costs_nothing(self):
        self.access.answers.add(self.vnf.txid)
        for _ in range(50):
            self.admit(self.vnf)


class TestOpen(base.TestCase):

    def test_on_loopback(self):
        for host in ('127.0.0.1', '::1', 'localhost'):
            admission.OpenAdmission(make_conf(door__host=host), Access())

    def test_elsewhere_only_by_an_explicit_option(self):
        conf = make_conf(door__host='0.0.0.0')
        error = self.assertRaises(errors.BadOption, admission.OpenAdmission,
                                  conf, Access())
        self.assertEqual('admission', error.details['option'])
        conf.set_override('admission_open_anywhere', True, 'node')
        admission.OpenAdmission(conf, Access()).admit(
            None, test_pool.transaction('x'), 0.0)
