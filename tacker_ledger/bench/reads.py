# SPDX-License-Identifier: Apache-2.0
"""S0's Fig. 6a and 6b: reads, each proven and signed, over kept-alive TLS.

A process of its own plays the clients: some connections, each asking again
as soon as it has its answer.  What a read costs is the processor time that
the asked node spends for it, by the kernel's accounting: that holds however
many cores the machine has and whoever else uses them.
"""

import asyncio
from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
import itertools
import secrets
import ssl
import time

from tacker_ledger.bench import cluster as cluster_module
from tacker_ledger.bench import meter
from tacker_ledger.bench import player
from tacker_ledger.bench import wire
from tacker_ledger.core import errors

CONNECTIONS = 8
_SETTLE_SECONDS = 0.3
_KEY_BYTES = 32


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """What the process that plays the clients has to do.

    :param ca_file: PEM of the federation CA
    :param doors: (host, port) of each connection
    :param targets: paths to ask for, in turn; empty: the state of a key
        that nobody has, another one each time
    :param polls: see :func:`.player.run_loop`
    """

    ca_file: str
    doors: tuple[tuple[str, int], ...]
    targets: tuple[str, ...]
    seconds: float
    polls: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """What the clients saw."""

    reads: int
    answer_bytes: int
    cpu_seconds: float


def _absent() -> str:
    return f'/v1/state?key={secrets.token_hex(_KEY_BYTES)}'


class _Clients:
    """The connections of one run."""

    def __init__(self, job: Job) -> None:
        self._job = job
        targets = itertools.cycle(job.targets)
        self._next: Callable[[], str] = (
            targets.__next__ if job.targets else _absent)
        self._ends = 0.0
        self.reads = 0
        self.answer_bytes = 0

    async def run(self) -> None:
        tls = ssl.create_default_context(cafile=self._job.ca_file)
        connections = [await wire.Connection(door, tls).open()
                       for door in self._job.doors]
        self._ends = time.monotonic() + self._job.seconds
        try:
            await asyncio.gather(*(self._ask(one) for one in connections))
        finally:
            for one in connections:
                one.close()

    async def _ask(self, connection: wire.Connection) -> None:
        while time.monotonic() < self._ends:
            status, body = await connection.get(self._next())
            if status != 200:
                raise errors.LedgerError(f'A door answers {status}.')
            self.reads += 1
            self.answer_bytes = len(body)


def _play(job: Job) -> Done:
    clients = _Clients(job)
    cpu = time.process_time()
    player.run_loop(clients.run(), polls=job.polls)
    return Done(clients.reads, clients.answer_bytes,
                time.process_time() - cpu)


@dataclasses.dataclass(frozen=True, slots=True)
class Reads:
    """Reads of one kind at one federation.

    :param nodes: members
    :param kind: what was read
    :param size: bytes of the configuration, or of the block read from
    :param reads: how many
    :param seconds: in which they were
    :param node_cpu_seconds: of the asked nodes, all their work meanwhile
    :param idle_cpu_seconds: what the same nodes spend in as much time when
        nobody asks
    :param client_cpu_seconds_each: of the asking process for one read,
        when it does not poll
    :param answer_bytes: of the last answer
    :param asked: how many nodes were asked at a time
    """

    nodes: int
    kind: str
    size: int
    reads: int
    seconds: float
    node_cpu_seconds: float
    idle_cpu_seconds: float
    client_cpu_seconds_each: float
    answer_bytes: int
    asked: int

    @property
    def cpu_seconds_each(self) -> float:
        """Processor time of a node for one read."""
        return self.node_cpu_seconds / self.reads

    @property
    def per_core_second(self) -> float:
        """Reads that one core serves in a second of its time."""
        return self.reads / self.node_cpu_seconds

    @property
    def per_second(self) -> float:
        """Reads each second of the clock, as far as the cores allowed."""
        return self.reads / self.seconds


def measure(cluster: cluster_module.Cluster, targets: Sequence[str], *,
            kind: str, size: int, seconds: float,
            asked: Sequence[int] = (0,),
            connections: int = CONNECTIONS) -> Reads:
    """Read from some nodes for a while.

    :param targets: paths, asked for in turn; see :class:`Job`
    :param asked: indices of the nodes
    """
    pids = [cluster.pids()[index] for index in asked]
    doors = tuple(cluster.door(asked[number % len(asked)])
                  for number in range(max(connections, len(asked))))
    ca_file = cluster.ca_file
    # proofs and trees that nodes keep are made before the clock starts
    first = player.play(_play, Job(ca_file, doors, tuple(targets),
                                   min(seconds, _SETTLE_SECONDS)))
    with meter.watched(pids) as idle:
        time.sleep(_SETTLE_SECONDS)
    with meter.watched(pids) as span:
        done = player.play(_play, Job(ca_file, doors, tuple(targets),
                                      seconds, polls=True))
    return Reads(
        cluster.size, kind, size, done.reads, span.wall_seconds,
        sum(span.cpu_seconds),
        sum(idle.cpu_seconds) * span.wall_seconds / idle.wall_seconds,
        first.cpu_seconds / first.reads, done.answer_bytes, len(asked))
