# SPDX-License-Identifier: Apache-2.0
"""A ledger to test with: blocks are made, certified and committed at once."""

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import transaction
from tacker_ledger.tests import federations
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import keys

START_MS = federations.CREATED_MS + 1_000


def digest_transaction(h, label: str, *, sender: str = 'a tenant',
                       timestamp_ms: int = START_MS,
                       size: int = 32) -> transaction.Transaction:
    """Return a public transaction that follows from its label."""
    pair = keys.curve(federations.PROVIDER, f'sender {sender}')
    return authoring.author_public(
        h, pair, vid=1,
        payload=payload.Digest('sha256', vectors.fixed_bytes(label, 32),
                               size, 'text/plain', label),
        timestamp_ms=timestamp_ms, nonce=vectors.fixed_bytes(label, 16),
        compression=0)


def federation_transaction(h, made: federations.Made, label: str = 'epoch'
                           ) -> transaction.Transaction:
    """Return a transaction that publishes a federation document."""
    pair = keys.curve(federations.PROVIDER, 'sender of documents')
    return authoring.author_public(
        h, pair, vid=1,
        payload=payload.FederationDocument(made.signed.to_bytes()),
        timestamp_ms=START_MS, nonce=vectors.fixed_bytes(label, 16))


def certify(h, sites: Sequence[federations.Site], members: Iterable[int],
            height: int, digest: bytes, view: int = 0) -> bytes:
    """Return the certificate that these members' commits make."""
    message = messages.vote_message(h, messages.Commit.KIND, height, view,
                                    digest)
    return certificate.Certificate.of(
        view, ((index, sites[index].sign_vote(message))
               for index in members)).to_bytes()


class ListPool:
    """Candidates in a list."""

    def __init__(self):
        self.waiting: list[transaction.Transaction] = []
        self.checked: dict[bytes, transaction.Transaction] = {}
        self.refused: list[tuple] = []

    def candidates(self, max_count, max_bytes):
        """See ``application.Pool``."""
        return list(self.waiting)

    def known(self, raw):
        """See ``application.Pool``."""
        return self.checked.get(raw)

    def rejected(self, transaction, error):
        """See ``application.Pool``."""
        self.refused.append((transaction, error))


@dataclasses.dataclass(frozen=True)
class Committed:
    """A block on the chain."""

    block: block_module.Block
    certificate: bytes
    outcome: application.Outcome

    @property
    def pair(self) -> tuple[bytes, bytes]:
        """Its head pair."""
        return self.block.header_bytes, self.certificate


class Ledger:
    """A chain in memory, with the application over it.

    :param made: the genesis federation
    """

    def __init__(self, made: federations.Made):
        self.made = made
        self.h = made.h
        self.state = state_map.MemoryState()
        self.tree = state_map.StateMap(self.h, state_map.SparseNodes(),
                                       self.state)
        self.pool = ListPool()
        self.application = application.Application(
            self.h, federations.PROVIDER, view=self.state, tree=self.tree,
            federation=made.federation,
            head=application.Head.genesis(self.h, made.federation),
            pool=self.pool)
        self.blocks: list[Committed] = []
        self._sites = made.sites

    def propose(self, transactions: Sequence = (), *,
                time_ms: int | None = None, proposer: int = 0
                ) -> application.Outcome:
        """Return a block that may follow, not committed."""
        self.pool.waiting = list(transactions)
        if time_ms is None:
            time_ms = START_MS + 1_000 * self.application.head.height
        outcome = self.application.propose(time_ms, proposer,
                                           allow_empty=True)
        self.pool.waiting = []
        assert len(outcome.transactions) == len(transactions), (
            self.pool.refused)
        return outcome

    def commit(self, transactions: Sequence = (), *,
               next_made: federations.Made | None = None, view: int = 0,
               **fields) -> Committed:
        """Commit a block that holds these transactions.

        :param next_made: the federation that one of them puts in force
        """
        return self.accept(self.propose(transactions, **fields), view,
                           next_made)

    def accept(self, outcome: application.Outcome, view: int = 0,
               next_made: federations.Made | None = None) -> Committed:
        """Commit a proposed block."""
        federation = self.application.federation
        header = outcome.block.header
        proof = certify(self.h, self._sites, range(federation.quorum),
                        header.height, outcome.block.digest, view)
        self.state.update(outcome.changes.changes)
        self.application.committed(outcome, proof)
        self.blocks.append(Committed(outcome.block, proof, outcome))
        if next_made is not None:
            self._sites = next_made.sites
        return self.blocks[-1]

    def prove(self, key: bytes) -> tuple[bytes | None, bytes]:
        """Return the value of a state key, and its proof."""
        return self.state.get(key), self.tree.prove(key).to_bytes()
