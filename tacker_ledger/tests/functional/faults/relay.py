# SPDX-License-Identifier: Apache-2.0
"""A small TCP relay in the path between members: delay, stalls, resets.

Each ordered pair of members has a port of its own; what is dialled there
goes on to the second one's address.  Per pair and direction the relay can
delay what passes, with jitter, and hold single chunks back as long as a
retransmission takes, which is what loss does to TCP; it can stand still, or
reset connections.  It is a process of its own in the relay's namespace,
commanded by lines of JSON::

    with relay.Relay(namespace, host, {(0, 1): '10.77.0.2:9701'}) as path:
        path.address(0, 1)             # for [node] neighbours
        path.shape(delay_ms=50, jitter_ms=20, loss=0.02)
        path.stall([(0, 1)])
"""

import asyncio
from collections.abc import Iterable
from collections.abc import Mapping
import contextlib
import dataclasses
import json
import random
import subprocess
import sys
from typing import Any

from tacker_ledger.tests import base
from tacker_ledger.tests.functional.faults import namespaces

_FIRST_PORT = 9000
_CHUNK_BYTES = 64 * 1024
_RETRANSMISSION_SECONDS = 0.2

Pair = tuple[int, int]


class Relay:
    """The test's end of a relay process.

    :param namespace: file of the namespace it runs in
    :param host: its address there
    :param targets: (dialling, dialled) -> ``host:port``
    """

    def __init__(self, namespace: str, host: str,
                 targets: Mapping[Pair, str]) -> None:
        self._host = host
        self._ports = {pair: _FIRST_PORT + number
                       for number, pair in enumerate(sorted(targets))}
        self._process = subprocess.Popen(
            [sys.executable, '-m', __name__, namespace], cwd=base.CHECKOUT,
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            start_new_session=True)
        self._tell(listen=[[*pair, host, self._ports[pair], target]
                           for pair, target in targets.items()])

    def __enter__(self) -> 'Relay':
        return self

    def __exit__(self, *_: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)

    def _tell(self, **command: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + '\n')
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def address(self, one: int, other: int) -> str:
        """Return where the first reaches the second."""
        return f'{self._host}:{self._ports[one, other]}'

    def shape(self, pairs: Iterable[Pair] | None = None, *,
              delay_ms: float = 0, jitter_ms: float = 0,
              loss: float = 0) -> None:
        """Delay what passes from the first to the second of each pair.

        :param pairs: all of them if None
        :param jitter_ms: up to so much more, drawn per chunk
        :param loss: part of the chunks that have to be sent again
        """
        self._tell(shape=[delay_ms, jitter_ms, loss],
                   pairs=self._pairs(pairs))

    def stall(self, pairs: Iterable[Pair] | None = None) -> None:
        """Let nothing pass, connections stay open."""
        self._tell(stall=True, pairs=self._pairs(pairs))

    def resume(self, pairs: Iterable[Pair] | None = None) -> None:
        """Let what was held back pass."""
        self._tell(stall=False, pairs=self._pairs(pairs))

    def reset(self) -> int:
        """Break all connections; return how many."""
        count: int = self._tell(reset=True)['count']
        return count

    def passed_bytes(self) -> int:
        """Return how much has passed."""
        count: int = self._tell(count=True)['bytes']
        return count

    def _pairs(self, pairs: Iterable[Pair] | None) -> list[Pair]:
        if pairs is not None:
            return list(pairs)
        return [way for pair in self._ports for way in (pair, pair[::-1])]


# The process

@dataclasses.dataclass(slots=True)
class _Path:
    """What happens on the way from one member to another."""

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    open: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)


class _Process:
    def __init__(self) -> None:
        self._paths: dict[Pair, _Path] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._servers: list[asyncio.Server] = []
        self._passed = 0

    def _path(self, pair: Pair) -> _Path:
        if pair not in self._paths:
            self._paths[pair] = _Path()
            self._paths[pair].open.set()
        return self._paths[pair]

    async def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        """Do what a line says."""
        for one, other, host, port, target in command.get('listen', ()):
            await self._listen((one, other), host, port, target)
        for pair in command.get('pairs', ()):
            path = self._path((pair[0], pair[1]))
            if 'shape' in command:
                delay_ms, jitter_ms, path.loss = command['shape']
                path.delay, path.jitter = delay_ms / 1000, jitter_ms / 1000
            elif command['stall']:
                path.open.clear()
            else:
                path.open.set()
        count = 0
        if command.get('reset'):
            count = len(self._writers)
            for writer in list(self._writers):
                writer.transport.abort()
        return {'count': count, 'bytes': self._passed}

    async def _listen(self, pair: Pair, host: str, port: int,
                      target: str) -> None:
        async def accept(reader: asyncio.StreamReader,
                         writer: asyncio.StreamWriter) -> None:
            there, _, number = target.rpartition(':')
            try:
                onward = await asyncio.open_connection(there, int(number))
            except OSError:
                writer.transport.abort()
                return
            await asyncio.gather(self._pump(pair, reader, onward[1]),
                                 self._pump(pair[::-1], onward[0], writer))
        self._servers.append(await asyncio.start_server(accept, host, port))

    async def _pump(self, pair: Pair, reader: asyncio.StreamReader,
                    writer: asyncio.StreamWriter) -> None:
        """Pass on what one side sends, in its order, later."""
        self._writers.add(writer)
        path = self._path(pair)
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(256)

        async def deliver() -> None:
            while True:
                due, data = await queue.get()
                await path.open.wait()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not data:
                    break
                writer.write(data)
                self._passed += len(data)
                await writer.drain()

        delivering = asyncio.create_task(deliver())
        try:
            while data := await reader.read(_CHUNK_BYTES):
                later = path.delay + random.random() * path.jitter
                if random.random() < path.loss:
                    later += _RETRANSMISSION_SECONDS
                await queue.put((loop.time() + later, data))
            await queue.put((0.0, b''))
            await delivering
        except OSError:
            pass
        finally:
            delivering.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await delivering
            self._writers.discard(writer)
            writer.transport.abort()


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    process = _Process()
    while line := await reader.readline():
        print(json.dumps(await process.obey(json.loads(line))), flush=True)


def main(argv: list[str]) -> int:
    """Relay until the standard input ends."""
    namespaces.enter(argv[0])
    asyncio.run(_serve())
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
