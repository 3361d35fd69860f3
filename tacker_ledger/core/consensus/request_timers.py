# SPDX-License-Identifier: Apache-2.0
"""Censorship: which transactions a leader has passed over for too long.

A transaction that is in no block after a while is told to all members; from
then on each of them counts the blocks that could have held it.  The count is
of blocks, not of time: a leader who makes none is found by the timer of the
view, and a federation that is slow accuses nobody.

A block with room left passes over every transaction that could have followed
the block before.  A full one does so to those whose sender got nothing into
it; that counts little, because honest leaders let senders take turns and a
turn may be far.
"""

from collections.abc import Callable
from collections.abc import Iterable
import dataclasses

#: Blocks with room that may pass over a transaction, per leader.
PASSES_MAX_COUNT = 3
#: Full blocks that count as much as one with room.
FULL_BLOCKS_PER_PASS = 16
#: Transactions that are counted at once; the others wait for their turn.
_WATCHED_MAX_COUNT = 10_000
_LIMIT = PASSES_MAX_COUNT * FULL_BLOCKS_PER_PASS


@dataclasses.dataclass(slots=True)
class _Watched:
    """A transaction that all members know.

    :param valid: whether the next block could hold it
    """

    sender: bytes
    points: int = 0
    valid: bool = True


class RequestTimers:
    """Counts for each transaction which all members were told of.

    :param valid: says whether a transaction, by its id, could be in the
        next block; None if it waits no more
    """

    def __init__(self, valid: Callable[[bytes], bool | None]) -> None:
        self._valid = valid
        self._watched: dict[bytes, _Watched] = {}

    def __len__(self) -> int:
        return len(self._watched)

    def told(self, txid: bytes, sender: bytes) -> None:
        """All members have been told of a valid transaction: count."""
        if len(self._watched) < _WATCHED_MAX_COUNT:
            self._watched.setdefault(txid, _Watched(sender))

    def block(self, transactions: Iterable[tuple[bytes, bytes]],
              full: bool) -> bytes | None:
        """A block was committed; return what was passed over too often.

        :param transactions: (id, sender) of those in it
        :param full: whether it had no room for more
        :returns: id of a transaction that blames the leader, or None
        """
        senders = set()
        for txid, sender in transactions:
            senders.add(sender)
            self._watched.pop(txid, None)
        expired = None
        for txid, one in list(self._watched.items()):
            before = one.points // FULL_BLOCKS_PER_PASS
            if not (full and one.sender in senders) and one.valid:
                one.points += 1 if full else FULL_BLOCKS_PER_PASS
            if (one.valid and one.points < _LIMIT
                    and one.points // FULL_BLOCKS_PER_PASS == before):
                continue  # it is looked at once in a while
            valid = self._valid(txid)
            if valid is None:
                del self._watched[txid]
            else:
                one.valid = valid
                if valid and one.points >= _LIMIT:
                    expired = expired or txid
        return expired

    def entered_view(self) -> None:
        """Another leader has the same chances as the one before."""
        for one in self._watched.values():
            one.points = 0
