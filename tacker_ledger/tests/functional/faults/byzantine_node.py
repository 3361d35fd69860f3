# SPDX-License-Identifier: Apache-2.0
"""A member that lies on command: the shipped node with its tongue changed.

It holds the member's certificate and keys and is the shipped node, except
that everything it sends to other members passes through :class:`Tongue`.
Honest until it is told otherwise (``control``)::

    tell(lie='equivocate', times=1)      one of ``lies.ALL``
    tell(crash='before', kind='Commit')  SIGKILL itself just before it sends
                                         its next commit, which is durable
    tell(crash='after', kind='Commit', count=1)
                                         ... after it reached one member
    tell(flood='spam', per_second=1000)  'garbage', 'huge' or 'spam'
    tell(mute=True)                      say nothing to anybody
    tell(claim=10 ** 9)                  greet with that height
    tell(heads='short')                  greet with heads under such a bad
                                         certificate
    tell()                               be honest; what was done so far
"""

import asyncio
import contextlib
import dataclasses
import os
import pathlib
import signal
import sys
from typing import Any

from tacker_ledger.cmd import node as node_command
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.keystore import file as keystore
from tacker_ledger.node import service
from tacker_ledger.tests.functional.faults import control
from tacker_ledger.tests.functional.faults import floods
from tacker_ledger.tests.functional.faults import lies
from tacker_ledger.transport import link as link_module

#: What was handed to a connection has left after so long.
_FLUSH_SECONDS = 0.02
_LOOK_BACK_BLOCKS = 2000


@dataclasses.dataclass(slots=True)
class Command:
    """What the member was told to do.

    :param times: of how many messages it lies; repeating one counts once
    """

    lie: str = ''
    times: int = 1
    crash: str = ''
    kind: str = ''
    count: int = 0
    mute: bool = False
    claim: int = 0
    heads: str = ''
    flood: str = ''
    per_second: int = 1000


class Tongue:
    """Changes what a member says to others; a ``lies.Liar``.

    :param node: whose hub it stands before
    """

    def __init__(self, node: 'ByzantineNode') -> None:
        self.node = node
        self.h = node.application.h
        self._seed = keystore.read_secret(node.conf.node.vote_key_file, 32)
        self._command = Command()
        self._told: dict[tuple[int, ...], list[Any]] = {}
        self._reached: set[int] = set()
        self._dying = False
        self._flood: asyncio.Task[None] | None = None
        #: Frames of floods that were handed to a link.
        self.flooded = 0
        hub = node.hub
        self._send = hub.send
        hub.send = self.send  # type: ignore[method-assign]
        hub.broadcast = self.broadcast  # type: ignore[method-assign]
        self._hello = hub.handler.hello
        self._answer = hub.handler.answer
        hub.handler.hello = self.hello  # type: ignore[method-assign]
        hub.handler.answer = self.answer  # type: ignore[method-assign]

    # See lies.Liar

    @property
    def member(self) -> int:
        """The own index."""
        found: int = self.node.member
        return found

    @property
    def size(self) -> int:
        """How many members there are."""
        return self.node.application.federation.size

    @property
    def quorum(self) -> int:
        """How many of them decide."""
        return self.node.application.federation.quorum

    def sign(self, message: bytes) -> bytes:
        """Sign with the vote key."""
        return providers.default().sign_raw_ed25519(self._seed, message)

    def parent(self) -> block_module.Header:
        """Return the header of the newest block."""
        return block_module.Header.from_bytes(
            self.node.application.head.header)

    def committed(self) -> tuple[bytes, ...]:
        """Return the transactions of some committed block."""
        height = self.node.application.head.height
        for at in range(height, max(0, height - _LOOK_BACK_BLOCKS), -1):
            found = self.node.query.block(at)
            if found is not None and found[1]:
                return tuple(found[1])
        raise AssertionError('no block has a transaction')

    # Commands

    def obey(self, **fields: Any) -> dict[str, Any]:
        """Take a command; return what was done under the one before."""
        told, self._told = self._told, {}
        if fields.pop('look', False):
            self._told = told
        else:
            command = Command(**fields)
            if command.lie and command.lie not in lies.ALL:
                raise ValueError(command.lie)
            self._command = command
            self._reached.clear()
            if self._flood is not None:
                self._flood.cancel()
                self._flood = None
                # the others may wait for the rest of a frame of 16 MiB
                self.node.hub.release('the flood is over')
            if command.flood:
                self._flood = asyncio.create_task(floods.flood(
                    self, command.flood, command.per_second))
        if self._flood is not None and self._flood.done():
            self._flood.result()  # it ends by its failure alone
        return {'told': [[*place, *what] for place, what in told.items()],
                'flooded': self.flooded}

    # Speaking

    def speak(self, member: int, frame: bytes, bulk: bool = False) -> bool:
        """Send a frame as it is."""
        self.flooded += 1
        return self._send(member, frame, bulk)

    def broadcast(self, frame: bytes, bulk: bool = False) -> int:
        """See ``PeerHub.broadcast``."""
        return sum(self.send(member, frame, bulk)
                   for member in self.node.hub.members_up())

    def send(self, member: int, frame: bytes, bulk: bool = False) -> bool:
        """See ``PeerHub.send``."""
        command = self._command
        if self._dying or command.mute:
            return True
        if not (command.lie or command.crash):
            return self._send(member, frame, bulk)
        try:
            message = messages.decode(frame)
        except errors.LedgerError:
            return self._send(member, frame, bulk)  # not of the consensus
        if command.crash and type(message).__name__ == command.kind:
            return self._crash(command, member, frame)
        if command.lie and isinstance(message, lies.ALL[command.lie][0]):
            frames = map(messages.encode,
                         self._lie(command, message, member))
            return min((self._send(member, one, bulk) for one in frames),
                       default=True)
        return self._send(member, frame, bulk)

    def _crash(self, command: Command, member: int, frame: bytes) -> bool:
        if command.crash == 'before':
            os.kill(os.getpid(), signal.SIGKILL)
        if len(self._reached) < command.count:
            self._reached.add(member)
            self._send(member, frame)
        if len(self._reached) >= command.count:
            self._dying = True
            asyncio.get_running_loop().call_later(
                _FLUSH_SECONDS, os.kill, os.getpid(), signal.SIGKILL)
        return True

    def _lie(self, command: Command, message: Any, to: int
             ) -> tuple[messages.Message, ...]:
        """Return what is said instead; the same lie when it is repeated."""
        is_blocks = isinstance(message, messages.Blocks)
        place = ((message.head_height, message.request_id) if is_blocks
                 else (message.height, message.view))
        if place not in self._told and len(self._told) >= command.times:
            return (message,)
        said = lies.ALL[command.lie][1](self, message, to)
        digests = self._told.setdefault(place, [])
        if said is None:
            return ()
        found = said if isinstance(said, tuple) else (said,)
        for one in found:
            if isinstance(one, messages.PrePrepare):
                digest = self._digest(one.block)
                if digest not in digests:
                    digests.append(digest)
        return found

    def _digest(self, block: bytes) -> str:
        """Return the digest of a block, '' if it is none."""
        with contextlib.suppress(errors.LedgerError):
            return block_module.Block.from_bytes(self.h, block).digest.hex()
        return ''

    # Greeting

    def hello(self, member: int, nonce: bytes) -> bytes:
        """See ``link.Handler``."""
        frame = self._hello(member, nonce)
        if not self._command.claim:
            return frame
        found = messages.decode(frame)
        assert isinstance(found, messages.Hello)
        return messages.encode(dataclasses.replace(
            found, head_height=self._command.claim))

    def answer(self, member: int, greeting: link_module.Greeting,
               held: bytes) -> bytes:
        """See ``link.Handler``."""
        frame = self._answer(member, greeting, held)
        found = messages.decode(frame)
        assert isinstance(found, messages.HelloAnswer)
        if not self._command.heads or found.head is None:
            return frame
        header, certificate = messages.read_head_pair(found.head)
        unsigned = dataclasses.replace(found, head=messages.head_pair(
            header, lies.bad_certificate(self._command.heads, certificate,
                                         self.quorum)))
        return messages.encode(dataclasses.replace(
            unsigned, signature=self.sign(messages.signed_part(
                self.h, unsigned))))


class ByzantineNode(service.Node):
    """The shipped node, which lies on command."""

    def _assemble(self, conf: Any) -> None:
        super()._assemble(conf)
        self.tongue = Tongue(self)

    async def start(self) -> None:
        """See ``service.Node``; takes commands from now on."""
        home = pathlib.Path(self.conf.node.data_directory).parent
        self._control = await control.serve(home / control.SOCKET,
                                            self.tongue.obey)
        await super().start()


def main(argv: list[str] | None = None) -> int:
    """Run the member as ``tacker-ledger-node`` does; return its status."""
    service.Node = ByzantineNode  # type: ignore[misc]
    return node_command.main(argv)


if __name__ == '__main__':
    sys.exit(main())
