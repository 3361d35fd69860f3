# SPDX-License-Identifier: Apache-2.0
"""The operator door inside the node's process."""

import asyncio
from typing import Any

from tacker_ledger.api import http_protocol
from tacker_ledger.api import listening
from tacker_ledger.api import operator
from tacker_ledger.api import wsgi_bridge
from tacker_ledger import conf as conf_module
from tacker_ledger.node import submit

CONNECTIONS_MAX_COUNT = 200
_TIMEOUT_SECONDS = 30


class OperatorDoor:
    """Serves :mod:`~.operator` at the address of group ``operator``.

    Make it in the node's loop.

    :param conf: with groups ``operator`` and ``node``, and those of
        :func:`~.operator.make_application`
    :param facade: the node
    :raises BadOption: an option is not allowed; the message names it
    """

    def __init__(self, conf: Any, facade: submit.NodeFacade) -> None:
        options = conf.operator
        listening.check_plain_http('operator', options)
        if (options.auth_strategy == 'noauth'
                and not listening.is_loopback(options.host)):
            raise conf_module.bad(
                'auth_strategy', 'operator',
                f'noauth is for loopback only, and {options.host} is not.')
        context = None
        if not options.plain_http:
            context = listening.tls_context(
                'node', conf.node.certificate_file, conf.node.node_key_file)
        backend = submit.BlockingFacade(facade, asyncio.get_running_loop())
        self._bridge = wsgi_bridge.Bridge(
            operator.make_application(conf, backend), options.threads)
        self._listener = listening.Listener(
            self._bridge, 'operator', options, context,
            http_protocol.Bounds(CONNECTIONS_MAX_COUNT, _TIMEOUT_SECONDS),
            _TIMEOUT_SECONDS)

    @property
    def url(self) -> str:
        """Where the door listens, once it does."""
        return self._listener.url

    async def start(self) -> None:
        """Listen; return when clients can connect.

        :raises BadOption: the address cannot be had
        """
        await self._listener.start()

    async def stop(self) -> None:
        """End requests in flight, close."""
        await self._listener.stop()
        self._bridge.close()
