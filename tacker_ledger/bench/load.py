# SPDX-License-Identifier: Apache-2.0
"""Transactions signed before the clock starts.

An RSA signature costs the client some thirty times what checking it costs
a node, and in a deployment thousands of clients share that work.  So what
clients do is done beforehand, in all processors, and printed apart.
"""

from collections.abc import Sequence
import concurrent.futures
import dataclasses
import hashlib
import os
import secrets
import time

from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import transaction as transaction_module

SUITE = 'rsa2048'
#: Keys that write, of each process that signs.
_SENDERS = 8
_PORTION = 250
#: VNFs that are written to: each (VNF, sender) has a history of its own in
#: the state.  Nobody reads here, so they are key ids without keys.
_RECIPIENTS_COUNT = 1000
_RECIPIENTS = [hashlib.sha256(b'benchmark %d' % number).digest()
               for number in range(_RECIPIENTS_COUNT)]


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """What transactions to make.

    :param chain_id: 32 bytes
    :param size: bytes of the configuration in each
    :param sealed: encrypted for a recipient, as for a VNF; else public
    :param suite: of the keys that sign; S0 uses RSA
    """

    chain_id: bytes
    size: int
    sealed: bool = True
    suite: str = SUITE


@dataclasses.dataclass(frozen=True, slots=True)
class Signed:
    """A transaction ready to be sent.

    :param txid: 32 bytes
    :param recipient: key id, 32 bytes; None where it is public
    :param sender: key id, 32 bytes
    :param submission: what a door takes
    """

    txid: bytes
    recipient: bytes | None
    sender: bytes
    submission: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Load:
    """Signed transactions and what making them cost the clients.

    :param cpu_seconds: processor time
    """

    transactions: Sequence[Signed]
    cpu_seconds: float

    @property
    def cpu_seconds_each(self) -> float:
        """Processor time of a client for one transaction."""
        return self.cpu_seconds / len(self.transactions)


def make(recipe: Recipe, count: int) -> Load:
    """Return ``count`` signed transactions, each of a CID of its own."""
    portions = [min(_PORTION, count - at) for at in range(0, count, _PORTION)]
    if len(portions) == 1:
        made, seconds = _sign(recipe, count)
        return Load(made, seconds)
    transactions: list[Signed] = []
    spent = 0.0
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        for made, seconds in pool.map(
                _sign, [recipe] * len(portions), portions):
            transactions += made
            spent += seconds
    return Load(transactions, spent)


#: Key pairs of this process: drawing one takes as long as 200 signatures.
_PAIRS: dict[str, list[suite_module.KeyPair]] = {}


def _pairs(suite: str) -> list[suite_module.KeyPair]:
    if suite not in _PAIRS:
        number = suite_module.by_name(suite).number
        _PAIRS[suite] = [providers.default().generate(number)
                         for _ in range(_SENDERS)]
    return _PAIRS[suite]


def _sign(recipe: Recipe, count: int) -> tuple[list[Signed], float]:
    pairs = _pairs(recipe.suite)
    h = hashing.hasher(recipe.chain_id)
    before = time.process_time()
    made = [one(h, pairs[number % _SENDERS],
                _RECIPIENTS[secrets.randbelow(_RECIPIENTS_COUNT)], recipe)
            for number in range(count)]
    return made, time.process_time() - before


def one(h: hashing.Hasher, pair: suite_module.KeyPair,
        recipient_id: bytes, recipe: Recipe) -> Signed:
    """Return one signed transaction that founds a CID.

    :param recipient_id: where ``recipe`` says sealed
    """
    nonce = secrets.token_bytes(16)
    now_ms = time.time_ns() // 1_000_000
    data = secrets.token_bytes(recipe.size)
    if recipe.sealed:
        transaction = authoring.author_configuration(
            h, providers.default(), pair, vid=1, recipient_id=recipient_id,
            payload=payload.Configuration('file', 'firewall', data),
            timestamp_ms=now_ms, nonce=nonce,
            content_key=secrets.token_bytes(32)).transaction
    else:
        transaction = authoring.author_public(
            h, pair, vid=1, payload=payload.Template(
                'file', 'firewall', data, 'vendor', '1'),
            timestamp_ms=now_ms, nonce=nonce, compression=0)
    return Signed(transaction.txid, transaction.content.recipient_id,
                  transaction.sender_id,
                  transaction_module.Submission(transaction.raw).to_bytes())
