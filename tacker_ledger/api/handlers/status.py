# SPDX-License-Identifier: Apache-2.0
"""``/``, ``/healthcheck``, ``/v1/status``, ``/v1/openapi.json``."""

import json
from typing import Any

from oslo_log import log as logging

from tacker_ledger.api.handlers import base
from tacker_ledger.api import microversion
from tacker_ledger.api import parameters
from tacker_ledger.api.schemas import openapi
from tacker_ledger.api import shown
from tacker_ledger.core import errors

LOG = logging.getLogger(__name__)


class Versions(base.Resource):
    """Which versions of the interface are served."""

    async def on_get(self, req: Any, resp: Any) -> None:
        """Answer with the version document."""
        parameters.parse(req.scope['query_string'], ())
        base.write_json(resp, microversion.document())


class Status(base.Resource):
    """How the node is; nobody signs it."""

    async def on_get(self, req: Any, resp: Any) -> None:
        """Answer with the node's status and this door's load."""
        parameters.parse(req.scope['query_string'], ())
        status = await self.context.facade.status()
        base.write_json(resp, shown.status(
            {**status, 'waiters': len(self.context.waiters)},
            req.context.version, to_operator=False))


class Health(base.Resource):
    """Whether a load balancer should send clients here."""

    async def on_get(self, req: Any, resp: Any) -> None:
        """Answer 200 ``OK``, or 503 and the reason."""
        healthy, reason = await self._look()
        resp.set_header('Cache-Control', 'no-store')
        if base.JSON in (req.get_header('Accept') or ''):
            base.write_json(resp, {'healthy': healthy, 'reason': reason},
                            200 if healthy else 503)
            return
        resp.status = 200 if healthy else 503
        resp.content_type = 'text/plain; charset=utf-8'
        resp.data = ('OK' if healthy else reason).encode()

    async def _look(self) -> tuple[bool, str]:
        if self.context.waiters.closed:
            return False, 'shutting down'
        try:
            status = await self.context.facade.status()
        except errors.LedgerError as error:
            return False, f'{error.code}: {error.message}'
        return bool(status.get('healthy')), str(status.get('reason') or '')


class Description(base.Resource):
    """The interface described in OpenAPI 3.1."""

    def __init__(self, context: base.Context) -> None:
        super().__init__(context)
        self._document = json.dumps(openapi.document()).encode()

    async def on_get(self, req: Any, resp: Any) -> None:
        """Answer with the document."""
        parameters.parse(req.scope['query_string'], ())
        resp.content_type = base.JSON
        resp.data = self._document
