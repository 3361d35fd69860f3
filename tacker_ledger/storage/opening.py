# SPDX-License-Identifier: Apache-2.0
"""Opening a member's store: looked at first, mended where that is safe.

* Sound: it is opened.
* What follows from the blocks is damaged, or blocks of the tail are: it is
  built anew from its sound blocks (``repair``).  If blocks or votes went,
  the vote log says so, and the member observes before it votes again.
* It ends below the height it is known to have had: its votes are lost too.
* Blocks below the tail are damaged: it is refused, with what to do.
"""

import dataclasses
import os
import pathlib
from typing import Any

from oslo_log import log as logging

from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.storage import chain as chain_module
from tacker_ledger.storage import check
from tacker_ledger.storage import data_file
from tacker_ledger.storage import environment
from tacker_ledger.storage import guard
from tacker_ledger.storage import head_mark
from tacker_ledger.storage import lock
from tacker_ledger.storage import repair
from tacker_ledger.storage import state
from tacker_ledger.storage import store as store_module

LOG = logging.getLogger(__name__)


def open_store(directory: str | os.PathLike[str],
               genesis: federation_module.Federation, signed: bytes,
               provider: provider_module.Provider, *,
               max_bytes: int = 1 << 38, sync: bool = True
               ) -> store_module.LedgerStore:
    """Return the store of a data directory, sound.

    :param directory: made when it does not exist
    :param genesis: the checked genesis federation
    :param signed: the same with its signatures, encoded
    :param max_bytes: bound on the size of the database
    :param sync: force commits to disk
    :raises Busy: another process uses the directory
    :raises WrongFederation: the directory holds another chain
    :raises CorruptStore: it is damaged in the middle; the message says
        what to do
    :raises StorageFailed: the disk refuses what a repair needs
    """
    path = pathlib.Path(directory)
    opening = _Opening(path, genesis, signed, provider, max_bytes)
    if path.is_dir():
        with lock.DirectoryLock(path):
            opening.prepare()

    def opened() -> store_module.LedgerStore:
        return store_module.LedgerStore(path, genesis, signed,
                                        max_bytes=max_bytes, sync=sync)
    try:
        store = opened()
    except errors.CorruptStore as error:
        # the values are not those of the newest block
        with lock.DirectoryLock(path):
            opening.mend(error)
        store = opened()
    if opening.doubt:
        store.keep_doubt(opening.doubt).result()
    head_mark.clear(path)
    return store


def _is_new(env: environment.Environment) -> bool:
    """Return whether the store was left before it had its first block."""
    with env.read() as txn:
        return environment.last_key(txn, env.headers) is None


#: Runs in a row that did not end in order, before everything is walked.
CRASHES_COUNT = 3


class _Opening:
    """What is found and done before a store is opened."""

    def __init__(self, path: pathlib.Path,
                 genesis: federation_module.Federation, signed: bytes,
                 provider: provider_module.Provider, max_bytes: int) -> None:
        self._path = path
        self._genesis = genesis
        self._h = hashing.hasher(genesis.chain_id)
        self._max_bytes = max_bytes
        self._repair = repair.Repair(path, genesis, signed, provider,
                                     max_bytes)
        #: Why votes may be missing; empty if none is.
        self.doubt = ''

    def prepare(self) -> None:
        """Look at what there is and mend it if need be."""
        repair.finish(self._path)
        mark = head_mark.read(self._path)
        try:
            whole = data_file.check(self._path / environment.DIRECTORY)
            found = self._look(whole, mark)
        except errors.NotFound as error:
            if mark:
                self._lost(error.message, 0, mark)
            return
        except errors.CorruptStore as error:
            self.mend(error)
            return
        if mark is not None and found['height'] < mark:
            self._lost('The store is an old one.', found['height'], mark)

    def _lost(self, what: str, height: int, mark: int) -> None:
        self.doubt = (f'{what} It ends at height {height} but was at '
                      f'{mark}: votes are missing with the blocks.')
        LOG.error('%s This node observes before it votes.', self.doubt)

    def _look(self, whole: bool, mark: int | None) -> dict[str, Any]:
        """Check in a child process; return the ``check.Sound``.

        :raises CorruptStore: it is damaged
        """
        suspicion = head_mark.suspicion(self._path)
        if suspicion:
            LOG.warning('The last run met damage, the whole store is '
                        'checked: %s', suspicion)
            # it may have been the array: it is built anew
            (self._path / state.FILE_NAME).unlink(missing_ok=True)

        crashed = head_mark.begun(self._path) >= CRASHES_COUNT

        def look() -> dict[str, Any]:
            with self._readonly() as env:
                if not mark and _is_new(env):
                    return {'height': 0}
                env.bind(self._genesis.chain_id)
                found = (check.complete(env, self._h) if suspicion
                         or not whole
                         else check.quick(env, self._h, walk=crashed))
                return dataclasses.asdict(found)

        found: dict[str, Any] = guard.run(look)
        return found

    def _readonly(self) -> environment.Environment:
        return environment.Environment(
            self._path, max_bytes=self._max_bytes, readonly=True, lock=False)

    def mend(self, damage: errors.CorruptStore) -> None:
        """Build the store anew, or refuse.

        :raises CorruptStore: too much of it is damaged
        """
        LOG.error('The store in %s is damaged: %s', self._path,
                  damage.message)
        expected, first_body = self._extent()
        at = damage.details.get('height')
        if first_body or (isinstance(at, int)
                          and at <= expected - check.TAIL_BLOCKS):
            raise self._refusal(damage, at, expected)
        LOG.warning('The store is built anew from its sound blocks')
        reached, votes_sound = self._repair.build()
        if reached < expected - check.TAIL_BLOCKS:
            self._repair.discard()
            raise self._refusal(damage, reached + 1, expected)
        # a torn meta page may show an older log that is sound in itself
        if reached < expected or not votes_sound or not self._metas_sound():
            self._repair.doubt(f'The store was repaired: {damage.message}')
            LOG.warning('Its vote log may lack records: this node observes '
                        'before it votes')
        self._repair.put_in_place()
        LOG.warning('The store is sound up to height %s; %s blocks are '
                    'fetched again from the neighbours', reached,
                    max(0, expected - reached))

    def _metas_sound(self) -> bool:
        try:
            return data_file.check(self._path / environment.DIRECTORY)
        except errors.LedgerError:
            return False

    def _extent(self) -> tuple[int, int]:
        """Return (height it had, first height whose body it had)."""
        def look() -> tuple[int, int]:
            with self._readonly() as env, env.read() as txn:
                chain = chain_module.Chain(env)
                return chain.height(txn) or 0, chain.first_body(txn)
        try:
            height, first_body = guard.run(look)
        except errors.LedgerError:
            height = first_body = 0
        return max(height, head_mark.read(self._path) or 0), first_body

    def _refusal(self, damage: errors.CorruptStore, at: int | None,
                 newest: int) -> errors.CorruptStore:
        where = '' if at is None else f' (block {at} of {newest})'
        return errors.CorruptStore(
            f'{damage.message} The damage lies in the middle of the '
            f'chain{where}, so this node does not serve. Move everything in '
            f'{self._path} away and start the node: it fetches the chain '
            'from its neighbours and observes before it votes. Or put a '
            'backup in place with "tacker-ledger-manage restore".',
            **damage.details)
