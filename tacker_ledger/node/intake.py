# SPDX-License-Identifier: Apache-2.0
"""From a submission to the pool, and from the pool to the leader.

A submission passes S0's checks (format, signature, no conflict) and
admission; what another member forwards passes the same without admission.
The work is done in small portions, so that votes are not kept waiting.
"""

import asyncio
import collections
from collections.abc import Callable
from collections.abc import Sequence
import math
import time
from typing import Protocol

from oslo_log import log as logging

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import request_timers
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import state as state_module
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core.ledger import validation
from tacker_ledger.core import limits
from tacker_ledger.node import admission as admission_module
from tacker_ledger.node import pool as pool_module
from tacker_ledger.node import submit as submit_module

LOG = logging.getLogger(__name__)

#: Submissions looked at in one turn of the loop.
_PORTION = 8
#: What waits to be looked at from one member.
_BACKLOG_MAX_BYTES = 32 * 1024 * 1024
_BACKLOG_MAX_COUNT = 20_000
#: One frame of forwarded transactions.
_FORWARD_MAX_BYTES = 2 * 1024 * 1024
_SWEEP_SECONDS = 0.25
_DOUBLINGS_MAX_COUNT = 7
#: While blocks are half full or more, waiting is no sign of censorship:
#: fewer are told to all, and later.  (Who censors can fill blocks, too.)
_BUSY_PATIENCE = 8
_BUSY_PORTION = 16
#: How long a transaction may wait for a block.
_AGE_MAX_SECONDS = 600.0


class Host(Protocol):
    """What the intake asks of the node."""

    @property
    def member(self) -> int:
        """Own index in the federation in force; negative for none."""

    def now_ms(self) -> int:
        """Return the wall clock, milliseconds since the Unix epoch."""

    def refusal(self) -> errors.LedgerError | None:
        """Return why no submission can be taken at present, if so."""

    def leader(self) -> int | None:
        """Return who proposes at present."""

    def send(self, message: messages.Message, to: int | None) -> None:
        """Send a message to a member, or to all others."""

    def peers_up(self) -> list[int]:
        """Return the members whose link is up."""

    def request_expired(self, txid: bytes) -> None:
        """The leader passes over a transaction that all were told of."""


class Journal(Protocol):
    """Where accepted transactions outlive the process."""

    def load(self) -> list[bytes]:
        """Return the submissions that were there at the start."""

    def append(self, submissions: Sequence[bytes]) -> None:
        """Write submissions down.

        :raises StorageFailed: they are not
        """

    def forget(self, waiting: Callable[[], Sequence[bytes]],
               anything: bool) -> None:
        """Let go of what waits no more, if that is worthwhile."""


class _Backlog:
    """What one member has forwarded and nobody has looked at yet."""

    __slots__ = ('items', 'size')

    def __init__(self) -> None:
        #: (submission, whether a block should have held it by now)
        self.items: collections.deque[tuple[bytes, bool]] = (
            collections.deque())
        self.size = 0


class Intake:
    """The way into the pool.

    :param view: the committed state
    :param application: for the head and the federation in force
    :param journal: where accepted transactions outlive the process
    :param forward_after_seconds: after how long a transaction in no block
        is sent to all members
    """

    def __init__(self, host: Host, provider: provider_module.Provider,
                 application: application_module.LedgerApplication,
                 view: state_module.StateView, pool: pool_module.Pool,
                 admission: admission_module.Admission,
                 known: Callable[[bytes], bool], journal: Journal,
                 forward_after_seconds: float) -> None:
        self._host = host
        self._provider = provider
        self._application = application
        self._view = view
        self._pool = pool
        self._admission = admission
        self._known = known
        self._journal = journal
        self._forward_after_seconds = forward_after_seconds
        self._backlogs: dict[int, _Backlog] = {}
        self._backlog_wake = asyncio.Event()
        self._outgoing: list[pool_module.Entry] = []
        self._flush_posted = False
        self._tasks: list[asyncio.Task[None]] = []
        #: When a block was committed that was half full, or more.
        self._busy_block_at = -math.inf
        self._block_at = -math.inf
        #: How long that took after the block before, seconds.
        self._pace = 0.0
        self._passed_over = request_timers.RequestTimers(self._could_follow)
        self.dropped = 0

    @property
    def _h(self) -> hashing.Hasher:
        return self._application.h

    def start(self) -> None:
        """Look at what members forward, and forward again what waits.

        What an earlier process of this member accepted comes first.
        """
        for raw in self._journal.load():
            self._accept(self._host.member, raw, False)
        self._tasks = [asyncio.create_task(self._work()),
                       asyncio.create_task(self._sweep())]

    async def stop(self) -> None:
        """End both."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # From a door

    async def submit(self, submissions: Sequence[bytes]
                     ) -> list[submit_module.SubmitResult]:
        """See :meth:`submit_module.NodeFacade.submit`."""
        results = []
        for start in range(0, len(submissions), _PORTION):
            if start:
                await asyncio.sleep(0)
            results += self._submit_portion(
                submissions[start:start + _PORTION])
        return results

    def _submit_portion(self, raws: Sequence[bytes]
                        ) -> list[submit_module.SubmitResult]:
        """Take submissions; what is accepted is written down first."""
        looked_at = [self._submit(raw) for raw in raws]
        accepted = [one for one in looked_at
                    if isinstance(one, pool_module.Entry)]
        try:
            if accepted:
                self._journal.append([one.submission for one in accepted])
        except errors.StorageFailed as error:
            for entry in accepted:
                self._pool.remove(entry.transaction.txid, error)
            return [self._result(one, error) for one in looked_at]
        for entry in accepted:
            self._forward(entry)
        return [self._result(one, None) for one in looked_at]

    @staticmethod
    def _result(one: pool_module.Entry | submit_module.SubmitResult,
                error: errors.LedgerError | None
                ) -> submit_module.SubmitResult:
        if isinstance(one, submit_module.SubmitResult):
            return one
        txid = one.transaction.txid
        return (submit_module.SubmitResult(txid) if error is None
                else submit_module.SubmitResult.refused(txid, error))

    def _submit(self, raw: bytes
                ) -> pool_module.Entry | submit_module.SubmitResult:
        """Look at a submission; a good one is in the pool afterwards."""
        txid = None
        try:
            refusal = self._host.refusal()
            if refusal is not None:
                raise refusal
            submission = transaction_module.Submission.from_bytes(raw)
            transaction = transaction_module.Transaction.from_bytes(
                self._h, submission.transaction)
            txid = transaction.txid
            self._check_new(transaction)
            transaction_module.verify_signature(self._provider, self._h,
                                                transaction)
            self._check_conflicts(transaction)
            now = time.monotonic()
            self._admission.admit(submission, transaction, now)
            entry = pool_module.Entry(transaction, raw, self._host.member,
                                      now)
            self._pool.add(entry)
        except errors.LedgerError as error:
            return submit_module.SubmitResult.refused(txid, error)
        return entry

    def _check_new(self, transaction: transaction_module.Transaction
                   ) -> None:
        """Raise Duplicate for what is known, at the price of a look-up."""
        if transaction.txid in self._pool:
            raise errors.Duplicate('The transaction waits for a block '
                                   'already.', txid=transaction.txid.hex())
        if self._known(transaction.txid):
            raise errors.Duplicate('The ledger has this transaction '
                                   'already.', txid=transaction.txid.hex())

    def _check_against(self, transaction: transaction_module.Transaction
                       ) -> None:
        tracker = federation_module.FederationTracker(
            self._h, self._provider, self._application.federation)
        validation.check_against(
            self._h, self._view, transaction, now_ms=self._host.now_ms(),
            head_time_ms=self._application.head.time_ms, federation=tracker)

    def _check_conflicts(self, transaction: transaction_module.Transaction
                         ) -> None:
        try:
            self._check_against(transaction)
        except (errors.VidConflict, errors.CidNotCertified):
            if not self._pool.follows_waiting(transaction):
                raise

    # To the leader

    def _forward(self, entry: pool_module.Entry) -> None:
        self._outgoing.append(entry)
        if not self._flush_posted:
            # what comes in one turn of the loop shares a frame
            self._flush_posted = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_posted = False
        entries, self._outgoing = self._outgoing, []
        leader = self._host.leader()
        now = time.monotonic()
        if leader == self._host.member:
            return
        if leader is None or leader not in self._host.peers_up():
            # Whoever leads next should know of them.
            self._tell_all(entries, now)
            return
        for entry in entries:
            entry.forwarded = now
        self._send(entries, leader, urgent=False)

    def _send(self, entries: Sequence[pool_module.Entry], to: int | None,
              urgent: bool) -> None:
        batch: list[bytes] = []
        size = 0
        for entry in entries:
            if batch and (size + entry.size > _FORWARD_MAX_BYTES
                          or len(batch) >= limits.BLOCK_MAX_TRANSACTIONS):
                self._host.send(messages.Transactions(urgent, tuple(batch)),
                                to)
                batch, size = [], 0
            batch.append(entry.submission)
            size += entry.size
        if batch:
            self._host.send(messages.Transactions(urgent, tuple(batch)), to)

    async def _sweep(self) -> None:
        """Send to all what the leader has not put into a block."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = time.monotonic()
            self._pool.expire(now - _AGE_MAX_SECONDS)
            if self._host.leader() == self._host.member:
                continue
            busy = now - self._busy_block_at < self._busy_seconds()
            patience = _BUSY_PATIENCE if busy else 1
            due = [entry for entry in self._pool.of_member(self._host.member)
                   if now - entry.forwarded >= patience * self._pause(entry)]
            self._tell_all(due[:_BUSY_PORTION if busy else
                               limits.BLOCK_MAX_TRANSACTIONS], now)

    def _busy_seconds(self) -> float:
        """Return for how long a busy block explains what still waits.

        Two blocks' time and what is granted anyway, within the patience:
        where blocks come slowly, telling all would only make them slower.
        """
        granted = self._forward_after_seconds
        return min(granted + 2 * self._pace, _BUSY_PATIENCE * granted)

    def _tell_all(self, entries: Sequence[pool_module.Entry],
                  now: float) -> None:
        """Let all members see whether the leader takes these."""
        for entry in entries:
            entry.forwarded = now
            entry.attempts += 1
            self._watch(entry.transaction)
        if entries:
            self._send(entries, None, urgent=True)

    def _watch(self, transaction: transaction_module.Transaction) -> None:
        self._passed_over.told(transaction.txid, transaction.sender_id)

    def _could_follow(self, txid: bytes) -> bool | None:
        """Return whether a transaction could be in the next block."""
        entry = self._pool.get(txid)
        if entry is None:
            return None
        try:
            self._check_against(entry.transaction)
        except errors.LedgerError:
            return False
        return True

    def _pause(self, entry: pool_module.Entry) -> float:
        return self._forward_after_seconds * 2 ** min(
            entry.attempts, _DOUBLINGS_MAX_COUNT)

    def block_committed(self, transactions: Sequence[
            transaction_module.Transaction], full: bool) -> None:
        """A block was committed, and the pool knows it.

        :param full: whether it had no room for more
        """
        now = time.monotonic()
        self._pace, self._block_at = now - self._block_at, now
        if full or 2 * len(transactions) >= (
                self._application.federation.parameters
                .batch_max_transactions):
            self._busy_block_at = now
        self._journal.forget(lambda: [
            entry.submission
            for entry in self._pool.of_member(self._host.member)],
            self._pool.holds_of(self._host.member))
        # Where pools are crowded, ours or by its block the leader's, there
        # may have been no room in the leader's.
        crowded = (self._pool.take_crowded()
                   or 2 * len(transactions) >= self._pool.max_transactions)
        expired = self._passed_over.block(
            [(one.txid, one.sender_id) for one in transactions],
            full or crowded)
        self._hand_over(self._passed_over.to_hand())
        if expired is not None:
            self._tell_again(expired)
            self._host.request_expired(expired)

    def _hand_over(self, txids: Sequence[bytes]) -> None:
        """Let the leader have what it passed over, before that counts."""
        leader = self._host.leader()
        if leader is not None and leader != self._host.member:
            self._send([entry for entry in map(self._pool.get, txids)
                        if entry is not None], leader, urgent=False)

    def _tell_again(self, *first: bytes) -> None:
        """Let all have what blames the leader, and what waits beside it.

        Full pools refuse what they are told and let go of what they hold: a
        transaction may wait here alone, and no leader could ever take it.
        """
        waiting = self._pool.candidates(limits.BLOCK_MAX_TRANSACTIONS,
                                        _FORWARD_MAX_BYTES)
        txids = dict.fromkeys((*first, *(one.txid for one in waiting)))
        self._send([entry for entry in map(self._pool.get, txids)
                    if entry is not None], None, urgent=True)

    def view_left(self) -> None:
        """We ask for another leader: let the others see why."""
        self._tell_again()

    def view_changed(self) -> None:
        """Another member leads: it is told what waits here."""
        self._passed_over.entered_view()
        leader = self._host.leader()
        if leader is not None and leader != self._host.member:
            self.resend(leader)

    def lost(self, member: int) -> None:
        """A member's link is down: if it leads, tell the others at once."""
        if member == self._host.leader():
            self._tell_all(self._pool.of_member(self._host.member)[
                :limits.BLOCK_MAX_TRANSACTIONS], time.monotonic())

    def resend(self, member: int) -> None:
        """Hand everything accepted here to a member which has come up."""
        if member == self._host.leader():
            self._passed_over.leader_returned()
            self._send(self._pool.of_member(self._host.member), member,
                       urgent=False)

    # From other members

    def received(self, member: int, message: messages.Transactions) -> None:
        """A member forwards transactions: looked at in turn, bounded."""
        backlog = self._backlogs.setdefault(member, _Backlog())
        for raw in message.submissions:
            if (backlog.size + len(raw) > _BACKLOG_MAX_BYTES
                    or len(backlog.items) >= _BACKLOG_MAX_COUNT):
                self.dropped += 1
                continue
            backlog.items.append((raw, message.urgent))
            backlog.size += len(raw)
        self._backlog_wake.set()

    async def _work(self) -> None:
        while True:
            await self._backlog_wake.wait()
            self._backlog_wake.clear()
            while any(backlog.items for backlog in self._backlogs.values()):
                for member, backlog in list(self._backlogs.items()):
                    for _ in range(min(_PORTION, len(backlog.items))):
                        raw, urgent = backlog.items.popleft()
                        backlog.size -= len(raw)
                        self._accept(member, raw, urgent)
                    await asyncio.sleep(0)

    def _accept(self, member: int, raw: bytes, urgent: bool) -> None:
        try:
            submission = transaction_module.Submission.from_bytes(raw)
            known = self._pool.known(submission.transaction)
            if known is not None:
                if urgent:
                    self._watch(known)
                return
            transaction = transaction_module.Transaction.from_bytes(
                self._h, submission.transaction)
            self._check_new(transaction)
            transaction_module.verify_signature(self._provider, self._h,
                                                transaction)
            self._check_conflicts(transaction)
            self._pool.add(pool_module.Entry(transaction, raw, member,
                                             time.monotonic()))
            if urgent:
                self._watch(transaction)
        except errors.LedgerError as error:
            LOG.debug('Member %s forwarded what is refused here: %s: %s',
                      member, error.code, error.message)
