# SPDX-License-Identifier: Apache-2.0
"""``/v1/state``: values with their proofs; what VNFs poll."""

from typing import Any

from tacker_ledger.api.handlers import base
from tacker_ledger.api import parameters
from tacker_ledger.core import errors
from tacker_ledger.core import limits

_KEY_BYTES = 32


class State(base.Resource):
    """Values of the authenticated state, all at one head."""

    async def on_get(self, req: Any, resp: Any) -> None:
        """Answer when a key changed above ``since``, or after ``wait``."""
        asked = parameters.parse(req.scope['query_string'],
                                 ('key', 'since', 'wait'))
        keys = asked.hexadecimals('key', _KEY_BYTES,
                                  limits.STATE_KEYS_PER_QUERY_MAX_COUNT)
        if not keys:
            raise errors.BadOption('At least one key is needed.',
                                   option='key')
        reader = self.context.reader
        since = asked.optional_integer('since')
        wait = self.wait_seconds(asked)
        if since is not None:
            await self.wait_until(
                req, resp, lambda: reader.changed_since(keys, since), keys,
                wait)
        head, values = reader.state(keys)
        self.answer(req, resp, (head, values), head)
