# SPDX-License-Identifier: Apache-2.0
"""A long chain: what a transaction costs as it grows, and how a node starts.

The chain is made by the code of a node (pool, state, map, store, index) in
this process, signed by the node's own vote key, so a real node can start on
it.  Transactions are Ed25519-signed public configurations, because a
million RSA signatures would take an hour; they are not verified again while
the chain is made, and no start verifies transactions.  Each founds a CID of
its own: the state grows by one key with every transaction.
"""

from collections.abc import Iterator
import dataclasses
import os
import time

from tacker_ledger.bench import cluster as cluster_module
from tacker_ledger.bench import load as load_module
from tacker_ledger.bench import meter
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core import limits
from tacker_ledger.node import assembly
from tacker_ledger.node import indexing
from tacker_ledger.node import query
from tacker_ledger.storage import index as index_module
from tacker_ledger.storage import store as store_module

#: Signed and added at a time.
_PORTION = 20_000
#: Over how many transactions the cost at a length is measured.
_WINDOW = 10_000


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What a transaction cost at some length of the chain.

    :param transactions: the length
    :param cpu_seconds: of one transaction: judged, put into the state and
        its map, stored
    :param index_cpu_seconds: of the same, added to the index
    """

    transactions: int
    cpu_seconds: float
    index_cpu_seconds: float


@dataclasses.dataclass(frozen=True, slots=True)
class Startup:
    """A node started on a chain.

    :param transactions: in the chain
    :param seconds: from starting the process to an answer that it serves
    :param cpu_seconds: that it spent for it
    :param memory: of the process then
    :param unclean_seconds: the same after SIGKILL: the map is made again
    :param unclean_memory: of that process
    :param chain_bytes: of the node's directory
    :param costs: ascending by length
    """

    transactions: int
    seconds: float
    cpu_seconds: float
    memory: meter.Memory
    unclean_seconds: float
    unclean_memory: meter.Memory
    chain_bytes: int
    costs: tuple[Cost, ...]


class _Feed:
    """Hands out transactions that were checked when they were made."""

    def __init__(self) -> None:
        self.waiting: list[transaction_module.Transaction] = []

    def candidates(self, max_count: int, max_bytes: int
                   ) -> list[transaction_module.Transaction]:
        return self.waiting[:max_count]

    def known(self, raw: bytes) -> transaction_module.Transaction | None:
        return None

    def rejected(self, transaction: transaction_module.Transaction,
                 error: errors.LedgerError) -> None:
        raise error


class _Chain:
    """A chain that grows in a node's directory while the node is down."""

    def __init__(self, cluster: cluster_module.Cluster) -> None:
        self._h = cluster.h
        home = cluster.home(0)
        signed = (cluster.directory / 'federation.cbor').read_bytes()
        self._seed = (home / 'vote.key').read_bytes()
        self._store = store_module.LedgerStore(
            home / 'data', cluster.genesis, signed, sync=False)
        self._feed = _Feed()
        self._application = assembly.application(
            self._store, providers.default(), self._feed)
        self._index = index_module.Index(
            f'sqlite:///{home / "data" / indexing.FILE}')
        self._reader = query.Query(self._store.env, self._store.nodes,
                                   self._index)
        self._indexer = indexing.make_indexer(self._index, self._reader)
        self.cpu_seconds = 0.0
        self.index_cpu_seconds = 0.0

    def add(self, transactions: list[transaction_module.Transaction]
            ) -> None:
        """Append transactions in full blocks."""
        with self._index.keeping():
            for at in range(0, len(transactions),
                            limits.BLOCK_MAX_TRANSACTIONS):
                self._feed.waiting = transactions[
                    at:at + limits.BLOCK_MAX_TRANSACTIONS]
                self._append()

    def _append(self) -> None:
        began = time.process_time()
        outcome = self._application.propose(
            time.time_ns() // 1_000_000, 0, allow_empty=False)
        assert outcome is not None
        header = outcome.block.header
        vote = messages.vote_message(
            self._h, messages.Commit.KIND, header.height, 0,
            outcome.block.digest)
        certificate = certificate_module.Certificate.of(0, [(
            0, providers.default().sign_raw_ed25519(self._seed, vote))]
            ).to_bytes()
        self._store.append([(outcome, certificate)]).result()
        self._application.committed(outcome, certificate)
        stored = time.process_time()
        indexing.offer(self._indexer, outcome)
        self._indexer.catch_up()
        indexed = time.process_time()
        self.cpu_seconds += stored - began
        self.index_cpu_seconds += indexed - stored

    def close(self) -> None:
        """Close everything, durably."""
        self._index.close()
        self._store.close()


def _portions(chain_id: bytes, count: int, size: int
              ) -> Iterator[list[transaction_module.Transaction]]:
    h = hashing.hasher(chain_id)
    recipe = load_module.Recipe(chain_id, size, sealed=False,
                                suite='ed25519')
    made = 0
    while made < count:
        load = load_module.make(recipe, min(_PORTION, count - made))
        made += len(load.transactions)
        yield [transaction_module.Transaction.from_bytes(
            h, transaction_module.Submission.from_bytes(one.submission)
            .transaction) for one in load.transactions]


def build(cluster: cluster_module.Cluster, count: int, size: int
          ) -> tuple[Cost, ...]:
    """Give a node that is down a chain; return what it cost by length.

    Measured over the last :data:`_WINDOW` before each power of ten.
    """
    assert cluster.h.chain_id is not None
    chain = _Chain(cluster)
    costs = []
    made = 0
    try:
        for portion in _portions(cluster.h.chain_id, count, size):
            while portion:
                mark = _next_mark(made, count)
                begins = max(made, mark - min(_WINDOW, mark // 2))
                until = begins if made < begins else mark
                some = portion[:until - made]
                before = chain.cpu_seconds, chain.index_cpu_seconds
                chain.add(some)
                made += len(some)
                portion = portion[len(some):]
                if made == mark and some:
                    costs.append(Cost(
                        mark, (chain.cpu_seconds - before[0]) / len(some),
                        (chain.index_cpu_seconds - before[1]) / len(some)))
    finally:
        chain.close()
    return tuple(costs)


def _next_mark(made: int, count: int) -> int:
    """Return the next length at which the cost is wanted."""
    mark = 1000
    while mark <= made:
        mark *= 10
    return min(mark, count)


def measure(count: int, size: int) -> Startup:
    """Start a node on a chain of ``count`` transactions, and again.

    :raises LedgerError: it does not start
    """
    with cluster_module.Cluster(1, heartbeat_seconds=60.0, start=False
                                ) as cluster:
        costs = build(cluster, count, size)
        seconds, cpu_seconds, memory = _start(cluster)
        cluster.kill()
        unclean_seconds, _, unclean_memory = _start(cluster)
        return Startup(count, seconds, cpu_seconds, memory, unclean_seconds,
                       unclean_memory, _size(cluster), costs)


def _start(cluster: cluster_module.Cluster
           ) -> tuple[float, float, meter.Memory]:
    began = time.monotonic()
    cluster.start()
    seconds = time.monotonic() - began
    (pid,) = cluster.pids()
    return seconds, meter.cpu_seconds(pid), meter.memory(pid)


def _size(cluster: cluster_module.Cluster) -> int:
    """Return the bytes on disk of the node's data."""
    return sum(os.stat(path).st_blocks * 512 for path in
               (cluster.home(0) / 'data').rglob('*') if path.is_file())
