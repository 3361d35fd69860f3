# SPDX-License-Identifier: Apache-2.0
"""A damaged store is built anew from its sound blocks.

Everything but the blocks follows from them, so a store whose newest blocks,
or whose state, ids or histories are damaged is replayed into a new one, up
to the last sound and certified block.  What is missing then comes from the
neighbours, as after any absence.  The blocks are this node's own, judged
once before: their digests lead to a certificate, so signatures are not
verified again.

The old database is kept as ``ledger.mdb.damaged``.  A crash at any moment
leaves the old or the new one in place, never none.
"""

from collections.abc import Sequence
import contextlib
import os
import pathlib
import shutil

from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.storage import chain as chain_module
from tacker_ledger.storage import doubt
from tacker_ledger.storage import environment
from tacker_ledger.storage import guard
from tacker_ledger.storage import state
from tacker_ledger.storage import store as store_module

_NEW = 'repair'
_DAMAGED = environment.DIRECTORY + '.damaged'


class _StoredMap(state_map.StateMap):
    """The map whose array the store itself brings in step with a block."""

    def commit(self, overlay: state_map.Overlay) -> None:
        """Do nothing: the writer's thread has done it."""


class _Judged:
    """A pool to which every transaction of an old block is known."""

    def __init__(self, h: hashing.Hasher) -> None:
        self._h = h

    def candidates(self, max_count: int, max_bytes: int
                   ) -> Sequence[transaction_module.Transaction]:
        return ()

    def known(self, raw: bytes) -> transaction_module.Transaction | None:
        return transaction_module.Transaction.from_bytes(self._h, raw)

    def rejected(self, transaction: transaction_module.Transaction,
                 error: errors.LedgerError) -> None:
        raise AssertionError('nothing is proposed here')


def replayer(store: store_module.LedgerStore,
             provider: provider_module.Provider,
             pool: application.Pool | None = None
             ) -> application.Application:
    """Return the ledger over a store.

    :param pool: None for blocks that were judged before: the signatures of
        their transactions are not verified again
    """
    return application.Application(
        store.h, provider, view=store.state,
        tree=_StoredMap(store.h, store.nodes, store.state),
        federation=store.federation(), head=store.head(),
        pool=_Judged(store.h) if pool is None else pool)


class Repair:
    """Builds a data directory's database anew.

    The caller holds the directory's lock.

    :param directory: the data directory
    :param genesis: the checked genesis federation
    :param signed: the same with its signatures, encoded
    """

    def __init__(self, directory: pathlib.Path,
                 genesis: federation_module.Federation, signed: bytes,
                 provider: provider_module.Provider, max_bytes: int) -> None:
        self._directory = directory
        self._new = directory / _NEW
        self._genesis = genesis
        self._signed = signed
        self._provider = provider
        self._max_bytes = max_bytes

    def build(self) -> tuple[int, bool]:
        """Replay what is sound.

        :returns: the height reached, and whether the vote log was sound
        :raises StorageFailed: there is no room for it
        """
        self.discard()
        self._open_new().close()
        votes_sound = False
        # each as far as it can be read
        with contextlib.suppress(errors.CorruptStore):
            guard.run(self._blocks)
        with contextlib.suppress(errors.CorruptStore):
            votes_sound = guard.run(self._others)
        with self._environment(self._new) as env, env.read() as txn:
            return chain_module.Chain(env).height(txn) or 0, votes_sound

    def _open_new(self) -> store_module.LedgerStore:
        return store_module.LedgerStore(
            self._new, self._genesis, self._signed,
            max_bytes=self._max_bytes, sync=False)

    def _environment(self, directory: pathlib.Path,
                     readonly: bool = False) -> environment.Environment:
        # nobody writes to the old one: its lock file need not be sound
        return environment.Environment(
            directory, max_bytes=self._max_bytes, readonly=readonly,
            lock=not readonly)

    def _blocks(self) -> None:
        """Copy blocks from the first on, in a child process."""
        old = self._environment(self._directory, readonly=True)
        store = self._open_new()
        try:
            self._replay(old, store)
        except errors.StorageFailed:
            raise
        except errors.LedgerError:
            pass  # here the sound blocks end
        finally:
            store.close()

    def _replay(self, old: environment.Environment,
                store: store_module.LedgerStore) -> None:
        chain = chain_module.Chain(old)
        ledger = replayer(store, self._provider)
        run: list[tuple[application.Outcome, bytes]] = []
        for height in range(1, 1 << 62):
            with old.read() as txn:
                pair = chain.head_pair(txn, height)
                raws = chain.body(txn, height)
            if pair is None:
                return
            outcome = ledger.validate(block_module.Block.of_parts(
                store.h, pair[0], raws))
            run.append((outcome, pair[1]))
            if pair[1]:
                store.append(run).result()
                run = []
            elif raws:
                return  # nothing certifies it
            ledger.committed(outcome, pair[1])

    def _others(self) -> bool:
        """Copy what does not follow from the blocks, in a child process.

        Enrolments and evidence that cannot be read are left behind: the
        other members have them.
        """
        old = self._environment(self._directory, readonly=True)
        with self._environment(self._new) as new:
            sound = self._copy(old, new, 'votes')
            self._copy(old, new, 'enrolments')
            self._copy(old, new, 'evidence')
        return sound

    @staticmethod
    def _copy(old: environment.Environment, new: environment.Environment,
              name: str) -> bool:
        try:
            with old.read() as txn:
                found = list(environment.scan(txn, old.databases[name]))
        except errors.CorruptStore:
            return False
        with new.write() as txn:
            for key, value in found:
                environment.put(txn, new.databases[name], key, value)
        return True

    def doubt(self, reason: str) -> None:
        """Note in the new store that its vote log may lack records."""
        with self._environment(self._new) as env, env.write() as txn:
            doubt.write(env, txn, reason)

    def put_in_place(self) -> None:
        """Make the new database the directory's own.

        :raises StorageFailed: the disk refuses
        """
        with self._environment(self._new) as env:
            with env.write() as txn:
                # the array is built again over the new values
                state.mark(env, txn, clean=False)
            env.sync()
        try:
            old = self._directory / environment.DIRECTORY
            kept = self._directory / _DAMAGED
            shutil.rmtree(kept, ignore_errors=True)
            if old.exists():
                os.rename(old, kept)
            finish(self._directory)
        except OSError as error:
            raise errors.StorageFailed(
                f'The rebuilt store cannot be put in place: '
                f'{error.strerror}.') from error

    def discard(self) -> None:
        """Remove what an attempt has left."""
        shutil.rmtree(self._new, ignore_errors=True)


def finish(directory: pathlib.Path) -> None:
    """Complete a replacement that a crash has interrupted."""
    old = directory / environment.DIRECTORY
    new = directory / _NEW / environment.DIRECTORY
    if not old.exists() and new.exists() and (
            directory / _DAMAGED).exists():
        os.rename(new, old)
        descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    shutil.rmtree(directory / _NEW, ignore_errors=True)
