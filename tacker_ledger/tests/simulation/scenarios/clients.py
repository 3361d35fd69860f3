# SPDX-License-Identifier: Apache-2.0
"""Clients that ask members who are stale, lie or withhold (S24)."""

import dataclasses
import functools

from tacker_ledger.core import codec
from tacker_ledger.core.ledger import answer
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.tests import federations
from tacker_ledger.tests.simulation import client as client_module
from tacker_ledger.tests.simulation import liar
from tacker_ledger.tests.simulation import network
from tacker_ledger.tests.simulation.run import any_size
from tacker_ledger.tests.simulation.run import Run
from tacker_ledger.tests.simulation.run import scenario
from tacker_ledger.tests.simulation import simulation
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import keys

_FRESH_MS = 5_000
_HEARTBEAT_MS = 1_000
_VNF = vectors.fixed_bytes('a VNF', 32)
_OTHER_VNF = vectors.fixed_bytes('another VNF', 32)
#: What an honest member may say that is a block behind.
_HONEST = ('not-found', 'head-rollback')
#: Of the history that the client follows.
_HISTORY = 6


@functools.lru_cache(maxsize=64)
def _request(h, number: int, recipient: bytes):
    """Return what one tenant sends to a VNF."""
    return authoring.author_request(
        h, keys.curve(federations.PROVIDER, 'tenant of VNFs'), vid=1,
        recipient_id=recipient, timestamp_ms=simulation.EPOCH_MS,
        slot_expiry_ms=simulation.EPOCH_MS + 3_600_000,
        nonce=vectors.fixed_bytes(f'request {number} {recipient.hex()}', 16))


def _requests(run: Run, recipient: bytes, numbers: range):
    made = [_request(run.world.h, number, recipient) for number in numbers]
    for one in made:
        run.world.memory.know(one)
    return made


def _key(world) -> bytes:
    sender = keys.curve(federations.PROVIDER, 'tenant of VNFs').document
    return identifiers.pair_state_key(world.h, _VNF, sender.key_id)


def _client(run: Run, lies: dict[int, client_module.Lie]):
    """Return a client; those that lie to it are at the doors given."""
    world = run.world
    return client_module.Client(
        world, [client_module.Door(member, lies.get(member.process))
                for member in world.members], _key(world), _FRESH_MS)


def _begin(run: Run, others) -> None:
    """Let there be something to ask for, and something else to show."""
    world = run.world
    made = (_requests(run, _VNF, range(_HISTORY // 2))
            + _requests(run, _OTHER_VNF, range(2)) + world.transactions(3))
    for one in made:
        world.members[run.draw.choice(others)].submit([one])
        world.pass_time(0.1)
    run.expect(world.run_to_commit(made, members=others), 'a chain exists')


def _flow(run: Run, others) -> None:
    """Let the history grow while the client follows it."""
    world = run.world
    for number in range(_HISTORY // 2, _HISTORY):
        world.clock.post(
            int(run.between(0.2, 4) * 1_000_000),
            world.members[run.draw.choice(others)].submit,
            _requests(run, _VNF, range(number, number + 1)))


def _served(run: Run, client, wanted, rounds: int) -> None:
    """Let the client get everything; all that it believes is true."""
    world = run.world
    client.begin(wanted, 0)
    run.expect(world.run(
        lambda: client.done and len(client.history) == _HISTORY
        and len(client.served) >= rounds, seconds=60, on_change=True),
        f'the client is served: {client.refused}')
    client.check()
    world.check(offline=False)


# What doors may say

def _values(kind: str):
    """Return what makes a lie of a change of one kind of body."""
    def about(change):
        def lie(door, path, body, digest):
            return (change(door, path, body)
                    if path.startswith(f'/{kind}') else body)
        return lie
    return about


def _rival_head(door, path, body):
    header = block_module.Header.from_bytes(body[0])
    return dataclasses.replace(
        header, timestamp_ms=header.timestamp_ms + 1).to_bytes(), body[1]


def _later_head(door, path, body):
    header = block_module.Header.from_bytes(body[0])
    return dataclasses.replace(
        header, height=header.height + 1_000).to_bytes(), body[1]


def _uncertified(door, path, body):
    return body[0], b''


def _another_value(door, path, body):
    pair, ((key, value, proof),) = body
    return pair, ((key, None if value is None else
                   value[:-1] + bytes([value[-1] ^ 1]), proof),)


def _nothing(door, path, body):
    pair, ((key, _value, proof),) = body
    return pair, ((key, None, proof),)


def _another_key(door, path, body):
    sender = keys.curve(federations.PROVIDER, 'tenant of VNFs').document
    return body[0], (door.prove(identifiers.pair_state_key(
        door.h, _OTHER_VNF, sender.key_id)),)


def _another_transaction(door, path, body):
    return door.transaction(_request(door.h, 0, _OTHER_VNF).txid)


def _not_there(door, path, body):
    """Another transaction's place and block, for what is in none."""
    wanted = bytes.fromhex(path.rpartition('/')[2])
    raw = next(one.raw for one in door.member.world.submitted
               if one.txid == wanted)
    pair, inclusion, _raw = _another_transaction(door, path, body)
    return pair, inclusion, raw


def _entries(change):
    return _values('histories')(lambda door, path, body: (
        *body[:2], tuple(change(door, list(body[2])))))


def _foreign(door, entries):
    height, index, _raw = entries[0]
    return [(height, index, _request(door.h, 0, _OTHER_VNF).raw),
            *entries[1:]]


def _other_site(door, path, body, digest):
    """Signed by another key than the member's own."""
    sites = door.member.world.made.sites
    return door.sign(digest, answer.encode_body(body),
                     site=sites[(door.member.process + 1) % len(sites)])


def _other_name(door, path, body, digest):
    return door.sign(digest, answer.encode_body(body),
                     index=(door.member.process + 1)
                     % len(door.member.world.members))


def _flipped(door, path, body, digest):
    raw = door.sign(digest, answer.encode_body(body))
    at = len(raw) // 2
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1:]


#: Name -> (the lie, how it is found out)
_LIES = {
    'rival head': (_values('head')(_rival_head), 'bad-certificate'),
    'later head': (_values('head')(_later_head), 'bad-certificate'),
    'uncertified head': (_values('head')(_uncertified), 'bad-certificate'),
    'another value': (_values('state')(_another_value), 'bad-proof'),
    'no value': (_values('state')(_nothing), 'bad-proof'),
    'another key': (_values('state')(_another_key), 'bad-answer'),
    'another transaction': (_values('transactions')(_another_transaction),
                            'bad-answer'),
    'not found': (_values('transactions')(
        lambda door, path, body: (None,)), 'not-found'),
    'in another place': (_values('transactions')(_not_there), 'bad-proof'),
    'history without its end': (_entries(
        lambda door, entries: entries[:-1]), 'history-incomplete'),
    'history without its beginning': (_entries(
        lambda door, entries: entries[1:]), 'history-incomplete'),
    'history in another order': (_entries(
        lambda door, entries: entries[::-1]), 'history-incomplete'),
    'foreign history': (_entries(_foreign), 'history-incomplete'),
    'answer to another request': (
        lambda door, path, body, digest: door.sign(
            bytes(32), answer.encode_body(body)), 'bad-answer'),
    'signed by another': (_other_site, 'bad-answer'),
    'in the name of another': (_other_name, 'bad-answer'),
    'flipped': (_flipped, 'bad-answer'),
    'garbage': (lambda door, path, body, digest: codec.encode((1, 2)),
                'bad-answer'),
    'silence': (lambda door, path, body, digest: None, 'timeout'),
}


@any_size('S24')
def client_of_members_that_lie(run: Run) -> None:
    """It begins at a liar, which also forgets what it is handed."""
    names = sorted(_LIES)
    name = names[run.seed % len(names)]
    lie, code = _LIES[name]
    liars = list(range(run.f))
    world = run.federation(factory={
        index: liar.make(liar.Plan()) for index in liars},
        heartbeat_ms=_HEARTBEAT_MS).start()
    others = list(range(run.f, run.n))
    _begin(run, others)
    _flow(run, others)
    client = _client(run, dict.fromkeys(liars, lie))
    wanted = world.transactions(3)
    _served(run, client, wanted, 2 * run.n)
    run.expect({found for found in client.refused
                if found[0] in liars} >= {(index, code) for index in liars},
               f'{name} is found out: {client.refused}')
    run.expect(all(index in liars or why in _HONEST
                   for index, why in client.refused),
               f'nobody else is refused: {client.refused}')
    run.settle()


@any_size('S24')
def client_of_members_that_withhold(run: Run) -> None:
    """They take everything in and say nothing; it is committed once."""
    world = run.federation(
        conditions=run.draw.choice((network.Conditions(), network.LOSSY)),
        heartbeat_ms=_HEARTBEAT_MS).start()
    silent = run.some(range(run.n), run.f)
    others = [index for index in range(run.n) if index not in silent]
    _begin(run, range(run.n))
    _flow(run, others)
    world.submit_over_time(3, seconds=4)
    after = run.draw.randint(0, 2)
    asked = 0

    def withhold(door, path, body, digest):
        nonlocal asked
        asked += 1
        return body if asked <= after else None

    client = _client(run, dict.fromkeys(silent, withhold))
    wanted = world.transactions(4)
    _served(run, client, wanted, 2 * run.n)
    found = {why for index, why in client.refused if index in silent}
    # where frames get lost, everybody may be late for a while
    run.expect('timeout' in found and found <= {'timeout', 'stale-head',
                                                *_HONEST},
               f'they time out: {client.refused}')
    # Everybody gets it once more, and still it is committed once.
    for one in world.members:
        one.submit(wanted)
    run.settle()
    for one in world.correct():
        held = [txid for outcome, _proof in one.disk.outcomes
                for txid in (item.txid for item in outcome.transactions)]
        run.expect(len(held) == len(set(held)), 'each is committed once')


@scenario('S24', sizes=(4, 7))
def client_of_members_that_are_stale(run: Run) -> None:
    """Cut off from the others, they show what was once the head."""
    world = run.federation(heartbeat_ms=_HEARTBEAT_MS).start()
    _begin(run, range(run.n))
    stale = run.some(range(run.n), run.f)
    others = [index for index in range(run.n) if index not in stale]
    client = _client(run, {})
    wanted = world.transactions(3)
    client.begin(wanted, run.draw.randrange(run.n))
    # Sometimes it has seen a newer head first, sometimes it has not.
    world.pass_time(run.between(0, 1))
    for index in stale:
        world.network.cut(index)
    world.sever()
    cut_at = world.members[stale[0]].height
    # Another client reaches nobody but them.
    lonely = _client(run, dict.fromkeys(
        others, lambda door, path, body, digest: None))
    lonely.begin([], stale[0])
    _flow(run, others)
    world.pass_time(_FRESH_MS / 1000 + 1)
    believed = list(lonely.heads)
    world.pass_time(run.between(3, 6))
    run.expect(lonely.heads == believed and (
        stale[0], 'stale-head') in lonely.refused,
        f'it takes an old head for none: {lonely.refused}')
    run.expect(world.members[others[0]].height > cut_at + 3,
               'the others go on')
    refused = {why for index, why in client.refused if index in stale}
    run.expect(bool(refused & {'stale-head', 'head-rollback'}),
               f'it notices: {client.refused}')
    run.expect(refused <= {'stale-head', *_HONEST},
               f'for no other reason: {client.refused}')
    run.expect(not any(index in others and why not in _HONEST
                       for index, why in client.refused),
               f'nobody else is refused: {client.refused}')
    world.network.heal()
    world.connect_all()
    served = len(client.served)
    run.settle()
    run.expect(world.run(
        lambda: client.done and len(client.history) == _HISTORY
        and set(client.served[served:]) == set(range(run.n)),
        seconds=30, on_change=True), 'all serve again')
    client.check()
    lonely.check()
