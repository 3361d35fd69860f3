# SPDX-License-Identifier: Apache-2.0
"""The file that a backup is: a tar of known members, each with its digest.

The first member is ``manifest.json``, which lists the others in their
order: name, size, SHA-256, and whether it is secret.  Nothing else is
accepted: no path, link or device, no file of another name or size.  So tar
can look into a backup, and only its owner can.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
import hashlib
import io
import json
import os
import pathlib
import re
import tarfile
from typing import Any
from typing import BinaryIO

from tacker_ledger.core import errors

FORMAT = 'tacker-ledger-backup/1'
#: The store in it.
STORE = 'ledger.mdb'
FILE_MAX_BYTES = 1024 * 1024
_MANIFEST = 'manifest.json'
_MANIFEST_MAX_BYTES = 256 * 1024
_FILES_MAX_COUNT = 64
_CHUNK_BYTES = 1024 * 1024
_NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z')
_SUFFIX = '.partial'

#: Takes how many bytes are done in all.
Report = Callable[[int], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One member after the manifest."""

    name: str
    bytes: int
    sha256: str
    secret: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """What becomes a member: a file, or bytes in memory."""

    name: str
    path: pathlib.Path | None = None
    data: bytes = dataclasses.field(default=b'', repr=False)
    secret: bool = False

    def open(self) -> BinaryIO:
        """Open it for reading."""
        return io.BytesIO(self.data) if self.path is None else open(
            self.path, 'rb')


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says about itself.

    :param member: name of the member whose votes it holds
    :param created_ms: when it was made
    """

    chain_id: str
    member: str
    height: int
    head_digest: str
    created_ms: int
    entries: tuple[Entry, ...]

    @property
    def total_bytes(self) -> int:
        """How much the members have together."""
        return sum(entry.bytes for entry in self.entries)


# Writing

def write(output: pathlib.Path, about: dict[str, Any],
          sources: Sequence[Source], report: Report) -> Manifest:
    """Write a new file of mode 0600, read it again, give it its name.

    :param about: the fields of :class:`Manifest` but ``entries``
    :raises BadOption: the file exists or cannot be made
    :raises StorageFailed: the disk refuses, or reads what was not written
    """
    if output.exists():
        raise errors.BadOption(f'{output} exists already.')
    partial = output.with_name(output.name + _SUFFIX)
    try:
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC
                             | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise errors.BadOption(f'{partial}: {error.strerror}.') from error
    try:
        with open(descriptor, 'w+b') as file:
            os.fchmod(file.fileno(), 0o600)
            manifest = Manifest(**about, entries=tuple(
                map(_entry, sources)))
            done = _write_all(file, manifest, sources, report)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            _verify(file, manifest, lambda count: report(done + count))
        _link(partial, output)
    except OSError as error:
        raise errors.StorageFailed(
            f'{partial}: {error.strerror}.') from error
    finally:
        partial.unlink(missing_ok=True)
    return manifest


def _entry(source: Source) -> Entry:
    digest = hashlib.sha256()
    size = 0
    with source.open() as file:
        while part := file.read(_CHUNK_BYTES):
            digest.update(part)
            size += len(part)
    return Entry(source.name, size, digest.hexdigest(), source.secret)


def _write_all(file: BinaryIO, manifest: Manifest,
               sources: Sequence[Source], report: Report) -> int:
    text = json.dumps({'format': FORMAT, **dataclasses.asdict(manifest)},
                      indent=1).encode()
    done = 0
    with tarfile.open(fileobj=file, mode='w',
                      format=tarfile.GNU_FORMAT) as tar:
        _add(tar, _MANIFEST, len(text), io.BytesIO(text), manifest)
        for source, entry in zip(sources, manifest.entries, strict=True):
            with source.open() as opened:
                _add(tar, entry.name, entry.bytes, opened, manifest)
            done += entry.bytes
            report(done)
    return done


def _add(tar: tarfile.TarFile, name: str, size: int, file: BinaryIO,
         manifest: Manifest) -> None:
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = 0o600
    info.mtime = manifest.created_ms // 1000
    tar.addfile(info, file)


def _verify(file: BinaryIO, manifest: Manifest, report: Report) -> None:
    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    try:
        with Reader(file) as reader:
            if reader.manifest != manifest:
                raise errors.StorageFailed('Another manifest is read.')
            done = 0
            for _, parts in reader:
                for part in parts:
                    done += len(part)
                    report(done)
    except errors.FormatError as error:
        raise errors.StorageFailed(
            'The backup reads otherwise than it was written: '
            f'{error.message}') from error


def _link(partial: pathlib.Path, output: pathlib.Path) -> None:
    try:
        os.link(partial, output)  # unlike a rename it replaces nothing
    except FileExistsError:
        raise errors.BadOption(f'{output} exists already.') from None
    descriptor = os.open(output.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# Reading

class Reader:
    """A backup being read, strictly and once, from its beginning.

    Iterating yields each entry with its bytes in parts; all of them have to
    be taken.  The digest is checked at the end of each entry.

    :param file: open at its beginning
    :raises BadDocument: it is no backup, or not as the manifest says
    """

    def __init__(self, file: BinaryIO) -> None:
        try:
            self._tar = tarfile.TarFile(fileobj=file)
            self.manifest = self._read_manifest()
        except (tarfile.TarError, OSError) as error:
            raise errors.BadDocument(f'No backup: {error}.') from error

    def __enter__(self) -> 'Reader':
        return self

    def __exit__(self, *_: Any) -> None:
        self._tar.close()

    def _read_manifest(self) -> Manifest:
        info = self._next(_MANIFEST)
        if info.size > _MANIFEST_MAX_BYTES:
            raise errors.BadDocument('The manifest is too long.')
        return parse_manifest(b''.join(self._parts(info)))

    def _next(self, name: str) -> tarfile.TarInfo:
        info = self._tar.next()
        if info is None:
            raise errors.BadDocument(f'The backup ends before {name}.')
        if info.name != name or not info.isreg():
            raise errors.BadDocument(
                f'The backup has {info.name[:80]!r} where {name!r} belongs.')
        return info

    def _parts(self, info: tarfile.TarInfo) -> Iterator[bytes]:
        file = self._tar.extractfile(info)
        assert file is not None
        with file:
            left = info.size
            while left:
                try:
                    part = file.read(min(left, _CHUNK_BYTES))
                except (tarfile.TarError, OSError) as error:
                    raise errors.BadDocument(
                        f'{info.name} cannot be read from the backup: '
                        f'{error}.') from error
                if not part:
                    raise errors.BadDocument(
                        f'The backup ends within {info.name}.')
                left -= len(part)
                yield part

    def __iter__(self) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        try:
            for entry in self.manifest.entries:
                info = self._next(entry.name)
                if info.size != entry.bytes:
                    raise errors.BadDocument(
                        f'{entry.name} has another size than the manifest '
                        'says.')
                yield entry, self._checked(entry, info)
            if self._tar.next() is not None:
                raise errors.BadDocument(
                    'The backup holds more than its manifest.')
        except (tarfile.TarError, OSError) as error:
            raise errors.BadDocument(f'No sound backup: {error}.') from error

    def _checked(self, entry: Entry, info: tarfile.TarInfo
                 ) -> Iterator[bytes]:
        digest = hashlib.sha256()
        for part in self._parts(info):
            digest.update(part)
            yield part
        if digest.hexdigest() != entry.sha256:
            raise errors.BadDocument(
                f'{entry.name} is damaged: its digest is another one than '
                'the manifest says.')


@contextlib.contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[Reader]:
    """Open a backup.

    :raises BadOption: the file cannot be opened
    :raises BadDocument: it is no backup
    """
    try:
        file = open(path, 'rb')  # noqa: SIM115 - closed below
    except OSError as error:
        raise errors.BadOption(f'{path}: {error.strerror}.') from error
    with file, Reader(file) as reader:
        yield reader


def parse_manifest(data: bytes) -> Manifest:
    """Return a manifest.

    :raises BadDocument: it is none of this format
    """
    try:
        fields = json.loads(data)
        if fields.pop('format') != FORMAT:
            raise errors.BadDocument('The backup has another format.')
        entries = tuple(Entry(**entry) for entry in fields.pop('entries'))
        manifest = Manifest(**fields, entries=entries)
    except (ValueError, TypeError, AttributeError, KeyError,
            RecursionError) as error:
        raise errors.BadDocument('The manifest is not understood.'
                                 ) from error
    if not _is_sound(manifest):
        raise errors.BadDocument('The manifest says what cannot be.')
    return manifest


def _is_sound(manifest: Manifest) -> bool:
    entries = manifest.entries
    texts = (manifest.chain_id, manifest.member, manifest.head_digest)
    return (all(isinstance(text, str) and len(text) < 256 for text in texts)
            and _is_count(manifest.height) and _is_count(
                manifest.created_ms)
            and 0 < len(entries) <= _FILES_MAX_COUNT
            and all(isinstance(entry.name, str) and _NAME.match(entry.name)
                    and _is_count(entry.bytes)
                    and isinstance(entry.sha256, str)
                    and isinstance(entry.secret, bool)
                    for entry in entries)
            and len({entry.name for entry in entries}) == len(entries)
            and entries[0].name == STORE
            and all(entry.bytes <= FILE_MAX_BYTES for entry in entries[1:]))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(
        value, bool) and 0 <= value < 2 ** 63
