# SPDX-License-Identifier: Apache-2.0
"""Reads the records of a log's files, for show, proof, redact, expire.

Nothing is verified here: whoever shows or proves says so.
"""

from collections.abc import Iterator
import dataclasses
import pathlib

from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import proof
from tacker_ledger.core.securelog import records
from tacker_ledger.securelog import segments
from tacker_ledger.securelog import verification

_CHUNK_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Raw:
    """One line of a file and the record on it.

    :param record: None if it is no record
    """

    file: pathlib.Path
    number: int
    data: bytes
    record: records.Record | None


def lines(log: verification.Log) -> Iterator[Raw]:
    """Yield every whole line of a log, segment by segment."""
    for path in log.files:
        yield from lines_of(path)


def lines_of(path: pathlib.Path) -> Iterator[Raw]:
    """Yield every whole line of one file."""
    number = 0
    for several, _ in segments.lines_after(path, 0, _CHUNK_BYTES):
        for data in several:
            number += 1
            try:
                record = records.parse_line(data)
            except errors.FormatError:
                record = None
            yield Raw(path, number, data, record)


def parse_entry(text: str) -> tuple[int, int]:
    """Return (writer, sequence) of ``writer.sequence``.

    :raises BadOption: not of that form
    """
    writer, dot, sequence = text.partition('.')
    if not (dot and writer.isdecimal() and sequence.isdecimal()
            and writer.isascii() and sequence.isascii()
            and len(text) < 40):
        raise errors.BadOption(
            'An entry is named by its writer and its sequence, as it stands '
            'before its end: for example 1.42.', entry=text[:40])
    return int(writer), int(sequence)


def make_proof(log: verification.Log, writer: int, sequence: int
               ) -> proof.LineProof:
    """Return the proof of one line.

    :raises NotFound: it is not there, or no checkpoint closes it
    :raises Undecryptable: it was redacted
    """
    before: bytes | None = None
    found: list[records.Line] = []
    for raw in lines(log):
        record = raw.record
        if record is None or record.writer != writer:
            continue
        if isinstance(record, records.Line):
            if record.sequence == sequence or found:
                found.append(record)
                if len(found) > limits.LOG_BLOCK_MAX_LINES:
                    break
                continue
        elif found and isinstance(record, records.Checkpoint):
            if before is None:
                break
            return proof.build(before, found, record)
        if not found:
            before = record.chained
    if not found or before is None:
        raise errors.NotFound(f'There is no line {writer}.{sequence} after '
                              'a record in these files.')
    raise errors.NotFound(f'No checkpoint closes the block of line '
                          f'{writer}.{sequence} yet.')
