# SPDX-License-Identifier: Apache-2.0
"""The consensus engine in its node: how it begins, what it acts through."""

import asyncio
from collections.abc import Iterable
import time
from typing import TYPE_CHECKING

from oslo_log import log as logging

from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.node import assembly
from tacker_ledger.node.engine import base as engine_module
from tacker_ledger.node import greeting

if TYPE_CHECKING:
    from tacker_ledger.node import service

LOG = logging.getLogger(__name__)

#: Reasons to halt which are no sign of a damaged store.
_NOT_THE_STORE = (errors.StorageFailed.code, errors.UnsupportedVersion.code)


class EngineHost:
    """Holds the engine and is its ``engine.base.Host``.

    :param node: whose parts the engine acts on
    :raises BadOption: there is no such engine
    """

    def __init__(self, node: 'service.Node') -> None:
        self._node = node
        self._records: list[bytes] = []
        #: What the vote log held of each member at the start.
        self._remembered: dict[int, bytes] = {}
        self.engine = self._make()
        #: Whether the engine may be told what happens.
        self.started = False

    def _make(self) -> engine_module.Engine:
        node = self._node
        made: engine_module.Engine = assembly.load_driver(
            assembly.ENGINES, node.conf, 'engine', engine_module.Parts(
                self, node.application, node.provider,
                node.identity.vote_seeds, node.conf.node.view_timeout_ms,
                node.conf.node.view_timeout_max_ms))
        return made

    # Life

    def read_votes(self) -> None:
        """Read the vote log; a damaged one is none, and doubt."""
        node = self._node
        try:
            kept = node.store.doubt()
            if kept:
                node.doubt.begin(kept)
            self._records = node.store.vote_records()
            node.doubt.know(self._records)
            self._remembered = greeting.remembered(
                node.application.h, node.application.head.height + 1,
                self._records)
        except errors.CorruptStore as error:
            self._records = []
            node.doubt.begin(error.message)

    async def start(self) -> None:
        """Begin with what :meth:`read_votes` has found."""
        node = self._node
        try:
            await self.engine.start(node.voting.may_vote())
        except errors.CorruptStore as error:
            # its records contradict each other: they say nothing
            self._records = []
            node.doubt.begin(error.message)
            node.voting.update()
            self.engine = self._make()
            await self.engine.start(node.voting.may_vote())
        self.started = True

    # What the engine is told

    def voting(self, allowed: bool) -> None:
        """Say whether this process may sign."""
        if self.started:
            self.engine.voting(allowed)

    def pool_changed(self) -> None:
        """The pool has grown."""
        if self.started:
            self.engine.transactions_ready()

    def request_expired(self, txid: bytes) -> None:
        """The leader passes over a transaction that all were told of."""
        if self.started:
            self.engine.request_expired(txid)

    def newest(self, member: int) -> bytes | None:
        """Return the newest message of an identity, for a hello answer.

        Hellos are answered before the engine runs, by the vote log; and so
        they are after it, while nothing newer was heard.
        """
        newest = self.engine.newest(member) if self.started else None
        return newest or self._remembered.get(member)

    # What the engine asks

    def now_ms(self) -> int:
        """See ``engine.base.Host``."""
        return self._node.now_ms()

    def send(self, message: messages.Message, to: int | None) -> None:
        """See ``engine.base.Host``."""
        self._node.send(message, to)

    def persist(self, height: int, records: Iterable[bytes]
                ) -> 'asyncio.Future[None]':
        """See ``engine.base.Host``."""
        records = tuple(records)
        self._node.doubt.signed(records)
        return asyncio.wrap_future(self._node.store.persist(height, records))

    async def append(self, outcome: application_module.Outcome,
                     certificate: bytes) -> None:
        """See ``engine.base.Host``."""
        await self._node.writer.append(outcome, certificate)

    def pool_state(self) -> engine_module.PoolState:
        """See ``engine.base.Host``."""
        pool = self._node.pool
        since = pool.oldest_since()
        waited = 0.0 if since is None else time.monotonic() - since
        return engine_module.PoolState(len(pool), pool.bytes,
                                       int(waited * 1000))

    def vote_records(self) -> list[bytes]:
        """See ``engine.base.Host``."""
        return self._records

    def keep_evidence(self, record: bytes, member: int) -> None:
        """See ``engine.base.Host``."""
        self._node.store.add_evidence(record)
        self._node.watch.evidence(record)

    def note_refusal(self, member: int, code: str, reason: str) -> None:
        """See ``engine.base.Host``."""
        self._node.refusals.note(member, code, reason)

    def behind(self, member: int, height: int) -> None:
        """See ``engine.base.Host``: it has committed up to one below."""
        self._node.sync.claim(member, height - 1)

    def view_changed(self, height: int, view: int, leader: int,
                     active: bool, reason: str) -> None:
        """See ``engine.base.Host``."""
        self._node.watch.view_changed(height, view, leader, active, reason)
        if active:
            self._node.intake.view_changed()
        else:
            self._node.intake.view_left()

    def halted(self, code: str, reason: str) -> None:
        """See ``engine.base.Host``."""
        if code not in _NOT_THE_STORE:
            # what a quorum decided is refused, or cannot be judged
            self._node.store.suspect(f'{code}: {reason}')
        self._node.voting.halted(code, reason)
