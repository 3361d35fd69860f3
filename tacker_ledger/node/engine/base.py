# SPDX-License-Identifier: Apache-2.0
"""The seam between the node and a consensus engine.

An engine decides which block comes next.  The node gives it an
:class:`Host` to act through, and tells it what happens.  All calls are in
the node's event loop.
"""

import asyncio
from collections.abc import Iterable
import contextlib
import dataclasses
from typing import Protocol

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.ledger import application


@dataclasses.dataclass(frozen=True, slots=True)
class PoolState:
    """What waits for a block.

    :param waited_ms: how long the oldest transaction has waited
    """

    count: int
    size_bytes: int
    waited_ms: int


class Host(Protocol):
    """What an engine asks of its node."""

    def now_ms(self) -> int:
        """Return the wall clock, milliseconds since the Unix epoch."""

    def send(self, message: messages.Message, to: int | None) -> None:
        """Send a message to a member, or to all others."""

    def persist(self, height: int, records: Iterable[bytes]
                ) -> 'asyncio.Future[None]':
        """Make vote records durable; fails with StorageFailed."""

    async def append(self, outcome: application.Outcome,
                     certificate: bytes) -> None:
        """Store a certified block and move the application on.

        :raises StorageFailed: it is not stored
        """

    def pool_state(self) -> PoolState:
        """Return what waits for a block."""

    def vote_records(self) -> list[bytes]:
        """Return the vote log as it was at the start."""

    def keep_evidence(self, record: bytes, member: int) -> None:
        """Keep a proof of a member's fault."""

    def note_refusal(self, member: int, code: str, reason: str) -> None:
        """Note that a member's message was not acceptable."""

    def behind(self, member: int, height: int) -> None:
        """A member claims to be further: catching up may be worthwhile."""

    def view_changed(self, height: int, view: int, leader: int,
                     active: bool, reason: str) -> None:
        """A view was left (not active) or entered: tell people."""

    def halted(self, code: str, reason: str) -> None:
        """The engine has ended; only a person can decide what is next."""


class Engine(Protocol):
    """A driver; made with :class:`Parts`."""

    name: str
    #: The present view, or the like; for people.
    view: int

    @property
    def leader(self) -> int | None:
        """Who proposes at present, if somebody does."""

    async def start(self, may_vote: bool) -> None:
        """Begin; the application stands at the newest block.

        :raises CorruptStore: what it keeps is damaged
        """

    def take_keys(self, vote_seeds: tuple[bytes, ...]) -> None:
        """Hold these vote keys from the next height on."""

    async def stop(self) -> None:
        """End: nothing is signed or sent after this returns."""

    def received(self, message: messages.Message, member: int) -> None:
        """A consensus message came from another member."""

    def connected(self, member: int) -> None:
        """Frames can be sent to a member again."""

    def disconnected(self, member: int) -> None:
        """The link to a member is down."""

    def voting(self, allowed: bool) -> None:
        """Say whether this process may sign."""

    def transactions_ready(self) -> None:
        """The pool has grown."""

    def request_expired(self, txid: bytes) -> None:
        """The leader passes over a transaction that all were told of."""

    def newest(self, member: int) -> bytes | None:
        """Return the newest message of an identity, for a hello answer."""

    def exclusive(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Give the application to somebody else (catching up)."""

    def committed_elsewhere(self, height: int, certificate: bytes) -> None:
        """Blocks up to a height came by catching up."""


@dataclasses.dataclass(frozen=True, slots=True)
class Parts:
    """What an engine is made of.

    :param vote_seeds: secrets of this member's vote keys, 32 bytes each;
        the one that the federation in force names is used
    :param view_timeout_ms: the shortest time that a leader is given
    :param view_timeout_max_ms: the longest
    """

    host: Host
    application: application.LedgerApplication
    provider: provider_module.Provider
    vote_seeds: tuple[bytes, ...] = dataclasses.field(repr=False)
    view_timeout_ms: int = 1_000
    view_timeout_max_ms: int = 60_000
