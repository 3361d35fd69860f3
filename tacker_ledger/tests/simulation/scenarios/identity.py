# SPDX-License-Identifier: Apache-2.0
"""One voter per identity: restored disks, two copies, a site's power."""

from tacker_ledger.tests.simulation import citizen
from tacker_ledger.tests.simulation import member
from tacker_ledger.tests.simulation.run import any_size
from tacker_ledger.tests.simulation.run import Run
from tacker_ledger.tests.simulation.run import scenario


def _citizens(run: Run, **fields):
    """Return a running federation whose members greet each other."""
    world = run.federation(factory=dict.fromkeys(range(10), citizen.Citizen),
                           heartbeat_ms=1_000, **fields).start()
    run.expect(world.run(lambda: all(one.votes for one in world.members),
                         seconds=30), 'all members vote')
    return world


def _all_vote(run: Run, seconds: float = 120) -> None:
    """Wait until every member votes again, by itself."""
    world = run.world
    run.expect(world.run(lambda: all(
        one.votes for one in world.members if one.correct),
        seconds=seconds), 'all members vote again: ' + '; '.join(
            f'{one.name}: {one.doubt.reason or "no doubt"}, held by '
            f'{sorted(one.claim.holders)}' for one in world.members
            if one.running and not one.votes))


# S17

@any_size('S17')
def whole_site_ends_and_starts(run: Run) -> None:
    """All at once, in any order, in mid-handshake: nobody is in doubt."""
    world = _citizens(run)
    for _ in range(2):
        world.submit_over_time(4, seconds=0.3)
        world.pass_time(run.between(0.0, 0.5))
        for one in world.members:
            one.crash()
        for index in run.some(range(run.n), run.n):
            delay = run.between(0, 1)
            world.clock.post(int(delay * 1_000_000), world.restart, index)
            if run.draw.random() < 0.4:
                # It ends again while it greets the others.
                delay += run.between(0, 0.6)
                one = world.members[index]
                world.clock.post(int(delay * 1_000_000), one.crash)
                world.clock.post(int((delay + 0.2) * 1_000_000),
                                 world.restart, index)
        world.pass_time(2)
        for one in world.members:
            run.expect(one.running and not one.observes,
                       f'{one.name} is not in doubt')
        _all_vote(run)
    run.settle()
    run.expect_no_refusals()


@any_size('S17')
def disk_restored_from_an_old_backup(run: Run) -> None:
    """It is noticed; the member observes and comes back by itself."""
    world = _citizens(run)
    one = run.draw.choice(world.members)
    made = world.submit(0, 2)
    run.expect(world.run_to_commit(made), 'there is a chain')
    backup = one.disk.copy()
    for _ in range(run.draw.randint(1, 4)):
        world.pass_time(run.between(0.1, 0.6))
        world.run_to_commit(world.submit(run.draw.randrange(run.n), 2))
    # At some moment between two writes, often with votes on their way.
    world.submit(run.draw.randrange(run.n), 2)
    world.pass_time(run.between(0.0, 0.06))
    one.crash()
    one.damage(backup)
    world.pass_time(run.between(0, 1))
    world.restart(one.process)
    world.run(lambda: one.observes or one.votes, seconds=30)
    run.expect(one.observes, f'{one.name} observes before it votes')
    _all_vote(run)
    run.settle()
    run.expect_no_refusals()


@scenario('S17')
def two_copies_of_one_node(run: Run) -> None:
    """A copy of the disk starts elsewhere; the original goes on voting."""
    world = _citizens(run)
    made = world.submit(0, 3)
    run.expect(world.run_to_commit(made), 'there is a chain')
    index = run.draw.randrange(4)
    original = world.members[index]
    copied = original.disk.copy()
    world.pass_time(run.between(0, 2))
    copy = world.add(world.made.sites[index], factory=citizen.Citizen)
    copy.disk = copied
    for one in world.members:
        one.directory_changed()
    copy.start()
    world.submit_over_time(6, seconds=6, to=range(4))
    voted = []
    for _ in range(16):
        world.pass_time(0.5)
        run.expect(not (copy.votes and original.votes),
                   'the two copies never vote together')
        voted.append(original.votes)
    run.expect(all(voted), 'the original goes on voting')
    copy.crash()
    # It is gone for good: only the original may be missed.
    copy.correct = False
    world.members.remove(copy)
    _all_vote(run)
    run.settle()
    run.expect_no_refusals()


@scenario('S17')
def copy_takes_over_from_an_original_that_ends(run: Run) -> None:
    """The live copy is held once the original is gone, after its doubt."""
    world = _citizens(run)
    run.expect(world.run_to_commit(world.submit(0, 3)), 'a chain exists')
    index = run.draw.randrange(4)
    original = world.members[index]
    copied = original.disk.copy()
    world.run_to_commit(world.submit(0, 3))
    copy = world.add(world.made.sites[index], factory=citizen.Citizen)
    copy.disk = copied
    for one in world.members:
        one.directory_changed()
    copy.start()
    world.pass_time(run.between(0, 3))
    original.crash()
    original.correct = False
    run.expect(world.run(lambda: copy.votes, seconds=120),
               'the copy votes at last')
    world.members.remove(original)
    run.settle(heal=False)
    run.expect_no_refusals()


@any_size('S17')
def greeting_processes_end_at_any_write(run: Run) -> None:
    """As the kill loop does with real processes."""
    world = _citizens(run)
    for one in world.members:
        one.on_stop = lambda one: world.clock.post(
            int(run.between(0.01, 1.0) * 1_000_000), world.restart,
            one.process)
        for number in range(one.writes + 1, one.writes + 60):
            if run.draw.random() < 0.15:
                one.stops[number] = run.draw.choice(
                    (member.BEFORE, member.AFTER))
    world.submit_over_time(8, seconds=6)
    world.pass_time(8)
    for one in world.members:
        one.stops.clear()
    world.heal()
    for one in world.members:
        run.expect(not one.observes, f'{one.name} is not in doubt')
    _all_vote(run)
    run.settle()
    run.expect_no_refusals()


# S18

@any_size('S18')
def vote_log_has_a_flipped_bit(run: Run) -> None:
    """It is noticed; the member observes until its votes cannot matter."""
    world = _citizens(run)
    one = run.draw.choice(world.members)
    world.submit_over_time(6, seconds=2)
    world.run(lambda: bool(one.disk.records), seconds=5)
    one.crash()
    run.expect(one.disk.spoil(), 'there is a record to damage')
    world.pass_time(run.between(0, 2))
    world.restart(one.process)
    run.expect(one.observes, 'it observes')
    _all_vote(run)
    run.settle()
    run.expect_no_refusals()


@any_size('S18')
def chain_and_votes_have_lost_their_tail(run: Run) -> None:
    """What a disk has lost without a trace shows in what others have."""
    world = _citizens(run)
    for _ in range(4):
        world.run_to_commit(world.submit(run.draw.randrange(run.n), 2))
    one = run.draw.choice(world.members)
    world.submit_over_time(4, seconds=0.5)
    world.pass_time(run.between(0, 0.5))
    one.crash()
    lost = one.disk.truncated(world.genesis_head,
                              run.draw.randrange(one.height))
    lost.records = {}
    one.damage(lost)
    world.restart(one.process)
    _all_vote(run)
    run.settle()
    run.expect_no_refusals()
