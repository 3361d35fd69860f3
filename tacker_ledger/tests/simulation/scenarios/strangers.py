# SPDX-License-Identifier: Apache-2.0
"""Members that talk nonsense, far ahead, forged, or without end."""

import dataclasses
import gc

from tacker_ledger.core.consensus import messages
from tacker_ledger.core import hashing
from tacker_ledger.core import limits
from tacker_ledger.tests.simulation import liar
from tacker_ledger.tests.simulation.run import any_size
from tacker_ledger.tests.simulation.run import Run

#: What a member may keep of messages, for each other member.
_KEPT_PER_MEMBER = 40


def kept(replica) -> int:
    """Return how many messages can be reached from a replica."""
    seen: set[int] = set()
    left = [replica]
    count = 0
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, type):
            continue
        seen.add(id(one))
        if isinstance(one, messages.Message):
            count += 1
        module = type(one).__module__
        if module.startswith('tacker_ledger.core.consensus') or isinstance(
                one, dict | list | tuple | set | frozenset):
            left.extend(gc.get_referents(one))
    return count


def _flooded(run: Run, make, *, views: int = 0):
    """Let the last member, who leads last, send what ``make`` makes."""
    last = run.n - 1
    world = run.federation(factory={last: liar.make(
        liar.Flood(make, rounds=60))}).start()
    made = world.submit_over_time(8, seconds=1.5, to=range(last))
    run.expect(world.run_to_commit(made, members=range(last)),
               'the others go on')
    world.pass_time(1)
    for one in world.correct():
        found = kept(one.replica)
        run.expect(found <= _KEPT_PER_MEMBER * run.n,
                   f'{one.name} keeps {found} messages')
    run.settle()
    run.expect_view(views)
    return world


# S9

def _forgeries(one: liar.Liar, number: int) -> list[messages.Message]:
    """Return votes that are signed wrongly in every way."""
    h, height = one.world.h, one.replica.height
    digest = (one.ledger.head.digest if number % 2
              else hashing.tagged_hash(hashing.Tag.BLOCK, b'%d' % number,
                                       chain_id=h.chain_id))
    good = one.vote(messages.Commit, height, 0, digest)
    other = one.others()[number % len(one.others())]
    elsewhere = hashing.hasher(bytes(hashing.CHAIN_ID_BYTES))

    def signed(kind: int, height: int, view: int, hasher=h) -> bytes:
        return one.sign(messages.vote_message(hasher, kind, height, view,
                                              digest))

    replace = dataclasses.replace
    commit, prepare = messages.Commit.KIND, messages.Prepare.KIND
    return [
        replace(good, signature=bytes(messages.SIGNATURE_BYTES)),
        replace(good, member=other),
        replace(good, signature=signed(prepare, height, 0)),
        replace(good, signature=signed(commit, height + 1, 0)),
        replace(good, signature=signed(commit, height, 1)),
        replace(good, signature=signed(commit, height, 0, elsewhere)),
        messages.Prepare(height, 0, one.index, good.prefix, good.signature),
    ]


@any_size('S9')
def votes_that_are_signed_wrongly(run: Run) -> None:
    """By nobody, somebody else, for another kind, place or chain."""
    world = _flooded(run, _forgeries)
    for one in world.correct():
        for _outcome, proof in one.disk.outcomes:
            run.expect(len(proof) <= limits.CERTIFICATE_MAX_BYTES,
                       'certificates are no larger for it')
        run.expect(not one.evidence,
                   f'{one.name} takes a forgery for evidence')


@any_size('S9')
def only_forged_votes(run: Run) -> None:
    """A member's true votes are all replaced by forged ones."""
    def forge(one, message):
        return [dataclasses.replace(
            message, signature=bytes(messages.SIGNATURE_BYTES))]

    last = run.n - 1
    world = run.federation(factory={last: liar.make(liar.Replace({
        messages.Prepare: forge, messages.Commit: forge}))}).start()
    made = world.submit_over_time(6, to=range(last))
    run.expect(world.run_to_commit(made, members=range(last)),
               'the others go on')
    run.settle()
    run.expect_view(0)


# S12

def _from_the_future(one: liar.Liar, number: int) -> list[messages.Message]:
    height = one.replica.height
    digest = one.ledger.head.digest
    found = []
    for ahead in (1, 2, 3, 1000 + number, 2 ** 40):
        for view in (0, 1, number, messages.VIEW_MAX):
            found += [one.vote(messages.Prepare, height + ahead, view,
                               digest),
                      one.vote(messages.Commit, height + ahead, view,
                               digest)]
    for view in (1 + number, messages.VIEW_MAX):
        found += [one.vote(messages.Prepare, height, view, digest),
                  one.vote(messages.Commit, height, view, digest)]
    found.append(messages.Status(2 ** 40 + number, 0))
    return found


@any_size('S12')
def votes_from_the_future(run: Run) -> None:
    """The next height's are kept, those further ahead are not."""
    _flooded(run, _from_the_future)


# S13

def _garbage(one: liar.Liar, number: int) -> list[bytes]:
    draw = one.world.draw
    return [b'', b'\x00', draw.randbytes(100),
            b'\x9f' * 50, b'\xff' * (limits.FRAME_MAX_BYTES + 1),
            messages.encode(messages.Ping(1))[:-1]]


@any_size('S13')
def member_sends_garbage(run: Run) -> None:
    """What is no message is dropped."""
    world = _flooded(run, _garbage)
    for one in world.correct():
        run.expect(one.garbage > 0, f'{one.name} has heard it')


def _spam(one: liar.Liar, number: int) -> list[messages.Message]:
    """Return well-signed messages that lead nowhere."""
    replica, head = one.replica, one.ledger.head
    found: list[messages.Message] = [
        one.signed(messages.ViewChange(
            replica.height, 1 + number, one.index, messages.head_pair(
                head.header, head.certificate), None,
            bytes(messages.SIGNATURE_BYTES)))]
    for count in range(10):
        digest = hashing.tagged_hash(
            hashing.Tag.BLOCK, b'%d %d' % (number, count),
            chain_id=one.world.h.chain_id)
        found += [one.vote(messages.Prepare, replica.height, 0, digest),
                  one.vote(messages.Commit, replica.height, 0, digest),
                  messages.GetBody(replica.height, digest[:8]),
                  messages.Status(replica.height, 0),
                  messages.Body(b'\x80')]
    return found


@any_size('S13')
def member_sends_well_signed_spam(run: Run) -> None:
    """Bounded memory, and the others decide in the first view."""
    _flooded(run, _spam)
