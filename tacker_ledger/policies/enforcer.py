# SPDX-License-Identifier: Apache-2.0
"""The policy enforcer: rules in code, overridden by a policy file."""

import sys
from typing import Any

from oslo_config import cfg
from oslo_policy import policy

from tacker_ledger import policies

#: Options of oslo.policy's tools, which are none of a service's.
_OF_THE_TOOLS = ('--namespace', '--output-file')


def make_enforcer(conf: Any) -> policy.Enforcer:
    """Return the enforcer of a service.

    :param conf: its ``[oslo_policy]`` says where the policy file is
    """
    enforcer = policy.Enforcer(conf)
    enforcer.register_defaults(policies.list_rules())
    return enforcer


def get_enforcer() -> policy.Enforcer:
    """Return the enforcer for oslo.policy's tools, which call this by name.

    They parse the same command line for themselves, so what is theirs is
    left out here.
    """
    arguments = []
    words = iter(sys.argv[1:])
    for word in words:
        name, equals, _value = word.partition('=')
        if name in _OF_THE_TOOLS:
            if not equals:
                next(words, None)
            continue
        arguments.append(word)
    cfg.CONF(arguments, project='tacker-ledger')
    return make_enforcer(cfg.CONF)
