# SPDX-License-Identifier: Apache-2.0
"""``/v1/search``: the SQL index; a convenience, not a proof."""

import functools
from typing import Any

from tacker_ledger.api.handlers import base
from tacker_ledger.api import parameters

_ID_BYTES = 32
_CID_BYTES = 16
_LIMIT_MAX_COUNT = 1000


class Search(base.Resource):
    """Transactions by what stands in them."""

    async def on_get(self, req: Any, resp: Any) -> None:
        """Answer with index records, ascending by place in the chain."""
        asked = parameters.parse(
            req.scope['query_string'],
            ('sender', 'recipient', 'cid', 'type', 'after_height', 'limit'))
        rows = await self.in_thread(functools.partial(
            self.context.reader.search,
            sender=asked.hexadecimal('sender', _ID_BYTES),
            recipient=asked.hexadecimal('recipient', _ID_BYTES),
            cid=asked.hexadecimal('cid', _CID_BYTES),
            kind=asked.optional_integer('type'),
            after_height=asked.integer('after_height', -1, low=-1),
            limit=asked.integer('limit', 100, low=1,
                                high=_LIMIT_MAX_COUNT)))
        base.write_json(resp, {
            'proven': False, 'begins_at': self.context.reader.begins_at(),
            'transactions': rows})
