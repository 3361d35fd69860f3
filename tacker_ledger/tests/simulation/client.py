# SPDX-License-Identifier: Apache-2.0
"""A client of a simulated federation, and the doors it asks at.

Judging is the shipped light client's, signed answers and their bodies are
the shipped ones; here is in what order it asks whom.  It hands a transaction
in again, at the next member, for as long as no proof shows it committed.
"""

from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Sequence
import hashlib

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import answer
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import light_client
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core.ledger import transaction
from tacker_ledger.core.ledger import trusted_state
from tacker_ledger.tests import federations
from tacker_ledger.tests.simulation import oracle

#: One way between a client and a door.
_WAY_US = (500, 20_000)
_TIMEOUT_US = 1_000_000
_PAUSE_US = 200_000
_INSTANCE = bytes(answer.INSTANCE_BYTES)

#: A lie: (door, path, body as a value, digest of the request) -> what is
#: answered: another value, encoded bytes, or None for silence.
Lie = Callable[['Door', str, object, bytes], object]


class Door:
    """Where a member answers clients.

    :param member: of the simulation
    :param lie: what it answers in place of the truth
    """

    def __init__(self, member, lie: Lie | None = None):
        self.member = member
        self.h = member.world.h
        self._lie = lie
        self._site = member.world.made.sites[member.process]

    def submit(self, transactions: Sequence[transaction.Transaction]
               ) -> None:
        """Take transactions; a liar forgets them."""
        if self.member.running and self._lie is None:
            self.member.submit(transactions)

    def ask(self, path: str, request_digest: bytes) -> bytes | None:
        """Return the answer to a request, None for silence."""
        if not self.member.running or not self.member.height:
            return None
        body = self._body(path)
        if self._lie is not None:
            body = self._lie(self, path, body, request_digest)
        if body is None or type(body) is bytes:
            return body
        return self.sign(request_digest, answer.encode_body(body))

    def sign(self, request_digest: bytes, body: bytes, *,
             site: federations.Site | None = None,
             index: int | None = None) -> bytes:
        """Return an answer, signed by this member or by another site."""
        head = self.member.disk.head
        return answer.sign_answer(
            self.h, (site or self._site).sign_answer,
            member=self.member.process if index is None else index,
            instance=_INSTANCE, request_digest=request_digest,
            head_height=head.height, head_digest=head.digest,
            head_time_ms=head.time_ms, body=body).to_bytes()

    def pair(self, height: int) -> answer.HeadPair:
        """Return header and certificate of a height."""
        outcome, proof = self.member.disk.outcomes[height - 1]
        return outcome.block.header_bytes, proof

    def prove(self, key: bytes) -> answer.ProvenValue:
        """Return what the newest state holds under a key."""
        disk = self.member.disk
        tree = state_map.StateMap(self.h, disk.nodes, disk.state)
        return key, disk.state.get(key), tree.prove(key).to_bytes()

    def transaction(self, txid: bytes) -> object:
        """Return a transaction's place, as the body of an answer."""
        for height, (outcome, _) in enumerate(self.member.disk.outcomes, 1):
            for index, one in enumerate(outcome.transactions):
                if one.txid == txid:
                    return (self.pair(height), outcome.block.inclusion(
                        index).to_fields(), one.raw)
        return (None,)

    def history(self, key: bytes) -> list[answer.HistoryEntry]:
        """Return all between a sender and a recipient."""
        return [
            (outcome.block.header.height, index, one.raw)
            for outcome, _proof in self.member.disk.outcomes
            for index, one in enumerate(outcome.transactions)
            if one.content.recipient_id is not None
            and identifiers.pair_state_key(
                self.h, one.content.recipient_id, one.sender_id) == key]

    def _body(self, path: str) -> object:
        _, kind, *rest = path.split('/')
        newest = self.pair(self.member.height)
        if kind == 'head':
            return newest
        key = bytes.fromhex(rest[0])
        if kind == 'transactions':
            return self.transaction(key)
        if kind == 'state':
            return newest, (self.prove(key),)
        return newest, key, tuple(self.history(key))


class Client:
    """Follows one history, and some transactions of its own.

    :param doors: of all members, in the order of their indices
    :param key: of the history's pair in the state
    :param fresh_ms: how old a head may be
    """

    def __init__(self, world, doors: Sequence[Door], key: bytes,
                 fresh_ms: int):
        self._world = world
        self._h = world.h
        self._doors = doors
        self._key = key
        self._fresh_ms = fresh_ms
        self._provider = world.provider
        self._light = light_client.LightClient(
            self._provider, trusted_state.TrustedState.bootstrap(
                self._provider, self._h.chain_id,
                world.made.signed.to_bytes()))
        self._turn = 0
        self._asked = 0
        self._wanted: dict[bytes, transaction.Transaction] = {}
        #: txid -> height: what is proven to be committed
        self.proven: dict[bytes, int] = {}
        #: heights of the heads that were believed to be fresh, in order
        self.heads: list[int] = []
        #: (height, key, value) that were believed
        self.values: list[tuple[int, bytes, bytes | None]] = []
        #: raw transactions of the history that were believed
        self.history: list[bytes] = []
        self._count, self._fold = 0, state_records.EMPTY_HEAD
        #: (member, code) of what was refused
        self.refused: list[tuple[int, str]] = []
        #: members that have answered everything, in order
        self.served: list[int] = []

    @property
    def done(self) -> bool:
        """Whether all it has handed in is proven."""
        return self._wanted.keys() <= self.proven.keys()

    def begin(self, wanted: Sequence[transaction.Transaction], first: int
              ) -> None:
        """Hand transactions in, at one member first, and follow."""
        self._wanted = {one.txid: one for one in wanted}
        self._turn = first
        self._next()

    def _next(self) -> None:
        index = self._turn % len(self._doors)
        self._turn += 1
        missing = [one for txid, one in self._wanted.items()
                   if txid not in self.proven]
        if missing:
            self._post(self._doors[index].submit, missing)
        self._go_on(index, self._round(), None)

    def _post(self, act: Callable, *arguments) -> None:
        world = self._world
        world.clock.post(world.link_draw.randint(*_WAY_US), act, *arguments)

    def _go_on(self, index: int, asking: Generator, raw) -> None:
        """Let a round have an answer; ask what it asks next."""
        try:
            path = (next(asking) if raw is None else
                    asking.throw(raw) if isinstance(raw, Exception)
                    else asking.send(raw))
        except StopIteration:
            self.served.append(index)
        except errors.LedgerError as exc:
            self.refused.append((index, exc.code))
        else:
            self._ask(index, asking, path)
            return
        self._world.clock.changed = True
        self._world.clock.post(_PAUSE_US, self._next)

    def _ask(self, index: int, asking: Generator, path: str) -> None:
        self._asked += 1
        number = self._asked
        nonce = hashlib.sha256(b'%d' % number).hexdigest()
        digest = answer.Request.of(
            'GET', f'{path}?nonce={nonce[:answer.NONCE_HEX_DIGITS]}').digest(
                self._h)

        def arrive() -> None:
            raw = self._doors[index].ask(path, digest)
            if raw is not None:
                self._post(hear, raw)

        def hear(raw: bytes) -> None:
            if number != self._asked:
                return
            self._asked += 1
            try:
                body = answer.check_answer(
                    self._h, federations.PROVIDER,
                    self._light.trusted.federation, digest, index, raw).body
            except errors.LedgerError as exc:
                self._go_on(index, asking, exc)
            else:
                self._go_on(index, asking, body)

        def late() -> None:
            if number == self._asked:
                self._asked += 1
                self._go_on(index, asking, errors.Timeout('No answer.'))

        self._post(arrive)
        self._world.clock.post(_TIMEOUT_US, late)

    # One member's turn

    def _round(self) -> Generator[str, bytes, None]:
        light, world = self._light, self._world
        head = light.accept_head(*answer.read_head((yield '/head')))
        light.check_fresh(head, world.epoch_ms + world.clock.now_us // 1000,
                          self._fresh_ms)
        self.heads.append(head.height)
        pair, proven = answer.read_state(
            (yield f'/state/{self._key.hex()}'))
        at = light.accept_head(*pair)
        if [key for key, _value, _proof in proven] != [self._key]:
            raise errors.BadAnswer('not the key that was asked for')
        value = proven[0][1]
        light.check_state(at, self._key, value, proven[0][2])
        self.values.append((at.height, self._key, value))
        if value is not None:
            yield from self._follow(value)
        for txid in [txid for txid in self._wanted
                     if txid not in self.proven]:
            pair, inclusion, raw = answer.read_transaction(
                (yield f'/transactions/{txid.hex()}'))
            found = light.check_transaction(*pair, raw, inclusion)
            if found.txid != txid:
                raise errors.BadAnswer('another transaction')
            self.proven[txid] = light.certify(*pair).height

    def _follow(self, value: bytes) -> Generator[str, bytes, None]:
        record = state_records.PairRecord.from_bytes(value)
        if record.count == self._count:
            return
        _pair, _key, entries = answer.read_history(
            (yield f'/histories/{self._key.hex()}'))
        # What was added since belongs to the next state.
        shown = entries[self._count:record.count]
        self._light.check_history(self._count, self._fold, shown,
                                  record.count, record.head)
        self._count, self._fold = record.count, record.head
        self.history += [raw for _height, _index, raw in shown]

    # Checking

    def check(self) -> None:
        """Raise :class:`~.oracle.Unsafe` unless all it believed is true."""
        world = self._world
        if self.heads != sorted(self.heads):
            raise oracle.Unsafe('the client has gone back in time')
        disk = max((one.disk for one in world.correct()),
                   key=lambda disk: disk.height)
        values: dict[tuple[int, bytes], bytes | None] = {}
        history, where, value = [], {}, None
        for height, (outcome, _proof) in enumerate(disk.outcomes, 1):
            value = outcome.changes.changes.get(self._key, value)
            values[height, self._key] = value
            for one in outcome.transactions:
                where[one.txid] = height
                recipient = one.content.recipient_id
                if recipient is not None and identifiers.pair_state_key(
                        self._h, recipient, one.sender_id) == self._key:
                    history.append(one.raw)
        for height, key, believed in self.values:
            if values[height, key] != believed:
                raise oracle.Unsafe(f'the client believes a false value of '
                                    f'height {height}')
        if self.history != history[:len(self.history)]:
            raise oracle.Unsafe('the client believes a false history')
        for txid, height in self.proven.items():
            if where.get(txid) != height:
                raise oracle.Unsafe(f'the client believes that '
                                    f'{txid.hex()[:8]} is at {height}')
