# SPDX-License-Identifier: Apache-2.0
"""The table of targets: what was measured, of the machine's limit, wanted.

A row appears only if its figure was measured in this run.
"""

from collections.abc import Callable
from collections.abc import Iterator
import dataclasses
import math
from typing import Any

from tacker_ledger.bench import stated

Data = dict[str, Any]

DELAY_SECONDS = 0.25
WRITES_PER_SECOND = 2000
READS_PER_CORE_SECOND = 6000
READS_SPREAD = 0.15
PUBLISH_SECONDS = 0.3
START_SECONDS = 60
START_BYTES = 300_000_000
TRANSACTION_SECONDS = 150e-6
LOG_RATIO = 1.15
LOG_HOLD_SECONDS = 0.005
LOG_LINES_PER_SECOND = {False: 600_000, True: 400_000}
LOG_TWO_CORES = 1.7
_TARGET_TRANSACTIONS = 1_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    :param figure: what it is
    :param measured: for people, with its unit
    :param target: what is wanted, and what S0 states
    :param holds: whether the target is met; None: not at this size
    :param of_limit: fraction of what this machine could do at all; None
        where the limit says nothing about the figure
    """

    figure: str
    measured: str
    target: str
    holds: bool | None
    of_limit: float | None = None


def rows(found: Data) -> list[Row]:
    """Return the rows of a run."""
    made: list[Row] = []
    makers: tuple[tuple[str, Callable[[Data], Iterator[Row]]], ...] = (
        ('consensus', _consensus), ('writes', _writes), ('reads', _reads),
        ('publish-to-apply', _publish), ('startup', _startup), ('log', _log))
    for name, maker in makers:
        if name in found:
            made += maker(found)
    return made


def _cores_bound(found: Data, nodes: int, transactions: int) -> float:
    """Return the seconds that the limit takes at least, all nodes here."""
    return float(nodes * transactions * found['limit']['transaction']
                 / min(nodes, found['machine']['cores']))


def _consensus(found: Data) -> Iterator[Row]:
    data = found['consensus']
    for one in data['delays']:
        p95 = one['leader']['p95']
        judged = one['nodes'] == 10 and one['batch'] == 100
        yield Row(
            f'consensus delay, {one["nodes"]} nodes, {one["batch"]} x '
            f'{one["size"]} B, p95',
            f'{p95 * 1e3:.0f} ms (last member {one["last"]["p95"] * 1e3:.0f}'
            f' ms, median {one["leader"]["median"] * 1e3:.0f} ms)',
            f'<= {DELAY_SECONDS * 1e3:.0f} ms at 10 nodes (S0: < '
            f'{stated.DELAY_SECONDS:.0f} s)',
            p95 <= DELAY_SECONDS if judged else None,
            _cores_bound(found, one['nodes'], one['batch']) / p95)
    for how in ('counted', 'simulated'):
        for one in data[how]:
            yield Row(
                f'overhead bytes, {one["nodes"]} nodes, {how}',
                f'{one["overhead"]} = {one["overhead"] / one["data"]:.3f} of '
                f'the data ({one["data"]}), '
                f'{one["overhead"] / one["encoded"]:.4f} of the encoded '
                f'body ({one["encoded"]})',
                f'below the data up to {stated.EQUAL_NODES} nodes',
                one['overhead'] <= one['data'])
    if 'equal_nodes' in data:
        equal = data['equal_nodes']
        yield Row('overhead equals data at',
                  'no number of nodes' if equal is None
                  else f'{equal} nodes (simulated)',
                  f'>= {stated.EQUAL_NODES} nodes, as S0',
                  equal is None or equal >= stated.EQUAL_NODES)


def _writes(found: Data) -> Iterator[Row]:
    limit = found['limit']['transaction']
    for one in found['writes']['nodes']:
        judged = one['nodes'] == 4 and one['size'] == 400
        yield Row(
            f'writes, {one["nodes"]} nodes, {one["size"]} B, '
            f'{one["seconds"]:.0f} s',
            f'{one["per_second"]:.0f} committed/s',
            f'>= {WRITES_PER_SECOND}/s at 4 nodes',
            one['per_second'] >= WRITES_PER_SECOND if judged else None,
            one['per_second'] * _cores_bound(found, one['nodes'], 1))
        yield Row(
            f'CPU a transaction and node, {one["nodes"]} nodes',
            f'{one["cpu_seconds_each"] * 1e6:.0f} us',
            f'<= {TRANSACTION_SECONDS * 1e6:.0f} us',
            one['cpu_seconds_each'] <= TRANSACTION_SECONDS
            if judged else None, limit / one['cpu_seconds_each'])


def _reads(found: Data) -> Iterator[Row]:
    states = found['reads']['states']
    sign = found['limit']['sign']
    for one in states:
        yield Row(
            f'proven, signed reads, {one["nodes"]} nodes',
            f'{one["per_core_second"]:.0f} a core-second '
            f'({one["cpu_seconds_each"] * 1e6:.0f} CPU-us a read)',
            f'>= {READS_PER_CORE_SECOND}/s per core',
            one['per_core_second'] >= READS_PER_CORE_SECOND,
            sign / one['cpu_seconds_each'])
    if len(states) > 1:
        costs = [one['cpu_seconds_each'] for one in states]
        spread = max(costs) / min(costs) - 1
        yield Row('CPU a read over all numbers of nodes',
                  f'largest {100 * spread:.0f} % over smallest',
                  'constant', spread <= READS_SPREAD)


def _publish(found: Data) -> Iterator[Row]:
    for one in found['publish-to-apply']['nodes']:
        median = one['seconds']['median']
        yield Row(f'publish to applied, {one["nodes"]} nodes, median',
                  f'{median * 1e3:.0f} ms (p95 '
                  f'{one["seconds"]["p95"] * 1e3:.0f} ms)',
                  f'<= {PUBLISH_SECONDS * 1e3:.0f} ms at 4 nodes',
                  median <= PUBLISH_SECONDS if one['nodes'] == 4 else None)


def _startup(found: Data) -> Iterator[Row]:
    one = found['startup']
    count = one['transactions']
    judged = count >= _TARGET_TRANSACTIONS
    memory = one['memory']
    yield Row(f'start on {count} transactions',
              f'{one["seconds"]:.1f} s ({one["unclean_seconds"]:.1f} s after '
              'SIGKILL)', f'<= {START_SECONDS} s at 10^6',
              max(one['seconds'], one['unclean_seconds']) <= START_SECONDS
              if judged else None)
    yield Row(f'anonymous memory at {count} transactions',
              f'{memory["anonymous"] / 1e6:.0f} MB (mapped pages of LMDB and '
              f'the map apart: {memory["mapped"] / 1e6:.0f} MB)',
              f'<= {START_BYTES / 1e6:.0f} MB at 10^6',
              memory['anonymous'] <= START_BYTES if judged else None)
    costs = {cost['transactions']: cost['cpu_seconds']
             + cost['index_cpu_seconds'] for cost in one['costs']}
    first, last = 10_000, max(costs)
    if first in costs and last > first:
        growth = costs[last] / costs[first]
        bound = math.log(last) / math.log(first)
        yield Row(f'cost a transaction, 10^4 to {last}',
                  f'{costs[first] * 1e6:.0f} to {costs[last] * 1e6:.0f} us: '
                  f'x {growth:.2f}', f'x <= {bound:.2f}, as log n',
                  growth <= bound if judged else None)


def _log(found: Data) -> Iterator[Row]:
    one = found['log']['writing']
    quick = found['quick']
    yield Row('CPU of a log line, secure in place of stock',
              f'{one["ratio"]:.3f} ({one["secure"] * 1e6:.1f} / '
              f'{one["stock"] * 1e6:.1f} us)', f'<= {LOG_RATIO}',
              None if quick else one['ratio'] <= LOG_RATIO)
    yield Row('CPU of a log line, secure beside stock',
              f'{one["ratio_both"]:.3f} ({one["both"] * 1e6:.1f} us)',
              'told', None)
    held = one['hold_seconds'][1]
    yield Row('a log line holds its service, p99.9',
              f'{held * 1e3:.2f} ms (longest '
              f'{one["hold_seconds"][2] * 1e3:.1f})',
              f'<= {LOG_HOLD_SECONDS * 1e3:.0f} ms on a fast disk',
              None if quick else held <= LOG_HOLD_SECONDS)
    rates = {(each['auditor'], each['jobs']): each['per_second']
             for each in found['log']['verifying']}
    for auditor, target in LOG_LINES_PER_SECOND.items():
        who = 'with the auditor\'s key' if auditor else 'public'
        alone = rates[auditor, 1]
        yield Row(f'verification of a log, {who}, one core',
                  f'{alone:.0f} lines/s', f'>= {target}/s',
                  None if quick else alone >= target)
        if (auditor, 2) in rates:
            gain = rates[auditor, 2] / alone
            yield Row(f'verification of a log, {who}, two cores',
                      f'{rates[auditor, 2]:.0f} lines/s = x{gain:.2f}',
                      f'>= x{LOG_TWO_CORES}',
                      None if quick else gain >= LOG_TWO_CORES)


def text(made: list[Row]) -> str:
    """Return rows as lines of text."""
    marks = {True: 'holds', False: 'MISSED', None: ''}
    cells = [('figure', 'measured', 'target', '', 'of limit')]
    cells += [(row.figure, row.measured, row.target, marks[row.holds],
               '' if row.of_limit is None else f'{row.of_limit:.0%}')
              for row in made]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return '\n'.join('  '.join(
        cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip() for row in cells)
