# SPDX-License-Identifier: Apache-2.0
"""A client that costs little: HTTP/1.1 over a kept-alive TLS connection.

It reads what the door sends and looks at the status, the rest is the
caller's business.  The shipped client checks signatures and proofs, which
is a client's cost and no node's.
"""

import asyncio
from collections.abc import Sequence
import ssl

from tacker_ledger.core import codec
from tacker_ledger.core import errors

_LIMIT_BYTES = 64 * 1024


class Connection:
    """One connection to one door.

    :param door: host and port
    :param tls: trusts the federation CA
    """

    def __init__(self, door: tuple[str, int], tls: ssl.SSLContext) -> None:
        self._door = door
        self._tls = tls
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> 'Connection':
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection(
            *self._door, ssl=self._tls, limit=_LIMIT_BYTES)
        return self

    async def get(self, target: str) -> tuple[int, bytes]:
        """Return status and body of a GET request."""
        return await self._ask(
            f'GET {target} HTTP/1.1\r\nHost: door\r\n\r\n'.encode())

    async def submit(self, batch: Sequence[bytes]) -> tuple[int, bytes]:
        """Hand a batch of submissions in."""
        body = codec.encode(tuple(batch))
        return await self._ask(
            b'POST /v1/transactions HTTP/1.1\r\nHost: door\r\n'
            b'Content-Type: application/cbor\r\n'
            b'Content-Length: %d\r\n\r\n%b' % (len(body), body))

    async def _ask(self, request: bytes) -> tuple[int, bytes]:
        reader, writer = self._reader, self._writer
        assert reader is not None and writer is not None
        writer.write(request)
        await writer.drain()
        head = (await reader.readuntil(b'\r\n\r\n')).lower()
        status = int(head[9:12])
        at = head.find(b'\r\ncontent-length:')
        if at < 0:
            raise errors.Malformed('An answer without its length.')
        size = int(head[at + 17:head.index(b'\r\n', at + 2)])
        return status, await reader.readexactly(size)

    def close(self) -> None:
        """Go without a word."""
        if self._writer is not None:
            self._writer.transport.abort()
