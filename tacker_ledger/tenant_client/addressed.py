# SPDX-License-Identifier: Apache-2.0
"""What a tenant has told a VNF, complete by proof.

The state commits to every transaction from one key to another, so nothing
the tenant ever addressed to the VNF's keys can be missing here; which
groups the VNF was told to join, and when to leave, stands among it.
"""

from collections.abc import Iterable
import dataclasses

from tacker_ledger.core.configuration import comparison
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.tenant_client import context as context_module
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tenant_client import keys as keys_module

_REFERENCE_DEPTH_MAX = 64


def addressed_to(context: context_module.Context, vnf: inventory.Vnf,
                 tenants: Iterable[keys_module.Key]
                 ) -> list[context_module.Opened]:
    """Return what the tenant's keys sent a VNF and its groups, in order.

    Group transactions count from the first epoch the VNF was told the key
    of to the block in which it was told to leave.  Requests have no
    payload and are left out.
    """
    own: list[context_module.Opened] = []
    shared: list[context_module.Opened] = []
    for key in tenants:
        direct = _pair(context, [document.key_id for document in vnf.keys],
                       key)
        own += direct
        for group_id, left in _memberships(direct).items():
            shared += [item for item in _pair(context, [group_id], key)
                       if left is None or item.placed.place < left]
    return sorted((*own, *shared), key=lambda item: item.placed.place)


def _pair(context: context_module.Context, recipients: list[bytes],
          key: keys_module.Key) -> list[context_module.Opened]:
    found = []
    for recipient_id in recipients:
        for placed in context.ledger.pair_history(recipient_id, key.key_id):
            if isinstance(placed.transaction.content,
                          transaction_module.Configuration):
                found.append(context.open(placed))
    return sorted(found, key=lambda item: item.placed.place)


def _memberships(direct: list[context_module.Opened]
                 ) -> dict[bytes, tuple[int, int] | None]:
    """Return the group keys told, each with where it was taken away."""
    found: dict[bytes, tuple[int, int] | None] = {}
    for item in direct:
        payload = item.payload
        if not isinstance(payload, payload_module.GroupKey):
            continue
        if payload.action == payload_module.GroupKey.JOIN:
            found[payload.group_key_id] = None
        elif payload.group_key_id in found:
            found[payload.group_key_id] = item.placed.place
    return found


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """What a VNF may rightly run, for comparison with its report.

    :param expected: the newest version of each configuration for it
    :param authentic: by (CID, VID), those and older ones and what they
        refer to
    """

    expected: tuple[comparison.Known, ...]
    authentic: dict[tuple[bytes, int], comparison.Known]


def known_to(context: context_module.Context, vnf: inventory.Vnf,
             tenants: Iterable[keys_module.Key]) -> Known:
    """Return what the chain proves about a VNF's configuration."""
    expected: dict[bytes, comparison.Known] = {}
    collector = _Collector(context)
    for item in addressed_to(context, vnf, tenants):
        payload = item.payload
        if isinstance(payload, payload_module.Withdrawal):
            expected.pop(payload.cid, None)
        elif isinstance(payload, payload_module.Configuration):
            known = collector.add(item)
            expected[known.cid] = known
            collector.follow(item)
        elif isinstance(payload, payload_module.Delivery):
            for reference in payload.entries:
                taken = collector.fetch(reference)
                if taken is None:
                    continue
                before = expected.get(taken.cid)
                if before is None or before.vid <= taken.vid:
                    expected[taken.cid] = taken
    return Known(tuple(sorted(expected.values(),
                              key=lambda known: known.place)),
                 collector.found)


class _Collector:
    """Gathers versions and, by proof, what they refer to."""

    def __init__(self, context: context_module.Context) -> None:
        self._context = context
        self.found: dict[tuple[bytes, int], comparison.Known] = {}

    def add(self, item: context_module.Opened) -> comparison.Known:
        """Remember one opened version."""
        content = item.content
        h = self._context.h
        if item.content_key is None:
            encoded = authoring.open_public_bytes(item.transaction)
        else:
            encoded = authoring.open_bytes(
                h, item.transaction, item.content_key,
                provider=self._context.provider)
        known = comparison.Known(
            content.cid, content.vid, item.transaction.txid,
            payload_module.payload_digest(h, encoded), item.content_key,
            item.placed.place)
        self.found[(content.cid, content.vid)] = known
        return known

    def fetch(self, reference: payload_module.SealedReference
              ) -> comparison.Known | None:
        """Return a version that one of the tenant's payloads names."""
        present = self.found.get((reference.cid, reference.vid))
        if present is not None:
            return present
        proven = self._context.ledger.transaction(reference.txid)
        if proven is None:
            return None
        transaction = proven.transaction
        if (transaction.content.cid, transaction.content.vid) != (
                reference.cid, reference.vid):
            return None
        opened = self._opened(proven, reference.content_key)
        if opened is None:
            return None
        known = self.add(opened)
        self.follow(opened)
        return known

    def _opened(self, proven: context_module.ledger_module.Proven,
                content_key: bytes | None
                ) -> context_module.Opened | None:
        placed = proven.placed
        try:
            if content_key is None:
                return self._context.open(placed)
            payload = authoring.open_with_key(
                self._context.h, placed.transaction, content_key,
                provider=self._context.provider)
            return context_module.Opened(placed, payload, content_key)
        except (errors.AuthenticityError, errors.FormatError,
                errors.DecisionError):
            return None

    def follow(self, item: context_module.Opened, depth: int = 0) -> None:
        """Remember what a version refers to, and so on."""
        if depth > _REFERENCE_DEPTH_MAX:
            return
        payload = item.payload
        if isinstance(payload, payload_module.Configuration):
            for sealed in (*payload.sealed_before, *payload.sealed_after):
                self.fetch(sealed)
        for reference in (*item.content.apply_before,
                          *item.content.apply_after):
            for placed in self._versions(reference):
                content = placed.transaction.content
                if (content.cid, content.vid) in self.found:
                    continue
                try:
                    opened = self._context.open(placed)
                except (errors.AuthenticityError, errors.DecisionError):
                    continue
                self.add(opened)
                self.follow(opened, depth + 1)

    def _versions(self, reference: identifiers.Reference
                  ) -> list[context_module.ledger_module.Placed]:
        """Return the versions a public reference can mean."""
        history = [
            placed for placed in self._context.ledger.cid_history(
                reference.cid)
            if isinstance(placed.transaction.content,
                          transaction_module.Configuration)]
        if reference.vid is None:
            # Whichever was the newest where it was named.
            return history
        return [placed for placed in history
                if placed.transaction.content.vid == reference.vid
                and reference.digest in (None, placed.transaction.txid)]
