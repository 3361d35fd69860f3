# SPDX-License-Identifier: Apache-2.0
"""What was prepared, perhaps committed somewhere, passes from view to view."""

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.ledger import certificate
from tacker_ledger.tests.simulation import liar
from tacker_ledger.tests.simulation import lies
from tacker_ledger.tests.simulation import network
from tacker_ledger.tests.simulation import rules
from tacker_ledger.tests.simulation.run import Run
from tacker_ledger.tests.simulation.run import scenario
from tacker_ledger.tests.simulation import twins


def _others(*members: int) -> list[int]:
    return [index for index in range(4) if index not in members]


def _first_block(member) -> tuple[bytes, int]:
    """Return the header at height 1, and the view that certified it."""
    outcome, proof = member.disk.outcomes[0]
    return (outcome.block.header_bytes,
            certificate.Certificate.from_bytes(proof).view)


# S2

@scenario('S2')
def two_copies_of_one_member(run: Run) -> None:
    """One member runs twice; what they hear changes from view to view."""
    schedule = twins.Schedule.drawn(run.draw)
    run.world = twins.world_of(schedule, observer=run.observer)
    twins.play(run.world, schedule)
    run.settle()


# S3

@scenario('S3')
def prepared_at_one_member_alone(run: Run) -> None:
    """The next view proposes it again, for its quorum includes that one."""
    world = run.federation(conditions=network.STEADY)
    one = run.draw.randrange(4)
    lost = rules.Rules(world.network)
    lost.lose(messages.Prepare, view=0, to=_others(one))
    lost.lose(messages.Commit, view=0)
    # Three are a quorum: with one away the others are all of it.
    away = run.draw.choice(_others(one, 1))
    lost.lose(messages.ViewChange, view=1, sender=[away])
    world.start()
    world.submit(run.draw.randrange(4), 2)
    run.expect(world.run(lambda: world.members[one].replica.prepared,
                         seconds=1), 'it is prepared at one member')
    header = world.members[one].replica.prepared.header
    run.expect(world.run_to_height(1), 'it is committed')
    for member in world.members:
        run.expect(_first_block(member) == (header, 1),
                   f'{member.name} has that block, of view 1')
    run.settle()
    run.expect_view(1)
    run.expect_no_refusals()


@scenario('S3')
def committed_at_one_member_alone(run: Run) -> None:
    """It has the block and is gone; the others must decide the same."""
    world = run.federation(conditions=network.STEADY)
    one = run.draw.randrange(4)
    lost = rules.Rules(world.network)
    lost.lose(messages.Commit, view=0, to=_others(one))
    lost.lose(messages.Status, sender=[one])
    lost.lose(messages.Blocks, sender=[one])
    world.start()
    world.submit(run.draw.randrange(4), 2)
    run.expect(world.run(lambda: world.members[one].height, seconds=1),
               'it is committed at one member')
    header = _first_block(world.members[one])[0]
    world.network.cut(one)
    # If the next leader is the one that is gone, it takes a view more.
    view = 2 if one == 1 else 1
    run.expect(world.run_to_height(1, members=_others(one)),
               'it is committed')
    for index in _others(one):
        run.expect(_first_block(world.members[index]) == (header, view),
                   f'node-{index} has that block, of view {view}')
    lost.clear()
    run.settle()
    run.expect_view(view)


# S4

@scenario('S4')
def prepared_twice_in_different_views(run: Run) -> None:
    """The block of the higher view is the one that counts."""
    world = run.federation(conditions=network.STEADY)
    lost = rules.Rules(world.network)
    # In view 0 node-3 alone sees its block prepared, in view 1, which
    # begins without node-3, node-0 alone sees another one.
    lost.lose(messages.Prepare, view=0, to=_others(3))
    lost.lose(messages.Commit, view=0)
    lost.lose(messages.ViewChange, view=1, sender=[3])
    lost.lose(messages.Prepare, view=1, to=_others(0))
    lost.lose(messages.Commit, view=1)
    # View 2 begins with these two and its leader.
    lost.lose(messages.ViewChange, view=2, sender=[1])
    world.start()
    world.submit(0, 2)
    run.expect(world.run(lambda: world.members[3].replica.prepared,
                         seconds=1), 'view 0 prepares at node-3')
    first = world.members[3].replica.prepared
    run.expect(world.run(lambda: world.members[0].replica.prepared,
                         seconds=10), 'view 1 prepares at node-0')
    second = world.members[0].replica.prepared
    run.expect((first.view, second.view) == (0, 1)
               and first.header != second.header,
               'two blocks are prepared in two views')
    run.expect(world.run_to_height(1), 'one is committed')
    for member in world.members:
        run.expect(_first_block(member) == (second.header, 2),
                   f'{member.name} has the later block, of view 2')
    run.settle()
    run.expect_view(2)
    run.expect_no_refusals()


# S5

def _lying_new_leader(run: Run, name: str, *, prepared: bool) -> None:
    world = run.federation(
        conditions=network.STEADY, factory={1: liar.make(liar.Usurp(
            lies.NEW_VIEWS[name]))})
    lost = rules.Rules(world.network)
    if prepared:
        lost.lose(messages.Commit, view=0)
    else:
        lost.lose(messages.PrePrepare, view=0)
    world.start()
    made = world.submit(0, 2)
    if prepared:
        world.run(lambda: all(member.replica.prepared
                              for member in world.members), seconds=1)
    headers = {member.replica.prepared.header for member in world.correct()
               if member.replica.prepared}
    run.expect(world.run_to_commit(made, members=_others(1)), 'it goes on')
    for member in world.correct():
        header, view = _first_block(member)
        run.expect(view == 2, f'{member.name} decides in view 2')
        run.expect(not headers or headers == {header},
                   f'{member.name} has what was prepared')
        run.expect(bool(member.refused), f'{member.name} refuses: {name}')
    run.settle()
    run.expect_view(2)


@scenario('S5')
def new_view_that_nobody_is_entitled_to(run: Run) -> None:
    """Forged, omitted or made up: refused, and the next one leads."""
    names = sorted(lies.NEW_VIEWS)
    _lying_new_leader(run, names[run.seed % len(names)], prepared=False)


@scenario('S5')
def new_view_that_leaves_out_what_was_prepared(run: Run) -> None:
    """The same where a block may have been committed."""
    names = sorted(lies.NEW_VIEWS)
    _lying_new_leader(run, names[run.seed % len(names)], prepared=True)


@scenario('S5')
def view_change_with_a_false_certificate(run: Run) -> None:
    """A member claims that something was prepared; nobody believes it."""
    world = run.federation(
        conditions=network.STEADY, factory={3: liar.make(liar.Replace(
            {messages.ViewChange: lies.false_prepared}))})
    lost = rules.Rules(world.network)
    lost.lose(messages.PrePrepare, view=0)
    world.start()
    made = world.submit(0, 2)
    run.expect(world.run_to_commit(made, members=_others(3)), 'it goes on')
    for member in world.correct():
        run.expect(_first_block(member)[1] == 1,
                   f'{member.name} decides in view 1')
        run.expect(bool(member.refused), f'{member.name} refuses it')
    run.settle()
    run.expect_view(1)
