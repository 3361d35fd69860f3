# SPDX-License-Identifier: Apache-2.0
"""A tenant, nodes and VNFs in one process.

The ledger is real (:mod:`tacker_ledger.tests.ledger_simulator`): rules,
proofs and votes.  Only the wire is left out: :class:`Doors` answers with
the bodies that a node's door would send, or with lies.
"""

from collections.abc import Callable
import dataclasses
import time
from typing import Any

from tacker_ledger.core.configuration import console_block
from tacker_ledger.core.configuration import effective
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import answer as answer_module
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.tenant_client import client as client_module
from tacker_ledger.tenant_client import profile
from tacker_ledger.tenant_client import store
from tacker_ledger.tests import base
from tacker_ledger.tests import ledger_simulator
from tacker_ledger.transport import client as transport_client
from tacker_ledger.transport import node_pool

#: Suite of keys in these tests: the one that is made quickly.
SUITE = 'ed25519'


def now_ms() -> int:
    """The wall clock, which tenants go by."""
    return time.time_ns() // 1_000_000


class Doors:
    """What a tenant client asks nodes with, over one simulated chain.

    :ivar down: members that do not answer
    :ivar lies: member -> function (what, body) -> body
    :ivar after_commit: called after each block
    """

    def __init__(self, chain: ledger_simulator.Chain):
        self.chain = chain
        self.pool = node_pool.NodePool(
            (url, member) for member, url in enumerate(chain.urls))
        self.down: set[int] = set()
        self.lies: dict[int, Callable[[str, Any], Any]] = {}
        self.after_commit: list[Callable[[], None]] = []
        self.asked: list[tuple[int, str]] = []
        self.refusal: errors.LedgerError | None = None
        self.lost = 0

    def close(self):
        pass

    def update(self, federation):
        pass

    def accuse(self, reply, code):
        self.pool.mark_lying(node_pool.Offence(
            reply.node, code, reply.request, reply.raw))

    def _reply(self, node, what, body):
        self.asked.append((node.member, what))
        if node.member in self.down:
            raise errors.NoNode(f'{node.url} is down')
        if node.member in self.lies:
            body = self.lies[node.member](what, body)
        return transport_client.Reply(
            None, body, node, answer_module.Request.of('GET', '/' + what),
            b'raw')

    def _pair(self, height):
        committed = self.chain.blocks[height]
        return committed.block.header_bytes, committed.certificate

    def head(self, *, node, **_):
        return self._reply(node, 'head', self._pair(self.chain.height))

    def state(self, keys, *, node=None, **_):
        node = node or self.pool.nodes()[0]
        rows = tuple((key, self.chain.state.get(key),
                      self.chain.tree.prove(key).to_bytes())
                     for key in keys)
        return self._reply(node, 'state',
                           (self._pair(self.chain.height), rows))

    def history(self, key, *, after, limit, node):
        places = self.chain.histories.get(key, [])[after:after + limit]
        return self._reply(node, 'history', (
            self._pair(self.chain.height), key, tuple(
                (*place, self.chain.raw_at(place)) for place in places)))

    def transaction(self, txid, *, node, wait_seconds=0):
        place = self.chain.places.get(txid)
        if place is None:
            return self._reply(node, 'transaction', None)
        height, index = place
        proof = block_module.InclusionProof.of(
            self.chain.h, self.chain.blocks[height].block.raw_transactions,
            index)
        return self._reply(node, 'transaction', (
            self._pair(height), proof.to_fields(), self.chain.raw_at(place)))

    def block(self, height, *, body, node):
        if height > self.chain.height:
            return self._reply(node, 'block', None)
        raws = self.chain.blocks[height].block.raw_transactions
        return self._reply(node, 'block', (self._pair(height),
                                           raws if body else None))

    def federations(self, from_epoch=0, *, node):
        body = ((self.chain.signed.to_bytes(), None, None, None),)
        return self._reply(node, 'federation', body[from_epoch:])

    def status(self, *, node):
        self._reply(node, 'status', None)
        return {'healthy': True, 'height': self.chain.height, 'view': 0,
                'peers_up': 3, 'version': '1\x1b[31m'}

    def search(self, *, node, **filters):
        self._reply(node, 'search', None)
        rows = []
        for height, committed in enumerate(self.chain.blocks):
            for index, raw in enumerate(committed.block.raw_transactions):
                rows.append(self._row(height, index, raw))
        return [row for row in rows if all(
            name == 'limit' or row[name] == value
            for name, value in filters.items() if name != 'after_height'
        ) and row['height'] > filters.get('after_height', -1)][
            :filters['limit']]

    def _row(self, height, index, raw):
        transaction = transaction_module.Transaction.from_bytes(
            self.chain.h, raw)
        content = transaction.content
        kind = (transaction_module.TYPE_REQUEST if isinstance(
            content, transaction_module.Request)
            else transaction_module.TYPE_CONFIGURATION)
        recipient = content.recipient_id
        return {'height': height, 'position': index,
                'txid': transaction.txid.hex(), 'type': kind,
                'cid': content.cid.hex(), 'vid': content.vid,
                'sender': transaction.sender_id.hex(),
                'recipient': recipient.hex() if recipient else None,
                'timestamp_ms': content.timestamp_ms,
                'description': content.description, 'size': len(raw)}

    def submit(self, submissions, *, node):
        results = []
        for submission in submissions:
            raw = transaction_module.Submission.from_bytes(
                submission).transaction
            transaction = transaction_module.Transaction.from_bytes(
                self.chain.h, raw)
            results.append(self._take(transaction))
        reply = self._reply(node, 'submit', tuple(results))
        for listener in self.after_commit:
            listener()
        return reply

    def _take(self, transaction):
        if self.refusal is not None:
            raise self.refusal
        if self.lost:
            # Taken, and never seen again.
            self.lost -= 1
            return transaction.txid, None, None
        try:
            if transaction.txid in self.chain.places:
                raise errors.Duplicate('known')
            self.commit(transaction)
        except errors.LedgerError as error:
            return transaction.txid, error.code, error.message
        return transaction.txid, None, None

    def commit(self, *transactions):
        """Append a block at the present time."""
        return self.chain.commit(
            *transactions, time_ms=max(now_ms(), self.chain.time_ms + 1))


class Vnf:
    """A VNF that does what it is told, by core's rules for its state.

    :ivar obey: function (payload) -> code of a refusal, or empty
    :ivar report: changes what it reports
    """

    def __init__(self, doors: Doors, uuid: str):
        self.doors, self.uuid = doors, uuid
        self.chain = doors.chain
        provider = self.chain.provider
        self.pairs = [provider.generate(2)]
        self.receipt_pair = provider.generate(2, encryption=False)
        self.effective = effective.Effective()
        self.groups: dict[bytes, Any] = {}
        self.observed = (payload_module.Observation('file', 'rules', b'o'),)
        self.obey: Callable[[Any], str] = lambda payload: ''
        self.report: Callable[[Any], Any] = lambda report: report
        self.silent = False
        self.retired = False
        self._height = self.chain.height
        doors.after_commit.append(self.act)

    @property
    def pair(self):
        return self.pairs[-1]

    def console(self) -> str:
        return console_block.make(self.chain.h, self.pair, self.receipt_pair,
                                  self.uuid, now_ms())

    def act(self):
        """Handle the blocks since last time."""
        while self._height < self.chain.height and not self.retired:
            if self.silent:
                return
            self._height += 1
            raws = self.chain.blocks[self._height].block.raw_transactions
            for index, raw in enumerate(raws):
                self._handle((self._height, index),
                             transaction_module.Transaction.from_bytes(
                                 self.chain.h, raw))

    def _reader(self, recipient_id):
        for pair in self.pairs:
            if pair.document.key_id == recipient_id:
                return pair
        return self.groups.get(recipient_id)

    def _handle(self, place, transaction):
        pair = self._reader(transaction.content.recipient_id)
        if pair is None:
            return
        if isinstance(transaction.content, transaction_module.Request):
            self._answer(transaction)
            return
        payload, key = authoring.open_configuration(
            self.chain.h, transaction, pair)
        outcome, code, announced = payload_module.Outcome.APPLIED, '', None
        refusal = self.obey(payload)
        if isinstance(payload, payload_module.Welcome):
            return
        if refusal:
            outcome, code = payload_module.Outcome.REFUSED, refusal
        elif isinstance(payload, payload_module.Configuration):
            self._apply(place, transaction, payload, key)
        elif isinstance(payload, payload_module.Withdrawal):
            outcome = payload_module.Outcome.WITHDRAWN
            self.effective = self.effective.without(payload.cid)
        elif isinstance(payload, payload_module.Delivery):
            self._deliver(place, payload)
        elif isinstance(payload, payload_module.GroupKey):
            outcome = payload_module.Outcome.JOINED_GROUP
            self._group(payload)
        elif isinstance(payload, payload_module.KeyReplacement):
            outcome = payload_module.Outcome.KEY_REPLACED
            announced = self._replace(payload)
        elif isinstance(payload, payload_module.TrustChange):
            outcome, self.retired = payload_module.Outcome.RETIRED, True
        self._receipt(transaction, outcome, code, announced)

    def _entry(self, transaction, payload, key):
        encoded = payload_module.encode_payload(payload)
        content = transaction.content
        return effective.Entry(
            content.cid, content.vid, transaction.txid,
            transaction.sender_id, payload.applier, payload.target,
            payload_module.payload_digest(self.chain.h, encoded), key)

    def _apply(self, place, transaction, payload, key):
        plan = [*(self._public(one) for one
                  in transaction.content.apply_before),
                self._entry(transaction, payload, key),
                *(self._public(one) for one
                  in transaction.content.apply_after)]
        content = transaction.content
        self.effective = self.effective.with_base(effective.Base(
            content.cid, content.vid, place, tuple(plan)))

    def _public(self, reference):
        key = identifiers.cid_state_key(self.chain.h, reference.cid)
        for place in reversed(self.chain.histories[key]):
            one = transaction_module.Transaction.from_bytes(
                self.chain.h, self.chain.raw_at(place))
            if reference.vid in (None, one.content.vid):
                return self._entry(one, authoring.open_public(one), None)
        raise AssertionError('no such version')

    def _deliver(self, place, payload):
        entries = []
        for one in payload.entries:
            transaction = transaction_module.Transaction.from_bytes(
                self.chain.h, self.chain.raw_at(self.chain.places[one.txid]))
            opened = (authoring.open_public(transaction)
                      if one.content_key is None
                      else authoring.open_with_key(
                          self.chain.h, transaction, one.content_key))
            entries.append(self._entry(transaction, opened,
                                       one.content_key))
        self.effective = effective.delivered(place, entries)

    def _group(self, payload):
        if payload.action == payload.JOIN:
            self.groups[payload.group_key_id] = (
                self.chain.provider.load_private(payload.private))
        else:
            self.groups.pop(payload.group_key_id, None)

    def _replace(self, order):
        old = self.pair
        self.pairs.append(self.chain.provider.generate(order.suite))
        return payload_module.Announcement.signed_by(
            self.chain.h, old, self.pair.document)

    def _author(self, maker, **fields):
        provider = self.chain.provider
        return maker(
            self.chain.h, provider, timestamp_ms=now_ms(),
            nonce=provider.random_bytes(16),
            content_key=provider.random_bytes(32), **fields).transaction

    def _receipt(self, about, outcome, code, announcement):
        receipt = payload_module.Receipt(
            about.txid, about.content.cid, about.content.vid, outcome, code,
            'because \x1b[31m' if code else '', self.chain.height,
            self.effective.summary(), announcement)
        self.doors.commit(self._author(
            authoring.author_configuration, pair=self.receipt_pair, vid=1,
            payload=receipt, recipient=about.sender))

    def _answer(self, request):
        report = self.report(payload_module.StateReport(
            request.txid, tuple(entry.reported() for entry
                                in self.effective.entries()),
            self.observed, now_ms()))
        self.doors.commit(self._author(
            authoring.author_answer, pair=self.pair, request=request,
            payload=report))


@dataclasses.dataclass
class Tenant:
    """A tenant client whose nodes are simulated, and its key."""

    client: client_module.TenantClient
    key: Any


class TenantCase(base.TestCase):
    """A test with a chain, a tenant client and, at will, VNFs."""

    def setUp(self):
        super().setUp()
        self.chain = ledger_simulator.Chain()
        self.doors = Doors(self.chain)
        self.doors.commit()
        self.tenant = self.new_tenant()
        self.key = self.tenant.keys.create('alice', suite=SUITE)

    def new_tenant(self, directory=None) -> client_module.TenantClient:
        """Return the client of a directory, of a new one if none."""
        place = store.Store(directory or self.make_directory() / 'tenant')
        made = profile.create(
            place, signed_genesis=self.chain.signed.to_bytes(), ca_pem=None,
            suite=SUITE)
        tenant = client_module.TenantClient(place, dataclasses.replace(
            made, commit_timeout_seconds=1.0))
        tenant.ledger.client.close()
        tenant.ledger.client = self.doors
        self.addCleanup(tenant.close)
        return tenant

    def vnf(self, name: str, register: bool = True) -> Vnf:
        """Return a new VNF, registered under its name."""
        vnf = Vnf(self.doors, f'uuid-{name}')
        if register:
            self.tenant.vnfs.register(name, [vnf.console()])
        return vnf

    def create(self, name='rules', data=b'allow\n', *, vnf='a', group='',
               **fields):
        """Return a new configuration's write."""
        return self.tenant.configurations.create(
            self.key, self.tenant.context.recipient(
                vnf='' if group else vnf, group=group),
            applier='file', target=name, data=data, name=name, **fields)
