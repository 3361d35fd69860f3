# SPDX-License-Identifier: Apache-2.0
"""One process at a time owns a data directory."""

import fcntl
import os
import pathlib
from typing import Any

from tacker_ledger.core import errors

_FILE = 'lock'


class DirectoryLock:
    """Held until closed, or until the process ends.

    :param directory: the data directory
    :raises Busy: another process holds it
    :raises NotFound: the directory does not exist
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        path = pathlib.Path(directory) / _FILE
        try:
            self._descriptor = os.open(
                path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise errors.NotFound(f'{path}: {error.strerror}.') from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise errors.Busy(
                f'Another process uses {directory}: stop it first.'
            ) from None

    def close(self) -> None:
        """Let others have the directory."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> 'DirectoryLock':
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
