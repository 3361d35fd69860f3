# SPDX-License-Identifier: Apache-2.0
"""Proofs of anchors beside a log: ``<log file>.anchors/``.

They travel with the log, so losing the publisher loses none of them.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import os
import pathlib

from tacker_ledger.storage import anchors

_SUFFIX = '.anchors'
_MODE = 0o644


class ProofFolder:
    """The folder of one log.

    :param log_file: as named in the logging configuration
    """

    def __init__(self, log_file: pathlib.Path) -> None:
        self.path = log_file.with_name(log_file.name + _SUFFIX)

    def write(self, name: str, data: bytes) -> None:
        """Put a file there, whole or not at all.

        :raises OSError: the disk refuses
        """
        self.path.mkdir(exist_ok=True)
        goal = self.path / name
        with contextlib.suppress(FileNotFoundError):
            if goal.read_bytes() == data:
                return
        made = self.path / f'.{name}.{os.getpid()}.tmp'
        try:
            with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
                              _MODE), 'wb') as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(made, goal)
        finally:
            with contextlib.suppress(FileNotFoundError):
                made.unlink()


def by_log(checkpoints: Iterable[anchors.Checkpoint]
           ) -> Iterator[tuple[str, list[anchors.Checkpoint]]]:
    """Yield (log file, its checkpoints) for the logs of this host."""
    found: dict[tuple[str, bytes], list[anchors.Checkpoint]] = {}
    for one in checkpoints:
        if one.path:
            found.setdefault((one.path, one.log_id), []).append(one)
    for (path, _), mine in found.items():
        yield path, mine
