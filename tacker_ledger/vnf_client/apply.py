# SPDX-License-Identifier: Apache-2.0
"""Confirmed apply: dry run, snapshot, apply, health check, else all back.

What is applied is always a whole effective configuration; appliers whose
part of it stays as it is are not touched.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import pathlib
from typing import Any

from oslo_log import log as logging
import stevedore
from stevedore import exception as stevedore_exception

from tacker_ledger.core.configuration import effective as effective_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.vnf_client.appliers import base
from tacker_ledger.vnf_client import files
from tacker_ledger.vnf_client import payloads
from tacker_ledger.vnf_client import process
from tacker_ledger.vnf_client import reverter as reverter_module

LOG = logging.getLogger(__name__)

NAMESPACE = 'tacker_ledger.appliers'
_BASELINE_MAX_BYTES = reverter_module.JOURNAL_MAX_BYTES


def load_appliers(names: Iterable[str], conf: Any
                  ) -> dict[str, base.Applier]:
    """Return the appliers that the agent's configuration enables.

    :param conf: the oslo.config object
    :raises BadOption: no such applier, or one of its options is wrong
    """
    loaded: dict[str, base.Applier] = {}
    for name in names:
        try:
            plugin: Any = stevedore.DriverManager(NAMESPACE, name).driver
        except stevedore_exception.NoMatches as exc:
            raise errors.BadOption(
                f'appliers: there is no applier {name!r}.',
                option='appliers') from exc
        loaded[name] = plugin.from_conf(conf)
    return loaded


@dataclasses.dataclass(frozen=True, slots=True)
class Health:
    """The command that says whether the VNF still does its work.

    :param command: program and arguments; empty: no check
    """

    command: tuple[str, ...] = ()
    timeout_seconds: float = 30.0

    def check(self) -> None:
        """Run it.

        :raises HealthCheckFailed: it failed, or took too long
        """
        if not self.command:
            return
        try:
            done = process.run(self.command,
                               timeout_seconds=self.timeout_seconds)
        except errors.LedgerError as exc:
            raise errors.HealthCheckFailed(
                f'The health check failed: {exc.message}') from exc
        if done.status != 0:
            raise errors.HealthCheckFailed(
                f'The health check failed: {done.said()}',
                status=done.status)


@dataclasses.dataclass(frozen=True, slots=True)
class Subject:
    """The transaction on whose behalf something is applied."""

    txid: bytes
    cid: bytes
    vid: int
    sender_id: bytes


class Machine:
    """Makes this VNF be what an effective configuration says.

    :param directory: for the journal and the baselines
    """

    def __init__(self, directory: pathlib.Path,
                 appliers: Mapping[str, base.Applier],
                 store: payloads.PayloadStore,
                 health: Health | None = None) -> None:
        self._directory = directory
        self._appliers = appliers
        self._store = store
        self._health = health or Health()
        self.reverter = reverter_module.Reverter(directory, appliers)

    def change(self, subject: Subject, sequence: int,
               previous: effective_module.Effective,
               wanted: effective_module.Effective,
               observations: Sequence[payload_module.Observation] = ()
               ) -> None:
        """Put ``wanted`` in force, or leave ``previous`` in force.

        When it returns the journal still stands: the caller saves its state
        with ``sequence`` and then ends the journal.

        :raises UnknownApplier: an applier is not enabled; nothing changed
        :raises DryRunFailed: refused beforehand; nothing changed
        :raises ApplyFailed: failed half-way; all is back
        :raises HealthCheckFailed: all is back
        :raises RevertFailed: not all is back; the journal stands
        """
        changes = self._changes(previous, wanted, observations)
        for name, change in changes.items():
            self._appliers[name].check(change)
        undo = {name: reverter_module.Undo(
            dataclasses.replace(change, observed=()),
            self._snapshot(name)) for name, change in changes.items()}
        journal = reverter_module.Journal(
            sequence, subject.txid, subject.cid, subject.vid,
            subject.sender_id, undo)
        self.reverter.begin(journal)
        try:
            for name, change in changes.items():
                self._appliers[name].apply(change, self._baseline(name))
            self._health.check()
        except errors.LedgerError as exc:
            LOG.warning('Applying failed, reverting: %s', exc.message)
            self.reverter.undo(journal)
            raise

    def enforce(self, wanted: effective_module.Effective, *,
                same_boot: bool = False) -> list[str]:
        """Put again in force what a restart of the VNF has lost.

        :param same_boot: the machine has not restarted since it was put in
            force; then an applier that cannot tell is left alone
        :returns: the appliers that had to act
        :raises ApplyFailed: one of them could not
        """
        items = self._items(wanted.entries())
        acted = []
        for name, mine in items.items():
            applier = self._applier(name)
            held = applier.holds(mine)
            if held is None:
                held = same_boot
            if not held:
                applier.apply(base.Change((), mine), self._baseline(name))
                acted.append(name)
        return acted

    def observe(self) -> list[payload_module.Observation]:
        """Return what the appliers see that changes by itself.

        An applier that cannot see is left out, and logged.
        """
        seen = []
        for name, applier in sorted(self._appliers.items()):
            try:
                seen += [payload_module.Observation(name, target, state)
                         for target, state in applier.observe()]
            except errors.LedgerError as exc:
                LOG.error('Applier %s cannot observe: %s', name, exc.message)
        return seen

    def _changes(self, previous: effective_module.Effective,
                 wanted: effective_module.Effective,
                 observations: Sequence[payload_module.Observation]
                 ) -> dict[str, base.Change]:
        """Return the change of every applier that is concerned."""
        before = self._items(previous.entries())
        after = self._items(wanted.entries())
        observed: dict[str, list[tuple[str, bytes]]] = {}
        for one in observations:
            observed.setdefault(one.applier, []).append(
                (one.target, one.observed))
        changes = {}
        for name in dict.fromkeys((*before, *after)):
            old, new = before.get(name, ()), after.get(name, ())
            if old != new or name in observed:
                self._applier(name)
                changes[name] = base.Change(
                    old, new, tuple(observed.get(name, ())))
        return changes

    def _items(self, entries: Iterable[effective_module.Entry]
               ) -> dict[str, tuple[base.Item, ...]]:
        found: dict[str, tuple[base.Item, ...]] = {}
        for entry in entries:
            found[entry.applier] = (*found.get(entry.applier, ()),
                                    self._store.item(entry))
        return found

    def _applier(self, name: str) -> base.Applier:
        try:
            return self._appliers[name]
        except KeyError:
            raise errors.UnknownApplier(
                f'The applier {name!r} is not enabled here.',
                applier=name, enabled=sorted(self._appliers)) from None

    def _snapshot(self, name: str) -> bytes:
        """Return a snapshot; the first one ever is kept as the baseline."""
        snapshot = self._appliers[name].snapshot()
        path = self._baseline_path(name)
        if not path.exists():
            files.write(path, snapshot)
        return snapshot

    def _baseline(self, name: str) -> bytes:
        data = files.read(self._baseline_path(name), _BASELINE_MAX_BYTES)
        return self._snapshot(name) if data is None else data

    def _baseline_path(self, name: str) -> pathlib.Path:
        return self._directory / f'baseline-{name}'
