# SPDX-License-Identifier: Apache-2.0
"""Applier ``file``: named targets are files, replaced atomically.

A target's name stands for one path in the agent's configuration, so that no
transaction chooses a path.  Several configurations of one target: the last
wins, or they are put one after another where the agent's configuration says
so.  After a change the target's reload command runs.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import dataclasses
import os
import pathlib
import stat
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.vnf_client.appliers import base
from tacker_ledger.vnf_client import process

#: One managed file.
FILE_MAX_BYTES = limits.INFLATED_MAX_BYTES
TARGETS_MAX_COUNT = 64
_NEW_MODE = 0o600
_SNAPSHOT_MAX_BYTES = TARGETS_MAX_COUNT * (FILE_MAX_BYTES + 1024)

Command = tuple[str, ...]

#: [[target, content or null, mode, uid, gid], ...]
_SNAPSHOT = codec.Array(codec.Record(
    codec.Text(256), codec.Optional(codec.Bytes(0, FILE_MAX_BYTES)),
    codec.Int(0, 0o7777), codec.Int(0, 2 ** 32), codec.Int(0, 2 ** 32)),
    0, TARGETS_MAX_COUNT)


@dataclasses.dataclass(frozen=True, slots=True)
class _Kept:
    """What a file is: content None means that there is none."""

    content: bytes | None
    mode: int = _NEW_MODE
    uid: int = 0
    gid: int = 0


class FileApplier:
    """See :class:`.base.Applier`.

    :param targets: name -> absolute path
    :param checks: name -> command that gets a draft's path
    :param reloads: name -> command to run after a change
    :param concatenated: names of targets put together from all items
    """

    def __init__(self, targets: Mapping[str, str], *,
                 checks: Mapping[str, Command] | None = None,
                 reloads: Mapping[str, Command] | None = None,
                 concatenated: Sequence[str] = (),
                 timeout_seconds: float = 60.0) -> None:
        self._targets = {name: pathlib.Path(path)
                         for name, path in targets.items()}
        self._checks = dict(checks or {})
        self._reloads = dict(reloads or {})
        self._concatenated = frozenset(concatenated)
        self._timeout_seconds = timeout_seconds
        self._check_options()

    @classmethod
    def from_conf(cls, conf: Any) -> 'FileApplier':
        """See :meth:`.base.Applier.from_conf`."""
        group = conf.vnf_client
        return cls(
            process.named('file_target', group.file_target),
            checks=process.named_commands('file_check', group.file_check),
            reloads=process.named_commands('file_reload', group.file_reload),
            concatenated=group.file_concatenated,
            timeout_seconds=group.apply_timeout_seconds)

    def _check_options(self) -> None:
        if len(self._targets) > TARGETS_MAX_COUNT:
            raise errors.BadOption('file_target: too many targets.')
        for name, path in self._targets.items():
            if not path.is_absolute():
                raise errors.BadOption(
                    f'file_target: {name}={path} is not an absolute path.')
        if len(set(self._targets.values())) != len(self._targets):
            raise errors.BadOption('file_target: two targets, one path.')
        for option, names in (('file_check', self._checks),
                              ('file_reload', self._reloads),
                              ('file_concatenated', self._concatenated)):
            for name in names:
                if name not in self._targets:
                    raise errors.BadOption(
                        f'{option}: there is no file_target {name!r}.')

    def check(self, change: base.Change) -> None:
        """See :meth:`.base.Applier.check`."""
        for target in change.targets():
            if target not in self._targets:
                raise errors.DryRunFailed(
                    f'There is no file target {target!r} here.',
                    target=target)
            content = self._content(change.items, target)
            if len(content) > FILE_MAX_BYTES:
                raise errors.DryRunFailed('The file would be too large.',
                                          target=target)
            path = self._path(target)
            if path.is_dir() or not os.access(path.parent, os.W_OK):
                raise errors.DryRunFailed(
                    f'{path} cannot be replaced.', target=target)
            if target in self._checks:
                self._try_draft(target, path, content)

    def _try_draft(self, target: str, path: pathlib.Path,
                   content: bytes) -> None:
        draft = _draft_of(path)
        try:
            _write_new(draft, _Kept(content, _NEW_MODE, os.geteuid(),
                                    os.getegid()))
            done = process.run((*self._checks[target], str(draft)),
                               timeout_seconds=self._timeout_seconds)
        except (OSError, errors.LedgerError) as exc:
            raise errors.DryRunFailed(
                f'The check of {target} failed: {exc}', target=target
            ) from exc
        finally:
            with contextlib.suppress(OSError):
                draft.unlink()
        if done.status != 0:
            raise errors.DryRunFailed(
                f'The check of {target} refused it: {done.said()}',
                target=target, status=done.status)

    def snapshot(self) -> bytes:
        """See :meth:`.base.Applier.snapshot`."""
        kept = ((name, self._read(name)) for name in sorted(self._targets))
        return codec.encode([
            (name, now.content, now.mode, now.uid, now.gid)
            for name, now in kept])

    def apply(self, change: base.Change, baseline: bytes) -> None:
        """See :meth:`.base.Applier.apply`."""
        before = _snapshot(baseline)
        changed = []
        try:
            for target in change.targets():
                now = self._read(target)
                content = self._content(change.items, target)
                if now.content != content:
                    self._write(target, dataclasses.replace(
                        now, content=content))
                    changed.append(target)
            for target in change.withdrawn():
                if self._put_back(target, before.get(target, _Kept(None))):
                    changed.append(target)
        except OSError as exc:
            raise errors.ApplyFailed(
                f'A file was not written: {exc.strerror}.') from exc
        self._reload(changed)

    def restore(self, snapshot: bytes, change: base.Change) -> None:
        """See :meth:`.base.Applier.restore`."""
        concerned = {*change.targets(), *change.withdrawn()}
        for target, kept in _snapshot(snapshot).items():
            if target in concerned and target in self._targets:
                try:
                    self._put_back(target, kept)
                except OSError as exc:
                    raise errors.RevertFailed(
                        f'{target} was not put back: {exc.strerror}.',
                        target=target) from exc
        # Reloaded even if the file had not changed yet: the command may
        # have read the new content, and the file been put back since.
        try:
            self._reload(sorted(concerned & self._targets.keys()))
        except errors.ApplyFailed as exc:
            raise errors.RevertFailed(exc.message, **exc.details) from exc

    def holds(self, items: Sequence[base.Item]) -> bool:
        """See :meth:`.base.Applier.holds`."""
        return all(
            item.target in self._targets
            and self._read(item.target).content == self._content(
                items, item.target)
            for item in items)

    def observe(self) -> list[tuple[str, bytes]]:
        """Return nothing: a file is what its configuration says."""
        return []

    def _content(self, items: Sequence[base.Item], target: str) -> bytes:
        parts = base.data_of(items, target)
        return b''.join(parts) if target in self._concatenated else parts[-1]

    def _path(self, target: str) -> pathlib.Path:
        # A link is kept and the file it leads to is replaced.
        return pathlib.Path(os.path.realpath(self._targets[target]))

    def _read(self, target: str) -> _Kept:
        try:
            with open(self._path(target), 'rb') as file:
                facts = os.fstat(file.fileno())
                content = file.read(FILE_MAX_BYTES + 1)
        except FileNotFoundError:
            return _Kept(None, _NEW_MODE, os.geteuid(), os.getegid())
        except OSError as exc:
            raise errors.ApplyFailed(
                f'{target} cannot be read: {exc.strerror}.',
                target=target) from exc
        if len(content) > FILE_MAX_BYTES:
            raise errors.ApplyFailed('The present file is too large to be '
                                     'put back later.', target=target)
        return _Kept(content, stat.S_IMODE(facts.st_mode), facts.st_uid,
                     facts.st_gid)

    def _put_back(self, target: str, kept: _Kept) -> bool:
        """Make a file what it was; return whether it was anything else."""
        if self._read(target).content == kept.content:
            return False
        if kept.content is None:
            self._path(target).unlink(missing_ok=True)
            _sync(self._path(target).parent)
        else:
            self._write(target, kept)
        return True

    def _write(self, target: str, kept: _Kept) -> None:
        path = self._path(target)
        draft = _draft_of(path)
        try:
            _write_new(draft, kept)
            os.replace(draft, path)
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
        _sync(path.parent)

    def _reload(self, targets: Sequence[str]) -> None:
        commands = {self._reloads[target]: target for target in targets
                    if target in self._reloads}
        for command, target in commands.items():
            try:
                done = process.run(command,
                                   timeout_seconds=self._timeout_seconds)
            except errors.LedgerError as exc:
                raise errors.ApplyFailed(
                    f'The reload of {target} failed: {exc.message}',
                    target=target) from exc
            if done.status != 0:
                raise errors.ApplyFailed(
                    f'The reload of {target} failed: {done.said()}',
                    target=target, status=done.status)


def _snapshot(data: bytes) -> dict[str, _Kept]:
    fields = codec.decode(data, _SNAPSHOT, _SNAPSHOT_MAX_BYTES)
    return {name: _Kept(*kept) for name, *kept in fields}


def _draft_of(path: pathlib.Path) -> pathlib.Path:
    """Return a name beside a file, on the same file system."""
    return path.with_name(f'.{path.name}.tacker-ledger.{os.getpid()}')


def _write_new(path: pathlib.Path, kept: _Kept) -> None:
    """Write a file with its content, owner and mode, durably."""
    path.unlink(missing_ok=True)
    descriptor = os.open(
        path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, 'wb') as file:
        file.write(kept.content or b'')
        if (kept.uid, kept.gid) != (os.geteuid(), os.getegid()):
            os.fchown(descriptor, kept.uid, kept.gid)
        os.fchmod(descriptor, kept.mode)
        file.flush()
        os.fsync(descriptor)


def _sync(directory: pathlib.Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
