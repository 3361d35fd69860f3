# SPDX-License-Identifier: Apache-2.0
"""The operator door for a WSGI server, away from the node's process::

    gunicorn tacker_ledger.api.operator_wsgi:application

It reaches a node by oslo.messaging (``transport_url``).  Configuration
files are those named in ``TACKER_LEDGER_CONFIG_FILES`` (separated by
colons), otherwise those oslo.config finds for ``tacker-ledger``.
"""

import os
from typing import Any

from oslo_log import log as logging

from tacker_ledger.api import operator
from tacker_ledger import conf as conf_module
from tacker_ledger.conf import opts
from tacker_ledger import messaging

CONFIG_FILES_VARIABLE = 'TACKER_LEDGER_CONFIG_FILES'


def make_application() -> Any:
    """Return the application that the configuration asks for.

    :raises BadOption: an option is missing or not allowed
    """
    named = os.environ.get(CONFIG_FILES_VARIABLE, '')
    arguments = [f'--config-file={path}'
                 for path in named.split(os.pathsep) if path]
    conf = conf_module.make_conf(
        arguments, groups=opts.OPERATOR,
        register=(logging.register_options, messaging.register_options))
    logging.setup(conf, 'tacker-ledger-operator')
    if not messaging.is_configured(conf):
        raise conf_module.missing('transport_url', 'DEFAULT')
    client = messaging.NodeClient(
        messaging.get_transport(conf), conf.operator.node or None,
        conf.rpc_response_timeout)
    return operator.make_application(conf, client)


application = make_application()
