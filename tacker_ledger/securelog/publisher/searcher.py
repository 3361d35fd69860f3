# SPDX-License-Identifier: Apache-2.0
"""The checkpoint searcher (S1, Fig. 15): from log files into the outbox.

It reads each file of each log once, from a cursor in the database on; a
file keeps its cursor when logrotate renames it.  It also takes the records
that searchers of other hosts send.  Either way it verifies the signature
and computes the checkpoint hash itself.
"""

import base64
import binascii
from collections.abc import Callable
from collections.abc import Sequence
import hashlib
import os
import pathlib
from typing import Any

from oslo_log import log as logging

from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import leaf
from tacker_ledger.core.securelog import records
from tacker_ledger.securelog import segments
from tacker_ledger.securelog import trusted_keys
from tacker_ledger.storage import anchors

LOG = logging.getLogger(__name__)

CHUNK_BYTES = 4 * 1024 * 1024
_HEAD_BYTES = 4096
#: Base64 of the longest record.
_ENCODED_MAX_CHARS = limits.LOG_RECORD_MAX_BYTES * 2


class Searcher:
    """Finds checkpoints and hands them to the outbox.

    :param log_files: of this host
    :param keys: whose checkpoints are taken
    :param clock: ms since 1970
    :param host: this host's name
    """

    def __init__(self, database: anchors.Anchors, log_files: Sequence[str],
                 keys: trusted_keys.TrustedKeys, clock: Callable[[], int],
                 host: str) -> None:
        self._database = database
        self._log_files = log_files
        self._keys = keys
        self._clock = clock
        self._host = host
        self._unreadable: set[str] = set()

    def step(self) -> int:
        """Search all files; return how many new checkpoints there were.

        :raises StorageFailed: the database cannot be used
        """
        added = 0
        for log_file in self._log_files:
            for path in segments.segments(log_file):
                try:
                    added += self._search(log_file, path)
                except OSError as error:
                    if str(path) not in self._unreadable:
                        LOG.error('Log file %s cannot be read: %s', path,
                                  error.strerror)
                        self._unreadable.add(str(path))
                else:
                    self._unreadable.discard(str(path))
        return added

    def _search(self, log_file: str, path: pathlib.Path) -> int:
        added = 0
        cursor = self._cursor(path)
        for lines, position in segments.lines_after(
                path, cursor.position, CHUNK_BYTES):
            head_bytes = min(position, _HEAD_BYTES)
            found = [one for line in lines
                     if (one := self._found_on(line, log_file, path))]
            added += self._database.add_found(
                found, self._clock(), anchors.Cursor(
                    cursor.file, str(path), position, head_bytes,
                    _head(path, head_bytes)))
        return added

    def _found_on(self, line: bytes, log_file: str, path: pathlib.Path
                  ) -> anchors.Found | None:
        record = segments.signed_record(line)
        if record is None:
            return None
        if not self._keys.signed(record):
            LOG.error('%s: checkpoint %s of session %s is signed by no key '
                      'of log_key_files: it is not anchored', path,
                      segments.number_of(record), record.writer)
            return None
        return found_of(record, log_file)

    def _cursor(self, path: pathlib.Path) -> anchors.Cursor:
        """Return where to go on reading a file."""
        status = os.stat(path)
        file = hashlib.sha256(
            f'{self._host}\0{status.st_dev}\0{status.st_ino}'.encode()
        ).digest()
        known = self._database.cursor(file)
        if (known is not None and known.position <= status.st_size
                and _head(path, known.head_bytes) == known.head):
            return known
        if known is not None:
            LOG.info('%s is another file than it was: searching all of it',
                     path)
        return anchors.Cursor(file, str(path), 0, 0,
                              hashlib.sha256().digest())

    def take(self, message: Any) -> None:
        """Take a checkpoint record that another host sent.

        :param message: ``{"record": base64 of the record}``; whatever else
            it says is not believed
        """
        try:
            record = _record_in(message)
        except errors.FormatError as error:
            LOG.warning('A message is no checkpoint: %s', error.message)
            return
        if not self._keys.signed(record):
            LOG.warning('A checkpoint of log %s that was sent is signed by '
                        'no key of log_key_files', record.log_id.hex())
            return
        if self._database.is_local(record.log_id):
            # whoever has any of the keys could take the places of its
            # checkpoints, which would then never be anchored
            LOG.error('A checkpoint that was sent is of log %s, which is '
                      'searched on this host: it is not taken',
                      record.log_id.hex())
            return
        self._database.add_found([found_of(record, '')], self._clock())


def found_of(record: records.Checkpoint | records.Opening, log_file: str
             ) -> anchors.Found:
    """Return the outbox row of a record whose signature is verified."""
    encoded = record.to_bytes()
    sequence = segments.sequence_of(record)
    return anchors.Found(
        record.log_id, record.writer, sequence, segments.number_of(record),
        leaf.checkpoint_hash(record.log_id, record.writer, sequence,
                             encoded),
        encoded, log_file)


def described(record: bytes) -> dict[str, str]:
    """Return the message that carries a record to another host."""
    return {'record': base64.b64encode(record).decode()}


def _record_in(message: Any) -> records.Checkpoint | records.Opening:
    text = message.get('record') if isinstance(message, dict) else None
    if not isinstance(text, str) or len(text) > _ENCODED_MAX_CHARS:
        raise errors.Malformed('no record in it')
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise errors.Malformed('not base64') from None
    return segments.parse_record(data)


def _head(path: pathlib.Path, size: int) -> bytes:
    with open(path, 'rb') as file:
        return hashlib.sha256(file.read(size)).digest()
