# SPDX-License-Identifier: Apache-2.0
"""The file that holds how far a verification came.

A segment is gone on with only if the bytes before that place are those that
were verified: the last of them are compared, the checkpoint among them.  If
any segment is gone or another one, the whole log is verified anew.
"""

import dataclasses
import hashlib
import os
import pathlib

from tacker_ledger.core import errors
from tacker_ledger.core.securelog import findings
from tacker_ledger.core.securelog import resumption
from tacker_ledger.core.securelog import runs
from tacker_ledger.core.securelog import verify
from tacker_ledger.keystore import file as file_keystore

#: Bytes before a place that are compared; more than a checkpoint has.
_COMPARED_BYTES = 64 * 1024


class Places:
    """Where each file is begun.

    :param places: path -> (offset, number of the line there)
    """

    def __init__(self, places: dict[pathlib.Path, tuple[int, int]]
                 | None = None) -> None:
        self._places = places or {}

    def of(self, path: pathlib.Path) -> tuple[int, int]:
        """Return (offset, line); the beginning of a file not known."""
        return self._places.get(path, (0, 1))


def load(state: str, files: tuple[pathlib.Path, ...],
         verifier: verify.Verifier, context: runs.Context) -> Places:
    """Let a verifier go on where the one that wrote ``state`` ended.

    Whatever does not fit leaves it at the beginning; what is known to have
    been there stays known.

    :raises CorruptStore: the file holds something else
    """
    try:
        data = file_keystore.read_secret(state, resumption.MAX_BYTES)
    except errors.BadOption:
        if pathlib.Path(state).exists():
            raise
        return Places()
    try:
        position = resumption.Position.from_bytes(data)
    except errors.FormatError as error:
        raise errors.CorruptStore(
            f'{state} holds no state of a verification.') from error
    found = _match(position, files)
    if found is None:
        verifier.note(findings.Finding(
            findings.Kind.REREAD, 'files that were verified before are gone '
            'or others now: all was verified anew'))
        verifier.expect(position)
        return Places()
    if ((context.auditor is not None and not position.audited)
            or _has_new_trust(position, context)):
        verifier.expect(position)
        return Places()
    verifier.resume(position)
    return Places(found)


def _has_new_trust(position: resumption.Position, context: runs.Context
                   ) -> bool:
    """Return whether a record that was read before is newly trusted.

    An anchor is confirmed long after its checkpoint was verified, and what
    is not read again cannot be compared with it.
    """
    last = {one.writer: one.last[0] for one in position.memory.sessions
            if one.last is not None}
    confirmed = set(position.memory.confirmed)
    return any(sequence <= last.get(writer, -1)
               for writer, sequence in set(context.trusted) - confirmed)


def save(state: str, position: resumption.Position) -> None:
    """Write how far a verification came."""
    marked = dataclasses.replace(position, files=tuple(
        dataclasses.replace(one, digest=_digest(
            pathlib.Path(one.name), one.offset)) for one in position.files))
    try:
        file_keystore.write_secret(state, marked.to_bytes(), replace=True)
    except OSError as error:
        raise errors.StorageFailed(f'{state}: {error.strerror}.') from error


def _match(position: resumption.Position, files: tuple[pathlib.Path, ...]
           ) -> dict[pathlib.Path, tuple[int, int]] | None:
    """Return where each file goes on; None if one is not there any more.

    Rotation renames files, so every file is tried.
    """
    found: dict[pathlib.Path, tuple[int, int]] = {}
    for one in position.files:
        named = pathlib.Path(one.name)
        candidates = sorted(files, key=lambda path: path != named)
        for path in candidates:
            if (path not in found and _size(path) >= one.offset
                    and _digest(path, one.offset) == one.digest):
                found[path] = (one.offset, one.line)
                break
        else:
            return None
    return found


def _size(path: pathlib.Path) -> int:
    return os.stat(path).st_size


def _digest(path: pathlib.Path, offset: int) -> bytes:
    """Return SHA-256 of the offset and the bytes that end there."""
    with open(path, 'rb') as file:
        first = file.read(min(offset, _COMPARED_BYTES))
        file.seek(max(0, offset - _COMPARED_BYTES))
        last = file.read(min(offset, _COMPARED_BYTES))
    return hashlib.sha256(b'%d\0' % offset + first + last).digest()
