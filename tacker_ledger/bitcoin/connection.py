# SPDX-License-Identifier: Apache-2.0
"""One HTTP exchange with a node, bounded in time and size.

It stands in for the connection that python-bitcoinrpc would make: that one
waits again for every piece of an answer, reads it whatever its size, and
takes the password out of an address.
"""

import http.client
import ssl
import time
from typing import Any

#: A block's list of transaction ids is far below; blocks are not fetched.
ANSWER_MAX_BYTES = 16 * 1024 * 1024
_PIECE_BYTES = 65536


class AnswerTooLarge(OSError):
    """The node sends more than any call here returns."""


class _Answer:
    """What python-bitcoinrpc looks at of an answer."""

    def __init__(self, status: int, reason: str, kind: str,
                 body: bytes) -> None:
        self.status = status
        self.reason = reason
        self._kind = kind
        self._body = body

    def getheader(self, name: str) -> str:
        """Return the type of the content; JSON has parameters at times."""
        assert name == 'Content-Type'
        return self._kind.partition(';')[0].strip()

    def read(self) -> bytes:
        """Return the whole body."""
        return self._body


class Connection:
    """One exchange.

    :param authorization: the header's value
    :param seconds: for all of it
    """

    def __init__(self, host: str, port: int, is_encrypted: bool,
                 authorization: str, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._authorization = authorization
        if is_encrypted:
            self._http: http.client.HTTPConnection = (
                http.client.HTTPSConnection(
                    host, port, timeout=seconds,
                    context=ssl.create_default_context()))
        else:
            self._http = http.client.HTTPConnection(
                host, port, timeout=seconds)
        #: of the answer; 0 before there is one
        self.status = 0

    @property
    def sock(self) -> 'Connection':
        """Return this: the caller wants to set a time limit on it."""
        return self

    def settimeout(self, seconds: float) -> None:
        """Change nothing: the limit is for the whole exchange."""

    def request(self, method: str, path: str, body: str,
                headers: dict[str, Any]) -> None:
        """Send the call, with the right password in it."""
        self._http.request(method, path or '/', body.encode(), {
            **headers, 'Authorization': self._authorization})

    def getresponse(self) -> _Answer:
        """Return the answer, all of it.

        :raises TimeoutError: it was not complete in time
        :raises AnswerTooLarge: too many bytes
        """
        self._limit()
        response = self._http.getresponse()
        self.status = response.status
        body = bytearray()
        while True:
            self._limit()
            piece = response.read1(_PIECE_BYTES)
            if not piece:
                break
            body += piece
            if len(body) > ANSWER_MAX_BYTES:
                raise AnswerTooLarge('the answer has no end')
        return _Answer(response.status, response.reason,
                       response.getheader('Content-Type') or '',
                       bytes(body))

    def close(self) -> None:
        """Close what is open."""
        self._http.close()

    def _limit(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError('the exchange took too long')
        if self._http.sock is not None:
            self._http.sock.settimeout(left)
