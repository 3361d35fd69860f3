# SPDX-License-Identifier: Apache-2.0
"""``/v1/head``: the newest certified header, at once or when it is newer."""

from typing import Any

from tacker_ledger.api.handlers import base
from tacker_ledger.api import parameters


class Head(base.Resource):
    """The newest block's header and certificate."""

    async def on_get(self, req: Any, resp: Any) -> None:
        """Answer when the head is above ``since``, or after ``wait``."""
        asked = parameters.parse(req.scope['query_string'],
                                 ('since', 'wait'))
        reader = self.context.reader
        since = asked.optional_integer('since')
        wait = self.wait_seconds(asked)
        if since is not None:
            await self.wait_until(
                req, resp, lambda: reader.height() > since, (), wait)
        head = reader.head()
        self.answer(req, resp, head, head)
