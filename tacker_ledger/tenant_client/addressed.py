# SPDX-License-Identifier: Apache-2.0
"""What a tenant has told a VNF, complete by proof.

The state commits to every transaction from one key to another, so nothing
the tenant ever addressed to the VNF's keys can be missing here; which
groups the VNF was told to join, and when to leave, stands among it.
"""

from collections.abc import Iterable

from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.tenant_client import context as context_module
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tenant_client import keys as keys_module

_Place = tuple[int, int]


def addressed_to(context: context_module.Context, vnf: inventory.Vnf,
                 tenants: Iterable[keys_module.Key]
                 ) -> list[context_module.Opened]:
    """Return what the tenant's keys sent a VNF and its groups, in order.

    Group transactions count from where the VNF was told the group's key to
    where it was told to leave.  Requests have no payload and are left out.
    """
    found: list[context_module.Opened] = []
    for key in tenants:
        direct = sent(context, [document.key_id for document in vnf.keys],
                      key)
        found += direct
        for group_id, since, until in _memberships(direct):
            found += [item for item in sent(context, [group_id], key)
                      if since < item.placed.place
                      and (until is None or item.placed.place < until)]
    return sorted(found, key=lambda item: item.placed.place)


def sent(context: context_module.Context, recipients: Iterable[bytes],
         key: keys_module.Key) -> list[context_module.Opened]:
    """Return what a tenant key sent to some keys, requests left out."""
    found = [
        context.open(placed) for recipient_id in recipients
        for placed in context.ledger.pair_history(recipient_id, key.key_id)
        if isinstance(placed.transaction.content,
                      transaction_module.Configuration)]
    return sorted(found, key=lambda item: item.placed.place)


def _memberships(direct: Iterable[context_module.Opened]
                 ) -> list[tuple[bytes, _Place, _Place | None]]:
    """Return the group keys told: id, where joined, where left."""
    open_since: dict[bytes, _Place] = {}
    found: list[tuple[bytes, _Place, _Place | None]] = []
    for item in direct:
        payload = item.payload
        if not isinstance(payload, payload_module.GroupKey):
            continue
        group_id = payload.group_key_id
        if payload.action == payload_module.GroupKey.JOIN:
            open_since.setdefault(group_id, item.placed.place)
        elif group_id in open_since:
            found.append((group_id, open_since.pop(group_id),
                          item.placed.place))
    return found + [(group_id, since, None)
                    for group_id, since in open_since.items()]
