# SPDX-License-Identifier: Apache-2.0
"""Members far behind take the state, and believe nobody who gives it (S16).

Pages are small here, so that a snapshot takes many of them; every member
judges blocks by its own state, so that a wrong one would show.
"""

from collections.abc import Iterator
import contextlib
import dataclasses
import functools
import itertools

from tacker_ledger.core.consensus import catch_up
from tacker_ledger.core.consensus import snapshot_messages
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import snapshot
from tacker_ledger.core import limits
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers
from tacker_ledger.tests.simulation import joining
from tacker_ledger.tests.simulation import liar
from tacker_ledger.tests.simulation import member
from tacker_ledger.tests.simulation import network
from tacker_ledger.tests.simulation import run as run_module
from tacker_ledger.tests.simulation.run import any_size
from tacker_ledger.tests.simulation.run import Run
from tacker_ledger.tests.simulation.run import scenario
from tacker_ledger.tests.simulation import simulation
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import keys

Part = snapshot.Part
Page = snapshot_messages.Page

_PAGE_COUNT = 5
#: Further behind than this a member takes a snapshot.
_THRESHOLD_BLOCKS = 4
_CATCHING = catch_up.Config(timeout_ms=2_000,
                            snapshot_threshold_blocks=_THRESHOLD_BLOCKS)
_OPTIONS = member.Options(catching=_CATCHING)
_LIAR = 0


@contextlib.contextmanager
def _small_pages() -> Iterator[None]:
    usual = limits.SNAPSHOT_PAGE_MAX_COUNT
    limits.SNAPSHOT_PAGE_MAX_COUNT = _PAGE_COUNT
    try:
        yield
    finally:
        limits.SNAPSHOT_PAGE_MAX_COUNT = usual


def _with_small_pages(play):
    """Let all members of a scenario give and take small pages."""
    @functools.wraps(play)
    def played(run: Run) -> None:
        with _small_pages():
            play(run)
    return played


@functools.lru_cache(maxsize=64)
def _addressed(h, number: int):
    """Return what a tenant sends to a VNF: a pair of the state."""
    return authoring.author_request(
        h, keys.curve(federations.PROVIDER, f'tenant {number % 3}'), vid=1,
        recipient_id=vectors.fixed_bytes(f'vnf {number % 4}', 32),
        slot_expiry_ms=simulation.EPOCH_MS + 3_600_000,
        timestamp_ms=simulation.EPOCH_MS,
        nonce=vectors.fixed_bytes(f'addressed {number}', 16))


def _federation(run: Run, plan: liar.Plan | None = None, **fields):
    """Return a federation whose members give and take snapshots."""
    factory = dict.fromkeys(range(run.n), joining.Member)
    if plan is not None:
        factory[_LIAR] = functools.partial(joining.Liar, plan=plan)
    return run.federation(run.n, factory=factory, memoised=False,
                          options=dict.fromkeys(range(run.n), _OPTIONS),
                          batch_max_transactions=3, **fields)


def _start_others(run: Run, late: int) -> list[int]:
    """Start all but the last member; return them."""
    others = run.world.members[:late]
    for one in others:
        one.start()
    for one, other in itertools.permutations(others, 2):
        one.connected(other.process)
    return list(range(late))


def _grow(run: Run, others, blocks: int) -> None:
    """Let a chain grow without the one that is away."""
    world = run.world
    count = 3 * blocks
    first = len(world.submitted)
    addressed = [_addressed(world.h, first + number)
                 for number in range(count // 3)]
    for one in addressed:
        world.memory.know(one)
    made = world.transactions(count - len(addressed)) + addressed
    run.draw.shuffle(made)
    height = world.members[others[0]].height
    world.members[run.draw.choice(others)].submit(made)
    run.expect(world.run_to_commit(made, members=others), 'the others go on')
    run.expect(world.members[others[0]].height >= height + blocks,
               'there are many blocks')


def _expect_joined(run: Run, late: int) -> None:
    """It has a snapshot, knows the truth, and its vote counts."""
    world = run.world
    one = world.members[late]
    run.expect(bool(one.installed), f'{one.name} has taken a snapshot')
    run.settle()
    # Without its vote and that of one more there is no quorum.
    honest = [other.process for other in run.voters()
              if other.running and other.process != late]
    faulty = run.f - sum(not other.correct for other in world.members)
    for process in run.some(honest, faulty):
        world.members[process].crash()
    run.settle(heal=False)
    for process, held in ((other.process, other.disk)
                          for other in run.voters() if other.running):
        if held.height == one.height:
            run.expect(held.state.hashes() == one.disk.state.hashes(),
                       f'its state is that of {process}')


# S16

def _joins(run: Run, conditions: network.Conditions) -> int:
    """Let a member begin with an empty disk while the chain moves on."""
    late = run.n - 1
    world = _federation(run)
    others = _start_others(run, late)
    _grow(run, others, run.draw.randint(6, 12))
    world.network.conditions = conditions
    world.submit_over_time(6, seconds=2, to=others)
    world.restart(late)
    return late


@any_size('S16')
@_with_small_pages
def joiner_takes_a_snapshot(run: Run) -> None:
    """Over links that are fast or slow."""
    late = _joins(run, run.draw.choice((
        network.STEADY, network.Conditions(),
        network.Conditions(latency_us=(5_000, 80_000)))))
    world = run.world
    run.expect(world.run(lambda: bool(world.members[late].installed),
                         seconds=60, on_change=True), 'it takes a snapshot')
    run.expect(world.members[late].disk.base > _THRESHOLD_BLOCKS,
               'it has no older blocks')
    run.expect(not world.members[late].distrusted, 'nobody is blamed')
    _expect_joined(run, late)
    run.expect_no_refusals()


@scenario('S16')
@_with_small_pages
def joiner_over_links_that_lose_and_repeat(run: Run) -> None:
    """Links do not, but if they did it would still get there, by blocks."""
    late = _joins(run, run.draw.choice(run_module.BAD_NETWORKS[1:]))
    world = run.world
    world.run(lambda: bool(world.members[late].height), seconds=20,
              on_change=True)
    run.settle()


@any_size('S16')
@_with_small_pages
def member_far_behind_takes_a_snapshot(run: Run) -> None:
    """It keeps what it had, its pool too: others have committed that."""
    late = run.draw.randrange(run.n)
    others = [index for index in range(run.n) if index != late]
    world = _federation(run).start()
    made = world.submit(late, 3)
    run.expect(world.run_to_commit(made), 'all begin together')
    kept = world.members[late].height
    world.network.cut(late)
    world.sever()
    waiting = world.transactions(2)
    world.members[late].submit(waiting)
    # Their clients turn to others.
    world.members[others[0]].submit(waiting)
    _grow(run, others, run.draw.randint(6, 12))
    world.network.heal()
    world.connect_all()
    run.expect(world.run(lambda: bool(world.members[late].installed),
                         seconds=60, on_change=True), 'it takes a snapshot')
    disk = world.members[late].disk
    run.expect(disk.outcomes[kept - 1] is not None
               and disk.outcomes[kept] is None, 'it keeps what it had')
    _expect_joined(run, late)


@scenario('S16', sizes=(4, 5))
@_with_small_pages
def snapshot_across_federations(run: Run) -> None:
    """The joiner is in the second document, and follows from genesis on."""
    world = _federation(run).start()
    _grow(run, list(range(run.n)), 2)
    made, sites = world.made, list(world.made.sites)
    for epoch in range(1, 3):
        if epoch == 2:
            sites.append(federations.make_site('node-joining'))
        else:
            run.draw.shuffle(sites)
        made = _successor(made, tuple(sites))
        one = ledgers.federation_transaction(made.h, made, f'epoch {epoch}')
        world.epochs.append(made.federation)
        world.memory.know(one)
        world.members[run.draw.randrange(run.n)].submit([one])
        run.expect(world.run(lambda: all(
            other.ledger.federation.epoch == epoch
            for other in world.members), seconds=60, on_change=True),
            f'epoch {epoch} begins')
        _grow(run, list(range(run.n)), run.draw.randint(2, 6))
    late = world.add(sites[-1], _OPTIONS, joining.Member).process
    world.restart(late)
    for other in world.members:
        other.directory_changed()
    world.connect(late)
    run.expect(world.run(lambda: bool(world.members[late].installed),
                         seconds=60, on_change=True), 'it takes a snapshot')
    run.expect(world.members[late].ledger.federation.epoch == 2,
               'it is in the newest federation')
    run.settle()
    # The joiner's own snapshot can be given on.
    _expect_joined(run, late)


@functools.lru_cache(maxsize=64)
def _successor(made: federations.Made, sites: tuple) -> federations.Made:
    return federations.successor(made, sites)


@scenario('S16')
@_with_small_pages
def joiner_dies_while_a_snapshot_comes(run: Run) -> None:
    """At any page, again and again; what it has is old or new, no mixture."""
    late = run.n - 1
    others = list(range(late))
    world = _federation(run)
    one = world.members[late]
    _start_others(run, late)
    _grow(run, others, run.draw.randint(6, 10))

    def again(stopped) -> None:
        run.expect(stopped.height == 0 and not stopped.disk.state.hashes(),
                   'nothing of it is there')
        world.clock.post(int(run.between(0.01, 1.5) * 1_000_000), come_back)

    left = run.draw.randint(1, 4)

    def come_back() -> None:
        nonlocal left
        left -= 1
        if left > 0:
            one.stop_at_page = run.draw.randint(1, 6)
        world.restart(late)

    one.on_stop = again
    one.stop_at_page = run.draw.randint(1, 6)
    starts = left + 1
    world.restart(late)
    world.submit_over_time(4, seconds=2, to=others)
    run.expect(world.run(lambda: bool(one.installed), seconds=60,
                         on_change=True), 'it takes a snapshot at last')
    run.expect(one.starts == starts, 'it has died each time')
    _expect_joined(run, late)


@scenario('S16')
@_with_small_pages
def source_of_a_snapshot_dies_or_stalls(run: Run) -> None:
    """In the midst of it; the next one gives it."""
    late, dies = run.n - 1, run.seed % 2 == 0
    others = list(range(late))
    seen = 0

    def fail(one, message):
        nonlocal seen
        seen += 1
        if seen < after:
            return [message]
        if dies and one.running:
            one.crash()
        return []

    after = run.draw.randint(1, 6)
    world = _federation(run, liar.Replace({Page: fail}))
    _start_others(run, late)
    _grow(run, others, 8)
    _begin_with_the_liar(run, late)
    run.expect(seen >= after, 'it begins well')
    wanted = (_LIAR, 'no-node' if dies else 'timeout')
    run.expect(world.members[late].distrusted[:1] == [wanted],
               f'it notices: {world.members[late].distrusted}')
    if dies:
        world.restart(_LIAR)
    _expect_joined(run, late)


def _begin_with_the_liar(run: Run, late: int) -> None:
    """Start the joiner; it hears of the liar first, then of all."""
    world = run.world
    one, source = world.members[late], world.members[_LIAR]
    world.network.part(range(1, late), [late])
    one.start()
    one.connected(_LIAR)
    source.connected(late)
    run.expect(world.run(lambda: bool(one.distrusted), seconds=60),
               'the liar is found out')
    run.expect(not one.installed, 'nothing is put in')
    world.network.heal()
    for other in range(1, late):
        one.connected(other)
        world.members[other].connected(late)
    run.expect(world.run(lambda: bool(one.installed), seconds=60,
                         on_change=True), 'another one gives it')


# What a source may lie

def _of(part: Part):
    """Return a lie about the first page of a part, by its keys' sizes."""
    bytes_of = {Part.STATE: 32, Part.ADDRESSED: 64}[part]

    def about(change):
        def lie(one, message):
            items = list(message.items)
            if items and len(items[0][0]) == bytes_of:
                return [dataclasses.replace(message, items=tuple(
                    change(items)))]
            return [message]
        return lie
    return about


def _flipped(items):
    key, value = items[0]
    return [(key, value[:-1] + bytes([value[-1] ^ 1])), *items[1:]]


def _added(items):
    key, value = items[0]
    before = (int.from_bytes(key, 'big') - 1).to_bytes(len(key), 'big')
    return [(before, value), *items]


def _renamed(items):
    key, value = items[-1]
    after = (int.from_bytes(key, 'big') + 1).to_bytes(len(key), 'big')
    return [*items[:-1], (after, value)]


def _swapped(items):
    return [*items[1:], items[0]]


def _without_end(one, message):
    return [dataclasses.replace(
        message, items=message.items[:1], more=True)] if (
            message.items) else [message]


def _empty_for_ever(one, message):
    return [dataclasses.replace(message, items=(), more=True)]


def _nothing_addressed(one, message):
    items = message.items
    if items and len(items[0][0]) == 64:
        return [dataclasses.replace(message, items=(), more=False)]
    return [message]


def _offer(change):
    """Return a lie about the block whose state is offered."""
    def lie(one, message):
        block = block_module.Block.from_bytes(one.world.h, message.block)
        raw, proof = change(one, block, message.certificate)
        return [dataclasses.replace(message, block=raw, certificate=proof)]
    return lie


def _junk(one, block, proof):
    return block.to_bytes(), proof[:-1] + bytes([proof[-1] ^ 1])


def _stale(one, block, proof):
    """A state from before: as good as none."""
    outcome, older = one.disk.outcomes[0]
    return outcome.block.to_bytes(), older


def _refuse(one, message):
    return [snapshot_messages.NoSnapshot(message.request_id, 'busy')]


_GET = snapshot_messages.Snapshot
#: Name -> (what is answered otherwise, how, how it is found out)
_LIES = {
    'value changed': (Page, _of(Part.STATE)(_flipped), 'bad-proof'),
    'key missing': (Page, _of(Part.STATE)(lambda items: items[1:]),
                    'bad-proof'),
    'key added': (Page, _of(Part.STATE)(_added), 'bad-proof'),
    'key renamed': (Page, _of(Part.STATE)(_renamed), 'bad-proof'),
    'out of order': (Page, _of(Part.STATE)(_swapped), 'bad-proof'),
    'crumbs': (Page, _without_end, 'bad-proof'),
    'empty pages': (Page, _empty_for_ever, 'bad-proof'),
    'pair withheld': (Page, _nothing_addressed, 'bad-proof'),
    'pair renamed': (Page, _of(Part.ADDRESSED)(_renamed), 'bad-proof'),
    'another block': (_GET, _offer(lambda one, block, proof: (
        one.rival(block).to_bytes(), proof)), 'bad-certificate'),
    'another state root': (_GET, _offer(lambda one, block, proof: (
        one.changed(block, state_root=bytes(32)).to_bytes(), proof)),
        'bad-certificate'),
    'junk for a certificate': (_GET, _offer(_junk), 'bad-certificate'),
    'stale': (_GET, _offer(_stale), 'stale-head'),
    'no block': (_GET, lambda one, message: [dataclasses.replace(
        message, block=b'\x80')], 'malformed'),
    'something else': (_GET, lambda one, message: [Page(
        message.request_id, (), False)], 'malformed'),
    'silence': (_GET, lambda one, message: [], 'timeout'),
    'silence from a page on': (Page, lambda one, message: [], 'timeout'),
    'answer to nobody': (Page, lambda one, message: [dataclasses.replace(
        message, request_id=message.request_id + 1)], 'timeout'),
}


@scenario('S16')
@_with_small_pages
def source_of_a_snapshot_that_lies(run: Run) -> None:
    """Nothing of it is put in, it is found out, and the next one is asked."""
    names = sorted(_LIES)
    name = names[run.seed % len(names)]
    kind, lie, code = _LIES[name]
    late = run.n - 1
    world = _federation(run, liar.Replace({kind: lie}))
    _start_others(run, late)
    _grow(run, list(range(late)), run.draw.randint(6, 10))
    _begin_with_the_liar(run, late)
    found = world.members[late].distrusted
    run.expect(found[:1] == [(_LIAR, code)], f'{name} is found out: {found}')
    _expect_joined(run, late)


@scenario('S16')
@_with_small_pages
def federation_document_withheld_from_a_joiner(run: Run) -> None:
    """The newest block is under a document that is not shown, or has it."""
    def withhold(one, message):
        if message.items and len(message.items[0][0]) == 4:
            return [dataclasses.replace(
                message, items=message.items[:-1], more=False)]
        return [message]

    late = run.n - 1
    others = list(range(late))
    world = _federation(run, liar.Replace({Page: withhold}))
    _start_others(run, late)
    _grow(run, others, 6)
    made = _successor(world.made, tuple(world.made.sites))
    one = ledgers.federation_transaction(made.h, made, 'withheld')
    world.epochs.append(made.federation)
    world.memory.know(one)
    world.members[1].submit([one])
    run.expect(world.run_to_commit([one], members=others), 'epoch 1 begins')
    if run.seed % 2:
        _grow(run, others, 2)
    # else its own block is the newest, certified by those before
    _begin_with_the_liar(run, late)
    found = world.members[late].distrusted
    run.expect(found[:1] == [(_LIAR, errors.UnknownFederation.code)],
               f'it is found out: {found}')
    _expect_joined(run, late)
