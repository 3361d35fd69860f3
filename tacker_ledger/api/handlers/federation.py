# SPDX-License-Identifier: Apache-2.0
"""``/v1/federation``: who the members were and are, provable by itself."""

from typing import Any

from tacker_ledger.api.handlers import base
from tacker_ledger.api import parameters
from tacker_ledger.core import limits

_EPOCH_MAX = 2 ** 32 - 1


class Federation(base.Resource):
    """The federation documents from an epoch on."""

    async def on_get(self, req: Any, resp: Any) -> None:
        """Answer with documents, proofs and transactions, by epoch."""
        asked = parameters.parse(req.scope['query_string'], ('from_epoch',))
        epoch = asked.integer('from_epoch', 0, high=_EPOCH_MAX)
        most = limits.FEDERATIONS_PER_ANSWER_MAX_COUNT
        await self.answer_from_thread(
            req, resp,
            lambda: (self.context.reader.federations(epoch)[:most], None))
