# SPDX-License-Identifier: Apache-2.0
"""``/v1/blocks``: a header, its certificate and its transactions."""

from typing import Any

from tacker_ledger.api.handlers import base
from tacker_ledger.api import parameters


class Block(base.Resource):
    """A block by its height."""

    async def on_get(self, req: Any, resp: Any, height: str) -> None:
        """Answer with the block, or that it is not there yet."""
        asked = parameters.parse(req.scope['query_string'], ('body',))
        number = parameters.number('height', height)
        body = asked.flag('body', True)
        await self.answer_from_thread(
            req, resp,
            lambda: (self.context.reader.block(number, body), None))
