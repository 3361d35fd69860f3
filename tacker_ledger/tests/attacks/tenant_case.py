# SPDX-License-Identifier: Apache-2.0
"""A tenant with its directory, and VNFs that print on consoles."""

from tacker_ledger.core.configuration import console_block
from tacker_ledger.tenant_client import client as client_module
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tenant_client import profile as profile_module
from tacker_ledger.tenant_client import store as store_module
from tacker_ledger.tests.attacks import ledger_case
from tacker_ledger.tests.vectors import keys

UUID = '5f1c2f3e-9c1c-4f86-a2b4-6f2d9f0c7a11'
OTHER_UUID = '0b9d3c55-47d8-4f0d-9c86-2a52d7e2c3b0'
BOOT_TEXT = '[    0.000000] Linux version 6.1.0\r\nfw login: '


class Guest:
    """Whoever can print on a console with two key pairs.

    :param label: the pairs follow from it
    """

    def __init__(self, h, label, uuid=UUID):
        self._h = h
        self.uuid = uuid
        self.vnf = keys.curve(ledger_case.PROVIDER, f'{label}/vnf')
        self.receipt = keys.curve(ledger_case.PROVIDER, f'{label}/receipt',
                                  encryption=False)

    def block(self, uuid=None, time_ms=1_700_000_000_000, h=None, vnf=None,
              receipt=None):
        """Return a key block as the agent prints it."""
        return console_block.make(
            h or self._h, vnf or self.vnf, receipt or self.receipt,
            uuid or self.uuid, time_ms)

    def fingerprint(self):
        """Return the key id of the VNF key in hex."""
        return self.vnf.document.key_id.hex()


class TenantCase(ledger_case.LedgerCase):
    """Attacks on what a tenant believes about its VNFs."""

    def setUp(self):
        super().setUp()
        store = store_module.Store(self.make_directory() / 'tenant')
        self.client = client_module.TenantClient(
            store, profile_module.create(
                store, signed_genesis=self.chain.signed.to_bytes(),
                ca_pem=None))
        self.addCleanup(self.client.close)
        self.store = store
        self.genuine = Guest(self.h, 'genuine')
        self.injector = Guest(self.h, 'injector')

    def stored(self):
        """Return the inventory's bytes."""
        path = self.store.path(inventory.FILE)
        return path.read_bytes() if path.exists() else b''

    def register(self, *texts, name='firewall', uuid=UUID, **options):
        """Register what consoles show."""
        return self.client.vnfs.register(name, texts, uuid, **options)

    def assert_not_registered(self, error, *texts, **options):
        """Demand a refusal that leaves the inventory as it is."""
        before = self.stored()
        exc = self.assertRaises(error, self.register, *texts, **options)
        self.assertEqual(error.code, exc.code)
        self.assertEqual(before, self.stored())
        return exc

    def assert_registered(self, guest, *texts, **options):
        """Demand that a guest's keys, and no others, are taken."""
        vnf = self.register(*texts, **options)
        self.assertEqual(
            (guest.vnf.document, guest.receipt.document, guest.uuid),
            (vnf.key, vnf.receipt_key, vnf.instance_uuid))
        self.assertEqual(vnf, self.client.vnfs.find(vnf.name))
