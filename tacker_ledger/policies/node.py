# SPDX-License-Identifier: Apache-2.0
"""Rules about looking at a node."""

from oslo_policy import policy

from tacker_ledger.policies import base

STATUS = 'tacker_ledger:status:get'
PEERS = 'tacker_ledger:peers:list'
USAGE = 'tacker_ledger:usage:list'
EVIDENCE = 'tacker_ledger:evidence:list'


def _rule(name: str, path: str, description: str
          ) -> policy.DocumentedRuleDefault:
    return policy.DocumentedRuleDefault(
        name=name, check_str=base.AUDITOR, description=description,
        operations=[{'path': path, 'method': 'GET'}],
        scope_types=base.SCOPE_TYPES)


def list_rules() -> list[policy.DocumentedRuleDefault]:
    """Return the rules."""
    return [
        _rule(STATUS, '/v1/status',
              'Show height, view, leader, pool, whether the node votes and '
              'why not, expiries, and what members sent that was refused.'),
        _rule(PEERS, '/v1/peers',
              'List the other members as this node sees them: links, '
              'instances, heights, queues.'),
        _rule(USAGE, '/v1/usage', 'List disk use per sending key.'),
        _rule(EVIDENCE, '/v1/evidence',
              'List kept proofs of members\' faults, with the signed '
              'messages.'),
    ]
