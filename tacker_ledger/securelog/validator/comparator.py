# SPDX-License-Identifier: Apache-2.0
"""The checkpoint hash comparator (S1, Fig. 16).

It recomputes the hash of every anchored checkpoint from the record in the
log itself, and the root from these hashes, and compares that with what the
chain holds.  Then the log is verified line by line, so that a verdict names
what was altered and where.  Each reading is decided once.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
from typing import Any

from oslo_log import log as logging

from tacker_ledger.core import errors
from tacker_ledger.core.securelog import findings
from tacker_ledger.core.securelog import leaf
from tacker_ledger import messaging
from tacker_ledger.securelog.anchor_drivers import base
from tacker_ledger.securelog import client
from tacker_ledger.securelog.publisher import searcher
from tacker_ledger.securelog import segments
from tacker_ledger.storage import anchor_verdicts
from tacker_ledger.storage import anchors

LOG = logging.getLogger(__name__)

_CHUNK_BYTES = 4 * 1024 * 1024
#: Findings that one message carries; the log is the place for more.
_SHOWN_MAX_COUNT = 20
#: Turns for which files that come and go may put a decision off.
_DEFERRED_MAX_COUNT = 3
_ALARMS = (findings.Verdict.ALTERED, findings.Verdict.TRUNCATED,
           findings.Verdict.UNREADABLE)


#: (log file, anchored checkpoints) -> what a verification finds
LogCheck = Callable[[str, Sequence[anchors.Checkpoint]],
                    list[findings.Finding]]


@dataclasses.dataclass(slots=True)
class _LogState:
    """What was found in the files of one log."""

    log_file: str
    hashes: dict[tuple[bytes, int, int], bytes]
    found: list[findings.Finding] | None = None

    def has(self, log_id: bytes) -> bool:
        """Return whether a checkpoint of a log is in these files."""
        return any(key[0] == log_id for key in self.hashes)


class Comparator:
    """Decides about readings.

    :param log_files: that are on this host, as in the logging configuration
    :param readers: by the driver's name
    :param check: verifies a log
    """

    def __init__(self, database: anchors.Anchors,
                 verdicts: anchor_verdicts.Verdicts,
                 log_files: Sequence[str],
                 readers: dict[str, base.ChainReader], check: LogCheck,
                 clock: Callable[[], int],
                 queue: messaging.QueueClient | None) -> None:
        self._database = database
        self._verdicts = verdicts
        self._log_files = log_files
        self._readers = readers
        self._check = check
        self._clock = clock
        self._queue = queue
        self._deferred = 0

    def step(self) -> None:
        """Decide what was read, and tell the client.

        :raises UnavailableError: the chain cannot be reached
        :raises StorageFailed: the database cannot be used
        """
        waiting = self._verdicts.readings(is_compared=False)
        if waiting:
            there = self._files()
            states = [_state_of(log_file) for log_file in self._log_files]
            for reading in waiting:
                decided = self._decided(reading, states)
                if (self._deferred < _DEFERRED_MAX_COUNT
                        and self._files() != there):
                    # logrotate is at work: a file may have been read twice
                    # or not at all
                    self._deferred += 1
                    break
                if decided is not None:
                    self._verdicts.decide(reading, decided, self._clock())
            else:
                self._deferred = 0
        self.tell()

    def _files(self) -> list[tuple[str, int]]:
        """Return names and inodes of all files of all logs."""
        found = []
        for log_file in self._log_files:
            for path in segments.segments(log_file):
                with contextlib.suppress(OSError):
                    found.append((str(path), path.stat().st_ino))
        return found

    def tell(self) -> None:
        """Put the verdicts that no client knows into its queue."""
        if self._queue is None:
            return
        for verdict_id, message in self._verdicts.untold():
            if not self._queue.put(messaging.VALIDATION_QUEUE, message):
                return
            self._verdicts.note_verdict_told(verdict_id)

    def _decided(self, reading: anchor_verdicts.Reading,
                 states: Sequence[_LogState]
                 ) -> list[anchor_verdicts.Verdict] | None:
        """Return the verdicts of a reading; None: not to be decided now."""
        [sent] = self._database.sent(transaction_id=reading.transaction_id)
        confirmed = self._confirmed(sent, reading)
        if confirmed is None:
            # a block that was left; the anchor is read anew in another
            return None if sent.block == reading.block else []
        reading = confirmed
        carried = self._database.checkpoints(sent.anchor_id)
        problem = reading.problem or self._root_problem(
            sent, reading.root, carried)
        decided: list[anchor_verdicts.Verdict] = []
        for log_id, state in self._logs(carried, states):
            decided += self._about_log(
                sent, reading, state, problem, log_id,
                [one for one in carried if one.log_id == log_id])
        return decided

    def _confirmed(self, sent: anchors.Sent,
                   reading: anchor_verdicts.Reading
                   ) -> anchor_verdicts.Reading | None:
        """Return a reading as the chain has it now; None: it has not.

        Others write to the database too, and a block may have left the
        chain since it was read.
        """
        reader = self._readers.get(sent.driver)
        found = None if reader is None else reader.read(
            dataclasses.replace(sent, block=reading.block),
            self._verdicts.raw_of)
        if found is None or found.block != reading.block:
            return None
        return dataclasses.replace(
            reading, root=found.root, height=found.height,
            problem=found.problem)

    def _logs(self, carried: Sequence[anchors.Checkpoint],
              states: Sequence[_LogState]
              ) -> Iterator[tuple[bytes, _LogState]]:
        """Yield what to decide about: what is anchored now or was before.

        A log that is cut, or replaced by another one, may never be
        anchored again.
        """
        seen = set()
        for one in carried:
            state = _log_of(states, one.log_id, one.path)
            # another host's: its validator decides
            if state is not None and one.log_id not in seen:
                seen.add(one.log_id)
                yield one.log_id, state
        for state in states:
            for log_id in self._verdicts.log_ids(state.log_file):
                if log_id not in seen:
                    seen.add(log_id)
                    yield log_id, state

    def _root_problem(self, sent: anchors.Sent, root: bytes | None,
                      carried: Sequence[anchors.Checkpoint]) -> str:
        if root is None:
            return 'no-root'
        try:
            self._readers[sent.driver].check_root(
                dataclasses.replace(sent, root=root), carried)
        except errors.LedgerError as error:
            return error.code
        return ''

    def _about_log(self, sent: anchors.Sent,
                   reading: anchor_verdicts.Reading, state: _LogState,
                   problem: str, log_id: bytes,
                   mine: Sequence[anchors.Checkpoint]
                   ) -> list[anchor_verdicts.Verdict]:
        """Return a verdict per session that has one."""
        about = {one.writer: one
                 for one in self._verdicts.anchored(log_id)}
        about.update((one.writer, one) for one in mine)
        if not state.has(log_id):
            # all of it is gone, whatever stands there in its place
            return [self._verdict(sent, reading, state, log_id, one.writer,
                                  one, client.MISSING, problem, ())
                    for one in about.values()]
        if state.found is None:
            state.found = self._found_in(state, list(about.values()))
        alarms = [one for one in state.found
                  if one.kind.verdict in _ALARMS]
        now_anchored = {one.writer for one in mine}
        decided = []
        for writer in sorted(set(about) | {
                one.writer for one in alarms if one.writer is not None}):
            checkpoint = about.get(writer)
            # what no session can be named for may concern any of them
            word = _word(checkpoint, state, [
                one for one in alarms if one.writer in (writer, None)],
                problem)
            if word == client.VALIDATED and writer not in now_anchored:
                continue  # was told when it was anchored
            shown = [one for one in alarms
                     if one.writer in (writer, None)]
            decided.append(self._verdict(
                sent, reading, state, log_id, writer, checkpoint, word,
                problem, shown))
        return decided

    def _found_in(self, state: _LogState,
                  checkpoints: Sequence[anchors.Checkpoint]
                  ) -> list[findings.Finding]:
        """Return what a verification finds.

        A log that was made unfit for one is found so: whoever could end the
        comparison by that would silence the validator about all logs.
        """
        try:
            return self._check(state.log_file, checkpoints)
        except (errors.LedgerError, OSError) as error:
            LOG.error('Log %s cannot be verified: %s', state.log_file, error)
            return [findings.Finding(
                findings.Kind.UNREADABLE, 'the log cannot be verified: '
                f'{getattr(error, "code", type(error).__name__)}',
                file=state.log_file)]

    def _verdict(self, sent: anchors.Sent, reading: anchor_verdicts.Reading,
                 state: _LogState, log_id: bytes, writer: int,
                 checkpoint: anchors.Checkpoint | None, word: str,
                 problem: str, shown: Iterable[findings.Finding]
                 ) -> anchor_verdicts.Verdict:
        message: dict[str, Any] = {
            'verdict': word, 'log': state.log_file, 'log_id': log_id.hex(),
            'writer': writer,
            'number': None if checkpoint is None else checkpoint.number,
            'sequence': None if checkpoint is None else checkpoint.sequence,
            'driver': sent.driver, 'anchor': sent.number,
            'txid': sent.txid.hex(), 'block': reading.block.hex(),
            'height': reading.height, 'problem': problem,
            'evidence': self._readers[sent.driver].is_evidence,
            'findings': [one.to_dict() for one in shown][:_SHOWN_MAX_COUNT]}
        return anchor_verdicts.Verdict(log_id, writer, word, message)


def _word(checkpoint: anchors.Checkpoint | None, state: _LogState,
          alarms: Sequence[findings.Finding], problem: str) -> str:
    """Return the verdict about one session."""
    if alarms:
        return client.ALTERED
    if checkpoint is not None:
        there = state.hashes.get((checkpoint.log_id, checkpoint.writer,
                                  checkpoint.sequence))
        if there is None:
            return client.MISSING
        if there != checkpoint.hash:
            return client.ALTERED
    return client.NOT_ANCHORED if problem else client.VALIDATED


def _state_of(log_file: str) -> _LogState:
    """Return the checkpoint hashes of a log, computed from its files."""
    hashes = {}
    for path in segments.segments(log_file):
        try:
            for lines, _ in segments.lines_after(path, 0, _CHUNK_BYTES):
                for line in lines:
                    record = segments.signed_record(line)
                    if record is not None:
                        one = searcher.found_of(record, log_file)
                        hashes[one.log_id, one.writer, one.sequence] = (
                            leaf.checkpoint_hash(
                                one.log_id, one.writer, one.sequence,
                                one.record))
        except OSError as error:
            LOG.error('Log file %s cannot be read: %s', path, error.strerror)
    return _LogState(log_file, hashes)


def _log_of(states: Iterable[_LogState], log_id: bytes, path: str
            ) -> _LogState | None:
    """Return the log that an id, or else a path, stands for."""
    by_path = None
    for state in states:
        if state.has(log_id):
            return state
        if state.log_file == path:
            by_path = state
    return by_path
