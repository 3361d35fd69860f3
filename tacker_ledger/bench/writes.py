# SPDX-License-Identifier: Apache-2.0
"""S0's Fig. 6c: sustained writes, committed transactions per second.

The load is signed beforehand and handed in by a process of its own in
batches at the doors of all nodes in turn.  Back-pressure: each connection
sends its next batch only when the one before is committed, so what waits
is bounded by the connections and the rate is what the federation sustains.
"""

import asyncio
import dataclasses
import os
import ssl
import time

import cbor2

from tacker_ledger.bench import cluster as cluster_module
from tacker_ledger.bench import load as load_module
from tacker_ledger.bench import meter
from tacker_ledger.bench import player
from tacker_ledger.bench import wire
from tacker_ledger.core import errors

_BODY = 7
_RETRY_SECONDS = 0.05
_COMMIT_SECONDS = 60
_RETRIED = frozenset((429, 503))
#: Connections to each node.
CONNECTIONS = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """What the process that plays the clients has to do.

    :param ca_file: PEM of the federation CA
    :param doors: (host, port) of each connection
    :param batches: batches of (last transaction id, submissions)
    :param seconds: when to stop handing in
    """

    ca_file: str
    doors: tuple[tuple[str, int], ...]
    batches: list[tuple[bytes, tuple[bytes, ...]]]
    seconds: float


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """What the clients saw.

    :param committed: transactions that every connection saw committed
    :param refused: transactions that a door refused for good
    :param wall_seconds: from the first batch to the last commit
    :param cpu_seconds: of the client process
    :param latencies_seconds: of each batch, from sending to committed
    :param exhausted: the load ended before the time did
    """

    committed: int
    refused: int
    wall_seconds: float
    cpu_seconds: float
    latencies_seconds: tuple[float, ...]
    exhausted: bool


class _Clients:
    """The connections of one run."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._batches = iter(job.batches)
        self._ends = 0.0
        self.committed = 0
        self.refused = 0
        self.latencies: list[float] = []
        self.exhausted = False

    async def run(self) -> None:
        tls = ssl.create_default_context(cafile=self._job.ca_file)
        connections = [await wire.Connection(door, tls).open()
                       for door in self._job.doors]
        self._ends = time.monotonic() + self._job.seconds
        try:
            await asyncio.gather(*(self._feed(one) for one in connections))
        finally:
            for one in connections:
                one.close()

    async def _feed(self, connection: wire.Connection) -> None:
        while time.monotonic() < self._ends:
            batch = next(self._batches, None)
            if batch is None:
                self.exhausted = True
                return
            await self._hand_in(connection, *batch)

    async def _hand_in(self, connection: wire.Connection, last: bytes,
                       batch: tuple[bytes, ...]) -> None:
        began = time.monotonic()
        status, answer = await connection.submit(batch)
        while status in _RETRIED:
            await asyncio.sleep(_RETRY_SECONDS)
            status, answer = await connection.submit(batch)
        if status != 202:
            raise errors.LedgerError(f'A door answers {status}: {answer!r}')
        results = cbor2.loads(cbor2.loads(answer)[_BODY])
        refused = sum(code is not None for _txid, code, _text in results)
        # the last of a batch is in the last block that holds one of it
        status, _ = await connection.get(
            f'/v1/transactions/{last.hex()}?wait={_COMMIT_SECONDS}')
        if status != 200:
            raise errors.Timeout('A batch was not committed in time.')
        self.latencies.append(time.monotonic() - began)
        self.committed += len(batch) - refused
        self.refused += refused


def _play(job: Job) -> Done:
    clients = _Clients(job)
    cpu = time.process_time()
    began = time.monotonic()
    player.run_loop(clients.run())
    return Done(clients.committed, clients.refused, time.monotonic() - began,
                time.process_time() - cpu, tuple(clients.latencies),
                clients.exhausted)


@dataclasses.dataclass(frozen=True, slots=True)
class Writes:
    """Sustained writes of one federation.

    :param nodes: members
    :param size: bytes of each configuration
    :param batch: transactions handed in at once
    :param encoded_bytes: of one transaction, mean
    :param committed: transactions
    :param seconds: in which they were
    :param node_cpu_seconds: of each node
    :param client_cpu_seconds: of the process that sent them
    :param signing_cpu_seconds: of one transaction, spent beforehand
    :param latencies_seconds: of each batch until it was committed
    """

    nodes: int
    size: int
    batch: int
    encoded_bytes: float
    committed: int
    refused: int
    seconds: float
    node_cpu_seconds: tuple[float, ...]
    client_cpu_seconds: float
    signing_cpu_seconds: float
    latencies_seconds: tuple[float, ...]

    @property
    def per_second(self) -> float:
        """Committed transactions each second."""
        return self.committed / self.seconds

    @property
    def cpu_seconds_each(self) -> float:
        """Processor time of one node for one transaction, mean."""
        return sum(self.node_cpu_seconds) / self.nodes / self.committed


def measure(cluster: cluster_module.Cluster, load: load_module.Load, *,
            size: int, batch: int, seconds: float,
            connections: int = CONNECTIONS) -> Writes:
    """Hand a load in until it or the time ends; return what came of it.

    :raises LedgerError: it cannot be measured
    """
    signed = load.transactions
    batches = [(some[-1].txid, tuple(one.submission for one in some))
               for some in (signed[at:at + batch]
                            for at in range(0, len(signed), batch))]
    doors = tuple(cluster.door(index % cluster.size)
                  for index in range(connections * cluster.size))
    with meter.watched(cluster.pids()) as span:
        done = player.play(_play, Job(
            cluster.ca_file, doors, batches,
            seconds))
    sent = max(1, done.committed + done.refused)
    return Writes(
        cluster.size, size, batch,
        sum(len(one.submission) for one in signed[:sent]) / len(signed[:sent]),
        done.committed, done.refused, done.wall_seconds, span.cpu_seconds,
        done.cpu_seconds, load.cpu_seconds_each, done.latencies_seconds)


def cores() -> int:
    """Return the processors that this process may use."""
    return len(os.sched_getaffinity(0))
