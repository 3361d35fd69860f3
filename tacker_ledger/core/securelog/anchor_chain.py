# SPDX-License-Identifier: Apache-2.0
"""Judges whether anchors follow each other from the output agreed on.

Whoever holds the first output needs nobody's list: each output is spent by
one transaction or by none, so the chain of anchors is what the network says
it is, and its end is the output that nothing spends.  A list of transactions
only saves searching; it is judged here against what a node told of each.
"""

from collections.abc import Sequence
import dataclasses
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import anchor_tree
from tacker_ledger.core.securelog import op_return
from tacker_ledger.core.securelog import transaction

#: Of one anchor.
FINAL = 'final'
CONFIRMED = 'confirmed'
PENDING = 'pending'
REFUSED = 'refused'

#: Of a chain, or of one anchor in it; stable, like the codes of errors.
WRONG_NETWORK = 'wrong-network'
NOT_CHAINED = 'not-chained'
NOT_AN_ANCHOR = 'not-an-anchor'
OUT_OF_ORDER = 'out-of-order'
TIP_SPENT = 'tip-spent'

_LIST = codec.Record(
    codec.Const(1), codec.Text(32), codec.Bytes.exact(32),
    codec.Int(0, 2 ** 32 - 1),
    codec.Array(codec.Bytes.exact(64), 0, limits.ANCHORS_MAX_COUNT))


@dataclasses.dataclass(frozen=True, slots=True)
class Expected:
    """What an auditor knows from elsewhere.

    :param first: the output which the first anchor spends
    :param genesis: hash of the chain's block 0
    :param final_depth: confirmations after which an anchor is final
    :param pinned: height and hash of a later block, or None
    """

    first: transaction.Outpoint
    genesis: str
    final_depth: int
    pinned: tuple[int, str] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What a node told of the chain.

    :param genesis: hash of block 0
    :param pinned: hash of the block at the pinned height; None: there is
        none yet, or nobody asked
    :param tip_unspent: whether output 0 of the last anchor is unspent, or
        the first output if there are no anchors; None: nobody asked
    """

    genesis: str
    pinned: str | None = None
    tip_unspent: bool | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Anchor:
    """One transaction and what a node told of it.

    :param height: of its block; None if it is in none
    :param confirmations: 0 in no block, negative if another took its place
    :param rebase: the file that makes it the first of a new chain
    """

    transaction: transaction.Transaction
    height: int | None
    confirmations: int
    rebase: anchor_tree.RebasePath | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What one anchor is worth.

    :param root: what it publishes; None if it is no anchor
    :param problem: why it is refused
    """

    txid: str
    state: str
    root: bytes | None
    problem: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Gap:
    """A chain was given up, and another begun.

    :param left: the output that nothing follows
    :param txid: the first anchor of the next chain
    """

    left: transaction.Outpoint
    txid: str


@dataclasses.dataclass(frozen=True, slots=True)
class Judgement:
    """What a chain of anchors is worth.

    :param verdicts: one for each anchor
    :param problems: of the whole, and of its anchors, each once
    :param tip: what the next anchor spends
    """

    verdicts: tuple[Verdict, ...]
    gaps: tuple[Gap, ...]
    problems: tuple[str, ...]
    tip: transaction.Outpoint

    @property
    def good(self) -> bool:
        """Whether nothing is wrong; a gap is not wrong, but shown."""
        return not self.problems

    def require_good(self) -> None:
        """Raise unless nothing is wrong.

        :raises BadAnchorChain: it is not
        """
        if self.problems:
            raise errors.BadAnchorChain(
                'The chain of anchors cannot be relied on: '
                + ', '.join(self.problems), problems=list(self.problems))


def judge(anchors: Sequence[Anchor], expected: Expected,
          seen: Seen) -> Judgement:
    """Return what a chain of anchors is worth.

    :param anchors: in their order, replaced ones left out
    """
    problems = []
    if not _is_the_chain(expected, seen):
        problems.append(WRONG_NETWORK)
    verdicts = []
    gaps = []
    tip = expected.first
    height = 0
    is_waiting = False
    for anchor in anchors:
        root, problem = _root_of(anchor.transaction)
        txid = anchor.transaction.txid
        if not problem and tip not in anchor.transaction.inputs:
            if _leaves(anchor, tip, root):
                gaps.append(Gap(tip, txid))
            else:
                problem = NOT_CHAINED
        if not problem and (is_waiting or (
                anchor.height is not None and anchor.height < height)):
            # an anchor is built on one that is in a block
            problem = OUT_OF_ORDER
        if problem:
            problems.append(problem)
            verdicts.append(Verdict(txid, REFUSED, root, problem))
            continue
        is_waiting = anchor.height is None or anchor.confirmations < 1
        height = anchor.height or height
        tip = transaction.Outpoint(txid, 0)
        verdicts.append(Verdict(txid, _state(anchor, expected), root))
    if seen.tip_unspent is False:
        problems.append(TIP_SPENT)
    if problems and WRONG_NETWORK in problems:
        # blocks of another chain prove nothing
        verdicts = [dataclasses.replace(one, state=REFUSED,
                                        problem=one.problem or WRONG_NETWORK)
                    for one in verdicts]
    return Judgement(tuple(verdicts), tuple(gaps),
                     tuple(dict.fromkeys(problems)), tip)


def _is_the_chain(expected: Expected, seen: Seen) -> bool:
    return seen.genesis == expected.genesis and (
        expected.pinned is None or seen.pinned == expected.pinned[1])


def _root_of(one: transaction.Transaction) -> tuple[bytes | None, str]:
    try:
        return op_return.from_transaction(one), ''
    except errors.NotAnAnchor:
        return None, NOT_AN_ANCHOR


def _leaves(anchor: Anchor, tip: transaction.Outpoint,
            root: bytes | None) -> bool:
    """Return whether an anchor says that the chain so far is given up."""
    if anchor.rebase is None or anchor.rebase.tip != tip:
        return False
    try:
        return anchor.rebase.root() == root
    except errors.BadProof:
        return False


def _state(anchor: Anchor, expected: Expected) -> str:
    if anchor.height is None or anchor.confirmations < 1:
        return PENDING
    if anchor.confirmations < expected.final_depth:
        return CONFIRMED
    return FINAL


@dataclasses.dataclass(frozen=True, slots=True)
class AnchorList:
    """What is exported: which transactions to look at, and where.

    It proves nothing by itself.

    :param network: as the options have it
    :param anchors: (txid, block hash) in their order
    """

    network: str
    first: transaction.Outpoint
    anchors: tuple[tuple[str, str], ...]

    def encode(self) -> bytes:
        """Return the file."""
        return codec.encode((
            1, self.network, _bytes_of(self.first.txid), self.first.index,
            tuple(_bytes_of(txid) + _bytes_of(block)
                  for txid, block in self.anchors)))


def decode_list(data: bytes) -> AnchorList:
    """Return the list that a file holds.

    :raises Malformed: not such a file
    :raises TooLarge: larger than such a file may be
    """
    fields: Any = codec.decode(data, _LIST, limits.ANCHOR_LIST_MAX_BYTES)
    return AnchorList(
        fields[1], transaction.Outpoint(_text_of(fields[2]), fields[3]),
        tuple((_text_of(row[:32]), _text_of(row[32:]))
              for row in fields[4]))


def _bytes_of(text: str) -> bytes:
    return bytes.fromhex(transaction.check_txid(text))[::-1]


def _text_of(data: bytes) -> str:
    return data[::-1].hex()
