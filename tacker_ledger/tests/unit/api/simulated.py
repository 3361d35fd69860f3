# SPDX-License-Identifier: Apache-2.0
"""A door over a simulated ledger, called without a network."""

import asyncio
import dataclasses
import inspect
import json
import secrets
from typing import Any

from oslo_config import cfg

from tacker_ledger.api import answers
from tacker_ledger.api import door
from tacker_ledger.conf import door as door_options
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import answer
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import block
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import transaction
from tacker_ledger.core.ledger import validation
from tacker_ledger.node import submit
from tacker_ledger.tests import base
from tacker_ledger.tests import ledger_simulator

INSTANCE = bytes(range(16))


class AsyncTestCase(base.TestCase):
    """Tests which are coroutines run in a loop of their own."""

    def _get_test_method(self):
        method = super()._get_test_method()
        if not inspect.iscoroutinefunction(method):
            return method
        return lambda: asyncio.run(method())


class Reader:
    """Reads a simulated chain as a node's query reads LMDB."""

    def __init__(self, chain: ledger_simulator.Chain):
        self.chain = chain

    @property
    def chain_id(self):
        return self.chain.federation.chain_id

    def height(self):
        return self.chain.height

    def _pair(self, height):
        held = self.chain.blocks[height]
        return held.block.header_bytes, held.certificate

    def head(self):
        return self._pair(self.chain.height)

    def state(self, keys):
        return self.head(), tuple(
            (key, self.chain.state.get(key),
             self.chain.tree.prove(key).to_bytes()) for key in keys)

    def changed_since(self, keys, height):
        return any(place[0] > height for key in keys
                   for place in self.chain.histories.get(key, ()))

    def history(self, state_key, after, limit):
        places = self.chain.histories.get(state_key, [])
        return self.head(), state_key, tuple(
            (*place, self.chain.raw_at(place))
            for place in places[after:after + limit])

    def transaction(self, txid):
        place = self.chain.places.get(txid)
        if place is None:
            return None
        raws = self.chain.blocks[place[0]].block.raw_transactions
        proof = block.InclusionProof.of(self.chain.h, raws, place[1])
        return self._pair(place[0]), proof.to_fields(), raws[place[1]]

    def near(self, txid):
        return self.transaction(txid)

    def block(self, height, body=True):
        if height > self.chain.height:
            return None
        raws = self.chain.blocks[height].block.raw_transactions
        return self._pair(height), tuple(raws) if body else None

    def federations(self, from_epoch=0):
        return ((self.chain.signed.to_bytes(), None, None, None),)

    def federation(self):
        return self.chain.federation

    def begins_at(self):
        return 0

    def search(self, *, sender=None, recipient=None, cid=None, kind=None,
               after_height=-1, limit=100):
        return [{'txid': txid.hex(), 'height': place[0],
                 'position': place[1]}
                for txid, place in sorted(
                    self.chain.places.items(), key=lambda item: item[1])
                if place[0] > after_height][:limit]


class Facade:
    """A node which commits at once what it is handed."""

    def __init__(self, chain: ledger_simulator.Chain, member: int = 0):
        self.chain = chain
        self.identity = submit.Identity(
            chain.federation.chain_id, member, f'node-{member}', INSTANCE)
        self.listeners = []
        self.refusal: errors.LedgerError | None = None
        self.addresses = []
        self.fates = {}

    async def submit(self, submissions, address=None):
        self.addresses.append(address)
        return [await self._one(one) for one in submissions]

    async def _one(self, raw):
        if self.refusal is not None:
            return submit.SubmitResult.refused(None, self.refusal)
        txid = None
        try:
            checked = validation.check_submission(
                self.chain.h, self.chain.provider, raw)
            txid = checked.txid
            await self.commit(checked)
        except errors.LedgerError as error:
            return submit.SubmitResult.refused(txid, error)
        return submit.SubmitResult(txid)

    async def commit(self, *transactions):
        """Commit a block and tell the listeners."""
        before = {key: self.chain.state.get(key)
                  for key in self.chain.histories}
        height = self.chain.commit(*transactions)
        changed = {key for key in self.chain.histories
                   if before.get(key) != self.chain.state.get(key)}
        head = self.chain.application.head
        for listener in list(self.listeners):
            await listener(submit.HeadEvent(
                height, head.time_ms, head.digest, frozenset(changed),
                frozenset(one.txid for one in transactions)))

    async def status(self):
        return {'name': self.identity.name, 'member': self.identity.member,
                'height': self.chain.height, 'healthy': True, 'reason': ''}

    async def fate(self, txid):
        return self.fates.get(txid)

    def subscribe(self, listener):
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)


@dataclasses.dataclass
class Got:
    """What came back.

    :param headers: names in lower case
    """

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.content)


class World:
    """A simulated chain, its node and the door's application.

    :param options: of group ``door``
    """

    def __init__(self, **options):
        self.chain = ledger_simulator.Chain()
        self.facade = Facade(self.chain)
        self.reader = Reader(self.chain)
        self.conf = configuration(plain_http=True, port=0, **options)
        self.door = door.Door(
            self.conf, self.facade, self.reader,
            answers.Signer(self.chain.secrets[0].answer,
                           self.chain.provider),
            self.reader.federation)
        self.facade.subscribe(self.door._on_head)
        self.application = door.make_application(self.door.context)
        self.author = self.chain.provider.generate(2)

    def template(self, cid: bytes | None = None, vid: int = 1,
                 size: int = 100) -> transaction.Transaction:
        """Return a public template by :attr:`author`."""
        return authoring.author_public(
            self.chain.h, self.author, cid=cid, vid=vid,
            payload=payload.Template('file', 'x', secrets.token_bytes(size),
                                     'vendor', '1'),
            timestamp_ms=self.chain.time_ms, nonce=secrets.token_bytes(16),
            compression=0)

    def state_key(self, written: transaction.Transaction) -> bytes:
        """Return where the state of a transaction's CID stands."""
        return identifiers.cid_state_key(self.chain.h, written.content.cid)

    async def call(self, method: str, target: str, body: bytes = b'',
                   headers: Any = None,
                   client: str = '192.0.2.1',
                   gone: asyncio.Event | None = None,
                   events: list | None = None) -> Got:
        """Send one request to the application.

        :param headers: a dictionary, or pairs
        :param gone: set when the client goes
        :param events: of ASGI, in place of the body in one piece
        """
        path, _, query = target.partition('?')
        pending = list(events) if events is not None else [
            {'type': 'http.request', 'body': body, 'more_body': False}]
        pairs = [('host', 'door'), *(
            headers.items() if isinstance(headers, dict) else headers or ())]
        if body and 'content-length' not in dict(pairs):
            pairs.append(('content-length', str(len(body))))
        sent = []

        async def receive():
            if pending:
                return pending.pop(0)
            await (gone or asyncio.Event()).wait()
            return {'type': 'http.disconnect'}

        async def send(event):
            sent.append(event)

        await self.application({
            'type': 'http', 'asgi': {'version': '3.0', 'spec_version': '2.3'},
            'http_version': '1.1', 'method': method, 'path': path,
            'raw_path': path.encode(), 'query_string': query.encode(),
            'headers': [(name.lower().encode(), value.encode())
                        for name, value in pairs],
            'client': (client, 40000), 'server': ('door', 443),
            'scheme': 'https', 'root_path': ''}, receive, send)
        return Got(sent[0]['status'],
                   {name.decode(): value.decode()
                    for name, value in sent[0]['headers']},
                   b''.join(event.get('body', b'') for event in sent[1:]))

    async def get(self, target: str, **more) -> Got:
        """Send a GET request."""
        return await self.call('GET', target, **more)

    async def post(self, body: bytes, **more) -> Got:
        """Send submissions."""
        headers = {'content-type': 'application/cbor',
                   **more.pop('headers', {})}
        return await self.call('POST', '/v1/transactions', body,
                               headers=headers, **more)

    def opened(self, got: Got, method: str, target: str, body: bytes = b''
               ) -> answer.Answer:
        """Return the checked answer to a request."""
        request = answer.Request.of(method, target, body)
        return answer.check_answer(
            self.chain.h, self.chain.provider, self.chain.federation,
            request.digest(self.chain.h), 0, got.content)


def configuration(**options) -> cfg.ConfigOpts:
    """Return a configuration with group ``door``."""
    conf = cfg.ConfigOpts()
    # a group of its own: oslo.config keeps overrides in the group object
    group = cfg.OptGroup('door')
    conf.register_opts(door_options.OPTIONS, group=group)
    conf([], default_config_files=[])
    for name, value in options.items():
        conf.set_override(name, value, group='door')
    return conf
