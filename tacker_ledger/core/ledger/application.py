# SPDX-License-Identifier: Apache-2.0
"""The ledger as the engines see it: propose a block, judge one, move on.

An engine decides *which* block follows; this decides *what* a block does.
Nothing here is stored: the result of judging a block, :class:`Outcome`, says
all that changes, and after the caller has made that durable it calls
:meth:`Application.committed`.  Nothing is computed twice for one block.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
from typing import Protocol

from tacker_ledger.core.crypto.providers import base
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import state
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import transaction
from tacker_ledger.core import limits

#: What a block needs beside its transactions, and beside each of them.
_HEADER_ROOM_BYTES = limits.HEADER_MAX_BYTES + 16
_HEAD_BYTES = 5
#: How often a proposer asks for more where all candidates were refused.
_SELECTIONS_MAX_COUNT = 16


@dataclasses.dataclass(frozen=True, slots=True)
class Head:
    """The newest committed block.

    :param digest: of the header, 32 bytes
    :param header: encoded
    :param certificate: encoded; empty at genesis
    """

    height: int
    digest: bytes
    time_ms: int
    header: bytes
    certificate: bytes

    @classmethod
    def of(cls, certified: certificate_module.Certified) -> 'Head':
        """Return a certified head as the head of an application."""
        return cls(certified.height, certified.header_digest,
                   certified.time_ms, certified.header,
                   certified.certificate)

    @classmethod
    def genesis(cls, h: hashing.Hasher,
                federation: federation_module.Federation) -> 'Head':
        """Return the genesis block of a federation's chain as a head."""
        return cls.of(certificate_module.genesis(h, federation))


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """A judged block and everything that it changes.

    :param block: the block
    :param transactions: its transactions, parsed, in order
    :param changes: state values, history entries, a federation document
    :param overlay: what changes in the authenticated map
    :param federation: in force from the next height on, if the block
        brings a new one
    """

    block: block_module.Block
    transactions: tuple[transaction.Transaction, ...]
    changes: state.BlockChanges
    overlay: state_map.Overlay
    federation: federation_module.Federation | None


class Pool(Protocol):
    """Where transactions wait; the node's, or a test's."""

    def candidates(self, max_count: int, max_bytes: int
                   ) -> Sequence[transaction.Transaction]:
        """Return transactions to propose, in order, all well signed.

        :param max_bytes: bound on the sum of their encoded sizes
        """

    def known(self, raw: bytes) -> transaction.Transaction | None:
        """Return the transaction with these bytes, None if it is not here.

        Its form, hash and signature have been checked already.
        """

    def rejected(self, transaction: transaction.Transaction,
                 error: errors.LedgerError) -> None:
        """Learn that a candidate conflicts with the committed state.

        Called while a block is proposed; it should not be a candidate
        again.
        """


class LedgerApplication(Protocol):
    """What an engine needs of the ledger; :class:`Application` is it."""

    @property
    def h(self) -> hashing.Hasher:
        """Of the chain."""

    @property
    def head(self) -> Head:
        """The newest committed block."""

    @property
    def federation(self) -> federation_module.Federation:
        """In force for the block after the head."""

    def read_block(self, raw: bytes) -> block_module.Block:
        """Return the block that ``raw`` encodes, not judged yet.

        :raises LedgerError: see ``Block.from_bytes``
        """

    def propose(self, now_ms: int, proposer: int, *, allow_empty: bool
                ) -> Outcome | None:
        """Return a block to follow the head, None if there is nothing.

        :param now_ms: wall clock; the block's time is never before it and
            always after the head's
        :param proposer: index of the proposing member
        :param allow_empty: a heartbeat: return a block in any case
        """

    def validate(self, block: block_module.Block) -> Outcome:
        """Return what a block that is to follow the head changes.

        Judges by the block and the committed state alone, so every member
        finds the same; clocks are the engine's business.

        :raises BadBlock: it does not follow the head or breaks a rule of
            blocks
        :raises LedgerError: a transaction in it is not valid; the
            details hold its ``index``
        """

    def committed(self, outcome: Outcome, certificate: bytes) -> None:
        """Move on: the outcome is durable and certified."""


class Application:
    """The ledger's own :class:`LedgerApplication`.

    :param h: of the chain
    :param provider: verifies signatures of transactions and documents
    :param view: the committed state; it shows a block's changes when
        :meth:`committed` is called
    :param tree: the authenticated map over the same state
    :param federation: in force for the block after ``head``
    :param head: the newest committed block
    :param pool: where candidates come from
    """

    def __init__(self, h: hashing.Hasher, provider: base.Provider, *,
                 view: state.StateView, tree: state_map.StateMap,
                 federation: federation_module.Federation, head: Head,
                 pool: Pool) -> None:
        self._h = h
        self._provider = provider
        self._view = view
        self._tree = tree
        self._tracker = federation_module.FederationTracker(
            h, provider, federation)
        self._head = head
        self._pool = pool

    @property
    def h(self) -> hashing.Hasher:
        """Of the chain."""
        return self._h

    @property
    def head(self) -> Head:
        """The newest committed block."""
        return self._head

    @property
    def federation(self) -> federation_module.Federation:
        """In force for the block after the head."""
        return self._tracker.current

    def read_block(self, raw: bytes) -> block_module.Block:
        """See :class:`LedgerApplication`."""
        return block_module.Block.from_bytes(self._h, raw)

    def propose(self, now_ms: int, proposer: int, *, allow_empty: bool
                ) -> Outcome | None:
        """See :class:`LedgerApplication`."""
        parameters = self.federation.parameters
        time_ms = max(now_ms, self._head.time_ms + 1)
        max_bytes = (parameters.block_max_bytes - _HEADER_ROOM_BYTES
                     - _HEAD_BYTES * parameters.batch_max_transactions)
        for _ in range(_SELECTIONS_MAX_COUNT):
            selection = state.select(
                self._h, self._view, time_ms, self._pool.candidates(
                    parameters.batch_max_transactions, max_bytes),
                self._tracker, max_count=parameters.batch_max_transactions,
                max_bytes=max_bytes, rules=self._rules())
            for candidate, error in selection.rejected:
                self._pool.rejected(candidate, error)
            # Behind those that were all refused good ones may wait.
            if selection.accepted or not selection.rejected:
                break
        if not selection.accepted and not allow_empty:
            return None
        overlay = self._tree.overlay(selection.outcome.changes)
        raws = tuple(one.raw for one in selection.accepted)
        tree = block_module.transactions_tree(self._h, raws)
        assert self._h.chain_id is not None
        header = block_module.Header(
            chain_id=self._h.chain_id, height=self._head.height + 1,
            parent=self._head.digest,
            transactions_root=block_module.root_of(tree),
            state_root=overlay.root, timestamp_ms=time_ms,
            proposer=proposer, federation=self.federation.digest)
        return self._outcome(
            block_module.Block.assembled(self._h, header, raws, tree),
            selection.accepted, selection.outcome, overlay)

    def validate(self, block: block_module.Block) -> Outcome:
        """See :class:`LedgerApplication`."""
        self._check_header(block)
        transactions = tuple(self._transactions(block))
        changes = state.apply_block(
            self._h, self._view, block.header.timestamp_ms, transactions,
            self._tracker, rules=self._rules())
        overlay = self._tree.overlay(changes.changes)
        if overlay.root != block.header.state_root:
            raise errors.BadBlock('the header names another state',
                                  height=block.header.height)
        return self._outcome(block, transactions, changes, overlay)

    def committed(self, outcome: Outcome, certificate: bytes) -> None:
        """See :class:`LedgerApplication`."""
        block = outcome.block
        assert block.header.height == self._head.height + 1
        self._tree.commit(outcome.overlay)
        self._head = Head(block.header.height, block.digest,
                          block.header.timestamp_ms, block.header_bytes,
                          certificate)
        if outcome.federation is not None:
            self._tracker.current = outcome.federation

    def start_from(self, head: Head,
                   federation: federation_module.Federation) -> None:
        """Move to a state that did not come block by block.

        :param head: whose state ``view`` and ``tree`` show from now on
        :param federation: in force for the block after it
        """
        assert head.height > self._head.height
        self._head = head
        self._tracker.current = federation

    def _rules(self) -> state.TransactionRules:
        return state.rules_for(
            self.federation.rules_at(self._head.height + 1))

    def _check_header(self, block: block_module.Block) -> None:
        """Raise BadBlock unless the block may follow the head."""
        header = block.header
        parameters = self.federation.parameters
        checks = (
            (header.chain_id == self._h.chain_id, 'is of another chain'),
            (header.height == self._head.height + 1, 'has another height'),
            (header.parent == self._head.digest, 'follows another block'),
            (header.timestamp_ms > self._head.time_ms,
             'is not after its parent'),
            (header.federation == self.federation.digest,
             'names another federation'),
            (header.proposer < self.federation.size,
             'is proposed by no member'),
            (len(block.raw_transactions)
             <= parameters.batch_max_transactions,
             'has too many transactions'),
            (block.encoded_size <= parameters.block_max_bytes,
             'is too large'))
        for holds, fault in checks:
            if not holds:
                raise errors.BadBlock(f'the block {fault}',
                                      height=header.height)

    def _transactions(self, block: block_module.Block
                      ) -> Iterator[transaction.Transaction]:
        """Yield the transactions, each with a valid signature."""
        for index, raw in enumerate(block.raw_transactions):
            known = self._pool.known(raw)
            if known is None:
                try:
                    known = transaction.Transaction.from_bytes(self._h, raw)
                    transaction.verify_signature(self._provider, self._h,
                                                 known)
                except errors.LedgerError as exc:
                    exc.details['index'] = index
                    raise
            yield known

    def _outcome(self, block: block_module.Block,
                 transactions: tuple[transaction.Transaction, ...],
                 changes: state.BlockChanges, overlay: state_map.Overlay
                 ) -> Outcome:
        federation = changes.federation_document
        assert federation is None or isinstance(
            federation, federation_module.Federation)
        return Outcome(block, transactions, changes, overlay, federation)
