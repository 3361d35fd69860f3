# SPDX-License-Identifier: Apache-2.0
"""Networks that lose, repeat, reorder and part; clocks that are wrong."""

from tacker_ledger.tests.simulation import disk
from tacker_ledger.tests.simulation import member
from tacker_ledger.tests.simulation import network
from tacker_ledger.tests.simulation import run as run_module
from tacker_ledger.tests.simulation.run import any_size
from tacker_ledger.tests.simulation.run import Run
from tacker_ledger.tests.simulation.run import scenario

_HOUR_MS = 3_600_000
_MINUTE_MS = 60_000


# S11

@any_size('S11')
def frames_come_twice_late_and_again(run: Run) -> None:
    """Doubled, reordered, delayed and replayed frames have no effect."""
    world = run.federation(conditions=network.Conditions(
        latency_us=(100, 40_000), doubling=0.5, reordering=True,
        replay=0.5)).start()
    made = world.submit_over_time(8)
    world.pass_time(2)
    run.expect(world.run_to_commit(made), 'everything is committed')
    run.settle(heal=False)
    run.expect_view(0)
    run.expect_no_refusals()


@any_size('S11')
def frames_come_again_after_a_restart(run: Run) -> None:
    """What a member heard in its earlier life comes once more."""
    world = run.federation(conditions=network.Conditions(
        latency_us=(100, 20_000), reordering=True, replay=0.8)).start()
    world.submit_over_time(8, seconds=4)
    for _ in range(3):
        world.pass_time(run.between(0.1, 1.0))
        index = run.draw.randrange(run.n)
        world.members[index].crash()
        world.pass_time(run.between(0.0, 0.3))
        world.restart(index)
    run.settle(heal=False)
    run.expect_no_refusals()


# S14

@scenario('S14', sizes=(7,))
def some_silent_and_some_slow(run: Run) -> None:
    """Seven go on with two silent and two slow ones."""
    slow = member.Options(durations=disk.Durations(60_000, 60_000, 40_000))
    chosen = run.some(range(7), 4)
    world = run.federation(7, options=dict.fromkeys(chosen[:2], slow))
    world.network.slow(chosen[:2], 150_000)
    for index in chosen[2:]:
        world.network.cut(index)
    world.start()
    index = next(index for index in range(7) if index not in chosen)
    made = world.submit(index, 4)
    others = [index for index in range(7) if index not in chosen[2:]]
    run.expect(world.run_to_commit(made, members=others), 'it goes on')
    run.settle()


@scenario('S14', sizes=(7, 4))
def one_silent_too_many(run: Run) -> None:
    """It halts, nobody diverges, and it resumes by itself."""
    world = run.federation().start()
    world.submit_over_time(4)
    world.pass_time(run.between(0.1, 2.0))
    for index in run.some(range(run.n), run.f + 1):
        world.network.cut(index)
    world.pass_time(1)
    heights = {one.height for one in world.members}
    world.submit_over_time(4, seconds=1)
    world.pass_time(run.between(5, 40))
    run.expect(max(one.height for one in world.members)
               <= max(heights) + 1, 'it halts')
    run.settle()
    run.expect_no_refusals()


# S15

def _traffic(run: Run):
    world = run.federation(
        conditions=run.draw.choice(run_module.BAD_NETWORKS)).start()
    world.submit_over_time(10, seconds=8)
    world.pass_time(run.between(0.2, 1.0))
    return world


@any_size('S15')
def even_halves(run: Run) -> None:
    """Neither half can decide anything; together they can again."""
    world = _traffic(run)
    order = run.some(range(run.n), run.n)
    world.network.part(order[:run.n // 2], order[run.n // 2:])
    if run.draw.random() < 0.5:
        world.sever()
    world.pass_time(run.between(1, 20))
    run.settle()
    run.expect_no_refusals()


@any_size('S15')
def leader_in_the_minority(run: Run) -> None:
    """The majority goes on without it; it follows afterwards."""
    world = _traffic(run)
    world.network.conditions = network.Conditions()
    leader = world.members[0].replica.leader
    rest = [index for index in range(run.n) if index != leader]
    minority = [leader, *run.some(rest, run.draw.randint(0, run.f - 1))]
    majority = [index for index in range(run.n) if index not in minority]
    world.network.part(minority, majority)
    if run.draw.random() < 0.5:
        world.sever()
    made = world.submit(run.draw.choice(majority), 3)
    run.expect(world.run_to_commit(made, members=majority),
               'the majority goes on')
    run.settle()
    run.expect_no_refusals()


@any_size('S15')
def one_way_links(run: Run) -> None:
    """Some hear but are not heard, others the reverse."""
    world = _traffic(run)
    for _ in range(run.draw.randint(1, 3)):
        one = run.draw.randrange(run.n)
        others = run.some(
            [index for index in range(run.n) if index != one],
            run.draw.randint(1, run.n - 1))
        if run.draw.random() < 0.5:
            world.network.block([one], others)
        else:
            world.network.block(others, [one])
    world.pass_time(run.between(1, 20))
    run.settle()
    run.expect_no_refusals()


@any_size('S15')
def flapping_links(run: Run) -> None:
    """They part and meet again faster than a view lasts."""
    world = _traffic(run)
    for _ in range(run.draw.randint(5, 20)):
        order = run.some(range(run.n), run.n)
        cut = run.draw.randint(1, run.n - 1)
        world.network.part(order[:cut], order[cut:])
        world.pass_time(run.between(0.05, 1.5))
        world.network.heal()
        world.connect_all()
        world.pass_time(run.between(0.0, 0.5))
    run.settle()
    run.expect_no_refusals()


# S22

@any_size('S22')
def clocks_that_are_wrong(run: Run) -> None:
    """Up to f clocks are an hour off, the leader's among them or not."""
    wrong = run.some(range(run.n), run.f)
    world = run.federation(skews_ms={
        index: run.draw.choice((-_HOUR_MS, _HOUR_MS)) for index in wrong})
    world.start()
    world.submit_over_time(8)
    world.pass_time(5)
    run.settle(views=2)
    for one in world.members:
        codes = {refusal.code for refusal in one.refused}
        run.expect(codes <= {'timestamp-future'},
                   f'{one.name} refuses for other reasons: {codes}')


@any_size('S22')
def clocks_that_jump(run: Run) -> None:
    """Up to f clocks jump about while transactions flow."""
    world = run.federation(
        conditions=run.draw.choice(run_module.BAD_NETWORKS)).start()
    world.submit_over_time(12, seconds=6)
    wrong = run.some(world.members, run.f)
    for _ in range(6):
        world.pass_time(run.between(0.2, 1.5))
        one = run.draw.choice(wrong)
        one.skew_ms = run.draw.randint(-_HOUR_MS, _HOUR_MS)
    run.settle()


@any_size('S22')
def all_clocks_jump(run: Run) -> None:
    """A header may be ahead of everybody then: they wait until it is not.

    Safety is untouched; liveness returns with the clocks.
    """
    world = run.federation(
        conditions=run.draw.choice(run_module.BAD_NETWORKS)).start()
    world.submit_over_time(12, seconds=6)
    for _ in range(6):
        world.pass_time(run.between(0.2, 1.5))
        one = run.draw.choice(world.members)
        one.skew_ms = run.draw.randint(-_MINUTE_MS, _MINUTE_MS)
    for one in world.members:
        one.skew_ms = 0
    world.heal()
    world.pass_time(_MINUTE_MS / 1000)
    run.settle()
