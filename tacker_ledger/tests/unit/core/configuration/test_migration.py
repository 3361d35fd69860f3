# SPDX-License-Identifier: Apache-2.0
"""The state machine of a migration, step by step and at random."""

import dataclasses

import hypothesis
from hypothesis import strategies

from tacker_ledger.core.configuration import comparison
from tacker_ledger.core.configuration import migration
from tacker_ledger.core.configuration import migration_record
from tacker_ledger.core import errors
from tacker_ledger.tests import base

State = migration_record.State
Path = migration_record.Path
Action = migration.Action

B16 = bytes(range(16))
B32 = bytes(range(32))
SOURCE_ID = b's' * 32
DESTINATION_ID = b'd' * 32
ENTRIES = ((B16, 1, B32), (b'e' * 16, 4, b'x' * 32))
DIGEST = b'g' * 32


def new(**changes) -> migration_record.Migration:
    """Return a migration of VNF a to VNF b about which nothing was done."""
    values = {
        'migration_id': B16, 'state': State.CREATED, 'path': Path.SOURCE,
        'key_name': 'alice', 'source': 'a', 'source_key_id': SOURCE_ID,
        'destination': 'b', 'destination_key_id': DESTINATION_ID,
        'policy': comparison.Policy.STOP, 'path_switch': ('none',),
        'created_ms': 1000, 'updated_ms': 1000}
    return migration_record.Migration(**{**values, **changes})


def request(vid: int) -> migration.RequestPrepared:
    return migration.RequestPrepared(B16, vid, bytes([vid]) * 32, b'raw')


def delivery(vid: int) -> migration.DeliveryPrepared:
    return migration.DeliveryPrepared(
        b'd' * 16, vid, bytes([100 + vid]) * 32, b'raw')


def answer(digest=DIGEST, entries=ENTRIES, differences=()):
    return migration.Answered(b'a' * 32, digest, entries, differences)


RECEIPT = migration.Receipted(b'r' * 32, True)
COMMITTED = migration.Committed()
#: What happens when nothing goes wrong, with one delta round of news.
STRAIGHT = (
    (Action.REQUEST, request(1), State.CREATED),
    (Action.SEND, COMMITTED, State.REQUESTED),
    (Action.AWAIT_ANSWER, answer(), State.DESTINATION_UP),
    (Action.DELIVER, delivery(1), State.DESTINATION_UP),
    (Action.SEND, COMMITTED, State.DELIVERED),
    (Action.AWAIT_RECEIPT, RECEIPT, State.RECEIVED),
    (Action.BEGIN_SWITCH, migration.SwitchBegun(), State.SWITCHING),
    (Action.SWITCH_PATH, migration.Switched(), State.PATH_SWITCHED),
    (Action.REQUEST, request(2), State.PATH_SWITCHED),
    (Action.SEND, COMMITTED, State.DELTA_REQUESTED),
    (Action.AWAIT_ANSWER, answer(b'n' * 32), State.DELTA_CAPTURED),
    (Action.DELIVER, delivery(2), State.DELTA_CAPTURED),
    (Action.SEND, COMMITTED, State.DELTA_DELIVERED),
    (Action.AWAIT_RECEIPT, RECEIPT, State.PATH_SWITCHED),
    (Action.REQUEST, request(3), State.PATH_SWITCHED),
    (Action.SEND, COMMITTED, State.DELTA_REQUESTED),
    (Action.AWAIT_ANSWER, answer(b'n' * 32), State.DRAINED),
    (Action.RETIRE_SOURCE, migration.RetirementPrepared(b'raw'),
     State.TERMINATING),
    (Action.SEND, COMMITTED, State.TERMINATING),
    (Action.FORGET_SOURCE, migration.SourceForgotten(),
     State.SOURCE_TERMINATED),
)


def walk(steps, start=None):
    """Yield the migration before the first step and after each."""
    current = start or new()
    yield current
    for _action, event, _state in steps:
        current = migration.advance(current, event, current.updated_ms + 1)
        yield current


def at(state: State) -> migration_record.Migration:
    """Return the first migration of the straight way in ``state``."""
    return next(item for item in walk(STRAIGHT) if item.state is state)


class TestStraightWay(base.TestCase):
    """Nothing goes wrong."""

    def test_actions_and_states(self):
        current = new()
        for action, event, state in STRAIGHT:
            self.assertIs(action, migration.next_action(current))
            current = migration.advance(current, event, 2000)
            self.assertIs(state, current.state)
        self.assertIs(Action.NOTHING, migration.next_action(current))
        self.assertTrue(current.finished)
        self.assertIs(Path.DESTINATION, current.path)
        self.assertEqual(3, len(current.rounds))

    def test_every_step_survives_storage(self):
        for item in walk(STRAIGHT):
            stored = migration_record.to_bytes(item)
            self.assertEqual(item, migration_record.from_bytes(stored))

    def test_the_path_moves_only_when_it_is_switched(self):
        for item in walk(STRAIGHT):
            if item.state < State.SWITCHING:
                self.assertIs(Path.SOURCE, item.path)
            elif item.state is State.SWITCHING:
                self.assertIs(Path.UNKNOWN, item.path)
            else:
                self.assertIs(Path.DESTINATION, item.path)

    def test_time_does_not_run_back(self):
        later = migration.advance(new(updated_ms=5000), request(1), 10)
        self.assertEqual(5000, later.updated_ms)

    def test_a_destination_that_comes_later(self):
        start = new(destination='', destination_key_id=None)
        *_before, current = walk(STRAIGHT[:3], start)
        self.assertIs(State.CAPTURED, current.state)
        self.assertIs(Action.AWAIT_DESTINATION,
                      migration.next_action(current))
        current = migration.advance(
            current, migration.DestinationKnown('b', DESTINATION_ID), 1)
        self.assertIs(State.DESTINATION_UP, current.state)

    def test_more_rounds_than_are_kept(self):
        current = at(State.PATH_SWITCHED)
        for vid in range(2, 120):
            for event in (request(vid), COMMITTED,
                          answer(bytes([vid]) * 32), delivery(vid),
                          COMMITTED, RECEIPT):
                current = migration.advance(current, event, 1)
        self.assertEqual(migration_record.ROUNDS_MAX_COUNT,
                         len(current.rounds))
        migration_record.from_bytes(migration_record.to_bytes(current))


class TestTrouble(base.TestCase):
    """What may go wrong leads to where it can be tried again."""

    def test_abort_leaves_the_path_at_the_source(self):
        for item in walk(STRAIGHT):
            if not item.abortable:
                self.assertRaises(errors.BadOption, migration.advance, item,
                                  migration.AbortAsked(), 1)
                continue
            aborted = migration.advance(item, migration.AbortAsked(), 1)
            if item.path is not Path.SOURCE:
                self.assertIs(Action.SWITCH_BACK,
                              migration.next_action(aborted))
                aborted = migration.advance(
                    aborted, migration.SwitchedBack(), 1)
            self.assertIs(State.ABORTED, aborted.state)
            self.assertIs(Path.SOURCE, aborted.path)
            self.assertIs(Action.NOTHING, migration.next_action(aborted))

    def test_abort_twice(self):
        aborted = migration.advance(new(), migration.AbortAsked(), 1)
        again = migration.advance(aborted, migration.AbortAsked(), 1)
        self.assertEqual(aborted, again)

    def test_a_rejected_request_never_was(self):
        *_before, current = walk(STRAIGHT[:1])
        current = migration.advance(
            current, migration.Rejected('bad-expiry'), 1)
        self.assertEqual((), current.rounds)
        self.assertEqual('bad-expiry', current.note)
        self.assertIs(Action.REQUEST, migration.next_action(current))

    def test_a_rejected_delivery_is_authored_anew(self):
        *_before, current = walk(STRAIGHT[:4])
        current = migration.advance(
            current, migration.Rejected('vid-conflict'), 1)
        self.assertIs(Action.DELIVER, migration.next_action(current))
        self.assertIsNone(current.current.delivery_txid)
        self.assertEqual(ENTRIES, current.current.entries)

    def test_a_rejected_retirement_is_authored_anew(self):
        *_before, current = walk(STRAIGHT[:18])
        self.assertIs(State.TERMINATING, current.state)
        current = migration.advance(current, migration.Rejected('busy'), 1)
        self.assertIs(Action.RETIRE_SOURCE, migration.next_action(current))

    def test_a_request_that_expired(self):
        for state, back in ((State.REQUESTED, State.CREATED),
                            (State.DELTA_REQUESTED, State.PATH_SWITCHED)):
            item = at(state)
            later = migration.advance(item, migration.Expired(), 1)
            self.assertIs(back, later.state)
            self.assertEqual(item.rounds[:-1], later.rounds)

    def test_a_delivery_that_failed_needs_a_new_version(self):
        for state, back in ((State.DELIVERED, State.DESTINATION_UP),
                            (State.DELTA_DELIVERED, State.DELTA_CAPTURED)):
            failed = migration.Receipted(b'r' * 32, False, 'reverted')
            later = migration.advance(at(state), failed, 1)
            self.assertIs(back, later.state)
            self.assertEqual('reverted', later.note)
            self.assertIsNone(later.current.receipt_txid)
            self.assertIs(Action.DELIVER, migration.next_action(later))

    def test_a_switch_that_failed_was_taken_back(self):
        later = migration.advance(
            at(State.SWITCHING), migration.SwitchedBack('exit status 1'), 1)
        self.assertIs(State.RECEIVED, later.state)
        self.assertIs(Path.SOURCE, later.path)

    def test_differences_stop_until_the_tenant_decides(self):
        differing = answer(differences=((1, B16, 1, 2),))
        stopped = migration.advance(at(State.REQUESTED), differing, 1)
        self.assertIs(State.REQUESTED, stopped.state)
        self.assertIs(Action.AWAIT_ANSWER, migration.next_action(stopped))
        decided = migration.advance(
            stopped, migration.PolicyChosen(comparison.Policy.CHAIN), 1)
        going = migration.advance(decided, differing, 1)
        self.assertIs(State.DESTINATION_UP, going.state)

    def test_nothing_new_is_judged_by_what_was_confirmed(self):
        # The second answer was never delivered: the third, equal to the
        # second, is still news to the destination.
        *_before, current = walk(STRAIGHT[:11])
        self.assertIs(State.DELTA_CAPTURED, current.state)
        expired = dataclasses.replace(current, state=State.PATH_SWITCHED)
        for event in (request(3), COMMITTED, answer(b'n' * 32)):
            expired = migration.advance(expired, event, 1)
        self.assertIs(State.DELTA_CAPTURED, expired.state)

    def test_source_and_destination_must_differ(self):
        start = new(destination='', destination_key_id=None)
        self.assertRaises(
            errors.BadOption, migration.advance, start,
            migration.DestinationKnown('a', SOURCE_ID), 1)

    def test_events_out_of_place(self):
        for event in (RECEIPT, migration.Switched(), answer(), delivery(1),
                      COMMITTED, migration.SourceForgotten(),
                      migration.Rejected('x')):
            self.assertRaises(AssertionError, migration.advance, new(),
                              event, 1)

    def test_a_note_changes_nothing_else(self):
        item = at(State.DELIVERED)
        noted = migration.advance(item, migration.Noted('no node'), 9999)
        self.assertEqual(
            dataclasses.replace(item, note='no node', updated_ms=9999),
            noted)


class TestStoredForm(base.TestCase):
    """Damage is noticed."""

    def test_every_single_bit(self):
        stored = migration_record.to_bytes(at(State.DELTA_CAPTURED))
        original = migration_record.from_bytes(stored)
        for position in range(len(stored)):
            broken = bytearray(stored)
            broken[position] ^= 1
            try:
                other = migration_record.from_bytes(bytes(broken))
            except errors.FormatError:
                continue
            self.assertNotEqual(original, other)

    @hypothesis.settings(max_examples=100)
    @hypothesis.given(strategies.binary(max_size=400))
    def test_any_bytes(self, data):
        try:
            item = migration_record.from_bytes(data)
        except errors.FormatError:
            return
        self.assertEqual(data, migration_record.to_bytes(item))


class TestAnyOrder(base.TestCase):
    """Whatever happens, the promises hold."""

    EVENTS = (request(1), delivery(1), migration.RetirementPrepared(b'r'),
              COMMITTED, migration.Rejected('x'), answer(),
              answer(b'n' * 32), answer(differences=((2, B16, 0, 1),)),
              migration.Expired(), RECEIPT,
              migration.Receipted(b'r' * 32, False, 'reverted'),
              migration.SwitchBegun(), migration.Switched(),
              migration.SwitchedBack(), migration.SourceForgotten(),
              migration.AbortAsked(), migration.Noted('n'))

    @hypothesis.settings(max_examples=200)
    @hypothesis.given(strategies.lists(strategies.sampled_from(EVENTS),
                                       max_size=60))
    def test_random_events(self, events):
        current = new()
        switched = confirmed = False
        for event in events:
            try:
                later = migration.advance(current, event, 1)
            except (AssertionError, errors.BadOption):
                continue
            confirmed |= event is RECEIPT
            if later.path is not Path.SOURCE and not switched:
                # The path never moves before the destination confirmed.
                self.assertTrue(confirmed)
                switched = True
            if later.state is State.ABORTED:
                self.assertIs(Path.SOURCE, later.path)
            if later.state is State.SOURCE_TERMINATED:
                self.assertIs(Path.DESTINATION, later.path)
            if current.finished:
                self.assertIs(current.state, later.state)
            migration.next_action(later)
            current = migration_record.from_bytes(
                migration_record.to_bytes(later))
            self.assertEqual(later, current)
