# SPDX-License-Identifier: Apache-2.0
"""Migration of a VNF's configuration as a durable state machine (protocol 7).

S0 section III.D in steps that survive a crash between any two of them::

    created -> requested -> captured -> destination-up -> delivered
      -> received -> switching -> path-switched
      -> (delta-requested [-> delta-captured -> delta-delivered])...
      -> drained -> terminating -> source-terminated

The machine is pure.  :func:`next_action` says what is to be done; whoever
drives it does that, tells the outcome as an event and stores what
:func:`advance` returns before it does anything else.  A transaction is
stored (``Prepared``) before it is sent: after a crash the same bytes go out
again, and the ledger takes them once.

Until ``switching`` the path leads to the source and an abort ends at once.
From then to ``drained`` an abort leads the path back first.  When the
source's retirement has been prepared nothing can be undone.
"""

from collections.abc import Callable
import dataclasses
import enum
from typing import Any

from tacker_ledger.core.configuration import comparison
from tacker_ledger.core.configuration import migration_record
from tacker_ledger.core import errors

Migration = migration_record.Migration
Path = migration_record.Path
Round = migration_record.Round
State = migration_record.State


class Action(enum.Enum):
    """What the driver of a migration is to do next."""

    SEND = 'send'
    REQUEST = 'request'
    AWAIT_ANSWER = 'await-answer'
    AWAIT_DESTINATION = 'await-destination'
    DELIVER = 'deliver'
    AWAIT_RECEIPT = 'await-receipt'
    BEGIN_SWITCH = 'begin-switch'
    SWITCH_PATH = 'switch-path'
    SWITCH_BACK = 'switch-back'
    RETIRE_SOURCE = 'retire-source'
    FORGET_SOURCE = 'forget-source'
    NOTHING = 'nothing'


# Events


@dataclasses.dataclass(frozen=True, slots=True)
class RequestPrepared:
    """A request was authored; nothing has been sent."""

    cid: bytes
    vid: int
    txid: bytes
    raw: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class DeliveryPrepared:
    """A delivery was authored; nothing has been sent."""

    cid: bytes
    vid: int
    txid: bytes
    raw: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class RetirementPrepared:
    """The source's retirement was authored; nothing has been sent."""

    raw: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Committed:
    """All of the outbox is proven to be on the chain."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rejected:
    """The ledger will never take what is in the outbox."""

    note: str


@dataclasses.dataclass(frozen=True, slots=True)
class Answered:
    """The source answered and the answer was compared with the chain."""

    txid: bytes
    digest: bytes
    entries: tuple[tuple[bytes, int, bytes], ...]
    differences: tuple[tuple[int, bytes, int, int], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Expired:
    """The request's slot closed without an answer."""


@dataclasses.dataclass(frozen=True, slots=True)
class DestinationKnown:
    """The destination stands in the inventory."""

    name: str
    key_id: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Receipted:
    """The destination's receipt about the delivery was read."""

    txid: bytes
    applied: bool
    note: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class SwitchBegun:
    """From here on the path may lead to either."""


@dataclasses.dataclass(frozen=True, slots=True)
class Switched:
    """The path leads to the destination."""


@dataclasses.dataclass(frozen=True, slots=True)
class SwitchedBack:
    """The path leads to the source again."""

    note: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class SourceForgotten:
    """The source left the inventory and its groups were re-keyed."""


@dataclasses.dataclass(frozen=True, slots=True)
class AbortAsked:
    """The tenant wants the path to stay at the source."""

    note: str = 'aborted by the tenant'


@dataclasses.dataclass(frozen=True, slots=True)
class PolicyChosen:
    """The tenant decided what becomes of differences."""

    policy: comparison.Policy


@dataclasses.dataclass(frozen=True, slots=True)
class Noted:
    """Something went wrong that changes nothing."""

    note: str


Event = (RequestPrepared | DeliveryPrepared | RetirementPrepared | Committed
         | Rejected | Answered | Expired | DestinationKnown | Receipted
         | SwitchBegun | Switched | SwitchedBack | SourceForgotten
         | AbortAsked | PolicyChosen | Noted)

_ACTIONS = {
    State.CREATED: Action.REQUEST,
    State.REQUESTED: Action.AWAIT_ANSWER,
    State.CAPTURED: Action.AWAIT_DESTINATION,
    State.DESTINATION_UP: Action.DELIVER,
    State.DELIVERED: Action.AWAIT_RECEIPT,
    State.RECEIVED: Action.BEGIN_SWITCH,
    State.SWITCHING: Action.SWITCH_PATH,
    State.PATH_SWITCHED: Action.REQUEST,
    State.DELTA_REQUESTED: Action.AWAIT_ANSWER,
    State.DELTA_CAPTURED: Action.DELIVER,
    State.DELTA_DELIVERED: Action.AWAIT_RECEIPT,
    State.DRAINED: Action.RETIRE_SOURCE,
    State.TERMINATING: Action.FORGET_SOURCE,
    State.SOURCE_TERMINATED: Action.NOTHING,
    State.ABORTING: Action.SWITCH_BACK,
    State.ABORTED: Action.NOTHING,
}


def next_action(migration: Migration) -> Action:
    """Return what is to be done now; doing it twice does no harm."""
    if migration.outbox:
        return Action.SEND
    return _ACTIONS[migration.state]


def advance(migration: Migration, event: Event, now_ms: int) -> Migration:
    """Return the migration after ``event``; store it before going on.

    :raises BadOption: the tenant asked for what is no longer possible
    :raises AssertionError: the event cannot happen in this state
    """
    changed = _HANDLERS[type(event)](migration, event)
    return dataclasses.replace(changed,
                               updated_ms=max(now_ms, migration.updated_ms))


_Handler = Callable[[Migration, Any], Migration]
_HANDLERS: dict[type[Any], _Handler] = {}


def _on(event_type: type[Any]) -> Callable[[_Handler], _Handler]:
    def register(handler: _Handler) -> _Handler:
        _HANDLERS[event_type] = handler
        return handler
    return register


def _expect(migration: Migration, *states: State) -> None:
    assert migration.state in states, (
        f'this does not happen in state {migration.state.label}')


def _in_round(migration: Migration, **changes: Any) -> tuple[Round, ...]:
    return (*migration.rounds[:-1],
            dataclasses.replace(migration.current, **changes))


@_on(RequestPrepared)
def _request_prepared(migration: Migration, event: RequestPrepared
                      ) -> Migration:
    _expect(migration, State.CREATED, State.PATH_SWITCHED)
    assert not migration.outbox
    # A source that never rests pushes the oldest rounds out of the record.
    rounds = migration.rounds[-(migration_record.ROUNDS_MAX_COUNT - 1):]
    return dataclasses.replace(
        migration, slot_cid=event.cid, outbox=(event.raw,), note='',
        rounds=(*rounds, Round(event.vid, event.txid)))


@_on(DeliveryPrepared)
def _delivery_prepared(migration: Migration, event: DeliveryPrepared
                       ) -> Migration:
    _expect(migration, State.DESTINATION_UP, State.DELTA_CAPTURED)
    assert not migration.outbox
    return dataclasses.replace(
        migration, delivery_cid=event.cid, outbox=(event.raw,), note='',
        rounds=_in_round(migration, delivery_vid=event.vid,
                         delivery_txid=event.txid))


@_on(RetirementPrepared)
def _retirement_prepared(migration: Migration, event: RetirementPrepared
                         ) -> Migration:
    _expect(migration, State.DRAINED)
    return dataclasses.replace(migration, outbox=(event.raw,), note='',
                               state=State.TERMINATING)


_AFTER_COMMIT = {
    State.CREATED: State.REQUESTED,
    State.PATH_SWITCHED: State.DELTA_REQUESTED,
    State.DESTINATION_UP: State.DELIVERED,
    State.DELTA_CAPTURED: State.DELTA_DELIVERED,
    State.TERMINATING: State.TERMINATING,
}


@_on(Committed)
def _committed(migration: Migration, event: Committed) -> Migration:
    assert migration.outbox, 'there was nothing to commit'
    return dataclasses.replace(migration, outbox=(), note='',
                               state=_AFTER_COMMIT[migration.state])


@_on(Rejected)
def _rejected(migration: Migration, event: Rejected) -> Migration:
    assert migration.outbox, 'there was nothing to reject'
    changed = dataclasses.replace(migration, outbox=(), note=event.note)
    if migration.state in (State.CREATED, State.PATH_SWITCHED):
        # The round never began.
        return dataclasses.replace(changed, rounds=migration.rounds[:-1])
    if migration.state is State.TERMINATING:
        # Author the retirement anew; the decision to retire stands.
        return dataclasses.replace(changed, state=State.DRAINED)
    return dataclasses.replace(
        changed,
        rounds=_in_round(changed, delivery_vid=0, delivery_txid=None))


@_on(Answered)
def _answered(migration: Migration, event: Answered) -> Migration:
    _expect(migration, State.REQUESTED, State.DELTA_REQUESTED)
    stopped = (bool(event.differences)
               and migration.policy is comparison.Policy.STOP)
    rounds = _in_round(
        migration, answer_txid=event.txid, digest=event.digest,
        entries=event.entries, differences=event.differences)
    if stopped:
        return dataclasses.replace(
            migration, rounds=rounds,
            note='the source reports another configuration than the chain')
    changed = dataclasses.replace(migration, rounds=rounds, note='')
    if migration.state is State.REQUESTED:
        state = (State.DESTINATION_UP if migration.destination_key_id
                 else State.CAPTURED)
    elif _delivered_already(migration, event):
        state = State.DRAINED
    else:
        state = State.DELTA_CAPTURED
    return dataclasses.replace(changed, state=state)


def _delivered_already(migration: Migration, event: Answered) -> bool:
    """Return whether the destination has confirmed all of an answer."""
    for earlier in reversed(migration.rounds[:-1]):
        if earlier.receipt_txid is not None:
            return (earlier.digest == event.digest
                    and earlier.entries == event.entries)
    return False


@_on(Expired)
def _expired(migration: Migration, event: Expired) -> Migration:
    _expect(migration, State.REQUESTED, State.DELTA_REQUESTED)
    state = (State.CREATED if migration.state is State.REQUESTED
             else State.PATH_SWITCHED)
    return dataclasses.replace(
        migration, state=state, rounds=migration.rounds[:-1],
        note='the source did not answer before the request expired')


@_on(DestinationKnown)
def _destination_known(migration: Migration, event: DestinationKnown
                       ) -> Migration:
    _expect(migration, State.CREATED, State.REQUESTED, State.CAPTURED)
    if event.key_id == migration.source_key_id:
        raise errors.BadOption('source and destination are the same VNF',
                               name=event.name)
    state = (State.DESTINATION_UP if migration.state is State.CAPTURED
             else migration.state)
    return dataclasses.replace(
        migration, state=state, destination=event.name,
        destination_key_id=event.key_id, note='')


@_on(Receipted)
def _receipted(migration: Migration, event: Receipted) -> Migration:
    _expect(migration, State.DELIVERED, State.DELTA_DELIVERED)
    first = migration.state is State.DELIVERED
    if not event.applied:
        # A version that failed is not tried again: author the next one.
        return dataclasses.replace(
            migration, note=event.note,
            state=State.DESTINATION_UP if first else State.DELTA_CAPTURED,
            rounds=_in_round(migration, delivery_vid=0, delivery_txid=None))
    return dataclasses.replace(
        migration, note='',
        state=State.RECEIVED if first else State.PATH_SWITCHED,
        rounds=_in_round(migration, receipt_txid=event.txid))


@_on(SwitchBegun)
def _switch_begun(migration: Migration, event: SwitchBegun) -> Migration:
    _expect(migration, State.RECEIVED)
    return dataclasses.replace(migration, state=State.SWITCHING,
                               path=Path.UNKNOWN, note='')


@_on(Switched)
def _switched(migration: Migration, event: Switched) -> Migration:
    _expect(migration, State.SWITCHING)
    return dataclasses.replace(migration, state=State.PATH_SWITCHED,
                               path=Path.DESTINATION, note='')


@_on(SwitchedBack)
def _switched_back(migration: Migration, event: SwitchedBack) -> Migration:
    _expect(migration, State.SWITCHING, State.ABORTING)
    if migration.state is State.SWITCHING:
        return dataclasses.replace(migration, state=State.RECEIVED,
                                   path=Path.SOURCE, note=event.note)
    return dataclasses.replace(migration, state=State.ABORTED,
                               path=Path.SOURCE)


@_on(SourceForgotten)
def _source_forgotten(migration: Migration, event: SourceForgotten
                      ) -> Migration:
    _expect(migration, State.TERMINATING)
    assert not migration.outbox
    return dataclasses.replace(migration, state=State.SOURCE_TERMINATED,
                               note='')


@_on(AbortAsked)
def _abort_asked(migration: Migration, event: AbortAsked) -> Migration:
    if migration.state in (State.ABORTING, State.ABORTED):
        return migration
    if not migration.abortable:
        raise errors.BadOption(
            'the source is being terminated: the migration can only be '
            'completed', state=migration.state.label)
    state = (State.ABORTED if migration.path is Path.SOURCE
             else State.ABORTING)
    return dataclasses.replace(migration, state=state, outbox=(),
                               note=event.note)


@_on(PolicyChosen)
def _policy_chosen(migration: Migration, event: PolicyChosen) -> Migration:
    return dataclasses.replace(migration, policy=event.policy)


@_on(Noted)
def _noted(migration: Migration, event: Noted) -> Migration:
    return dataclasses.replace(migration, note=event.note)
