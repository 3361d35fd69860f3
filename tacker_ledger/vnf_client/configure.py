# SPDX-License-Identifier: Apache-2.0
"""What changes the effective configuration: from a transaction to a receipt.

The whole plan is known before anything is applied.  When it is applied and
healthy, the state says so in one write, with the counters of what has been
handled and the receipt; only then is the journal closed.  A version that
failed is remembered and not tried again.
"""

import dataclasses

from oslo_log import log as logging

from tacker_ledger.core.configuration import acceptance
from tacker_ledger.core.configuration import effective as effective_module
from tacker_ledger.core.configuration import trust as trust_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.vnf_client import agent as agent_module
from tacker_ledger.vnf_client import alarms as alarms_module
from tacker_ledger.vnf_client import apply as apply_module
from tacker_ledger.vnf_client import state as state_module

LOG = logging.getLogger(__name__)

#: Verdicts on a transaction; all else is a failure to judge it.
REFUSALS = (errors.DecisionError, errors.AuthenticityError,
            errors.FormatError)
#: What happens after the change has begun.
_REVERTED = (errors.ApplyFailed, errors.HealthCheckFailed,
             errors.RevertFailed)
#: What a version is remembered for.
_FAILURES = (*_REVERTED, errors.DryRunFailed)

Observations = tuple[payload_module.Observation, ...]


def act(agent: agent_module.Agent, state: state_module.AgentState,
        opened: acceptance.Opened, head_height: int
        ) -> state_module.AgentState:
    """Return the state after a configuration, a delivery or a withdrawal.

    If it was applied the state is saved; if it was refused the caller saves
    it in time.

    :param opened: accepted
    :raises LedgerError: it could not be judged now; ask again later
    """
    facts = acceptance.Facts.of(opened.located)
    try:
        wanted, observations, opened_all = _wanted(agent, state, opened)
        changed = _put_in_force(agent, state, _subject(facts), wanted,
                                observations, opened_all)
    except REFUSALS as exc:
        failure = exc
    else:
        return _applied(agent, changed, opened, facts, head_height)
    LOG.warning('CID %s version %d: %s: %s', facts.cid.hex(), facts.vid,
                failure.code, failure.message)
    if isinstance(failure, errors.RevertFailed):
        agent.alarms.set(alarms_module.REVERT_FAILED, True,
                         agent.timekeeper.monotonic_ms(), failure.message)
    outcome = (payload_module.Outcome.REVERTED
               if isinstance(failure, _REVERTED)
               else payload_module.Outcome.REFUSED)
    state = state.with_vid(facts.cid, facts.vid)
    if isinstance(failure, _FAILURES):
        state = state.with_failed(facts.txid)
    return agent.reporter.receipt(
        state, facts, outcome, head_height=head_height, error=failure)


def _applied(agent: agent_module.Agent, changed: state_module.AgentState,
             opened: acceptance.Opened, facts: acceptance.Facts,
             head_height: int) -> state_module.AgentState:
    """Return the state, saved, after something was put in force."""
    changed = changed.with_vid(facts.cid, facts.vid)
    if isinstance(opened.payload, payload_module.Delivery):
        for entry in changed.effective.entries():
            changed = changed.with_vid(entry.cid, entry.vid)
    withdrawn = isinstance(opened.payload, payload_module.Withdrawal)
    changed = agent.reporter.receipt(
        changed, facts, payload_module.Outcome.WITHDRAWN if withdrawn
        else payload_module.Outcome.APPLIED, head_height=head_height)
    _confirm(agent, changed)
    LOG.info('CID %s version %d is in force', facts.cid.hex(), facts.vid)
    return agent.state


def _subject(facts: acceptance.Facts) -> apply_module.Subject:
    return apply_module.Subject(facts.txid, facts.cid, facts.vid,
                                facts.sender_id)


def _wanted(agent: agent_module.Agent, state: state_module.AgentState,
            opened: acceptance.Opened
            ) -> tuple[effective_module.Effective, Observations,
                       tuple[acceptance.Opened, ...]]:
    """Return what shall be in force, and what is needed for it."""
    payload = opened.payload
    if isinstance(payload, payload_module.Configuration):
        plan = agent.loader.plan(state.trust, opened)
        _check_failed(state, plan)
        return _with_plan(agent, state.effective, state.trust, opened,
                          plan), (), plan
    if isinstance(payload, payload_module.Delivery):
        acceptance.check_personal(state.trust, opened.located)
        entries, observations = agent.loader.delivery(state.trust, opened)
        _check_failed(state, entries)
        return effective_module.delivered(
            opened.located.position,
            [effective_module.Entry.of(agent.h, one) for one in entries]
        ), observations, entries
    if isinstance(payload, payload_module.Withdrawal):
        if state.effective.vid_of(payload.cid) is None:
            raise errors.ReferenceMissing(
                'What is to be withdrawn is not in force here.',
                cid=payload.cid.hex())
        return state.effective.without(payload.cid), (), ()
    raise errors.WrongPayload('Nothing that a VNF can act on.',
                              kind=payload.KIND)


def _with_plan(agent: agent_module.Agent,
               effective: effective_module.Effective,
               trust: trust_module.Trust, opened: acceptance.Opened,
               plan: tuple[acceptance.Opened, ...]
               ) -> effective_module.Effective:
    located = opened.located
    base = effective_module.Base(
        located.cid, located.vid, located.position,
        tuple(effective_module.Entry.of(agent.h, one) for one in plan))
    return effective.with_base(base, trust.continued(located.cid))


def _check_failed(state: state_module.AgentState,
                  plan: tuple[acceptance.Opened, ...]) -> None:
    """Refuse a plan that names a version which failed here."""
    for one in plan:
        if one.located.transaction.txid in state.failed:
            raise errors.VersionFailedBefore(
                'A configuration of the plan was tried here and failed.',
                cid=one.located.cid.hex(), vid=one.located.vid)


def _put_in_force(agent: agent_module.Agent, state: state_module.AgentState,
                  subject: apply_module.Subject,
                  wanted: effective_module.Effective,
                  observations: Observations,
                  opened: tuple[acceptance.Opened, ...]
                  ) -> state_module.AgentState:
    """Return the state, not yet saved, after ``wanted`` was applied."""
    for one in opened:
        agent.store.put(one.encoded)
    sequence = state.sequence + 1
    agent.machine.change(subject, sequence, state.effective, wanted,
                         observations)
    return dataclasses.replace(
        state, effective=wanted, sequence=sequence,
        enforced_boot_id=agent.boot_id)


def _confirm(agent: agent_module.Agent, state: state_module.AgentState
             ) -> None:
    """Save what was applied; from now on it is not undone."""
    agent.save(state)
    agent.machine.reverter.end()
    agent.store.keep(state.effective.entries())


def retreat(agent: agent_module.Agent, state: state_module.AgentState
            ) -> state_module.AgentState:
    """Return the state after what a revoked key had put in force is gone.

    A configuration beyond the last valid version that was named for it goes
    back to that version.  Where none was named it stays, and is reported.
    """
    staying = []
    for entry in state.effective.entries():
        commander = state.trust.commander(entry.sender_id)
        if commander is None or commander.until is None:
            continue
        last_valid = dict(commander.last_valid).get(entry.cid)
        if last_valid is None:
            staying.append(entry.cid)
        elif entry.vid > last_valid:
            try:
                state = _go_back(agent, state, entry, last_valid)
            except REFUSALS as exc:
                LOG.error('CID %s does not go back to version %d: %s',
                          entry.cid.hex(), last_valid, exc.message)
                state = state.with_failed(entry.txid)
                staying.append(entry.cid)
    agent.alarms.set(
        alarms_module.REVOKED_IN_FORCE, bool(staying),
        agent.timekeeper.monotonic_ms(), 'configurations under a revoked '
        'key stay in force: ' + ', '.join(cid.hex() for cid in staying))
    return state


def _go_back(agent: agent_module.Agent, state: state_module.AgentState,
             entry: effective_module.Entry, vid: int
             ) -> state_module.AgentState:
    if entry.txid in state.failed:
        raise errors.VersionFailedBefore('Going back failed before.')
    wanted = state.effective.without(entry.cid)
    plan: tuple[acceptance.Opened, ...] = ()
    if vid:
        opened = agent.loader.version(entry.cid, vid)
        if opened is None:
            raise errors.ReferenceMissing('There is no such version.')
        plan = agent.loader.plan(state.trust, opened)
        wanted = _with_plan(agent, wanted, state.trust, opened, plan)
    state = _put_in_force(
        agent, state, apply_module.Subject(entry.txid, entry.cid, entry.vid,
                                           entry.sender_id), wanted, (), plan)
    _confirm(agent, state)
    LOG.warning('CID %s went back to version %d: its key is revoked',
                entry.cid.hex(), vid)
    return agent.state
