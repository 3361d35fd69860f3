# SPDX-License-Identifier: Apache-2.0
"""What each subcommand measures, as plain data for JSON and the report.

Every value comes from a measurement of the same run; a run that did not
happen has no key.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import itertools
import platform
import time
from typing import Any

import cbor2

from tacker_ledger.bench import cluster as cluster_module
from tacker_ledger.bench import consensus as consensus_module
from tacker_ledger.bench import limit as limit_module
from tacker_ledger.bench import load as load_module
from tacker_ledger.bench import meter
from tacker_ledger.bench import publish as publish_module
from tacker_ledger.bench import reads as reads_module
from tacker_ledger.bench import secure_log
from tacker_ledger.bench import simulated
from tacker_ledger.bench import startup as startup_module
from tacker_ledger.bench import writes as writes_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core import limits
from tacker_ledger import version

Data = dict[str, Any]
Say = Callable[[str], None]

SIZES = (1, 10, 100, 400, 1000, 10_000, 100_000, 1_000_000)
_BLOCK_DATA = (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)
#: Enough for the fastest writes that a small machine can hope for.
_RATE_MAX = 3000
_LOAD_MAX_BYTES = 400_000_000
_LIMIT_COUNT = 1500
_COUNTED_TRIES = 8
_ANSWER_BODY = 7


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for; None: the subcommand's own choice.

    :param nodes: federation sizes
    :param size: bytes of a configuration
    :param batch: transactions handed in at once
    :param seconds: of each measurement that lasts a time
    :param quick: small, to see that it works
    :param transactions: length of the chain of ``startup``
    """

    nodes: tuple[int, ...] | None = None
    size: int = 400
    batch: int = 100
    seconds: float | None = None
    quick: bool = False
    transactions: int | None = None

    def sizes(self, full: Iterable[int], quick: Iterable[int]
              ) -> tuple[int, ...]:
        """Return the federation sizes to measure."""
        return self.nodes or tuple(quick if self.quick else full)

    def lasting(self, full: float, quick: float) -> float:
        """Return for how long to measure."""
        return self.seconds or (quick if self.quick else full)


def machine() -> Data:
    """Return what the figures were measured on."""
    model = ''
    try:
        with open('/proc/cpuinfo') as file:
            model = next((line.partition(':')[2].strip() for line in file
                          if line.startswith('model name')), '')
    except OSError:
        pass
    return {'cores': writes_module.cores(), 'processor': model,
            'system': platform.release(),
            'python': platform.python_version(),
            'version': version.version_string(),
            'time': time.strftime('%Y-%m-%d %H:%M:%S %Z')}


def limit(options: Options, say: Say) -> Data:
    """Measure this machine's limit."""
    chain_id = bytes(32)
    load = load_module.make(
        load_module.Recipe(chain_id, options.size),
        300 if options.quick else _LIMIT_COUNT)
    found = limit_module.measure(load, chain_id)
    say(f'limit: {found.transaction * 1e6:.1f} us a transaction '
        f'(verify {found.verify * 1e6:.1f}, hash {found.hash * 1e6:.1f}, '
        f'insert {found.insert * 1e6:.1f})')
    return {**dataclasses.asdict(found), 'transaction': found.transaction,
            'client_signing': load.cpu_seconds_each}


# Reads


def reads(options: Options, say: Say) -> Data:
    """Measure proven, signed reads: Fig. 6a and 6b, and against nodes."""
    found: Data = {'states': [], 'absent': [], 'blocks': [], 'sizes': []}
    seconds = options.lasting(4.0, 0.5)
    for nodes in options.sizes((1, 2, 4, 7, 10), (1,)):
        with cluster_module.Cluster(nodes) as cluster:
            found['states'].append(_state_reads(
                cluster, options, seconds, say))
            found['absent'].append(_said(say, reads_module.measure(
                cluster, (), kind='absent key, its proof made anew',
                size=0, seconds=seconds)))
    with cluster_module.Cluster(1) as cluster:
        for data in _BLOCK_DATA[::3] if options.quick else _BLOCK_DATA:
            found['blocks'].append(_block_read(
                cluster, 1, data, seconds / 2, say))
        for size in _BLOCK_DATA[::3] if options.quick else _BLOCK_DATA:
            found['sizes'].append(_block_read(
                cluster, size, _BLOCK_DATA[-1], seconds / 2, say))
    return found


def _said(say: Say, one: reads_module.Reads) -> Data:
    say(f'reads, {one.nodes} nodes, {one.kind}, {one.size} B: '
        f'{one.cpu_seconds_each * 1e6:.1f} CPU-us a read, '
        f'{one.per_core_second:.0f} per core-second')
    return {**dataclasses.asdict(one),
            'cpu_seconds_each': one.cpu_seconds_each,
            'per_core_second': one.per_core_second,
            'per_second': one.per_second}


def _state_reads(cluster: cluster_module.Cluster, options: Options,
                 seconds: float, say: Say) -> Data:
    """Read the state of pairs, as VNFs do; every node where cores allow."""
    assert cluster.h.chain_id is not None
    load = load_module.make(load_module.Recipe(
        cluster.h.chain_id, options.size), options.batch)
    writes_module.measure(cluster, load, size=options.size,
                          batch=options.batch, seconds=1.0, connections=1)
    keys = {identifiers.pair_state_key(cluster.h, one.recipient, one.sender)
            for one in load.transactions if one.recipient is not None}
    return _said(say, reads_module.measure(
        cluster, [f'/v1/state?key={key.hex()}' for key in sorted(keys)],
        kind='state of a pair', size=options.size, seconds=seconds))


def _block_read(cluster: cluster_module.Cluster, size: int, block_data: int,
                seconds: float, say: Say) -> Data:
    """Read a configuration out of a block that holds so much of them."""
    assert cluster.h.chain_id is not None
    chain_id = cluster.h.chain_id
    for _ in range(_COUNTED_TRIES):
        one = load_module.make(load_module.Recipe(
            chain_id, size, sealed=False), 1).transactions[0]
        batch = [one]
        if block_data > size:
            batch += load_module.make(load_module.Recipe(
                chain_id, block_data - size, sealed=False), 1).transactions
        # the last one to be committed is waited for
        writes_module.measure(
            cluster, load_module.Load(batch[::-1], 1.0), size=size,
            batch=len(batch), seconds=1.0, connections=1)
        if _neighbours(cluster, one.txid) == len(batch):
            break
    else:
        raise errors.LedgerError('The transactions never shared a block.')
    return {**_said(say, reads_module.measure(
        cluster, [f'/v1/transactions/{one.txid.hex()}'],
        kind=f'configuration of {size} B in a block', size=block_data,
        seconds=seconds)), 'configuration_bytes': size}


def _neighbours(cluster: cluster_module.Cluster, txid: bytes) -> int:
    """Return how many transactions share a transaction's block."""
    answer = cluster.get(0, f'/v1/transactions/{txid.hex()}')
    body = cbor2.loads(cbor2.loads(answer)[_ANSWER_BODY])
    return int(body[1][1])


# Writes


def writes(options: Options, say: Say) -> Data:
    """Measure sustained writes: Fig. 6c."""
    found: Data = {'nodes': [], 'sizes': []}
    for nodes in options.sizes((1, 2, 4, 7, 10), (4,)):
        seconds = options.lasting(60.0 if nodes == 4 else 15.0, 2.0)
        with cluster_module.Cluster(nodes) as cluster:
            found['nodes'].append(_writes(
                cluster, options, options.size, seconds, say))
            if nodes == 4 and not options.quick:
                for size in SIZES:
                    found['sizes'].append(_writes(
                        cluster, options, size, min(seconds, 8.0), say))
    return found


def _writes(cluster: cluster_module.Cluster, options: Options, size: int,
            seconds: float, say: Say) -> Data:
    assert cluster.h.chain_id is not None
    # a small batch of large transactions still fits one request
    batch = max(1, min(options.batch, limits.BLOCK_MAX_BYTES // 2
                       // (size + 2000)))
    count = int(min(_RATE_MAX * seconds, _LOAD_MAX_BYTES // (size + 2000)))
    if options.quick:
        count = min(count, 800)
    load = load_module.make(load_module.Recipe(
        cluster.h.chain_id, size), max(count, 2 * batch))
    one = writes_module.measure(cluster, load, size=size, batch=batch,
                                seconds=seconds)
    say(f'writes, {one.nodes} nodes, {size} B: {one.per_second:.0f}/s, '
        f'{one.cpu_seconds_each * 1e6:.0f} CPU-us a transaction and node')
    return {
        **dataclasses.asdict(one), 'per_second': one.per_second,
        'cpu_seconds_each': one.cpu_seconds_each,
        'latencies_seconds': _quantiles(one.latencies_seconds)}


def _quantiles(values: Sequence[float]) -> Data:
    return {'count': len(values), 'median': meter.quantile(values, 0.5),
            'p95': meter.quantile(values, 0.95), 'maximum': max(values)}


# Consensus


def consensus(options: Options, say: Say) -> Data:
    """Measure rounds: Fig. 7a and 7b."""
    found: Data = {'delays': [], 'counted': [], 'simulated': []}
    for nodes in options.sizes(range(4, 11), (4,)):
        with cluster_module.Cluster(nodes, heartbeat_seconds=60.0
                                    ) as cluster:
            _rounds(cluster, options, found, say)
    for nodes in (10,) if options.quick else (4, 10, 31, 100, 188):
        found['simulated'].append(_bytes(say, 'simulated', simulated.count(
            nodes, size=options.size, batch=options.batch)))
    if not options.quick:
        found['equal_nodes'] = _equal(options, say)
    return found


def _rounds(cluster: cluster_module.Cluster, options: Options, found: Data,
            say: Say) -> None:
    assert cluster.h.chain_id is not None
    count = 5 if options.quick else 60
    load = load_module.make(
        load_module.Recipe(cluster.h.chain_id, options.size),
        (count + _COUNTED_TRIES) * options.batch)
    sender = consensus_module.Sender(cluster)
    signed = load.transactions
    rounds = sender.delays(signed[:count * options.batch], size=options.size,
                           batch=options.batch)
    delay: Data = {
        'nodes': rounds.nodes, 'batch': rounds.batch, 'size': rounds.size,
        'batches': count, 'blocks': rounds.blocks,
        'leader': _quantiles(rounds.at_leader),
        'last': _quantiles(rounds.at_last)}
    found['delays'].append(delay)
    say(f'consensus, {rounds.nodes} nodes: median '
        f'{delay["leader"]["median"] * 1e3:.0f} ms, p95 '
        f'{delay["leader"]["p95"] * 1e3:.0f} ms at the leader; p95 '
        f'{delay["last"]["p95"] * 1e3:.0f} ms at the last member')
    best: consensus_module.Bytes | None = None
    for number in range(_COUNTED_TRIES):
        at = (count + number) * options.batch
        one = sender.count(signed[at:at + options.batch], size=options.size)
        # votes that came too late to be needed are not always sent
        if one is not None and (best is None
                                or one.overhead > best.overhead):
            best = one
    if best is not None:
        found['counted'].append(_bytes(say, 'counted', best))


def _bytes(say: Say, how: str, one: consensus_module.Bytes) -> Data:
    say(f'bytes, {one.nodes} nodes, {how}: data {one.data}, encoded body '
        f'{one.encoded}, overhead {one.overhead}')
    return {**dataclasses.asdict(one), 'data': one.data,
            'encoded': one.encoded, 'overhead': one.overhead,
            'phases': {kind: one.phase(kind)
                       for kind in consensus_module.KINDS}}


def _equal(options: Options, say: Say) -> int | None:
    """Return the first number of members with as much overhead as data.

    :returns: None if a federation can have no so many members
    """
    low, high = 188, limits.MEMBERS_MAX_COUNT

    def enough(nodes: int) -> bool:
        one = simulated.count(nodes, size=options.size, batch=options.batch)
        return one.overhead >= one.data

    if not enough(high):
        return None
    while low < high:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle + 1
    say(f'bytes: the overhead equals the data at {low} nodes')
    return low


# Publish to apply, and start


def publish(options: Options, say: Say) -> Data:
    """Measure from publishing to the configuration in force."""
    found: Data = {'nodes': []}
    for nodes in options.sizes((4,), (4,)):
        with cluster_module.Cluster(nodes) as cluster:
            one = publish_module.measure(
                cluster, count=4 if options.quick else 60,
                size=options.size)
        quantiles = _quantiles(one.seconds)
        say(f'publish to applied, {nodes} nodes: median '
            f'{quantiles["median"] * 1e3:.0f} ms, p95 '
            f'{quantiles["p95"] * 1e3:.0f} ms')
        found['nodes'].append({'nodes': nodes, 'size': options.size,
                               'seconds': quantiles})
    return found


def startup(options: Options, say: Say) -> Data:
    """Measure a start on a long chain, and the cost along its length."""
    count = options.transactions or (2_000 if options.quick else 1_000_000)
    one = startup_module.measure(count, options.size)
    say(f'startup, {count} transactions: {one.seconds:.1f} s, '
        f'{one.memory.anonymous / 1e6:.0f} MB anonymous, '
        f'{one.memory.mapped / 1e6:.0f} MB mapped; '
        f'after SIGKILL {one.unclean_seconds:.1f} s')
    for cost in one.costs:
        say(f'  cost at {cost.transactions}: {cost.cpu_seconds * 1e6:.1f} + '
            f'{cost.index_cpu_seconds * 1e6:.1f} CPU-us a transaction')
    return dataclasses.asdict(one)


# Secure logs


def log(options: Options, say: Say) -> Data:
    """Measure lines of a secure log, and its verification."""
    one = secure_log.measure_writing(6 if options.quick else 120)
    say(f'log: {one.stock * 1e6:.1f} CPU-us a line by the stock handler, '
        f'{one.secure * 1e6:.1f} in its place ({one.ratio:.2f}), '
        f'{one.both * 1e6:.1f} beside it ({one.ratio_both:.2f}); held at '
        f'p99.9 {one.hold_seconds[1] * 1e3:.2f} ms')
    cores = writes_module.cores()
    verified = secure_log.measure_verifying(
        20_000 if options.quick else 400_000,
        (1, 2) if cores > 1 else (1,), say)
    return {'writing': dataclasses.asdict(one),
            'verifying': [dataclasses.asdict(each) for each in verified]}


SUBCOMMANDS: dict[str, Callable[[Options, Say], Data]] = {
    'reads': reads, 'writes': writes, 'consensus': consensus,
    'publish-to-apply': publish, 'startup': startup,
    'log': log}


def run(names: Iterable[str], options: Options, say: Say) -> Data:
    """Run subcommands, the machine's limit first; return all they found."""
    found: Data = {'machine': machine(), 'quick': options.quick,
                   'options': dataclasses.asdict(options)}
    for name, work in itertools.chain(
            (('limit', limit),),
            ((name, SUBCOMMANDS[name]) for name in names)):
        found[name] = work(options, say)
    return found
