# SPDX-License-Identifier: Apache-2.0
"""How a node does, as one structure for whoever asks.

The doors, RPC and the local socket all hand out what is put together here;
which parts of it a door shows is the door's business.  Keys are never taken
away within an API version.
"""

import time
from typing import Any
from typing import TYPE_CHECKING

from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.node import conditions
from tacker_ledger import version

if TYPE_CHECKING:
    from tacker_ledger.node import service


def of_node(node: 'service.Node') -> dict[str, Any]:
    """Return the status; keys are described at ``submit.NodeFacade``."""
    now_ms = node.now_ms()
    ahead = heard(node)
    found = node.watch.look()
    return {
        **_ledger(node), **_consensus(node, ahead), **_held(node),
        'evidence': node.watch.evidence_summary(),
        'refused': node.refusals.records(),
        'expiries': [one.record(now_ms) for one in node.watch.expiries],
        'conditions': [
            {'code': one.code, 'message': one.message,
             'stops_voting': one.stops_voting, 'details': one.details,
             'since_ms': since_ms} for one, since_ms in found],
        'voting': not any(one.stops_voting for one, _ in found),
        'not_voting': '; '.join(f'{one.code}: {one.message}'
                                for one, _ in found if one.stops_voting),
        **_health(node)}


def _ledger(node: 'service.Node') -> dict[str, Any]:
    head = node.application.head
    federation = node.application.federation
    return {
        'name': node.identity.name, 'member': node.member,
        'members': federation.size, 'chain_id': node.query.chain_id.hex(),
        'epoch': federation.epoch, 'height': head.height,
        'head_digest': head.digest.hex(), 'head_time_ms': head.time_ms,
        'federation': {
            'epoch': federation.epoch, 'digest': federation.digest.hex(),
            'faults': federation.faults, 'quorum': federation.quorum,
            'members': [member.name for member in federation.members],
            'expiry_ms': federation.document.expiry_ms}}


def _consensus(node: 'service.Node', ahead: conditions.Heard
               ) -> dict[str, Any]:
    leader = node.leader()
    since = node.pool.oldest_since()
    return {
        'view': node.consensus.engine.view, 'leader': leader,
        'leader_name': None if leader is None
        else conditions.name_of(node, leader),
        'views_changed': node.watch.views_changed,
        'lag': ahead.height - node.application.head.height,
        'highest': {'height': ahead.height, 'member': ahead.member},
        'catching_up': node.sync.running,
        'pool': {
            'transactions': len(node.pool), 'bytes': node.pool.bytes,
            'max_transactions': node.pool.max_transactions,
            'max_bytes': node.pool.max_bytes,
            'oldest_waited_ms': 0 if since is None else int(
                (time.monotonic() - since) * 1000)},
        'peers_up': len(node.hub.members_up()),
        'peers': [{name: record[name] for name in (
            'member', 'name', 'up', 'height', 'view')}
            for record in peers(node)],
        'quorum': node.application.federation.quorum,
        'has_quorum': node.voting.has_quorum(),
        'sent': node.traffic.records(),
        'doubt': node.doubt.reason,
        'doubt_ends_height': node.doubt.ends_height}


def _held(node: 'service.Node') -> dict[str, Any]:
    return {
        'bodies': {'first': node.watch.first_body,
                   'last': node.application.head.height},
        'index_height': node.indexer.height,
        'index_begins_at': node.query.begins_at(),
        'index_problem': node.indexer.problem,
        'storage_bytes': node.store.env.used_bytes(),
        'admission': node.conf.node.admission}


def _health(node: 'service.Node') -> dict[str, Any]:
    problem = node.voting.problem
    reason = ''
    if problem is not None:
        reason = f'{problem.code}: {problem.message}'
    elif node.closing:
        reason = conditions.STOPPING
    elif not node.ready:
        reason = conditions.STARTING
    return {'instance': node.identity.instance.hex(),
            'version': version.version_string(),
            'uptime_ms': node.watch.uptime_ms(),
            'healthy': not reason, 'reason': reason}


def heard(node: 'service.Node') -> conditions.Heard:
    """Return how far the linked members are, by what they say."""
    claims = {member: height for member in node.hub.members_up()
              if (height := claimed(node, member)[0]) is not None}
    federation = node.application.federation
    return conditions.heard(node.application.head.height, claims,
                            federation.faults)


def claimed(node: 'service.Node', member: int
            ) -> tuple[int | None, int | None]:
    """Return the height and the view that a member was last heard at.

    The height is that of the newest block it says it has; None: nothing
    was heard.
    """
    height = node.sync.claimed(member)
    raw = node.consensus.newest(member) if node.consensus.started else None
    if raw is None:
        return height, None
    try:
        message = messages.decode(raw)
    except errors.FormatError:
        return height, None
    if not isinstance(message, messages.ShownVote | messages.ViewChange
                      | messages.NewView):
        return height, None
    return max(height or 0, message.height - 1), message.view


def peers(node: 'service.Node') -> list[dict[str, Any]]:
    """Return one record per other member, as ``hub.describe`` has it."""
    records = node.hub.describe()
    for record in records:
        record['height'], record['view'] = claimed(node, record['member'])
    return records
