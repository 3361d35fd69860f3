# SPDX-License-Identifier: Apache-2.0
"""``/v1/histories``: the transactions that a history head commits to."""

from typing import Any

from tacker_ledger.api.handlers import base
from tacker_ledger.api import parameters
from tacker_ledger.core import limits
from tacker_ledger.node import query

_KEY_BYTES = 32


class History(base.Resource):
    """The history of a pair or of a CID, ascending."""

    async def on_get(self, req: Any, resp: Any, state_key: str) -> None:
        """Answer with the entries of a count above ``after``."""
        asked = parameters.parse(req.scope['query_string'],
                                 ('after', 'limit'))
        key = parameters.from_hex('state key', state_key, _KEY_BYTES)
        after = asked.integer('after', 0)
        most = limits.HISTORY_PAGE_MAX_COUNT
        limit = asked.integer('limit', most, low=1, high=most)

        def read() -> tuple[Any, query.HeadPair]:
            found = self.context.reader.history(key, after, limit)
            return found, found[0]

        await self.answer_from_thread(req, resp, read)
