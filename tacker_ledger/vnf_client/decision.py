# SPDX-License-Identifier: Apache-2.0
"""Handles a batch of new transactions in the order of the chain.

Orders have changed the trust already; here their receipts are written.  All
other transactions are proven to stand where they were said to stand, pass
the checks, and are acted on one by one.  A node's failure ends the batch
without a verdict: what is left is handled in the next poll.
"""

import dataclasses

from oslo_log import log as logging

from tacker_ledger.core.configuration import acceptance
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.vnf_client import agent as agent_module
from tacker_ledger.vnf_client import alarms as alarms_module
from tacker_ledger.vnf_client import configure
from tacker_ledger.vnf_client import inbox as inbox_module
from tacker_ledger.vnf_client import state as state_module

LOG = logging.getLogger(__name__)

#: Refusals about which nobody is told: the sender has no say here, or not
#: yet, or the failure was told when it happened.
_UNTOLD = (errors.NotForMe, errors.UnknownSender, errors.KeyRevoked,
           errors.VersionFailedBefore)


def process(agent: agent_module.Agent, batch: inbox_module.Batch) -> None:
    """Act on everything new; the agent's state says how far it came.

    :raises LedgerError: something could not be judged now
    """
    state = dataclasses.replace(agent.state, trust=batch.trust)
    if state.trust != agent.state.trust:
        agent.save(state)
    state = configure.retreat(agent, state)
    for one in batch.received:
        memory = acceptance.Memory(
            state.counter(one.pair).last_nonce, state.highest_vids,
            frozenset(state.failed))
        state = state.with_counter(one.pair, one.counter)
        if one.facts.txid not in batch.superseded:
            state = _handle(agent, state, batch, one, memory)
    _finish(agent, state, batch)


def _finish(agent: agent_module.Agent, state: state_module.AgentState,
            batch: inbox_module.Batch) -> None:
    followed = set(state.trust.pairs(batch.head.height))
    agent.save(dataclasses.replace(
        state, handled_height=batch.head.height,
        counters={pair: counter for pair, counter in state.counters.items()
                  if pair in followed}))
    agent.keys.keep_groups(state.trust.groups())
    agent.alarms.set(
        alarms_module.RETIRED, state.trust.retired is not None,
        agent.timekeeper.monotonic_ms(),
        'the key of this VNF is revoked; it obeys nobody and enforces what '
        'it has')


def _handle(agent: agent_module.Agent, state: state_module.AgentState,
            batch: inbox_module.Batch, one: inbox_module.Received,
            memory: acceptance.Memory) -> state_module.AgentState:
    """Return the state after one transaction, whatever became of it."""
    if one.order is not None:
        return _told(agent, state, batch, one)
    facts = one.facts
    if state.trust.retired is not None:
        return state
    located = agent.inbox.proven(one)
    try:
        acceptance.check(agent.h, agent.provider, state.trust, memory,
                         located)
        if facts.is_request:
            return _answer(agent, state, batch, located)
        opened = agent.loader.open(located)
        if isinstance(opened.payload, payload_module.KeyReplacement):
            return _replace_key(agent, state, batch, opened)
        if isinstance(opened.payload, payload_module.Welcome):
            LOG.info('Welcomed by a tenant')
            return state.with_vid(facts.cid, facts.vid)
    except (*configure.REFUSALS, errors.SlotClosed) as exc:
        return _refused(agent, state, batch, facts, exc)
    return configure.act(agent, state, opened, batch.head.height)


def _refused(agent: agent_module.Agent, state: state_module.AgentState,
             batch: inbox_module.Batch, facts: acceptance.Facts,
             error: errors.LedgerError) -> state_module.AgentState:
    LOG.warning('Transaction %s refused, %s: %s', facts.txid.hex(),
                error.code, error.message)
    if isinstance(error, _UNTOLD):
        return state
    return agent.reporter.receipt(
        state, facts, payload_module.Outcome.REFUSED,
        head_height=batch.head.height, error=error)


def _told(agent: agent_module.Agent, state: state_module.AgentState,
          batch: inbox_module.Batch, one: inbox_module.Received
          ) -> state_module.AgentState:
    """Return the state with the receipt of an order, already folded."""
    facts = one.facts
    error = batch.outcomes[facts.txid]
    if error is not None:
        return _refused(agent, state, batch, facts, error)
    state = state.with_vid(facts.cid, facts.vid)
    outcome = payload_module.Outcome.APPLIED
    order = one.order
    if isinstance(order, payload_module.GroupKey):
        if order.action == order.JOIN:
            outcome = payload_module.Outcome.JOINED_GROUP
            LOG.info('Joined group %s', order.group_key_id.hex())
        else:
            LOG.info('Left group %s', order.group_key_id.hex())
    elif state.trust.retired == facts.position:
        outcome = payload_module.Outcome.RETIRED
    else:
        LOG.warning('The keys that this VNF obeys have changed')
    return agent.reporter.receipt(state, facts, outcome,
                                  head_height=batch.head.height)


def _answer(agent: agent_module.Agent, state: state_module.AgentState,
            batch: inbox_module.Batch, located: acceptance.Located
            ) -> state_module.AgentState:
    """Return the state with the answer to a request."""
    acceptance.check_request(state.trust, located, batch.head.time_ms)
    assert isinstance(located.transaction.content,
                      transaction_module.Request)
    LOG.info('Answering request %s', located.transaction.txid.hex())
    return agent.reporter.answer(state, located, agent.machine.observe())


def _replace_key(agent: agent_module.Agent, state: state_module.AgentState,
                 batch: inbox_module.Batch, opened: acceptance.Opened
                 ) -> state_module.AgentState:
    """Return the state with a new VNF key, announced under the old one."""
    order = opened.payload
    assert isinstance(order, payload_module.KeyReplacement)
    acceptance.check_personal(state.trust, opened.located)
    old = agent.keys.own(state.trust.own_ids[-1])
    new = agent.keys.make_own(order.suite)
    announcement = payload_module.Announcement.signed_by(
        agent.h, old, new.document)
    facts = acceptance.Facts.of(opened.located)
    state = dataclasses.replace(
        state.with_vid(facts.cid, facts.vid),
        trust=state.trust.replace_own(new.document.key_id))
    state = agent.reporter.receipt(
        state, facts, payload_module.Outcome.KEY_REPLACED,
        head_height=batch.head.height, announcement=announcement)
    agent.save(state)
    LOG.warning('The VNF key was replaced; the new one is %s',
                new.document.key_id.hex())
    return agent.state
