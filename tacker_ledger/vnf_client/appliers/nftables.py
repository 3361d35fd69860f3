# SPDX-License-Identifier: Apache-2.0
"""Applier ``nftables``: whole tables, checked and replaced atomically.

A target is a table, ``FAMILY NAME``, out of those the agent's configuration
allows.  Several configurations of one table are put one after another and
loaded in one transaction of the kernel: a packet meets the old rules or the
new ones.  What the kernel has learned into dynamic sets is kept where the
new table has a set of the same shape, and taken over after a migration.
"""

from collections.abc import Sequence
import time
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.vnf_client.appliers import base
from tacker_ledger.vnf_client.appliers import ruleset
from tacker_ledger.vnf_client import process

TABLES_MAX_COUNT = 32
TEXT_MAX_BYTES = limits.INFLATED_MAX_BYTES
#: [[table, what "nft list table" printed, or null if there is none], ...]
_SNAPSHOT = codec.Array(codec.Record(
    codec.Text(128), codec.Optional(codec.Bytes(0, TEXT_MAX_BYTES))),
    0, TABLES_MAX_COUNT)
_SNAPSHOT_MAX_BYTES = TABLES_MAX_COUNT * (TEXT_MAX_BYTES + 256)


class NftablesApplier:
    """See :class:`.base.Applier`.

    :param tables: those it may replace
    :param command: nft, and what has to stand before it
    """

    def __init__(self, tables: Sequence[str], *,
                 command: Sequence[str] = ('nft',),
                 timeout_seconds: float = 60.0) -> None:
        self._tables = tuple(ruleset.check_table_name(' '.join(one.split()))
                             for one in tables)
        if len(set(self._tables)) > TABLES_MAX_COUNT:
            raise errors.BadOption('nftables_tables: too many tables.')
        self._command = tuple(command)
        self._timeout_seconds = timeout_seconds

    @classmethod
    def from_conf(cls, conf: Any) -> 'NftablesApplier':
        """See :meth:`.base.Applier.from_conf`."""
        group = conf.vnf_client
        return cls(group.nftables_tables,
                   command=process.split(group.nftables_command),
                   timeout_seconds=group.apply_timeout_seconds)

    def check(self, change: base.Change) -> None:
        """See :meth:`.base.Applier.check`."""
        for item in change.items:
            if item.target not in self._tables:
                raise errors.DryRunFailed(
                    f'Table {item.target!r} may not be configured here.',
                    target=item.target)
            ruleset.check_text(item.target, item.data)
        for _target, state in change.observed:
            ruleset.decode_state(state, time.time())
        tables = _changed(change)
        if tables:
            self._nft(('-c', '-f', '-'), _script(
                {table: _text_of(change.items, table) for table in tables}),
                errors.DryRunFailed)

    def snapshot(self) -> bytes:
        """See :meth:`.base.Applier.snapshot`."""
        return codec.encode([(table, self._list(table))
                             for table in sorted(set(self._tables))])

    def apply(self, change: base.Change, baseline: bytes) -> None:
        """See :meth:`.base.Applier.apply`."""
        before = _snapshot(baseline)
        tables = _changed(change)
        learned = {table: self._dynamic(table) for table in tables}
        texts: dict[str, bytes | None] = {
            table: _text_of(change.items, table) for table in tables}
        for table in change.withdrawn():
            if table in self._tables:
                texts[table] = before.get(table)
        if texts:
            self._nft(('-f', '-'), _script(texts), errors.ApplyFailed)
        for target, state in change.observed:
            if target in change.targets():
                learned[target] = ruleset.decode_state(state, time.time())
        for table, sets in learned.items():
            self._fill(table, sets)

    def restore(self, snapshot: bytes, change: base.Change) -> None:
        """See :meth:`.base.Applier.restore`."""
        concerned = {*change.targets(), *change.withdrawn()}
        texts = {table: text for table, text in _snapshot(snapshot).items()
                 if table in concerned and table in self._tables}
        if texts:
            self._nft(('-f', '-'), _script(texts), errors.RevertFailed)

    def holds(self, items: Sequence[base.Item]) -> bool:
        """See :meth:`.base.Applier.holds`."""
        return all(self._list(item.target) is not None for item in items)

    def observe(self) -> list[tuple[str, bytes]]:
        """See :meth:`.base.Applier.observe`."""
        states = ((table, self._dynamic(table))
                  for table in sorted(set(self._tables)))
        return [(table, ruleset.encode_state(sets, time.time()))
                for table, sets in states
                if any(one.elements for one in sets)]

    def _dynamic(self, table: str) -> tuple[ruleset.DynamicSet, ...]:
        """Return the dynamic sets of a table; none if there is no table."""
        if self._list(table, '-t') is None:
            return ()
        terse = self._list(table, '-t') or b''
        listed = self._list(table, '-j') or b'{"nftables": []}'
        return ruleset.dynamic_sets(terse.decode('utf-8', 'replace'), listed)

    def _fill(self, table: str, sets: tuple[ruleset.DynamicSet, ...]
              ) -> None:
        """Put learned elements into sets of the same name and shape."""
        shapes = {one.name: one.shape for one in self._dynamic(table)}
        fitting = tuple(one for one in sets if one.elements
                        and shapes.get(one.name) == one.shape)
        if fitting:
            self._nft(('-j', '-f', '-'), ruleset.additions(table, fitting),
                      errors.ApplyFailed)

    def _list(self, table: str, *options: str) -> bytes | None:
        """Return what nft lists of a table, None if there is no such."""
        done = self._run((*options, 'list', 'table', *table.split(' ')), b'',
                         errors.ApplyFailed)
        if done.status == 0:
            return done.stdout
        if b'Error: No such file or directory' in done.stderr:
            return None
        raise errors.ApplyFailed(f'nft cannot list {table}: {done.said()}',
                                 table=table)

    def _nft(self, arguments: tuple[str, ...], data: bytes,
             failure: type[errors.LedgerError]) -> None:
        done = self._run(arguments, data, failure)
        if done.status != 0:
            raise failure(f'nft refused the ruleset: {done.said()}',
                          status=done.status)

    def _run(self, arguments: tuple[str, ...], data: bytes,
             failure: type[errors.LedgerError]) -> process.Completed:
        try:
            return process.run((*self._command, *arguments), data=data,
                               timeout_seconds=self._timeout_seconds)
        except errors.LedgerError as exc:
            raise failure(f'nft failed: {exc.message}') from exc


def _snapshot(data: bytes) -> dict[str, bytes | None]:
    return dict(codec.decode(data, _SNAPSHOT, _SNAPSHOT_MAX_BYTES))


def _changed(change: base.Change) -> tuple[str, ...]:
    """Return the tables with another text than before or a state to adopt.
    """
    taking_over = {target for target, _state in change.observed}
    return tuple(
        table for table in change.targets()
        if table in taking_over
        or base.data_of(change.items, table)
        != base.data_of(change.previous, table))


def _text_of(items: Sequence[base.Item], table: str) -> bytes:
    return b'\n'.join(base.data_of(items, table)) + b'\n'


def _script(texts: dict[str, bytes | None]) -> bytes:
    """Return the transaction which makes tables what the texts say.

    A table is named before it is deleted, so that deleting never fails.
    """
    parts = []
    for table, text in texts.items():
        name = table.encode('ascii')
        parts += [b'table ', name, b'\ndelete table ', name, b'\n',
                  text or b'']
    return b''.join(parts)
