# SPDX-License-Identifier: Apache-2.0
"""``/v1/transactions``: submitting them and finding them again."""

import asyncio
from typing import Any

from tacker_ledger.api import answers
from tacker_ledger.api.handlers import base
from tacker_ledger.api import parameters
from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.node import query
from tacker_ledger.node import submit

#: Bound on a request body: some twelve of the largest submissions.
BODY_MAX_BYTES = 16 * 1024 * 1024
_TXID_BYTES = 32
_BATCH = codec.Array(codec.Bytes(1, limits.SUBMISSION_MAX_BYTES), 1,
                     limits.BATCH_SUBMIT_MAX_COUNT)
#: How a submission starts: an array of three, the first of them version 1.
_SINGLE = b'\x83\x01'


class Transactions(base.Resource):
    """Where transactions are handed in."""

    async def on_post(self, req: Any, resp: Any) -> None:
        """Take one submission, or a CBOR array of byte strings."""
        context = self.context
        parameters.parse(req.scope['query_string'], ())
        size = _announced_bytes(req)
        with context.incoming.taken(size):
            body = await self._body(req, size)
            single = body.startswith(_SINGLE)
            batch = ((body,) if single
                     else codec.decode(body, _BATCH, BODY_MAX_BYTES))
            results = await self._submit(req, batch)
            refused = _same_refusal(results, single)
            if refused is not None:
                raise refused
            self.send(resp, context.answerer.sign(
                base.asked(req, body), tuple(
                    (result.txid, result.code, result.message)
                    for result in results)), 202)

    async def _body(self, req: Any, size: int) -> bytes:
        try:
            async with asyncio.timeout(
                    self.context.options.receive_timeout_seconds):
                body: bytes = await req.stream.read(size)
        except TimeoutError:
            raise errors.Timeout('The body did not arrive in time.'
                                 ) from None
        if len(body) != size:
            raise errors.Malformed('The body ends early.')
        return body

    async def _submit(self, req: Any, batch: tuple[bytes, ...]
                      ) -> list[submit.SubmitResult]:
        """Hand on what the rate of its key allows; keep the order."""
        context = self.context
        now = req.context.now
        limited = [context.limiter.submission(req.context.group, one, now)
                   for one in batch]
        passed = [one for one, error in zip(batch, limited, strict=True)
                  if error is None]
        results = iter(await context.facade.submit(
            passed, req.context.address) if passed else ())
        return [next(results) if error is None
                else submit.SubmitResult.refused(None, error)
                for error in limited]


def _announced_bytes(req: Any) -> int:
    """Return the size of the body, judged before any of it is read."""
    media_type = (req.content_type or '').partition(';')[0].strip().lower()
    if media_type != base.CBOR:
        raise base.refused(415, errors.BadOption(
            f'The body has to be {base.CBOR}.', option='Content-Type'))
    size = req.content_length
    if size is None:
        raise base.refused(411, errors.Malformed(
            'A request with a body needs Content-Length.'))
    if size > BODY_MAX_BYTES:
        raise errors.TooLarge(
            f'A body has at most {BODY_MAX_BYTES} bytes.', size=size,
            limit=BODY_MAX_BYTES)
    if size == 0:
        raise errors.Malformed('The body is empty.')
    return int(size)


def _same_refusal(results: list[submit.SubmitResult], single: bool
                  ) -> errors.LedgerError | None:
    """Return the error to answer with instead of a list, if there is one.

    A single submission that is refused; or a batch none of which is taken,
    for a reason of the node and not of the transactions.
    """
    error = results[0].error()
    if error is None or single:
        return error
    if error.http_status not in (429, 503):
        return None
    same = all(result.code == error.code for result in results)
    return error if same else None


def _present(reader: query.Reader, txid: bytes) -> Any:
    """Return a transaction if it is here, else None, and never mind why."""
    try:
        return reader.transaction(txid)
    except errors.Pruned:
        return None


class Transaction(base.Resource):
    """A committed transaction by its id."""

    async def on_get(self, req: Any, resp: Any, txid: str) -> None:
        """Answer when it is committed, or after ``wait``."""
        asked = parameters.parse(req.scope['query_string'], ('wait',))
        key = parameters.from_hex('transaction id', txid, _TXID_BYTES)
        reader = self.context.reader
        wait = self.wait_seconds(asked)
        if not wait:
            near = reader.near(key)
            if near is not None:
                # handing it to a thread would cost more than the read
                self.answer(req, resp, near)
                return
            await self.answer_from_thread(
                req, resp, lambda: (reader.transaction(key), None))
            return
        found = None

        def ready() -> bool:
            nonlocal found
            found = _present(reader, key)
            return found is not None

        await self.wait_until(req, resp, ready, (key,), wait)
        if found is None and (found := reader.transaction(key)) is None:
            self.answer(req, resp, answers.NOT_FOUND, status=404)
        else:
            self.answer(req, resp, found)


class Fate(base.Resource):
    """What became of a transaction that is in no block; nobody signs it."""

    async def on_get(self, req: Any, resp: Any, txid: str) -> None:
        """Answer ``committed``, ``waiting``, ``refused`` or ``unknown``."""
        parameters.parse(req.scope['query_string'], ())
        key = parameters.from_hex('transaction id', txid, _TXID_BYTES)
        if _present(self.context.reader, key) is not None:
            base.write_json(resp, {'state': 'committed'})
            return
        fate = await self.context.facade.fate(key)
        base.write_json(resp, fate or {'state': 'unknown'})
