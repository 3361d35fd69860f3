# SPDX-License-Identifier: Apache-2.0
"""The scenarios S1 to S25 of the simulation.

Importing this package fills ``run.REGISTRY``.
"""

from tacker_ledger.tests.simulation import run
from tacker_ledger.tests.simulation.scenarios import certificates
from tacker_ledger.tests.simulation.scenarios import clients
from tacker_ledger.tests.simulation.scenarios import disks
from tacker_ledger.tests.simulation.scenarios import identity
from tacker_ledger.tests.simulation.scenarios import leaders
from tacker_ledger.tests.simulation.scenarios import links
from tacker_ledger.tests.simulation.scenarios import load
from tacker_ledger.tests.simulation.scenarios import membership
from tacker_ledger.tests.simulation.scenarios import prepared
from tacker_ledger.tests.simulation.scenarios import snapshots
from tacker_ledger.tests.simulation.scenarios import strangers

MODULES = (certificates, clients, disks, identity, leaders, links, load,
           membership, prepared, snapshots, strangers)


def number(one: run.Scenario) -> int:
    """Return the number of a scenario's row."""
    return int(one.row[1:])


def by_row() -> dict[str, list[run.Scenario]]:
    """Return the scenarios of each row, in order."""
    rows: dict[str, list[run.Scenario]] = {}
    for one in sorted(run.REGISTRY, key=number):
        rows.setdefault(one.row, []).append(one)
    return rows
