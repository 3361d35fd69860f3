# SPDX-License-Identifier: Apache-2.0
"""What this member says itself at one height: bound first, then sent.

A message leaves after the record that binds it is durable, together with
the others' messages that it relies on; until the height is over it may have
to be said again.
"""

from collections.abc import Sequence
import dataclasses
from typing import Protocol

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import outbox
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import federation as federation_module

#: In which order our messages of one view are sent again.
_ORDER = (messages.ViewChange.KIND, messages.NewView.KIND,
          messages.PrePrepare.KIND, messages.Prepare.KIND,
          messages.Commit.KIND)
#: Large: these go to those alone who have not voted.
_LARGE = (messages.NewView.KIND, messages.PrePrepare.KIND)


class VoteSigner(Protocol):
    """Holds a vote key; hardware can stand behind it."""

    @property
    def public(self) -> bytes:
        """The raw Ed25519 public key, 32 bytes."""

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature, 64 bytes."""


@dataclasses.dataclass(slots=True)
class Own:
    """A message of our own.

    :param digest: of the header that a vote is for; empty if it is none
    :param durable: whether it may leave
    """

    message: messages.Recorded
    digest: bytes
    durable: bool


class Ballots:
    """Our messages of one height; those of the present view by their kind.

    :param h: of the chain
    :param federation: in force at ``height``
    :param height: in flight
    :param signers: of vote keys; the one that the federation names is used
    :param out: where effects go
    """

    def __init__(self, h: hashing.Hasher,
                 federation: federation_module.Federation, height: int,
                 signers: Sequence[VoteSigner], out: outbox.Outbox) -> None:
        self._h = h
        self._federation = federation
        self._height = height
        self._out = out
        self._signer: VoteSigner | None = None
        #: Our index, None for an observer.
        self.member: int | None = None
        for signer in signers:
            index = federation.index_of_vote_key(signer.public)
            if index is not None:
                self._signer, self.member = signer, index
        #: By kind; those of the present view.
        self.said: dict[int, Own] = {}
        self._writes: dict[int, Own] = {}

    def get(self, kind: int) -> Own | None:
        """Return our message of a kind in the present view, or None."""
        return self.said.get(kind)

    def begin_view(self) -> None:
        """What we have said belongs to an earlier view."""
        self.said = {}

    def restore(self, message: messages.Recorded, digest: bytes) -> None:
        """Take back what we have said in the present view."""
        self.said[message.KIND] = Own(message, digest, True)

    # Saying it

    def sign_vote(self, kind: int, view: int, digest: bytes) -> bytes:
        """Return our signature under a vote."""
        assert self._signer is not None
        return self._signer.sign(messages.vote_message(
            self._h, kind, self._height, view, digest))

    def signed(self, message: messages.ViewChange | messages.NewView
               ) -> messages.ViewChange | messages.NewView:
        """Return a message with our signature under all of it."""
        assert self._signer is not None
        return dataclasses.replace(message, signature=self._signer.sign(
            messages.signed_part(self._h, message)))

    def bind(self, message: messages.Recorded, digest: bytes,
             relied: Sequence[messages.Message] = ()) -> None:
        """Have a message of ours made durable; it is sent after that.

        :param digest: of the header that a vote is for
        :param relied: others' messages that it relies on
        """
        assert message.KIND not in self.said
        own = self.said[message.KIND] = Own(message, digest, False)
        record_id = self._out.persist(self._height, (*relied, message))
        self._writes[record_id] = own

    def persisted(self, record_id: int) -> Own | None:
        """Return the message that a write has bound; None if not ours."""
        own = self._writes.pop(record_id, None)
        if own is not None:
            own.durable = True
            if self._federation.size > 1:
                self._out.send(own.message)
        return own

    def send_again(self, to: int | None, lacking: Sequence[int]) -> bool:
        """Send our durable messages of the present view again.

        :param to: a member, None for all others
        :param lacking: members who have not voted in this view
        :returns: whether each of these was sent something
        """
        others = [member for member in range(self._federation.size)
                  if member != self.member and to in (None, member)]
        all_told = not others
        for kind in _ORDER:
            own = self.said.get(kind)
            if own is None or not own.durable:
                continue
            if kind in _LARGE:
                for member in others:
                    if member in lacking:
                        self._out.send(own.message, member)
            elif others:
                self._out.send(own.message, to)
                all_told = True
        return all_told
