# SPDX-License-Identifier: Apache-2.0
"""``tacker-ledger-manage backup`` and ``restore``.

A backup holds a member's store as it was at one moment, and the files that
its configuration names: documents and certificates always, keys and the
configuration itself (which may hold passwords) only when asked.

A restored store may lack votes that the member has cast since: the node
observes before it votes again (``node.doubt``).
"""

import argparse
from collections.abc import Iterator
import contextlib
import datetime
import os
import pathlib
import shutil
import tempfile
import time
from typing import Any

from tacker_ledger.cmd import backup_archive
from tacker_ledger.cmd import manage_index
from tacker_ledger.cmd import progress
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.node import identity
from tacker_ledger.storage import backup
from tacker_ledger.storage import lock

_DOCUMENTS = ('federation_document', 'newest_federation_document',
              'certificate_file', 'ca_file')
_KEYS = ('node_key_file', 'vote_key_file', 'answer_key_file')
#: Beside a file: what takes its place later.
_NEXT = '.next'
_PUBLIC_MODE = 0o644
_DATA = 'data'


def add_parsers(groups: Any) -> None:
    """Add the commands to the parser of all commands."""
    out = groups.add_parser(
        'backup', help='copy a member\'s store and documents into one file; '
                       'the node may run')
    manage_index.add_config(out)
    out.add_argument('--output', required=True, metavar='FILE',
                     help='new file, readable by its owner only')
    out.add_argument('--with-keys', action='store_true',
                     help='put the secret keys and the configuration in it '
                          'too: whoever has the file can be the member')
    out.set_defaults(run=run_backup)
    back = groups.add_parser(
        'restore', help='put a backup in place; the node observes before '
                        'it votes again')
    back.add_argument('--from', required=True, metavar='FILE',
                      dest='source', help='a backup')
    where = back.add_mutually_exclusive_group(required=True)
    where.add_argument('--config-file', action='append', metavar='FILE',
                       help='configuration of the node, whose data '
                            'directory is empty')
    where.add_argument('--directory', metavar='DIRECTORY',
                       help='new directory for everything in the backup, '
                            'the store in "data"')
    back.set_defaults(run=run_restore)


# Backup

def run_backup(arguments: argparse.Namespace,
               provider: provider_module.Provider) -> str:
    """Write a backup; return a sentence.

    :raises BadOption: the file exists or cannot be made
    :raises NotFound: no node has run there
    :raises CorruptStore: the store is damaged
    :raises StorageFailed: no room, or what was written reads otherwise
    """
    conf = manage_index.make_conf(arguments)
    output = pathlib.Path(arguments.output).absolute()
    if output.exists():
        raise errors.BadOption(f'--output: {output} exists already.')
    source = conf.node.data_directory
    expected = backup.size_bytes(source)
    files = list(_files(conf, arguments))
    with _workspace(output.parent, 2 * expected) as space:
        with progress.bar(expected, 'B copied') as advance:
            backup.copy(source, space, advance)
        with progress.bar(0, 'blocks verified') as advance:
            found = backup.examine(space, provider, advance)
        path = backup.data_path(space)
        sources = [backup_archive.Source(backup_archive.STORE, path), *files]
        with progress.bar(2 * path.stat().st_size, 'B written and read'
                          ) as advance:
            manifest = backup_archive.write(output, {
                'chain_id': found['chain_id'], 'member': conf.node.member,
                'height': found['height'],
                'head_digest': found['head_digest'],
                'created_ms': time.time_ns() // 1_000_000}, sources, advance)
    kept = ('with its SECRET KEYS' if arguments.with_keys
            else 'without keys: keep those of the node elsewhere')
    return (f'Backup of {conf.node.member} at height {manifest.height} is in '
            f'{output}, {kept}. All of it is verified.')


@contextlib.contextmanager
def _workspace(parent: pathlib.Path, needed_bytes: int
               ) -> Iterator[pathlib.Path]:
    """Give a directory for a while, on the disk of the output."""
    try:
        free = shutil.disk_usage(parent).free
        if free < needed_bytes:
            raise errors.StorageFailed(
                f'{parent} has {free} bytes free, a verified backup needs '
                f'up to {needed_bytes}.')
        path = tempfile.mkdtemp(prefix='.backup-', dir=parent)
    except OSError as error:
        raise errors.BadOption(
            f'--output: {parent}: {error.strerror}.') from error
    try:
        yield pathlib.Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _files(conf: Any, arguments: argparse.Namespace
           ) -> Iterator[backup_archive.Source]:
    """Yield what a member needs beside its store."""
    taken: set[str] = set()
    for option in _DOCUMENTS:
        # not every release has each of them, and some may be empty
        path = getattr(conf.node, option, None)
        if path and (option == 'federation_document'
                     or pathlib.Path(path).exists()):
            yield _source(pathlib.Path(path), option, taken, False)
    if not arguments.with_keys:
        return
    for option in _KEYS:
        path = conf.node[option]
        yield _source(pathlib.Path(path), option, taken, True)
        following = pathlib.Path(path + _NEXT)
        if following.exists():
            yield _source(following, option, taken, True)
    for path in arguments.config_file:
        yield _source(pathlib.Path(path), 'config-file', taken, True)


def _source(path: pathlib.Path, option: str, taken: set[str],
            secret: bool) -> backup_archive.Source:
    try:
        with open(path, 'rb') as file:
            data = file.read(backup_archive.FILE_MAX_BYTES + 1)
    except OSError as error:
        raise errors.BadOption(f'Option {option}: {path}: '
                               f'{error.strerror}.') from error
    if len(data) > backup_archive.FILE_MAX_BYTES:
        raise errors.BadOption(f'Option {option}: {path} is too long.')
    name = path.name
    if name in taken or name == backup_archive.STORE:
        name = f'{option}-{name}'
    taken.add(name)
    return backup_archive.Source(name, None, data, secret)


# Restoring

def run_restore(arguments: argparse.Namespace,
                provider: provider_module.Provider) -> str:
    """Put a backup in place; return a sentence.

    :raises BadOption: the place is not empty, or of another member
    :raises Busy: a node runs there
    :raises BadDocument: the file is no backup, or damaged
    :raises WrongFederation: it is of another chain
    """
    with backup_archive.reading(arguments.source) as reader:
        manifest = reader.manifest
        if arguments.directory:
            home = pathlib.Path(arguments.directory)
            _make_home(home)
            data = home / _DATA
        else:
            conf = manage_index.make_conf(arguments)
            _check_member(conf, provider, manifest)
            home, data = None, pathlib.Path(conf.node.data_directory)
        _make_directory(data)
        with lock.DirectoryLock(data):
            if not backup.is_vacant(data):
                raise errors.BadOption(
                    f'{data} is not empty: move what is in it away first.')
            _place(reader, data, home, provider)
    return (f'{manifest.member} is restored to height {manifest.height} in '
            f'{home or data}. Votes that it has cast since may be missing: '
            f'it observes before it votes again.{_lacking(manifest, home)}')


def _make_home(home: pathlib.Path) -> None:
    _make_directory(home)
    others = {path.name for path in home.iterdir()} - {_DATA}
    if others or not backup.is_vacant(home / _DATA):
        raise errors.BadOption(
            f'--directory: {home} is not empty: name another one.')


def _make_directory(path: pathlib.Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise errors.BadOption(f'{path}: {error.strerror}.') from error


def _check_member(conf: Any, provider: provider_module.Provider,
                  manifest: backup_archive.Manifest) -> None:
    genesis, _ = identity.load_federation(conf, provider)
    if genesis.chain_id.hex() != manifest.chain_id:
        raise errors.WrongFederation(
            'The backup is of another chain than the configuration.')
    if conf.node.member != manifest.member:
        raise errors.BadOption(
            f'The backup is of {manifest.member}, the configuration of '
            f'{conf.node.member}: a member\'s votes are its own.')


def _place(reader: backup_archive.Reader, data: pathlib.Path,
           home: pathlib.Path | None,
           provider: provider_module.Provider) -> None:
    manifest = reader.manifest
    placement = backup.Placement(data)
    written: list[pathlib.Path] = []
    done = 0
    try:
        with progress.bar(manifest.total_bytes, 'B') as advance:
            for entry, parts in reader:
                path = (placement.prepare()
                        if entry.name == backup_archive.STORE
                        else home / entry.name if home else None)
                if path is not None and path.parent == home:
                    written.append(path)
                with _output(path, entry.secret) as file:
                    for part in parts:
                        file.write(part)
                        done += len(part)
                        advance(done)
        with progress.bar(0, 'blocks verified') as advance:
            found = backup.examine(placement.partial, provider, advance)
        if (found['chain_id'], found['head_digest']) != (
                manifest.chain_id, manifest.head_digest):
            raise errors.BadDocument(
                'The store in the backup is not the one that it names.')
        if home is not None:
            _check_document(home, manifest)
        made = datetime.datetime.fromtimestamp(
            manifest.created_ms / 1000, datetime.UTC)
        placement.finish(
            f'the data was restored from a backup of height '
            f'{manifest.height}, made at {made:%Y-%m-%d %H:%M:%S} UTC')
    except BaseException:
        placement.discard()
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _check_document(home: pathlib.Path,
                    manifest: backup_archive.Manifest) -> None:
    """Check that the first document is the one of the chain."""
    name = manifest.entries[1].name if len(manifest.entries) > 1 else ''
    try:
        signed = federation_module.SignedFederation.from_bytes(
            (home / name).read_bytes() if name else b'')
    except errors.FormatError as error:
        raise errors.BadDocument(
            'The backup has no federation document.') from error
    if federation_module.chain_id_of(signed.document).hex() != (
            manifest.chain_id):
        raise errors.BadDocument(
            'The federation document in the backup is of another chain.')


@contextlib.contextmanager
def _output(path: pathlib.Path | None, secret: bool) -> Iterator[Any]:
    """Give a new file that is on the disk at the end; None: nowhere."""
    if path is None:
        path = pathlib.Path(os.devnull)
        flags = os.O_WRONLY
    else:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        is_store = path.parent.name == backup_archive.STORE
        descriptor = os.open(path, flags | os.O_CLOEXEC,
                             0o600 if secret or is_store else _PUBLIC_MODE)
        with open(descriptor, 'wb') as file:
            yield file
            file.flush()
            if flags & os.O_CREAT:
                os.fsync(file.fileno())
    except OSError as error:
        raise errors.StorageFailed(f'{path}: {error.strerror}.') from error


def _lacking(manifest: backup_archive.Manifest,
             home: pathlib.Path | None) -> str:
    if home is None or any(entry.secret for entry in manifest.entries):
        return ''
    return (' Its keys and configuration are not in the backup: put them '
            'there.')
