# SPDX-License-Identifier: Apache-2.0
"""Files of the state directory: replaced as a whole, durably, mode 0600."""

from collections.abc import Collection
import contextlib
import fcntl
import hashlib
import os
import pathlib

from tacker_ledger.core import errors

_DIGEST_BYTES = 32


def make_directory(path: pathlib.Path) -> pathlib.Path:
    """Return a directory that only its owner may enter.

    :raises BadOption: it cannot be made
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise errors.BadOption(
            f'Directory {path}: {exc.strerror}.') from exc
    return path


def lock(directory: pathlib.Path) -> int:
    """Hold a directory for this process and return the descriptor.

    :raises Busy: another process holds it
    """
    descriptor = os.open(directory / 'lock',
                         os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        os.close(descriptor)
        raise errors.Busy(
            f'Another agent uses the directory {directory}.') from exc
    return descriptor


def write(path: pathlib.Path, data: bytes) -> None:
    """Replace a file, with a digest after its content.

    When this returns the content has reached the disk; if it does not
    return, the file is what it was or what it was to become.

    :raises StorageFailed: it was not written
    """
    draft = path.with_name(f'.{path.name}.new')
    try:
        descriptor = os.open(
            draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC,
            0o600)
        with os.fdopen(descriptor, 'wb') as file:
            file.write(data)
            file.write(hashlib.sha256(data).digest())
            file.flush()
            os.fsync(descriptor)
        os.replace(draft, path)
        sync(path.parent)
    except OSError as exc:
        raise errors.StorageFailed(
            f'{path} was not written: {exc.strerror}.') from exc


def read(path: pathlib.Path, max_bytes: int) -> bytes | None:
    """Return what :func:`write` wrote; None if there is no such file.

    :raises CorruptStore: the content is not what was written
    """
    try:
        with open(path, 'rb') as file:
            data = file.read(max_bytes + _DIGEST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise errors.CorruptStore(
            f'{path} cannot be read: {exc.strerror}.') from exc
    content, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if (len(content) > max_bytes
            or hashlib.sha256(content).digest() != digest):
        raise errors.CorruptStore(f'{path} is damaged.')
    return content


def remove(path: pathlib.Path) -> None:
    """Remove a file, durably; it may be gone already."""
    path.unlink(missing_ok=True)
    sync(path.parent)


def sweep(directory: pathlib.Path, keep: Collection[str]) -> None:
    """Remove all files of a directory but those named."""
    for path in directory.iterdir():
        if path.name not in keep:
            with contextlib.suppress(OSError):
                path.unlink()


def sync(directory: pathlib.Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
