# SPDX-License-Identifier: Apache-2.0
"""The tenant's directory: small files, each replaced as a whole.

::

    tenant.conf       the profile (:mod:`.profile`)
    federation.cbor   signed federation document of genesis
    ca.pem            certificate of the federation CA
    keys/             private keys (keystore driver ``file``)
    public/           their public halves
    inventory.json    VNFs, groups, names
    trusted.cbor      newest certified head and federation documents
    migrations/       one file per migration
    lock              held while something is changed

Files have mode 0600 and the directory 0700: what a tenant manages is its
own business (S0's anonymity), even where no secret is in a file.
"""

from collections.abc import Iterator
import contextlib
import fcntl
import os
import pathlib

from tacker_ledger.core import errors
from tacker_ledger.keystore import file as keystore_file

_LOCK = 'lock'


class Store:
    """Files below one directory, written atomically and durably.

    :param directory: made with mode 0700 when something is written
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = pathlib.Path(directory).expanduser()
        self._depth = 0

    def __repr__(self) -> str:
        return f'{type(self).__name__}({str(self.directory)!r})'

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing the directory meanwhile.

        May be nested within one thread.

        :raises BadOption: the directory cannot be made
        """
        if self._depth:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        _make_directory(self.directory)
        path = self.directory / _LOCK
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC,
                             0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._depth = 1
            yield
        finally:
            self._depth = 0
            os.close(descriptor)

    def path(self, name: str) -> pathlib.Path:
        """Return where the file ``name`` lies."""
        return self.directory / name

    def read(self, name: str, max_bytes: int) -> bytes | None:
        """Return the content of a file, None if there is none.

        :raises BadOption: it is open to others or cannot be read
        :raises CorruptStore: it is longer than ``max_bytes``
        """
        path = self.path(name)
        if not path.exists():
            return None
        if path.stat().st_size > max_bytes:
            raise errors.CorruptStore(f'{path} is too long.',
                                      path=str(path))
        return keystore_file.read_secret(path, max_bytes)

    def write(self, name: str, data: bytes) -> None:
        """Replace a file.

        :raises StorageFailed: it could not be written; the old one stays
        """
        path = self.path(name)
        try:
            _make_directory(self.directory)
            _make_directory(path.parent)
            keystore_file.write_secret(path, data, replace=True)
        except OSError as error:
            raise errors.StorageFailed(
                f'{path} was not written: {error.strerror}.',
                path=str(path)) from error

    def names(self, folder: str, suffix: str) -> list[str]:
        """Return the names of the files in a folder, sorted."""
        path = self.directory / folder
        if not path.is_dir():
            return []
        return sorted(f'{folder}/{entry.name}' for entry in path.iterdir()
                      if entry.name.endswith(suffix)
                      and not entry.name.startswith('.'))


def _make_directory(path: pathlib.Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise errors.BadOption(
            f'Directory {path}: {error.strerror}.', path=str(path)
        ) from error
