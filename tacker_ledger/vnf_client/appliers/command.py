# SPDX-License-Identifier: Apache-2.0
"""Applier ``command``: named programs take the configuration on stdin.

A transaction names a target; which program that is, and with which
arguments, stands in the agent's configuration.  Programs are run for items
that are new or changed, in order.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.vnf_client.appliers import base
from tacker_ledger.vnf_client import process

Commands = Mapping[str, tuple[str, ...]]

TARGETS_MAX_COUNT = 64
STATE_MAX_BYTES = limits.INFLATED_MAX_BYTES
_SNAPSHOT = codec.Array(codec.Record(
    codec.Text(256), codec.Bytes(0, STATE_MAX_BYTES)), 0, TARGETS_MAX_COUNT)
_SNAPSHOT_MAX_BYTES = TARGETS_MAX_COUNT * (STATE_MAX_BYTES + 1024)
_ROLES = ('apply', 'check', 'withdraw', 'snapshot', 'restore', 'observe',
          'adopt')


class CommandApplier:
    """See :class:`.base.Applier`.

    :param commands: role (apply, check, withdraw, snapshot, restore,
        observe, adopt) -> target -> program and arguments
    """

    def __init__(self, commands: Mapping[str, Commands], *,
                 timeout_seconds: float = 60.0) -> None:
        self._commands = {role: dict(commands.get(role, {}))
                          for role in _ROLES}
        self._timeout_seconds = timeout_seconds
        if len(self._commands['apply']) > TARGETS_MAX_COUNT:
            raise errors.BadOption('command_apply: too many targets.')
        for role in _ROLES:
            for target in self._commands[role]:
                if target not in self._commands['apply']:
                    raise errors.BadOption(
                        f'command_{role}: there is no command_apply '
                        f'{target!r}.')

    @classmethod
    def from_conf(cls, conf: Any) -> 'CommandApplier':
        """See :meth:`.base.Applier.from_conf`."""
        group = conf.vnf_client
        return cls(
            {role: process.named_commands(
                f'command_{role}', getattr(group, f'command_{role}'))
             for role in _ROLES},
            timeout_seconds=group.apply_timeout_seconds)

    def check(self, change: base.Change) -> None:
        """See :meth:`.base.Applier.check`."""
        for item in _changed(change):
            if item.target not in self._commands['apply']:
                raise errors.DryRunFailed(
                    f'There is no command target {item.target!r} here.',
                    target=item.target)
            self._run('check', item.target, item.data, errors.DryRunFailed)
        for target in change.withdrawn():
            if target not in self._commands['withdraw']:
                raise errors.DryRunFailed(
                    f'The target {target!r} cannot be withdrawn: it has no '
                    'command_withdraw.', target=target)

    def snapshot(self) -> bytes:
        """See :meth:`.base.Applier.snapshot`."""
        return codec.encode([
            (target, self._run('snapshot', target, b'', errors.ApplyFailed))
            for target in sorted(self._commands['snapshot'])])

    def apply(self, change: base.Change, baseline: bytes) -> None:
        """See :meth:`.base.Applier.apply`."""
        for target in change.withdrawn():
            self._run('withdraw', target, b'', errors.ApplyFailed)
        for item in _changed(change):
            self._run('apply', item.target, item.data, errors.ApplyFailed)
        for target, state in change.observed:
            if target in self._commands['adopt']:
                self._run('adopt', target, state, errors.ApplyFailed)

    def restore(self, snapshot: bytes, change: base.Change) -> None:
        """See :meth:`.base.Applier.restore`."""
        states = dict(codec.decode(snapshot, _SNAPSHOT,
                                   _SNAPSHOT_MAX_BYTES))
        touched = {item.target for item in _changed(change)}
        touched.update(change.withdrawn())
        before = {item.target for item in change.previous}
        for target in sorted(touched & self._commands['apply'].keys()):
            if target in states and target in self._commands['restore']:
                self._run('restore', target, states[target],
                          errors.RevertFailed)
            elif target in before:
                for item in change.previous:
                    if item.target == target:
                        self._run('apply', target, item.data,
                                  errors.RevertFailed)
            elif target in self._commands['withdraw']:
                self._run('withdraw', target, b'', errors.RevertFailed)

    def holds(self, items: Sequence[base.Item]) -> bool | None:
        """See :meth:`.base.Applier.holds`."""
        return None if items else True

    def observe(self) -> list[tuple[str, bytes]]:
        """See :meth:`.base.Applier.observe`."""
        return [(target, self._run('observe', target, b'',
                                   errors.ApplyFailed))
                for target in sorted(self._commands['observe'])]

    def _run(self, role: str, target: str, data: bytes,
             failure: type[errors.LedgerError]) -> bytes:
        """Run a target's command of a role, if it has one."""
        command = self._commands[role].get(target)
        if command is None:
            return b''
        try:
            done = process.run(command, data=data,
                               timeout_seconds=self._timeout_seconds,
                               output_max_bytes=STATE_MAX_BYTES)
        except errors.LedgerError as exc:
            raise failure(f'The {role} command of {target} failed: '
                          f'{exc.message}', target=target) from exc
        if done.status != 0:
            raise failure(f'The {role} command of {target} failed: '
                          f'{done.said()}', target=target,
                          status=done.status)
        return done.stdout


def _changed(change: base.Change) -> tuple[base.Item, ...]:
    """Return the items of each target whose items are not as before."""
    return tuple(
        item for item in change.items
        if base.data_of(change.items, item.target)
        != base.data_of(change.previous, item.target))
