# SPDX-License-Identifier: Apache-2.0
"""Transactions which wait for a block: bounded, fair when it is full.

Entries keep the order of arrival.  While there is room nobody is limited;
when there is none, the newest entries of whoever holds most give way to a
newcomer who holds less: first among members (whoever handed the
transaction in), then among senders.  So a member or a sender that floods
fills the pool only until somebody else wants a place in it.

What a block makes impossible leaves the pool with its reason, which is
remembered for a while so that the sender can be told.
"""

import collections
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
import dataclasses

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import transaction as transaction_module

_FATES_MAX_COUNT = 50_000

#: (cid, vid, type): at most one transaction waits for each.
_Slot = tuple[bytes, int, int]


@dataclasses.dataclass(slots=True, eq=False)
class Entry:
    """One waiting transaction.

    :param transaction: format, hash and signature are good
    :param submission: as it came, to be handed on
    :param member: who accepted it from its sender: this member, or the one
        that forwarded it
    :param since: monotonic seconds
    :param forwarded: monotonic seconds when it was last sent on
    :param attempts: how often it was sent to all members
    """

    transaction: transaction_module.Transaction
    submission: bytes
    member: int
    since: float
    forwarded: float = 0.0
    attempts: int = 0

    @property
    def size(self) -> int:
        """Bytes it counts for."""
        return len(self.submission)

    @property
    def slot(self) -> _Slot:
        """What only one waiting transaction may claim."""
        return _slot(self.transaction)


def _type(content: transaction_module.Content) -> int:
    if isinstance(content, transaction_module.Request):
        return transaction_module.TYPE_REQUEST
    return transaction_module.TYPE_CONFIGURATION


def _slot(transaction: transaction_module.Transaction) -> _Slot:
    content = transaction.content
    return (content.cid, content.vid, _type(content))


@dataclasses.dataclass(slots=True)
class _Share:
    """What one member holds, by sender."""

    size: int = 0
    senders: dict[bytes, list[Entry]] = dataclasses.field(
        default_factory=dict)
    sizes: collections.Counter[bytes] = dataclasses.field(
        default_factory=collections.Counter)


class Pool:
    """The waiting transactions of one node.

    :param max_transactions: bound on their number
    :param max_bytes: bound on their bytes
    :param changed: called when a transaction has come in
    """

    def __init__(self, max_transactions: int, max_bytes: int,
                 changed: Callable[[], None] = lambda: None) -> None:
        self.max_transactions = max_transactions
        self.max_bytes = max_bytes
        self.bytes = 0
        self._crowded = False
        self._changed = changed
        self._entries: dict[bytes, Entry] = {}
        self._by_raw: dict[bytes, Entry] = {}
        self._slots: dict[_Slot, bytes] = {}
        self._by_cid: dict[bytes, set[bytes]] = {}
        self._shares: dict[int, _Share] = {}
        self._fates: collections.OrderedDict[bytes, errors.LedgerError] = (
            collections.OrderedDict())

    def __len__(self) -> int:
        return len(self._entries)

    def take_crowded(self) -> bool:
        """Return, once, whether it has been half full, or more."""
        crowded, self._crowded = self._crowded, False
        return crowded

    def __contains__(self, txid: bytes) -> bool:
        return txid in self._entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def get(self, txid: bytes) -> Entry | None:
        """Return a waiting transaction."""
        return self._entries.get(txid)

    def oldest_since(self) -> float | None:
        """Return since when the oldest one waits, monotonic seconds."""
        for entry in self._entries.values():
            return entry.since
        return None

    def follows_waiting(
            self, transaction: transaction_module.Transaction) -> bool:
        """Return whether the version before, by its sender, waits here."""
        content = transaction.content
        for kind in (transaction_module.TYPE_CONFIGURATION,
                     transaction_module.TYPE_REQUEST):
            txid = self._slots.get((content.cid, content.vid - 1, kind))
            if txid is not None and (self._entries[txid].transaction.sender_id
                                     == transaction.sender_id):
                return True
        return False

    def holds_of(self, member: int) -> bool:
        """Return whether anything waits that one member has handed in."""
        return member in self._shares

    def of_member(self, member: int) -> list[Entry]:
        """Return what one member has handed in, by sender."""
        share = self._shares.get(member)
        if share is None:
            return []
        return [entry for entries in share.senders.values()
                for entry in entries]

    def add(self, entry: Entry) -> None:
        """Take a transaction in.

        :raises Duplicate: it waits already
        :raises VidConflict: another one waits for the same version
        :raises Busy: there is no room, and its member and sender hold no
            less than the others
        """
        transaction = entry.transaction
        if transaction.txid in self._entries:
            raise errors.Duplicate('The transaction waits for a block '
                                   'already.', txid=transaction.txid.hex())
        if entry.slot in self._slots:
            raise errors.VidConflict(
                'Another transaction waits for this version.',
                cid=transaction.content.cid.hex(),
                vid=transaction.content.vid)
        self._make_room(entry)
        self._insert(entry)
        if (2 * len(self._entries) >= self.max_transactions
                or 2 * self.bytes >= self.max_bytes):
            self._crowded = True
        self._fates.pop(transaction.txid, None)
        self._changed()

    def _insert(self, entry: Entry) -> None:
        transaction = entry.transaction
        self._entries[transaction.txid] = entry
        self._by_raw[transaction.raw] = entry
        self._slots[entry.slot] = transaction.txid
        siblings = self._by_cid.get(transaction.content.cid)
        if siblings is None:
            siblings = self._by_cid[transaction.content.cid] = set()
        siblings.add(transaction.txid)
        self.bytes += entry.size
        share = self._shares.get(entry.member)
        if share is None:
            share = self._shares[entry.member] = _Share()
        share.size += entry.size
        share.senders.setdefault(transaction.sender_id, []).append(entry)
        share.sizes[transaction.sender_id] += entry.size

    def remove(self, txid: bytes,
               reason: errors.LedgerError | None = None) -> Entry | None:
        """Let a transaction go.

        :param reason: why it can be in no block; None when it is in one
        """
        entry = self._entries.pop(txid, None)
        if entry is None:
            return None
        transaction = entry.transaction
        del self._by_raw[transaction.raw]
        del self._slots[entry.slot]
        siblings = self._by_cid[transaction.content.cid]
        siblings.discard(txid)
        if not siblings:
            del self._by_cid[transaction.content.cid]
        self.bytes -= entry.size
        self._leave_share(entry)
        if reason is not None:
            self._fates[txid] = reason
            if len(self._fates) > _FATES_MAX_COUNT:
                self._fates.popitem(last=False)
        return entry

    def _leave_share(self, entry: Entry) -> None:
        share = self._shares[entry.member]
        sender = entry.transaction.sender_id
        held = share.senders[sender]
        # entries leave in the order they came, almost always
        held.remove(entry)
        share.size -= entry.size
        share.sizes[sender] -= entry.size
        if not held:
            del share.senders[sender]
            del share.sizes[sender]
        if not share.senders:
            del self._shares[entry.member]

    def _make_room(self, entry: Entry) -> None:
        victims: list[Entry] = []
        freed = 0
        while (len(self._entries) - len(victims) >= self.max_transactions
               or self.bytes - freed + entry.size > self.max_bytes):
            victim = self._victim(entry, victims)
            if victim is None:
                raise errors.Busy('The pool is full.',
                                  transactions=len(self._entries),
                                  bytes=self.bytes)
            victims.append(victim)
            freed += victim.size
        for victim in victims:
            self.remove(victim.transaction.txid, errors.Busy(
                'The pool was full and others had less in it.'))

    def _victim(self, entry: Entry, taken: list[Entry]) -> Entry | None:
        """Return the newest entry of the largest holder, if it is fair."""
        gone_members: collections.Counter[int] = collections.Counter()
        gone_senders: collections.Counter[tuple[int, bytes]] = (
            collections.Counter())
        for victim in taken:
            gone_members[victim.member] += victim.size
            gone_senders[victim.member,
                         victim.transaction.sender_id] += victim.size

        def member_size(member: int) -> int:
            share = self._shares.get(member)
            return share.size - gone_members[member] if share else 0

        def sender_size(member: int, sender: bytes) -> int:
            share = self._shares.get(member)
            return (share.sizes[sender] - gone_senders[member, sender]
                    if share else 0)

        if not self._shares:
            return None
        member = max(self._shares, key=member_size)
        own = member_size(entry.member) + entry.size
        if member != entry.member and member_size(member) <= own:
            # nobody holds more than the newcomer's own member
            member = entry.member
        share = self._shares.get(member)
        if share is None:
            return None
        sender = max(share.sizes, key=lambda s: sender_size(member, s))
        if member == entry.member and (
                sender == entry.transaction.sender_id
                or sender_size(member, sender) <= sender_size(
                    member, entry.transaction.sender_id) + entry.size):
            return None
        return next((held for held in reversed(share.senders[sender])
                     if held not in taken), None)

    def committed(self, transactions: Iterable[
            transaction_module.Transaction]) -> None:
        """Let go what a block holds, and what it made impossible."""
        for transaction in transactions:
            self.remove(transaction.txid)
            self._fates.pop(transaction.txid, None)
            taken = _slot(transaction)
            for txid in list(self._by_cid.get(transaction.content.cid, ())):
                other = self._entries[txid]
                if other.slot == taken or (
                        other.slot[2] == taken[2]
                        and other.slot[1] < taken[1]):
                    self.remove(txid, errors.VidConflict(
                        'Another transaction has this version.',
                        cid=transaction.content.cid.hex(), vid=taken[1]))

    def expire(self, before: float) -> int:
        """Let go what waits since before a monotonic time; return count."""
        old = []
        for entry in self._entries.values():
            if entry.since >= before:
                break
            old.append(entry.transaction.txid)
        for txid in old:
            self.remove(txid, errors.Timeout(
                'No block could take the transaction in time.'))
        return len(old)

    def known(self, raw: bytes) -> transaction_module.Transaction | None:
        """Return the waiting transaction with these bytes.

        Its form, hash and signature were checked when it came in.
        """
        entry = self._by_raw.get(raw)
        return None if entry is None else entry.transaction

    def rejected(self, transaction: transaction_module.Transaction,
                 error: errors.LedgerError) -> None:
        """Learn that a candidate conflicts with the committed state.

        It stays if time or an earlier version can still make it valid.
        """
        if isinstance(error, errors.TimestampFuture):
            return
        if (isinstance(error, errors.VidConflict | errors.CidNotCertified)
                and self.follows_waiting(transaction)):
            return
        self.remove(transaction.txid, error)

    def fate(self, txid: bytes) -> errors.LedgerError | None:
        """Return why a transaction left the pool without a block."""
        return self._fates.get(txid)

    def candidates(self, max_count: int,
                   max_bytes: int) -> list[transaction_module.Transaction]:
        """Return what the next block should hold.

        All of it in the order of arrival if it fits.  Otherwise members
        take turns, and senders of a member take turns, each in its own
        order of arrival.
        """
        if len(self._entries) <= max_count and self.bytes <= max_bytes:
            return [entry.transaction for entry in self._entries.values()]
        queues = collections.deque(
            _turns(share) for share in self._shares.values())
        chosen: list[transaction_module.Transaction] = []
        size = 0
        while queues and len(chosen) < max_count:
            queue = queues.popleft()
            entry = next(queue, None)
            if entry is None:
                continue
            queues.append(queue)
            length = len(entry.transaction.raw)
            if size + length > max_bytes:
                # later versions of it must not overtake
                queues.pop()
                continue
            size += length
            chosen.append(entry.transaction)
        return chosen


def _turns(share: _Share) -> Iterator[Entry]:
    """Yield a member's entries, its senders taking turns."""
    queues = collections.deque(
        iter(list(entries)) for entries in share.senders.values())
    while queues:
        queue = queues.popleft()
        entry = next(queue, None)
        if entry is not None:
            queues.append(queue)
            yield entry
