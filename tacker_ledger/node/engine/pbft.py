# SPDX-License-Identifier: Apache-2.0
"""The built-in engine: drives ``core.consensus.replica``.

The replica is a pure state machine; this executes its effects.  Events wait
in one queue and are taken one at a time.  Appending a block is waited for
before the next event, because nothing at the next height can be judged
earlier; writing a vote record is not, its end is an event.
"""

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Iterable
import contextlib
import functools
from typing import Any

from oslo_log import log as logging

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import replica as replica_module
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import federation_document
from tacker_ledger.core import limits
from tacker_ledger.node.engine import base

LOG = logging.getLogger(__name__)

#: What waits to be looked at from one member; more is dropped, for it is
#: sent again.  So a member that floods costs the others nothing but time.
WAITING_MAX_COUNT = 1_000
WAITING_MAX_BYTES = 3 * limits.BLOCK_MAX_BYTES


def _size(message: messages.Message) -> int:
    """Return what a message costs to keep, as far as it can be large."""
    match message:
        case messages.PrePrepare() | messages.Body():
            return len(message.block)
        case messages.NewView():
            return sum(map(len, message.view_changes))
        case messages.ViewChange() | messages.CertifiedHead():
            return len(message.head)
        case _:
            return 0


class SeedSigner:
    """Signs votes with a seed in memory."""

    def __init__(self, provider: provider_module.Provider,
                 seed: bytes) -> None:
        self._provider = provider
        self._seed = seed
        self.public = provider.ed25519_public(seed)

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature, 64 bytes."""
        return self._provider.sign_raw_ed25519(self._seed, message)


def _signers(provider: provider_module.Provider,
             seeds: Iterable[bytes]) -> tuple[SeedSigner, ...]:
    return tuple(SeedSigner(provider, seed) for seed in seeds)


class PbftEngine:
    """See :class:`base.Engine`.

    :param parts: of the node
    """

    name = federation_document.ENGINE_PBFT

    def __init__(self, parts: base.Parts) -> None:
        self._host = parts.host
        self._application = parts.application
        self._replica = replica_module.Replica(
            replica_module.Config(
                view_timeout_ms=parts.view_timeout_ms,
                view_timeout_max_ms=parts.view_timeout_max_ms),
            parts.application,
            _signers(parts.provider, parts.vote_seeds), parts.provider)
        self._provider = parts.provider
        self._events: asyncio.Queue[effects.Event] = asyncio.Queue()
        #: member -> (messages, bytes) in the queue
        self._waiting: dict[int, tuple[int, int]] = {}
        self.dropped = 0
        self._lock = asyncio.Lock()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._task: asyncio.Task[None] | None = None
        self._ready_posted = False
        self._stopped = False

    @property
    def view(self) -> int:
        """The present view."""
        return self._replica.view

    @property
    def leader(self) -> int | None:
        """Index of the member who leads the view."""
        return self._replica.leader

    async def start(self, may_vote: bool) -> None:
        """See :meth:`base.Engine.start`."""
        head = self._application.head
        view = 0
        if head.certificate:
            view = certificate_module.Certificate.from_bytes(
                head.certificate).view
        await self._take(effects.Start(self._host.vote_records(), view,
                                       may_vote))
        self._task = asyncio.create_task(self._run())
        self._post_ready()

    def take_keys(self, vote_seeds: tuple[bytes, ...]) -> None:
        """See :meth:`base.Engine.take_keys`."""
        self._replica.signers = _signers(self._provider, vote_seeds)

    async def stop(self) -> None:
        """See :meth:`base.Engine.stop`."""
        self._stopped = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # What happens

    def received(self, message: messages.Message, member: int) -> None:
        """See :meth:`base.Engine.received`."""
        size = _size(message)
        count, total = self._waiting.get(member, (0, 0))
        if count >= WAITING_MAX_COUNT or total + size > WAITING_MAX_BYTES:
            self.dropped += 1
            return
        self._waiting[member] = (count + 1, total + size)
        self._post(effects.Received(message, member))

    def connected(self, member: int) -> None:
        """See :meth:`base.Engine.connected`."""
        self._post(effects.PeerConnected(member))

    def disconnected(self, member: int) -> None:
        """See :meth:`base.Engine.disconnected`."""
        self._post(effects.PeerLost(member))

    def voting(self, allowed: bool) -> None:
        """See :meth:`base.Engine.voting`."""
        self._post(effects.VotingChanged(allowed))

    def transactions_ready(self) -> None:
        """See :meth:`base.Engine.transactions_ready`."""
        if not self._ready_posted:
            # one event for all that come in one turn of the loop
            self._ready_posted = True
            asyncio.get_running_loop().call_soon(self._post_ready)

    def request_expired(self, txid: bytes) -> None:
        """See :meth:`base.Engine.request_expired`."""
        self._post(effects.RequestExpired(txid))

    def newest(self, member: int) -> bytes | None:
        """See :meth:`base.Engine.newest`."""
        vote = self._replica.newest(member)
        return None if vote is None else messages.encode(vote)

    @contextlib.asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """See :meth:`base.Engine.exclusive`."""
        async with self._lock:
            yield

    def committed_elsewhere(self, height: int, certificate: bytes) -> None:
        """See :meth:`base.Engine.committed_elsewhere`."""
        view = certificate_module.Certificate.from_bytes(
            certificate).view if certificate else 0
        self._post(effects.BlockCommitted(height, view))

    # The queue

    def _post(self, event: effects.Event) -> None:
        if not self._stopped:
            self._events.put_nowait(event)

    def _post_ready(self) -> None:
        self._ready_posted = False
        state = self._host.pool_state()
        if state.count:
            self._post(effects.TransactionsReady(
                state.count, state.size_bytes, state.waited_ms))

    async def _run(self) -> None:
        while not self._stopped:
            event = await self._events.get()
            if isinstance(event, effects.Received):
                count, total = self._waiting[event.member]
                self._waiting[event.member] = (
                    count - 1, total - _size(event.message))
            await self._take(event)

    async def _take(self, event: effects.Event) -> None:
        async with self._lock:
            todo: effects.Event | None = event
            while todo is not None:
                todo = await self._step(todo)

    async def _step(self, event: effects.Event) -> effects.Event | None:
        """Take one event; return the one that has to come right after."""
        following = None
        for effect in self._replica.step(event, self._host.now_ms()):
            if isinstance(effect, effects.Append):
                following = await self._append(effect)
            else:
                self._execute(effect)
        if isinstance(event, effects.BlockCommitted):
            self.transactions_ready()
        return following

    async def _append(self, effect: effects.Append) -> effects.Event | None:
        try:
            await self._host.append(effect.outcome, effect.certificate)
        except errors.StorageFailed as error:
            LOG.error('Block %s cannot be stored, this node votes no more: '
                      '%s', effect.outcome.block.header.height,
                      error.message)
            self._host.halted(error.code, error.message)
            await self._cease()
            return None
        return effects.BlockCommitted(
            effect.outcome.block.header.height, effect.view)

    async def _cease(self) -> None:
        self._stopped = True
        for timer in self._timers.values():
            timer.cancel()

    # Effects

    def _execute(self, effect: effects.Effect) -> None:
        match effect:
            case effects.Send():
                if not self._stopped:
                    self._host.send(effect.message, effect.to)
            case effects.Persist():
                future = self._host.persist(effect.height, effect.records)
                future.add_done_callback(functools.partial(
                    self._persisted, effect.record_id))
            case effects.SetTimer():
                self._set_timer(effect)
            case effects.CancelTimer():
                timer = self._timers.pop(effect.name, None)
                if timer is not None:
                    timer.cancel()
            case effects.Evidence():
                record = effect.record
                self._host.keep_evidence(record.to_bytes(), record.member)
            case effects.Behind():
                self._host.behind(effect.member, effect.height)
            case effects.Refused():
                self._host.note_refusal(effect.member, effect.code,
                                        effect.reason)
            case effects.ViewChanged():
                self._host.view_changed(effect.height, effect.view,
                                        effect.leader, effect.active,
                                        effect.reason)
            case effects.Halted():
                self._host.halted(effect.code, effect.reason)
            case _:
                raise AssertionError(f'unknown effect {effect}')

    def _persisted(self, record_id: int,
                   future: 'asyncio.Future[Any]') -> None:
        if future.cancelled() or future.exception() is not None:
            LOG.error('A vote record is not durable, this node votes no '
                      'more: %s',
                      None if future.cancelled() else future.exception())
            self._post(effects.PersistFailed(record_id))
            self._host.halted('storage-failed',
                              'A vote record could not be made durable.')
        else:
            self._post(effects.Persisted(record_id))

    def _set_timer(self, effect: effects.SetTimer) -> None:
        old = self._timers.pop(effect.name, None)
        if old is not None:
            old.cancel()
        if not self._stopped:
            self._timers[effect.name] = asyncio.get_running_loop().call_later(
                effect.delay_ms / 1000, self._fire, effect.name)

    def _fire(self, name: str) -> None:
        self._timers.pop(name, None)
        self._post(effects.Timer(name))
