# SPDX-License-Identifier: Apache-2.0
"""What all handlers of the tenant and VNF door share."""

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Iterable
import concurrent.futures
import dataclasses
import json
import time
from typing import Any
from typing import TypeVar

from tacker_ledger.api import answers
from tacker_ledger.api import budget
from tacker_ledger.api import errors as api_errors
from tacker_ledger.api import parameters
from tacker_ledger.api import ratelimit
from tacker_ledger.api import waiters
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.node import query
from tacker_ledger.node import submit

CBOR = 'application/cbor'
JSON = 'application/json'

#: An answer above this is sent in slices, each when the client took most of
#: the one before, so that what it has not taken is counted.
SLICE_BYTES = 256 * 1024
#: What a client may ask any node for.
WAIT_MAX_SECONDS = 60
#: How long a client may take for one answer.
SENDING_MAX_SECONDS = 300.0

_T = TypeVar('_T')


@dataclasses.dataclass(frozen=True, slots=True)
class Context:
    """What a door's handlers work with.

    :param options: the ``[door]`` group
    :param threads: for reads that take long
    :param incoming: bytes of request bodies held at a time
    :param outgoing: bytes of large answers held at a time
    """

    options: Any
    reader: query.Reader
    facade: submit.NodeFacade
    federation: Callable[[], federation_module.Federation]
    answerer: answers.Answerer
    waiters: waiters.Waiters
    limiter: ratelimit.Limiter
    addresses: ratelimit.Addresses
    threads: concurrent.futures.Executor
    incoming: budget.Budget
    outgoing: budget.Budget


class Resource:
    """A route of the door."""

    def __init__(self, context: Context) -> None:
        self.context = context

    async def in_thread(self, function: Callable[..., _T], *args: Any) -> _T:
        """Return what a function that takes long returns."""
        return await asyncio.get_running_loop().run_in_executor(
            self.context.threads, function, *args)

    def answer(self, req: Any, resp: Any, body: Any,
               head: query.HeadPair | None = None, status: int = 200) -> None:
        """Answer with a signed body.

        :param head: see :meth:`~..answers.Answerer.sign`
        """
        self.send(resp, self.context.answerer.sign(asked(req), body, head),
                  status)

    async def answer_from_thread(
            self, req: Any, resp: Any,
            read: Callable[[], tuple[Any, query.HeadPair | None]]) -> None:
        """Answer with what a function that takes long reads.

        :param read: returns a body and the head it was read at; a body of
            None means that there is no such object
        """
        request = asked(req)

        def work() -> tuple[bytes, int]:
            body, head = read()
            if body is None:
                return self.context.answerer.sign(
                    request, answers.NOT_FOUND), 404
            return self.context.answerer.sign(request, body, head), 200

        self.send(resp, *await self.in_thread(work))

    def send(self, resp: Any, data: bytes, status: int = 200) -> None:
        """Make a response out of an encoded answer.

        :raises Busy: too many large answers wait for their clients
        """
        resp.status = status
        resp.content_type = CBOR
        resp.set_header('Cache-Control', 'no-store')
        if len(data) <= SLICE_BYTES:
            resp.data = data
            return
        self.context.outgoing.take(len(data))
        resp.content_length = len(data)
        resp.stream = self._slices(data)

    async def _slices(self, data: bytes) -> AsyncIterator[bytes]:
        ends = time.monotonic() + SENDING_MAX_SECONDS
        view = memoryview(data)
        try:
            for at in range(0, len(data), SLICE_BYTES):
                if time.monotonic() > ends:
                    raise errors.Timeout('The client takes too long.')
                yield bytes(view[at:at + SLICE_BYTES])
        finally:
            self.context.outgoing.give(len(data))

    def wait_seconds(self, asked: parameters.Parameters) -> int:
        """Return for how long a request wants to wait, as far as it may.

        More than this node allows is cut, more than any does is refused.
        """
        allowed = int(self.context.options.wait_max_seconds)
        return min(allowed, asked.integer(
            'wait', 0, high=max(WAIT_MAX_SECONDS, allowed)))

    async def wait(self, req: Any, resp: Any, keys: Iterable[bytes],
                   seconds: float) -> bool:
        """Wait for a change; return whether it is worth looking again.

        :param keys: see :meth:`~..waiters.Waiters.wait`
        :raises ShuttingDown: the door stops
        """
        context = self.context
        outcome = await context.waiters.wait(
            keys, req.context.address, seconds, req.context.gone)
        if outcome is waiters.Outcome.FULL:
            # The present state, and a hint to come back later than usual.
            resp.set_header('Retry-After', str(api_errors.retry_after_seconds(
                context.options.wait_max_seconds)))
        return outcome is waiters.Outcome.CHANGED

    async def wait_until(self, req: Any, resp: Any,
                         ready: Callable[[], bool], keys: Iterable[bytes],
                         wait_seconds: int) -> None:
        """Return when something is ready, or when waiting has an end.

        :param ready: looks; called once before, and after every change
        """
        if ready() or not wait_seconds:
            return
        context = self.context
        ends = time.monotonic() + context.waiters.deadline_seconds(
            wait_seconds, context.federation().parameters.heartbeat_ms)
        held = frozenset(keys)
        while (left := ends - time.monotonic()) > 0:
            if not await self.wait(req, resp, held, left) or ready():
                return


def asked(req: Any, body: bytes = b'') -> answers.Request:
    """Return the request as it was received, for its digest."""
    scope = req.scope
    target = scope['raw_path']
    if scope['query_string']:
        target += b'?' + scope['query_string']
    return answers.Request.of(scope['method'], target.decode('latin-1'),
                              body)


def refused(status: int, error: errors.LedgerError) -> errors.LedgerError:
    """Return an error with the status that HTTP has for this case."""
    error.http_status = status
    return error


def write_json(resp: Any, data: Any, status: int = 200) -> None:
    """Make a response out of JSON; bytes become hexadecimal digits."""
    resp.status = status
    resp.content_type = JSON
    resp.set_header('Cache-Control', 'no-store')
    resp.data = json.dumps(data, default=_to_json).encode()


def _to_json(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f'{type(value).__name__} has no JSON form')
