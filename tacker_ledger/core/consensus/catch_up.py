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

from collections.abc import Iterable
import dataclasses
import itertools
from typing import TypeAlias

from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core import limits

#: A block and its certificate, empty for some heartbeats.
CertifiedBlock: TypeAlias = tuple[block_module.Block, bytes]


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

#: Code of a source that gives less than it has, answer after answer.
TRUNCATED = 'truncated'


@dataclasses.dataclass(slots=True)
class _Source:
    """What is known of a member.

    :param claim: the height it says it has
    :param failures: lately; fewer go first
    :param until_ms: it is not asked before
    :param replay: blocks are asked of it, for it gave no snapshot
    """

    claim: int = 0
    up: bool = False
    failures: int = 0
    until_ms: int = 0
    replay: bool = False


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
        self._sources: dict[int, _Source] = {}
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
        #: encoded blocks from ``_buffer_from`` on, with certificates
        self._buffer: list[tuple[bytes, bytes]] = []
        self._buffer_from = 1
        self._crumbs: int | None = None

    # What others may know

    @property
    def busy(self) -> bool:
        """Return whether blocks are asked for or being stored."""
        return self._source is not None or self._taking is not None

    @property
    def target(self) -> int:
        """Return the highest height that a connected member claims."""
        return max((source.claim for source in self._sources.values()
                    if source.up), default=0)

    def claimed(self, member: int) -> int | None:
        """Return how far a member says it is, None if it says nothing."""
        source = self._sources.get(member)
        return source.claim if source and source.claim else None

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
            case Claimed():
                self._claim(event.member, event.height)
            case LinkUp():
                self._of(event.member).up = True
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
            case HeadMoved():
                # the chain moves: what is missing may come by itself
                self._patient_until_ms = None
            case TimerFired():
                self._timer_ms = None
                if self._request and self._request.until_ms <= self._now_ms:
                    self._fault('timeout', 'No answer in time.')

    def _of(self, member: int) -> _Source:
        return self._sources.setdefault(member, _Source())

    def _claim(self, member: int, height: int) -> None:
        source = self._of(member)
        source.claim = max(height, source.claim)

    def _down(self, member: int) -> None:
        source = self._of(member)
        source.up = False
        source.claim = 0
        source.replay = False
        if member == self._source:
            # what has arrived is as good as before
            if self._request is not None or self._fetching:
                self._fault('no-node', 'The link is down.', keep=True)
            else:
                self._source = None

    # Sources

    def _choose(self) -> int | None:
        """Return whom to ask, None if nobody can help now.

        Who failed least goes first, then who may have a snapshot, then who
        claims most.
        """
        head = self._ledger.head.height
        usable = [
            (source.failures, source.replay, -source.claim, member)
            for member, source in self._sources.items()
            if source.up and source.claim > head
            and source.until_ms <= self._now_ms]
        return min(usable)[-1] if usable else None

    def _fault(self, code: str, reason: str, keep: bool = False) -> None:
        """Leave the source; it is not asked for a while.

        :param keep: blocks that came from it may still be used
        """
        member = self._source
        assert member is not None
        source = self._of(member)
        config = self._config
        source.until_ms = self._now_ms + min(
            config.forgive_max_ms,
            config.forgive_ms << min(source.failures, 16))
        source.failures += 1
        self._effects.append(Distrust(
            member, self._ledger.head.height + 1, code, reason))
        if self._request is not None:
            self._effects.append(Cancel(
                member, self._request.message.request_id))
        if not keep:
            self._buffer = []
        self._request = self._source = self._crumbs = None

    def _failed(self, event: TakeFailed) -> None:
        if event.refused and self._source is not None:
            self._of(self._source).replay = True
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
            self._buffer = []
            if self._request is not None:
                self._effects.append(Cancel(
                    self._request.member, self._request.message.request_id))
            self._request = self._source = self._crumbs = None

    # Answers

    def _answered(self, member: int, answer: messages.Blocks) -> None:
        request = self._request
        if (request is None or member != request.member
                or answer.request_id != request.message.request_id):
            return
        self._request = None
        asked = request.message
        fault = self._fault_of(asked, answer)
        if fault is not None:
            self._fault(*fault, keep=fault[0] == TRUNCATED)
            return
        source = self._of(member)
        source.failures = max(0, source.failures - 1)
        source.claim = max(source.claim, answer.head_height)
        if not self._buffer:
            self._buffer_from = asked.from_height
        self._buffer += answer.blocks

    def _fault_of(self, asked: messages.GetBlocks, answer: messages.Blocks
                  ) -> tuple[str, str] | None:
        """Return (code, reason) if the answer as a whole is no good."""
        blocks = answer.blocks
        if not blocks:
            return 'not-found', 'It has not the blocks that it claims.'
        if len(blocks) > asked.max_count:
            return 'bad-block', 'More blocks than were asked for.'
        if not blocks[-1][1]:
            return 'bad-certificate', 'The last block is not certified.'
        # An honest source goes as far as the next height whose certificate
        # everybody keeps, unless the answer grows too large.
        interval = limits.CERTIFICATE_INTERVAL_BLOCKS
        expected = min(answer.head_height,
                       -(-asked.from_height // interval) * interval)
        reached = asked.from_height + len(blocks) - 1
        size = _size(blocks)
        if reached >= expected:
            self._crumbs = None
        elif self._crumbs is None:
            self._crumbs = size
        elif self._crumbs + size <= limits.BLOCKS_ANSWER_MAX_BYTES:
            return TRUNCATED, 'It gives less than it has.'
        else:
            self._crumbs = size
        return None

    # What is next

    def _proceed(self) -> None:
        self._drop_old()
        if self._now_ms < self._own_fault_until_ms:
            return
        if self._taking is None and self._buffer:
            self._take()
        if self._source is None and self._taking is None:
            self._begin()
        if self._source is not None:
            self._ask()

    def _drop_old(self) -> None:
        """Forget waiting blocks that came by another way meanwhile."""
        if self._taking is not None:
            return
        old = self._ledger.head.height + 1 - self._buffer_from
        if old > 0:
            del self._buffer[:old]
            self._buffer_from += old
        if not self._buffer:
            self._buffer_from = self._ledger.head.height + 1

    def _begin(self) -> None:
        """Choose a source if there is one and it is time."""
        member = self._choose()
        if member is None:
            self._patient_until_ms = None
            return
        gap = self._of(member).claim - self._ledger.head.height
        if self._following and gap == 1:
            if self._patient_until_ms is None:
                self._patient_until_ms = (
                    self._now_ms + self._config.patience_ms)
            if self._now_ms < self._patient_until_ms:
                return
        self._patient_until_ms = None
        self._source = member
        self._buffer = []
        self._buffer_from = self._ledger.head.height + 1

    def _ask(self) -> None:
        assert self._source is not None
        source = self._of(self._source)
        head = self._ledger.head.height
        threshold = self._config.snapshot_threshold_blocks
        if (threshold and source.claim - head > threshold
                and not source.replay):
            if self._taking is None and self._request is None:
                self._taking = next(self._ids)
                self._fetching = True
                self._buffer = []
                self._effects.append(FetchSnapshot(
                    self._taking, self._source,
                    max(head + 1, source.claim - threshold)))
            return
        if (self._request is not None
                or _size(self._buffer) > self._config.buffer_max_bytes):
            return
        following = self._buffer_from + len(self._buffer)
        if following > source.claim:
            if self._taking is None and not self._buffer:
                self._source = self._crumbs = None
                self._begin_again()
            return
        message = messages.GetBlocks(
            next(self._ids), following, limits.BLOCKS_PER_FRAME_MAX_COUNT)
        self._request = _Request(
            self._source, message, self._now_ms + self._config.timeout_ms)
        self._effects.append(Ask(self._source, message))

    def _begin_again(self) -> None:
        """Go on with somebody who claims more, if there is one."""
        self._begin()
        if self._source is not None:
            self._ask()

    def _take(self) -> None:
        """Hand the next portion of waiting blocks over, if it is good."""
        member = self._source
        try:
            portion = self._portion()
        except errors.LedgerError as error:
            if member is None:
                self._buffer = []  # its source is gone already
            else:
                self._fault(error.code, error.message)
            return
        del self._buffer[:len(portion)]
        self._buffer_from += len(portion)
        self._taking = next(self._ids)
        self._effects.append(Take(self._taking, member, portion))

    def _portion(self) -> tuple[CertifiedBlock, ...]:
        """Return the next blocks to store, their certificates checked.

        :raises LedgerError: the source lies
        """
        found: list[CertifiedBlock] = []
        head = self._ledger.head
        height, parent = head.height, head.digest
        size = certified = 0
        for raw, certificate in self._buffer:
            full = (len(found) >= self._config.take_max_count
                    or size + len(raw) > self._config.take_max_bytes)
            if found and full and certified == len(found):
                break
            block = block_module.Block.from_bytes(self._ledger.h, raw)
            if (block.header.height, block.header.parent) != (
                    height + 1, parent):
                raise errors.BadBlock('The block does not follow.',
                                      height=block.header.height)
            if block.header.federation != self._ledger.federation.digest:
                if found and certified == len(found):
                    break  # perhaps in force when these are stored
                raise errors.UnknownFederation(
                    'The block names another federation document.',
                    height=block.header.height)
            if certificate:
                certificate_module.check_certificate(
                    self._ledger.h, self._verifier,
                    self._ledger.federation, block.header.height,
                    block.digest, certificate)
                certified = len(found) + 1
            elif block.raw_transactions:
                raise errors.BadCertificate(
                    'Only a heartbeat comes without a certificate.',
                    height=block.header.height)
            found.append((block, certificate))
            size += len(raw)
            height, parent = height + 1, block.digest
        return tuple(found)

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
        head = self._ledger.head.height
        wanted = [source.until_ms for source in self._sources.values()
                  if source.up and source.claim > head]
        if not wanted:
            return None
        at = max(min(wanted), self._own_fault_until_ms)
        if self._patient_until_ms is not None:
            at = max(at, self._patient_until_ms)
        return at


def _size(blocks: Iterable[tuple[bytes, bytes]]) -> int:
    return sum(len(raw) + len(certificate) for raw, certificate in blocks)
