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

Whoever told all may have left out the leader, whose pool may have been full,
or which was not running then.  So the first pass blames nobody: who counts
hands the transaction to the leader itself, and only what is passed over
after that counts against it.
"""

from collections.abc import Callable
from collections.abc import Iterable
import dataclasses

from tacker_ledger.core import limits

#: Blocks with room that may pass over a transaction, per leader, after it
#: was handed to that leader.
PASSES_MAX_COUNT = 3
#: Full blocks that count as much as one with room.
FULL_BLOCKS_PER_PASS = 16
#: Transactions that are counted at once; the others wait for their turn.
_WATCHED_MAX_COUNT = 10_000
_LIMIT = PASSES_MAX_COUNT * FULL_BLOCKS_PER_PASS


@dataclasses.dataclass(slots=True)
class _Watched:
    """A transaction that all members know.

    :param handed: whether the present leader has it from us
    :param valid: whether the next block could hold it
    """

    sender: bytes
    points: int = 0
    handed: bool = False
    valid: bool = True


class RequestTimers:
    """Counts for each transaction which all members were told of.

    :param valid: says whether a transaction, by its id, could be in the
        next block; None if it waits no more
    """

    def __init__(self, valid: Callable[[bytes], bool | None]) -> None:
        self._valid = valid
        self._watched: dict[bytes, _Watched] = {}
        self._to_hand: list[bytes] = []
        self._returned = False

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
        self._to_hand.clear()
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
                if valid and self._passed_over(txid, one):
                    expired = expired or txid
        return expired

    def _passed_over(self, txid: bytes, one: _Watched) -> bool:
        """Return whether the points of a transaction blame the leader."""
        if one.handed:
            if one.points < _LIMIT:
                return False
            one.handed = False
            one.points = 0
            return True
        if one.points >= FULL_BLOCKS_PER_PASS:
            one.points = 0
            # what has no place now is handed over after another pass
            one.handed = len(self._to_hand) < limits.BLOCK_MAX_TRANSACTIONS
            if one.handed:
                self._to_hand.append(txid)
        return False

    def to_hand(self) -> list[bytes]:
        """Return, once, the ids to hand to the leader after a block."""
        found, self._to_hand = self._to_hand, []
        return found

    def entered_view(self) -> None:
        """Another leader has the same chances as the one before."""
        self._returned = False
        self._begin_anew()

    def leader_returned(self) -> None:
        """The leader's link is up again: it may have forgotten all.

        That excuses it once in a view, or who cuts its links censors.
        """
        if not self._returned and any(one.points or one.handed for one
                                      in self._watched.values()):
            self._returned = True
            self._begin_anew()

    def _begin_anew(self) -> None:
        for one in self._watched.values():
            one.points = 0
            one.handed = False
