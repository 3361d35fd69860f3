# SPDX-License-Identifier: Apache-2.0
"""``tacker-ledger-manage chain check`` and ``chain prune``."""

import argparse
from collections.abc import Iterator
import contextlib
import dataclasses
import hashlib
import pathlib
import time
from typing import Any

from tacker_ledger.cmd import manage_index
from tacker_ledger.cmd import progress
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import export
from tacker_ledger.core.ledger import export_verifier
from tacker_ledger.core.ledger import state_map
from tacker_ledger.node import query
from tacker_ledger.storage import chain as chain_module
from tacker_ledger.storage import check
from tacker_ledger.storage import data_file
from tacker_ledger.storage import environment
from tacker_ledger.storage import guard
from tacker_ledger.storage import holdings
from tacker_ledger.storage import lock
from tacker_ledger.storage import pruning
from tacker_ledger.storage import state

#: What a node noted about archives when it stopped is good for so long.
KNOWN_MAX_AGE_SECONDS = 600
_MS = 1000


def add_parsers(chain: Any) -> None:
    """Add the commands to the parser of ``chain``."""
    checked = chain.add_parser(
        'check', help='look at everything a stopped node has stored: '
                      'checksums, blocks, state, histories')
    checked.add_argument('directory', metavar='DATA_DIRECTORY',
                         help='data directory of a node')
    checked.set_defaults(run=run_check)
    prune = chain.add_parser(
        'prune', help='delete the bodies of old blocks of a stopped node '
                      'that is no archive')
    prune.add_argument('--config-file', action='append', required=True,
                       metavar='FILE', help='configuration of the node')
    prune.add_argument('--before', type=int, required=True, metavar='HEIGHT',
                       help='bodies below this height are deleted; headers '
                            'and certificates stay')
    prune.add_argument('--archive', required=True, metavar='EXPORT',
                       help='an export, file or directory, of at least '
                            'those blocks; it is verified from genesis '
                            'before anything is deleted')
    prune.set_defaults(run=run_prune)


# Check

def run_check(arguments: argparse.Namespace,
              provider: provider_module.Provider) -> str:
    """Check a data directory; return what was looked at.

    :raises Busy: the node runs
    :raises CorruptStore: the first thing that is wrong
    """
    directory = pathlib.Path(arguments.directory)
    with lock.DirectoryLock(directory):
        data_file.check(directory / environment.DIRECTORY)

        def look() -> dict[str, Any]:
            with environment.Environment(directory, readonly=True,
                                         lock=False) as env:
                return dataclasses.asdict(_complete(env, directory))
        found: dict[str, Any] = guard.run(look)
    bodies = ('' if not found['first_body'] else
              f' Bodies below height {found["first_body"]} are not held.')
    return (f'The store is sound up to height {found["height"]}: '
            f'{found["blocks"]} blocks with {found["transactions"]} '
            f'transactions, their state and histories.{bodies}')


def _complete(env: environment.Environment,
              directory: pathlib.Path) -> check.Sound:
    chain_id = env.chain_id()
    if chain_id is None:
        raise errors.NotFound('The directory holds no chain yet.')
    env.bind(chain_id)
    array = None
    with env.read() as txn:
        if state.is_clean(env, txn):
            array = state.MappedNodes(directory / state.FILE_NAME,
                                      readonly=True)
        height = chain_module.Chain(env).height(txn) or 0
    with progress.bar(height + 1, 'blocks') as advance:
        return check.complete(env, hashing.hasher(chain_id),
                              lambda at: advance(at + 1), array)


# Prune

def run_prune(arguments: argparse.Namespace,
              provider: provider_module.Provider) -> str:
    """Prune a stopped node; return what was done.

    :raises Busy: the node runs
    :raises BadOption: the member is an archive, or the height is too high
    :raises Forbidden: too few archives would be left, as far as is known
    :raises LedgerError: the archive does not verify, or is too short
    """
    conf = manage_index.make_conf(arguments)
    if conf.node.archive:
        raise errors.BadOption(
            'Option archive in [node]: this member is an archive. Set it to '
            'false, start the node so that the others hear of it, and stop '
            'it again.', option='archive', group='node')
    directory = conf.node.data_directory
    before = arguments.before
    with lock.DirectoryLock(directory):
        with environment.Environment(
                directory,
                max_bytes=conf.node.storage_max_gib << 30) as env:
            minimum = _check_archives(env)
            pruned = _verify(env, provider, arguments.archive, before)
            with progress.bar(before, 'blocks') as advance:
                gone = pruning.prune(env, pruned, advance)
    return (f'{gone} transactions of blocks below {before} are deleted; '
            'their room is used again by new blocks. The archive up to '
            f'height {pruned.archive_height} has SHA-256 '
            f'{pruned.archive_sha256.hex()}; {minimum} or more members '
            'hold every block.')


def _check_archives(env: environment.Environment) -> int:
    """Return the minimum of archives; raise unless it is met."""
    reader = query.Query(env, state_map.RootOnly())
    minimum = reader.federation().parameters.archive_minimum
    with env.read() as txn:
        known = holdings.read(env, txn)
    age_ms = (time.time_ns() // 1_000_000 - known.noted_ms if known
              else None)
    if (known is None or age_ms is None or known.keeps
            or not 0 <= age_ms <= KNOWN_MAX_AGE_SECONDS * _MS):
        raise errors.Forbidden(
            'Which members are archives is not known, or not from the last '
            f'{KNOWN_MAX_AGE_SECONDS // 60} minutes: start the node with '
            'option archive in [node] false, let it connect, stop it in '
            'order and prune then.')
    if len(known.archives) < minimum:
        raise errors.Forbidden(
            f'{len(known.archives)} connected members hold every block and '
            f'keep them, where the federation asks for {minimum}.',
            archives=list(known.archives), minimum=minimum)
    return minimum


class _Hashed:
    """Hashes what is read through it."""

    def __init__(self, reader: export.Reader) -> None:
        self._reader = reader
        self.digest = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        """See ``export.Reader``."""
        data = self._reader.read(size)
        self.digest.update(data)
        return data


def _verify(env: environment.Environment, provider: provider_module.Provider,
            archive: str, before: int) -> holdings.Pruned:
    """Verify an archive to its end; return what is to be noted.

    :raises BadOption: it does not hold all that is to be deleted
    """
    chain_id = env.chain_id()
    if chain_id is None:
        raise errors.NotFound('The directory holds no chain yet.')
    h = hashing.hasher(chain_id)
    own = chain_module.Chain(env)
    height = 0
    with _opened(archive) as (stream, size), progress.bar(
            size, 'B') as advance:
        hashed = _Hashed(stream)
        for step in export_verifier.verify_export(h, provider, hashed):
            height = step.certified_height
            advance(step.stream_bytes)
            if step.height == before - 1:
                with env.read() as txn:
                    pair = own.head_pair(txn, step.height)
                if pair is None or h.hash(hashing.Tag.BLOCK,
                                          pair[0]) != step.digest:
                    raise errors.ForkedChain(
                        'The archive has another block than this node.',
                        height=step.height)
    if height < before - 1:
        raise errors.BadOption(
            f'--archive: it ends at height {height}, below {before - 1}.',
            height=height)
    return holdings.Pruned(before, height, hashed.digest.digest(),
                           time.time_ns() // 1_000_000)


@contextlib.contextmanager
def _opened(archive: str) -> Iterator[tuple[export.Reader, int]]:
    """Give the stream of an export and its size in bytes."""
    path = pathlib.Path(archive)
    with contextlib.ExitStack() as stack:
        try:
            files = (sorted(path.glob(f'*{export.SUFFIX}'))
                     if path.is_dir() else [path])
            opened = [stack.enter_context(open(file, 'rb'))
                      for file in files]
        except OSError as error:
            raise errors.BadOption(
                f'--archive: {error.strerror}.') from error
        if not files:
            raise errors.BadOption(
                f'--archive: no files that end with {export.SUFFIX}.')
        yield (export.Joined(opened),
               sum(file.stat().st_size for file in files))
