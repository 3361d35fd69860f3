# SPDX-License-Identifier: Apache-2.0
"""Reading the ledger so that no node need be believed.

Every answer is judged by core's light client: certified head, proof against
its state root, complete history.  A node whose answer is false is passed
over and remembered with the signed evidence; one that is merely behind is
passed over until it has caught up.  What was once proven is kept in the
tenant's directory: a later head can only be a newer one.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import functools
import time
from typing import Any

from tacker_ledger.core.consensus import quorum as quorum_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core import limits
from tacker_ledger.tenant_client import asking
from tacker_ledger.tenant_client import profile as profile_module
from tacker_ledger.tenant_client import store as store_module

#: Rows of one answer of an index.
SEARCH_LIMIT_COUNT = 1000
_PAUSE_SECONDS = 0.2
#: Histories to remember, and how large each may be.
_REMEMBERED_MAX_COUNT = 64
_REMEMBERED_MAX_BYTES = 4 * 1024 * 1024

Certified = asking.Certified
Node = asking.Node
Reply = asking.Reply


@dataclasses.dataclass(frozen=True, slots=True)
class Placed:
    """A transaction and where it stands."""

    transaction: transaction_module.Transaction
    height: int
    index: int

    @property
    def place(self) -> tuple[int, int]:
        """(height, index): what orders transactions."""
        return (self.height, self.index)


@dataclasses.dataclass(frozen=True, slots=True)
class Proven:
    """A transaction that is proven to stand in a certified block.

    :param time_ms: of the block
    :param signers: names of the members that certified it
    :param quorum: how many had to
    :param view: of the consensus in which they did
    """

    placed: Placed
    time_ms: int
    signers: tuple[str, ...]
    quorum: int
    view: int

    @property
    def transaction(self) -> transaction_module.Transaction:
        """The transaction."""
        return self.placed.transaction


class Ledger(asking.Asker):
    """One chain, as a tenant may see it.

    Histories that were proven are remembered while the object lives.
    """

    def __init__(self, profile: profile_module.Profile,
                 store: store_module.Store) -> None:
        super().__init__(profile, store)
        #: State key -> proven entries and the head they fold to.
        self._histories: dict[bytes, tuple[list[Placed], bytes]] = {}

    # What can be read

    def head(self) -> Certified:
        """Return the newest certified head."""
        return self.at_head(
            lambda node: self.client.head(node=node),
            lambda reply, accept: accept(asking.found(reply)))

    def wait_for_change(self, keys: Sequence[bytes], seconds: int) -> None:
        """Return when one of the state keys may have changed.

        A hint: what changed is to be read, with proof, afterwards.
        """
        began = time.monotonic()
        try:
            self.client.state(keys, since=self.height, wait_seconds=seconds)
        except errors.LedgerError as error:
            asking.LOG.debug('Waiting for a change: %s', error.message)
        # Whoever answers at once must not keep us busy.
        time.sleep(max(0.0, min(_PAUSE_SECONDS, float(seconds))
                       - (time.monotonic() - began)))

    def states(self, keys: Sequence[bytes]
               ) -> tuple[Certified, dict[bytes, bytes | None]]:
        """Return proven values of state keys, all at one head.

        :param keys: at most 256, 32 bytes each
        """
        wanted = list(dict.fromkeys(keys))

        def judge(reply: Reply, accept: Callable[
                [tuple[bytes, bytes]], Certified]
                ) -> tuple[Certified, dict[bytes, bytes | None]]:
            pair, rows = asking.found(reply)
            certified = accept(pair)
            if [key for key, _value, _proof in rows] != wanted:
                raise errors.BadAnswer('Other keys than those asked for.')
            for key, value, proof in rows:
                self._light.check_state(certified, key, value, proof)
            return certified, {key: value for key, value, _proof in rows}

        return self.at_head(
            lambda node: self.client.state(wanted, node=node), judge)

    def state(self, key: bytes) -> bytes | None:
        """Return the proven value of one state key."""
        return self.states([key])[1][key]

    def cid(self, cid: bytes) -> state_records.CidRecord | None:
        """Return what the ledger knows of a CID; None: it has none such."""
        value = self.state(identifiers.cid_state_key(self.h, cid))
        return None if value is None else (
            state_records.CidRecord.from_bytes(value))

    def cid_history(self, cid: bytes) -> list[Placed]:
        """Return every transaction of a CID, complete by proof."""
        key = identifiers.cid_state_key(self.h, cid)
        value = self.state(key)
        if value is None:
            return []
        record = state_records.CidRecord.from_bytes(value)
        return self._history(key, record.history_count, record.history_head)

    def pair_history(self, recipient_id: bytes, sender_id: bytes
                     ) -> list[Placed]:
        """Return all that one key sent another, complete by proof."""
        key = identifiers.pair_state_key(self.h, recipient_id, sender_id)
        value = self.state(key)
        if value is None:
            return []
        record = state_records.PairRecord.from_bytes(value)
        return self._history(key, record.count, record.head)

    def _history(self, key: bytes, count: int, head: bytes) -> list[Placed]:
        """Return a history; only what is new since last time is fetched."""
        known, folded = self._histories.get(key,
                                            ([], state_records.EMPTY_HEAD))
        if len(known) < count:
            known = known + self.first(lambda node: self._history_from(
                node, key, known, folded, count, head))
        self._remember(key, known, head)
        return list(known)

    def _history_from(self, node: Node, key: bytes, known: list[Placed],
                      folded: bytes, count: int, head: bytes
                      ) -> list[Placed]:
        entries: list[tuple[int, int, bytes]] = []
        missing = count - len(known)
        while True:
            reply = self.client.history(
                key, after=len(known) + len(entries), node=node, limit=min(
                    limits.HISTORY_PAGE_MAX_COUNT, missing - len(entries)))
            _pair, shown_key, page = asking.found(reply)
            entries += page
            # The chain may have moved on since the head was proven.
            del entries[missing:]
            if len(entries) == missing or not page or shown_key != key:
                break

        def judge(_reply: Reply) -> list[Placed]:
            found = [Placed(transaction, height, index)
                     for height, index, transaction
                     in self._light.check_history(
                         len(known), folded, entries, count, head)]
            if known and found and found[0].place <= known[-1].place:
                raise errors.HistoryIncomplete(
                    'the transactions are not in their order')
            return found

        return self.judged(reply, judge)

    def _remember(self, key: bytes, known: list[Placed], head: bytes
                  ) -> None:
        self._histories.pop(key, None)
        if sum(len(one.transaction.raw) for one in known
               ) <= _REMEMBERED_MAX_BYTES:
            self._histories[key] = known, head
        while len(self._histories) > _REMEMBERED_MAX_COUNT:
            del self._histories[next(iter(self._histories))]

    def transaction(self, txid: bytes, wait_seconds: int = 0
                    ) -> Proven | None:
        """Return a transaction and its proven place.

        :param wait_seconds: how long a node may wait for it
        :returns: None when so many members do not have it that one of them
            is honest, or all that answer
        """
        needed = quorum_module.faults(
            self._light.trusted.federation.size) + 1
        missing = 0
        failures: list[tuple[Node, errors.LedgerError]] = []
        for node in self.client.pool.nodes():
            try:
                wait = wait_seconds if not missing else 0
                reply = self.asked(
                    functools.partial(self._ask_transaction, txid, wait),
                    node)
                if reply.body is not None:
                    proven = self.judged(
                        reply, lambda one: self._in_block(one, txid))
                    self._check_anchored(proven, reply.body[0][0])
                    return proven
                missing += 1
                if missing >= needed:
                    return None
            except errors.NotFound:
                missing += 1
                if missing >= needed:
                    return None
            except errors.LedgerError as error:
                failures.append((node, error))
        if missing:
            return None
        raise asking.failure(failures)

    def _ask_transaction(self, txid: bytes, wait_seconds: int, node: Node
                         ) -> Reply:
        return self.client.transaction(txid, node=node,
                                       wait_seconds=wait_seconds)

    def _check_anchored(self, proven: Proven, header: bytes) -> None:
        """Raise unless the present state proves a transaction of the past.

        :raises ForkedChain: only members of its time say that it was there
        """
        if not self._light.is_of_the_past(header):
            return
        one = proven.transaction
        history = self.cid_history(one.content.cid)
        if all(placed.transaction.txid != one.txid for placed in history):
            raise errors.ForkedChain(
                'The transaction stands in a block beside the chain: the '
                'history of its CID does not hold it.', txid=one.txid.hex(),
                height=proven.placed.height)

    def _in_block(self, reply: Reply, txid: bytes) -> Proven:
        (header, certificate), inclusion, raw = reply.body
        transaction = self._light.check_transaction(
            header, certificate, raw, inclusion)
        if transaction.txid != txid:
            raise errors.BadAnswer('Another transaction than asked for.')
        certified = self._light.certify(header, certificate)
        return self.proven(Placed(transaction, certified.height,
                                  inclusion[0]), certified)

    def proven(self, placed: Placed, certified: Certified) -> Proven:
        """Return a placed transaction with what certifies its block."""
        signers, quorum, view = self.certifiers(certified)
        return Proven(placed, certified.time_ms, signers, quorum, view)

    def certifiers(self, certified: Certified
                   ) -> tuple[tuple[str, ...], int, int]:
        """Return (members that certified a block, quorum, view)."""
        federation = self._light.trusted.federation
        for epoch in self._light.trusted.epochs:
            if epoch.from_height <= certified.height:
                federation = epoch.federation
        if not certified.certificate:
            return (), federation.quorum, 0
        parsed = certificate_module.Certificate.from_bytes(
            certified.certificate)
        return (tuple(federation.members[index].name
                      for index, _signature in parsed.votes),
                federation.quorum, parsed.view)

    def newest_versions(self, cids: Iterable[bytes]) -> list[Placed]:
        """Return the newest version of each CID, proven by the state."""
        keys = [identifiers.cid_state_key(self.h, cid) for cid in cids]
        size = limits.STATE_KEYS_PER_QUERY_MAX_COUNT
        found = []
        for start in range(0, len(keys), size):
            _head, values = self.states(keys[start:start + size])
            for value in values.values():
                if value is None:
                    continue
                record = state_records.CidRecord.from_bytes(value)
                proven = self.transaction(record.latest_txid)
                if proven is None:
                    raise errors.HistoryIncomplete(
                        'The newest version is withheld.',
                        txid=record.latest_txid.hex())
                found.append(proven.placed)
        return found

    def signed_federation(self) -> bytes:
        """Return the signed document in force."""
        federation = self._light.trusted.federation
        if federation.epoch == 0:
            return self._profile.signed_genesis

        def ask(node: Node) -> bytes:
            reply = self.client.federations(federation.epoch, node=node)
            for signed, _pair, _inclusion, _raw in reply.body or ():
                parsed = federation_module.SignedFederation
                if parsed.from_bytes(signed).document == federation.raw:
                    return bytes(signed)
            raise errors.BadAnswer('The document in force is missing.')

        return self.first(ask)

    # What nobody proves

    def search(self, **filters: str | int) -> list[dict[str, Any]]:
        """Ask the indexes of f + 1 members and join what they find.

        Not proven: use it to learn of something, then read that.  One of
        the members asked is honest, so nothing old is hidden by the rest;
        an index may be a moment behind the chain.
        """
        needed = quorum_module.faults(
            self._light.trusted.federation.size) + 1
        found: dict[str, dict[str, Any]] = {}
        failures: list[tuple[Node, errors.LedgerError]] = []
        asked = 0
        for node in self.client.pool.nodes():
            try:
                for row in self._search_one(node, filters):
                    found.setdefault(row['txid'], row)
                asked += 1
            except errors.LedgerError as error:
                failures.append((node, error))
            if asked == needed:
                break
        if not asked:
            raise asking.failure(failures)
        return sorted(found.values(), key=lambda row: (
            row['height'], row['position']))

    def _search_one(self, node: Node, filters: dict[str, str | int]
                    ) -> list[dict[str, Any]]:
        rows: dict[str, dict[str, Any]] = {}
        after = int(filters.get('after_height', -1))
        limit = int(filters.get('limit', 0))
        while True:
            page = self.client.search(node=node, **{
                **filters, 'limit': limit or SEARCH_LIMIT_COUNT,
                'after_height': after})
            for row in page:
                rows[_checked_row(row)['txid']] = row
            if limit or len(page) < SEARCH_LIMIT_COUNT:
                return list(rows.values())
            # A block is smaller than a page, so this makes progress.
            after = max(after + 1, page[-1]['height'] - 1)


def _checked_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of an index if it has the fields that are used."""
    try:
        identifiers.parse_hex(row['txid'], hashing.DIGEST_BYTES)
        identifiers.parse_hex(row['cid'], identifiers.CID_BYTES)
        if type(row['height']) is int and type(row['position']) is int:
            return row
    except (KeyError, TypeError, errors.BadOption):
        pass
    raise errors.BadAnswer('A search result lacks its identifiers.')
