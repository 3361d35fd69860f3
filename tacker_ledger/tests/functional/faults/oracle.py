# SPDX-License-Identifier: Apache-2.0
"""What must hold at the end of every run, judged from the stores alone.

All members are stopped; then the chain of each honest one is exported and
verified off line from genesis, compared with the others block by block, and
searched for what was accepted.  No honest member may have been convicted of
anything by another.
"""

import collections
from collections.abc import Iterable
import dataclasses
import io

from tacker_ledger.cmd import manage_chain
from tacker_ledger.core.consensus import evidence
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.ledger import export_verifier
from tacker_ledger.storage import environment
from tacker_ledger.tests.functional.faults import members as members_module


class Violated(AssertionError):
    """Something that must hold does not."""


@dataclasses.dataclass(frozen=True)
class Judged:
    """What was found.

    :param heights: member -> height
    :param transactions: how many the longest chain holds
    :param digests: height -> header digest
    :param convicted: members against whom evidence is kept
    """

    heights: dict[int, int]
    transactions: int
    digests: dict[int, bytes]
    convicted: frozenset[int]


def judge(members: members_module.Members, accepted: Iterable[bytes],
          liars: Iterable[int] = ()) -> Judged:
    """Stop all members and raise Violated unless everything holds.

    :param accepted: ids of transactions that members accepted
    :param liars: members of whom nothing is expected
    """
    _stop(members)
    honest = [index for index in range(members.size) if index not in liars]
    chains, counts, convicted = {}, {}, set()
    for index in honest:
        chains[index], counts[index] = _verified(members, index)
        convicted |= _convicted(members, index)
    digests: dict[int, bytes] = {}
    for index, chain in chains.items():
        for height, digest in chain.items():
            if digests.setdefault(height, digest) != digest:
                raise Violated(f'two blocks at height {height}, one of '
                               f'them at member {index}')
    longest = max(honest, key=lambda index: len(chains[index]))
    counted = counts[longest]
    twice = [txid.hex() for txid, count in counted.items() if count > 1]
    if twice:
        raise Violated(f'committed more than once: {twice}')
    lost = [txid.hex() for txid in accepted if txid not in counted]
    if lost:
        raise Violated(f'{len(lost)} accepted, not committed: {lost[:5]}')
    if convicted & set(honest):
        raise Violated(f'honest members are convicted: {convicted}')
    return Judged({index: len(chain) for index, chain in chains.items()},
                  len(counted), digests, frozenset(convicted))


def _stop(members: members_module.Members) -> None:
    for index in members.up():
        members.resume(index)
    for index in members.up():
        status = members.stop(index)
        if status:
            raise Violated(f'node {index} ended with {status}:\n'
                           + members.log(index)[-4000:])


def _verified(members: members_module.Members, index: int
              ) -> tuple[dict[int, bytes], collections.Counter[bytes]]:
    """Return the digests and transactions of a chain that is proven."""
    stream = io.BytesIO(b''.join(manage_chain.records(
        members.reader(index))))
    chain: dict[int, bytes] = {}
    counts: collections.Counter[bytes] = collections.Counter()
    for progress in export_verifier.verify_export(
            members.h, providers.default(), stream):
        chain[progress.height] = progress.digest
        counts.update(one.txid for one in progress.transactions)
    return chain, counts


def _convicted(members: members_module.Members, index: int) -> set[int]:
    """Return against whom a member keeps evidence, all of it checked."""
    found = set()
    for record in proofs(members, index):
        evidence.check(members.h, providers.default(), members.genesis,
                       record)
        found.add(record.member)
    return found


def proofs(members: members_module.Members, index: int
           ) -> list[evidence.Equivocation]:
    """Return the evidence that a member's store holds."""
    env: environment.Environment = members.reader(index)._env
    with env.read() as txn:
        return [evidence.Equivocation.from_bytes(record)
                for _, record in environment.scan(txn, env.evidence)]
