# SPDX-License-Identifier: Apache-2.0
"""Catching up, sans-IO: which neighbour to ask, what to believe, when to go.

A source is believed in nothing.  Its blocks count only under certificates of
the federation in force, checked here, and by our own application of them,
which the driver does.  One that lies, withholds, cuts short, stalls or dies
is left for the next and not asked again for a while that grows.

One source is used at a time, with one request on its way while the blocks of
the answer before are stored.  Blocks are handed over in portions
(:class:`Take`) that end with a certificate, because a heartbeat may come
without its own: the parent digests up to the next certified block certify
it.  A node that is further behind than a bound is told to take a snapshot of
the state first (:class:`FetchSnapshot`).

The driver's contract:

1. It calls ``step`` with one event at a time and executes the effects in
   their order before it passes the next event on.
2. :class:`Ask` sends the message.  An answer is passed on as
   :class:`Answered`, whenever it comes: late ones and those that nobody
   asked for have no effect.
3. :class:`Take` and :class:`FetchSnapshot` run on while other events are
   passed on; at their end :class:`Taken` (the ledger has moved by then) or
   :class:`TakeFailed` is reported, once.  There is never more than one.
4. :class:`HeadMoved` is reported when the ledger moves by another way.
5. There is one timer: :class:`SetTimer` replaces it, ``TimerFired`` is
   reported once.
"""

import dataclasses
import itertools
from typing import TypeAlias

from tacker_ledger.core.consensus import block_buffer
from tacker_ledger.core.consensus import block_sources
from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core import limits

CertifiedBlock = block_buffer.CertifiedBlock


@dataclasses.dataclass(frozen=True, slots=True)
class Config:
    """How catching up behaves.

    :param timeout_ms: how long a source may take for one answer
    :param forgive_ms: how long a source that failed is not asked; doubles
        with each further failure
    :param forgive_max_ms: bound on that
    :param patience_ms: how long a gap of one block is left to consensus
        while it runs
    :param take_max_count: blocks of one :class:`Take`, as long as they
        have their own certificates
    :param take_max_bytes: their size, as far as one block allows
    :param buffer_max_bytes: of answers that wait to be stored; nothing
        more is asked for above it
    :param snapshot_threshold_blocks: further behind than this a snapshot
        is asked for; 0: never
    """

    timeout_ms: int = 5_000
    forgive_ms: int = 1_000
    forgive_max_ms: int = 60_000
    patience_ms: int = 250
    take_max_count: int = 64
    take_max_bytes: int = 2 * 1024 * 1024
    buffer_max_bytes: int = 8 * 1024 * 1024
    snapshot_threshold_blocks: int = 0


# Events

@dataclasses.dataclass(frozen=True, slots=True)
class Claimed:
    """A member says that it has the block at a height: only a claim."""

    member: int
    height: int


@dataclasses.dataclass(frozen=True, slots=True)
class LinkUp:
    """Frames can be sent to a member from now on."""

    member: int


@dataclasses.dataclass(frozen=True, slots=True)
class LinkDown:
    """A member is gone, with what it claimed and what it was asked."""

    member: int


@dataclasses.dataclass(frozen=True, slots=True)
class Answered:
    """A member sent blocks."""

    member: int
    message: messages.Blocks


@dataclasses.dataclass(frozen=True, slots=True)
class TimerFired:
    """The timer has run down."""


@dataclasses.dataclass(frozen=True, slots=True)
class HeadMoved:
    """The ledger has a new head, by consensus."""


@dataclasses.dataclass(frozen=True, slots=True)
class Taken:
    """A :class:`Take` or :class:`FetchSnapshot` is done, durable."""

    take_id: int


@dataclasses.dataclass(frozen=True, slots=True)
class TakeFailed:
    """A :class:`Take` or :class:`FetchSnapshot` came to nothing.

    :param code: of the error
    :param blame: the source did it; else this node, which tries again
        later
    :param refused: the source has no snapshot to give, which is no fault:
        its blocks are asked for instead
    """

    take_id: int
    code: str
    reason: str
    blame: bool = False
    refused: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Following:
    """Consensus runs from now on: small gaps may close by themselves."""


Event: TypeAlias = (Claimed | LinkUp | LinkDown | Answered | TimerFired
                    | HeadMoved | Taken | TakeFailed | Following)


# Effects

@dataclasses.dataclass(frozen=True, slots=True)
class Ask:
    """Send a member this request."""

    member: int
    message: messages.GetBlocks


@dataclasses.dataclass(frozen=True, slots=True)
class Cancel:
    """An answer to this request is of no use any more."""

    member: int
    request_id: int


@dataclasses.dataclass(frozen=True, slots=True)
class Take:
    """Judge, store and move past these blocks; certificates are checked.

    :param member: whom they came from, None if it is gone already
    :param blocks: consecutive, the first one follows the head; the last
        has a certificate, and so has every one that is no heartbeat
    """

    take_id: int
    member: int | None
    blocks: tuple[CertifiedBlock, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class FetchSnapshot:
    """Ask a member for the state at a height near its head, and store it.

    :param height: below this the snapshot is of no use
    """

    take_id: int
    member: int
    height: int


@dataclasses.dataclass(frozen=True, slots=True)
class Distrust:
    """A source was no good: note it.

    :param code: ``timeout`` stalls, ``no-node`` died, ``not-found`` has
        less than it says, ``truncated`` hands out crumbs, ``bad-block``,
        ``bad-certificate`` and the like lies
    """

    member: int
    height: int
    code: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class SetTimer:
    """Report :class:`TimerFired` after ``delay_ms``."""

    delay_ms: int


@dataclasses.dataclass(frozen=True, slots=True)
class CancelTimer:
    """Forget the timer."""


Effect: TypeAlias = (Ask | Cancel | Take | FetchSnapshot | Distrust
                     | SetTimer | CancelTimer)


@dataclasses.dataclass(frozen=True, slots=True)
class _Request:
    """What is on its way."""

    member: int
    message: messages.GetBlocks
    until_ms: int


class CatchUp:
    """See the module.

    :param ledger: its head, and the federation in force after it
    :param verifier: verifies votes
    """

    def __init__(self, config: Config,
                 ledger: application_module.LedgerApplication,
                 verifier: certificate_module.Verifier) -> None:
        self._config = config
        self._ledger = ledger
        self._verifier = verifier
        self._sources = block_sources.Sources()
        self._ids = itertools.count(1)
        self._now_ms = 0
        self._effects: list[Effect] = []
        self._timer_ms: int | None = None
        self._following = False
        self._patient_until_ms: int | None = None
        self._own_fault_until_ms = 0
        self._own_faults = 0
        self._source: int | None = None
        self._request: _Request | None = None
        self._taking: int | None = None
        #: Whether that is a snapshot.
        self._fetching = False
        self._buffer = block_buffer.Buffer()
        self._answers = block_buffer.Answers()

    # What others may know

    @property
    def busy(self) -> bool:
        """Return whether blocks are asked for or being stored."""
        return self._source is not None or self._taking is not None

    @property
    def target(self) -> int:
        """Return the highest height that a connected member claims."""
        return self._sources.target

    def claimed(self, member: int) -> int | None:
        """Return how far a member says it is, None if it says nothing."""
        return self._sources.claimed(member)

    # Steps

    def step(self, event: Event, now_ms: int) -> list[Effect]:
        """Take an event; return what has to be done, in order.

        :param now_ms: any clock that never goes back
        """
        self._now_ms = now_ms
        self._effects = []
        self._happened(event)
        self._proceed()
        self._update_timer()
        return self._effects

    def _happened(self, event: Event) -> None:
        match event:
            case HeadMoved():
                # the chain moves: what is missing may come by itself
                self._patient_until_ms = None
            case Claimed():
                self._sources.of(event.member).claims(event.height)
            case LinkUp():
                self._sources.of(event.member).up = True
            case LinkDown():
                self._down(event.member)
            case Answered():
                self._answered(event.member, event.message)
            case Taken():
                if event.take_id == self._taking:
                    self._taking = None
                    self._fetching = False
                    self._own_faults = 0
            case TakeFailed():
                if event.take_id == self._taking:
                    self._taking = None
                    self._fetching = False
                    self._failed(event)
            case Following():
                self._following = True
            case TimerFired():
                self._timer_ms = None
                if self._request and self._request.until_ms <= self._now_ms:
                    self._fault('timeout', 'No answer in time.')

    def _down(self, member: int) -> None:
        self._sources.of(member).down()
        if member == self._source:
            # what has arrived is as good as before
            if self._request is not None or self._fetching:
                self._fault('no-node', 'The link is down.', keep=True)
            else:
                self._source = None

    # Sources

    def _fault(self, code: str, reason: str, keep: bool = False) -> None:
        """Leave the source; it is not asked for a while.

        :param keep: blocks that came from it may still be used
        """
        member = self._source
        assert member is not None
        self._sources.of(member).fails(
            self._now_ms, self._config.forgive_ms,
            self._config.forgive_max_ms)
        self._effects.append(Distrust(
            member, self._ledger.head.height + 1, code, reason))
        if self._request is not None:
            self._effects.append(Cancel(
                member, self._request.message.request_id))
        if not keep:
            self._buffer.clear()
        self._request = self._source = None

    def _failed(self, event: TakeFailed) -> None:
        if event.refused and self._source is not None:
            self._sources.of(self._source).replay = True
            self._source = None
        elif event.blame:
            if self._source is not None:
                self._fault(event.code, event.reason)
        else:
            config = self._config
            self._own_fault_until_ms = self._now_ms + min(
                config.forgive_max_ms,
                config.forgive_ms << min(self._own_faults, 16))
            self._own_faults += 1
            self._buffer.clear()
            if self._request is not None:
                self._effects.append(Cancel(
                    self._request.member, self._request.message.request_id))
            self._request = self._source = None

    # Answers

    def _answered(self, member: int, answer: messages.Blocks) -> None:
        request = self._request
        if (request is None or member != request.member
                or answer.request_id != request.message.request_id):
            return
        self._request = None
        asked = request.message
        fault = self._answers.fault(asked, answer)
        if fault is not None:
            self._fault(*fault, keep=fault[0] == block_buffer.TRUNCATED)
            return
        source = self._sources.of(member)
        source.helps()
        source.claims(answer.head_height)
        self._buffer.add(asked.from_height, answer.blocks)

    # What is next

    def _proceed(self) -> None:
        if self._taking is None:
            # what came by another way meanwhile is of no use any more
            self._buffer.begin_at(self._ledger.head.height + 1)
        if self._now_ms < self._own_fault_until_ms:
            return
        if self._taking is None and len(self._buffer):
            self._take()
        if self._source is None and self._taking is None:
            self._begin()
        if self._source is not None:
            self._ask()

    def _begin(self) -> None:
        """Choose a source if there is one and it is time."""
        head = self._ledger.head.height
        member = self._sources.choose(head, self._now_ms)
        if member is None:
            self._patient_until_ms = None
            return
        gap = self._sources.of(member).claim - head
        if self._following and gap == 1:
            if self._patient_until_ms is None:
                self._patient_until_ms = (
                    self._now_ms + self._config.patience_ms)
            if self._now_ms < self._patient_until_ms:
                return
        self._patient_until_ms = None
        self._source = member
        self._answers = block_buffer.Answers()
        self._buffer.clear()
        self._buffer.begin_at(head + 1)

    def _ask(self) -> None:
        assert self._source is not None
        source = self._sources.of(self._source)
        head = self._ledger.head.height
        threshold = self._config.snapshot_threshold_blocks
        if (threshold and source.claim - head > threshold
                and not source.replay):
            if self._taking is None and self._request is None:
                self._taking = next(self._ids)
                self._fetching = True
                self._buffer.clear()
                self._effects.append(FetchSnapshot(
                    self._taking, self._source,
                    max(head + 1, source.claim - threshold)))
            return
        if (self._request is not None
                or self._buffer.size > self._config.buffer_max_bytes):
            return
        following = self._buffer.following
        if following > source.claim:
            if self._taking is None and not len(self._buffer):
                # perhaps somebody claims more
                self._source = None
                self._begin()
                if self._source is not None:
                    self._ask()
            return
        message = messages.GetBlocks(
            next(self._ids), following, limits.BLOCKS_PER_FRAME_MAX_COUNT)
        self._request = _Request(
            self._source, message, self._now_ms + self._config.timeout_ms)
        self._effects.append(Ask(self._source, message))

    def _take(self) -> None:
        """Hand the next portion of waiting blocks over, if it is good."""
        member = self._source
        try:
            portion = self._buffer.portion(
                self._ledger, self._verifier, self._config.take_max_count,
                self._config.take_max_bytes)
        except errors.LedgerError as error:
            if member is None:
                self._buffer.clear()  # its source is gone already
            else:
                self._fault(error.code, error.message)
            return
        self._buffer.take(len(portion))
        self._taking = next(self._ids)
        self._effects.append(Take(self._taking, member, portion))

    # The timer

    def _update_timer(self) -> None:
        at = self._next_deadline()
        if at == self._timer_ms:
            return
        self._timer_ms = at
        self._effects.append(
            CancelTimer() if at is None
            else SetTimer(max(0, at - self._now_ms)))

    def _next_deadline(self) -> int | None:
        if self._request is not None:
            return self._request.until_ms
        if self._taking is not None:
            return None
        wanted = self._sources.next_ms(self._ledger.head.height)
        if wanted is None:
            return None
        at = max(wanted, self._own_fault_until_ms)
        if self._patient_until_ms is not None:
            at = max(at, self._patient_until_ms)
        return at
