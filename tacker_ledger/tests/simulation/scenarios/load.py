# SPDX-License-Identifier: Apache-2.0
"""More than can be done, the same thing again, and the same course twice."""

from tacker_ledger.tests.simulation import disk
from tacker_ledger.tests.simulation import member
from tacker_ledger.tests.simulation import network
from tacker_ledger.tests.simulation import oracle
from tacker_ledger.tests.simulation.run import any_size
from tacker_ledger.tests.simulation.run import Run
from tacker_ledger.tests.simulation.run import scenario
from tacker_ledger.tests.simulation import simulation as simulation_module


# S23

@any_size('S23')
def steady_load_changes_no_view(run: Run) -> None:
    """Heights that take a good part of a view's time, one after another."""
    slow = member.Options(durations=disk.Durations(80_000, 80_000))
    world = run.federation(
        options=dict.fromkeys(range(10), slow), heartbeat_ms=1_000,
        batch_max_transactions=2).start()
    made = world.submit(run.draw.randrange(run.n), 24)
    run.expect(world.run_to_commit(made), 'everything is committed')
    run.expect_view(0)
    run.settle(heal=False, views=0)
    run.expect_no_refusals()


@any_size('S23')
def ten_times_the_load(run: Run) -> None:
    """Pools are full, disks are slow; views change seldom, nothing is lost.
    """
    limit = 40
    slow = member.Options(durations=disk.Durations(50_000, 400_000, 100_000),
                          pool_limit=limit)
    world = run.federation(options=dict.fromkeys(range(10), slow),
                           batch_max_transactions=4).start()
    world.submit_over_time(100, seconds=4)
    world.pass_time(6)
    for one in world.members:
        run.expect(len(one.pool.waiting) <= limit,
                   f'{one.name} keeps no more than it may')
    run.settle(heal=False, seconds=600)
    run.expect(all(one.replica.view <= 2 for one in world.members),
               'there is no storm of view changes')


@any_size('S23')
def execution_becomes_slow(run: Run) -> None:
    """Timeouts adapt: after some views one lasts long enough."""
    slow = member.Options(durations=disk.Durations(600_000, 600_000))
    world = run.federation(options=dict.fromkeys(range(10), slow)).start()
    made = world.submit(run.draw.randrange(run.n), 2)
    run.expect(world.run_to_commit(made, seconds=300), 'it is committed')
    first = world.members[0].replica.view
    for _ in range(6):
        made = world.submit(run.draw.randrange(run.n), 2)
        run.expect(world.run_to_commit(made, seconds=60),
                   'it goes on')
    run.expect_view(first)


# S24

@any_size('S24')
def client_submits_again_everywhere(run: Run) -> None:
    """Resubmission commits once."""
    world = run.federation(conditions=run.draw.choice(
        (network.LOSSY, network.AWFUL))).start()
    made = world.transactions(6)
    for _ in range(8):
        for one in run.some(range(run.n), 2):
            world.members[one].submit(made)
        world.pass_time(run.between(0.01, 1.0))
    run.expect(world.run_to_commit(made), 'it is committed')
    world.members[run.draw.randrange(run.n)].submit(made)
    world.pass_time(2)
    run.settle(heal=False)
    held = [one.txid for outcome, _proof
            in world.members[0].disk.outcomes
            for one in outcome.transactions]
    run.expect(len(held) == len(set(held)), 'each is committed once')


# S25

@scenario('S25')
def every_way_of_running_gives_the_same_course(run: Run) -> None:
    """Bytes or objects, each judging for itself or one for all."""
    courses = {simulation_module.course_of(run.seed, wire=wire,
                                           memoised=memoised)
               for wire, memoised in ((False, True), (True, True),
                                      (False, False))}
    if len(courses) != 1:
        raise oracle.Failed(f'{len(courses)} courses of one seed')
    run.federation().start()
    run.settle()
