# SPDX-License-Identifier: Apache-2.0
"""A member's store with very many transactions, made by the shipped code.

Blocks are proposed, judged, certified and stored as a node does it, in one
process, without a network; every signature in them is genuine.  What the
transactions seal is one ciphertext, since nodes cannot tell; each founds a
CID, and goes from one of some senders to one of many recipients.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import os
import secrets
import time

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import certificate
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.storage import repair
from tacker_ledger.storage import store as store_module

SENDERS = 64
RECIPIENTS = 20_000
_SUITE = 'ed25519'


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """Whose data directory is to be filled, and who certifies.

    :param genesis: the checked genesis federation
    :param signed: the same with its signatures, encoded
    :param vote_seeds: member -> secret of its vote key; at least a quorum
    """

    genesis: federation_module.Federation
    signed: bytes
    vote_seeds: Mapping[int, bytes] = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """How the last blocks went.

    :param transactions: in the store by now
    :param cpu_seconds: of proposing, judging, storing since the last step,
        without the authors' share
    """

    transactions: int
    cpu_seconds: float


class _Authors:
    """Many transactions, cheaply: one template, sealed once."""

    def __init__(self, h: hashing.Hasher, provider: provider_module.Provider,
                 size: int) -> None:
        self._h = h
        number = suite_module.by_name(_SUITE).number
        self._pairs = [provider.generate(number) for _ in range(SENDERS)]
        self._recipients = [secrets.token_bytes(32)
                            for _ in range(RECIPIENTS)]
        self._template = authoring.author_configuration(
            h, provider, self._pairs[0], vid=1,
            recipient=self._pairs[1].document,
            payload=payload.Configuration('file', 'firewall',
                                          secrets.token_bytes(size)),
            timestamp_ms=0, nonce=bytes(16),
            content_key=secrets.token_bytes(32)).transaction.content
        self._count = 0

    def one(self, time_ms: int) -> transaction_module.Transaction:
        """Return the next one."""
        pair = self._pairs[self._count % SENDERS]
        nonce = secrets.token_bytes(16)
        self._count += 1
        return transaction_module.Transaction.signed_by(
            self._h, pair, dataclasses.replace(
                self._template, sender=pair.document.to_bytes(), nonce=nonce,
                timestamp_ms=time_ms,
                cid=identifiers.cid_for(self._h, pair.document.key_id,
                                        nonce),
                recipient_id=secrets.choice(self._recipients)))


class _Pool:
    """Hands one batch over."""

    def __init__(self) -> None:
        self.batch: Sequence[transaction_module.Transaction] = ()

    def candidates(self, max_count: int, max_bytes: int
                   ) -> Sequence[transaction_module.Transaction]:
        return self.batch[:max_count]

    def known(self, raw: bytes) -> transaction_module.Transaction | None:
        return None

    def rejected(self, transaction: transaction_module.Transaction,
                 error: errors.LedgerError) -> None:
        raise error


def fill(directory: str | os.PathLike[str], member: Member,
         provider: provider_module.Provider, count: int, *, size: int = 400,
         step: int = 10_000, report: Callable[[Step], None] | None = None
         ) -> None:
    """Make a data directory whose chain holds ``count`` transactions.

    :param directory: new
    :param size: bytes of the configuration in each
    :param report: called after each ``step`` transactions
    """
    store = store_module.LedgerStore(directory, member.genesis,
                                     member.signed, sync=False)
    try:
        for done in _blocks(store, member, provider, count, size, step):
            if report is not None:
                report(done)
    finally:
        store.close()


def _blocks(store: store_module.LedgerStore, member: Member,
            provider: provider_module.Provider, count: int, size: int,
            step: int) -> Iterator[Step]:
    pool = _Pool()
    ledger = repair.replayer(store, provider, pool)
    authors = _Authors(store.h, provider, size)
    most = member.genesis.parameters.batch_max_transactions
    made = since = 0
    spent = 0.0
    while made < count:
        now_ms = ledger.head.time_ms + 20
        pool.batch = [authors.one(now_ms)
                      for _ in range(min(most, count - made))]
        before = time.process_time()
        outcome = ledger.propose(now_ms, 0, allow_empty=False)
        assert outcome is not None
        proof = _certify(store.h, provider, member, outcome)
        store.append([(outcome, proof)]).result()
        ledger.committed(outcome, proof)
        spent += time.process_time() - before
        made += len(outcome.transactions)
        since += len(outcome.transactions)
        if since >= step or made == count:
            yield Step(made, spent)
            since, spent = 0, 0.0


def _certify(h: hashing.Hasher, provider: provider_module.Provider,
             member: Member, outcome: application.Outcome) -> bytes:
    message = messages.vote_message(
        h, messages.Commit.KIND, outcome.block.header.height, 0,
        outcome.block.digest)
    voters = sorted(member.vote_seeds)[:member.genesis.quorum]
    return certificate.Certificate.of(
        0, [(index, provider.sign_raw_ed25519(member.vote_seeds[index],
                                              message))
            for index in voters]).to_bytes()
