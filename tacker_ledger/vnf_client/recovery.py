# SPDX-License-Identifier: Apache-2.0
"""What the agent does before it asks anybody: make whole what it has."""

import dataclasses

from oslo_log import log as logging

from tacker_ledger.core.configuration import acceptance
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.vnf_client import agent as agent_module
from tacker_ledger.vnf_client import alarms as alarms_module
from tacker_ledger.vnf_client import reverter

LOG = logging.getLogger(__name__)


def recover(agent: agent_module.Agent) -> None:
    """Finish or undo a change that was begun and not ended.

    A version during whose apply the agent died counts as failed: it may
    have been the cause, and would be again.

    :raises RevertFailed: not all is back; nothing new may be applied
    """
    journal = agent.machine.reverter.pending()
    if journal is None:
        agent.alarms.set(alarms_module.REVERT_FAILED, False,
                         agent.timekeeper.monotonic_ms())
        return
    if journal.sequence <= agent.state.sequence:
        LOG.info('A change was confirmed before the agent stopped')
        agent.machine.reverter.end()
        return
    LOG.warning('Undoing an unfinished change of CID %s',
                journal.cid.hex())
    try:
        agent.machine.reverter.undo(journal)
    except errors.RevertFailed as exc:
        agent.alarms.set(alarms_module.REVERT_FAILED, True,
                         agent.timekeeper.monotonic_ms(), exc.message)
        raise
    agent.alarms.set(alarms_module.REVERT_FAILED, False,
                     agent.timekeeper.monotonic_ms())
    if journal.txid not in agent.state.failed:
        _remember(agent, journal)


def _remember(agent: agent_module.Agent, journal: reverter.Journal) -> None:
    """Save that a version failed, with a receipt that says so."""
    state = agent.state.with_failed(journal.txid)
    facts = acceptance.Facts(
        (0, 0), journal.txid, journal.sender_id, None, journal.cid,
        journal.vid, b'', False)
    agent.save(agent.reporter.receipt(
        state, facts, payload_module.Outcome.REVERTED,
        head_height=state.handled_height, error=errors.ApplyFailed(
            'The agent stopped while applying; all was put back.')))


def enforce(agent: agent_module.Agent) -> None:
    """Put again in force what the VNF has forgotten, after a reboot say."""
    state = agent.state
    try:
        acted = agent.machine.enforce(
            state.effective,
            same_boot=bool(agent.boot_id)
            and agent.boot_id == state.enforced_boot_id)
    except errors.LedgerError as exc:
        agent.alarms.set(alarms_module.NOT_ENFORCED, True,
                         agent.timekeeper.monotonic_ms(), exc.message)
        return
    agent.alarms.set(alarms_module.NOT_ENFORCED, False,
                     agent.timekeeper.monotonic_ms())
    if acted:
        LOG.warning('Put in force again by %s', ', '.join(acted))
    if state.effective.bases and state.enforced_boot_id != agent.boot_id:
        agent.save(dataclasses.replace(state,
                                       enforced_boot_id=agent.boot_id))
