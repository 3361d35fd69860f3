# SPDX-License-Identifier: Apache-2.0
"""Old bodies are deleted; headers, certificates and histories' places stay.

So a pruned member still proves its whole chain of headers and everything
about the present state.  Blocks that hold federation documents are kept
whole, because clients trace the federation through them.

That the marker moves first and bodies go afterwards, in portions, makes an
interrupted run harmless: what it left is deleted by the next one.
"""

from collections.abc import Callable

from tacker_ledger.core import errors
from tacker_ledger.storage import chain as chain_module
from tacker_ledger.storage import environment
from tacker_ledger.storage import holdings

_PORTION_BODIES = 5_000


def prune(env: environment.Environment, pruned: holdings.Pruned,
          report: Callable[[int], None] | None = None) -> int:
    """Delete the bodies below a height; return how many went.

    :param pruned: what it is about; the caller has verified the archive
    :param report: called with each height reached
    :raises BadOption: the head would be pruned
    :raises StorageFailed: the disk refuses
    """
    chain = chain_module.Chain(env)
    with env.read() as txn:
        kept = {environment.U64.pack(row.height)
                for row in chain.federations(txn)}
        height = chain.height(txn)
        first = chain.first_body(txn)
    if height is None or pruned.before > height:
        raise errors.BadOption('The newest block is not pruned.',
                               height=height)
    with env.write() as txn:
        chain.set_first_body(txn, max(first, pruned.before))
        holdings.write_pruned(env, txn, pruned)
    gone = 0
    at = b''
    while True:
        portion = _portion(env, at, pruned.before)
        if not portion:
            return gone
        at = portion[-1] + b'\0'
        with env.write() as txn:
            for key in portion:
                if key[:8] not in kept:
                    environment.delete(txn, env.bodies, key)
                    gone += 1
        if report is not None:
            report(environment.PLACE.unpack(portion[-1])[0])


def _portion(env: environment.Environment, start: bytes,
             before: int) -> list[bytes]:
    """Return the next places of bodies below a height."""
    end = environment.PLACE.pack(before, 0)
    found: list[bytes] = []
    with env.read() as txn:
        for key in environment.keys(txn, env.bodies, start):
            if key >= end or len(found) == _PORTION_BODIES:
                break
            found.append(key)
    return found
