# SPDX-License-Identifier: Apache-2.0
"""The options of the agent as plain values."""

import dataclasses
import pathlib
from typing import Any

from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.vnf_client import apply as apply_module
from tacker_ledger.vnf_client import process


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """What ``[vnf_client]`` says; see there.

    :param interval_seconds: 0: that of the bootstrap document
    :param suite: number of the suite of new VNF keys
    """

    directory: pathlib.Path
    interval_seconds: float = 0.0
    wait_seconds: int = 25
    request_timeout_seconds: float = 15.0
    second_node_polls: int = 10
    fresh_heartbeats: int = 4
    fresh_min_seconds: float = 10.0
    receipt_delay_max_seconds: float = 5.0
    evidence_max_count: int = 100
    console: str = '-'
    console_interval_seconds: float = 600.0
    suite: int = 1
    health: apply_module.Health = dataclasses.field(
        default_factory=apply_module.Health)

    @classmethod
    def from_conf(cls, conf: Any) -> 'Settings':
        """Return the settings of an oslo.config object.

        :raises BadOption: an option is wrong
        """
        group = conf.vnf_client
        directory = pathlib.Path(group.state_directory)
        if not directory.is_absolute():
            raise errors.BadOption(
                'state_directory: not an absolute path.',
                option='state_directory')
        return cls(
            directory=directory,
            interval_seconds=group.interval_seconds,
            wait_seconds=group.wait_seconds,
            request_timeout_seconds=group.request_timeout_seconds,
            second_node_polls=group.second_node_polls,
            fresh_heartbeats=group.fresh_heartbeats,
            fresh_min_seconds=group.fresh_min_seconds,
            receipt_delay_max_seconds=group.receipt_delay_max_seconds,
            evidence_max_count=group.evidence_max_count,
            console=group.console,
            console_interval_seconds=group.console_interval_minutes * 60,
            suite=suite_module.by_name(group.suite).number,
            health=apply_module.Health(
                process.split(group.health_check),
                group.health_check_timeout_seconds))
