# SPDX-License-Identifier: Apache-2.0
"""What may be taken out of a log, under a signed record.

The record is durable before the log is touched, so an interruption leaves a
record that allows more than was done, never a change that nothing allows.
Files that a session is writing are left alone.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
import os
import pathlib
import time

from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import entry
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import redaction
from tacker_ledger.core.securelog import retention
from tacker_ledger.core.securelog import unsealing
from tacker_ledger.securelog import files
from tacker_ledger.securelog import keys
from tacker_ledger.securelog import reading
from tacker_ledger.securelog import verification


def redact(log: verification.Log, entries: Sequence[tuple[int, int]],
           reason: str, directory: str, provider: provider_module.Provider
           ) -> int:
    """Take the texts of some lines out; return how many.

    :param directory: of the key that signs
    :raises NotFound: a line is not there, or its block is not closed yet
    :raises Busy: a session is writing the file
    """
    signing = keys.load_writer(directory, provider).signing
    wanted = set(entries)
    found: dict[pathlib.Path, dict[int, bytes]] = {}
    covered: list[tuple[int, int, bytes]] = []
    sealed: dict[int, int] = {}
    log_id: bytes | None = None
    for raw in reading.lines(log):
        record = raw.record
        if isinstance(record, records.Line):
            place = (record.writer, record.sequence)
            if place in wanted and record.kind == entry.KIND_LINE:
                wanted.discard(place)
                covered.append((*place, record.digest))
                found.setdefault(raw.file, {})[raw.number] = (
                    records.build_redacted(record))
        elif record is not None:
            log_id = record.log_id
            sealed[record.writer] = max(sealed.get(record.writer, 0),
                                        unsealing.sequence_of(record))
    wanted |= {place[:2] for place in covered
               if place[1] > sealed.get(place[0], 0)}
    if wanted or log_id is None:
        raise errors.NotFound(
            'There are no such lines with a text, or no checkpoint closes '
            'their block yet.',
            entries=[f'{one[0]}.{one[1]}' for one in sorted(wanted)])
    with _idle(log, found):
        record_line = _sign_redaction(redaction.Redaction(
            log_id, _now_ms(), reason, tuple(sorted(covered))), signing)
        _append(log.aside(verification.REDACTIONS), record_line)
        for path, changed in found.items():
            _rewrite(path, _replacing(changed))
    return len(covered)


def _replacing(changed: dict[int, bytes]) -> Callable[[reading.Raw], bytes]:
    return lambda raw: changed.get(raw.number, raw.data + b'\n')


def _sign_redaction(record: redaction.Redaction,
                    signing: suite_module.KeyPair) -> bytes:
    return dataclasses.replace(
        record, signature=signing.sign(record.message())).to_line()


@dataclasses.dataclass(slots=True)
class _Walk:
    """What is known of a session while looking for where to cut."""

    agreement: unsealing.Sealing | None = None
    stand_in: retention.StandIn | None = None


def expire(log: verification.Log, before_ms: int, reason: str,
           directory: str, provider: provider_module.Provider) -> int:
    """Delete all blocks that were closed before a time.

    :param before_ms: time of the closing checkpoint, since 1970
    :returns: how many records were deleted
    :raises NotFound: no block is that old
    :raises Busy: a session is writing a file that would change
    """
    signing = keys.load_writer(directory, provider).signing
    walks: dict[int, _Walk] = {
        one.checkpoint.writer: _Walk(one.agreement)
        for record in verification.retentions(log)
        for one in record.stand_ins}
    log_id: bytes | None = None
    for raw in reading.lines(log):
        record = raw.record
        if record is None or isinstance(record, records.Line):
            continue
        log_id = record.log_id
        walk = walks.setdefault(record.writer, _Walk())
        if record.wrap is not None:
            walk.agreement = record
        if (isinstance(record, records.Checkpoint)
                and record.time_ms < before_ms
                and walk.agreement is not None):
            walk.stand_in = retention.StandIn(record, walk.agreement)
    kept = {writer: walk.stand_in for writer, walk in walks.items()
            if walk.stand_in is not None}
    if not kept or log_id is None:
        raise errors.NotFound('No block was closed before that time.')
    through = {writer: one.checkpoint.sequence
               for writer, one in kept.items()}
    touched = {raw.file for raw in reading.lines(log)
               if _expired(raw, through)}
    with _idle(log, touched):
        record_made = retention.Retention(
            log_id, _now_ms(), reason,
            tuple(kept[writer] for writer in sorted(kept)))
        _append(log.aside(verification.RETENTION), dataclasses.replace(
            record_made, signature=signing.sign(record_made.message())
        ).to_line())
        gone = 0
        for path in sorted(touched):
            gone += _rewrite(path, lambda raw: (
                b'' if _expired(raw, through) else raw.data + b'\n'))
            if not path.stat().st_size and path != log.path:
                path.unlink()
    return gone


def _expired(raw: reading.Raw, through: dict[int, int]) -> bool:
    record = raw.record
    if record is None:
        return False
    sequence = (0 if isinstance(record, records.Opening)
                else record.sequence)
    return sequence <= through.get(record.writer, -1)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextlib.contextmanager
def _idle(log: verification.Log, touched: Iterable[pathlib.Path]
          ) -> Iterator[None]:
    """Hold the locks of the slots whose files change.

    :raises Busy: a session holds one
    """
    with contextlib.ExitStack() as held:
        for path in touched:
            rest = path.name.removeprefix(log.path.name)
            slot = 0 if not rest else None
            if rest.startswith('.w') and rest[2:].isdecimal():
                slot = int(rest[2:])
            lock = log.aside(f'.w{slot}.lock')
            if slot is None or not lock.exists():
                continue
            descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
            held.callback(files.release, descriptor)
            files.lock(descriptor)
        yield


def _append(path: pathlib.Path, line: bytes) -> None:
    descriptor = files.open_append(str(path))
    try:
        files.append_whole(descriptor, line)
    finally:
        os.close(descriptor)


def _rewrite(path: pathlib.Path, change: Callable[[reading.Raw], bytes]
             ) -> int:
    """Replace a file by its changed lines; return how many went.

    What stands after the last whole line stays.
    """
    draft = path.with_name(f'.{path.name}.tmp')
    gone = size = 0
    with open(draft, 'wb') as out:
        os.fchmod(out.fileno(), path.stat().st_mode & 0o777)
        for raw in reading.lines_of(path):
            size += len(raw.data) + 1
            data = change(raw)
            gone += not data
            out.write(data)
        with open(path, 'rb') as old:
            old.seek(size)
            rest = old.read(limits.LOG_LINE_MAX_BYTES + 1)
            if len(rest) > limits.LOG_LINE_MAX_BYTES or b'\n' in rest:
                draft.unlink()
                raise errors.CorruptStore(
                    f'{path} holds a line longer than any line of a log, so '
                    'it is not rewritten.')
            out.write(rest)
        out.flush()
        os.fsync(out.fileno())
    os.replace(draft, path)
    return gone
