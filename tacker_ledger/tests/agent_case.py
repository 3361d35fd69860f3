# SPDX-License-Identifier: Apache-2.0
"""What tests of the agent start from: a federation, a tenant and one VNF.

The agent is the real one, with the real client, file keystore and file
applier; nodes answer in memory and time passes when a test says so.
"""

import dataclasses
import pathlib

from tacker_ledger.core.configuration import bootstrap as document_module
from tacker_ledger.core.configuration import clock
from tacker_ledger.core.crypto import envelope
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.keystore import file as file_keystore
from tacker_ledger.tests import base
from tacker_ledger.tests import door_simulator
from tacker_ledger.tests import ledger_simulator
from tacker_ledger.vnf_client.appliers import file as file_applier
from tacker_ledger.vnf_client import bootstrap
from tacker_ledger.vnf_client import service
from tacker_ledger.vnf_client import settings as settings_module

UUID = '7d8f2a2e-0000-4000-8000-000000000001'
ED25519 = 2
HOUR_MS = 3_600_000


class ManualClocks:
    """Clocks that a test sets."""

    def __init__(self, wall_ms: int) -> None:
        self.monotonic_ms = 1_000_000
        self.wall_ms = wall_ms
        self.boot = 'boot-1'

    def reading(self) -> clock.Reading:
        return clock.Reading(self.monotonic_ms, self.wall_ms)

    def boot_id(self) -> str:
        return self.boot

    def pass_ms(self, elapsed_ms: int) -> None:
        self.monotonic_ms += elapsed_ms
        self.wall_ms += elapsed_ms


class FailingApplier(file_applier.FileApplier):
    """A file applier that a test can make fail, or die, after writing."""

    failure: BaseException | None = None

    def apply(self, change, baseline):
        super().apply(change, baseline)
        if self.failure is not None:
            raise self.failure


@dataclasses.dataclass
class Vnf:
    """One agent and its world."""

    root: pathlib.Path
    service: service.Service
    agent: object
    clocks: ManualClocks
    applier: FailingApplier

    @property
    def state(self):
        return self.agent.state

    @property
    def document(self):
        """The current VNF key."""
        return self.agent.keys.own(self.state.trust.own_ids[-1]).document

    def content(self, target: str = 'firewall') -> bytes | None:
        path = self.root / target
        return path.read_bytes() if path.exists() else None

    def evidence(self) -> list[str]:
        return sorted(path.name for path in
                      (self.root / 'state' / 'evidence').iterdir())


class AgentCase(base.TestCase):
    """A VNF whose targets ``firewall`` and ``dns`` are files."""

    MEMBERS = 4

    def setUp(self):
        super().setUp()
        self.provider = providers.default()
        self.chain = ledger_simulator.Chain(self.MEMBERS)
        self.h = self.chain.h
        self.doors = door_simulator.Doors(self.chain)
        self.tenant = self.provider.generate(ED25519)
        self.vendor = self.provider.generate(ED25519)
        self.stranger = self.provider.generate(ED25519)
        self.recovery = self.provider.generate(ED25519)
        self.chain.commit()
        self.vnf = self.start()

    # VNFs

    def bootstrap_document(self, **changes) -> document_module.Bootstrap:
        genesis = self.chain.blocks[0].block
        return dataclasses.replace(document_module.Bootstrap(
            chain_id=self.h.chain_id, federation=self.chain.signed.to_bytes(),
            floor=document_module.Floor(
                0, genesis.digest, genesis.header.timestamp_ms),
            nodes=tuple(document_module.Node(url, member) for member, url
                        in enumerate(self.chain.urls)),
            ca='', commanders=(self.tenant.document,),
            references=(self.vendor.document,),
            allow_unpinned_references=False,
            recovery_key_id=self.recovery.document.key_id,
            interval_seconds=30.0, instance_uuid=UUID), **changes)

    def start(self, root: pathlib.Path | None = None, clocks=None,
              document=None, **changes) -> Vnf:
        """Return an agent, new or of a directory that has one."""
        root = root or self.make_directory()
        changes.setdefault('receipt_delay_max_seconds', 0.0)
        changes.setdefault('console', str(root / 'console'))
        settings = settings_module.Settings(
            root / 'state', suite=ED25519, **changes)
        applier = FailingApplier(
            {'firewall': str(root / 'firewall'), 'dns': str(root / 'dns')})
        clocks = clocks or ManualClocks(self.chain.time_ms)
        agent = bootstrap.build(
            document or self.bootstrap_document(), settings, self.provider,
            file_keystore.FileKeystore(root / 'state' / 'keys',
                                       provider=self.provider),
            {'file': applier}, clocks)
        self.doors.connect(agent.fetcher.client)
        return Vnf(root, service.Service(agent), agent, clocks, applier)

    def restart(self, vnf: Vnf | None = None, **changes) -> Vnf:
        """Return the agent of a VNF whose process has ended."""
        vnf = vnf or self.vnf
        again = self.start(vnf.root, vnf.clocks, **changes)
        again.service._start()
        return again

    def poll(self, vnf: Vnf | None = None) -> None:
        """Let the agent ask once."""
        (vnf or self.vnf).service.poll()

    def only(self, *members: int) -> None:
        """Silence all other doors."""
        for door in self.doors:
            door.silent = door.member not in members

    # Time and blocks

    def commit(self, *transactions, elapsed_ms: int = 1000) -> int:
        """Append a block a moment later, also for all VNFs' clocks."""
        self.vnf.clocks.pass_ms(elapsed_ms)
        return self.chain.commit(
            *transactions, time_ms=self.chain.time_ms + elapsed_ms)

    def settle(self, vnf: Vnf | None = None) -> list:
        """Commit what VNFs have sent and return it."""
        sent = self.doors.submitted()
        if sent:
            self.commit(*sent)
        return sent

    # The tenant

    def configuration(self, data: bytes = b'drop', *, target='firewall',
                      applier='file', **sealed) -> payload.Configuration:
        return payload.Configuration(applier, target, data, **sealed)

    def author(self, body, *, pair=None, to=None, vid=1, cid=None,
               **options) -> transaction_module.Transaction:
        """Return a sealed transaction of the tenant's to the VNF."""
        return self.authored(body, pair=pair, to=to, vid=vid, cid=cid,
                             **options).transaction

    def authored(self, body, *, pair=None, to=None, vid=1, cid=None,
                 **options) -> authoring.Authored:
        options.setdefault('nonce', self.provider.random_bytes(16))
        return authoring.author_configuration(
            self.h, self.provider, pair or self.tenant, vid=vid, cid=cid,
            payload=body, recipient=to or self.vnf.document,
            timestamp_ms=self.chain.time_ms,
            content_key=self.provider.random_bytes(32), **options)

    def template(self, data=b'base', *, pair=None, vid=1, cid=None,
                 target='firewall', **options):
        return authoring.author_public(
            self.h, pair or self.vendor, vid=vid, cid=cid,
            payload=payload.Template('file', target, data, 'vendor', '1'),
            timestamp_ms=self.chain.time_ms,
            nonce=self.provider.random_bytes(16), **options)

    def request(self, *, pair=None, to=None, cid=None, vid=1,
                lifetime_ms=HOUR_MS):
        return authoring.author_request(
            self.h, pair or self.tenant, vid=vid, cid=cid,
            recipient_id=(to or self.vnf.document).key_id,
            slot_expiry_ms=self.chain.time_ms + lifetime_ms,
            timestamp_ms=self.chain.time_ms,
            nonce=self.provider.random_bytes(16))

    def trust_change(self, change, signer=None) -> payload.TrustChange:
        if isinstance(change, payload.RetireVnf):
            return payload.TrustChange(change)
        return payload.TrustChange.signed_by(
            self.h, signer or self.recovery, change)

    def reference(self, one, *, vid=True, digest=False):
        return identifiers.Reference(
            one.content.cid, one.content.vid if vid or digest else None,
            one.txid if digest else None)

    def opened(self, one, pair=None):
        """Return what a tenant reads in a transaction to it."""
        return authoring.open_configuration(
            self.h, one, pair or self.tenant, envelope.Role.RECIPIENT)[0]

    def receipts(self, pair=None) -> list[payload.Receipt]:
        """Commit what the VNF sends and return the receipts among it."""
        found = []
        for one in self.settle():
            if one.content.recipient_id == (
                    pair or self.tenant).document.key_id:
                body = self.opened(one, pair)
                if isinstance(body, payload.Receipt):
                    found.append(body)
        return found

    # What must hold

    def assertNothingChanged(self, do) -> None:
        """Assert that files and effective configuration stay as they are."""
        before = (self.vnf.content(), self.vnf.content('dns'),
                  self.vnf.state.effective, self.vnf.state.sequence)
        do()
        self.assertEqual(before, (
            self.vnf.content(), self.vnf.content('dns'),
            self.vnf.state.effective, self.vnf.state.sequence))

    def assertPollFails(self, code: str) -> None:
        """Assert that a poll fails so, at one node at least, in vain."""
        error = self.assertRaises(errors.LedgerError,
                                  self.assertNothingChanged, self.poll)
        self.assertIn(code, (error.code, *error.details.get('codes', ())))

    def assertRefused(self, code: str, *transactions) -> None:
        """Assert that what was committed is refused so, by receipt."""
        self.commit(*transactions)
        self.assertNothingChanged(self.poll)
        self.assertEqual(
            [(transactions[-1].txid, payload.Outcome.REFUSED, code)],
            [(one.about_txid, one.outcome, one.code)
             for one in self.receipts()][-1:])
