# SPDX-License-Identifier: Apache-2.0
"""The way in."""

import fixtures

from tacker_ledger.core import errors
from tacker_ledger.tenant_client import asking
from tacker_ledger.tenant_client import client
from tacker_ledger.tests.unit.tenant_client import simulator


class TestTenantClient(simulator.TenantCase):
    """Opening and closing."""

    def test_open(self):
        directory = self.tenant.store.directory
        with client.TenantClient.open(directory) as tenant:
            self.assertEqual(self.chain.h.chain_id, tenant.ledger.chain_id)
            self.assertEqual(
                [(url, index) for index, url in enumerate(self.chain.urls)],
                tenant.ledger.nodes())
        self.useFixture(fixtures.EnvironmentVariable(
            'TACKER_LEDGER_HOME', str(directory)))
        with client.TenantClient.open(
                nodes=['node-3=http://127.0.0.1:1']) as tenant:
            self.assertEqual([('http://127.0.0.1:1', 3)],
                             tenant.ledger.nodes())

    def test_with_either_library(self):
        directory = self.tenant.store.directory
        path = self.tenant.store.path('tenant.conf')
        text = path.read_text()
        self.vnf('a')
        written = self.create()
        for name in ('cryptography', 'pycryptodome'):
            path.write_text(text.replace(
                'crypto_provider = ', f'crypto_provider = {name}'))
            with client.TenantClient.open(directory) as tenant:
                self.assertEqual(name, tenant.context.provider.name)
                tenant.ledger.client = self.doors
                tenant.configurations.update(written.cid,
                                             data=name.encode())
                read = tenant.configurations.read(written.cid)
                self.assertEqual(name.encode(), read.payload.data)

    def test_nothing_to_open(self):
        self.assertRaises(errors.BadOption, client.TenantClient.open,
                          self.make_directory())

    def test_closing_keeps_what_was_proven(self):
        self.tenant.close()
        self.assertFalse(self.tenant.store.path(
            asking.TRUSTED_FILE).exists())
        self.tenant.ledger.head()
        self.tenant.close()
        self.assertTrue(self.tenant.store.path(
            asking.TRUSTED_FILE).exists())
