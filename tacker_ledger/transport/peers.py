# SPDX-License-Identifier: Apache-2.0
"""Connections to the other members: at most one per pair, kept up.

**Who dials.**  Of two members the one with the lower node key dials and the
other listens, so two members never hold two connections at once and a
reconnect has one owner.  Keys say the same at both ends while one of them
lags behind a change of the federation, indices do not.  An attempt that
fails is made again after a pause which doubles up to a bound and is
jittered.

**Who is whom.**  A peer is known by its node key; ``member`` is its index in
the federation in force here.  Who is known but no member (one that has left,
one whose key has changed, one that a later document names) has a number from
:data:`GUEST_FIRST` on: it may catch up and be caught up from, no more.

**Which instance.**  A process draws a random instance id at its start.  For
each member one instance is held, that of its link; a second process with
the same identity is answered with the held instance and turned away, until
the held link closes or misses three pings.  The rule is
``core.consensus.instances``.
"""

import asyncio
from collections.abc import Iterable
import dataclasses
import functools
import os
import secrets
import socket
import ssl
from typing import Any

from oslo_log import log as logging

from tacker_ledger.core.consensus import instances
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.transport import link as link_module
from tacker_ledger.transport import quiet

LOG = logging.getLogger(__name__)

_NONCE_BYTES = 16
_FIRST_PAUSE_SECONDS = 0.05
_CONNECT_SECONDS = 10.0
#: Between two lines about one member's link.
_LINE_SECONDS = 2.0
#: Connections which have not greeted yet.
_STRANGERS_MAX_COUNT = 64
#: No member has this index or a higher one.
GUEST_FIRST = limits.MEMBERS_MAX_COUNT

Handler = link_module.Handler
Greeting = link_module.Greeting


@dataclasses.dataclass(frozen=True, slots=True)
class Peer:
    """Another member as the transport sees it.

    :param member: its index, or a number from :data:`GUEST_FIRST` on
    :param node_key: SubjectPublicKeyInfo (DER) its certificate must hold
    :param dialled: whether to dial it at all, where the keys say so
    """

    member: int
    name: str
    host: str
    port: int
    node_key: bytes
    dialled: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """Bounds and times of the links."""

    queue_max_bytes: int = 64 * 1024 * 1024
    ping_interval_seconds: float = 2.0
    reconnect_max_seconds: float = 2.0


class PeerHub:
    """All links of one member.

    :param node_key: the own one, SubjectPublicKeyInfo (DER)
    :param handler: what to do with greetings and frames
    :param server: TLS context for those who dial us
    :param client: TLS context for those we dial
    """

    def __init__(self, node_key: bytes, handler: Handler,
                 server: ssl.SSLContext, client: ssl.SSLContext,
                 settings: Settings) -> None:
        self.node_key = node_key
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
        #: By node key.
        self._dialers: dict[bytes, asyncio.Task[None]] = {}
        self._errors: dict[int, str] = {}
        #: member -> the process last turned away, for the log.
        self._refused: dict[int, bytes] = {}
        self._quiet = quiet.Quiet(_LINE_SECONDS)
        self._away_until = 0.0
        self._server: asyncio.Server | None = None
        self._listen_lock = asyncio.Lock()
        self._listening: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self, host: str, port: int,
                    peers: Iterable[Peer]) -> None:
        """Listen, and dial those whose node key is higher.

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
        """Take the peers that a (new) federation document makes.

        A link whose peer has another number now is closed when all is sent
        that waits, and made again: what a number means, and whose vote keys
        the greeting showed, differ.
        """
        peers = list(peers)
        self._peers = {peer.member: peer for peer in peers}
        self._by_key = {peer.node_key: peer.member for peer in peers}
        for member, link in list(self._links.items()):
            if self._by_key.get(link.node_key) != member:
                del self._links[member]
                if link.up:
                    self.handler.peer_down(member)
                link.part('the federation has changed')
        for link in list(self._strangers):
            if self._by_key.get(link.node_key) != link.member:
                link.close('the federation has changed')
        self._refused.clear()
        self._errors.clear()
        self._redial()

    def use(self, node_key: bytes, server: ssl.SSLContext,
            client: ssl.SSLContext) -> None:
        """Use another certificate, key or CA for connections from now on.

        Those that are there live on.
        """
        self._server_context, self._client_context = server, client
        self.node_key = node_key
        if self._server is not None and not self._stopping:
            self._listening = asyncio.get_running_loop().create_task(
                self._listen_again())
            self._redial()

    async def _listen_again(self) -> None:
        """Replace the listener by one with the present context.

        Both have the same socket, so nobody is turned away in between.
        """
        async with self._listen_lock:
            old = self._server
            if old is None or self._stopping:
                return
            copy = socket.socket(fileno=os.dup(old.sockets[0].fileno()))
            copy.setblocking(False)
            self._server = await asyncio.get_running_loop().create_server(
                functools.partial(self._new_link, None), sock=copy,
                ssl=self._server_context,
                ssl_handshake_timeout=_CONNECT_SECONDS)
            old.close()

    def _redial(self) -> None:
        """Have one dialler for each peer that is ours to dial."""
        wanted = {peer.node_key for peer in self._peers.values()
                  if peer.dialled and self.node_key < peer.node_key}
        for key in set(self._dialers) - wanted:
            self._dialers.pop(key).cancel()
        for key in wanted - set(self._dialers):
            self._dialers[key] = asyncio.get_running_loop().create_task(
                self._dial(key))

    async def stop(self) -> None:
        """Close everything; return when it is closed."""
        self._stopping = True
        dialers = list(self._dialers.values())
        for task in dialers:
            task.cancel()
        if self._listening is not None:
            await asyncio.gather(self._listening, return_exceptions=True)
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
                   for member, link in list(self._links.items())
                   if member < GUEST_FIRST)

    def up(self) -> list[int]:
        """Return the peers whose link is up, guests last."""
        return sorted(member for member, link in self._links.items()
                      if link.up)

    def members_up(self) -> list[int]:
        """Return the members whose link is up."""
        return [member for member in self.up() if member < GUEST_FIRST]

    def disconnect(self, member: int, reason: str) -> None:
        """Close a member's link; it may come again."""
        link = self._links.get(member)
        if link is not None:
            link.close(reason)

    def claims(self, member: int) -> bool:
        """Return whether a member's link counts for its identity."""
        link = self._links.get(member)
        return (link is not None and link.up
                and link.instance != instances.NOBODY)

    def release(self, reason: str, away_seconds: float = 0.0) -> None:
        """Close all links, to greet again under another offer.

        :param away_seconds: dial nobody for so long, to let others in
        """
        self._away_until = (asyncio.get_running_loop().time()
                            + away_seconds)
        for link in list(self._links.values()):
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
                'heard_ms': int((now - link.heard_at) * 1000)
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
        if not dialled and link.node_key > self.node_key:
            return 'the member with the lower node key dials'
        if len(self._strangers) >= _STRANGERS_MAX_COUNT:
            return 'too many connections without a greeting'
        self._strangers.add(link)
        return ''

    def hold(self, link: link_module.Link) -> bytes:
        """Offer a greeted link; return the instance held for its member."""
        held = self._links.get(link.member)
        if held is None or held is link:
            self._links[link.member] = link
        elif instances.replaces(held.instance, link.instance):
            self._links[link.member] = link
            was_up = held.up
            held.close('replaced by a newer connection')
            if was_up:
                self.handler.peer_down(link.member)
        elif self._refused.get(link.member) != link.instance:
            self._refused[link.member] = link.instance
            LOG.warning('A second process is member %s: held %s, turned '
                        'away %s', link.member, held.instance.hex(),
                        link.instance.hex())
        return self._links[link.member].instance

    def link_up(self, link: link_module.Link) -> None:
        """Both sides have greeted."""
        self._strangers.discard(link)
        self._errors.pop(link.member, None)
        silent = self._quiet.say((link.member, 'up'))
        if silent is not None:
            LOG.info('Link to member %s is up, instance %s%s', link.member,
                     link.instance.hex(), quiet.also(silent))
        self.handler.peer_up(link.member, link.instance)

    def link_lost(self, link: link_module.Link, reason: str) -> None:
        """The connection is closed."""
        self._strangers.discard(link)
        if link.member >= 0:
            if (reason != link_module.ANOTHER_HELD
                    or not self._is_up(link.member)):
                self._errors[link.member] = reason
        if self._links.get(link.member) is link:
            del self._links[link.member]
            silent = self._quiet.say((link.member, 'down'))
            if silent is not None:
                LOG.info('Link to member %s is down: %s%s', link.member,
                         reason, quiet.also(silent))
            self.handler.peer_down(link.member)

    def _is_up(self, member: int) -> bool:
        link = self._links.get(member)
        return link is not None and link.up

    def _new_link(self, expected: int | None) -> link_module.Link:
        return link_module.Link(self, expected,
                                secrets.token_bytes(_NONCE_BYTES))

    async def _dial(self, key: bytes) -> None:
        pause = _FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        while not self._stopping:
            await asyncio.sleep(max(0.0, self._away_until - loop.time()))
            member = self._by_key.get(key)
            if member is None:
                return
            began = loop.time()
            try:
                link = await self._connect(self._peers[member])
                await link.closed.wait()
            except (OSError, ssl.SSLError, TimeoutError) as error:
                self._errors[member] = str(error) or type(error).__name__
            if loop.time() - began > self._reconnect_max_seconds:
                pause = _FIRST_PAUSE_SECONDS
            await asyncio.sleep(pause * (0.5 + secrets.randbelow(1000) / 1000))
            pause = min(pause * 2, self._reconnect_max_seconds)

    async def _connect(self, peer: Peer) -> link_module.Link:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, link = await loop.create_connection(
                functools.partial(self._new_link, peer.member),
                peer.host, peer.port, ssl=self._client_context,
                ssl_handshake_timeout=_CONNECT_SECONDS)
        return link
