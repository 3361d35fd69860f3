# SPDX-License-Identifier: Apache-2.0
"""Rules about who may write to the ledger.

A label can tell whose key it is, which the ledger itself never does: so
listing enrolments is for operators too.
"""

from oslo_policy import policy

from tacker_ledger.policies import base

LIST = 'tacker_ledger:enrolments:list'
CREATE = 'tacker_ledger:enrolments:create'
DELETE = 'tacker_ledger:enrolments:delete'


def _rule(name: str, method: str, path: str, description: str
          ) -> policy.DocumentedRuleDefault:
    return policy.DocumentedRuleDefault(
        name=name, check_str=base.OPERATOR, description=description,
        operations=[{'path': path, 'method': method}],
        scope_types=base.SCOPE_TYPES)


def list_rules() -> list[policy.DocumentedRuleDefault]:
    """Return the rules."""
    return [
        _rule(LIST, 'GET', '/v1/enrolments', 'List enrolled keys.'),
        _rule(CREATE, 'POST', '/v1/enrolments',
              'Enrol a key, so that it may write.'),
        _rule(DELETE, 'DELETE', '/v1/enrolments/{key_id}',
              'Take back the enrolment of a key.'),
    ]
