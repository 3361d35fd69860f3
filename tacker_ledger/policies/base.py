# SPDX-License-Identifier: Apache-2.0
"""The two kinds of callers of the operator door.

Who runs the node may change what it admits; who audits it may look.  Names
of rules are ``tacker_ledger:<noun>:<verb>``.
"""

from oslo_policy import policy

OPERATOR = 'rule:tacker_ledger_operator'
AUDITOR = 'rule:tacker_ledger_auditor'

#: A node belongs to no project: both kinds of scope will do.
SCOPE_TYPES = ['system', 'project']


def list_rules() -> list[policy.RuleDefault]:
    """Return the rules that others are made of."""
    return [
        policy.RuleDefault(
            name='tacker_ledger_operator', check_str='role:admin',
            description='Who runs the ledger node.'),
        policy.RuleDefault(
            name='tacker_ledger_auditor',
            check_str='role:reader or rule:tacker_ledger_operator',
            description='Who may look at how the node does. In a default '
                        'Keystone every member of a project has the role '
                        'reader too; name a role of its own here where that '
                        'is too many.'),
    ]
