# SPDX-License-Identifier: Apache-2.0
"""Sends what the agent has to say until it is proven to be on the chain.

A node that took a transaction proves nothing by that; what is not committed
is handed to another node in the next poll.
"""

from collections.abc import Sequence
import dataclasses

from oslo_log import log as logging

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.vnf_client import agent as agent_module
from tacker_ledger.vnf_client import alarms as alarms_module
from tacker_ledger.vnf_client import state as state_module

LOG = logging.getLogger(__name__)

#: Handed over in one request.
_BATCH_COUNT = 16
#: Answers of a node that end nothing: it may say otherwise later.
_LATER = frozenset(('not-admitted', 'rate-limited', 'busy', 'no-quorum',
                    'shutting-down', 'storage-failed'))


class Outbox:
    """What waits to be committed."""

    def __init__(self, agent: agent_module.Agent) -> None:
        self._agent = agent
        self._attempts: dict[bytes, int] = {}

    def next_due_ms(self) -> int | None:
        """Return the agent time at which something is to be sent."""
        waiting = [one.not_before_ms for one in self._agent.state.outbox]
        return min(waiting) if waiting else None

    def deliver(self, head_time_ms: int) -> None:
        """Send what is due and forget what is proven.

        Failures are logged: telling is never a reason not to act.

        :param head_time_ms: of the newest head: slots expire by it
        """
        agent = self._agent
        due = [one for one in agent.state.outbox
               if one.not_before_ms <= agent.timekeeper.now_ms()
               ][:_BATCH_COUNT]
        if not due:
            return
        done = []
        for one in due:
            if one.txid in self._attempts and self._is_committed(one):
                done.append(one)
            elif one.expires_ms is not None and \
                    one.expires_ms <= head_time_ms:
                LOG.warning('An answer came too late: its slot is closed')
                done.append(one)
        self._drop(done)
        left = [one for one in due if one not in done]
        if left:
            self._submit(left)

    def _is_committed(self, one: state_module.Outgoing) -> bool:
        try:
            return self._agent.fetcher.transaction(
                one.txid, committed=False) is not None
        except errors.LedgerError as exc:
            LOG.info('Not known whether %s is committed: %s',
                     one.txid.hex(), exc.message)
            return False

    def _drop(self, done: Sequence[state_module.Outgoing]) -> None:
        if not done:
            return
        agent = self._agent
        for one in done:
            self._attempts.pop(one.txid, None)
        agent.save(dataclasses.replace(agent.state, outbox=tuple(
            one for one in agent.state.outbox if one not in done)))

    def _submit(self, left: Sequence[state_module.Outgoing]) -> None:
        """Hand transactions to a node, each time to another one."""
        nodes = self._agent.fetcher.client.pool.nodes()
        turn = min(self._attempts.get(one.txid, 0) for one in left)
        for one in left:
            self._attempts[one.txid] = self._attempts.get(one.txid, 0) + 1
        submissions = [transaction_module.Submission(one.raw).to_bytes()
                       for one in left]
        for offset in range(len(nodes)):
            node = nodes[(turn + offset) % len(nodes)]
            try:
                reply = self._agent.fetcher.client.submit(submissions,
                                                          node=node)
            except errors.LedgerError as exc:
                LOG.info('Node %s does not take what this VNF has to say, '
                         '%s: %s', node.url, exc.code, exc.message)
                continue
            self._judge(left, [row[1] for row in reply.body or ()])
            return

    def _judge(self, left: Sequence[state_module.Outgoing],
               codes: Sequence[str | None]) -> None:
        for one, code in zip(left, codes, strict=False):
            if code is None or code == errors.Duplicate.code:
                continue
            if code == errors.VidConflict.code and \
                    one.kind == state_module.RECEIPT:
                self._check_receipt_cid()
                return
            if code not in _LATER:
                LOG.warning('A node refuses transaction %s: %s',
                            one.txid.hex(), code)

    def _check_receipt_cid(self) -> None:
        """Find out whether somebody else writes under the receipt key.

        A clone of this VNF holds the same keys: then versions of the
        receipt CID exist that are not from here.  What they displaced is
        written again.
        """
        agent = self._agent
        state = agent.state
        if state.receipt_cid is None:
            return
        key = identifiers.cid_state_key(agent.h, state.receipt_cid)
        try:
            value = agent.fetcher.state([key]).values[key]
        except errors.LedgerError as exc:
            LOG.info('The receipts are not known now: %s', exc.message)
            return
        if value is None:
            return
        record = state_records.CidRecord.from_bytes(value)
        lost = [one for one in state.outbox
                if one.kind == state_module.RECEIPT
                and one.vid < record.next_vid
                and not self._is_committed(one)]
        if not lost:
            return
        agent.alarms.set(
            alarms_module.KEY_IN_USE_ELSEWHERE, True,
            agent.timekeeper.monotonic_ms(),
            'another holder of this VNF\'s receipt key writes to the '
            'ledger: has it been cloned?')
        waiting = [one for one in state.outbox
                   if one.kind == state_module.RECEIPT
                   and (one in lost or one.vid >= record.next_vid)]
        agent.save(agent.reporter.again(state, waiting, record.next_vid))
