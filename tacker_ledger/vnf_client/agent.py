# SPDX-License-Identifier: Apache-2.0
"""The parts of a running agent, and its state between two writes."""

import dataclasses

from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import hashing
from tacker_ledger.vnf_client import alarms as alarms_module
from tacker_ledger.vnf_client import apply as apply_module
from tacker_ledger.vnf_client import fetch
from tacker_ledger.vnf_client import inbox as inbox_module
from tacker_ledger.vnf_client import keys as keys_module
from tacker_ledger.vnf_client import payloads
from tacker_ledger.vnf_client import reporter as reporter_module
from tacker_ledger.vnf_client import resolve
from tacker_ledger.vnf_client import settings as settings_module
from tacker_ledger.vnf_client import state as state_module
from tacker_ledger.vnf_client import timekeeper as timekeeper_module


@dataclasses.dataclass(slots=True)
class Agent:
    """What the steps of a poll share.

    :param state: as last written to ``file``
    """

    h: hashing.Hasher
    provider: provider_module.Provider
    settings: settings_module.Settings
    interval_seconds: float
    keys: keys_module.Keys
    fetcher: fetch.Fetcher
    inbox: inbox_module.Inbox
    loader: resolve.Loader
    store: payloads.PayloadStore
    machine: apply_module.Machine
    reporter: reporter_module.Reporter
    timekeeper: timekeeper_module.Timekeeper
    alarms: alarms_module.Alarms
    file: state_module.StateFile
    state: state_module.AgentState
    boot_id: str

    def save(self, state: state_module.AgentState) -> None:
        """Write a state, with the newest head and the time in it.

        :raises StorageFailed: the old state stands
        """
        state = dataclasses.replace(
            state, trusted=self.fetcher.light.trusted.to_bytes(),
            time=self.timekeeper.saved())
        self.file.save(state)
        self.state = state
