# SPDX-License-Identifier: Apache-2.0
"""Brings proven answers from nodes, whoever of them lies or is silent.

Every answer is judged; a false one is kept as evidence and its node passed
over, a stale or withheld one is reported, and the next node is asked.  When
this raises, no node at all gave an acceptable answer.
"""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
from typing import Any
from typing import TypeVar

from oslo_log import log as logging

from tacker_ledger.core.configuration import acceptance
from tacker_ledger.core.configuration import clock as clock_module
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import certificate
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import light_client
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core import limits
from tacker_ledger.transport import client as client_module
from tacker_ledger.vnf_client import evidence as evidence_module
from tacker_ledger.vnf_client import timekeeper as timekeeper_module

LOG = logging.getLogger(__name__)
T = TypeVar('T')

#: Transactions asked for at once: large ones fill an answer.
HISTORY_PAGE_COUNT = 16
#: How often several queries are tried until all see one head.
_SAME_HEAD_TRIES = 8

#: What is wrong with everybody's answers, hence nobody's lie.
_NOBODYS_LIE = (errors.UnsupportedVersion, errors.FederationExpired)
#: What keeps its name when all nodes fail the same way.
_OF_ALL = (errors.NotFound, errors.ProofError, errors.UnavailableError)
_LIES = (errors.ProofError, errors.AuthenticityError, errors.FormatError)


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """State values, all proven at one certified head.

    :param values: state key -> value, None where there is none
    :param node: who answered
    """

    head: certificate.Certified
    values: dict[bytes, bytes | None]
    node: client_module.Node


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One more transaction of a history.

    :param position: where the node says that it stands
    :param count: of the history, this one included
    :param head: folded so far
    :param source: the answer it came in, as evidence: its bytes alone
    """

    position: tuple[int, int]
    count: int
    head: bytes
    transaction: transaction_module.Transaction
    source: client_module.Reply


class Fetcher:
    """Asks nodes and judges their answers."""

    def __init__(self, client: client_module.LedgerClient,
                 light: light_client.LightClient,
                 provider: provider_module.Provider,
                 timekeeper: timekeeper_module.Timekeeper,
                 evidence: evidence_module.Evidence) -> None:
        self.client = client
        self.light = light
        self._provider = provider
        self._timekeeper = timekeeper
        self._evidence = evidence
        #: What was logged last about each node: None if it answers well.
        self._noted: dict[client_module.Node, str | None] = {}
        #: The answer that is being judged.
        self._judging: client_module.Reply | None = None

    # Asking until one answer is good

    def _judged(self, ask: Callable[[client_module.Node],
                                    client_module.Reply],
                judge: Callable[[client_module.Reply], T],
                nodes: Sequence[client_module.Node] = ()) -> T:
        """Return what the first acceptable answer proves.

        :raises NotFound: all nodes say that there is no such object
        :raises ProofError: all nodes failed the same proof
        :raises UnavailableError: no node gave an acceptable answer
        """
        failures: list[tuple[client_module.Node, errors.LedgerError]] = []
        for node in nodes or self.client.pool.nodes():
            try:
                found = self._from(ask, judge, node)
            except errors.LedgerError as exc:
                failures.append((node, exc))
            else:
                self._note(node, None)
                return found
            finally:
                self._evidence.collect(self.light.trusted.federation,
                                       self.client.pool.offences())
            self._note(*failures[-1])
        # What is wrong with answers is no verdict on what was asked for, so
        # nothing else may look like one.
        if (len({exc.code for _node, exc in failures}) == 1
                and isinstance(failures[0][1], _OF_ALL)):
            raise failures[0][1]
        raise errors.NoNode(
            'No node gave an acceptable answer: ' + ', '.join(
                f'{node.url}: {exc.code}' for node, exc in failures[:8]),
            codes=sorted({exc.code for _node, exc in failures}))

    def _note(self, node: client_module.Node,
              failure: errors.LedgerError | None) -> None:
        """Log what a node is like, when it changes."""
        code = None if failure is None else failure.code
        if self._noted.get(node) == code:
            return
        self._noted[node] = code
        if failure is None:
            LOG.info('Node %s gives acceptable answers', node.url)
        else:
            LOG.warning('Node %s gives no acceptable answer, %s: %s',
                        node.url, failure.code, failure.message)

    def _from(self, ask: Callable[[client_module.Node],
                                  client_module.Reply],
              judge: Callable[[client_module.Reply], T],
              node: client_module.Node) -> T:
        try:
            try:
                self._judging = reply = ask(node)
            except errors.BadAnswer:
                known_now = self._as_known_now(node)
                if known_now is None:
                    raise
                self._judging = reply = ask(known_now)
        except errors.FormatError:
            # No answer at all: too much of it, say.
            self.client.pool.mark_failing(node)
            raise
        try:
            try:
                return judge(reply)
            except errors.UnknownFederation:
                if not self._learn_federations(node):
                    raise
                return judge(reply)
        except (errors.StaleHead, errors.HeadRollback):
            # Old, not false: it may be true of that node.
            self.client.pool.mark_stale(node)
            raise
        except _NOBODYS_LIE:
            raise
        except _LIES as exc:
            self._accuse(self._judging, exc)
            raise
        finally:
            # Large answers are not to be kept in memory.
            self._judging = None

    def _accuse(self, reply: client_module.Reply,
                error: errors.LedgerError) -> None:
        self._evidence.accuse(self.light.trusted.federation, reply, error)
        self.client.accuse(reply, error.code)

    def contradicted(self, source: client_module.Reply,
                     error: errors.LedgerError) -> None:
        """Report an answer that another proof has shown to be false."""
        self._accuse(source, error)

    def _as_known_now(self, node: client_module.Node
                      ) -> client_module.Node | None:
        """Return a node under later documents that it proves, if it does.

        Asked where its answer is not by the key that is known of it: while
        this VNF slept all members may have changed their keys.
        """
        try:
            if not self._learn_federations(node):
                return None
        except errors.LedgerError as exc:
            LOG.debug('%s proves no later federation: %s', node.url,
                      exc.message)
            return None
        return next((one for one in self.client.pool.nodes()
                     if one.url == node.url), None)

    def _learn_federations(self, node: client_module.Node) -> bool:
        """Follow changes of the federation; return whether there was one."""
        known = self.light.trusted.federation
        reply = self.client.federations(known.epoch + 1, node=node)
        for _signed, pair, inclusion, raw in reply.body or ():
            if pair is not None and inclusion is not None and raw:
                self.light.advance_federation(raw, inclusion, *pair)
        newest = self.light.trusted.federation
        if newest == known:
            return False
        LOG.info('The federation is now of epoch %d', newest.epoch)
        self.client.update(newest)
        return True

    # Heads and state

    def _accept(self, reply: client_module.Reply,
                pair: tuple[bytes, bytes]) -> certificate.Certified:
        """Return the head of an answer, certified, fresh, not lower."""
        head = self.light.accept_head(*pair)
        answer = reply.answer
        if (answer.head_height, answer.head_digest, answer.head_time_ms) != (
                head.height, head.header_digest, head.time_ms):
            raise errors.BadAnswer('The envelope names another head than '
                                   'the body.')
        self._timekeeper.accept(head)
        return head

    def head(self, node: client_module.Node) -> certificate.Certified:
        """Return one node's head."""
        return self._judged(
            lambda one: self.client.head(node=one),
            lambda reply: self._accept(reply, _body(reply)), [node])

    def testimonies(self) -> list[clock_module.Testimony]:
        """Return what members sign as the time, over a fresh nonce each."""
        given = []
        for node in self.client.pool.nodes():
            try:
                head = self.head(node)
            except errors.LedgerError:
                continue
            given.append(clock_module.Testimony(node.member, head.time_ms))
        return given

    def state(self, keys: Sequence[bytes], *, since: int | None = None,
              wait_seconds: int = 0) -> Snapshot:
        """Return values under keys, all at one head.

        :param since: wait until one of them changes above this height, at
            most ``wait_seconds``
        """
        step = limits.STATE_KEYS_PER_QUERY_MAX_COUNT
        parts = [keys[at:at + step] for at in range(0, len(keys), step)]
        for _ in range(_SAME_HEAD_TRIES):
            found = [self._state(part, since, wait_seconds)
                     for part in parts]
            if len({one.head.height for one in found}) == 1:
                return Snapshot(found[0].head, {
                    key: value for one in found
                    for key, value in one.values.items()}, found[0].node)
            since, wait_seconds = None, 0
        raise errors.Busy('The chain moves faster than it can be read.')

    def _state(self, keys: Sequence[bytes], since: int | None,
               wait_seconds: int) -> Snapshot:
        def judge(reply: client_module.Reply) -> Snapshot:
            pair, rows = _body(reply)
            head = self._accept(reply, pair)
            if sorted(row[0] for row in rows) != sorted(keys):
                raise errors.BadAnswer('It answers for other keys.')
            for key, value, proof in rows:
                self.light.check_state(head, key, value, proof)
            return Snapshot(head, {key: value for key, value, _ in rows},
                            reply.node)
        return self._judged(
            lambda node: self.client.state(
                keys, since=since, wait_seconds=wait_seconds, node=node),
            judge)

    # Histories and transactions

    def history(self, key: bytes, before: tuple[int, bytes],
                now: tuple[int, bytes], take: Callable[[Step], T]
                ) -> list[T]:
        """Return what is made of all transactions since a known point.

        They are folded page by page: a long history is never in memory as
        a whole.  Nothing is believed before the fold ends where it must.

        :param before: (count, head) handled already
        :param now: (count, head) as the state proves them
        :param take: makes of each transaction what is to be kept; it must
            do nothing else
        """
        if before == now:
            return []
        if now[0] <= before[0]:
            raise errors.ForkedChain(
                'A history is shorter than it was.', before=before[0],
                now=now[0])
        return self._judged(
            lambda node: self._page(key, before[0], now[0], node),
            lambda reply: self._folded(reply, key, before, now, take))

    def _page(self, key: bytes, after: int, until: int,
              node: client_module.Node) -> client_module.Reply:
        return self.client.history(
            key, after=after, limit=min(HISTORY_PAGE_COUNT, until - after),
            node=node)

    def _folded(self, reply: client_module.Reply, key: bytes,
                before: tuple[int, bytes], now: tuple[int, bytes],
                take: Callable[[Step], T]) -> list[T]:
        """Return the taken transactions of this page and those after it."""
        count, head = before
        place = (-1, -1)
        taken: list[T] = []
        while True:
            _pair, found_key, entries = _body(reply)
            head_height = reply.answer.head_height
            source = dataclasses.replace(
                reply, body=None,
                answer=dataclasses.replace(reply.answer, body=b''))
            if found_key != key or len(entries) > now[0] - count:
                raise errors.BadAnswer('It is not the history asked for.')
            if not entries:
                # Not false by itself, so nobody is accused.
                raise errors.NotFound('The node withholds transactions.',
                                      expected=now[0], shown=count)
            for height, index, raw in entries:
                if not place < (height, index) < (head_height + 1, 0):
                    raise errors.HistoryIncomplete(
                        'The transactions are not in their order.')
                place = (height, index)
                one = self._read(raw)
                count, head = count + 1, state_records.advance(
                    self.light.h, head, one.txid)
                taken.append(take(Step(place, count, head, one, source)))
            if count == now[0]:
                break
            self._judging = reply = self._page(key, count, now[0],
                                               reply.node)
        if head != now[1]:
            raise errors.HistoryIncomplete(
                'The transactions do not fold to the proven head.',
                count=count)
        return taken

    def _read(self, raw: bytes) -> transaction_module.Transaction:
        """Return a transaction that its sender signed.

        The chain commits to what a transaction says, and holds no wrong
        signature: one is the node's work.
        """
        one = transaction_module.Transaction.from_bytes(self.light.h, raw)
        transaction_module.verify_signature(self._provider, self.light.h,
                                            one)
        return one

    def transaction(self, txid: bytes, *, committed: bool
                    ) -> acceptance.Located | None:
        """Return a transaction and where it stands.

        :param committed: it is proven to be on the chain, so who denies it
            lies
        :returns: None if every node says that there is no such transaction
        """
        denied = []

        def judge(reply: client_module.Reply) -> acceptance.Located:
            if reply.body is None:
                denied.append(reply.node)
                error = errors.NotFound('The node says that there is no '
                                        'such transaction.')
                if committed and \
                        reply.answer.head_height >= self._head_height():
                    self._accuse(reply, error)
                raise error
            (header, seal), inclusion, raw = reply.body
            found = self.light.check_transaction(header, seal, raw,
                                                 inclusion)
            if found.txid != txid:
                raise errors.BadAnswer('It is another transaction.')
            transaction_module.verify_signature(
                self._provider, self.light.h, found)
            height = self.light.certify(header, seal).height
            of_the_past.append(self.light.is_of_the_past(header))
            return acceptance.Located((height, inclusion[0]), found)
        of_the_past: list[bool] = []
        try:
            located = self._judged(
                lambda node: self.client.transaction(txid, node=node), judge)
            if not committed and of_the_past[-1]:
                self._check_anchored(located)
            return located
        except errors.NotFound:
            if committed:
                raise errors.NoNode('No node shows a transaction that is '
                                    'proven to exist.',
                                    txid=txid.hex()) from None
            return None

    def _check_anchored(self, located: acceptance.Located) -> None:
        """Raise unless the present state proves a transaction of the past.

        :raises ForkedChain: only members of its time say that it was there
        """
        one = located.transaction
        key = identifiers.cid_state_key(self.light.h, one.content.cid)
        value = self.state([key]).values[key]
        found: list[bytes] = []
        if value is not None:
            record = state_records.CidRecord.from_bytes(value)
            found = self.history(
                key, (0, state_records.EMPTY_HEAD),
                (record.history_count, record.history_head),
                lambda step: step.transaction.txid)
        if one.txid not in found:
            raise errors.ForkedChain(
                'The transaction stands in a block beside the chain.',
                txid=one.txid.hex())

    def _head_height(self) -> int:
        return self.light.trusted.reference.height


def _body(reply: client_module.Reply) -> tuple[Any, ...]:
    """Return the body of an answer that cannot be "no such object"."""
    if reply.body is None:
        raise errors.BadAnswer('The node says that there is no such object.')
    body: tuple[Any, ...] = reply.body
    return body
