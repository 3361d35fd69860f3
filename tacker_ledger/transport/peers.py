# SPDX-License-Identifier: Apache-2.0
"""Connections to the other members: at most one per pair, kept up.

**Who dials.**  Of two members the one with the lower index in the
federation document dials and the other listens, so two members never hold
two connections at once and a reconnect has one owner.  An attempt that
fails is made again after a pause which doubles up to a bound and is
jittered.

**Which instance.**  A process draws a random instance id at its start.  For
each member one instance is held, that of its link; a second process with
the same identity is answered with the held instance and turned away, until
the held link closes or misses three pings.
"""

import asyncio
from collections.abc import Iterable
import dataclasses
import functools
import secrets
import ssl
from typing import Any

from oslo_log import log as logging

from tacker_ledger.core import errors
from tacker_ledger.transport import link as link_module

LOG = logging.getLogger(__name__)

_NONCE_BYTES = 16
_FIRST_PAUSE_SECONDS = 0.05
_CONNECT_SECONDS = 10.0
#: Connections which have not greeted yet.
_STRANGERS_MAX_COUNT = 64

Handler = link_module.Handler
Greeting = link_module.Greeting


@dataclasses.dataclass(frozen=True, slots=True)
class Peer:
    """Another member as the transport sees it.

    :param node_key: SubjectPublicKeyInfo (DER) its certificate must hold
    """

    member: int
    name: str
    host: str
    port: int
    node_key: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """Bounds and times of the links."""

    queue_max_bytes: int = 64 * 1024 * 1024
    ping_interval_seconds: float = 2.0
    reconnect_max_seconds: float = 2.0


class PeerHub:
    """All links of one member.

    :param member: own index
    :param handler: what to do with greetings and frames
    :param server: TLS context for those who dial us
    :param client: TLS context for those we dial
    """

    def __init__(self, member: int, handler: Handler,
                 server: ssl.SSLContext, client: ssl.SSLContext,
                 settings: Settings) -> None:
        self.member = member
        self.handler = handler
        self.queue_max_bytes = settings.queue_max_bytes
        self.ping_interval_seconds = settings.ping_interval_seconds
        self._reconnect_max_seconds = settings.reconnect_max_seconds
        self._server_context = server
        self._client_context = client
        self._peers: dict[int, Peer] = {}
        self._by_key: dict[bytes, int] = {}
        self._links: dict[int, link_module.Link] = {}
        self._strangers: set[link_module.Link] = set()
        self._dialers: dict[int, asyncio.Task[None]] = {}
        self._closed: dict[int, asyncio.Event] = {}
        self._errors: dict[int, str] = {}
        self._server: asyncio.Server | None = None
        self._stopping = False

    async def start(self, host: str, port: int,
                    peers: Iterable[Peer]) -> None:
        """Listen, and dial those whose index is higher.

        :raises BadOption: the address cannot be listened on
        """
        self.update(peers)
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                functools.partial(self._new_link, None), host, port,
                ssl=self._server_context,
                ssl_handshake_timeout=_CONNECT_SECONDS)
        except OSError as error:
            raise errors.BadOption(
                f'Options bind_host and bind_port in [node]: cannot listen '
                f'on {host}:{port}: {error.strerror or error}',
                option='bind_port', group='node') from error

    def update(self, peers: Iterable[Peer]) -> None:
        """Take the members of a (new) federation document."""
        peers = list(peers)
        self._peers = {peer.member: peer for peer in peers}
        self._by_key = {peer.node_key: peer.member for peer in peers}
        for member in set(self._dialers) - set(self._peers):
            self._dialers.pop(member).cancel()
        for member, link in list(self._links.items()):
            if member not in self._peers:
                link.close('no longer a member')
        for member in self._peers:
            if member > self.member and member not in self._dialers:
                self._dialers[member] = asyncio.get_running_loop(
                ).create_task(self._dial(member))

    async def stop(self) -> None:
        """Close everything; return when it is closed."""
        self._stopping = True
        dialers = list(self._dialers.values())
        for task in dialers:
            task.cancel()
        if self._server is not None:
            self._server.close()
        for link in [*self._links.values(), *self._strangers]:
            link.close('this node is stopping')
        await asyncio.gather(*dialers, return_exceptions=True)

    # Sending

    def send(self, member: int, payload: bytes, bulk: bool = False) -> bool:
        """Queue a frame for one member; return whether it was taken."""
        link = self._links.get(member)
        return link is not None and link.send(payload, bulk)

    def broadcast(self, payload: bytes, bulk: bool = False) -> int:
        """Queue a frame for every member that is up; return how many."""
        return sum(link.send(payload, bulk)
                   for link in list(self._links.values()))

    def up(self) -> list[int]:
        """Return the members whose link is up."""
        return sorted(member for member, link in self._links.items()
                      if link.up)

    def disconnect(self, member: int, reason: str) -> None:
        """Close a member's link; it may come again."""
        link = self._links.get(member)
        if link is not None:
            link.close(reason)

    def describe(self) -> list[dict[str, Any]]:
        """Return one record per other member, for operators."""
        now = asyncio.get_running_loop().time()
        records = []
        for member, peer in sorted(self._peers.items()):
            link = self._links.get(member)
            up = link is not None and link.up
            records.append({
                'member': member, 'name': peer.name,
                'address': f'{peer.host}:{peer.port}', 'up': up,
                'instance': link.instance.hex() if link and up else None,
                'since_ms': int((now - link.since) * 1000)
                if link and up else None,
                'queued_bytes': link.queued_bytes if link else 0,
                'dropped': link.dropped if link else 0,
                'last_error': self._errors.get(member, '')})
        return records

    # Links; see link.Owner

    def identify(self, node_key: bytes) -> int | None:
        """Return the member whose node key this is, None if nobody's."""
        return self._by_key.get(node_key)

    def meet(self, link: link_module.Link, dialled: bool) -> str:
        """Note a connection with a known key; return why it may not stay."""
        if self._stopping:
            return 'this node is stopping'
        if not dialled and link.member > self.member:
            return 'the member with the lower index dials'
        if len(self._strangers) >= _STRANGERS_MAX_COUNT:
            return 'too many connections without a greeting'
        self._strangers.add(link)
        return ''

    def hold(self, link: link_module.Link) -> bytes:
        """Offer a greeted link; return the instance held for its member."""
        held = self._links.get(link.member)
        if held is None or held is link:
            self._links[link.member] = link
        elif held.instance == link.instance:
            # the same process again: it knows that the old link is broken
            self._links[link.member] = link
            held.close('replaced by a newer connection')
        else:
            LOG.warning('A second process claims to be member %s: held '
                        '%s, refused %s', link.member, held.instance.hex(),
                        link.instance.hex())
        return self._links[link.member].instance

    def link_up(self, link: link_module.Link) -> None:
        """Both sides have greeted."""
        self._strangers.discard(link)
        self._errors.pop(link.member, None)
        LOG.info('Link to member %s is up, instance %s', link.member,
                 link.instance.hex())
        self.handler.peer_up(link.member, link.instance)

    def link_lost(self, link: link_module.Link, reason: str) -> None:
        """The connection is closed."""
        self._strangers.discard(link)
        if link.member >= 0:
            self._errors[link.member] = reason
        closed = self._closed.get(link.member)
        if closed is not None:
            closed.set()
        if self._links.get(link.member) is link:
            del self._links[link.member]
            LOG.info('Link to member %s is down: %s', link.member, reason)
            self.handler.peer_down(link.member)

    def _new_link(self, expected: int | None) -> link_module.Link:
        return link_module.Link(self, expected,
                                secrets.token_bytes(_NONCE_BYTES))

    async def _dial(self, member: int) -> None:
        pause = _FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        while not self._stopping:
            peer = self._peers[member]
            closed = self._closed[member] = asyncio.Event()
            began = loop.time()
            try:
                await self._connect(peer)
                await closed.wait()
            except (OSError, ssl.SSLError, TimeoutError) as error:
                self._errors[member] = str(error) or type(error).__name__
            if loop.time() - began > self._reconnect_max_seconds:
                pause = _FIRST_PAUSE_SECONDS
            await asyncio.sleep(pause * (0.5 + secrets.randbelow(1000) / 1000))
            pause = min(pause * 2, self._reconnect_max_seconds)

    async def _connect(self, peer: Peer) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_CONNECT_SECONDS):
            await loop.create_connection(
                functools.partial(self._new_link, peer.member),
                peer.host, peer.port, ssl=self._client_context,
                ssl_handshake_timeout=_CONNECT_SECONDS)
