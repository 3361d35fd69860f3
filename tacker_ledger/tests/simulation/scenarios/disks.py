# SPDX-License-Identifier: Apache-2.0
"""Processes that end at any write, disks that are slow, full or damaged."""

from tacker_ledger.core.ledger import state_map
from tacker_ledger.tests.simulation import disk
from tacker_ledger.tests.simulation import member
from tacker_ledger.tests.simulation import network
from tacker_ledger.tests.simulation import run as run_module
from tacker_ledger.tests.simulation.run import any_size
from tacker_ledger.tests.simulation.run import Run


def _comes_back(run: Run, low: float = 0.05, high: float = 1.0):
    """Return what starts a process again a while after it has ended."""
    def stopped(one) -> None:
        one.clock.post(int(run.between(low, high) * 1_000_000),
                       run.world.restart, one.process)
    return stopped


# S17

@any_size('S17')
def process_ends_at_each_write_in_turn(run: Run) -> None:
    """Before or after each of its writes and appends, again and again."""
    world = run.federation(heartbeat_ms=5_000)
    index = run.seed % run.n
    one = world.members[index]
    one.on_stop = _comes_back(run)
    for number in range(1, 40):
        one.stops[number] = run.draw.choice((member.BEFORE, member.AFTER))
    world.start()
    world.submit_over_time(8, seconds=6)
    world.pass_time(8)
    one.stops.clear()
    run.settle()
    run.expect(one.starts > 2, 'it has ended more than once')
    run.expect_no_refusals()


@any_size('S17')
def all_processes_end_now_and_then(run: Run) -> None:
    """Any of them, at any write, under a bad network."""
    world = run.federation(
        conditions=run.draw.choice(run_module.BAD_NETWORKS),
        heartbeat_ms=5_000)
    for one in world.members:
        one.on_stop = _comes_back(run)
        for number in range(1, 80):
            if run.draw.random() < 0.15:
                one.stops[number] = run.draw.choice(
                    (member.BEFORE, member.AFTER))
    world.start()
    world.submit_over_time(10, seconds=6)
    world.pass_time(10)
    for one in world.members:
        one.stops.clear()
    run.settle()
    run.expect_no_refusals()


@any_size('S17')
def processes_end_and_are_back_at_once(run: Run) -> None:
    """Before others have heard what they said last, over slow links."""
    world = run.federation(conditions=network.Conditions(
        latency_us=(5_000, 80_000), reordering=True), heartbeat_ms=2_000)
    for one in world.members:
        one.on_stop = _comes_back(run, 0.001, 0.05)
        for number in range(1, 80):
            if run.draw.random() < 0.3:
                one.stops[number] = run.draw.choice(
                    (member.BEFORE, member.AFTER))
    world.start()
    world.submit_over_time(10, seconds=6)
    world.pass_time(8)
    for one in world.members:
        one.stops.clear()
    run.settle()
    run.expect_no_refusals()


@any_size('S17')
def all_end_at_once(run: Run) -> None:
    """A site loses power; its members start in any order, at any time."""
    world = run.federation(
        conditions=run.draw.choice(run_module.BAD_NETWORKS)).start()
    for _ in range(3):
        world.submit_over_time(4, seconds=0.3)
        world.pass_time(run.between(0.0, 0.4))
        heights = [one.height for one in world.members]
        for one in world.members:
            one.crash()
        for index in run.some(range(run.n), run.n):
            world.clock.post(int(run.between(0, 3) * 1_000_000),
                             world.restart, index)
        world.pass_time(3.1)
        run.expect(all(one.height >= height for one, height
                       in zip(world.members, heights, strict=True)),
                   'no block is lost')
    run.settle()
    run.expect_no_refusals()


# S19

@any_size('S19')
def votes_cannot_be_written(run: Run) -> None:
    """Some members vote no more, the others go on; space returns."""
    world = run.federation().start()
    broken = run.some(range(run.n), run.f)
    world.submit_over_time(8, seconds=4)
    world.pass_time(run.between(0, 1))
    for index in broken:
        world.members[index].disk.fails = True
    world.pass_time(3)
    made = world.submit(next(index for index in range(run.n)
                             if index not in broken), 3)
    run.expect(world.run_to_commit(made), 'all have it, votes or not')
    for index in broken:
        one = world.members[index]
        run.expect(not one.replica.may_vote, f'{one.name} votes no more')
        one.crash()
        one.disk.fails = False
        world.restart(index)
    run.settle()
    run.expect_no_refusals()


@any_size('S19')
def blocks_cannot_be_written(run: Run) -> None:
    """A full disk ends a member's part until there is space."""
    world = run.federation().start()
    full = run.some(range(run.n), run.f)
    world.submit_over_time(8, seconds=4)
    world.pass_time(run.between(0, 1))
    for index in full:
        world.members[index].disk.full = True
    world.pass_time(3)
    others = [index for index in range(run.n) if index not in full]
    made = world.submit(run.draw.choice(others), 3)
    run.expect(world.run_to_commit(made, members=others),
               'the others go on')
    for index in full:
        world.members[index].disk.full = False
        if not world.members[index].running:
            world.restart(index)
    run.settle()
    run.expect_no_refusals()


@any_size('S19')
def disks_that_are_slow(run: Run) -> None:
    """Some take a hundred times as long, with a wide spread."""
    slow = member.Options(durations=disk.Durations(50_000, 80_000, 200_000))
    chosen = run.some(range(run.n), run.draw.randint(1, run.n))
    world = run.federation(options=dict.fromkeys(chosen, slow)).start()
    world.submit_over_time(8, seconds=4)
    world.pass_time(4)
    run.settle()
    run.expect_no_refusals()


# S20

@any_size('S20')
def authenticated_map_is_lost(run: Run) -> None:
    """It is built again from the state, to the same root."""
    world = run.federation().start()
    made = world.submit(0, 20)
    run.expect(world.run_to_commit(made), 'there is a state')
    one = run.draw.choice(world.members)
    one.crash()
    root = one.disk.nodes.get(state_map.ROOT)
    one.disk.nodes = state_map.SparseNodes()
    rebuilt = state_map.build(world.h, one.disk.nodes,
                              one.disk.state.hashes())
    run.expect(rebuilt == root, 'the root is the same')
    world.restart(one.process)
    run.settle()
    run.expect_no_refusals()
