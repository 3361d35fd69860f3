# SPDX-License-Identifier: Apache-2.0
"""What processes cost, by the kernel's own accounting (Linux)."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
import math
import os
import pathlib
import time

_TICK_SECONDS = 1 / os.sysconf('SC_CLK_TCK')
_KIB = 1024


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process, user and system.

    In nanoseconds where the kernel has them, all of its threads together.
    """
    total = 0
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        try:
            total += int((task / 'schedstat').read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    if total:
        return total / 1e9
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(
        ')')[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_SECONDS


@dataclasses.dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a process, bytes.

    :param anonymous: its own: heap, stacks
    :param mapped: pages of files, LMDB's and the state map's, which the
        kernel can drop at any time
    """

    anonymous: int
    mapped: int


def memory(pid: int) -> Memory:
    """Return what of a process is in memory."""
    sizes = {}
    for line in pathlib.Path(f'/proc/{pid}/status').read_text().split('\n'):
        name, _, value = line.partition(':')
        if name in ('RssAnon', 'RssFile', 'RssShmem'):
            sizes[name] = int(value.split()[0]) * _KIB
    return Memory(sizes['RssAnon'], sizes['RssFile'] + sizes['RssShmem'])


@dataclasses.dataclass(slots=True)
class Span:
    """A stretch of time and what it cost.

    :param wall_seconds: how long it took
    :param cpu_seconds: of each process that was watched
    """

    wall_seconds: float = 0.0
    cpu_seconds: tuple[float, ...] = ()


@contextlib.contextmanager
def watched(pids: Sequence[int]) -> Iterator[Span]:
    """Give a span that is filled in when its block ends."""
    span = Span()
    before = [cpu_seconds(pid) for pid in pids]
    started = time.monotonic()
    yield span
    span.wall_seconds = time.monotonic() - started
    span.cpu_seconds = tuple(
        cpu_seconds(pid) - was
        for pid, was in zip(pids, before, strict=True))


def quantile(values: Iterable[float], share: float) -> float:
    """Return the value that ``share`` of the values do not exceed.

    Of the values themselves (nearest rank): none is made up.
    """
    ordered = sorted(values)
    assert ordered, 'a quantile of nothing'
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
