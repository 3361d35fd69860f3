# SPDX-License-Identifier: Apache-2.0
"""Which parts of what a node says of itself a door shows.

The façade says everything it knows; a client is answered in the version of
the interface that it asked for, and a tenant is not told what is the
operators' business.
"""

from collections.abc import Iterable
from typing import Any

#: Keys of the status by the version that brought them.
_STATUS_SINCE: dict[tuple[int, int], frozenset[str]] = {
    (1, 0): frozenset((
        'name', 'member', 'members', 'chain_id', 'epoch', 'height',
        'head_digest', 'head_time_ms', 'view', 'leader', 'pool', 'peers_up',
        'quorum', 'has_quorum', 'instance', 'version', 'index_height',
        'index_problem', 'admission', 'storage_bytes', 'voting', 'doubt',
        'healthy', 'reason', 'waiters')),
    (1, 1): frozenset((
        'federation', 'leader_name', 'views_changed', 'lag', 'highest',
        'catching_up', 'peers', 'doubt_ends_height', 'bodies', 'evidence',
        'conditions', 'not_voting', 'uptime_ms', 'refused', 'expiries',
        'sent', 'index_begins_at'))}
_PEER_SINCE: dict[tuple[int, int], frozenset[str]] = {
    (1, 0): frozenset((
        'member', 'name', 'address', 'up', 'instance', 'height', 'since_ms',
        'queued_bytes', 'dropped', 'last_error')),
    (1, 1): frozenset(('view', 'heard_ms'))}
_EVIDENCE_SINCE: dict[tuple[int, int], frozenset[str]] = {
    (1, 0): frozenset(('kind', 'member', 'height', 'view', 'messages')),
    (1, 1): frozenset(('federation',))}
#: What only the operator door shows.
_OF_OPERATORS = frozenset(('refused', 'expiries', 'sent'))


def _keys(since: dict[tuple[int, int], frozenset[str]],
          version: tuple[int, int]) -> frozenset[str]:
    return frozenset().union(*(keys for first, keys in since.items()
                               if first <= version))


def _only(found: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name in keys}


def status(found: dict[str, Any], version: tuple[int, int], *,
           to_operator: bool) -> dict[str, Any]:
    """Return a status as a door shows it.

    :param found: of ``NodeFacade.status``
    :param version: of the interface, see ``microversion``
    """
    keys = _keys(_STATUS_SINCE, version)
    if not to_operator:
        keys -= _OF_OPERATORS
    return _only(found, keys)


def peers(found: list[dict[str, Any]], version: tuple[int, int]
          ) -> list[dict[str, Any]]:
    """Return the records of peers as the operator door shows them."""
    keys = _keys(_PEER_SINCE, version)
    return [_only(one, keys) for one in found]


def evidence(found: list[dict[str, Any]], version: tuple[int, int]
             ) -> list[dict[str, Any]]:
    """Return kept evidence as the operator door shows it."""
    keys = _keys(_EVIDENCE_SINCE, version)
    return [_only(one, keys) for one in found]
