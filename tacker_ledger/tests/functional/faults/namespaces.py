# SPDX-License-Identifier: Apache-2.0
"""A network of one's own: a namespace per node, and rules between them.

::

    with namespaces.Network(4) as network:
        network.path(2)                # of node 2's namespace
        with network.joined(network.client):
            ...                        # this thread's sockets are inside
        network.cut(0, 1)              # what 0 sends does not reach 1
        network.partition([0, 1], [2, 3])
        network.heal()

Every namespace has one end of a veth pair; the other end is a port of a
bridge in a namespace of its own, where nftables decides what passes.  The
machine's own network is not touched.  What a killed test left behind is
removed by the next one, since names begin with their maker's process id.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import ctypes
import ctypes.util
import itertools
import os
import pathlib
import re
import secrets
import shutil
import subprocess
from typing import Any

_DIRECTORY = pathlib.Path('/run/netns')
_PREFIX = 'tlf'
_CLONE_NEWNET = 0x40000000
_RULES = """\
table bridge faults {
    set cut { type ipv4_addr . ipv4_addr; }
    chain forward {
        type filter hook forward priority 0;
        ip saddr . ip daddr @cut drop
    }
    chain lost { type filter hook forward priority 1; }
}
"""
_libc = ctypes.CDLL(ctypes.util.find_library('c'), use_errno=True)


def missing() -> tuple[str, str] | None:
    """Return the part this machine lacks, and how that was noticed."""
    if os.geteuid() != 0:
        return 'network namespaces', 'not root'
    for program, part in (('ip', 'iproute2'), ('nft', 'nftables')):
        if shutil.which(program, path=_search_path()) is None:
            return part, f'no {program}'
    try:
        with Network(1):
            pass
    except subprocess.CalledProcessError as error:
        return 'network namespaces and nftables', error.stderr.strip()
    return None


def _search_path() -> str:
    return os.environ.get('PATH', '') + ':/usr/sbin:/sbin'


def environment() -> dict[str, str]:
    """Return the environment in which ``ip`` and ``nft`` are found."""
    return {**os.environ, 'PATH': _search_path()}


def _run(*command: str, text: str | None = None) -> str:
    done = subprocess.run(
        command, input=text, check=True, capture_output=True, text=True,
        env=environment())
    return done.stdout


def enter(path: str | os.PathLike[str]) -> None:
    """Move the calling thread into a network namespace."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(descriptor, _CLONE_NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def inside(path: str | os.PathLike[str]) -> Iterator[None]:
    """Let the calling thread's new sockets be in a namespace."""
    before = f'/proc/self/task/{_libc.gettid()}/ns/net'
    descriptor = os.open(before, os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter(path)
        try:
            yield
        finally:
            enter(f'/proc/self/fd/{descriptor}')
    finally:
        os.close(descriptor)


def _sweep() -> None:
    """Remove what tests left behind whose process is gone."""
    if not _DIRECTORY.is_dir():
        return
    for entry in _DIRECTORY.iterdir():
        found = re.fullmatch(rf'{_PREFIX}-(\d+)-\w+-\w+', entry.name)
        if found and not pathlib.Path('/proc', found[1]).exists():
            subprocess.run(['ip', 'netns', 'del', entry.name], check=False,
                           capture_output=True, env=environment())


class Network:
    """Namespaces of some nodes, a client and a relay, and what joins them.

    :param nodes: how many
    :raises CalledProcessError: the machine cannot do that
    """

    def __init__(self, nodes: int) -> None:
        self.nodes = nodes
        self.client = nodes
        self.relay = nodes + 1
        self._name = f'{_PREFIX}-{os.getpid()}-{secrets.token_hex(3)}'
        self._made: list[str] = []
        _sweep()
        try:
            self._make()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> 'Network':
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _make(self) -> None:
        switch = self._add('switch')
        _run('ip', '-n', switch, 'link', 'add', 'br0', 'type', 'bridge')
        _run('ip', '-n', switch, 'link', 'set', 'br0', 'up')
        for place in range(self.nodes + 2):
            name, port = self._add(str(place)), f'p{place}'
            _run('ip', 'link', 'add', 'name', 'eth0', 'netns', name, 'type',
                 'veth', 'peer', 'name', port, 'netns', switch)
            _run('ip', '-n', switch, 'link', 'set', port, 'master', 'br0',
                 'up')
            for device in ('lo', 'eth0'):
                _run('ip', '-n', name, 'link', 'set', device, 'up')
            _run('ip', '-n', name, 'addr', 'add', f'{self.host(place)}/24',
                 'dev', 'eth0')
        self._nft(_RULES)

    def _add(self, suffix: str) -> str:
        name = f'{self._name}-{suffix}'
        _run('ip', 'netns', 'add', name)
        self._made.append(name)
        return name

    def _nft(self, rules: str) -> None:
        _run('ip', 'netns', 'exec', f'{self._name}-switch', 'nft', '-f', '-',
             text=rules)

    def close(self) -> None:
        """Remove everything; processes inside must have ended."""
        while self._made:
            subprocess.run(['ip', 'netns', 'del', self._made.pop()],
                           check=False, capture_output=True,
                           env=environment())

    # Where things are

    def host(self, place: int) -> str:
        """Return the address of a node, the client or the relay."""
        return f'10.77.0.{place + 1}'

    def path(self, place: int) -> pathlib.Path:
        """Return the file of a namespace."""
        return _DIRECTORY / f'{self._name}-{place}'

    def joined(self, place: int) -> contextlib.AbstractContextManager[None]:
        """Let the calling thread's new sockets be in a namespace."""
        return inside(self.path(place))

    # What passes

    def cut(self, *pairs: tuple[int, int]) -> None:
        """Let nothing pass from the first to the second of each pair."""
        self._nft('add element bridge faults cut { ' + ', '.join(
            f'{self.host(a)} . {self.host(b)}' for a, b in pairs) + ' }\n')

    def partition(self, *sides: Iterable[int]) -> None:
        """Let nothing pass between nodes of different sides."""
        groups = [tuple(side) for side in sides]
        self.cut(*(pair for one, other in itertools.permutations(groups, 2)
                   for pair in itertools.product(one, other)))

    def lose(self, percent: int) -> None:
        """Drop this part of all packets, at random."""
        rules = 'flush chain bridge faults lost\n'
        if percent:
            rules += ('add rule bridge faults lost numgen random mod 100 < '
                      f'{percent} drop\n')
        self._nft(rules)

    def heal(self) -> None:
        """Let everything pass again."""
        self._nft('flush set bridge faults cut\n'
                  'flush chain bridge faults lost\n')
