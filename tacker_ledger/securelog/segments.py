# SPDX-License-Identifier: Apache-2.0
"""The files of a log, and the signed records in them."""

from collections.abc import Iterator
import os
import pathlib

from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import records

#: Files beside a log that are none of its segments.
_ASIDE = ('.manifest', '.state', '.lock', '.redactions', '.retention',
          '.ots', '.path', '.anchors', '.leaf', '.gz', '.tmp')
_SIGNED_WORDS = (b'checkpoint ', b'opening ')


def segments(log_file: str) -> list[pathlib.Path]:
    """Return the files of a log: those whose names begin as its own.

    :param log_file: as named in the logging configuration
    """
    path = pathlib.Path(log_file)
    try:
        found = [one for one in path.parent.iterdir()
                 if (one.name == path.name
                     or one.name.startswith((path.name + '.',
                                             path.name + '-')))
                 and not one.name.endswith(_ASIDE)
                 and not one.is_symlink() and one.is_file()]
    except FileNotFoundError:
        return []
    return sorted(found)


def host_name() -> str:
    """Return the name of this host."""
    return os.uname().nodename


def signed_record(line: bytes
                  ) -> records.Checkpoint | records.Opening | None:
    """Return the signed record on a line; None if it is another line."""
    if not line.startswith(_SIGNED_WORDS):
        return None
    try:
        record = records.parse_line(line)
    except errors.FormatError:
        # a plain line may begin with these words; what is damaged is the
        # verifier's to name
        return None
    return None if isinstance(record, records.Line) else record


def parse_record(data: bytes) -> records.Checkpoint | records.Opening:
    """Return the signed record that canonical CBOR encodes.

    :raises FormatError: it encodes none
    """
    try:
        return records.Checkpoint.from_bytes(data)
    except errors.FormatError:
        return records.Opening.from_bytes(data)


def sequence_of(record: records.Checkpoint | records.Opening) -> int:
    """Return where the record stands in its session."""
    return (record.sequence if isinstance(record, records.Checkpoint)
            else 0)


def number_of(record: records.Checkpoint | records.Opening) -> int:
    """Return S1's number of the checkpoint; the opening is number 0."""
    return record.number if isinstance(record, records.Checkpoint) else 0


def lines_after(path: pathlib.Path, position: int, chunk_bytes: int
                ) -> Iterator[tuple[list[bytes], int]]:
    """Yield (whole lines, position behind them) from a position on.

    A line that does not end yet is left for later.
    """
    with open(path, 'rb') as file:
        file.seek(position)
        rest = b''
        while chunk := file.read(chunk_bytes):
            rest += chunk
            end = rest.rfind(b'\n') + 1
            if end:
                position += end
                yield rest[:end - 1].split(b'\n'), position
                rest = rest[end:]
            elif len(rest) > limits.LOG_LINE_MAX_BYTES:
                # no line of a secure log: pass over it
                position += len(rest)
                yield [], position
                rest = b''
