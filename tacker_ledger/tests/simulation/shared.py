# SPDX-License-Identifier: Apache-2.0
"""What all members of a simulated federation would compute alike.

Judging a block depends on the block and the state below it alone, reading a
transaction on its bytes alone.  So the first member's result serves the
others: the shipped code runs, once instead of n times.  Switch it off to see
that it makes no difference.
"""

from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import transaction


class Memory:
    """Results by what they depend on.

    :param h: of the chain
    :param provider: verifies signatures of transactions
    """

    def __init__(self, h: hashing.Hasher, provider):
        self.h = h
        self._provider = provider
        #: (block digest, head digest) -> outcome, or the error
        self.outcomes: dict[tuple[bytes, bytes], application.Outcome
                            | errors.LedgerError] = {}
        self._transactions: dict[bytes, transaction.Transaction
                                 | errors.LedgerError] = {}
        #: encoded block -> block
        self.blocks: dict[bytes, block_module.Block] = {}

    def know(self, one: transaction.Transaction) -> None:
        """Take a transaction that was made here."""
        self._transactions[one.raw] = one

    def read(self, raw: bytes) -> transaction.Transaction:
        """Return a transaction with a valid signature.

        :raises LedgerError: it is none
        """
        found = self._transactions.get(raw)
        if found is None:
            try:
                found = transaction.Transaction.from_bytes(self.h, raw)
                transaction.verify_signature(self._provider, self.h, found)
            except errors.LedgerError as exc:
                found = exc
            self._transactions[raw] = found
        if isinstance(found, errors.LedgerError):
            raise found.with_traceback(None)
        return found


class Ledger:
    """An ``application.LedgerApplication`` that judges a block once for all.

    :param memory: of the simulation
    :param ledger: the shipped application of one member
    """

    def __init__(self, memory: Memory, ledger: application.Application):
        self._memory = memory
        self._ledger = ledger
        self.h = ledger.h
        self.head = ledger.head
        self.federation = ledger.federation

    def read_block(self, raw: bytes) -> block_module.Block:
        """See ``application.LedgerApplication``."""
        found = self._memory.blocks.get(raw)
        if found is None:
            found = self._ledger.read_block(raw)
            self._memory.blocks[raw] = found
        return found

    def propose(self, now_ms: int, proposer: int, *, allow_empty: bool
                ) -> application.Outcome | None:
        """See ``application.LedgerApplication``."""
        outcome = self._ledger.propose(now_ms, proposer,
                                       allow_empty=allow_empty)
        if outcome is not None:
            self._memory.outcomes[outcome.block.digest,
                                  self.head.digest] = outcome
        return outcome

    def validate(self, block: block_module.Block) -> application.Outcome:
        """See ``application.LedgerApplication``."""
        key = (block.digest, self.head.digest)
        found = self._memory.outcomes.get(key)
        if found is None:
            try:
                found = self._ledger.validate(block)
            except errors.UnavailableError:
                raise
            except errors.LedgerError as exc:
                found = exc
            self._memory.outcomes[key] = found
        if isinstance(found, errors.LedgerError):
            raise found.with_traceback(None)
        return found

    def committed(self, outcome: application.Outcome, certificate: bytes
                  ) -> None:
        """See ``application.LedgerApplication``."""
        self._ledger.committed(outcome, certificate)
        self.head = self._ledger.head
        self.federation = self._ledger.federation

    def start_from(self, head: application.Head,
                   federation: federation_module.Federation) -> None:
        """See ``application.Application``."""
        self._ledger.start_from(head, federation)
        self.head = self._ledger.head
        self.federation = self._ledger.federation
