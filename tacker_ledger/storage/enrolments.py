# SPDX-License-Identifier: Apache-2.0
"""Who may write, as far as a node has to remember it.

Enrolments are made at one member and told to all; an enrolment is known by
(key id, member), so that two members can enrol one key and each can take
its own back.  Addressings come from the chain: who addressed a key first.
"""

from collections.abc import Iterable
import dataclasses

import lmdb

from tacker_ledger.storage import environment

KEY_ID_BYTES = 32
_EPOCH_KEY = b'enrolment-epoch'


@dataclasses.dataclass(frozen=True, slots=True)
class Enrolment:
    """A key that may write.

    :param key_id: 32 bytes
    :param label: for operators
    :param member: which member enrolled it and is charged for it
    """

    key_id: bytes
    label: str
    member: int


class Enrolments:
    """The databases ``enrolments`` and ``addressed``.

    :param env: where they are
    """

    def __init__(self, env: environment.Environment) -> None:
        self._env = env

    def put(self, txn: lmdb.Transaction, enrolment: Enrolment) -> None:
        """Store an enrolment, replacing its label."""
        environment.put(txn, self._env.enrolments,
                        _key(enrolment.key_id, enrolment.member),
                        enrolment.label.encode())

    def delete(self, txn: lmdb.Transaction, key_id: bytes,
               member: int) -> bool:
        """Forget an enrolment; return whether there was one."""
        return environment.delete(txn, self._env.enrolments,
                                  _key(key_id, member))

    def load(self, txn: lmdb.Transaction) -> list[Enrolment]:
        """Return every enrolment, by key id and member."""
        return [Enrolment(key[:KEY_ID_BYTES], label.decode(),
                          environment.U32.unpack(key[KEY_ID_BYTES:])[0])
                for key, label in environment.scan(
                    txn, self._env.enrolments)]

    def epoch(self, txn: lmdb.Transaction) -> int:
        """Return by which federation's indices members are meant here."""
        found = environment.get(txn, self._env.meta, _EPOCH_KEY)
        return 0 if found is None else environment.U32.unpack(found)[0]

    def set_epoch(self, txn: lmdb.Transaction, epoch: int) -> None:
        """Note that the indices are those of an epoch from now on."""
        environment.put(txn, self._env.meta, _EPOCH_KEY,
                        environment.U32.pack(epoch))

    def note_addressed(self, txn: lmdb.Transaction, height: int,
                       pairs: Iterable[tuple[int, bytes, bytes]]) -> None:
        """Note who addressed whom in a block.

        :param pairs: (index in block, recipient id, sender id)
        """
        for index, recipient, sender in pairs:
            environment.put(txn, self._env.addressed, recipient + sender,
                            environment.PLACE.pack(height, index),
                            overwrite=False)

    def addressers(self, txn: lmdb.Transaction, recipient: bytes,
                   limit: int) -> list[bytes]:
        """Return who addressed a key, the first one first.

        :param limit: how many to look at
        """
        found = []
        for key, place in environment.scan(txn, self._env.addressed,
                                           prefix=recipient):
            found.append((place, key[KEY_ID_BYTES:]))
            if len(found) == limit:
                break
        return [sender for _, sender in sorted(found)]


def _key(key_id: bytes, member: int) -> bytes:
    return key_id + environment.U32.pack(member)
