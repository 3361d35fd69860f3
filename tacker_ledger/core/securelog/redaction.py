# SPDX-License-Identifier: Apache-2.0
"""Signed records which allow that a log is not whole: redacted lines.

A redacted line keeps its place, its h and its t; text and salt go, and the
committed digest D stands for them, so chain and signatures still verify.
Without a record, signed with the log signing key, it is an alteration.

On disk (``<filename>.redactions``) a record is one line: readable text, a
space, base64 of canonical CBOR [1, log id, time_ms, reason, [[writer,
sequence, D], ...], signature].
"""

from collections.abc import Iterable
import dataclasses

from tacker_ledger.core import codec
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import entry
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import signed_line

_VERSION = 1
_LINES_MAX_COUNT = 10_000
_MAX_BYTES = 1024 * 1024
WORD = b'redaction '

_SCHEMA = codec.Record(
    codec.Const(_VERSION), codec.Bytes.exact(entry.LOG_ID_BYTES),
    codec.Int(0, 2 ** 53), codec.Text(limits.LOG_NAME_MAX_BYTES),
    codec.Array(codec.Record(
        codec.Int(1, records.WRITER_MAX), codec.Int(),
        codec.Bytes.exact(hashing.DIGEST_BYTES)), 1, _LINES_MAX_COUNT),
    codec.Bytes.exact(records.SIGNATURE_BYTES))


@dataclasses.dataclass(frozen=True, slots=True)
class Redaction:
    """Lines whose texts were taken out, and why.

    :param lines: (writer, sequence, D) of each
    :param reason: for people
    """

    log_id: bytes
    time_ms: int
    reason: str
    lines: tuple[tuple[int, int, bytes], ...]
    signature: bytes = b''

    def message(self) -> bytes:
        """Return what the signature covers."""
        return hashing.tagged_message(
            hashing.Tag.LOG_REDACTION, codec.encode(self._body()))

    def _body(self) -> tuple[object, ...]:
        return (_VERSION, self.log_id, self.time_ms, self.reason, self.lines)

    def to_line(self) -> bytes:
        """Return the record as one line, its line feed included."""
        count = len(self.lines)
        text = (f'{count} {"line" if count == 1 else "lines"}, '
                f'{records.utc(self.time_ms)}: ').encode()
        return signed_line.build(
            WORD, text + entry.escape(self.reason),
            codec.encode((*self._body(), self.signature)))

    @staticmethod
    def from_line(line: bytes) -> 'Redaction':
        """Return the record on a line.

        :raises FormatError: there is none, or its text says another thing
        """
        fields = codec.decode(signed_line.content(WORD, line, _MAX_BYTES),
                              _SCHEMA, _MAX_BYTES)
        made = Redaction(*fields[1:])
        if made.to_line() != line.removesuffix(b'\n') + b'\n':
            raise errors.Malformed('the text is not that of its record')
        return made


def covered(found: Iterable[Redaction], signing: suite_module.KeyDocument,
            provider: provider_module.Provider
            ) -> frozenset[tuple[int, int, bytes]]:
    """Return (writer, sequence, D) of all lines that may be redacted.

    Records of other keys than the log signing key cover nothing.
    """
    return frozenset(line for one in found
                     if is_signed(one, signing, provider)
                     for line in one.lines)


def is_signed(record: Redaction, signing: suite_module.KeyDocument,
              provider: provider_module.Provider) -> bool:
    """Return whether the log signing key signed a record."""
    return provider.verify(signing, record.message(), record.signature)
