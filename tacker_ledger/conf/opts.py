# SPDX-License-Identifier: Apache-2.0
"""Lists of options for oslo-config-generator.

The options of oslo.db, oslo.log, oslo.messaging, oslo.policy and
keystonemiddleware have namespaces of their own, so this module imports
without the extras of a node.
"""

from typing import Any

from tacker_ledger.conf import bitcoin
from tacker_ledger.conf import door
from tacker_ledger.conf import node
from tacker_ledger.conf import publisher
from tacker_ledger.conf import tenant_client
from tacker_ledger.conf import validator
from tacker_ledger.conf import vnf_client

#: Group -> options, by the program that reads them.
NODE = ((node.GROUP, node.OPTIONS),
        (door.GROUP, door.OPTIONS),
        (door.OPERATOR_GROUP, door.OPERATOR_OPTIONS))
#: Of the operator door where it runs under a WSGI server.
OPERATOR = ((door.OPERATOR_GROUP, door.OPERATOR_OPTIONS),)
VNF_CLIENT = ((vnf_client.GROUP, vnf_client.OPTIONS),)
PUBLISHER = ((publisher.GROUP, publisher.OPTIONS),
             (bitcoin.GROUP, bitcoin.OPTIONS),
             (publisher.LEDGER_GROUP, publisher.LEDGER_OPTIONS))
VALIDATOR = ((validator.GROUP, validator.OPTIONS),
             (bitcoin.GROUP, bitcoin.OPTIONS),
             (publisher.LEDGER_GROUP, publisher.LEDGER_OPTIONS))
TENANT_CLIENT = ((tenant_client.GROUP, tenant_client.OPTIONS),)


def list_opts() -> list[tuple[Any, list[Any]]]:
    """Return (group, options) of the node, its doors and the tenant."""
    return [(group, list(options))
            for group, options in (*NODE, *TENANT_CLIENT)]


def list_securelog_opts() -> list[tuple[Any, list[Any]]]:
    """Return (group, options) of publisher and validator."""
    groups = {group.name: (group, list(options))
              for group, options in (*PUBLISHER, *VALIDATOR)}
    return list(groups.values())


def list_vnf_client_opts() -> list[tuple[Any, list[Any]]]:
    """Return (group, options) of the agent inside a VNF."""
    return [(group, list(options)) for group, options in VNF_CLIENT]
