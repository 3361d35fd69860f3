# SPDX-License-Identifier: Apache-2.0
"""A note beside the database: how far the chain was, and what was amiss.

The file ``head`` says which height was stored last.  It is written after
each commit without forcing the disk, so it may be a little behind; it is
never ahead.  A database that ends below it has lost blocks, however sound
it looks (a torn meta page shows the commit before; an emptied directory
shows none).  The file ``suspect`` is left by a node that met damage while
it ran, so that the next start looks at everything.  The file ``runs`` has
one byte for each run in a row that has begun and not ended in order.
"""

import os
import pathlib
import struct
import zlib

_FILE = 'head'
_SUSPECT_FILE = 'suspect'
_RUNS_FILE = 'runs'
_RUNS_MAX_COUNT = 1000
_RECORD = struct.Struct('>QI')
_REASON_MAX_CHARS = 500


class HeadMark:
    """The file, open for writing.

    :param directory: the data directory
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._descriptor = os.open(
            pathlib.Path(directory) / _FILE,
            os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, height: int) -> None:
        """Note a height; a disk that refuses costs nothing but the note."""
        raw = height.to_bytes(8, 'big')
        try:
            os.pwrite(self._descriptor,
                      _RECORD.pack(height, zlib.crc32(raw)), 0)
        except OSError:
            pass

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def read(directory: str | os.PathLike[str]) -> int | None:
    """Return the height noted last; None if there is no sound note."""
    try:
        raw = (pathlib.Path(directory) / _FILE).read_bytes()
    except OSError:
        return None
    if len(raw) != _RECORD.size:
        return None
    height, checksum = _RECORD.unpack(raw)
    if zlib.crc32(raw[:8]) != checksum:
        return None
    return int(height)


def suspect(directory: str | os.PathLike[str], reason: str) -> None:
    """Note damage that a running node has met, as well as the disk allows.

    :param reason: for people
    """
    path = pathlib.Path(directory) / _SUSPECT_FILE
    try:
        path.write_text(reason[:_REASON_MAX_CHARS] + '\n')
    except OSError:
        pass


def suspicion(directory: str | os.PathLike[str]) -> str:
    """Return what :func:`suspect` noted; empty if nothing."""
    path = pathlib.Path(directory) / _SUSPECT_FILE
    try:
        return path.read_text(errors='replace').strip()
    except OSError:
        return ''


def begun(directory: str | os.PathLike[str]) -> int:
    """Note that a run begins; return how many did not end in order before.

    A run that damage has ended by a signal leaves no other trace.
    """
    path = pathlib.Path(directory) / _RUNS_FILE
    try:
        count = len(path.read_bytes())
    except OSError:
        count = 0
    try:
        path.write_bytes(b'x' * min(count + 1, _RUNS_MAX_COUNT))
    except OSError:
        pass  # a full disk costs the note
    return count


def ended(directory: str | os.PathLike[str]) -> None:
    """Note that a run has ended in order."""
    (pathlib.Path(directory) / _RUNS_FILE).unlink(missing_ok=True)


def clear(directory: str | os.PathLike[str]) -> None:
    """Forget the suspicion: everything was looked at."""
    (pathlib.Path(directory) / _SUSPECT_FILE).unlink(missing_ok=True)
