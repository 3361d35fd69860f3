# SPDX-License-Identifier: Apache-2.0
"""``tacker-ledger-manage chain export`` and ``chain verify``.

The form of an export is ``core.ledger.export``; verifying needs nothing
but its bytes, and an expectation of which chain it should be.
"""

import argparse
from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import dataclasses
import json
import os
import pathlib
from typing import Any

from tacker_ledger.cmd import manage_store
from tacker_ledger.cmd import progress
from tacker_ledger.core import codec
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import export
from tacker_ledger.core.ledger import export_verifier
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import partial_verifier
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core import limits
from tacker_ledger.node import query
from tacker_ledger.storage import environment
from tacker_ledger.storage import state as state_module


def add_parsers(groups: Any) -> None:
    """Add the commands to the parser of all commands."""
    chain = groups.add_parser(
        'chain', help='export, verify, check and prune chains').add_subparsers(
            dest='action', required=True, metavar='ACTION')
    out = chain.add_parser(
        'export', help='write a node\'s chain to files; the node may run')
    out.add_argument('directory', metavar='DATA_DIRECTORY',
                     help='data directory of a node')
    out.add_argument('output', metavar='OUTPUT',
                     help='new file or, with --file-mib, new directory')
    out.add_argument('--file-mib', type=int, default=0, metavar='N',
                     help='cut the export into files of about N MiB')
    out.set_defaults(run=run_export)
    verify = chain.add_parser(
        'verify', help='verify a chain off line, from genesis on')
    verify.add_argument('source', metavar='SOURCE',
                        help='an exported file, a directory of exported '
                             'files, or a data directory of a node')
    expected = verify.add_mutually_exclusive_group()
    expected.add_argument('--chain-id', metavar='HEX',
                          help='the chain it has to be')
    expected.add_argument('--federation', metavar='FILE',
                          help='genesis document of the chain it has to be')
    verify.add_argument('--json', action='store_true',
                        help='print the result as JSON')
    verify.set_defaults(run=run_verify)
    manage_store.add_parsers(chain)


# Export

def records(reader: query.Query) -> Iterator[bytes]:
    """Yield the records of a node's chain, up to the head it has now.

    If that is a heartbeat, the running node drops its certificate as soon
    as it has a successor: then the export goes on to a block that has one.
    Of a block whose body was pruned there is the header alone.

    :raises Pruned: the node began with a snapshot and lacks headers
    """
    yield export.header_record(reader.chain_id, reader.federations()[0][0])
    head, height, is_certain = reader.height(), 0, True
    while height < head or not is_certain:
        height += 1
        try:
            found = reader.block(height)
        except errors.Pruned:
            found = reader.block(height, body=False)
        if found is None:
            raise errors.CorruptStore(f'Block {height} is missing.')
        (header, certificate), raws = found
        is_certain = bool(certificate)
        yield export.block_record(codec.encode(
            (block_module.VERSION, header, raws or ())), certificate)


def run_export(arguments: argparse.Namespace,
               provider: provider_module.Provider) -> str:
    """Write the files; return a sentence."""
    reader = query.open_directory(arguments.directory)
    output = pathlib.Path(arguments.output)
    limit = arguments.file_mib * 1024 * 1024
    height = reader.height()
    try:
        if limit:
            output.mkdir(parents=True)
        with _Files(output, limit) as files:
            with progress.bar(height + 1, 'blocks') as advance:
                for number, record in enumerate(records(reader)):
                    files.write(record)
                    advance(number + 1)
    except OSError as error:
        raise errors.BadOption(f'{output}: {error.strerror}.') from error
    return (f'Chain {reader.chain_id.hex()} is exported to {output}, '
            f'{files.total} bytes.')


class _Files:
    """One new file, or files of about one size in a directory."""

    def __init__(self, output: pathlib.Path, limit: int) -> None:
        self._output = output
        self._limit = limit
        self._number = 0
        self._file: Any = None
        self._size = 0
        self.total = 0

    def __enter__(self) -> '_Files':
        return self

    def __exit__(self, *_: Any) -> None:
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

    def write(self, record: bytes) -> None:
        """Append a record; a file ends with a whole one."""
        if self._file is not None and self._limit and (
                self._size + len(record) > self._limit):
            self._close()
        if self._file is None:
            path = (self._output / f'{self._number:08d}{export.SUFFIX}'
                    if self._limit else self._output)
            self._file = open(path, 'xb')  # noqa: SIM115 - closed by _close
            self._number += 1
            self._size = 0
        self._file.write(record)
        self._size += len(record)
        self.total += len(record)


# Verification

class _Records:
    """A node's chain as the stream that an export would be."""

    def __init__(self, reader: query.Query) -> None:
        self._records = records(reader)
        self._rest = b''

    def read(self, size: int, /) -> bytes:
        """See ``export.Reader``."""
        if not self._rest:
            self._rest = next(self._records, b'')
        part, self._rest = self._rest[:size], self._rest[size:]
        return part


@contextlib.contextmanager
def _open(source: str) -> Iterator[tuple[export.Reader, int, bool]]:
    """Give the stream, its size in bytes (0: unknown), and if a node's."""
    path = pathlib.Path(source)
    with contextlib.ExitStack() as stack:
        try:
            if path.is_dir() and not list(path.glob(f'*{export.SUFFIX}')):
                yield _Records(query.open_directory(source)), 0, True
                return
            files = (sorted(path.glob(f'*{export.SUFFIX}'))
                     if path.is_dir() else [path])
            opened = [stack.enter_context(open(file, 'rb'))
                      for file in files]
        except OSError as error:
            raise errors.BadOption(
                f'{source}: {error.strerror}.') from error
        yield (export.Joined(opened),
               sum(file.stat().st_size for file in files), False)


def _expected(arguments: argparse.Namespace) -> hashing.Hasher | None:
    if arguments.chain_id:
        return hashing.hasher(identifiers.parse_hex(
            arguments.chain_id.lower(), hashing.CHAIN_ID_BYTES))
    if arguments.federation:
        try:
            with open(arguments.federation, 'rb') as file:
                data = file.read(limits.FEDERATION_SIGNED_MAX_BYTES + 1)
        except OSError as error:
            raise errors.BadOption(
                f'--federation: {error.strerror}.') from error
        signed = federation_module.SignedFederation.from_bytes(data)
        return hashing.hasher(federation_module.chain_id_of(signed.document))
    return None


@dataclasses.dataclass(slots=True)
class _Found:
    """What a verification has shown."""

    newest: export_verifier.Progress | None = None
    transactions: int = 0
    #: The last block without its body.
    bare_height: int = 0

    def add(self, step: export_verifier.Progress) -> None:
        """Take one more block."""
        self.newest = step
        self.transactions += len(step.transactions)
        if not step.whole:
            self.bare_height = step.height


def run_verify(arguments: argparse.Namespace,
               provider: provider_module.Provider) -> str:
    """Verify; return what was proven.

    :raises LedgerError: the first thing that is wrong
    """
    found = None
    with contextlib.suppress(errors.Pruned):
        found, of_node = _verify(arguments, provider,
                                 export_verifier.verify_export)
    if found is None:
        found, of_node = _verify(arguments, provider,
                                 partial_verifier.verify_partial)
    if of_node:
        _check_state(arguments.source)
    return _report(arguments, found, of_node)


def _verify(arguments: argparse.Namespace,
            provider: provider_module.Provider,
            verifier: Callable[..., Iterator[export_verifier.Progress]]
            ) -> tuple[_Found, bool]:
    expected = _expected(arguments)
    found = _Found()
    with _open(arguments.source) as (reader, size, of_node):
        with progress.bar(size, 'B') as advance:
            for step in verifier(expected, provider, reader):
                found.add(step)
                if size:
                    advance(step.stream_bytes)
    return found, of_node


def _check_state(directory: str) -> None:
    """Compare the stored state with the newest block.

    :raises CorruptStore: it is another one
    """
    env = environment.Environment(directory, readonly=True)
    chain_id = env.chain_id()
    assert chain_id is not None
    reader = query.Query(env, state_map.RootOnly())
    with env.read() as txn:
        header = block_module.Header.from_bytes(reader.head()[0])
        root = state_map.build(
            hashing.hasher(chain_id), state_map.RootOnly(),
            state_module.StateStore(env).at(txn).hashes())
    if root != header.state_root:
        raise errors.CorruptStore(
            'The stored state is not the one the newest block certifies.',
            height=header.height)


def _report(arguments: argparse.Namespace, found: _Found,
            of_node: bool) -> str:
    newest = found.newest
    height = newest.height if newest else 0
    if arguments.json:
        return json.dumps({
            'ok': True, 'height': height,
            'transactions': found.transactions,
            'digest': newest.digest.hex() if newest else None,
            'time_ms': newest.time_ms if newest else None,
            'chain_id': newest.federation.chain_id.hex() if newest
            else None, 'complete': not found.bare_height,
            'bodies_from': found.bare_height + 1})
    if newest is None:
        return 'The chain verifies: it has only its genesis block.'
    head = (f'head {newest.digest.hex()}, '
            f'chain {newest.federation.chain_id.hex()}.')
    if not found.bare_height:
        return (f'The chain verifies from genesis to height {height}: '
                f'{found.transactions} transactions, {head}')
    state = ('the stored state is the one that the newest block certifies'
             if of_node else 'no state was compared')
    return (f'The chain verifies from genesis to height {height}, not '
            f'completely: all headers and certificates; bodies and '
            f'signatures from height {found.bare_height + 1} on, and those '
            f'with federation documents ({found.transactions} '
            'transactions); older transactions are not here and were not '
            f'replayed; {state}; {head}')
