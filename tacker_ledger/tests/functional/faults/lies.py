# SPDX-License-Identifier: Apache-2.0
"""What a Byzantine member sends in place of what it should.

A lie takes the liar, the message and the member it goes to, and returns the
message that leaves instead, or None for none.  Whatever is signed is signed
with the member's real keys: nobody can tell but by what is said.
"""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
import os
from typing import Any
from typing import Protocol

from tacker_ledger.core import codec
from tacker_ledger.core.consensus import messages
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core import limits

_HOUR_MS = 3_600_000
_NOBODY = 77


class Liar(Protocol):
    """What lies need of the member that tells them."""

    h: hashing.Hasher
    member: int
    size: int
    quorum: int

    def sign(self, message: bytes) -> bytes:
        """Sign with the vote key."""

    def committed(self) -> Sequence[bytes]:
        """Return the transactions of some committed block."""

    def parent(self) -> block_module.Header:
        """Return the header of the newest block."""


#: What leaves: one message, several, or none.
Said = messages.Message | tuple[messages.Message, ...] | None
Lie = Callable[[Liar, Any, int], Said]


# Proposals

def proposal(liar: Liar, message: messages.PrePrepare, header_bytes: bytes,
             block: bytes) -> messages.PrePrepare:
    """Return another proposal in its place, well signed."""
    digest = block_module.header_digest(liar.h, header_bytes)
    return dataclasses.replace(
        message, block=block, signature=liar.sign(messages.vote_message(
            liar.h, messages.PrePrepare.KIND, message.height, message.view,
            digest)))


def _other_block(liar: Liar, message: messages.PrePrepare,
                 raws: Sequence[bytes] | None = None, **header: Any
                 ) -> messages.PrePrepare:
    block = block_module.Block.from_bytes(liar.h, message.block)
    raws = block.raw_transactions if raws is None else tuple(raws)
    header.setdefault('transactions_root',
                      block_module.transactions_root(liar.h, raws))
    encoded = dataclasses.replace(block.header, **header).to_bytes()
    return proposal(liar, message, encoded, codec.encode(
        (block_module.VERSION, encoded, raws)))


def _raws(liar: Liar, message: messages.PrePrepare) -> tuple[bytes, ...]:
    return block_module.Block.from_bytes(
        liar.h, message.block).raw_transactions


def equivocate(liar: Liar, message: messages.PrePrepare, to: int
               ) -> messages.PrePrepare:
    """One block to every other member, another one to the rest (S1)."""
    return message if to % 2 else _second(liar, message)


def equivocate_openly(liar: Liar, message: messages.PrePrepare, to: int
                      ) -> tuple[messages.PrePrepare, ...]:
    """Both blocks to everybody, in different order."""
    both = (message, _second(liar, message))
    return both if to % 2 else both[::-1]


def _second(liar: Liar, message: messages.PrePrepare) -> messages.PrePrepare:
    return _other_block(
        liar, message, timestamp_ms=block_module.Block.from_bytes(
            liar.h, message.block).header.timestamp_ms + 1)


def _invalid(liar: Liar, message: messages.PrePrepare, _to: int
             ) -> messages.PrePrepare:
    """A transaction whose signature is by nobody."""
    raw = liar.committed()[0]
    return _other_block(liar, message, [
        raw[:40] + bytes([raw[40] ^ 1]) + raw[41:]])


def _no_transaction(liar: Liar, message: messages.PrePrepare, _to: int
                    ) -> messages.PrePrepare:
    return _other_block(liar, message, [b'\x80'])


def _duplicate(liar: Liar, message: messages.PrePrepare, _to: int
               ) -> messages.PrePrepare:
    """A transaction that the chain holds already."""
    return _other_block(liar, message,
                        [liar.committed()[0], *_raws(liar, message)])


def _twice(liar: Liar, message: messages.PrePrepare, _to: int
           ) -> messages.PrePrepare:
    """One transaction two times in one block."""
    raws = _raws(liar, message) or (liar.committed()[0],)
    return _other_block(liar, message, [raws[0], *raws])


def _oversize(liar: Liar, message: messages.PrePrepare, _to: int
              ) -> messages.PrePrepare:
    """More bytes than a block may have, fewer than a frame may."""
    raw = bytes(limits.TRANSACTION_MAX_BYTES)
    count = limits.BLOCK_MAX_BYTES // len(raw) + 1
    return _other_block(liar, message, [raw] * count)


def _too_many(liar: Liar, message: messages.PrePrepare, _to: int
              ) -> messages.PrePrepare:
    """More transactions than a block may have."""
    return _other_block(liar, message, [
        liar.committed()[0]] * (limits.BLOCK_MAX_TRANSACTIONS + 1))


def _header(**fields: Callable[[Liar, block_module.Header], Any]) -> Lie:
    def lie(liar: Liar, message: messages.PrePrepare, _to: int
            ) -> messages.PrePrepare:
        header = block_module.Block.from_bytes(
            liar.h, message.block).header
        return _other_block(liar, message, **{
            name: value(liar, header) for name, value in fields.items()})
    return lie


def _stale_height(liar: Liar, message: messages.PrePrepare, to: int
                  ) -> messages.PrePrepare:
    """A block of a height that is over, proposed for the one in flight."""
    return _header(height=lambda liar, header: header.height - 1)(
        liar, message, to)  # type: ignore[return-value]


#: S8, by name.
PROPOSALS: dict[str, Lie] = {
    'invalid-transaction': _invalid,
    'no-transaction': _no_transaction,
    'duplicate-transaction': _duplicate,
    'twice-in-a-block': _twice,
    'oversize': _oversize,
    'too-many': _too_many,
    'wrong-parent': _header(parent=lambda liar, header: bytes(32)),
    'wrong-state': _header(state_root=lambda liar, header: bytes(32)),
    'stale-height': _stale_height,
    'before-its-parent': _header(
        timestamp_ms=lambda liar, header: liar.parent().timestamp_ms),
    'from-the-future': _header(
        timestamp_ms=lambda liar, header: header.timestamp_ms + _HOUR_MS),
}


# New views (S5)

def _new_view(liar: Liar, message: messages.NewView,
              changes: Sequence[messages.ViewChange], header: bytes | None
              ) -> messages.NewView:
    unsigned = dataclasses.replace(
        message, view_changes=tuple(map(messages.encode, changes)),
        header=header)
    return dataclasses.replace(unsigned, signature=liar.sign(
        messages.signed_part(liar.h, unsigned)))


def _changes(message: messages.NewView) -> list[messages.ViewChange]:
    found = []
    for data in message.view_changes:
        change = messages.decode(data)
        assert isinstance(change, messages.ViewChange)
        found.append(change)
    return found


def _forged(liar: Liar, message: messages.NewView, _to: int
            ) -> messages.NewView:
    """A view change of another member that it did not sign: the liar did."""
    changes = _changes(message)
    at = next(index for index, one in enumerate(changes)
              if one.member != liar.member)
    changes[at] = dataclasses.replace(changes[at], signature=liar.sign(
        messages.signed_part(liar.h, changes[at])))
    return _new_view(liar, message, changes, message.header)


def _omitted(liar: Liar, message: messages.NewView, _to: int
             ) -> messages.NewView:
    """One view change less than a quorum."""
    return _new_view(liar, message, _changes(message)[:liar.quorum - 1],
                     message.header)


def _one_twice(liar: Liar, message: messages.NewView, _to: int
               ) -> messages.NewView:
    """A quorum that counts one member twice."""
    changes = _changes(message)[:liar.quorum - 1]
    return _new_view(liar, message, [changes[0], *changes], message.header)


def _fabricated(liar: Liar, message: messages.NewView, _to: int
                ) -> messages.NewView:
    """A prepared certificate that no quorum's prepares make."""
    changes = _changes(message)
    at = next((index for index, one in enumerate(changes)
               if one.member == liar.member), 0)
    parent = liar.parent()
    header = dataclasses.replace(
        parent, height=message.height, timestamp_ms=parent.timestamp_ms + 1,
        parent=parent.digest(liar.h)).to_bytes()
    own = dataclasses.replace(
        changes[at], member=liar.member,
        prepared=messages.PreparedCertificate(
            message.view - 1, header, tuple(
                (index, liar.sign(messages.vote_message(
                    liar.h, messages.Prepare.KIND, message.height,
                    message.view - 1, block_module.header_digest(
                        liar.h, header))))
                for index in range(liar.quorum))))
    changes[at] = dataclasses.replace(own, signature=liar.sign(
        messages.signed_part(liar.h, own)))
    return _new_view(liar, message, changes, header)


def _other_header(liar: Liar, message: messages.NewView, _to: int
                  ) -> messages.NewView:
    """What was prepared is forgotten, or what was not is demanded."""
    return _new_view(liar, message, _changes(message),
                     None if message.header else liar.parent().to_bytes())


NEW_VIEWS: dict[str, Lie] = {
    'forged': _forged, 'omitted': _omitted, 'one-twice': _one_twice,
    'fabricated': _fabricated, 'other-header': _other_header,
}


# Certificates (S10)

def _encoded(view: int, votes: Sequence[tuple[int, bytes]]) -> bytes:
    return codec.encode((
        certificate_module.VERSION, certificate_module.ENGINE_PBFT_NUMBER,
        view, tuple(votes)))


def bad_certificate(kind: str, certificate: bytes, quorum: int) -> bytes:
    """Return a certificate that certifies nothing.

    :param kind: one of ``CERTIFICATES``
    :param certificate: a good one
    """
    good = certificate_module.Certificate.from_bytes(certificate)
    votes = list(good.votes)
    match kind:
        case 'duplicate-signer':
            votes = [votes[0], *votes[:quorum - 1]]
        case 'non-member':
            votes = [*votes[:quorum - 1], (_NOBODY, votes[-1][1])]
        case 'short':
            votes = votes[:quorum - 1]
        case 'short-and-junk':
            member = next(index for index in range(len(votes) + 1)
                          if index not in dict(votes[:quorum - 1]))
            votes = sorted([*votes[:quorum - 1],
                            (member, os.urandom(64))])
        case 'another-view':
            return _encoded(good.view + 1, votes)
        case _:
            raise ValueError(kind)
    return _encoded(good.view, votes)


CERTIFICATES = ('duplicate-signer', 'non-member', 'short', 'short-and-junk',
                'another-view')


# Blocks for members who catch up (S10, S16)

Pairs = Sequence[tuple[bytes, bytes]]


def _blocks(change: Callable[[Liar, Pairs], Pairs]) -> Lie:
    def lie(liar: Liar, message: messages.Blocks, _to: int
            ) -> messages.Blocks:
        return dataclasses.replace(
            message, blocks=tuple(change(liar, message.blocks)))
    return lie


def _with_certificates(kind: str) -> Lie:
    return _blocks(lambda liar, pairs: [
        (block, certificate and bad_certificate(
            kind, certificate, liar.quorum)) for block, certificate in pairs])


def _other_time(liar: Liar, pairs: Pairs) -> Pairs:
    """Blocks with another time under the true certificates."""
    found = []
    for data, certificate in pairs:
        block = block_module.Block.from_bytes(liar.h, data)
        header = dataclasses.replace(
            block.header, timestamp_ms=block.header.timestamp_ms + 1)
        found.append((block_module.Block.assembled(
            liar.h, header, block.raw_transactions).to_bytes(), certificate))
    return found


def _without_transactions(_liar: Liar, pairs: Pairs) -> Pairs:
    """True headers over empty bodies."""
    return [(codec.encode((block_module.VERSION, codec.decode(
        data, _ANY_BLOCK, len(data))[1], ())), certificate)
        for data, certificate in pairs]


class _Anything:
    """Lets every value pass."""

    def check(self, value: Any, path: Any) -> None:
        """See ``codec.Schema``."""


_ANY_BLOCK: Any = _Anything()


def _withhold(_liar: Liar, _message: messages.Blocks, _to: int) -> None:
    """Never answer."""


BLOCKS: dict[str, Lie] = {
    **{f'certificate-{kind}': _with_certificates(kind)
       for kind in CERTIFICATES},
    'no-certificates': _blocks(lambda liar, pairs: [
        (block, b'') for block, _ in pairs]),
    'other-time': _blocks(_other_time),
    'no-bodies': _blocks(_without_transactions),
    'truncated': _blocks(lambda liar, pairs: pairs[:1]),
    'empty': _blocks(lambda liar, pairs: ()),
    'reversed': _blocks(lambda liar, pairs: pairs[::-1]),
    'garbage': _blocks(lambda liar, pairs: [
        (os.urandom(200), os.urandom(200))] * max(1, len(pairs))),
    'withheld': _withhold,
}

#: name -> what it is told in place of
ALL: dict[str, tuple[type[messages.Message], Lie]] = {
    'equivocate': (messages.PrePrepare, equivocate),
    'equivocate-openly': (messages.PrePrepare, equivocate_openly),
    **{f'proposal-{name}': (messages.PrePrepare, lie)
       for name, lie in PROPOSALS.items()},
    **{f'new-view-{name}': (messages.NewView, lie)
       for name, lie in NEW_VIEWS.items()},
    **{f'blocks-{name}': (messages.Blocks, lie)
       for name, lie in BLOCKS.items()},
}
