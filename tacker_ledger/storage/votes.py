# SPDX-License-Identifier: Apache-2.0
"""The vote log: what binds this member's votes, durable before they leave.

Key ``u64 height | u64 number``, value ``first 8 bytes of SHA-256 | record``.
A record is an encoded consensus message, this member's own or another's
that it relies on.  Records of a height go in the same write transaction
that stores the block of that height, not earlier.
"""

from collections.abc import Sequence
import hashlib
import struct

import lmdb

from tacker_ledger.core import errors
from tacker_ledger.storage import environment

_KEY = struct.Struct('>QQ')
_CHECK_BYTES = 8


class VoteLog:
    """The database ``votes``.

    :param env: where it is
    """

    def __init__(self, env: environment.Environment) -> None:
        self._env = env

    def add(self, txn: lmdb.Transaction, height: int,
            records: Sequence[bytes]) -> None:
        """Add records of a height."""
        # what is damaged there must not stop those that follow
        last = environment.last_key(txn, self._env.votes,
                                    _KEY.pack(height + 1, 0))
        number = 0
        if last is not None:
            at, newest = _KEY.unpack(last)
            number = newest + 1 if at == height else 0
        for offset, record in enumerate(records):
            environment.put(txn, self._env.votes,
                            _KEY.pack(height, number + offset),
                            _check(record) + record)

    def load(self, txn: lmdb.Transaction) -> list[bytes]:
        """Return every record, in the order in which they were added.

        :raises CorruptStore: one is damaged: this member must not vote
        """
        records = []
        for key, value in environment.scan(txn, self._env.votes):
            record = value[_CHECK_BYTES:]
            if value[:_CHECK_BYTES] != _check(record):
                raise errors.CorruptStore(
                    'The vote log is damaged.', height=_KEY.unpack(key)[0])
            records.append(record)
        return records

    def prune(self, txn: lmdb.Transaction, height: int) -> None:
        """Delete the records up to and including a height."""
        end = _KEY.pack(height + 1, 0)
        while (key := environment.last_key(txn, self._env.votes,
                                           end)) is not None:
            environment.delete(txn, self._env.votes, key)


def _check(record: bytes) -> bytes:
    return hashlib.sha256(record).digest()[:_CHECK_BYTES]
