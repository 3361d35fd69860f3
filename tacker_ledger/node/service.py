# SPDX-License-Identifier: Apache-2.0
"""A running node: put together, started, stopped.

Start (A2 of the requirements): open the store, connect to the neighbours,
fetch the blocks that are missing, build the index, and only then take part
and serve.  Stop: no vote after it, waiters hear of it, the store is closed
in step.  Everything runs in one event loop, beside the writer's and the
indexer's threads.

What it does in between is done by its parts: ``engine_host``,
``ledger_writer``, ``member_frames``, ``voting`` and those below them.
"""

import asyncio
from collections.abc import Sequence
import os
import time
from typing import Any

from oslo_log import log as logging

from tacker_ledger.core.consensus import catch_up
from tacker_ledger.core.consensus import instances
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.node import admission as admission_module
from tacker_ledger.node import assembly
from tacker_ledger.node import conditions
from tacker_ledger.node import doubt
from tacker_ledger.node import engine_host
from tacker_ledger.node import facade as facade_module
from tacker_ledger.node import heads
from tacker_ledger.node import holdings
from tacker_ledger.node import identity as identity_module
from tacker_ledger.node import indexing
from tacker_ledger.node import intake as intake_module
from tacker_ledger.node import ledger_writer
from tacker_ledger.node import localsocket
from tacker_ledger.node import member_frames
from tacker_ledger.node import membership
from tacker_ledger.node import notices
from tacker_ledger.node import pool as pool_module
from tacker_ledger.node import query
from tacker_ledger.node import refusals
from tacker_ledger.node import registry
from tacker_ledger.node import snapshots
from tacker_ledger.node import sync
from tacker_ledger.node import traffic
from tacker_ledger.node import voting
from tacker_ledger.node import watch
from tacker_ledger.storage import journal
from tacker_ledger.storage import opening

LOG = logging.getLogger(__name__)

_GIB = 1 << 30


class Node:
    """One member's process; see the module.

    :param conf: checked configuration
    :param identity: who it is
    :param told: where notifications go
    :raises BadOption: an option does not fit the federation
    :raises LedgerError: the store cannot be used
    """

    def __init__(self, conf: Any, identity: identity_module.NodeIdentity,
                 provider: provider_module.Provider | None = None,
                 told: notices.Sink | None = None) -> None:
        self.conf = conf
        self.identity = identity
        self.provider = provider or providers.default()
        self.traffic = traffic.Traffic()
        self.refusals = refusals.Refusals(
            lambda member: conditions.name_of(self, member))
        self.watch = watch.Watch(self, told or notices.LogSink())
        self.store = opening.open_store(
            conf.node.data_directory, identity.genesis, identity.signed,
            self.provider, max_bytes=conf.node.storage_max_gib * _GIB,
            sync=conf.node.fsync)
        try:
            self._assemble(conf)
        except BaseException:
            self.store.close()
            raise

    def _assemble(self, conf: Any) -> None:
        self.ready = False
        self.closing = False
        self.pool = pool_module.Pool(
            conf.node.pool_max_transactions, conf.node.pool_max_bytes,
            self._pool_changed)
        self.application = assembly.application(self.store, self.provider,
                                                self.pool)
        self.membership = membership.Membership(self)
        self.doubt = doubt.Doubt(
            self.application, self.provider, self.membership.vote_keys,
            self.store.keep_doubt, overruled=conf.node.end_doubt)
        self.claim = instances.Claim(self.identity.instance)
        self.holdings = holdings.Holdings(
            self.store, lambda: self.member, conf.node.archive,
            self.send_frame)
        self.registry = registry.Registry(self.store, self.member,
                                          self.send_frame)
        self.index = indexing.open_index(conf)
        self.query = query.Query(self.store.env, self.store.nodes,
                                 self.index)
        self.indexer = indexing.make_indexer(self.index, self.query)
        self.consensus = engine_host.EngineHost(self)
        self.voting = voting.Voting(
            self.application, self.doubt, self.claim,
            self.connected, self.consensus.voting,
            self._release_links,
            conf.node.reconnect_max_seconds)
        self.writer = ledger_writer.LedgerWriter(self)
        self.journal = journal.Journal(conf.node.data_directory,
                                       conf.node.pool_max_bytes)
        self.intake = intake_module.Intake(
            self, self.provider, self.application, self.store.state,
            self.pool, self._make_admission(),
            self.store.state.knows, self.journal,
            self._forward_after_seconds())
        self.sync = sync.Sync(self, self.application, self.provider,
                              sync.config_of(conf))
        self.snapshots = snapshots.of_node(self)
        self.heads = heads.Heads()
        self.frames = member_frames.MemberFrames(self)
        self.hub = self.membership.make_hub()
        self.facade = facade_module.Facade(self)
        self._local = localsocket.LocalServer(
            self.facade, self._socket_file(),
            lambda: heads.event_of_head(self.application.head))

    # Parts

    def _make_admission(self) -> admission_module.Admission:
        made: admission_module.Admission = assembly.load_driver(
            assembly.ADMISSIONS, self.conf, 'admission', self.conf,
            self.registry)
        return made

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
        self.consensus.read_votes()
        self.voting.update()
        self.heads.start()
        self.watch.start()
        await self.hub.start(*self.membership.bind_address(),
                             self.membership.peers())
        heard = await self.sync.first(
            federation.size - 1, federation.quorum - 1,
            self.conf.node.start_timeout_seconds)
        LOG.info('Height %s, %s after the start',
                 self.application.head.height,
                 'in step with the neighbours' if heard
                 else 'too few neighbours heard')
        await asyncio.to_thread(self.indexer.catch_up)
        self.indexer.start()
        if self.membership.is_member:
            await self.registry.configure(identity_module.enrolled_keys(
                self.conf))
        await self.consensus.start()
        self.voting.start()
        self.membership.start()
        for member in self.hub.up():
            self.consensus.engine.connected(member)
        self.sync.start()
        self.intake.start()
        await self._local.start()
        self.ready = True
        LOG.info('Node %s serves chain %s at height %s',
                 self.identity.name, self.query.chain_id.hex(),
                 self.application.head.height)

    def refuse(self) -> None:
        """Take no more submissions; doors can tell their clients."""
        self.closing = True

    async def stop(self) -> None:
        """Leave the federation in order; nothing is signed afterwards."""
        self.refuse()
        await self.watch.stop()
        await self.consensus.engine.stop()
        await self.voting.stop()
        await self.membership.stop()
        await self.intake.stop()
        await self.sync.stop()
        await self._local.stop()
        self.holdings.keep(self.hub.up())
        await self.hub.stop()
        await self.snapshots.stop()
        await self.heads.stop()
        self.frames.stop()
        self.indexer.stop()
        self.journal.close()
        await asyncio.to_thread(self.store.close)
        self.index.close()
        LOG.info('Node %s has stopped', self.identity.name)

    # What is true now

    @property
    def member(self) -> int:
        """Index in the federation in force; negative for no member."""
        return self.membership.member

    def connected(self) -> int:
        """Return how many members could decide now, this one counted.

        Another one in doubt is linked, but decides nothing.
        """
        return self.membership.is_member + sum(
            self.hub.claims(member) for member in self.hub.members_up())

    def now_ms(self) -> int:
        """Return the wall clock, milliseconds since the Unix epoch."""
        return time.time_ns() // 1_000_000

    def refusal(self) -> errors.LedgerError | None:
        """Return why no submission can be taken at present, if so."""
        if self.closing:
            return errors.ShuttingDown('The node is stopping.')
        if self.voting.problem is None and not self.ready:
            return errors.Busy('The node is starting.')
        return self.voting.refusal()

    def request_expired(self, txid: bytes) -> None:
        """See ``intake.Host``."""
        self.consensus.request_expired(txid)

    def leader(self) -> int | None:
        """Return who proposes at present."""
        return self.consensus.engine.leader

    def _pool_changed(self) -> None:
        self.consensus.pool_changed()

    # Sending

    def send(self, message: messages.Message, to: int | None) -> None:
        """Send a consensus message to a member, or to all others."""
        bulk = isinstance(message, messages.Transactions)
        frame = messages.encode(message)
        self.traffic.sent(message, frame, self.send_frame(frame, to, bulk))

    def _release_links(self, reason: str, away_seconds: float) -> None:
        """Close all links and stay away for a while."""
        self.hub.release(reason, away_seconds)

    def send_frame(self, frame: bytes, to: int | None,
                   bulk: bool = False) -> int:
        """Send a frame to a member, or to all others; return to how many."""
        if to is None:
            return self.hub.broadcast(frame, bulk)
        return int(self.hub.send(to, frame, bulk))

    def send_to(self, member: int, message: messages.Message) -> bool:
        """See ``sync.Host``."""
        frame = messages.encode(message)
        taken = self.hub.send(member, frame)
        self.traffic.sent(message, frame, int(taken))
        return taken

    def peers_up(self) -> list[int]:
        """Return the members whose link is up."""
        return self.hub.up()

    async def take_over(self, blocks: Sequence[catch_up.CertifiedBlock]
                        ) -> None:
        """See ``sync.Host``."""
        await self.writer.take_over(blocks)

    async def take_snapshot(self, member: int, lowest: int) -> None:
        """See ``sync.Host``."""
        await self.writer.take_snapshot(member, lowest)

    def disagrees(self, error: errors.LedgerError) -> None:
        """See ``sync.Host``: what a quorum certified is refused here."""
        self.store.suspect(f'a certified block is refused: {error.message}')
        self.voting.halted(error.code, error.message)
