# SPDX-License-Identifier: Apache-2.0
"""A federation of real nodes, each in a network namespace of its own.

It is a ``federation.Federation`` whose members can be cut off from each
other, linked through a relay, given a disk of a few MB, and made Byzantine.
Members talk TLS over a bridge; the test reads their status by their local
sockets, and enters the client's namespace for their doors.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import json
import os
import pathlib
import socket
import ssl
import subprocess
from typing import Any

import cbor2

from tacker_ledger.core import codec
from tacker_ledger.node import query
from tacker_ledger.tests.functional.faults import control
from tacker_ledger.tests.functional.faults import namespaces
from tacker_ledger.tests.functional.faults import nursery
from tacker_ledger.tests.functional.faults import relay as relay_module
from tacker_ledger.tests.functional import federation
from tacker_ledger.transport import framing

#: Deadline of what should take a second or two.
SOON_SECONDS = 60.0
#: Of ``node.localsocket``.
_CALL, _RESULT = 2, 3


class Members(federation.Federation):
    """A federation in namespaces.

    :param nodes: how many
    :param byzantine: which members run ``byzantine_node`` (honest until told
        otherwise)
    :param relayed: whether members reach each other through the relay
    :param disk_mib: member -> size of its data directory, a file system in
        memory
    """

    def __init__(self, nodes: int = 4, *, byzantine: Iterable[int] = (),
                 relayed: bool = False,
                 disk_mib: dict[int, int] | None = None,
                 options: federation.Options | None = None,
                 **more: Any) -> None:
        self.byzantine = set(byzantine)
        self._cleanup = contextlib.ExitStack()
        self.network = self._cleanup.enter_context(
            namespaces.Network(nodes))
        self.relay: relay_module.Relay | None = None
        self._readers: dict[int, query.Query] = {}
        try:
            hosts = [word for index in range(nodes)
                     for word in ('--host', self.network.host(index))]
            super().__init__(
                nodes, admission='open', start=False, init=hosts,
                options={'node': {'admission_open_anywhere': True},
                         'operator': {'enabled': False}}, **more)
            for index in range(nodes):
                self.configure(index, options or {})
            for index, size_mib in (disk_mib or {}).items():
                self._cleanup.enter_context(
                    _disk(self.data(index), size_mib))
            if relayed:
                self._use_relay()
            self.start_all()
        except BaseException:
            self.close()
            raise

    def _use_relay(self) -> None:
        pairs = [(one, other) for one in range(self.size)
                 for other in range(self.size) if one != other]
        targets = {pair: self._peer_address(pair[1]) for pair in pairs}
        self.relay = self._cleanup.enter_context(relay_module.Relay(
            str(self.network.path(self.network.relay)),
            self.network.host(self.network.relay), targets))
        for index in range(self.size):
            self.configure(index, {'node': {'neighbours': ','.join(
                f'{member.name}={self.relay.address(index, other)}'
                for other, member in enumerate(self.genesis.members)
                if other != index)}})

    def _peer_address(self, index: int) -> str:
        address: str = self.genesis.members[index].peer_address
        return address

    def close(self) -> None:
        """End all processes and remove everything."""
        self._readers.clear()
        for process in self._processes.values():
            process.kill()
            process.wait(federation.STOP_SECONDS)
        # what is mounted in the directory goes before the directory
        self._cleanup.close()
        super().close()

    # Processes

    def spawn(self, index: int) -> Any:
        """See ``federation.Federation``."""
        assert not self.running(index), f'node {index} runs already'
        program = (nursery.BYZANTINE if index in self.byzantine
                   else nursery.NODE)
        self._processes[index] = nursery.spawn(  # type: ignore[assignment]
            program, str(self.config_file(index)),
            str(self.log_file(index)), str(self.network.path(index)))
        return self._processes[index]

    def wait_ready(self, index: int,
                   timeout: float = federation.START_SECONDS) -> None:
        """Wait until a node takes calls."""
        path = str(self.data(index) / 'node.sock')

        def ready() -> bool:
            if not self.running(index):
                raise federation.NodeFailed(
                    f'node {index} has ended:\n' + self.log(index)[-8000:])
            with socket.socket(socket.AF_UNIX) as probe:
                return probe.connect_ex(path) == 0
        self.wait_until(ready, timeout, f'node {index} serves')

    def ended(self, index: int, timeout: float = SOON_SECONDS) -> None:
        """Wait until a node has ended by itself."""
        self.wait_until(lambda: not self.running(index), timeout,
                        f'node {index} ends')

    def tell(self, index: int, **command: Any) -> dict[str, Any]:
        """Command a Byzantine member; return its answer."""
        return control.tell(self.home(index) / control.SOCKET, **command)

    # Doors

    def context(self) -> ssl.SSLContext:
        """Return the TLS context of a client."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    def at_client(self) -> contextlib.AbstractContextManager[None]:
        """Let this thread's new sockets be where clients are."""
        return self.network.joined(self.network.client)

    # Watching

    def status(self, index: int) -> dict[str, Any]:
        """See ``federation.Federation``; cheap enough to be polled."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(str(self.data(index) / 'node.sock'))
            sock.sendall(framing.frame(codec.encode(
                (_CALL, 0, 'status', '[]', ()))))
            frames = framing.FrameReader()
            while True:
                data = sock.recv(65536)
                if not data:
                    raise ConnectionResetError('the node has ended')
                for frame in frames.feed(data):
                    kind, *fields = cbor2.loads(frame)
                    if kind == _RESULT:
                        found: dict[str, Any] = json.loads(fields[1])
                        return found

    def reader(self, index: int) -> query.Query:
        """Return a reader of a node's store, running or not."""
        found = self._readers.get(index)
        if found is None:
            found = query.open_directory(str(self.data(index)))
            self._readers[index] = found
        return found

    def forget_reader(self, index: int) -> None:
        """Let go of a node's store."""
        self._readers.pop(index, None)

    def height(self, index: int) -> int:
        """Return the height of a node's store."""
        return self.reader(index).height()

    def heights(self, nodes: Iterable[int] | None = None) -> list[int]:
        """Return the heights of nodes (all running ones)."""
        return [self.height(index)
                for index in (self.up() if nodes is None else nodes)]

    def agreed_leader(self, nodes: Iterable[int]) -> int:
        """Return who leads, once nodes are in one view of one height."""
        nodes = list(nodes)
        found: list[dict[str, Any]] = []

        def agreed() -> bool:
            found[:] = [self.status(index) for index in nodes]
            return len({(one['height'], one['view'])
                        for one in found}) == 1
        self.wait_until(agreed, SOON_SECONDS, 'all are in one view')
        return int(found[0]['leader'])

    def has(self, index: int, txids: Iterable[bytes]) -> bool:
        """Return whether a node's chain has all of these."""
        reader = self.reader(index)
        return all(reader.place(txid) is not None for txid in txids)

    def wait_committed(self, txids: Iterable[bytes],
                       nodes: Iterable[int] | None = None,
                       timeout: float = SOON_SECONDS) -> None:
        """Wait until nodes (all running ones) have transactions."""
        txids = list(txids)
        for index in self.up() if nodes is None else nodes:
            self.wait_until(lambda index=index: self.has(index, txids),
                            timeout,
                            f'node {index} has {len(txids)} transactions')

    def wait_growth(self, blocks: int = 2,
                    nodes: Iterable[int] | None = None,
                    timeout: float = SOON_SECONDS) -> None:
        """Wait until nodes (all running ones) are past what any has now."""
        nodes = list(self.up() if nodes is None else nodes)
        self.wait_heights(max(self.heights(nodes)) + blocks, nodes, timeout)

    def wait_heights(self, height: int, nodes: Iterable[int],
                     timeout: float = SOON_SECONDS) -> None:
        """Wait until nodes have a height, by their stores."""
        nodes = list(nodes)
        self.wait_until(
            lambda: min(self.heights(nodes)) >= height, timeout,
            f'nodes {nodes} have height {height}')

    def wait_voting(self, nodes: Iterable[int] | None = None,
                    timeout: float = SOON_SECONDS) -> None:
        """Wait until nodes (all running ones) sign."""
        for index in self.up() if nodes is None else nodes:
            self.wait_until(lambda index=index: self.votes(index), timeout,
                            f'node {index} votes')

    def votes(self, index: int) -> bool:
        """Return whether a node signs; not while it starts over."""
        try:
            return bool(self.status(index)['voting'])
        except OSError:
            return False


@contextlib.contextmanager
def _disk(path: pathlib.Path, size_mib: int) -> Iterator[None]:
    """Make a directory a file system of a few MB."""
    path.mkdir(exist_ok=True)
    subprocess.run(['mount', '-t', 'tmpfs', '-o',
                    f'size={size_mib}m,mode=700', 'tmpfs', str(path)],
                   check=True, capture_output=True)
    try:
        yield
    finally:
        # lazily: a reader of the test may still have it open
        subprocess.run(['umount', '-l', str(path)], check=False)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used."""
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(
        ')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
