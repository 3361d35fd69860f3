# SPDX-License-Identifier: Apache-2.0
"""Signed records which allow that a log is not whole: expired blocks.

The beginning of a session may be deleted up to a checkpoint, which stays in
the record and stands in for all before it: what follows is verified from
there.  The auditor's walk needs the record that carries the wrap in force,
so that stays too.

On disk (``<filename>.retention``) a record is one line: readable text, a
space, base64 of canonical CBOR [1, log id, time_ms, reason, [[checkpoint,
agreement], ...], signature].
"""

import dataclasses

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import entry
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import signed_line
from tacker_ledger.core.securelog import unsealing

_VERSION = 1
_SESSIONS_MAX_COUNT = 1000
_MAX_BYTES = 8 * 1024 * 1024
WORD = b'retention '

_RECORD = codec.Bytes(1, limits.LOG_RECORD_MAX_BYTES)
_SCHEMA = codec.Record(
    codec.Const(_VERSION), codec.Bytes.exact(entry.LOG_ID_BYTES),
    codec.Int(0, 2 ** 53), codec.Text(limits.LOG_NAME_MAX_BYTES),
    codec.Array(codec.Record(_RECORD, _RECORD), 1, _SESSIONS_MAX_COUNT),
    codec.Bytes.exact(records.SIGNATURE_BYTES))


@dataclasses.dataclass(frozen=True, slots=True)
class StandIn:
    """What is left of the beginning of a session.

    :param checkpoint: the last record that was deleted
    :param agreement: the opening or checkpoint at or before it which
        carries the wrap in force there
    """

    checkpoint: records.Checkpoint
    agreement: unsealing.Sealing


@dataclasses.dataclass(frozen=True, slots=True)
class Retention:
    """Beginnings of sessions that were deleted, and why."""

    log_id: bytes
    time_ms: int
    reason: str
    stand_ins: tuple[StandIn, ...]
    signature: bytes = b''

    def message(self) -> bytes:
        """Return what the signature covers."""
        return hashing.tagged_message(
            hashing.Tag.LOG_RETENTION, codec.encode(self._body()))

    def _body(self) -> tuple[object, ...]:
        return (_VERSION, self.log_id, self.time_ms, self.reason,
                tuple((one.checkpoint.to_bytes(), one.agreement.to_bytes())
                      for one in self.stand_ins))

    def to_line(self) -> bytes:
        """Return the record as one line, its line feed included."""
        places = ', '.join(
            f'session {one.checkpoint.writer} up to checkpoint '
            f'{one.checkpoint.number}' for one in self.stand_ins)
        text = f'{places}, {records.utc(self.time_ms)}: '.encode()
        return signed_line.build(
            WORD, text + entry.escape(self.reason),
            codec.encode((*self._body(), self.signature)))

    @staticmethod
    def from_line(line: bytes) -> 'Retention':
        """Return the record on a line.

        :raises FormatError: there is none, or its text says another thing
        """
        fields = codec.decode(signed_line.content(WORD, line, _MAX_BYTES),
                              _SCHEMA, _MAX_BYTES)
        made = Retention(
            fields[1], fields[2], fields[3],
            tuple(_stand_in(*one) for one in fields[4]), fields[5])
        if made.to_line() != line.removesuffix(b'\n') + b'\n':
            raise errors.Malformed('the text is not that of its record')
        return made


def _stand_in(checkpoint: bytes, agreement: bytes) -> StandIn:
    made = records.Checkpoint.from_bytes(checkpoint)
    try:
        carried: unsealing.Sealing = records.Checkpoint.from_bytes(agreement)
    except errors.FormatError:
        carried = records.Opening.from_bytes(agreement)
    if (carried.writer != made.writer
            or unsealing.number_of(carried) > made.number):
        raise errors.BadDocument('the wrap is not of the same session')
    return StandIn(made, carried)
