# SPDX-License-Identifier: Apache-2.0
"""One connection between two members: greeting, frames, bounded queues.

A link starts as a TLS connection of unknown worth.  It is *up* after the
certificate's key was found in the federation document and both sides have
greeted: each sends a hello, answers the other's, and checks the answer.

What waits to be sent is bounded in bytes.  There are two queues: consensus
messages overtake bulk (transactions, blocks of a member that catches up),
and bulk has half of the room.  A frame that finds no room is dropped; what
it carried is asked for again or sent again by the layer above.
"""

import asyncio
import collections
import dataclasses
import ssl
from typing import cast
from typing import Protocol

from oslo_log import log as logging

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.transport import framing
from tacker_ledger.transport import quiet
from tacker_ledger.transport import tls

LOG = logging.getLogger(__name__)

#: A member that greets wrongly comes again and again.
_QUIET = quiet.Quiet(30.0)

#: A hello, which comes from somebody of whom only the node key is known.
HELLO_MAX_BYTES = 1024
#: Its answer, with a certified head and a consensus message.
GREETING_MAX_BYTES = 12 * 1024 * 1024
GREETING_SECONDS = 10.0
#: Why a connection was closed of which the other end shall not hear twice.
ANOTHER_HELD = 'another process of this identity is held'
MISSED_PINGS_MAX = 3
_NONCE_BYTES = 16
_PING, _PONG = 11, 12
_PING_PREFIX = b'\x82\x0b'
_PONG_PREFIX = b'\x82\x0c'
_PING_SCHEMA = codec.Record(codec.Int(_PING, _PONG), codec.Int())
_WRITE_BUFFER_BYTES = 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Greeting:
    """What a peer's hello says that the transport needs."""

    instance: bytes
    nonce: bytes


class Handler(Protocol):
    """What the node does for its links; every call is in the loop."""

    def hello(self, member: int, nonce: bytes) -> bytes:
        """Return the hello frame for a peer, holding ``nonce``."""

    def read_hello(self, member: int, frame: bytes) -> Greeting:
        """Parse and judge a peer's hello.

        :raises LedgerError: it is not acceptable; the link is closed
        """

    def answer(self, member: int, greeting: Greeting,
               held: bytes) -> bytes:
        """Return the answer frame to a peer's hello.

        :param held: the instance held for the peer
        """

    def check_answer(self, member: int, nonce: bytes, frame: bytes) -> None:
        """Judge a peer's answer to our hello.

        :raises Duplicate: the peer holds another process; closed
        :raises Busy: greet again; the link is closed
        :raises LedgerError: it is not acceptable; the link is closed
        """

    def peer_up(self, member: int, instance: bytes) -> None:
        """Frames can be sent to a member from now on."""

    def peer_down(self, member: int) -> None:
        """Frames to a member are dropped from now on."""

    def received(self, member: int, frame: bytes) -> None:
        """A frame came from a member whose link is up."""


class Owner(Protocol):
    """What a link asks of the hub that made it."""

    handler: Handler
    ping_interval_seconds: float
    queue_max_bytes: int

    def identify(self, node_key: bytes) -> int | None:
        """Return the member whose node key this is, None if nobody's."""

    def meet(self, link: 'Link', dialled: bool) -> str:
        """Note a connection with a known key; return why it may not stay."""

    def hold(self, link: 'Link') -> bytes:
        """Offer a greeted link; return the instance held for its member."""

    def link_up(self, link: 'Link') -> None:
        """Both sides have greeted."""

    def link_lost(self, link: 'Link', reason: str) -> None:
        """The connection is closed."""


class Link(asyncio.Protocol):
    """One connection to or from a member.

    :param owner: the hub
    :param expected: the member that was dialled; None if it dialled
    :param nonce: 16 random bytes for the greeting
    """

    def __init__(self, owner: Owner, expected: int | None,
                 nonce: bytes) -> None:
        assert len(nonce) == _NONCE_BYTES
        self.member = -1 if expected is None else expected
        self.instance = b''
        self.node_key = b''
        self.closed = asyncio.Event()
        self.up = False
        self.since = 0.0
        #: When anything came last, seconds of the loop's clock.
        self.heard_at = self.since
        self.dropped = 0
        self._owner = owner
        self._expected = expected
        self._nonce = nonce
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader = framing.FrameReader(HELLO_MAX_BYTES)
        self._greeted = False    # their hello was good
        self._answered = False   # their answer to our hello was good
        self._urgent: collections.deque[bytes] = collections.deque()
        self._bulk: collections.deque[bytes] = collections.deque()
        self._queued = 0
        self._bulk_queued = 0
        self._paused = False
        self._flushing = False
        self._pings = 0
        self._heard = False
        self._timer: asyncio.TimerHandle | None = None
        self._reason = ''

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Check the pinned key and greet."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(_WRITE_BUFFER_BYTES)
        self.node_key = self._key_in(
            self._transport.get_extra_info('ssl_object'))
        member = self._owner.identify(self.node_key)
        if member is None or self._expected not in (None, member):
            self.close('its key is not the one the federation names')
            return
        self.member = member
        refusal = self._owner.meet(self, dialled=self._expected is not None)
        if refusal:
            self.close(refusal)
            return
        self._timer = self._loop.call_later(
            GREETING_SECONDS, self.close, 'no greeting in time')
        self._write(self._owner.handler.hello(member, self._nonce))

    @staticmethod
    def _key_in(tunnel: ssl.SSLObject | None) -> bytes:
        """Return the node key at the other end, b'' without one."""
        certificate = tunnel.getpeercert(binary_form=True) if tunnel else None
        if not certificate:
            return b''
        try:
            return tls.key_of_certificate(certificate)
        except errors.BadKey:
            return b''

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the hub; what was queued is gone."""
        if self._timer is not None:
            self._timer.cancel()
        self.up = False
        self._urgent.clear()
        self._bulk.clear()
        reason = self._reason or str(exc or 'the other side closed')
        self.closed.set()
        self._owner.link_lost(self, reason)

    def close(self, reason: str) -> None:
        """End the connection; :meth:`connection_lost` follows."""
        if self._reason:
            return
        self._reason = reason
        self.up = False
        if self._transport is not None:
            # what is in the buffers is of no use to anybody any more
            self._transport.abort()

    def part(self, reason: str) -> None:
        """End the connection when all is sent that waits to be."""
        if self._reason or self._transport is None:
            return
        while self._urgent or self._bulk:
            self._transport.write(b''.join(self._take()))
        self._reason = reason
        self.up = False
        self._transport.close()
        # a peer that reads nothing shall not keep it open
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(
            GREETING_SECONDS, self._transport.abort)

    def finish(self, last_frame: bytes) -> None:
        """Send a frame and close when it has left."""
        if self._transport is not None and not self._reason:
            self._reason = ANOTHER_HELD
            self._transport.write(framing.frame(last_frame))
            self._transport.close()

    # Receiving

    def data_received(self, data: bytes) -> None:
        """Cut frames and handle them."""
        self._heard = True
        self.heard_at = self._loop.time()
        self._pings = 0
        try:
            for frame in self._reader.feed(data):
                if self._reason:
                    return
                if self.up:
                    self._frame(frame)
                else:
                    self._greeting(frame)
        except (errors.Duplicate, errors.Busy) as error:
            # the node tells the story: this happens at each attempt
            LOG.debug('Link to member %s: %s', self.member, error.message)
            self.close(f'{error.code}: {error.message}')
        except errors.LedgerError as error:
            silent = _QUIET.say((self.member, error.code))
            if silent is not None:
                LOG.warning('Link to member %s: %s: %s%s', self.member,
                            error.code, error.message, quiet.also(silent))
            self.close(f'{error.code}: {error.message}')

    def _frame(self, frame: bytes) -> None:
        head = frame[:2]
        if head == _PING_PREFIX:
            number = codec.decode(frame, _PING_SCHEMA, 16)[1]
            self.send(codec.encode((_PONG, number)))
        elif head != _PONG_PREFIX:
            self._owner.handler.received(self.member, frame)

    def _greeting(self, frame: bytes) -> None:
        handler = self._owner.handler
        if not self._greeted:
            greeting = handler.read_hello(self.member, frame)
            self.instance = greeting.instance
            held = self._owner.hold(self)
            answer = handler.answer(self.member, greeting, held)
            if held != greeting.instance:
                self.finish(answer)
                return
            self._greeted = True
            self._reader.max_bytes = GREETING_MAX_BYTES
            self._write(answer)
        elif not self._answered:
            handler.check_answer(self.member, self._nonce, frame)
            self._answered = True
            if not self._reason:  # what was shown may have ended the link
                self._come_up()

    def _come_up(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._reader.max_bytes = limits.FRAME_MAX_BYTES
        self.up = True
        self.since = self._loop.time()
        self._schedule_ping()
        self._owner.link_up(self)

    # Pings

    def _schedule_ping(self) -> None:
        self._heard = False
        self._timer = self._loop.call_later(
            self._owner.ping_interval_seconds, self._ping)

    def _ping(self) -> None:
        if not self.up:
            return
        if not self._heard:
            if self._pings >= MISSED_PINGS_MAX:
                self.close('no answer to pings')
                return
            self._pings += 1
            self.send(codec.encode((_PING, self._pings)))
        self._schedule_ping()

    # Sending

    @property
    def queued_bytes(self) -> int:
        """How much waits, the transport's own buffer included."""
        held = self._transport.get_write_buffer_size() if (
            self._transport) else 0
        return self._queued + held

    def send(self, payload: bytes, bulk: bool = False) -> bool:
        """Queue a frame; return whether there was room and a link.

        :param bulk: it may be overtaken, and has less room
        """
        if not self.up:
            return False
        size = len(payload) + framing.PREFIX_BYTES
        room = self._owner.queue_max_bytes
        if self.queued_bytes + size > room or (
                bulk and self._bulk_queued + size > room // 2):
            self.dropped += 1
            return False
        (self._bulk if bulk else self._urgent).append(framing.frame(payload))
        self._queued += size
        if bulk:
            self._bulk_queued += size
        if not self._flushing and not self._paused:
            # frames of one turn of the loop share a TLS record
            self._flushing = True
            self._loop.call_soon(self._flush)
        return True

    def _write(self, payload: bytes) -> None:
        if self._transport is not None and not self._reason:
            self._transport.write(framing.frame(payload))

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        self._paused = True

    def resume_writing(self) -> None:
        """The transport's buffer has room again."""
        self._paused = False
        self._flush()

    def _flush(self) -> None:
        self._flushing = False
        while (self._urgent or self._bulk) and not self._paused:
            batch = self._take()
            if self._transport is None or self._reason:
                return
            self._transport.write(b''.join(batch))

    def _take(self) -> list[bytes]:
        batch = []
        size = 0
        while size < _WRITE_BUFFER_BYTES and (self._urgent or self._bulk):
            if self._urgent:
                data = self._urgent.popleft()
            else:
                data = self._bulk.popleft()
                self._bulk_queued -= len(data)
            self._queued -= len(data)
            size += len(data)
            batch.append(data)
        return batch
