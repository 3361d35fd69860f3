# SPDX-License-Identifier: Apache-2.0
"""Message bytes at sizes that no one machine can run: the shipped replica.

As many replicas as members run in this process and agree on one block, with
real signatures and the real encoding of every message.  Frames are counted
as nodes count them.  Nothing is lost and nobody is slow, so no message is
sent twice and none is spared: the most that a round without faults takes.
"""

import collections
import functools
import secrets
import time

from tacker_ledger.bench import consensus
from tacker_ledger.bench import load as load_module
from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import replica as replica_module
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import federation_document
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.node import traffic
from tacker_ledger.transport import framing

_DAY_MS = 24 * 3600 * 1000
_WAITED_MS = 60_000


class _Signer:
    """A member's vote key."""

    def __init__(self) -> None:
        self._seed = secrets.token_bytes(32)
        self.public = providers.default().ed25519_public(self._seed)

    def sign(self, message: bytes) -> bytes:
        return providers.default().sign_raw_ed25519(self._seed, message)


def _federation(signers: list[_Signer]) -> federation_module.Federation:
    """Return a genesis federation of these members; nobody approved it."""
    number = suite_module.by_name('ed25519').number
    pair = providers.default().generate(number, encryption=False)
    now_ms = time.time_ns() // 1_000_000
    document = federation_document.Document(
        nonce=secrets.token_bytes(16), epoch=0,
        predecessor=federation_document.NO_PREDECESSOR, created_ms=now_ms,
        expiry_ms=now_ms + _DAY_MS, issuer=pair.document, members=tuple(
            federation_document.Member(
                f'node-{index}', f'192.0.2.1:{1024 + index}',
                f'https://192.0.2.1:{2048 + index}',
                providers.default().generate(
                    number, encryption=False).document,
                signer.public, providers.default().ed25519_public(
                    secrets.token_bytes(32)))
            for index, signer in enumerate(signers)))
    signed = federation_module.issue(pair, document)
    chain_id = federation_module.chain_id_of(signed.document)
    return federation_module.Federation.of(hashing.hasher(chain_id),
                                           signed.document)


class _Pool:
    """The transactions of one block, checked when they were made."""

    def __init__(self, parsed: list[transaction_module.Transaction]) -> None:
        self._parsed = parsed

    def candidates(self, max_count: int, max_bytes: int
                   ) -> list[transaction_module.Transaction]:
        return self._parsed[:max_count]

    def known(self, raw: bytes) -> transaction_module.Transaction | None:
        return None

    def rejected(self, transaction: transaction_module.Transaction,
                 error: errors.LedgerError) -> None:
        raise error


class _Ledger:
    """The ledger of every member: judged once, for they all agree."""

    def __init__(self, application: application_module.Application) -> None:
        self._application = application
        self._outcome: application_module.Outcome | None = None
        self.h = application.h
        self.head = application.head
        self.federation = application.federation

    def read_block(self, raw: bytes) -> block_module.Block:
        """See ``application.LedgerApplication``."""
        return self._application.read_block(raw)

    def propose(self, now_ms: int, proposer: int, *, allow_empty: bool
                ) -> application_module.Outcome | None:
        self._outcome = self._application.propose(
            now_ms, proposer, allow_empty=allow_empty)
        return self._outcome

    def validate(self, block: block_module.Block
                 ) -> application_module.Outcome:
        assert self._outcome is not None
        if block.digest != self._outcome.block.digest:
            raise errors.BadBlock('another block')
        return self._outcome

    def committed(self, outcome: application_module.Outcome,
                  certificate: bytes) -> None:
        raise AssertionError('the one round ends before')


class _Network:
    """Replicas and the frames between them, first in first out."""

    def __init__(self, ledger: _Ledger, signers: list[_Signer]) -> None:
        self._replicas = [
            replica_module.Replica(replica_module.Config(), ledger,
                                   (signer,), providers.default())
            for signer in signers]
        self._frames: collections.deque[tuple[int, int, bytes]] = (
            collections.deque())
        self._read = functools.lru_cache(maxsize=64)(messages.decode)
        self.now_ms = ledger.head.time_ms + 1
        self.sent: dict[str, tuple[int, int]] = {}
        self.committed = 0

    def step(self, member: int, event: effects.Event) -> None:
        """Give a member an event and do what it wants, writes at once."""
        todo = [event]
        while todo:
            for effect in self._replicas[member].step(todo.pop(0),
                                                      self.now_ms):
                match effect:
                    case effects.Send():
                        self._send(member, effect)
                    case effects.Persist():
                        todo.append(effects.Persisted(effect.record_id))
                    case effects.Append():
                        self.committed += 1
                    case effects.Refused() | effects.Halted():
                        raise errors.LedgerError(effect.reason)

    def _send(self, member: int, effect: effects.Send) -> None:
        frame = messages.encode(effect.message)
        to = ([effect.to] if effect.to is not None else
              [other for other in range(len(self._replicas))
               if other != member])
        name = traffic.kind_name(type(effect.message))
        frames, size = self.sent.get(name, (0, 0))
        self.sent[name] = (frames + len(to), size + len(to) * (
            len(frame) + framing.PREFIX_BYTES))
        self._frames.extend((member, other, frame) for other in to)

    def run(self) -> None:
        """Deliver until nothing is under way."""
        while self._frames:
            member, to, frame = self._frames.popleft()
            self.step(to, effects.Received(self._read(frame), member))


def count(nodes: int, *, size: int, batch: int) -> consensus.Bytes:
    """Return what agreeing on one block makes so many members send.

    :raises LedgerError: they did not agree
    """
    signers = [_Signer() for _ in range(nodes)]
    federation = _federation(signers)
    h = hashing.hasher(federation.chain_id)
    load = load_module.make(load_module.Recipe(federation.chain_id, size),
                            batch)
    parsed = [transaction_module.Transaction.from_bytes(
        h, transaction_module.Submission.from_bytes(one.submission)
        .transaction) for one in load.transactions]
    state = state_map.MemoryState()
    ledger = _Ledger(application_module.Application(
        h, providers.default(), view=state,
        tree=state_map.StateMap(h, state_map.SparseNodes(), state),
        federation=federation,
        head=application_module.Head.genesis(h, federation),
        pool=_Pool(parsed)))
    network = _Network(ledger, signers)
    network.now_ms = time.time_ns() // 1_000_000
    for member in range(nodes):
        network.step(member, effects.Start())
    network.sent.clear()
    network.run()
    network.sent.clear()
    body_bytes = sum(len(one.raw) for one in parsed)
    for member in range(nodes):
        network.step(member, effects.TransactionsReady(
            batch, body_bytes, _WAITED_MS))
    network.run()
    if network.committed != nodes:
        raise errors.LedgerError(
            f'{network.committed} of {nodes} members committed.')
    return consensus.Bytes(nodes, batch, size, body_bytes, network.sent)
