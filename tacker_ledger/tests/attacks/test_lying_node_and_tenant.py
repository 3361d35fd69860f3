# SPDX-License-Identifier: Apache-2.0
"""A member lies to a tenant with its real keys: refused, named, bypassed."""

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import lie
from tacker_ledger.tenant_client import evidence
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import byzantine_door
from tacker_ledger.tests.functional import federation
from tacker_ledger.tests.functional import tenants

LIAR = 0
#: mode -> code of the refusal
HEAD_LIES = {'head-height': 'bad-certificate',
             'forged-block': 'bad-certificate',
             'state-root': 'bad-certificate', 'head-time': 'bad-certificate',
             'certificate': 'bad-certificate', 'signature': 'bad-answer'}
STATE_LIES = {'nothing': 'bad-proof', 'value': 'bad-proof',
              'proof': 'bad-proof'}
HISTORY_LIES = {'transactions': 'history-incomplete',
                'withheld': 'history-incomplete'}


class TestLyingNode(base.TestCase):
    """One lying member of four."""

    TIMEOUT_SCALE = 6

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.members = federation.Federation()
        cls.addClassCleanup(cls.members.close)

    def setUp(self):
        super().setUp()
        self.tenant = tenants.Tenant(self.make_directory(), self.members)
        self.tenant.init()
        made = self.tenant(
            'template', 'publish', '--applier', 'file', '--target', 'x',
            '--file', self.tenant.file('data', 'x'), '--vendor', 'ACME')
        self.cid = bytes.fromhex(made['cid'])
        self.door = byzantine_door.ByzantineDoor(
            self.members.home(LIAR), self.members.url(1),
            self.members.genesis.chain_id, LIAR)
        ports = federation.PortRange(1)
        self.addCleanup(ports.close)
        port = ports.start
        server = byzantine_door.serve(
            self.door, self.members.home(LIAR), '127.0.0.1', port)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.liar = f'node-{LIAR}=https://127.0.0.1:{port}'

    def client(self, *honest):
        """Return a client which knows the liar and some honest nodes."""
        tenant = tenants.client_module.TenantClient.open(
            self.tenant.directory, [self.liar, *(
                self.members.url(index) for index in honest)])
        self.addCleanup(tenant.close)
        return tenant

    def lie(self, mode, code, ask):
        """The liar alone is refused; beside others it is passed over."""
        self.door.set_mode('honest')
        ask(self.client())
        self.door.set_mode(mode)
        # Another client: what one has proven it does not ask again.
        alone = self.client()
        error = self.assertRaises(errors.LedgerError, ask, alone)
        self.assertEqual(code, error.code, mode)
        beside = self.client(1, 2)
        for _ in range(4):
            ask(beside)
        for tenant in (alone, beside):
            tenant.close()
        self.check_evidence()

    def check_evidence(self):
        """Whoever was named is convicted by the record alone."""
        with self.tenant.library() as tenant:
            for name in tenant.store.names(evidence.FOLDER, '.lie'):
                record = lie.Lie.from_bytes(tenant.store.read(
                    name, 10 ** 8))
                self.assertEqual(LIAR, lie.check_lie(
                    tenant.context.h, tenant.context.provider,
                    self.members.genesis, record))

    def test_heads(self):
        for mode, code in HEAD_LIES.items():
            self.lie(mode, code, lambda tenant: tenant.ledger.head())

    def test_states(self):
        for mode, code in STATE_LIES.items():
            self.lie(mode, code,
                     lambda tenant: tenant.ledger.cid(self.cid))
        with self.tenant.library() as tenant:
            self.assertTrue(tenant.store.names(evidence.FOLDER, '.lie'))

    def test_absence(self):
        self.lie('absence', 'bad-proof',
                 lambda tenant: tenant.ledger.cid(bytes(16)))

    def test_histories(self):
        for mode, code in HISTORY_LIES.items():
            self.lie(mode, code,
                     lambda tenant: tenant.ledger.cid_history(self.cid))

    def test_stale_heads_are_passed_over(self):
        self.door.set_mode('stale')
        alone = self.client()
        first = alone.ledger.head()
        self.members.wait_height(first.height + 2)
        with tenants.client_module.TenantClient.open(
                self.tenant.directory, [self.members.url(1)]) as honest:
            honest.ledger.head()
        # The tenant's directory remembers: an older head is no head.
        alone = self.client()
        self.assertRaises((errors.HeadRollback, errors.StaleHead),
                          alone.ledger.head)
