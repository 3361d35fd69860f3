# SPDX-License-Identifier: Apache-2.0
"""Everything that is new for this VNF, complete, with the trust at the head.

Trust changes come first, and what they name may lead to more: a new
commander or a joined group has a history of its own.  So histories are
fetched until nothing new is named, all proven at one head.

A history proves which transactions there are and in which order; where each
stands is only the node's word.  Trust has positions, so an order's place is
proven before it is believed, and every other transaction's before it is
acted on.
"""

from collections.abc import Mapping
import dataclasses

from oslo_log import log as logging

from tacker_ledger.core.configuration import acceptance
from tacker_ledger.core.configuration import trust as trust_module
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import certificate
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.transport import client as client_module
from tacker_ledger.vnf_client import fetch
from tacker_ledger.vnf_client import keys as keys_module
from tacker_ledger.vnf_client import state as state_module

LOG = logging.getLogger(__name__)

Pair = tuple[bytes, bytes]

#: How often trust may lead to more trust in one poll.
_ROUNDS_MAX_COUNT = 16
_NOTHING = (0, state_records.EMPTY_HEAD)

#: Payloads which change what is obeyed: folded before anything else.
_ORDERS = (payload_module.TrustChange, payload_module.GroupKey)
#: Payloads of which only the newest version counts.
_LATEST_COUNTS = (payload_module.Configuration, payload_module.Delivery)


@dataclasses.dataclass(frozen=True, slots=True)
class Received:
    """A new transaction, as little of it as is needed.

    :param pair: (recipient id, sender id)
    :param counter: of the pair's history after this transaction
    :param kind: type of its payload; None of a request, or if unreadable
    :param order: the payload, if it changes what is obeyed
    :param unreadable: why there is no payload
    :param source: the answer that says where it stands
    """

    pair: Pair
    counter: state_module.Counter
    facts: acceptance.Facts
    kind: type | None
    order: payload_module.Payload | None
    unreadable: errors.LedgerError | None
    source: client_module.Reply


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """All that is new, in the order of the chain.

    :param trust: at the head
    :param outcomes: of orders, by transaction id: None or why refused
    :param superseded: ids of configurations of which there are newer ones
    """

    head: certificate.Certified
    trust: trust_module.Trust
    received: tuple[Received, ...]
    outcomes: Mapping[bytes, errors.LedgerError | None]
    superseded: frozenset[bytes]


class Inbox:
    """Collects what is new."""

    def __init__(self, provider: provider_module.Provider,
                 fetcher: fetch.Fetcher, keys: keys_module.Keys) -> None:
        self._provider = provider
        self._fetcher = fetcher
        self._keys = keys
        self._h = fetcher.light.h

    def state_keys(self, trust: trust_module.Trust, handled_height: int
                   ) -> dict[bytes, Pair]:
        """Return the state key of every history to follow."""
        return {identifiers.pair_state_key(self._h, *pair): pair
                for pair in trust.pairs(handled_height)}

    def gather(self, state: state_module.AgentState,
               snapshot: fetch.Snapshot) -> Batch:
        """Return what is new at a snapshot, or at a later head.

        :param snapshot: the state under :meth:`state_keys`
        :raises LedgerError: no node shows all of it
        """
        received: dict[Pair, list[Received]] = {}
        keys = self.state_keys(state.trust, state.handled_height)
        for _ in range(_ROUNDS_MAX_COUNT):
            for key, pair in keys.items():
                self._extend(received.setdefault(pair, []), key, pair,
                             state.counter(pair), snapshot.values[key])
            merged = sorted((one for some in received.values()
                             for one in some),
                            key=lambda one: one.facts.position)
            trust, outcomes = self._fold(state.trust, merged)
            more = self.state_keys(trust, state.handled_height)
            if more.keys() <= keys.keys():
                self._prove_orders(merged)
                return Batch(
                    snapshot.head, trust, tuple(merged), outcomes,
                    self._superseded(state, trust, merged))
            keys = {**keys, **more}
            snapshot = self._fetcher.state(list(keys))
        raise errors.Busy('Trust changes lead to ever more of them.')

    def _extend(self, known: list[Received], key: bytes, pair: Pair,
                handled: state_module.Counter, value: bytes | None) -> None:
        """Add what stands between the known end of a history and a head."""
        last = known[-1].counter if known else handled
        now = _NOTHING
        if value is not None:
            record = state_records.PairRecord.from_bytes(value)
            now = (record.count, record.head)
        known.extend(self._fetcher.history(
            key, (last.count, last.head), now,
            lambda step: self._received(pair, step)))

    def _received(self, pair: Pair, step: fetch.Step) -> Received:
        located = acceptance.Located(step.position, step.transaction)
        content = step.transaction.content
        kind, order, unreadable = None, None, None
        if isinstance(content, transaction_module.Configuration):
            try:
                payload = acceptance.open_located(
                    self._h, self._provider, self._keys.readers(),
                    located).payload
                kind = type(payload)
                if isinstance(payload, _ORDERS):
                    order = payload
            except errors.LedgerError as exc:
                unreadable = exc
        return Received(
            pair, state_module.Counter(step.count, step.head, content.nonce),
            acceptance.Facts.of(located), kind, order, unreadable,
            step.source)

    # Trust

    def _fold(self, trust: trust_module.Trust, received: list[Received]
              ) -> tuple[trust_module.Trust,
                         dict[bytes, errors.LedgerError | None]]:
        """Return the trust at the head and what became of each order."""
        outcomes: dict[bytes, errors.LedgerError | None] = {}
        orders = [one for one in received if one.order is not None]
        # The recovery key outranks everybody, so its word comes first: it
        # decides whose orders still count.
        for one in orders:
            if _is_recovered(one.order):
                trust = self._change(trust, one, outcomes)
        for one in orders:
            if not _is_recovered(one.order):
                trust = self._change(trust, one, outcomes)
        return trust, outcomes

    def _change(self, trust: trust_module.Trust, one: Received,
                outcomes: dict[bytes, errors.LedgerError | None]
                ) -> trust_module.Trust:
        """Return the trust after an order; a wrong one changes nothing."""
        facts = one.facts
        try:
            if facts.recipient_id not in trust.own_ids:
                raise errors.WrongPayload(
                    'Such an order is sealed to one VNF, never to a group.')
            changed = self._obeyed(trust, one)
        except errors.LedgerError as exc:
            outcomes[facts.txid] = exc
            return trust
        outcomes[facts.txid] = None
        return changed

    def _obeyed(self, trust: trust_module.Trust, one: Received
                ) -> trust_module.Trust:
        facts = one.facts
        order = one.order
        if isinstance(order, payload_module.TrustChange):
            order.verify(self._provider, self._h, trust.recovery_id)
            if (isinstance(order.change, payload_module.RetireVnf)
                    and trust.retired == facts.position):
                # Told again after a crash.
                return trust
            if order.recovery is None and \
                    facts.sender_id != trust.recovery_id:
                acceptance.check_parties(trust, facts)
            return trust.changed_by(facts.position, order.change)
        assert isinstance(order, payload_module.GroupKey)
        acceptance.check_parties(trust, facts)
        if order.action == order.LEAVE:
            return trust.leave(facts.position, order.group_key_id)
        assert order.private is not None
        self._keys.join(order.group_key_id, order.private)
        return trust.join(facts.position, order.group_key_id, order.epoch)

    def _prove_orders(self, received: list[Received]) -> None:
        for one in received:
            if one.order is not None:
                self.proven(one)

    def proven(self, one: Received) -> acceptance.Located:
        """Return a transaction that stands where it was said to stand.

        :raises HistoryIncomplete: it stands elsewhere; the node that said
            otherwise is reported and asked no more
        :raises LedgerError: no node shows it
        """
        located = self._fetcher.transaction(one.facts.txid, committed=True)
        assert located is not None
        if located.position != one.facts.position:
            error = errors.HistoryIncomplete(
                'A transaction stands elsewhere than the history said.',
                txid=one.facts.txid.hex(), said=one.facts.position,
                found=located.position)
            self._fetcher.contradicted(one.source, error)
            raise error
        return located

    # What has a newer version

    def _superseded(self, state: state_module.AgentState,
                    trust: trust_module.Trust, received: list[Received]
                    ) -> frozenset[bytes]:
        """Return the ids of configurations that have a newer version here.

        Only versions which pass the checks count.
        """
        newest: dict[bytes, bytes] = {}
        older = set()
        vids = dict(state.highest_vids)
        nonces = {one.pair: state.counter(one.pair).last_nonce
                  for one in received}
        for one in received:
            facts = one.facts
            memory = acceptance.Memory(nonces[one.pair], vids,
                                       frozenset(state.failed))
            nonces[one.pair] = facts.nonce
            if one.kind not in _LATEST_COUNTS:
                continue
            try:
                acceptance.check_facts(trust, memory, facts)
            except errors.DecisionError:
                continue
            vids[facts.cid] = facts.vid
            if facts.cid in newest:
                older.add(newest[facts.cid])
            newest[facts.cid] = facts.txid
        return frozenset(older)


def _is_recovered(order: payload_module.Payload | None) -> bool:
    """Return whether an order is the recovery key's word."""
    return (isinstance(order, payload_module.TrustChange)
            and order.recovery is not None)
