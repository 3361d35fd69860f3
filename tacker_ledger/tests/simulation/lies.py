# SPDX-License-Identifier: Apache-2.0
"""What a liar says in place of the truth, message by message.

Each entry takes (liar, message) and returns what leaves instead.  All of it
is well-formed; what is signed is signed by the liar's own key.
"""

import dataclasses

from tacker_ledger.core import codec
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import state
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import transaction
from tacker_ledger.core import limits

_JUNK = bytes(messages.SIGNATURE_BYTES)


# New views

def _changes(message: messages.NewView) -> list[messages.ViewChange]:
    return [messages.decode(one) for one in message.view_changes]


def _with(liar, message: messages.NewView, changes, header
          ) -> list[messages.NewView]:
    return [liar.signed(dataclasses.replace(
        message, view_changes=tuple(map(messages.encode, changes)),
        header=header))]


def _forged_signature(liar, message):
    """A member's view change that the member did not sign."""
    changes = _changes(message)
    at = next(index for index, one in enumerate(changes)
              if one.member != liar.index)
    changes[at] = dataclasses.replace(changes[at], signature=_JUNK)
    return _with(liar, message, changes, message.header)


def _omitted(liar, message):
    """One view change less than a quorum."""
    return _with(liar, message, _changes(message)[:-1], message.header)


def _twice(liar, message):
    """The quorum is reached by counting one member twice."""
    changes = _changes(message)[:-1]
    return _with(liar, message, [changes[0], *changes], message.header)


def _other_header(liar, message):
    """What was prepared is left out, or something made up."""
    header = None if message.header is not None else (
        liar.ledger.head.header)
    return _with(liar, message, _changes(message), header)


def _made_up(liar) -> messages.PreparedCertificate:
    """A certificate that nobody's prepares make."""
    head = liar.ledger.head
    header = dataclasses.replace(
        block_module.Header.from_bytes(head.header), height=head.height + 1,
        parent=head.digest, timestamp_ms=head.time_ms + 1,
        federation=liar.ledger.federation.digest).to_bytes()
    return messages.PreparedCertificate(0, header, tuple(
        (index, _JUNK) for index in range(liar.ledger.federation.quorum)))


def _fabricated(liar, message):
    """A prepared certificate that nobody prepared, in its own name."""
    changes = _changes(message)
    at = next((index for index, one in enumerate(changes)
               if one.member == liar.index), None)
    if at is None:
        return _forged_signature(liar, message)
    prepared = _made_up(liar)
    changes[at] = liar.signed(dataclasses.replace(
        changes[at], prepared=prepared))
    return _with(liar, message, changes, prepared.header)


def false_prepared(liar, message: messages.ViewChange
                   ) -> list[messages.ViewChange]:
    """A view change with a prepared certificate that nobody prepared."""
    return [liar.signed(dataclasses.replace(
        message, prepared=_made_up(liar)))]


NEW_VIEWS = {
    'forged signature': _forged_signature,
    'omitted': _omitted,
    'one member twice': _twice,
    'other header': _other_header,
    'fabricated': _fabricated,
}


# Proposals

def _proposed(liar, message: messages.PrePrepare,
              block: block_module.Block) -> list[messages.Message]:
    return [liar.proposal(block, message.view, message.new_view)]


def _headers(**changes):
    """Return a lie that changes fields of the header."""
    def lie(liar, message):
        block = liar.block_of(message)
        return _proposed(liar, message, liar.changed(block, **{
            name: value(liar, block) for name, value in changes.items()}))
    return lie


def _bodies(change):
    """Return a lie that changes the list of transactions."""
    def lie(liar, message):
        block = liar.block_of(message)
        raws = tuple(change(liar, list(block.raw_transactions)))
        header = dataclasses.replace(
            block.header, transactions_root=block_module.transactions_root(
                liar.world.h, raws))
        return _proposed(liar, message, block_module.Block.assembled(
            liar.world.h, header, raws))
    return lie


def _spoiled(liar, raws):
    """The first transaction with another signature."""
    version, txid, signature, content = codec.decode(
        raws[0], _ANY, len(raws[0]))
    return [codec.encode((version, txid, bytes(len(signature)), content)),
            *raws[1:]]


class _Anything:
    """Lets every value pass."""

    def check(self, value, path):
        """See ``codec.Schema``."""


_ANY = _Anything()


def _garbage(liar, message):
    """What is no block at all, well signed."""
    return [dataclasses.replace(message, block=b'\x80')]


def _committed_again(liar, raws):
    """A transaction that an earlier block holds."""
    for outcome, _proof in liar.disk.outcomes:
        if outcome.block.raw_transactions:
            return [outcome.block.raw_transactions[0], *raws[1:]]
    return [raws[0], raws[0]]


def more(liar, message: messages.PrePrepare) -> list[messages.Message]:
    """All that waits, in a block that holds too much and errs in no more.

    In transactions or in bytes, as the bounds and what waits have it; its
    state is the one that follows.
    """
    block, h, ledger = liar.block_of(message), liar.world.h, liar.ledger
    waiting = [one.raw for one, _since in liar.pool.waiting.values()]
    raws = tuple(dict.fromkeys([*block.raw_transactions, *waiting]))
    federation = ledger.federation
    changes = state.apply_block(
        h, liar.disk.state, block.header.timestamp_ms,
        [transaction.Transaction.from_bytes(h, raw) for raw in raws],
        federation_module.FederationTracker(h, liar.world.provider,
                                            federation),
        rules=state.rules_for(federation.rules_at(message.height)))
    overlay = state_map.StateMap(h, liar.disk.nodes, liar.disk.state).overlay(
        changes.changes)
    header = dataclasses.replace(
        block.header, state_root=overlay.root,
        transactions_root=block_module.transactions_root(h, raws))
    return _proposed(liar, message, block_module.Block.assembled(
        h, header, raws))


def _huge(liar, raws):
    """A transaction larger than any may be."""
    version, txid, signature, content = codec.decode(
        raws[0], _ANY, len(raws[0]))
    return [codec.encode((version, txid, signature, content + bytes(
        limits.TRANSACTION_MAX_BYTES))), *raws[1:]]


def _endless(liar, message):
    """A block larger than any may be; what it holds is never looked at."""
    return [dataclasses.replace(
        message, block=message.block + bytes(limits.BLOCK_MAX_BYTES))]


PROPOSALS = {
    'more': more,
    'huge transaction': _bodies(_huge),
    'endless block': _endless,
    'wrong parent': _headers(parent=lambda liar, block: bytes(32)),
    'stale height': _headers(
        height=lambda liar, block: block.header.height - 1),
    'height ahead': _headers(
        height=lambda liar, block: block.header.height + 1),
    'wrong state': _headers(state_root=lambda liar, block: bytes(32)),
    'wrong federation': _headers(federation=lambda liar, block: bytes(32)),
    'another proposer': _headers(
        proposer=lambda liar, block: (block.header.proposer + 1)
        % liar.ledger.federation.size),
    'before its parent': _headers(
        timestamp_ms=lambda liar, block: liar.ledger.head.time_ms),
    'from the future': _headers(
        timestamp_ms=lambda liar, block:
        block.header.timestamp_ms + 3_600_000),
    'bad signature': _bodies(_spoiled),
    'twice in a block': _bodies(lambda liar, raws: [raws[0]] * 2),
    'committed again': _bodies(_committed_again),
    'not a transaction': _bodies(lambda liar, raws: [b'\x80', *raws[1:]]),
    'garbage': _garbage,
}
#: Those that concern no height that anybody is at, so nobody judges them.
UNHEARD = ('stale height', 'height ahead')
#: That which no frame can carry: over the wire it is not even heard.
UNCARRIED = ('endless block',)
#: Why those are refused that are valid but for one thing.
REASONS = {
    'more': 'has too many transactions',
    'huge transaction': f'not 1..{limits.TRANSACTION_MAX_BYTES} bytes',
    'endless block': 'too-large',
    'twice in a block': 'duplicate',
    'committed again': 'duplicate',
}
