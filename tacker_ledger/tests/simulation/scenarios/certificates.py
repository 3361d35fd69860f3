# SPDX-License-Identifier: Apache-2.0
"""Who catches up believes certificates, and nobody who hands them out."""

import dataclasses

from tacker_ledger.core import codec
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate
from tacker_ledger.tests.simulation import liar
from tacker_ledger.tests.simulation import rules
from tacker_ledger.tests.simulation.run import Run
from tacker_ledger.tests.simulation.run import scenario

_JUNK = bytes(messages.SIGNATURE_BYTES)
_LIAR, _LATE = 2, 3


# S10

def _encoded(view: int, votes) -> bytes:
    """Return a certificate with votes as they come."""
    return codec.encode((certificate.VERSION, certificate.ENGINE_PBFT_NUMBER,
                         view, tuple(votes)))


def _own_vote(one: liar.Liar, block: block_module.Block
              ) -> tuple[int, bytes]:
    vote = one.vote(messages.Commit, block.header.height, 0, block.digest)
    return one.index, vote.signature


def _duplicate_signer(one, block, proof):
    """A quorum of votes, all of them the liar's."""
    return _encoded(0, [_own_vote(one, block)] * 3)


def _non_member(one, block, proof):
    """One vote and those of members that do not exist."""
    return _encoded(0, [_own_vote(one, block), (7, _JUNK), (8, _JUNK)])


def _junk(one, block, proof):
    """One vote and junk under honest members' names."""
    return _encoded(0, sorted([_own_vote(one, block), (0, _JUNK),
                               (1, _JUNK)]))


def _too_few(one, block, proof):
    """Two votes, where three decide."""
    return _encoded(0, sorted([_own_vote(one, block), (0, _JUNK)]))


def _of_another_block(one, block, proof):
    """A true certificate, of the block that this one replaces."""
    return proof


def _quorum_less_one(one, block, proof):
    """The true votes but one, and junk in its place."""
    parsed = certificate.Certificate.from_bytes(proof)
    return _encoded(parsed.view, [*parsed.votes[:-1],
                                  (parsed.votes[-1][0], _JUNK)])


#: How the liar certifies: on a block of its own making.
_ON_RIVALS = {'duplicate signer': _duplicate_signer,
              'non-member': _non_member, 'junk': _junk,
              'too few': _too_few, 'of another block': _of_another_block}
#: How it spoils certificates of true blocks.
_ON_TRUE = {'quorum less one': _quorum_less_one,
            'duplicate signer': _duplicate_signer, 'junk': _junk}


def _blocks(forge, *, rivals: bool):
    """Return a lie about blocks that are asked for."""
    def lie(one: liar.Liar, message: messages.Blocks):
        given = []
        before = None
        for raw, proof in message.blocks:
            block = block_module.Block.from_bytes(one.world.h, raw)
            if rivals:
                # A chain of its own, from the first block on.
                block = one.rival(block)
                if before is not None:
                    block = one.changed(block, parent=before.digest)
                before = block
            given.append((block.to_bytes(), forge(one, block, proof)))
        return [dataclasses.replace(message, blocks=tuple(given))]
    return lie


def _late(run: Run, plan: liar.Plan, *, blocks: int = 6):
    """Let one member be late, and hear of the chain from the liar first."""
    world = run.federation(
        4, factory={_LIAR: liar.make(plan)}, batch_max_transactions=1)
    world.network.cut(_LATE)
    world.start()
    made = world.submit(0, blocks)
    run.expect(world.run_to_commit(made, members=(0, 1, _LIAR)),
               'three go on')
    away = rules.Rules(world.network)
    away.lose(sender=(0, 1), to=[_LATE])
    away.lose(sender=[_LATE], to=(0, 1))
    world.network.heal()
    world.connect(_LATE)
    world.pass_time(run.between(1, 8))
    return world, away


def _caught_up(run: Run, world, away) -> None:
    """Let the late member hear everybody; it has the true chain at last."""
    away.clear()
    run.settle()
    heights = {one.height for one in world.correct()}
    run.expect(world.run_to_height(max(heights), members=(0, 1, _LATE)),
               'all are at one height')


@scenario('S10')
def false_certificates_on_blocks_of_a_liar(run: Run) -> None:
    """None of its blocks is taken."""
    names = sorted(_ON_RIVALS)
    forge = _ON_RIVALS[names[run.seed % len(names)]]
    world, away = _late(run, liar.Replace(
        {messages.Blocks: _blocks(forge, rivals=True)}))
    run.expect(world.members[_LATE].height == 0, 'nothing is taken')
    _caught_up(run, world, away)


@scenario('S10')
def false_certificates_on_true_blocks(run: Run) -> None:
    """Even what is true is not taken without proof."""
    names = sorted(_ON_TRUE)
    forge = _ON_TRUE[names[run.seed % len(names)]]
    world, away = _late(run, liar.Replace(
        {messages.Blocks: _blocks(forge, rivals=False)}))
    run.expect(world.members[_LATE].height == 0, 'nothing is taken')
    _caught_up(run, world, away)


# S16

def _truncate(one, message):
    """It gives less than it has."""
    return [dataclasses.replace(message, blocks=message.blocks[:1])]


def _nothing(one, message):
    """It has what it claims, and gives none of it."""
    return [dataclasses.replace(message, blocks=())]


def _boast(one, message):
    """It claims a chain that nobody has."""
    return [dataclasses.replace(
        message, head_height=message.head_height + 1_000)]


def _silence(one, message):
    """It does not answer."""
    return []


def _spoil(one, message):
    """The bodies are not those of the headers."""
    return [dataclasses.replace(message, blocks=tuple(
        (raw[:-1] + bytes([raw[-1] ^ 1]), proof)
        for raw, proof in message.blocks))]


def _skip(one, message):
    """Blocks are missing in the middle."""
    return [dataclasses.replace(message, blocks=message.blocks[::2])]


_SOURCES = {'truncates': _truncate, 'nothing': _nothing, 'boasts': _boast,
            'silent': _silence, 'spoils': _spoil, 'skips': _skip}


@scenario('S16')
def source_of_blocks_that_lies(run: Run) -> None:
    """It is left for the next one, while the chain moves on."""
    names = sorted(_SOURCES)
    lie = _SOURCES[names[run.seed % len(names)]]
    world, away = _late(run, liar.Replace({messages.Blocks: lie}), blocks=12)
    world.submit_over_time(5, seconds=3, to=(0, 1))
    _caught_up(run, world, away)


@scenario('S16')
def source_of_blocks_that_dies(run: Run) -> None:
    """It stops while it is asked."""
    world, away = _late(run, liar.Plan(), blocks=12)
    world.submit_over_time(5, seconds=3, to=(0, 1))
    world.members[_LIAR].crash()
    _caught_up(run, world, away)


@scenario('S16', sizes=(4, 7))
def member_that_was_away_for_long(run: Run) -> None:
    """All the others are honest, and moving on."""
    world = run.federation()
    late = run.n - 1
    world.network.cut(late)
    world.start()
    for _ in range(run.draw.randint(1, 5)):
        made = world.submit(run.draw.randrange(late), run.draw.randint(1, 30))
        run.expect(world.run_to_commit(made, members=range(late)),
                   'the others go on')
    world.submit_over_time(10, seconds=2, to=range(late))
    world.network.heal()
    world.connect(late)
    run.settle()
    run.expect_view(0)
    run.expect_no_refusals()
