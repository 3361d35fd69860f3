# SPDX-License-Identifier: Apache-2.0
"""A proof that one line stood in a log, checkable without the rest.

It holds the line, the h before it, the digests D of the lines after it in
its block (their texts stay hidden behind salts), and the checkpoint that
closes the block.  Chained by equation (1) with the key which the checkpoint
discloses, these must give the h that it signs.

Canonical CBOR [1, writer, sequence, h before, salt, text, [D, ...],
checkpoint record].
"""

from collections.abc import Sequence
import dataclasses
import hmac

from tacker_ledger.core import codec
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import blocks
from tacker_ledger.core.securelog import entry
from tacker_ledger.core.securelog import records

_VERSION = 1
MAX_BYTES = (limits.LOG_TEXT_MAX_BYTES + limits.LOG_RECORD_MAX_BYTES
             + 40 * limits.LOG_BLOCK_MAX_LINES + 1024)

_DIGEST = codec.Bytes.exact(hashing.DIGEST_BYTES)
_SCHEMA = codec.Record(
    codec.Const(_VERSION), codec.Int(1, records.WRITER_MAX), codec.Int(1),
    _DIGEST, codec.Bytes.exact(entry.SALT_BYTES),
    codec.Bytes(0, limits.LOG_TEXT_MAX_BYTES),
    codec.Array(_DIGEST, 0, limits.LOG_BLOCK_MAX_LINES),
    codec.Bytes(1, limits.LOG_RECORD_MAX_BYTES))


@dataclasses.dataclass(frozen=True, slots=True)
class LineProof:
    """The proof of one line.

    :param before: h of the record before the line
    :param text: as on disk
    :param following: D of each line after it in its block
    :param checkpoint: the one that closes the block
    """

    writer: int
    sequence: int
    before: bytes
    salt: bytes
    text: bytes
    following: tuple[bytes, ...]
    checkpoint: records.Checkpoint

    def to_bytes(self) -> bytes:
        """Return the canonical CBOR of the proof."""
        return codec.encode((
            _VERSION, self.writer, self.sequence, self.before, self.salt,
            self.text, self.following, self.checkpoint.to_bytes()))

    @staticmethod
    def from_bytes(data: bytes) -> 'LineProof':
        """Return the proof that ``data`` encodes.

        :raises FormatError: it encodes none
        """
        fields = codec.decode(data, _SCHEMA, MAX_BYTES)
        _, writer, sequence, before, salt, text, following, end = fields
        return LineProof(writer, sequence, before, salt, text, following,
                         records.Checkpoint.from_bytes(end))

    def check(self, signing: suite_module.KeyDocument,
              provider: provider_module.Provider) -> None:
        """Check that the line stood in the log of ``signing``.

        :raises BadProof: it does not lead to the checkpoint
        :raises BadSignature: the checkpoint is not signed by that key
        """
        end = self.checkpoint
        if (end.writer != self.writer or self.sequence < end.first
                or self.sequence + len(self.following) + 1 != end.sequence):
            raise errors.BadProof('The line is not of the block that the '
                                  'checkpoint closes.')
        h = self.before
        digests = (entry.text_digest(self.salt, self.text), *self.following)
        for sequence, digest in enumerate(digests, self.sequence):
            h = blocks.mac(end.key, h, entry.log_info(
                entry.KIND_LINE, end.log_id, self.writer, sequence, digest))
        if not hmac.compare_digest(h, end.chained_before):
            raise errors.BadProof('The line does not lead to what the '
                                  'checkpoint signs.')
        if end.chained != blocks.mac(end.key, end.chained_before, end.key,
                                     end.log_info()):
            raise errors.BadProof('The checkpoint contradicts itself.')
        if not provider.verify(signing, end.message(), end.signature):
            raise errors.BadSignature('The checkpoint is not signed by this '
                                      'log signing key.')


def build(before: bytes, lines: Sequence[records.Line],
          checkpoint: records.Checkpoint) -> LineProof:
    """Return the proof of the first of some lines.

    :param before: h of the record before it
    :param lines: it and all that follow it in its block
    :raises Undecryptable: its text was redacted
    """
    first = lines[0]
    if first.kind != entry.KIND_LINE:
        raise errors.Undecryptable('The text of this line was redacted.')
    return LineProof(first.writer, first.sequence, before, first.salt,
                     first.text, tuple(line.digest for line in lines[1:]),
                     checkpoint)
