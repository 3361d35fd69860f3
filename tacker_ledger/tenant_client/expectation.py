# SPDX-License-Identifier: Apache-2.0
"""What is in effect at a VNF if it did what the chain told it.

The same pure rules of core by which the VNF builds its plans and its
effective configuration are run over what the tenant addressed to it, all of
it proven.  The result is what a state report is compared with.
"""

from collections.abc import Iterable
import dataclasses

from tacker_ledger.core.configuration import acceptance
from tacker_ledger.core.configuration import comparison
from tacker_ledger.core.configuration import effective as effective_module
from tacker_ledger.core.configuration import plan as plan_module
from tacker_ledger.core.configuration import trust as trust_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.tenant_client import addressed
from tacker_ledger.tenant_client import context as context_module
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tenant_client import keys as keys_module
from tacker_ledger.tenant_client import ledger as ledger_module

#: Verdicts of the rules: the VNF too refuses what they object to.
_REFUSALS = (errors.DecisionError, errors.AuthenticityError,
             errors.FormatError, errors.NotFound)


@dataclasses.dataclass(frozen=True, slots=True)
class Expectation:
    """What a VNF should run, and what it may ever have run.

    :param effective: in the order in which it applies
    :param authentic: by (CID, VID)
    """

    effective: tuple[comparison.Known, ...]
    authentic: dict[tuple[bytes, int], comparison.Known]


def expect(context: context_module.Context, vnf: inventory.Vnf,
           tenants: Iterable[keys_module.Key]) -> Expectation:
    """Return what the chain says about a VNF's configuration.

    Versions that the VNF refused or could not apply count as applied: its
    report then differs, and the tenant decides.
    """
    return _Builder(context).run(addressed.addressed_to(
        context, vnf, list(tenants)))


class _AnyReference(trust_module.Trust):
    """Whom references may lead to stands in the VNF's bootstrap document.

    Here the question is only where they lead.
    """

    __slots__ = ()

    def check_reference(self, sender_id: bytes,
                        position: trust_module.Position, cid: bytes,
                        vid: int, *, versioned: bool, pinned: bool) -> None:
        """Allow every sender."""


_ANY_REFERENCE = _AnyReference(commanders=())


class _Builder:
    """Runs the rules over what a VNF was told."""

    def __init__(self, context: context_module.Context) -> None:
        self._context = context
        self._effective = effective_module.Effective()
        self._authentic: dict[tuple[bytes, int], comparison.Known] = {}
        self._histories: dict[bytes, list[ledger_module.Placed]] = {}

    def run(self, told: Iterable[context_module.Opened]) -> Expectation:
        for item in told:
            payload = item.payload
            try:
                if isinstance(payload, payload_module.Configuration):
                    self._configuration(item)
                elif isinstance(payload, payload_module.Withdrawal):
                    self._effective = self._effective.without(payload.cid)
                elif isinstance(payload, payload_module.Delivery):
                    self._delivery(item)
            except _REFUSALS:
                continue
        return Expectation(
            tuple(_known(entry) for entry in self._effective.entries()),
            self._authentic)

    def _configuration(self, item: context_module.Opened) -> None:
        opened = _accepted(item)
        self._remember(opened)
        resolver = plan_module.Resolver(_ANY_REFERENCE, opened)
        while needs := resolver.needs():
            for need in needs:
                resolver.supply(need, self._bring(need))
        plan = resolver.plan()
        for one in plan:
            self._remember(one)
        self._effective = self._effective.with_base(effective_module.Base(
            opened.located.cid, opened.located.vid, item.placed.place,
            tuple(effective_module.Entry.of(self._context.h, one)
                  for one in plan)))

    def _delivery(self, item: context_module.Opened) -> None:
        needs, _report = plan_module.delivery_needs(_accepted(item))
        entries = plan_module.checked_delivery(
            _ANY_REFERENCE, needs,
            [self._bring(need) for need in needs])
        for one in entries:
            self._remember(one)
        self._effective = effective_module.delivered(
            item.placed.place,
            [effective_module.Entry.of(self._context.h, one)
             for one in entries])

    def _remember(self, opened: acceptance.Opened) -> None:
        known = _known(effective_module.Entry.of(self._context.h, opened))
        self._authentic[(known.cid, known.vid)] = known

    def _bring(self, need: plan_module.Need) -> acceptance.Opened | None:
        """Return what is referred to, as of the height that is meant."""
        history = self._histories.get(need.cid)
        if history is None:
            history = self._histories[need.cid] = [
                placed for placed in self._context.ledger.cid_history(
                    need.cid)
                if isinstance(placed.transaction.content,
                              transaction_module.Configuration)]
        known = [placed for placed in history
                 if placed.height <= need.height
                 and need.vid in (None, placed.transaction.content.vid)]
        if not known:
            return None
        return _accepted(
            self._context.open(known[-1]) if need.content_key is None
            else self._context.open_with(known[-1], need.content_key))


def _accepted(item: context_module.Opened) -> acceptance.Opened:
    return acceptance.Opened(
        acceptance.Located(item.placed.place, item.transaction),
        item.payload, item.encoded, item.content_key)


def _known(entry: effective_module.Entry) -> comparison.Known:
    return comparison.Known(entry.cid, entry.vid, entry.txid, entry.digest,
                            entry.content_key)
