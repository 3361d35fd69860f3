# SPDX-License-Identifier: Apache-2.0
"""Driving migrations (S0 III.D) through core's durable state machine.

Each step is stored before the next one begins, in
``migrations/<id>.cbor``; a process that dies is followed by another one
which resumes.  One process drives a migration at a time.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
import fcntl
import os
import time

from tacker_ledger.core.configuration import comparison
from tacker_ledger.core.configuration import migration as machine
from tacker_ledger.core.configuration import migration_record
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core import limits
from tacker_ledger.tenant_client import context as context_module
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tenant_client import keys as keys_module
from tacker_ledger.tenant_client import migration_steps
from tacker_ledger.tenant_client import path_switches

Migration = migration_record.Migration
State = migration_record.State
Action = machine.Action

_FOLDER = 'migrations'
_SUFFIX = '.cbor'
_MAX_BYTES = 4 * limits.TRANSACTION_MAX_BYTES
#: Delta rounds of one run; a source that never rests needs a decision.
ROUNDS_PER_RUN = 16
TIMEOUT_SECONDS = 600.0

Listener = Callable[[Migration, Action], None]


class DrivenElsewhere(errors.Busy):
    """Another process drives the migration."""


@dataclasses.dataclass(slots=True)
class _Run:
    """How long one call of :meth:`Migrations.run` may go on."""

    ends: float
    rounds: int = 0

    def left_seconds(self) -> float:
        return max(0.0, self.ends - time.monotonic())


class Migrations:
    """The migrations of one tenant.

    :param steps: what each action does on the ledger
    """

    def __init__(self, context: context_module.Context,
                 steps: migration_steps.Steps) -> None:
        self._context = context
        self._steps = steps
        #: Told before each action: progress for people, faults for tests.
        self.listener: Listener | None = None

    # The records

    def list_all(self) -> list[Migration]:
        """Return all migrations, oldest first."""
        found = [self._read(name) for name
                 in self._context.store.names(_FOLDER, _SUFFIX)]
        return sorted(found, key=lambda item: item.created_ms)

    def find(self, text: str) -> Migration:
        """Return a migration by its id in hex, or an unambiguous start.

        :raises NotFound: there is none
        :raises BadOption: several start so
        """
        matches = [item for item in self.list_all()
                   if text and item.migration_id.hex().startswith(text)]
        if not matches:
            raise errors.NotFound(f'There is no migration {text!r}.')
        if len(matches) > 1:
            raise errors.BadOption(f'Several migrations start with {text!r}.')
        return matches[0]

    def _read(self, name: str) -> Migration:
        data = self._context.store.read(name, _MAX_BYTES)
        try:
            return migration_record.from_bytes(data or b'')
        except errors.FormatError as error:
            raise errors.CorruptStore(
                f'{self._context.store.path(name)} is damaged: '
                f'{error.message}') from error

    @staticmethod
    def _name(migration_id: bytes, suffix: str = _SUFFIX) -> str:
        return f'{_FOLDER}/{migration_id.hex()}{suffix}'

    def _save(self, migration: Migration) -> None:
        self._context.store.write(self._name(migration.migration_id),
                                  migration_record.to_bytes(migration))

    # What a tenant does

    def create(self, source: str, destination: str, key: keys_module.Key, *,
               policy: comparison.Policy = comparison.Policy.STOP,
               path_switch: Sequence[str] = ('none',)) -> Migration:
        """Store a new migration; nothing is sent yet.

        :param destination: a VNF's name; empty if it is not there yet
        :param path_switch: the driver's name and its arguments
        :raises NotFound: no such VNF
        :raises KeyRevoked: one of the VNFs is not active
        :raises BadOption: source and destination are one, or the path
            switch cannot be
        """
        contents = self._context.inventory.read()
        path_switches.load(path_switch)
        vnf = self._active(contents, source)
        other = self._active(contents, destination) if destination else None
        if other is not None and other.name == vnf.name:
            raise errors.BadOption('Source and destination are the same VNF.')
        for item in self.list_all():
            if item.source == vnf.name and not item.finished:
                raise errors.Duplicate(
                    f'{vnf.name} is being migrated already.',
                    migration=item.migration_id.hex())
        now_ms = self._context.now_ms()
        migration = Migration(
            self._context.provider.random_bytes(identifiers.CID_BYTES),
            State.CREATED, migration_record.Path.SOURCE, key.name, vnf.name,
            vnf.key.key_id, other.name if other else '',
            other.key.key_id if other else None, policy, tuple(path_switch),
            now_ms, now_ms)
        self._save(migration)
        return migration

    @staticmethod
    def _active(contents: inventory.Contents, name: str) -> inventory.Vnf:
        vnf = contents.vnf(name)
        if vnf.state != inventory.ACTIVE:
            raise errors.KeyRevoked(f'The VNF {vnf.name} is {vnf.state}.')
        return vnf

    def abort(self, migration: Migration) -> Migration:
        """Leave, or lead, the path to the source and go no further.

        Where another process drives the migration, that one aborts it
        before its next step.

        :raises BadOption: the source is being terminated already
        """
        if not migration.abortable and not migration.finished:
            raise errors.BadOption(
                'The source is being terminated: the migration can only be '
                'completed.', state=migration.state.label)
        self._context.store.write(
            self._name(migration.migration_id, '.abort'), b'')
        try:
            return self.run(migration)
        except DrivenElsewhere:
            return self._read(self._name(migration.migration_id))

    def run(self, migration: Migration, *,
            timeout_seconds: float = TIMEOUT_SECONDS,
            policy: comparison.Policy | None = None,
            destination: str = '') -> Migration:
        """Drive a migration until it is finished or cannot go on.

        :param policy: what becomes of differences from now on
        :param destination: the VNF to migrate to, if it was not known
        :raises Timeout: source or destination did not answer in time, or
            the source's state does not come to rest; resume later
        :raises Busy: another process drives it
        :raises LedgerError: what stopped it; the record's note says it too
        """
        with self._driving(migration.migration_id):
            current = self._read(self._name(migration.migration_id))
            if policy is not None:
                current = self._event(current, machine.PolicyChosen(policy))
            if destination:
                current = self._event(current, self._steps.destination(
                    destination))
            run = _Run(time.monotonic() + timeout_seconds)
            while not current.finished:
                current = self._step(self._aborted(current), run)
            self._forget_abort(current)
            return current

    @contextlib.contextmanager
    def _driving(self, migration_id: bytes) -> Iterator[None]:
        path = self._context.store.path(self._name(migration_id, '.lock'))
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC,
                             0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise DrivenElsewhere(
                    'Another process drives this migration.') from None
            yield
        finally:
            os.close(descriptor)

    def _aborted(self, migration: Migration) -> Migration:
        marker = self._context.store.path(
            self._name(migration.migration_id, '.abort'))
        if not marker.exists() or not migration.abortable:
            return migration
        return self._event(migration, machine.AbortAsked())

    def _forget_abort(self, migration: Migration) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._context.store.path(
                self._name(migration.migration_id, '.abort')).unlink()

    def _event(self, migration: Migration, event: machine.Event
               ) -> Migration:
        changed = machine.advance(migration, event, self._context.now_ms())
        self._save(changed)
        return changed

    def _step(self, migration: Migration, run: _Run) -> Migration:
        """Do the next action and store its outcome."""
        action = machine.next_action(migration)
        if self.listener is not None:
            self.listener(migration, action)
        if action is Action.NOTHING:
            return migration
        if (action is Action.REQUEST
                and migration.state is State.PATH_SWITCHED):
            run.rounds += 1
            if run.rounds > ROUNDS_PER_RUN:
                raise errors.Timeout(
                    'The source\'s state does not come to rest: resume or '
                    'abort the migration.', rounds=run.rounds - 1)
        try:
            event = self._steps.do(action, migration, run.left_seconds())
        except errors.Timeout:
            raise
        except errors.LedgerError as error:
            self._event(migration, machine.Noted(
                f'{error.code}: {error.message}'[
                    :migration_record.NOTE_MAX_BYTES]))
            raise
        changed = self._event(migration, event)
        self._stop_if_refused(changed, event)
        return changed

    @staticmethod
    def _stop_if_refused(migration: Migration, event: machine.Event) -> None:
        """Let the tenant look before the same thing is tried again."""
        if isinstance(event, machine.Rejected | machine.Expired):
            raise errors.Timeout(
                f'{migration.note}: resume the migration to try again.',
                state=migration.state.label)
        if isinstance(event, machine.Receipted) and not event.applied:
            raise errors.ApplyFailed(
                f'The destination did not take the configuration over: '
                f'{event.note}', state=migration.state.label)
        if isinstance(event, machine.SwitchedBack) and not migration.finished:
            raise errors.ApplyFailed(
                f'The path was not switched: {event.note}',
                state=migration.state.label)
        if (isinstance(event, machine.Answered) and event.differences
                and migration.policy is comparison.Policy.STOP):
            raise errors.ReferenceMismatch(
                'The source reports another configuration than the chain '
                'holds: resume with --differences chain or report, or '
                'abort.', differences=[
                    {'kind': comparison.Kind(kind).label, 'cid': cid.hex(),
                     'reported_vid': reported_vid, 'chain_vid': chain_vid}
                    for kind, cid, reported_vid, chain_vid
                    in event.differences])
