# SPDX-License-Identifier: Apache-2.0
"""What goes into the replica, and what it asks its driver to do.

The driver's contract:

1. It calls ``step`` with one event at a time and executes the effects in
   their order before it passes the next event on, except that it may let a
   write run on; it then reports the end of the write as an event.
2. :class:`Persist` is durable (synced) before ``Persisted`` is reported.  A
   failed write is reported as ``PersistFailed``; nothing is voted after it
   until the process starts again.  Records of a height may be deleted once
   the block of that height is durable, not earlier.
3. :class:`Append` stores the block with everything it changes, moves the
   application on (``LedgerApplication.committed``) and then reports
   ``BlockCommitted``.  A block that came by catch-up ends the same way; it
   moves the application between two steps, never during one.
4. ``TransactionsReady`` is reported when transactions come into an empty
   pool or the pool grows, and after each ``BlockCommitted`` while the pool
   is not empty.  ``RequestExpired`` is reported while a transaction that
   all members know is passed over (``request_timers``).
5. Messages may be lost, doubled, delayed and reordered.  ``PeerConnected``
   is reported whenever frames can be sent to a member again, ``PeerLost``
   when they cannot.
6. ``member`` of ``Received`` is whom the connection authenticates, counted
   in the federation in force for the height in flight.
"""

from collections.abc import Sequence
import dataclasses

from tacker_ledger.core.consensus import evidence
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.ledger import application

# Events

TIMER_BATCH = 'batch'
TIMER_HEARTBEAT = 'heartbeat'
TIMER_RETRANSMIT = 'retransmit'
TIMER_VIEW = 'view'


class Event:
    """The base of what can happen."""

    __slots__ = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Start(Event):
    """The process begins; the application stands at its newest block.

    :param records: the vote log: encoded messages, as they were given to
        :class:`Persist`, in any order
    :param view: the view of the newest certificate, 0 at genesis
    :param may_vote: see :class:`VotingChanged`
    """

    records: Sequence[bytes] = ()
    view: int = 0
    may_vote: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Received(Event):
    """A message came from another member."""

    message: messages.Message
    member: int


@dataclasses.dataclass(frozen=True, slots=True)
class Timer(Event):
    """A timer that :class:`SetTimer` set has run down."""

    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Persisted(Event):
    """The records of a :class:`Persist` are durable."""

    record_id: int


@dataclasses.dataclass(frozen=True, slots=True)
class PersistFailed(Event):
    """The records of a :class:`Persist` may not be durable."""

    record_id: int


@dataclasses.dataclass(frozen=True, slots=True)
class TransactionsReady(Event):
    """The pool holds transactions.

    :param count: how many
    :param size_bytes: their sizes together
    :param waited_ms: how long the oldest of them has waited
    """

    count: int
    size_bytes: int
    waited_ms: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class BlockCommitted(Event):
    """A block is durable and the application has moved past it.

    :param height: of that block: appended here or come by catch-up
    :param view: of its certificate, 0 if it came without one
    """

    height: int
    view: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class PeerConnected(Event):
    """Frames can be sent to a member from now on."""

    member: int


@dataclasses.dataclass(frozen=True, slots=True)
class PeerLost(Event):
    """The link to a member is down."""

    member: int


@dataclasses.dataclass(frozen=True, slots=True)
class VotingChanged(Event):
    """Whether this process may sign (one voter per identity, in doubt).

    While it may not, it listens, commits what others certify, and proposes
    and votes nothing.
    """

    allowed: bool


@dataclasses.dataclass(frozen=True, slots=True)
class RequestExpired(Event):
    """The leader has passed over a transaction that all were told of.

    :param txid: which, 32 bytes
    """

    txid: bytes


# Effects

class Effect:
    """The base of what a driver is asked to do."""

    __slots__ = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Persist(Effect):
    """Make records durable in one write.

    :param record_id: what ``Persisted`` answers with; ascending from 1
    :param height: which the records belong to
    :param messages: the replica's own, and others' that it relies on
    """

    record_id: int
    height: int
    messages: tuple[messages.Message, ...]

    @property
    def records(self) -> tuple[bytes, ...]:
        """The messages as they are written: encoded."""
        return tuple(map(messages.encode, self.messages))


@dataclasses.dataclass(frozen=True, slots=True)
class Send(Effect):
    """Send a message.

    :param to: index of a member, None for all other members
    """

    message: messages.Message
    to: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class SetTimer(Effect):
    """Report :class:`Timer` once after ``delay_ms``; replaces the same."""

    name: str
    delay_ms: int


@dataclasses.dataclass(frozen=True, slots=True)
class CancelTimer(Effect):
    """Forget a timer."""

    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Append(Effect):
    """A block is certified: store it.

    :param outcome: the block and all that it changes
    :param certificate: encoded
    :param view: of the certificate
    """

    outcome: application.Outcome
    certificate: bytes
    view: int


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence(Effect):
    """A member signed two things that no honest member signs both."""

    record: evidence.Equivocation


@dataclasses.dataclass(frozen=True, slots=True)
class Behind(Effect):
    """Another member claims to be further; catching up may be worthwhile.

    :param member: who
    :param height: in flight there; only a claim
    """

    member: int
    height: int


@dataclasses.dataclass(frozen=True, slots=True)
class Refused(Effect):
    """A proposal or message of a member was not acceptable: note it.

    :param member: who sent it
    :param code: stable code of the reason
    :param reason: one sentence
    """

    member: int
    height: int
    view: int
    code: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class ViewChanged(Effect):
    """We have left a view for another, or are in it now: tell people.

    :param view: the one asked for, or entered
    :param leader: index of the member who leads it
    :param active: whether it is entered
    :param reason: one sentence
    """

    height: int
    view: int
    leader: int
    active: bool
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Halted(Effect):
    """The replica will not go on; only a person can decide what is next.

    A quorum certified what is invalid here (this release or its data differs
    from the others', or more than f members are faulty), the store cannot be
    read, or rules are in force that this release does not know.
    """

    height: int
    code: str
    reason: str
