# SPDX-License-Identifier: Apache-2.0
"""The agent beside four real nodes: TLS, consensus, admission."""

import logging
import pathlib
import statistics
import sys
import time

from tacker_ledger.core.configuration import bootstrap
from tacker_ledger.core.configuration import console_block
from tacker_ledger.core.crypto import envelope
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import agent_process
from tacker_ledger.tests.functional import federation
from tacker_ledger.transport import client as client_module

LOG = logging.getLogger(__name__)


class AgentAndNodesCase(base.TestCase):
    """Four nodes, a tenant, and an agent that has shown its keys."""

    TIMEOUT_SCALE = 4

    def setUp(self):
        super().setUp()
        self.provider = providers.default()
        self.nodes = federation.Federation(4, admission='registered')
        self.addCleanup(self.nodes.close)
        self.h = self.nodes.h
        self.tenant = self.provider.generate(2)
        self.nodes.enrol(self.tenant.document.key_id)
        self.client = client_module.LedgerClient(
            [(url, index) for index, url in enumerate(self.nodes.urls())],
            self.nodes.genesis, ca_pem=self.nodes.ca_file.read_text())
        self.addCleanup(self.client.close)
        self.root = self.make_directory()
        self.target = self.root / 'firewall'
        self.agent = agent_process.AgentProcess(
            self.root, self.document(), sys.executable,
            (f'file_target = firewall={self.target}',
             'crypto_provider = pycryptodome', 'wait_seconds = 20'))
        self.addCleanup(self.agent.kill)
        self.block = self.wait_for(self.key_block)

    def document(self) -> bootstrap.Bootstrap:
        (header, _certificate), _body = self.client.block(
            0, body=False).body
        digest = self.h.hash(
            agent_process.ledger_simulator.hashing.Tag.BLOCK, header)
        return bootstrap.Bootstrap(
            chain_id=self.h.chain_id,
            federation=self.nodes.genesis_file.read_bytes(),
            floor=bootstrap.Floor(
                0, digest, self.nodes.genesis.document.created_ms),
            nodes=tuple(bootstrap.Node(url, index) for index, url
                        in enumerate(self.nodes.urls())),
            ca=self.nodes.ca_file.read_text(),
            commanders=(self.tenant.document,), references=(),
            allow_unpinned_references=False, recovery_key_id=None,
            interval_seconds=1.0, instance_uuid='an-instance')

    def wait_for(self, what, seconds=60):
        """Return what a function returns as soon as it is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := what():
                return found
            time.sleep(0.005)
        raise AssertionError('it did not come: ' + self.agent.output()
                             + self.nodes.log(0)[-3000:])

    def key_block(self):
        path = pathlib.Path(self.agent.console)
        found = (console_block.find(path.read_text())
                 if path.exists() else ())
        return found and console_block.parse(self.h, self.provider, found[0])

    def submit(self, one: transaction_module.Transaction) -> None:
        reply = self.client.submit(
            [transaction_module.Submission(one.raw).to_bytes()])
        self.assertIsNone(reply.body[0][1], reply.body)

    def author(self, body, **options):
        options.setdefault('recipient', self.block.vnf_key)
        return authoring.author_configuration(
            self.h, self.provider, self.tenant, vid=options.pop('vid', 1),
            payload=body, timestamp_ms=agent_process.now_ms(),
            nonce=self.provider.random_bytes(16),
            content_key=self.provider.random_bytes(32), **options
        ).transaction

    def configure(self, data, **options):
        one = self.author(payload.Configuration('file', 'firewall', data),
                          **options)
        self.submit(one)
        return one

    def applied(self, data):
        return lambda: (self.target.exists()
                        and self.target.read_bytes() == data)


class TestAgentAndNodes(AgentAndNodesCase):
    """The main path, and one node less."""

    def test_configured_welcomed_told_and_asked(self):
        one = self.configure(b'drop')
        self.wait_for(self.applied(b'drop'))
        # its receipt key is admitted when the tenant has addressed it
        self.submit(authoring.author_configuration(
            self.h, self.provider, self.tenant, vid=1,
            payload=payload.Welcome('hello'),
            timestamp_ms=agent_process.now_ms(),
            nonce=self.provider.random_bytes(16),
            content_key=self.provider.random_bytes(32),
            recipient=self.block.receipt_key).transaction)
        receipt = self.wait_for(
            lambda: self.first_from(self.block.receipt_key))
        self.assertEqual((one.txid, payload.Outcome.APPLIED),
                         (receipt.about_txid, receipt.outcome))
        self.submit(authoring.author_request(
            self.h, self.tenant, vid=1,
            recipient_id=self.block.vnf_key.key_id,
            slot_expiry_ms=agent_process.now_ms() + 60_000,
            timestamp_ms=agent_process.now_ms(),
            nonce=self.provider.random_bytes(16)))
        report = self.wait_for(lambda: self.first_from(self.block.vnf_key))
        self.assertEqual([one.txid],
                         [entry.txid for entry in report.effective])
        self.measure()
        self.assertEqual(0, self.agent.stop())

    def first_from(self, sender):
        key = agent_process.door_simulator.identifiers.pair_state_key(
            self.h, self.tenant.document.key_id, sender.key_id)
        _head, _key, entries = self.client.history(key).body
        if not entries:
            return None
        one = transaction_module.Transaction.from_bytes(
            self.h, entries[0][2])
        return authoring.open_configuration(
            self.h, one, self.tenant, envelope.Role.RECIPIENT)[0]

    def test_a_node_ends_and_configuring_goes_on(self):
        self.configure(b'one')
        self.wait_for(self.applied(b'one'))
        for index in (1, 3):
            self.nodes.stop(index)
            data = b'without %d' % index
            one = self.author(
                payload.Configuration('file', 'firewall', data))
            self.wait_for(lambda: self.taken(one))
            self.wait_for(self.applied(data))
            self.nodes.start(index)

    def taken(self, one):
        try:
            self.submit(one)
        except (agent_process.door_simulator.errors.LedgerError,
                AssertionError):
            return False
        return True

    def measure(self):
        """Note how long a publication takes to be in force."""
        taken = []
        cid = None
        for number in range(10):
            data = b'%d ' % number * 130  # about 400 bytes
            began = time.monotonic()
            one = self.configure(data, vid=number + 1, cid=cid)
            cid = one.content.cid
            self.wait_for(self.applied(data))
            taken.append(time.monotonic() - began)
        LOG.info(
            'publish to applied: median %.3f s, most %.3f s; RSS at most '
            '%.1f MB', statistics.median(taken), max(taken),
            self.agent.resident_bytes('VmHWM') / 1e6)
