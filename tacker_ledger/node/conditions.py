# SPDX-License-Identifier: Apache-2.0
"""What is not as it should be with a node, as a list of conditions.

A condition has a stable code, and whatever shows how a node does is made of
them: the status, log lines, notifications.  The codes stand in
:data:`CODES` and in ``doc/source/admin/operations.rst``.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import dataclasses
from typing import Any
from typing import TYPE_CHECKING

from tacker_ledger.core import errors
from tacker_ledger.node import expiries

if TYPE_CHECKING:
    from tacker_ledger.node import service

STARTING = 'starting'
STOPPING = 'shutting-down'
STORAGE_FAILED = 'storage-failed'
NOT_MEMBER = 'not-a-member'
HALTED = 'halted'
DOUBT = 'doubt'
RIVAL = 'rival-process'
NO_QUORUM = 'no-quorum'
CATCHING_UP = 'catching-up'
LAG = 'lag'
EXPIRY = 'expiry'
INDEX = 'index-behind'

#: All of them; the first are looked at first.
CODES = (STARTING, STOPPING, STORAGE_FAILED, NOT_MEMBER, HALTED, DOUBT, RIVAL,
         NO_QUORUM, CATCHING_UP, LAG, EXPIRY, INDEX)


@dataclasses.dataclass(frozen=True, slots=True)
class Condition:
    """One thing that is not as it should be.

    :param code: one of :data:`CODES`
    :param message: one sentence for a person
    :param stops_voting: while it lasts this process signs nothing
    :param details: JSON-able, what a program needs of it
    """

    code: str
    message: str
    stops_voting: bool = False
    details: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Heard:
    """How far others are, by what they say.

    :param height: the highest that a linked member claims, or the own one
    :param member: who claims it, None if nobody is further
    :param vouched: the highest height that more members than may be faulty
        claim, so that one of them at least is honest
    """

    height: int
    member: int | None
    vouched: int


def heard(own_height: int, claims: dict[int, int], faults: int) -> Heard:
    """Return how far others are.

    :param claims: member -> height that it claims
    :param faults: how many members may be faulty
    """
    ordered = sorted(((height, -member)
                      for member, height in claims.items()), reverse=True)
    vouched = ordered[faults][0] if len(ordered) > faults else 0
    if not ordered or ordered[0][0] <= own_height:
        return Heard(own_height, None, max(own_height, vouched))
    height, member = ordered[0]
    return Heard(height, -member, max(own_height, vouched))


def of_node(node: 'service.Node', ahead: Heard,
            ends: Iterable[expiries.Expiry], now_ms: int) -> list[Condition]:
    """Return what is not as it should be, in the order of :data:`CODES`."""
    found = [*_life(node), *_trouble(node), *_identity(node)]
    if not node.voting.has_quorum():
        connected = node.connected()
        quorum = node.application.federation.quorum
        found.append(Condition(
            NO_QUORUM, f'{connected} of {quorum} members that decide are '
            'connected, this one counted; writes are refused, reads go on',
            True, {'connected': connected, 'quorum': quorum}))
    if not (node.voting.may_vote() or any(one.stops_voting
                                          for one in found)):
        # linked, and not held yet for the identity by enough of them
        found.append(Condition(NO_QUORUM, node.voting.why_not(), True))
    return [*found, *_progress(node, ahead),
            *_expiring(node, ends, now_ms)]


def _life(node: 'service.Node') -> Iterator[Condition]:
    if node.closing:
        yield Condition(STOPPING, 'the process is stopping', True)
    elif not node.ready:
        yield Condition(
            STARTING, f'the process is starting, at height '
            f'{node.application.head.height}', True)


def _trouble(node: 'service.Node') -> Iterator[Condition]:
    problem = node.voting.problem
    federation = node.application.federation
    outside = node.membership.outside()
    if outside:
        yield Condition(NOT_MEMBER, outside, True,
                        {'epoch': federation.epoch})
    if problem is not None:
        code = (STORAGE_FAILED if isinstance(
            problem, errors.StorageFailed | errors.CorruptStore) else HALTED)
        yield Condition(code, f'{problem.code}: {problem.message}', True,
                        {'error': problem.code})


def _identity(node: 'service.Node') -> Iterator[Condition]:
    if node.doubt.reason:
        ends = node.doubt.ends_height
        until = ('it is not known yet at which height it ends'
                 if ends is None else f'it ends at height {ends}')
        yield Condition(DOUBT, f'{node.doubt.reason}; {until}', True,
                        {'ends_height': ends})
    elif node.claim.rivals:
        rivals = sorted(node.claim.rivals)
        yield Condition(
            RIVAL, 'another process of this member runs; it is held by '
            + ', '.join(name_of(node, member) for member in rivals),
            not node.voting.may_vote(), {'members': rivals})


def _progress(node: 'service.Node', ahead: Heard) -> Iterator[Condition]:
    own = node.application.head.height
    if node.sync.running and ahead.height > own + 1:
        yield Condition(
            CATCHING_UP, f'at height {own} of {ahead.height}', False,
            {'target': ahead.height})
    lag = ahead.vouched - own
    if lag >= node.conf.node.lag_threshold_blocks:
        yield Condition(LAG, f'{lag} blocks behind height {ahead.vouched}',
                        False, {'lag': lag, 'height': ahead.vouched})
    behind = own - node.indexer.height
    if node.indexer.problem and behind > 0:
        yield Condition(INDEX, f'searches lack {behind} blocks: '
                        f'{node.indexer.problem}', False, {'lag': behind})


def _expiring(node: 'service.Node', ends: Iterable[expiries.Expiry],
              now_ms: int) -> Iterator[Condition]:
    limit = now_ms + node.conf.node.expiry_warning_days * expiries.DAY_MS
    soon = [one for one in ends if one.ends_ms < limit]
    if soon:
        yield Condition(
            EXPIRY, '; '.join(one.sentence(now_ms) for one in soon), False,
            {'what': [one.what for one in soon],
             'ends_ms': soon[0].ends_ms})


def name_of(node: 'service.Node', member: int | None) -> str:
    """Return a member's name in the federation in force, for people."""
    known = (None if member is None
             else node.application.federation.member(member))
    return f'member {member}' if known is None else known.name
