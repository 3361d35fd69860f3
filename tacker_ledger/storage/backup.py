# SPDX-License-Identifier: Apache-2.0
"""Consistent copies of a store, and putting one in a store's place.

A copy is of one moment although the node writes on.  A store made from a
copy may lack votes that its member cast later: it carries the reason for
doubt from before anybody can open it.
"""

from collections.abc import Callable
import os
import pathlib
import shutil
import threading
from typing import Any

from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.storage import chain as chain_module
from tacker_ledger.storage import check
from tacker_ledger.storage import data_file
from tacker_ledger.storage import doubt
from tacker_ledger.storage import environment
from tacker_ledger.storage import guard

#: Takes how much is done.
Report = Callable[[int], None]
_POLL_SECONDS = 0.2
#: In a data directory, while a store is being put in place.
_PARTIAL = 'restoring'


def data_path(directory: str | os.PathLike[str]) -> pathlib.Path:
    """Return the file which holds all of a store."""
    return pathlib.Path(directory) / environment.DIRECTORY / data_file.NAME


def size_bytes(directory: str | os.PathLike[str]) -> int:
    """Return how much a copy of a data directory takes at most.

    :raises NotFound: it holds no store
    :raises CorruptStore: the file does not start as it should
    """
    path = data_path(directory)
    data_file.check(path.parent)
    return path.stat().st_size


def copy(source: str | os.PathLike[str], target: str | os.PathLike[str],
         report: Report) -> None:
    """Copy the store of a data directory; the node may run.

    :param source: data directory
    :param target: another one, without a store
    :param report: takes the bytes written
    :raises StorageFailed: no room
    :raises CorruptStore: the source is damaged
    """
    path = data_path(target)
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_POLL_SECONDS):
            if path.exists():
                report(path.stat().st_size)

    def work() -> None:
        env = environment.Environment(source, readonly=True)
        env.copy(target)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        guard.run(work)
    finally:
        ended.set()
        watcher.join()
    with open(path, 'rb') as file:
        os.fsync(file.fileno())


def examine(directory: str | os.PathLike[str],
            provider: provider_module.Provider, report: Report
            ) -> dict[str, Any]:
    """Check all of a store which nobody writes to.

    :param report: takes each height reached
    :returns: ``chain_id`` and ``head_digest`` (hex), ``height``,
        ``time_ms``, ``transactions``
    :raises CorruptStore: something is not as it was stored, or the newest
        block is not certified
    """
    def work() -> dict[str, Any]:
        env = environment.Environment(directory, readonly=True, lock=False)
        chain_id = env.chain_id()
        if chain_id is None:
            raise errors.CorruptStore('The store is of no chain.')
        env.bind(chain_id)
        h = hashing.hasher(chain_id)
        found = check.complete(env, h, report)
        digest, time_ms = _check_head(env, h, provider, found.height)
        return {'chain_id': chain_id.hex(), 'height': found.height,
                'head_digest': digest.hex(), 'time_ms': time_ms,
                'transactions': found.transactions}

    found: dict[str, Any] = guard.run(work)
    return found


def _check_head(env: environment.Environment, h: hashing.Hasher,
                provider: provider_module.Provider, height: int
                ) -> tuple[bytes, int]:
    """Check the newest certificate; return (digest, time in ms)."""
    chain = chain_module.Chain(env)
    with env.read() as txn:
        pair = chain.head_pair(txn, height)
        rows = chain.federations(txn)
    assert pair is not None
    # a document acts from the block after its own on
    signed = [row.signed for row in rows if row.height < max(height, 1)][-1]
    federation = federation_module.Federation.of(
        h, federation_module.SignedFederation.from_bytes(signed).document)
    header = block_module.Header.from_bytes(pair[0])
    if height:
        try:
            certificate_module.certify(h, provider, federation, *pair)
        except errors.LedgerError as error:
            raise errors.CorruptStore(
                f'The newest block, {height}, is not certified: '
                f'{error.message}') from error
    return header.digest(h), header.timestamp_ms


class Placement:
    """Puts a store into a data directory that has none.

    The caller holds the directory's lock.

    :param directory: the data directory
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = pathlib.Path(directory)
        #: Takes the place of a data directory meanwhile.
        self.partial = self._directory / _PARTIAL

    def prepare(self) -> pathlib.Path:
        """Return where to write the store's file."""
        shutil.rmtree(self.partial, ignore_errors=True)
        path = data_path(self.partial)
        path.parent.mkdir(mode=0o700, parents=True)
        return path

    def finish(self, reason: str) -> None:
        """Mark the store and let nodes see it, in one step.

        :param reason: why its vote log may lack votes
        :raises StorageFailed: the disk refuses
        """
        env = environment.Environment(self.partial)
        try:
            with env.write() as txn:
                doubt.write(env, txn, reason)
        finally:
            env.close()
        data_path(self.partial).with_name('lock.mdb').unlink(missing_ok=True)
        try:
            os.rename(self.partial / environment.DIRECTORY,
                      self._directory / environment.DIRECTORY)
            _sync_directory(self._directory)
        except OSError as error:
            raise errors.StorageFailed(
                f'{self._directory}: {error.strerror}.') from error
        self.discard()

    def discard(self) -> None:
        """Remove what is not in place."""
        shutil.rmtree(self.partial, ignore_errors=True)


def is_vacant(directory: str | os.PathLike[str]) -> bool:
    """Return whether a data directory holds nothing of a node.

    What was left by a restoring that was broken off does not count.
    """
    try:
        names = {path.name for path in pathlib.Path(directory).iterdir()}
    except FileNotFoundError:
        return True
    return not names - {'lock', _PARTIAL}


def _sync_directory(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
