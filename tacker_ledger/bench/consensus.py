# SPDX-License-Identifier: Apache-2.0
"""S0's Fig. 7a and 7b: how long a batch takes, and what it makes nodes say.

As in S0 a batch of 100 configurations of 400 bytes is sent to the leader.
*Delay* runs from before the batch is sent to when its last transaction is
committed, durable and readable: at the leader, and at the last member.
Before it stand the batch's way through the leader's door and the check of
every signature; nothing is subtracted.

Message bytes are the nodes' own counts, before TLS, of every frame of a
consensus kind.  *Data* is the configurations alone, once for each other
member, as S0 counts; *overhead* is every consensus byte that is not the
block's body.
"""

import asyncio
from collections.abc import Sequence
import dataclasses
import ssl
import time

from tacker_ledger.bench import cluster as cluster_module
from tacker_ledger.bench import load as load_module
from tacker_ledger.bench import player
from tacker_ledger.bench import wire
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import transaction as transaction_module

#: Kinds of messages by which members agree; forwarding is none of them.
KINDS = ('pre-prepare', 'prepare', 'commit')
#: What belongs to agreeing, too, when something is lost or slow.
REPAIR_KINDS = ('view-change', 'new-view', 'get-body', 'body', 'status',
                'certified-head')
_COMMIT_SECONDS = 60
_PAUSE_SECONDS = 0.25
_SETTLE_SECONDS = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """What the process that plays the client has to do.

    :param doors: of all members, the leader's first
    :param batches: (last id, submissions) each
    """

    ca_file: str
    doors: tuple[tuple[str, int], ...]
    batches: tuple[tuple[bytes, tuple[bytes, ...]], ...]


Delays = tuple[tuple[float, float], ...]


async def _one(connections: Sequence[wire.Connection], last: bytes,
               batch: Sequence[bytes]) -> tuple[float, float]:
    """Return seconds until a batch is committed: leader, last member."""
    target = f'/v1/transactions/{last.hex()}?wait={_COMMIT_SECONDS}'
    began = time.monotonic()

    async def committed(connection: wire.Connection) -> float:
        status, _ = await connection.get(target)
        if status != 200:
            raise errors.Timeout('A batch was not committed in time.')
        return time.monotonic() - began

    # others wait before the batch is there, so that all hear of it at once
    others = [asyncio.ensure_future(committed(one))
              for one in connections[1:]]
    status, answer = await connections[0].submit(batch)
    if status != 202:
        raise errors.LedgerError(f'The leader answers {status}: {answer!r}')
    leader = await committed(connections[0])
    return leader, max([leader, *await asyncio.gather(*others)])


def _play(job: Job) -> Delays:
    delays = []

    async def run() -> None:
        tls = ssl.create_default_context(cafile=job.ca_file)
        connections = [await wire.Connection(door, tls).open()
                       for door in job.doors]
        for last, batch in job.batches:
            await asyncio.sleep(_PAUSE_SECONDS)
            delays.append(await _one(connections, last, batch))
        for one in connections:
            one.close()

    player.run_loop(run())
    return tuple(delays)


@dataclasses.dataclass(frozen=True, slots=True)
class Bytes:
    """What agreeing on one block made all members send, before TLS.

    :param nodes: members
    :param batch: transactions in the block
    :param size: bytes of each configuration
    :param body_bytes: of the transactions, encoded, once
    :param sent: kind of message -> (frames, bytes) of all members together
    """

    nodes: int
    batch: int
    size: int
    body_bytes: int
    sent: dict[str, tuple[int, int]]

    @property
    def data(self) -> int:
        """The configurations alone, to all other members, as S0 counts."""
        return self.batch * self.size * (self.nodes - 1)

    @property
    def encoded(self) -> int:
        """The encoded body, to all other members."""
        return self.body_bytes * (self.nodes - 1)

    @property
    def overhead(self) -> int:
        """All consensus bytes that are not the block's body."""
        return sum(size for kind, (_, size) in self.sent.items()
                   if kind in KINDS + REPAIR_KINDS) - self.encoded

    def phase(self, kind: str) -> int:
        """Return the bytes of one phase; a pre-prepare has the body."""
        return self.sent.get(kind, (0, 0))[1]


@dataclasses.dataclass(frozen=True, slots=True)
class Consensus:
    """Rounds of one federation.

    :param nodes: members
    :param batch: transactions sent at once
    :param size: bytes of each configuration
    :param delays_seconds: (at the leader, at the last member) of each batch
    :param blocks: that the batches became
    """

    nodes: int
    batch: int
    size: int
    delays_seconds: Delays
    blocks: int

    @property
    def at_leader(self) -> list[float]:
        """Seconds until the leader had committed, of each batch."""
        return [leader for leader, _ in self.delays_seconds]

    @property
    def at_last(self) -> list[float]:
        """Seconds until the last member had committed, of each batch."""
        return [last for _, last in self.delays_seconds]


class Sender:
    """Sends batches to the leader of a cluster."""

    def __init__(self, cluster: cluster_module.Cluster) -> None:
        self._cluster = cluster

    def _play(self, signed: Sequence[load_module.Signed], batch: int
              ) -> Delays:
        cluster = self._cluster
        leader = cluster.leader()
        return player.play(_play, Job(
            cluster.ca_file, (cluster.door(leader), *(
                cluster.door(index) for index in range(cluster.size)
                if index != leader)),
            tuple((some[-1].txid, tuple(one.submission for one in some))
                  for some in (signed[at:at + batch]
                               for at in range(0, len(signed), batch)))))

    def delays(self, signed: Sequence[load_module.Signed], *, size: int,
               batch: int) -> Consensus:
        """Send a load batch by batch; return how long each took.

        :raises LedgerError: it cannot be measured
        """
        height = self._cluster.height()
        delays = self._play(signed, batch)
        return Consensus(self._cluster.size, batch, size, delays,
                         self._cluster.height() - height)

    def count(self, signed: Sequence[load_module.Signed], *, size: int
              ) -> Bytes | None:
        """Send one batch; return what it made members send.

        :returns: None if it did not become one block
        """
        height, before = self._cluster.height(), self._sent()
        self._play(signed, len(signed))
        # votes that nobody waited for are on their way still
        time.sleep(_SETTLE_SECONDS)
        after = self._sent()
        if self._cluster.height() != height + 1:
            return None
        return Bytes(
            self._cluster.size, len(signed), size,
            sum(len(transaction_module.Submission.from_bytes(
                one.submission).transaction) for one in signed),
            {kind: (frames - before.get(kind, (0, 0))[0],
                    count - before.get(kind, (0, 0))[1])
             for kind, (frames, count) in after.items()})

    def _sent(self) -> dict[str, tuple[int, int]]:
        """Return what all members have sent so far, by kind."""
        found: dict[str, tuple[int, int]] = {}
        for index in range(self._cluster.size):
            sent = self._cluster.full_status(index)['sent']
            for kind, counts in sent.items():
                frames, size = found.get(kind, (0, 0))
                found[kind] = (frames + counts['frames'],
                               size + counts['bytes'])
        return found
