# SPDX-License-Identifier: Apache-2.0
"""A running node: put together, started, stopped.

Start (A2 of the requirements): open the store, connect to the neighbours,
fetch the blocks that are missing, build the index, and only then take part
and serve.  Stop: no vote after it, waiters hear of it, the store is closed
in step.  Everything runs in one event loop, beside the writer's and the
indexer's threads.
"""

import asyncio
from collections.abc import Iterable
from collections.abc import Sequence
import os
import time
from typing import Any

from oslo_log import log as logging

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.node import admission as admission_module
from tacker_ledger.node import assembly
from tacker_ledger.node import doubt
from tacker_ledger.node.engine import base as engine_module
from tacker_ledger.node import facade as facade_module
from tacker_ledger.node import greeting
from tacker_ledger.node import heads
from tacker_ledger.node import identity as identity_module
from tacker_ledger.node import indexing
from tacker_ledger.node import intake as intake_module
from tacker_ledger.node import localsocket
from tacker_ledger.node import pool as pool_module
from tacker_ledger.node import query
from tacker_ledger.node import registry
from tacker_ledger.node import supply
from tacker_ledger.node import switchboard
from tacker_ledger.node import sync
from tacker_ledger.storage import store as store_module
from tacker_ledger.transport import peers

LOG = logging.getLogger(__name__)

_GIB = 1 << 30


class Node:
    """One member's process; see the module.

    :param conf: checked configuration
    :param identity: who it is
    :raises BadOption: an option does not fit the federation
    :raises LedgerError: the store cannot be used
    """

    def __init__(self, conf: Any, identity: identity_module.NodeIdentity,
                 provider: provider_module.Provider | None = None) -> None:
        self.conf = conf
        self.identity = identity
        self.member = identity.member
        self._provider = provider or providers.default()
        self.store = store_module.LedgerStore(
            conf.node.data_directory, identity.genesis, identity.signed,
            max_bytes=conf.node.storage_max_gib * _GIB,
            sync=conf.node.fsync)
        try:
            self._assemble(conf)
        except BaseException:
            self.store.close()
            raise

    def _assemble(self, conf: Any) -> None:
        self.ready = False
        self.closing = False
        self.problem: errors.LedgerError | None = None
        self.pool = pool_module.Pool(
            conf.node.pool_max_transactions, conf.node.pool_max_bytes,
            self._pool_changed)
        self.application = assembly.application(self.store, self._provider,
                                                self.pool)
        assembly.check_place(conf, self.identity, self.application)
        self.doubt = doubt.Doubt(
            self.application, self._provider, self.member,
            self._provider.ed25519_public(self.identity.vote_seed))
        self.registry = registry.Registry(self.store, self.member,
                                          self.send_frame)
        self.index = indexing.open_index(conf)
        self.query = query.Query(self.store.env, self.store.nodes,
                                 self.index)
        self.indexer = indexing.make_indexer(self.index, self.query)
        self.engine = self._make_engine()
        self.intake = intake_module.Intake(
            self, self._provider, self.application, self.store.state,
            self.pool, self._make_admission(),
            lambda txid: self.query.place(txid) is not None,
            self._forward_after_seconds())
        self.sync = sync.Sync(self, self.application, self._provider,
                              conf.node.sync_timeout_seconds)
        self.heads = heads.Heads()
        self.hub = self._make_hub()
        self.facade = facade_module.Facade(self)
        self._local = localsocket.LocalServer(
            self.facade, self._socket_file(), self._head_event)
        self._engine_started = False
        self._records: list[bytes] = []
        self._supplying: dict[int, asyncio.Task[None]] = {}

    # Parts

    def _make_engine(self) -> engine_module.Engine:
        made: engine_module.Engine = assembly.load_driver(
            assembly.ENGINES, self.conf, 'engine', engine_module.Parts(
                self, self.application, self._provider,
                self.identity.vote_seed))
        return made

    def _make_admission(self) -> admission_module.Admission:
        made: admission_module.Admission = assembly.load_driver(
            assembly.ADMISSIONS, self.conf, 'admission', self.conf,
            self.registry)
        return made

    def _make_hub(self) -> peers.PeerHub:
        greeter = greeting.Greeter(
            self.application, self._provider, self.identity.instance,
            self.member, self.identity.vote_seed, self._newest_vote)
        return assembly.hub(self.conf, self.member,
                            switchboard.Switchboard(self, greeter))

    def _newest_vote(self, member: int) -> bytes | None:
        return self.engine.newest(member)

    def _socket_file(self) -> str:
        return self.conf.node.socket_file or os.path.join(
            self.conf.node.data_directory, 'node.sock')

    def _forward_after_seconds(self) -> float:
        configured_ms = self.conf.node.pool_forward_after_ms
        parameters = self.application.federation.parameters
        return (configured_ms or max(
            500, 10 * parameters.batch_interval_ms)) / 1000

    # Life

    async def start(self) -> None:
        """Catch up, build the index, take part.

        :raises BadOption: an address cannot be listened on
        :raises LedgerError: the chain or the index cannot be used
        """
        federation = self.application.federation
        self._read_votes()
        self.heads.start()
        await self.hub.start(*self._bind_address(), identity_module.peer_list(
            self.conf, federation, self.member))
        heard = await self.sync.first(
            federation.size - 1, federation.quorum - 1,
            self.conf.node.start_timeout_seconds)
        LOG.info('Height %s, %s after the start',
                 self.application.head.height,
                 'in step with the neighbours' if heard
                 else 'too few neighbours heard')
        await asyncio.to_thread(self.indexer.catch_up)
        self.indexer.start()
        await self.registry.configure(identity_module.enrolled_keys(
            self.conf))
        await self._start_engine()
        for member in self.hub.up():
            self.engine.connected(member)
        self.sync.start()
        self.intake.start()
        await self._local.start()
        self.ready = True
        LOG.info('Node %s serves chain %s at height %s',
                 self.identity.name, self.query.chain_id.hex(),
                 self.application.head.height)

    def _read_votes(self) -> None:
        """Read the vote log; a damaged one is none, and doubt."""
        try:
            self._records = self.store.vote_records()
            self.doubt.know(self._records)
        except errors.CorruptStore as error:
            self._records = []
            self.doubt.begin(error.message)

    async def _start_engine(self) -> None:
        if self.conf.node.end_doubt:
            self.doubt.end()
        try:
            await self.engine.start(self.may_vote())
        except errors.CorruptStore as error:
            # its records contradict each other: they say nothing
            self._records = []
            if not self.conf.node.end_doubt:
                self.doubt.begin(error.message)
            self.engine = self._make_engine()
            await self.engine.start(self.may_vote())
        self._engine_started = True

    def _bind_address(self) -> tuple[str, int]:
        own = self.application.federation.members[self.member]
        host, port = identity_module.split_address(own.peer_address)
        return (self.conf.node.bind_host or host,
                self.conf.node.bind_port or port)

    def refuse(self) -> None:
        """Take no more submissions; doors can tell their clients."""
        self.closing = True

    async def stop(self) -> None:
        """Leave the federation in order; nothing is signed afterwards."""
        self.refuse()
        await self.engine.stop()
        await self.intake.stop()
        await self.sync.stop()
        await self._local.stop()
        await self.hub.stop()
        await self.heads.stop()
        for task in self._supplying.values():
            task.cancel()
        self.indexer.stop()
        await asyncio.to_thread(self.store.close)
        self.index.close()
        LOG.info('Node %s has stopped', self.identity.name)

    # What is true now

    def now_ms(self) -> int:
        """Return the wall clock, milliseconds since the Unix epoch."""
        return time.time_ns() // 1_000_000

    def has_quorum(self) -> bool:
        """Return whether enough members hold this process for its member."""
        return len(self.hub.up()) + 1 >= self.application.federation.quorum

    def may_vote(self) -> bool:
        """Return whether this process may sign."""
        return (self.problem is None and not self.doubt.reason
                and self.has_quorum())

    def _update_voting(self) -> None:
        if self._engine_started:
            self.engine.voting(self.may_vote())

    def refusal(self) -> errors.LedgerError | None:
        """Return why no submission can be taken at present, if so."""
        if self.closing:
            return errors.ShuttingDown('The node is stopping.')
        if self.problem is not None:
            return errors.StorageFailed(
                f'The node has stopped voting: {self.problem.message}')
        if not self.ready:
            return errors.Busy('The node is starting.')
        if not self.has_quorum():
            return errors.NoQuorum(
                'Too few members are connected to agree on anything.',
                connected=len(self.hub.up()) + 1,
                quorum=self.application.federation.quorum)
        return None

    def leader(self) -> int | None:
        """Return who proposes at present."""
        return self.engine.leader

    def pool_state(self) -> engine_module.PoolState:
        """See ``engine.base.Host``."""
        since = self.pool.oldest_since()
        waited = 0.0 if since is None else time.monotonic() - since
        return engine_module.PoolState(len(self.pool), self.pool.bytes,
                                       int(waited * 1000))

    def _pool_changed(self) -> None:
        if self._engine_started:
            self.engine.transactions_ready()

    # Sending

    def send(self, message: messages.Message, to: int | None) -> None:
        """Send a consensus message to a member, or to all others."""
        bulk = isinstance(message, messages.Transactions)
        self.send_frame(messages.encode(message), to, bulk)

    def send_frame(self, frame: bytes, to: int | None,
                   bulk: bool = False) -> None:
        """Send a frame to a member, or to all others."""
        if to is None:
            self.hub.broadcast(frame, bulk)
        else:
            self.hub.send(to, frame, bulk)

    def send_to(self, member: int, message: messages.Message) -> bool:
        """See ``sync.Host``."""
        return self.hub.send(member, messages.encode(message))

    def peers_up(self) -> list[int]:
        """Return the members whose link is up."""
        return self.hub.up()

    # Storing

    def persist(self, height: int, records: Iterable[bytes]
                ) -> 'asyncio.Future[None]':
        """See ``engine.base.Host``."""
        records = tuple(records)
        self.doubt.know(records)
        return asyncio.wrap_future(self.store.persist(height, records))

    def vote_records(self) -> list[bytes]:
        """See ``engine.base.Host``."""
        return self._records

    async def append(self, outcome: application_module.Outcome,
                     certificate: bytes) -> None:
        """See ``engine.base.Host``."""
        await asyncio.wrap_future(
            self.store.append([(outcome, certificate)]))
        self.application.committed(outcome, certificate)
        self._after_block(outcome)

    async def take_over(self, blocks: Sequence[block_module.Block],
                        certificate: bytes) -> None:
        """See ``sync.Host``."""
        async with self.engine.exclusive():
            head = self.application.head
            blocks = [block for block in blocks
                      if block.header.height > head.height]
            run = []
            for block in blocks:
                outcome = self.application.validate(block)
                own = certificate if block is blocks[-1] else b''
                run.append((outcome, own))
                if block is not blocks[-1]:
                    # a heartbeat changes no state: only the head moves
                    self.application.committed(outcome, b'')
            if not run:
                return
            try:
                await asyncio.wrap_future(self.store.append(run))
            except errors.StorageFailed as error:
                self.halted(error.code, error.message)
                raise
            self.doubt.certified(blocks[-1].header.height, certificate)
            self.application.committed(*run[-1])
            for outcome, _ in run:
                self._after_block(outcome)
            if self._engine_started:
                self.engine.committed_elsewhere(
                    blocks[-1].header.height, certificate)

    def _after_block(self, outcome: application_module.Outcome) -> None:
        in_doubt = bool(self.doubt.reason)
        self.doubt.moved()
        if in_doubt:
            self._update_voting()
        self.pool.committed(outcome.transactions)
        if self._is_full(outcome):
            self.intake.block_was_full()
        self.indexer.wake()
        self.heads.publish(outcome)
        if outcome.federation is not None:
            self._federation_changed()

    def _is_full(self, outcome: application_module.Outcome) -> bool:
        parameters = self.application.federation.parameters
        size = sum(len(item.raw) for item in outcome.transactions)
        return (len(outcome.transactions)
                >= parameters.batch_max_transactions
                or 2 * size >= parameters.block_max_bytes)

    def _federation_changed(self) -> None:
        try:
            assembly.check_place(self.conf, self.identity, self.application)
        except errors.LedgerError as error:
            self.halted(error.code, error.message)
        federation = self.application.federation
        self.hub.update(identity_module.peer_list(
            self.conf, federation, self.member))

    def _head_event(self) -> Any:
        return heads.event_of_head(self.application.head)

    def keep_evidence(self, record: bytes, member: int) -> None:
        """See ``engine.base.Host``."""
        LOG.error('Member %s has signed two different votes: kept as '
                  'evidence', member)
        self.store.add_evidence(record)

    def note_refusal(self, member: int, code: str, reason: str) -> None:
        """See ``engine.base.Host``."""
        LOG.warning('Refused what member %s sent: %s: %s', member, code,
                    reason)

    def behind(self, member: int, height: int) -> None:
        """See ``engine.base.Host``: it has committed up to one below."""
        self.sync.claim(member, height - 1)

    def halted(self, code: str, reason: str) -> None:
        """See ``engine.base.Host``."""
        LOG.critical('This node votes no more: %s: %s', code, reason)
        self.problem = errors.from_dict({'code': code, 'message': reason})
        self._update_voting()

    # What members send; see switchboard.Parts

    def on_consensus(self, member: int, message: messages.Message) -> None:
        """A vote or the like."""
        if self._engine_started:
            self.engine.received(message, member)

    def on_transactions(self, member: int,
                        message: messages.Transactions) -> None:
        """A member forwards transactions."""
        if self.ready and not self.closing:
            self.intake.received(member, message)

    def on_get_blocks(self, member: int,
                      message: messages.GetBlocks) -> None:
        """A member catches up: one answer at a time for each."""
        busy = self._supplying.get(member)
        if busy is None or busy.done():
            self._supplying[member] = asyncio.create_task(
                self._supply(member, message))

    async def _supply(self, member: int,
                      message: messages.GetBlocks) -> None:
        answer = await asyncio.to_thread(supply.blocks, self.store.env,
                                         message)
        self.hub.send(member, messages.encode(answer), bulk=True)

    def on_blocks(self, member: int, message: messages.Blocks) -> None:
        """A member answers ours."""
        self.sync.received(member, message)

    def on_gossip(self, member: int, frame: bytes) -> None:
        """A member tells its enrolments."""
        self.registry.received(member, frame)

    def on_claim(self, member: int, height: int) -> None:
        """A member says how far it is."""
        self.sync.claim(member, height)

    def on_shown(self, shown: greeting.Shown) -> None:
        """A member's answer to our hello was good."""
        self.doubt.shown(shown)
        self._update_voting()

    def on_up(self, member: int) -> None:
        """A link has come up."""
        self.registry.connected(member)
        self._update_voting()
        if self._engine_started:
            self.engine.connected(member)
            self.intake.resend(member)

    def on_down(self, member: int) -> None:
        """A link is gone."""
        self.sync.forget(member)
        self._update_voting()

    def cut(self, member: int, reason: str) -> None:
        """End a member's link; it may come again."""
        self.hub.disconnect(member, reason)
