# SPDX-License-Identifier: Apache-2.0
"""LMDB's data file, judged before anybody maps it.

Reading a mapped page that lies behind the end of the file ends a process by
SIGBUS, so a cut file has to be noticed by ordinary reads.  The file starts
with two meta pages which successive commits write in turn (even transaction
numbers to page 0, odd ones to page 1), each after everything that it refers
to is durable.  A meta page has no checksum; but two that do not look like
the last two commits were not written by LMDB.

Layout of a meta page on 64-bit machines (``lmdb.h`` of LMDB 0.9): 16 bytes
page header, u32 magic, u32 version, u64 address, u64 map size, two tables
of 48 bytes (the first begins with the u32 page size), u64 last page, u64
transaction number; all in the byte order of the machine.
"""

import dataclasses
import os
import pathlib
import struct

from tacker_ledger.core import errors

NAME = 'data.mdb'

_META = struct.Struct('=16x II QQ I44x 48x QQ')
_MAGIC = 0xBEEFC0DE
_VERSION = 1
_PAGE_SIZES = tuple(1 << bits for bits in range(8, 17))


@dataclasses.dataclass(frozen=True, slots=True)
class Meta:
    """What one meta page says.

    :param page_bytes: size of a page
    :param last_page: highest page number that was ever used
    :param number: of the transaction that wrote it
    """

    page_bytes: int
    last_page: int
    number: int


def _meta(raw: bytes) -> Meta | None:
    if len(raw) < _META.size:
        return None
    magic, version, _, _, page_bytes, last_page, number = _META.unpack_from(
        raw)
    if (magic, version) != (_MAGIC, _VERSION) or (
            page_bytes not in _PAGE_SIZES):
        return None
    return Meta(page_bytes, last_page, number)


def check(directory: str | os.PathLike[str]) -> bool:
    """Look at a data file by reading, not mapping, it.

    :param directory: the one that holds ``data.mdb``
    :returns: whether the file is as long as the pages in use; a shorter
        one may miss nothing but free pages, so it has to be walked
    :raises NotFound: there is no file, or an empty one
    :raises CorruptStore: it does not start as LMDB left it
    """
    path = pathlib.Path(directory) / NAME
    try:
        with open(path, 'rb', buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if not size:
                raise errors.NotFound(f'{path} is empty.')
            first = _meta(os.pread(file.fileno(), _META.size, 0))
            second = None if first is None else _meta(os.pread(
                file.fileno(), _META.size, first.page_bytes))
    except FileNotFoundError:
        raise errors.NotFound(f'There is no {path}.') from None
    except OSError as error:
        raise errors.CorruptStore(
            f'{path} cannot be read: {error.strerror}.') from error
    if first is None or second is None or not _in_turn(first, second):
        raise errors.CorruptStore(
            f'{path} does not start with the marks of its last two commits.')
    newest = max(first, second, key=lambda meta: meta.number)
    return size >= (newest.last_page + 1) * newest.page_bytes


def _in_turn(first: Meta, second: Meta) -> bool:
    """Return whether these are the pages of two successive commits."""
    if first.page_bytes != second.page_bytes:
        return False
    if first.number == second.number == 0:
        return True  # new
    return (abs(first.number - second.number) == 1
            and first.number % 2 == 0)


def forget_cached(directory: str | os.PathLike[str]) -> None:
    """Make the next reads come from the disk.

    After a failed write or fsync the page cache may show what the disk does
    not have.  Call it when nobody has the file mapped for writing.

    :raises StorageFailed: the disk still refuses
    """
    path = pathlib.Path(directory) / NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise errors.StorageFailed(f'{path}: {error.strerror}.') from error
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError as error:
        raise errors.StorageFailed(f'{path}: {error.strerror}.') from error
    finally:
        os.close(descriptor)
