# SPDX-License-Identifier: Apache-2.0
"""uvicorn's HTTP protocol with bounds that it lacks.

A connection that sends no request, or drips its header, or does not read
what it asked for, is ended after a while; a header ends at a size; and
there are only so many connections.
"""

import asyncio
import dataclasses
from typing import Any

from uvicorn.protocols.http import httptools_impl

#: Request line and header fields. A target with 256 state keys takes 18 kB.
HEADER_MAX_BYTES = 64 * 1024
#: How long a closed connection may take to send its last answer.
LINGER_SECONDS = 1.0
#: Of a response that has a body of its own write; not "100 Continue".
_HEAD_START = b'HTTP/1.1 '
_CONTINUE = b'HTTP/1.1 100'
_TOO_LARGE = (b'HTTP/1.1 431 Request Header Fields Too Large\r\n'
              b'content-length: 0\r\nconnection: close\r\n\r\n')


@dataclasses.dataclass(frozen=True, slots=True)
class Bounds:
    """What one door allows.

    :param connections_max_count: open connections
    :param timeout_seconds: for a request's header, and for a client to
        take what waits to be sent
    """

    connections_max_count: int
    timeout_seconds: float


class _OneWrite:
    """A transport that sends the head of a response with what follows it.

    A TLS record and a system call less for each answer.  And one that is
    closed does end: TLS alone waits half a minute for the other side to
    agree, and reads on what it sends.

    :param transport: the real one
    """

    __slots__ = ('_transport', '_loop', '_head')

    def __init__(self, transport: Any,
                 loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b''

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Return what the transport says; asked for every response."""
        closing: bool = self._transport.is_closing()
        return closing

    def write(self, data: bytes) -> None:
        """Keep a head; send anything else, after the head that is kept."""
        if (not self._head and data.startswith(_HEAD_START)
                and not data.startswith(_CONTINUE)):
            self._head = data
            return
        head, self._head = self._head, b''
        self._transport.write(head + data if head else data)

    def flush(self) -> None:
        """Send a head that nothing followed."""
        if self._head:
            head, self._head = self._head, b''
            self._transport.write(head)

    def close(self) -> None:
        """Send what is kept, then close."""
        self.flush()
        self._transport.close()
        self._loop.call_later(LINGER_SECONDS, self._transport.abort)


class BoundedProtocol(httptools_impl.HttpToolsProtocol):
    """One connection; see :func:`protocol_class`."""

    bounds: Bounds

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_header = True
        self._header_bytes = 0
        self._header_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport  # type: ignore
                        ) -> None:
        super().connection_made(transport)
        # the flow control keeps the real one
        self.transport = _OneWrite(  # type: ignore[assignment]
            transport, self.loop)
        if len(self.connections) > self.bounds.connections_max_count:
            transport.abort()
            return
        self._arm_header_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm_header_timer()
        self._disarm_write_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_header:
            self._header_bytes += len(data)
            self._arm_header_timer()
        elif self.cycle is None or self.cycle.response_complete:
            # The rest of a refused body: it is dropped, but not for ever.
            self._arm_header_timer()
        super().data_received(data)
        if self._in_header and self._header_bytes > HEADER_MAX_BYTES:
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_headers_complete(self) -> None:
        self._in_header = False
        self._disarm_header_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_header = True
        self._header_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self.transport.flush()  # type: ignore[attr-defined]
        super().on_response_complete()

    def pause_writing(self) -> None:
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(
                self.bounds.timeout_seconds, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        self._disarm_write_timer()
        super().resume_writing()

    def _arm_header_timer(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(
                self.bounds.timeout_seconds, self.transport.abort)

    def _disarm_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _disarm_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None


def protocol_class(bounds: Bounds) -> type[BoundedProtocol]:
    """Return the protocol of a door with these bounds."""
    return type('DoorProtocol', (BoundedProtocol,), {'bounds': bounds})
