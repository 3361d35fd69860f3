# SPDX-License-Identifier: Apache-2.0
"""The auditor's side of sealing: from a session's wraps to (K, A).

Walks the ratchet of :mod:`.checkpoint` beside a session's records.  The
walk needs the numbers of records only, not every record, except those
which carry a new wrap.
"""

from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import checkpoint
from tacker_ledger.core.securelog import records

Sealing = records.Opening | records.Checkpoint

#: (S for the record with this number, that number); nothing but S is secret
State = tuple[bytes, int]


class Unsealer:
    """Opens what one session sealed for the auditor.

    :param pair: the auditor's
    :param cipher: opens
    :param state: where another unsealer of the session stood, or None
    """

    def __init__(self, pair: suite_module.KeyPair,
                 cipher: provider_module.Cipher,
                 state: State | None = None) -> None:
        self._pair = pair
        self._cipher = cipher
        self._secret: bytes | None = None
        self._number = 0
        if state is not None:
            self._secret, self._number = state

    @property
    def state(self) -> State | None:
        """Where the walk stands; None when the secret is not known."""
        if self._secret is None:
            return None
        return self._secret, self._number

    def skip(self, record: Sealing) -> None:
        """Walk past a record without opening what it seals."""
        self._step(record)

    def open(self, record: Sealing) -> tuple[bytes, bytes] | None:
        """Return (K, A) of the block that begins after ``record``.

        :returns: None if it does not open, or the secret is not known
        """
        key = self._step(record)
        if key is None:
            return None
        try:
            return checkpoint.unseal(
                self._cipher, key, record.sealed,
                (record.log_id, record.writer, sequence_of(record)))
        except errors.Undecryptable:
            return None

    def _step(self, record: Sealing) -> bytes | None:
        number = number_of(record)
        if record.wrap is not None:
            try:
                self._secret = self._pair.unwrap(record.wrap)
            except errors.Undecryptable:
                self._secret = None
            self._number = number
        steps = number - self._number
        if (self._secret is None
                or not 0 <= steps <= 2 * limits.LOG_AGREEMENT_MAX_COUNT):
            self._secret = None
            return None
        for _ in range(steps):
            _, self._secret = checkpoint.ratchet(self._secret)
        key, self._secret = checkpoint.ratchet(self._secret)
        self._number = number + 1
        return key


def number_of(record: Sealing) -> int:
    """Return the number of a checkpoint; an opening is number 0."""
    return record.number if isinstance(record, records.Checkpoint) else 0


def sequence_of(record: Sealing) -> int:
    """Return the sequence of a checkpoint; an opening's is 0."""
    return record.sequence if isinstance(record, records.Checkpoint) else 0
