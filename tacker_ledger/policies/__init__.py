# SPDX-License-Identifier: Apache-2.0
"""Who may do what at the operator door, as oslo.policy rules.

The tenant and VNF door knows no policy: reading is open, and writers are
known by the signatures of their transactions.
"""

import itertools

from oslo_policy import policy

from tacker_ledger.policies import base
from tacker_ledger.policies import enrolments
from tacker_ledger.policies import node


def list_rules() -> list[policy.RuleDefault]:
    """Return all rules, for the enforcer and oslo.policy's tools."""
    return list(itertools.chain(base.list_rules(), node.list_rules(),
                                enrolments.list_rules()))
