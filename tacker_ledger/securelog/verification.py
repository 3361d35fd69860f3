# SPDX-License-Identifier: Apache-2.0
"""Runs the verifier of the core over files, on as many cores as asked."""

import collections
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from concurrent import futures
import dataclasses
import os
import pathlib
from typing import TypeVar

from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core.securelog import findings
from tacker_ledger.core.securelog import redaction
from tacker_ledger.core.securelog import retention
from tacker_ledger.core.securelog import run_verification
from tacker_ledger.core.securelog import runs
from tacker_ledger.core.securelog import sessions
from tacker_ledger.core.securelog import verify
from tacker_ledger.keystore import file as file_keystore
from tacker_ledger.securelog import keys
from tacker_ledger.securelog import positions
from tacker_ledger.securelog import segments

MANIFEST = '.manifest'
REDACTIONS = '.redactions'
RETENTION = '.retention'

_READ_BYTES = 1 << 20
_PEEK_BYTES = 64 * 1024
_MANIFEST_MAX_BYTES = 256 << 20
_RECORDS_MAX_BYTES = 64 << 20
_TRUSTED_MAX_BYTES = 64 << 20
#: Runs handed to each process before the first is waited for.
_AHEAD = 3

Trusted = Mapping[tuple[int, int], bytes]
_Record = TypeVar('_Record')


@dataclasses.dataclass(frozen=True, slots=True)
class Log:
    """The files of one log.

    :param path: the log as the service names it
    :param files: its segments, in the order in which they were written
    """

    path: pathlib.Path
    files: tuple[pathlib.Path, ...]

    @property
    def bytes(self) -> int:
        """Size of all segments."""
        return sum(one.stat().st_size for one in self.files)

    def aside(self, suffix: str) -> pathlib.Path:
        """Return the path of a file beside the log."""
        return self.path.with_name(self.path.name + suffix)


def find(paths: Sequence[str], only: bool = False) -> Log:
    """Return the log that ``paths`` name.

    :param paths: the log, and more segments of it wherever they lie
    :param only: take these files alone, no rotated ones beside them
    :raises BadOption: a file is missing
    """
    found: dict[pathlib.Path, None] = {}
    for index, path in enumerate(paths):
        beside = [] if only or index else segments.segments(path)
        for one in (beside or [pathlib.Path(path)]):
            found[one] = None
    for one in found:
        if not one.is_file():
            raise errors.BadOption(f'There is no file {one}.')
    return Log(pathlib.Path(paths[0]), tuple(sorted(found, key=_place)))


def _place(path: pathlib.Path) -> tuple[tuple[int, int], str]:
    """Return what segments are sorted by: their first record."""
    with open(path, 'rb') as file:
        data = file.read(_PEEK_BYTES)
        place = verify.first_place(data)
        while place is None and (more := file.read(_READ_BYTES)):
            # a line of 1 MiB is longer than a peek
            place = verify.first_place(data + more)
            data = more
    return place or (0, 0), str(path)


def read_aside(path: pathlib.Path, max_bytes: int = _RECORDS_MAX_BYTES
               ) -> bytes | None:
    """Return the content of a file beside a log; None: there is none.

    :raises TooLarge: more than can be of use
    """
    try:
        with open(path, 'rb') as file:
            data = file.read(max_bytes + 1)
    except FileNotFoundError:
        return None
    if len(data) > max_bytes:
        raise errors.TooLarge(f'{path} is larger than {max_bytes} bytes.')
    return data


def redactions(log: Log) -> list[redaction.Redaction]:
    """Return the redaction records beside a log."""
    return _records(log.aside(REDACTIONS), redaction.Redaction.from_line)[0]


def retentions(log: Log) -> list[retention.Retention]:
    """Return the retention records beside a log."""
    return _records(log.aside(RETENTION), retention.Retention.from_line)[0]


def _records(path: pathlib.Path, parse: Callable[[bytes], _Record]
             ) -> tuple[list[_Record], list[int]]:
    """Return the records in a file, and the numbers of other lines."""
    found = []
    damaged = []
    for number, line in enumerate(
            (read_aside(path) or b'').splitlines(), 1):
        try:
            found.append(parse(line))
        except errors.FormatError:
            damaged.append(number)
    return found, damaged


def load_context(directory: str | os.PathLike[str], trusted: Trusted,
                 redacted: Iterable[redaction.Redaction] = (),
                 auditor: bool = True) -> runs.Context:
    """Return what a verification needs to know.

    :param directory: holds ``log-signing.pub``, and ``auditor.key`` if the
        auditor verifies
    :param auditor: use that key if it is there
    """
    place = pathlib.Path(directory).expanduser()
    if not place.is_dir():
        raise errors.BadOption(f'There is no key directory {directory}.')
    provider = providers.default()
    signing = keys.load_public(place / (keys.SIGNING + keys.PUBLIC_SUFFIX))
    pair = None
    if auditor and keys.auditor_key_left(place):
        pair = file_keystore.FileKeystore(
            place, provider=provider).pair(keys.AUDITOR)
    return runs.Context(signing, provider, pair, dict(trusted),
                        redaction.covered(redacted, signing, provider))


def read_trusted(path: str) -> dict[tuple[int, int], bytes]:
    """Return checkpoints which an anchor or a collector holds.

    :param path: of a text file, each line ``writer sequence hash``: the
        hash of a checkpoint's leaf file, 64 hexadecimal digits
    :raises BadOption: it cannot be read so
    """
    found: dict[tuple[int, int], bytes] = {}
    data = read_aside(pathlib.Path(path), _TRUSTED_MAX_BYTES)
    if data is None:
        raise errors.BadOption(f'There is no file {path}.')
    for number, line in enumerate(data.splitlines(), 1):
        fields = line.split()
        if not fields or line.startswith(b'#'):
            continue
        try:
            writer, sequence = int(fields[0]), int(fields[1])
            digest = bytes.fromhex(fields[2].decode('ascii'))
        except (ValueError, IndexError):
            digest = b''
        if len(digest) != 32 or len(fields) != 3:
            raise errors.BadOption(
                f'{path}, line {number}: not writer, sequence and hash.')
        found[writer, sequence] = digest
    return found


class _Here:
    """Verifies runs in this process."""

    def __init__(self, context: runs.Context) -> None:
        self._context = context

    def outcomes(self, made: Iterable[runs.Run]) -> Iterator[runs.Outcome]:
        for run in made:
            yield run_verification.verify(run, self._context)

    def rest(self) -> Iterator[runs.Outcome]:
        return iter(())

    def close(self) -> None:
        """Nothing to end."""


_context: runs.Context | None = None


def _begin_process(directory: str, trusted: Trusted,
                   redacted: list[redaction.Redaction], auditor: bool
                   ) -> None:
    global _context  # noqa: PLW0603
    _context = load_context(directory, trusted, redacted, auditor)


def _verify_there(run: runs.Run) -> runs.Outcome:
    if _context is None:
        raise AssertionError('the process was not begun')
    return run_verification.verify(run, _context)


class _Processes:
    """Verifies runs in other processes; outcomes come in order."""

    def __init__(self, count: int, directory: str, trusted: Trusted,
                 redacted: list[redaction.Redaction], auditor: bool) -> None:
        self._pool = futures.ProcessPoolExecutor(
            count, initializer=_begin_process,
            initargs=(directory, trusted, redacted, auditor))
        self._limit = count * _AHEAD
        self._waiting: collections.deque[
            futures.Future[runs.Outcome]] = collections.deque()

    def outcomes(self, made: Iterable[runs.Run]) -> Iterator[runs.Outcome]:
        for run in made:
            self._waiting.append(self._pool.submit(_verify_there, run))
            while len(self._waiting) > self._limit:
                yield self._waiting.popleft().result()

    def rest(self) -> Iterator[runs.Outcome]:
        while self._waiting:
            yield self._waiting.popleft().result()

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)


def verify_log(log: Log, directory: str, trusted: Trusted | None = None,
               jobs: int = 1, auditor: bool = True,
               advance: Callable[[int], None] | None = None,
               state: str | None = None) -> sessions.Report:
    """Verify a log in one pass.

    :param directory: of the keys
    :param trusted: checkpoints that an anchor or a collector holds
    :param jobs: processes that verify
    :param auditor: use the auditor's key if it lies in ``directory``
    :param advance: told how many bytes have been read in all
    :param state: file that holds how far an earlier verification came, and
        will hold how far this one came; believed, so kept by the verifier
    """
    redacted, damaged = _records(log.aside(REDACTIONS),
                                 redaction.Redaction.from_line)
    kept, damaged_too = _records(log.aside(RETENTION),
                                 retention.Retention.from_line)
    context = load_context(directory, trusted or {}, redacted, auditor)
    # Before the manifest is read: a session that begins later is in neither.
    sizes = {path: path.stat().st_size for path in log.files}
    verifier = verify.Verifier(
        context, read_aside(log.aside(MANIFEST), _MANIFEST_MAX_BYTES),
        kept)
    false = sum(not redaction.is_signed(one, context.signing,
                                        context.provider)
                for one in redacted)
    _note(verifier, log.aside(REDACTIONS), damaged, false)
    _note(verifier, log.aside(RETENTION), damaged_too, 0)
    begin = (positions.Places() if state is None
             else positions.load(state, log.files, verifier, context))
    workers: _Here | _Processes = _Here(context)
    if jobs > 1:
        workers = _Processes(jobs, directory, trusted or {}, redacted,
                             auditor)
    try:
        for made in _read(log, verifier, advance, begin, sizes):
            for outcome in workers.outcomes(made):
                verifier.absorb(outcome)
        for outcome in workers.rest():
            verifier.absorb(outcome)
        position = None if state is None else verifier.position()
        for outcome in workers.outcomes(verifier.finish()):
            verifier.absorb(outcome)
        for outcome in workers.rest():
            verifier.absorb(outcome)
    finally:
        workers.close()
    report = verifier.report()
    if (state is not None and position is not None and report.verdict
            in (findings.Verdict.INTACT, findings.Verdict.UNDECIDABLE)):
        positions.save(state, position)
    return report


def _note(verifier: verify.Verifier, path: pathlib.Path,
          damaged: list[int], false: int) -> None:
    """Note what is wrong with the signed records beside a log."""
    for number in damaged:
        verifier.note(findings.Finding(
            findings.Kind.EDITED, 'not a record of this file',
            file=str(path), line=number))
    if false:
        verifier.note(findings.Finding(
            findings.Kind.FALSE_SIGNATURE, f'{false} record(s) are not '
            'signed by the log signing key', file=str(path)))


def _read(log: Log, verifier: verify.Verifier,
          advance: Callable[[int], None] | None, begin: positions.Places,
          sizes: Mapping[pathlib.Path, int]) -> Iterator[list[runs.Run]]:
    """Feed all segments to a verifier; yield the runs it makes.

    :param sizes: up to where each file is read
    """
    done = 0
    for path in log.files:
        offset, line = begin.of(path)
        done += offset
        verifier.begin(str(path), offset, line)
        with open(path, 'rb') as file:
            file.seek(offset)
            left = sizes[path] - offset
            while data := file.read(max(0, min(left, _READ_BYTES))):
                yield verifier.feed(data)
                left -= len(data)
                done += len(data)
                if advance is not None:
                    advance(done)
        yield verifier.end()
