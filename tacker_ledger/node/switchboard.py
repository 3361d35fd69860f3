# SPDX-License-Identifier: Apache-2.0
"""Frames of other members, handed to the part of the node they are for."""

from typing import Protocol

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import snapshot_messages
from tacker_ledger.core import errors
from tacker_ledger.node import gossip
from tacker_ledger.node import greeting as greeting_module
from tacker_ledger.transport import link

#: Frames in a row that were no good; then the link is closed.
_FAULTS_MAX_COUNT = 20


class Parts(Protocol):
    """The parts of a node which frames go to."""

    def on_consensus(self, member: int, message: messages.Message) -> None:
        """A vote or the like."""

    def on_transactions(self, member: int,
                        message: messages.Transactions) -> None:
        """A member forwards transactions."""

    def on_get_blocks(self, member: int,
                      message: messages.GetBlocks) -> None:
        """A member catches up."""

    def on_blocks(self, member: int, message: messages.Blocks) -> None:
        """A member answers ours."""

    def on_snapshot(self, member: int, message: messages.Message) -> None:
        """A member asks for the state, or answers ours."""

    def on_gossip(self, member: int, frame: bytes) -> None:
        """A member tells its enrolments, or what it holds."""

    def on_claim(self, member: int, height: int) -> None:
        """A member says how far it is."""

    def on_shown(self, shown: greeting_module.Shown) -> None:
        """A member's answer to our hello was good."""

    def on_refused(self, member: int) -> None:
        """A member holds another process of our identity."""

    def on_up(self, member: int) -> None:
        """A link has come up."""

    def on_down(self, member: int) -> None:
        """A link is gone."""

    def on_fault(self, member: int, error: errors.LedgerError) -> None:
        """A frame of a member was no good."""

    def cut(self, member: int, reason: str) -> None:
        """End a member's link; it may come again."""


class Switchboard:
    """The links' handler (``transport.link.Handler``).

    :param parts: the node
    :param greeter: makes and judges greetings
    """

    def __init__(self, parts: Parts,
                 greeter: greeting_module.Greeter) -> None:
        self._parts = parts
        self._greeter = greeter
        self._faults: dict[int, int] = {}
        self._claimed: dict[int, int] = {}

    def hello(self, member: int, nonce: bytes) -> bytes:
        """See ``link.Handler``."""
        return self._greeter.hello(nonce)

    def read_hello(self, member: int, frame: bytes) -> link.Greeting:
        """See ``link.Handler``."""
        hello = self._greeter.read_hello(member, frame)
        self._claimed[member] = hello.head_height
        return link.Greeting(hello.instance, hello.nonce)

    def answer(self, member: int, greeting: link.Greeting,
               held: bytes) -> bytes:
        """See ``link.Handler``."""
        return self._greeter.answer(member, greeting, held)

    def check_answer(self, member: int, nonce: bytes, frame: bytes) -> None:
        """See ``link.Handler``."""
        try:
            shown = self._greeter.check_answer(member, nonce, frame)
        except errors.Duplicate:
            self._parts.on_refused(member)
            raise
        if shown is not None:
            self._parts.on_shown(shown)

    def peer_up(self, member: int, instance: bytes) -> None:
        """See ``link.Handler``."""
        self._faults[member] = 0
        self._parts.on_claim(member, self._claimed.pop(member, 0))
        self._parts.on_up(member)

    def peer_down(self, member: int) -> None:
        """See ``link.Handler``."""
        self._parts.on_down(member)

    def received(self, member: int, frame: bytes) -> None:
        """See ``link.Handler``; a member that sends only junk is cut off."""
        try:
            self._dispatch(member, frame)
        except errors.LedgerError as error:
            self._faults[member] = self._faults.get(member, 0) + 1
            self._parts.on_fault(member, error)
            if self._faults[member] >= _FAULTS_MAX_COUNT:
                self._parts.cut(member, 'too many bad frames')
        else:
            self._faults[member] = 0

    def _dispatch(self, member: int, frame: bytes) -> None:
        if gossip.is_gossip(frame):
            self._parts.on_gossip(member, frame)
            return
        if snapshot_messages.is_snapshot(frame):
            self._parts.on_snapshot(member, snapshot_messages.decode(frame))
            return
        message = messages.decode(frame)
        match message:
            case messages.Transactions():
                self._parts.on_transactions(member, message)
            case messages.GetBlocks():
                self._parts.on_get_blocks(member, message)
            case messages.Blocks():
                self._parts.on_blocks(member, message)
            case messages.Hello() | messages.HelloAnswer():
                raise errors.Malformed('A second greeting.')
            case messages.Ping() | messages.Pong():
                pass
            case _:
                self._parts.on_consensus(member, message)
