# SPDX-License-Identifier: Apache-2.0
"""Leaders that equivocate, fall silent, censor, propose what is not valid."""

import functools

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import payload
from tacker_ledger.core import limits
from tacker_ledger.tests import federations
from tacker_ledger.tests.simulation import liar
from tacker_ledger.tests.simulation import lies
from tacker_ledger.tests.simulation import member
from tacker_ledger.tests.simulation import network
from tacker_ledger.tests.simulation import rules
from tacker_ledger.tests.simulation.run import any_size
from tacker_ledger.tests.simulation.run import Run
from tacker_ledger.tests.simulation.run import scenario
from tacker_ledger.tests.simulation import simulation
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import keys


# S1

@any_size('S1')
def leader_sends_each_half_its_own_block(run: Run) -> None:
    """At most one block is committed, whatever the halves are."""
    others = range(1, run.n)
    rival = run.some(others, run.draw.randint(1, run.n - 1))
    world = run.federation(factory={0: liar.make(liar.Equivocate(
        lambda _liar: rival))}).start()
    world.submit_over_time(6)
    world.pass_time(run.between(0.5, 3.0))
    run.settle()


@any_size('S1')
def leader_shows_both_blocks_to_everybody(run: Run) -> None:
    """All see it, all keep the evidence, and the next one leads."""
    rival = run.some(range(1, run.n), run.n // 2)
    world = run.federation(
        conditions=network.STEADY, factory={0: liar.make(liar.Equivocate(
            lambda _liar: rival, both=True))}).start()
    made = world.submit(run.draw.randrange(1, run.n), 3)
    run.expect(world.run_to_commit(made, members=range(1, run.n)),
               'it goes on')
    run.settle()
    run.expect_view(1)
    for one in world.correct():
        run.expect(bool(one.evidence), f'{one.name} keeps the evidence')


# S6

def _goes_on_without(run: Run, leader: int, made) -> None:
    """Assert progress in view 1 while the first leader stays away."""
    world = run.world
    others = [index for index in range(run.n) if index != leader]
    run.expect(world.run_to_commit(made, members=others),
               'the others go on')
    more = world.submit(run.draw.choice(others), 2)
    run.expect(world.run_to_commit(more, members=others),
               'the others go on further')
    run.expect_view(1, [world.members[index] for index in others])
    if not world.members[leader].running:
        world.restart(leader)
    run.settle()
    run.expect_view(1)


@any_size('S6')
def leader_is_silent(run: Run) -> None:
    """Nothing comes from it at all."""
    world = run.federation()
    world.network.cut(0)
    world.start()
    made = world.submit(run.draw.randrange(1, run.n), 2)
    _goes_on_without(run, 0, made)


def _stop(run: Run, at: int, when: str) -> None:
    """Stop the leader at its n-th write; go on without it."""
    world = run.world
    world.members[0].stops[at] = when
    world.start()
    made = world.submit(run.draw.randrange(1, run.n), 2)
    world.run(lambda: not world.members[0].running, seconds=5)
    run.expect(not world.members[0].running, 'the leader stops')
    _goes_on_without(run, 0, made)


@any_size('S6')
def leader_crashes_before_its_pre_prepare(run: Run) -> None:
    """It is durable, or not even that."""
    run.federation()
    _stop(run, 1, run.draw.choice((member.BEFORE, member.AFTER)))


@any_size('S6')
def leader_crashes_after_pre_prepare_to_some(run: Run) -> None:
    """Too few have it to decide anything."""
    world = run.federation(conditions=network.STEADY)
    lost = run.some(range(1, run.n),
                    run.draw.randint(run.n - world.made.federation.quorum + 1,
                                     run.n - 1))
    wanted = rules.Rules(world.network)
    wanted.lose(messages.PrePrepare, view=0, to=lost)
    world.start()
    made = world.submit(run.draw.randrange(1, run.n), 2)
    world.run(lambda: world.members[0].writes == 1, seconds=5)
    world.pass_time(0.0015)
    world.members[0].crash()
    _goes_on_without(run, 0, made)


@any_size('S6')
def leader_crashes_after_prepare(run: Run) -> None:
    """The others prepare and commit without it; then it is missed."""
    run.federation()
    _stop(run, 2, run.draw.choice((member.BEFORE, member.AFTER)))


@any_size('S6')
def leader_crashes_after_one_commit(run: Run) -> None:
    """One member alone hears its commit, the others' get lost."""
    world = run.federation(conditions=network.STEADY)
    one = run.draw.randrange(1, run.n)
    wanted = rules.Rules(world.network)
    wanted.lose(messages.Commit, view=0, to=[
        index for index in range(run.n) if index != one])
    world.start()
    made = world.submit(run.draw.randrange(1, run.n), 2)
    world.run(lambda: world.members[0].writes == 2, seconds=5)
    world.pass_time(0.0015)
    world.members[0].crash()
    _goes_on_without(run, 0, made)


# S7

def _flow(run: Run, plan: liar.Plan, *, seconds: float) -> None:
    """Let others' transactions flow past what is held back."""
    world = run.federation(factory={0: liar.make(plan)},
                           conditions=network.STEADY).start()
    victims = [one for one in world.submit(run.draw.randrange(1, run.n), 5)
               if one.sender_id == _victim(world)]
    world.submit_over_time(int(seconds * 10), seconds=seconds,
                           to=range(1, run.n))
    run.expect(world.run_to_commit(victims, members=range(1, run.n),
                                   seconds=20), 'what was held back is in')
    run.settle()
    run.expect_view(1)


def _victim(world) -> bytes:
    return world.submitted[2].sender_id


@any_size('S7')
def leader_censors_one_sender(run: Run) -> None:
    """All that one tenant sends is passed over."""
    _flow(run, liar.Censor(
        lambda one: one.sender_id == _victim(run.world)), seconds=6)


@any_size('S7')
def leader_censors_one_transaction(run: Run) -> None:
    """One transaction is passed over."""
    _flow(run, liar.Censor(
        lambda one: one.txid == run.world.submitted[2].txid), seconds=6)


@any_size('S7')
def leader_proposes_empty_blocks_only(run: Run) -> None:
    """There is work, and its blocks hold nothing."""
    world = run.federation(
        factory={0: liar.make(liar.Censor(lambda one: True))},
        heartbeat_ms=1_000).start()
    made = world.submit(run.draw.randrange(1, run.n), 3)
    run.expect(world.run_to_commit(made, members=range(1, run.n),
                                   seconds=30), 'it is committed')
    run.settle()
    run.expect_view(1)


# S8

def _bad_proposal(run: Run, name: str, lie) -> None:
    """The first block is a good one, the second is not."""
    world = run.federation(
        4, batch_max_transactions=2, conditions=network.STEADY,
        factory={0: liar.make(liar.Propose(
            lambda one, message: [message] if message.height == 1
            else lie(one, message)))}).start()
    world.submit(1, 2)
    run.expect(world.run_to_height(1), 'the first block is committed')
    made = world.submit(run.draw.randrange(1, 4), 5)
    run.expect(world.run_to_commit(made, members=range(1, 4)),
               f'it goes on after: {name}')
    run.settle()
    run.expect_view(1)
    _all_run_on(run)


def _all_run_on(run: Run) -> None:
    for one in run.world.correct():
        run.expect(one.running and one.starts == 1, f'{one.name} runs on')


def _expect_refusal(run: Run, reason: str) -> None:
    """Raise unless every correct member has refused for this reason."""
    for one in run.world.correct():
        run.expect(any(reason in (refusal.code, refusal.reason)
                       or reason in refusal.reason
                       for refusal in one.refused),
                   f'{one.name} refuses, for: {reason}, not {one.refused}')


@scenario('S8')
def leader_proposes_what_is_not_valid(run: Run) -> None:
    """Nobody votes for it, everybody changes the leader, nobody crashes."""
    names = sorted(lies.PROPOSALS)
    name = names[run.seed % len(names)]
    _bad_proposal(run, name, lies.PROPOSALS[name])
    unheard = lies.UNHEARD + (lies.UNCARRIED if run.world.wire else ())
    if name not in unheard:
        _expect_refusal(run, lies.REASONS.get(name, ''))


@functools.lru_cache(maxsize=4)
def _large(h, number: int):
    """Return a valid transaction; two make a block too large."""
    return authoring.author_public(
        h, keys.curve(federations.PROVIDER, f'sender vendor {number}'),
        vid=1, payload=payload.Template(
            'file', 'target', bytes(limits.CONFIGURATION_MAX_BYTES // 2
                                    + 32 * 1024), 'vendor', '1'),
        timestamp_ms=simulation.EPOCH_MS, compression=0,
        nonce=vectors.fixed_bytes(f'large {number}', 16))


@scenario('S8')
def leader_proposes_more_bytes_than_a_block_may_have(run: Run) -> None:
    """Each transaction is valid, and so is the state; it is too much."""
    world = run.federation(
        4, block_max_bytes=limits.TRANSACTION_MAX_BYTES + 1024,
        conditions=network.STEADY,
        factory={0: liar.make(liar.Propose(lies.more))}).start()
    made = [_large(world.h, number) for number in range(2)]
    for one in made:
        world.memory.know(one)
    world.members[run.draw.randrange(1, 4)].submit(made)
    run.expect(world.run_to_commit(made, members=range(1, 4)),
               'each is in a block of its own')
    run.settle()
    run.expect_view(1)
    _expect_refusal(run, 'is too large')
    _all_run_on(run)


@any_size('S8')
def leader_proposes_at_random_what_is_not_valid(run: Run) -> None:
    """Under a bad network, with a lie each time, drawn anew."""
    names = sorted(lies.PROPOSALS)
    world = run.federation(
        conditions=run.draw.choice((network.LOSSY, network.REORDERING)),
        factory={0: liar.make(liar.Propose(
            lambda one, message: lies.PROPOSALS[run.draw.choice(names)](
                one, message)))}).start()
    world.submit_over_time(6, to=range(1, run.n))
    world.pass_time(4)
    run.settle()
