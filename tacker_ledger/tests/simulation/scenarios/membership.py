# SPDX-License-Identifier: Apache-2.0
"""Members that come, go and change their keys (S21)."""

import dataclasses
import functools

from tacker_ledger.core.consensus import quorum
from tacker_ledger.core.ledger import certificate
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers
from tacker_ledger.tests.simulation import run as run_module
from tacker_ledger.tests.simulation.run import Run
from tacker_ledger.tests.simulation.run import scenario
from tacker_ledger.tests import vectors


@functools.lru_cache(maxsize=64)
def _successor(made: federations.Made, sites: tuple, label: str):
    """Return a federation that follows another, and its transaction."""
    after = federations.successor(made, sites)
    return after, ledgers.federation_transaction(made.h, after, label)


def _enact(run: Run, made, sites, label: str, *, via: int):
    """Publish a federation; return it once all old members know it."""
    world = run.world
    after, transaction = _successor(made, tuple(sites), label)
    world.epochs.append(after.federation)
    world.memory.know(transaction)
    world.members[via].submit([transaction])
    # Whoever is removed before it knows may never hear of it.
    names = ({site.member.name for site in made.sites}
             & {site.member.name for site in sites})
    olds = [one for one in world.members
            if one.name in names and one.running]
    run.expect(world.run(lambda: all(
        one.ledger.federation.epoch == after.federation.epoch
        for one in olds), seconds=60, on_change=True),
        f'epoch {after.federation.epoch} begins')
    return after


def _goes_on(run: Run, seconds: float = 60) -> None:
    """Assert that the members of the newest federation go on."""
    world = run.world
    voters = run.voters()
    made = world.transactions(3)
    run.draw.choice(voters).submit(made)
    run.expect(world.run_to_commit(
        made, members=[one.process for one in voters], seconds=seconds),
        'the new federation goes on')


@scenario('S21', sizes=(4, 5, 7))
def member_is_removed(run: Run) -> None:
    """It signs nothing that counts any more; the others go on."""
    world = run.federation(
        conditions=run.draw.choice(run_module.BAD_NETWORKS)).start()
    world.submit_over_time(4, seconds=1)
    gone = run.draw.randrange(run.n)
    sites = [site for index, site in enumerate(world.made.sites)
             if index != gone]
    _enact(run, world.made, sites, 'removal', via=run.draw.randrange(run.n))
    _goes_on(run)
    one = world.members[gone]
    run.expect(one.ledger.federation.epoch == 0
               or not one.replica.may_vote, 'it votes no more')
    run.settle()


@scenario('S21', sizes=(4, 5))
def member_is_added(run: Run) -> None:
    """It begins with the genesis federation and catches up."""
    world = run.federation().start()
    made = world.submit(run.draw.randrange(run.n), 5)
    run.expect(world.run_to_commit(made), 'a chain exists')
    joiner = federations.make_site('node-joining')
    place = run.draw.randint(0, run.n)
    sites = [*world.made.sites[:place], joiner, *world.made.sites[place:]]
    _enact(run, world.made, sites, 'addition', via=0)
    process = world.add(joiner).process
    world.members[process].start()
    for one in world.members:
        one.directory_changed()
    world.connect(process)
    run.expect(world.run(
        lambda: world.members[process].ledger.federation.epoch == 1,
        seconds=60, on_change=True), 'it has the new federation')
    _goes_on(run)
    run.expect(world.members[process].replica.may_vote, 'it votes')
    run.settle()


@scenario('S21')
def key_is_rotated(run: Run) -> None:
    """A member signs with its new vote key from the height on."""
    world = run.federation()
    index = run.draw.randrange(4)
    old = world.made.sites[index]
    seed = vectors.fixed_bytes('rotated vote key', 32)
    new = dataclasses.replace(old, vote_seed=seed, member=dataclasses.replace(
        old.member, vote_key=world.provider.ed25519_public(seed)))
    world.members[index].add_key(seed)
    world.start()
    world.submit_over_time(4, seconds=1)
    sites = list(world.made.sites)
    sites[index] = new
    _enact(run, world.made, sites, 'rotation', via=run.draw.randrange(4))
    # One other is away: the one with the new key is needed.
    away = run.draw.choice([one for one in range(4) if one != index])
    world.network.cut(away)
    voters = [one for one in range(4) if one != away]
    made = world.submit(run.draw.choice(voters), 3)
    run.expect(world.run_to_commit(made, members=voters),
               'its new votes count')
    run.settle()
    for height, (outcome, proof) in enumerate(
            world.members[index].disk.outcomes, 1):
        # Old certificates verify by the document that was in force.
        header = outcome.block.header
        known = {one.digest: one for one in (world.made.federation,
                                             *world.epochs)}
        certificate.check_certificate(
            world.h, world.provider, known[header.federation], height,
            outcome.block.digest, proof)


@scenario('S21', sizes=(7,))
def seven_become_four(run: Run) -> None:
    """Four decide alone afterwards, with a quorum of three."""
    world = run.federation(7).start()
    world.submit_over_time(5, seconds=1)
    world.pass_time(1)
    kept = run.some(range(7), 4)
    after = _enact(run, world.made, [world.made.sites[index]
                                     for index in kept], 'four',
                   via=run.draw.randrange(7))
    for index in range(7):
        if index not in kept:
            world.members[index].crash()
    _goes_on(run)
    run.expect(after.federation.quorum == quorum.quorum_of(4),
               'three are a quorum')
    world.network.cut(kept[0])
    voters = kept[1:]
    made = world.submit(voters[0], 2)
    run.expect(world.run_to_commit(made, members=voters),
               'three of them decide')
    world.network.heal()
    world.connect_all()
    run.settle(heal=False)


@scenario('S21', sizes=(4, 5))
def two_changes_in_a_row(run: Run) -> None:
    """Members change places, then one leaves; a sleeper follows both."""
    world = run.federation().start()
    world.submit_over_time(3, seconds=0.5)
    asleep = run.draw.randrange(1, run.n)
    awake = [index for index in range(run.n) if index != asleep]
    world.members[asleep].crash()
    order = run.some(range(run.n), run.n)
    run.draw.shuffle(order)
    first = _enact(run, world.made, [world.made.sites[index]
                                     for index in order], 'first',
                   via=run.draw.choice(awake))
    # Whoever sleeps stays a member, or it would have nothing to follow.
    gone = run.draw.choice([index for index in awake if index])
    sites = [site for site in first.sites
             if site.member.name != world.made.sites[gone].member.name]
    if run.n > 4:
        _enact(run, first, sites, 'second', via=run.draw.choice(awake))
    else:
        sites = list(first.sites)
        run.draw.shuffle(sites)
        _enact(run, first, sites, 'second', via=run.draw.choice(awake))
    world.restart(asleep)
    _goes_on(run)
    run.settle()
    run.expect(world.members[asleep].ledger.federation.epoch == 2,
               'who slept is in the second epoch')
