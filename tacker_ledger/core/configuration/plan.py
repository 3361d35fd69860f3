# SPDX-License-Identifier: Apache-2.0
"""From one configuration to everything that is applied with it, in order.

*Apply before* and *apply after* name other configurations, which may name
more.  The resolver says what it needs, the caller brings it with proof, the
resolver decides whether it fits.  Nothing is applied before the whole plan
is known:

* a reference is resolved as of the height of the base transaction's block,
  so every VNF builds the same plan, today or after a long sleep, and a
  vendor's later version enters only by the tenant's act;
* it must be what was pinned, by somebody who may be referred to so;
* no CID appears in two versions;
* before and after form no circle;
* there is a bound on transactions and bytes.

Among what the order leaves open, lists keep their order.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import heapq

from tacker_ledger.core.configuration import acceptance
from tacker_ledger.core.configuration import trust as trust_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core import limits


@dataclasses.dataclass(frozen=True, slots=True)
class Need:
    """A configuration to be brought.

    :param vid: None for the latest at ``height``
    :param txid: the very transaction, if it is pinned
    :param height: where it must stand at the latest
    :param content_key: what opens it, if a sealed reference says so
    """

    cid: bytes
    vid: int | None
    txid: bytes | None
    height: int
    content_key: bytes | None = dataclasses.field(default=None, repr=False)


def check_fits(trust: trust_module.Trust, need: Need,
               opened: acceptance.Opened | None) -> acceptance.Opened:
    """Return what was brought for a need if it is what was meant.

    :param opened: None: proven not to exist at that height
    :raises ReferenceMissing: there is none
    :raises ReferenceMismatch: another CID, version or transaction
    :raises ReferenceNotAllowed: its sender may not be referred to so
    :raises KeyRevoked: its sender's key no longer counts
    """
    if opened is None or opened.located.position[0] > need.height:
        raise errors.ReferenceMissing(
            'A configuration that is referred to did not exist at the '
            'height of the transaction.', cid=need.cid.hex(), vid=need.vid,
            height=need.height)
    located = opened.located
    sent = located.transaction
    if (located.cid != need.cid
            or need.vid not in (None, located.vid)
            or need.txid not in (None, sent.txid)):
        raise errors.ReferenceMismatch(
            'A configuration is not the one that was referred to.',
            cid=need.cid.hex(), vid=need.vid, found_cid=located.cid.hex(),
            found_vid=located.vid, found_txid=sent.txid.hex())
    trust.check_reference(
        sent.sender_id, located.position, located.cid, located.vid,
        versioned=need.vid is not None, pinned=need.txid is not None)
    return opened


class Resolver:
    """Builds the plan of one base configuration.

    :param base: accepted and opened; its payload is a configuration
    """

    def __init__(self, trust: trust_module.Trust,
                 base: acceptance.Opened) -> None:
        self._trust = trust
        self._height = base.located.position[0]
        self._base = base
        self._bytes = 0
        #: What was brought, by CID: one version each.
        self._found: dict[bytes, acceptance.Opened] = {}
        #: What is still needed, in order; a need may come up twice.
        self._needs: list[Need] = []
        self._add(base)

    def needs(self) -> tuple[Need, ...]:
        """Return what is still to be brought; empty when all is there."""
        return tuple(dict.fromkeys(self._needs))

    def supply(self, need: Need, opened: acceptance.Opened | None) -> None:
        """Take what was brought for a need.

        :param opened: its signature verified, its place proven; None if it
            is proven that there is nothing
        :raises DecisionError: it does not fit
        """
        opened = check_fits(self._trust, need, opened)
        self._needs = [one for one in self._needs if one != need]
        known = self._found.get(opened.located.cid)
        if known is None:
            self._add(opened)
        elif known.located.transaction.txid != \
                opened.located.transaction.txid:
            raise errors.ReferenceMismatch(
                'The plan names two versions of one configuration.',
                cid=need.cid.hex(), vids=sorted(
                    (known.located.vid, opened.located.vid)))

    def _add(self, opened: acceptance.Opened) -> None:
        if not isinstance(opened.payload, payload_module.Configuration
                          | payload_module.Template):
            raise errors.WrongPayload(
                'A plan consists of configurations and templates.',
                cid=opened.located.cid.hex(), kind=opened.payload.KIND)
        # A small transaction may inflate to a large payload.
        self._bytes += max(len(opened.located.transaction.raw),
                           len(opened.encoded))
        if (len(self._found) >= limits.PLAN_MAX_COUNT
                or self._bytes > limits.PLAN_MAX_BYTES):
            raise errors.PlanTooLarge(
                'The plan has too many configurations or bytes.',
                count=len(self._found) + 1, bytes=self._bytes)
        self._found[opened.located.cid] = opened
        before, after = _references(opened, self._height)
        self._needs += [*before, *after]

    def plan(self) -> tuple[acceptance.Opened, ...]:
        """Return the configurations in the order in which they apply.

        :raises PlanCycle: before and after contradict each other
        """
        assert not self._needs, 'the plan is not complete'
        rank = {cid: number for number, cid in enumerate(
            self._emitted(self._base.located.cid, set()))}
        later: dict[bytes, set[bytes]] = {cid: set() for cid in self._found}
        waits = dict.fromkeys(self._found, 0)
        for first, second in set(self._edges()):
            later[first].add(second)
            waits[second] += 1
        ready = [(rank[cid], cid) for cid, count in waits.items()
                 if not count]
        heapq.heapify(ready)
        order = []
        while ready:
            cid = heapq.heappop(ready)[1]
            order.append(self._found[cid])
            for second in later[cid]:
                waits[second] -= 1
                if not waits[second]:
                    heapq.heappush(ready, (rank[second], second))
        if len(order) != len(self._found):
            raise errors.PlanCycle(
                'Apply before and apply after form a circle.',
                cids=sorted(cid.hex() for cid, count in waits.items()
                            if count))
        return tuple(order)

    def _edges(self) -> Iterator[tuple[bytes, bytes]]:
        for cid, opened in self._found.items():
            before, after = _references(opened, self._height)
            for need in before:
                yield need.cid, cid
            for need in after:
                yield cid, need.cid

    def _emitted(self, cid: bytes, seen: set[bytes]) -> Iterator[bytes]:
        """Yield CIDs depth first: before, itself, after."""
        if cid in seen:
            return
        # Marked on the way down: circles end, and are found later.
        seen.add(cid)
        before, after = _references(self._found[cid], self._height)
        for need in before:
            yield from self._emitted(need.cid, seen)
        yield cid
        for need in after:
            yield from self._emitted(need.cid, seen)


def _references(opened: acceptance.Opened, height: int
                ) -> tuple[tuple[Need, ...], tuple[Need, ...]]:
    """Return the needs for apply before and for apply after."""
    content = opened.located.transaction.content
    assert isinstance(content, transaction_module.Configuration)
    before = [Need(one.cid, one.vid, one.digest, height)
              for one in content.apply_before]
    after = [Need(one.cid, one.vid, one.digest, height)
             for one in content.apply_after]
    if isinstance(opened.payload, payload_module.Configuration):
        before += [sealed_need(one, height)
                   for one in opened.payload.sealed_before]
        after += [sealed_need(one, height)
                  for one in opened.payload.sealed_after]
    return tuple(before), tuple(after)


def sealed_need(reference: payload_module.SealedReference,
                height: int) -> Need:
    """Return the need for a sealed reference, which pins everything."""
    return Need(reference.cid, reference.vid, reference.txid, height,
                reference.content_key)


def delivery_needs(opened: acceptance.Opened
                   ) -> tuple[tuple[Need, ...], Need | None]:
    """Return what a delivery hands over: the entries and the report.

    The entries are what the tenant confirmed, in order; their own
    references were resolved at the source and stand among them.

    :raises WrongPayload: one CID stands there twice
    """
    delivery = opened.payload
    assert isinstance(delivery, payload_module.Delivery)
    height = opened.located.position[0]
    needs = tuple(sealed_need(one, height) for one in delivery.entries)
    if len({one.cid for one in needs}) != len(needs):
        raise errors.WrongPayload('A delivery names one CID twice.')
    report = delivery.report
    return needs, None if report is None else sealed_need(report, height)


def checked_delivery(trust: trust_module.Trust, needs: Sequence[Need],
                     brought: Sequence[acceptance.Opened | None]
                     ) -> tuple[acceptance.Opened, ...]:
    """Return the entries of a delivery if each is what was confirmed.

    :param needs: the entries of :func:`delivery_needs`
    :param brought: what was brought for each
    :raises DecisionError: one does not fit
    :raises PlanTooLarge: together they are too large
    """
    entries = []
    size = 0
    for need, opened in zip(needs, brought, strict=True):
        fitting = check_fits(trust, need, opened)
        if not isinstance(fitting.payload, payload_module.Configuration
                          | payload_module.Template):
            raise errors.WrongPayload(
                'A delivery consists of configurations and templates.',
                cid=need.cid.hex(), kind=fitting.payload.KIND)
        size += max(len(fitting.located.transaction.raw),
                    len(fitting.encoded))
        entries.append(fitting)
    if size > limits.PLAN_MAX_BYTES:
        raise errors.PlanTooLarge('The delivery has too many bytes.',
                                  bytes=size)
    return tuple(entries)
