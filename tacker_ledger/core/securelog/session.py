# SPDX-License-Identifier: Apache-2.0
"""The writer of one session: lines and checkpoints, without a file.

A session is one opening of a log by one process.  Every record is first
taken into the chain and then handed out by :meth:`Session.unsent`, until
:meth:`Session.sent` says that it stands on disk: a record that could not be
written is written later, so the chain has no gap.  The whole state changes
by one assignment.  An exception in the middle (a signal's, say) leaves
either the old or the new one.
"""

import binascii
from collections.abc import Callable
import dataclasses
import hashlib
from typing import NamedTuple

from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import hashing
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import checkpoint as checkpoint_module
from tacker_ledger.core.securelog import entry
from tacker_ledger.core.securelog import records

Sign = Callable[[bytes], bytes]

_TEXT_PREFIX = entry.TEXT_PREFIX
_EVOLVE_PREFIX = entry.EVOLVE_PREFIX
_sha256 = hashlib.sha256
_sha512 = hashlib.sha512
_base64 = binascii.b2a_base64


class _Block(NamedTuple):
    """What stays the same within one block."""

    number: int
    first: int
    key: bytes
    inner: 'hashlib._Hash'
    outer: 'hashlib._Hash'
    tags: list[bytes]
    seal_secret: bytes
    agreed_at: int
    previous: bytes
    ended: bool


#: next sequence, h, A, block, the last bytes handed out
_State = tuple[int, bytes, bytes, _Block, bytes]


@dataclasses.dataclass(frozen=True, slots=True)
class Secrets:
    """Fresh secrets of a session, each 32 random bytes.

    :param block_key: K of the first block
    :param evolving: A of its first line
    :param seal: S, wrapped for the auditor
    :param wrap: that wrap, 80 bytes
    """

    block_key: bytes = dataclasses.field(repr=False)
    evolving: bytes = dataclasses.field(repr=False)
    seal: bytes = dataclasses.field(repr=False)
    wrap: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Head:
    """What an opening says before anything is sealed or signed.

    The fields are those of :class:`records.Opening`.
    """

    log_id: bytes
    writer: int
    slot: int
    boot_id: bytes
    time_ms: int
    name: str
    signing_key_id: bytes
    auditor_key_id: bytes
    manifest_previous: bytes
    previous: records.PreviousSession | None


class Session:
    """One writer of a log; not for several threads at once.

    Begin with :meth:`open`.

    :param sign: makes the Ed25519 signature of a message, 64 bytes
    :param cipher: seals for the auditor
    """

    __slots__ = ('_cipher', '_info_head', '_place', '_sent', '_sign',
                 '_state', 'opening')

    def __init__(self, opening: records.Opening, state: _State, sign: Sign,
                 cipher: provider_module.Cipher) -> None:
        self.opening = opening
        self._state = state
        self._sign = sign
        self._cipher = cipher
        #: All records before this sequence are on disk.
        self._sent = 0
        self._place = b' |%d.' % opening.writer
        self._info_head = entry.log_info(
            entry.KIND_LINE, opening.log_id, opening.writer, 0,
            records.NO_DIGEST)[:21]

    @staticmethod
    def open(head: Head, secrets: Secrets, sign: Sign,
             cipher: provider_module.Cipher) -> 'Session':
        """Return a new session; its opening is the first unsent line."""
        key, seal_secret = checkpoint_module.ratchet(secrets.seal)
        sealed = checkpoint_module.seal(
            cipher, key, secrets.block_key, secrets.evolving,
            (head.log_id, head.writer, 0))
        opening = records.Opening(
            head.log_id, head.writer, head.slot, head.boot_id, head.time_ms,
            head.name, head.signing_key_id, head.auditor_key_id,
            head.manifest_previous, head.previous, secrets.wrap, sealed,
            records.NO_DIGEST, b'')
        opening = dataclasses.replace(
            opening, chained=opening.expected_chained())
        opening = dataclasses.replace(
            opening, signature=sign(opening.message()))
        block = _Block(1, 1, secrets.block_key,
                       *entry.hmac_states(secrets.block_key), [],
                       seal_secret, 0,
                       records.record_digest(opening.to_bytes()), False)
        return Session(opening, (1, opening.chained, secrets.evolving, block,
                                 opening.to_line()), sign, cipher)

    @property
    def sequence(self) -> int:
        """The sequence of the next record."""
        return self._state[0]

    @property
    def chained(self) -> bytes:
        """h of the last record."""
        return self._state[1]

    @property
    def block_lines(self) -> int:
        """Lines since the last checkpoint."""
        state = self._state
        return state[0] - state[3].first

    @property
    def number(self) -> int:
        """The number of the next checkpoint."""
        return self._state[3].number

    @property
    def closed(self) -> bool:
        """Whether the checkpoint of a clean close was made."""
        return self._state[3].ended

    @property
    def wants_agreement(self) -> bool:
        """Whether the next checkpoint should carry a new wrap."""
        block = self._state[3]
        return (block.number - block.agreed_at
                >= limits.LOG_AGREEMENT_MAX_COUNT)

    @property
    def unsent(self) -> bytes:
        """The records which are in the chain and not on disk yet."""
        state = self._state
        return b'' if self._sent == state[0] else state[4]

    def begin_on_new_line(self) -> None:
        """Put a line feed before what is unsent: the file ends torn."""
        sequence, chained, evolving, block, unsent = self._state
        self._state = (sequence, chained, evolving, block, b'\n' + unsent)

    def sent(self) -> None:
        """Note that all of :attr:`unsent` stands on disk."""
        self._sent = self._state[0]

    def line(self, text: bytes, salt: bytes) -> bytes:
        """Take a line into the chain; return all that is unsent.

        :param text: by :func:`entry.escape`
        :param salt: 16 random bytes
        """
        sequence, chained, evolving, block, data = self._state
        digest = _sha256(_TEXT_PREFIX + salt + text).digest()
        inner = block.inner.copy()
        inner.update(chained + self._info_head + sequence.to_bytes(8, 'big')
                     + digest)
        outer = block.outer.copy()
        outer.update(inner.digest())
        chained = outer.digest()
        both = _sha512(_EVOLVE_PREFIX + evolving + chained).digest()
        tag = both[:32]
        tags = block.tags
        at = sequence - block.first
        if len(tags) != at:
            # left by a line that an exception ended half-way
            del tags[at:]
        tags.append(tag)
        line = b'%b%b%d %b\n' % (
            text, self._place, sequence,
            _base64(b'l' + salt + chained + tag, newline=False))
        if self._sent != sequence:
            line = data + line
        self._state = (sequence + 1, chained, both[32:], block, line)
        return line

    def checkpoint(self, time_ms: int, reason: int, next_key: bytes,
                   agreement: tuple[bytes, bytes] | None = None) -> bytes:
        """Close the block and begin the next; return all that is unsent.

        :param time_ms: of the wall clock
        :param reason: a key of ``records.REASONS``
        :param next_key: K of the next block, 32 random bytes
        :param agreement: a new secret S and its wrap for the auditor
        """
        sequence, before, evolving, block, _ = self._state
        unsent = self.unsent
        opening = self.opening
        info = entry.log_info(
            entry.KIND_CHECKPOINT, opening.log_id, opening.writer, sequence,
            records.checkpoint_digest(block.number, time_ms, reason,
                                      block.first, block.previous))
        inner = block.inner.copy()
        inner.update(before + block.key + info)
        outer = block.outer.copy()
        outer.update(inner.digest())
        chained = outer.digest()
        tag, evolving = entry.evolve(evolving, chained)
        tags = hashing.tagged_hash(
            hashing.Tag.LOG_TAGS,
            *block.tags[:sequence - block.first], tag)
        secret, wrap = agreement or (block.seal_secret, None)
        seal_key, secret = checkpoint_module.ratchet(secret)
        sealed = checkpoint_module.seal(
            self._cipher, seal_key, next_key, evolving,
            (opening.log_id, opening.writer, sequence))
        signature = self._sign(records.checkpoint_message(
            before, block.key, chained, info, tags, sealed, wrap))
        record = records.Checkpoint(
            opening.log_id, opening.writer, sequence, block.number, time_ms,
            reason, block.first, block.key, sealed, wrap, before, chained,
            tag, tags, block.previous, signature)
        encoded = record.to_bytes()
        following = _Block(
            block.number + 1, sequence + 1, next_key,
            *entry.hmac_states(next_key), [], secret,
            block.number if agreement else block.agreed_at,
            records.record_digest(encoded), reason == records.REASON_CLOSE)
        data = b'%b%b%b%d %b\n' % (
            unsent, record.text(), self._place, sequence,
            _base64(encoded, newline=False))
        self._state = (sequence + 1, chained, evolving, following, data)
        return data

    def close(self, time_ms: int) -> bytes:
        """Make the last checkpoint; return all that is unsent.

        The key of the block that will never be is no secret: zeros.

        :param time_ms: of the wall clock
        """
        return self.checkpoint(time_ms, records.REASON_CLOSE,
                               bytes(entry.KEY_BYTES))
