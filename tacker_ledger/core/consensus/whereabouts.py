# SPDX-License-Identifier: Apache-2.0
"""Who is where: members tell each other who is behind, and what leads on.

Nothing here decides anything.  Who is at an earlier height is told so and
fetches the blocks; who is in an earlier view of the same height is shown
what opened the later one; who lacks a block that others have voted for asks
them for it.  Each is said once between two retransmissions, so nobody can
make a member talk by repeating itself.
"""

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import outbox
from tacker_ledger.core.consensus import rounds
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import federation as federation_module


class Whereabouts:
    """What one member tells and asks of the others.

    :param out: where effects go
    :param verifier: of certificates
    """

    def __init__(self, out: outbox.Outbox,
                 verifier: certificate_module.Verifier) -> None:
        self._out = out
        self._verifier = verifier
        self._before: federation_module.Federation | None = None
        #: What members have claimed to have in flight.
        self._behind: dict[int, int] = {}
        #: (member, our view) of those who were shown it, or asked for it.
        self._shown: set[tuple[int, int]] = set()
        self._asked_view: set[tuple[int, int]] = set()
        #: The block that was asked for; empty if none is lacking.
        self.asked = b''
        self._asked_times = 0

    def entered(self) -> None:
        """Another height has begun."""
        self.forget()
        self._asked_times = 0

    def forget(self) -> None:
        """Say and ask again: nothing has come of it so far."""
        self._behind.clear()
        self._shown.clear()
        self._asked_view.clear()
        self.asked = b''

    def epoch_ended(self, before: federation_module.Federation) -> None:
        """Indices mean other members from now on.

        :param before: the federation that certified the head
        """
        self._before = before
        self._behind.clear()

    # Heights

    def say(self, current: rounds.Round, member: int) -> None:
        """Tell a member where we are."""
        self._out.send(messages.Status(current.height, current.view), member)

    def show_behind(self, member: int, height: int) -> None:
        """A member claims to be further."""
        if self._behind.get(member, 0) < height:
            self._behind[member] = height
            self._out.put(effects.Behind(member, height))

    # Views

    def ask_for_view(self, current: rounds.Round, member: int) -> None:
        """Have a member in a later view show us what opened it."""
        if (member, current.view) not in self._asked_view:
            self._asked_view.add((member, current.view))
            self.say(current, member)

    def show_view(self, current: rounds.Round, head: application.Head,
                  member: int) -> None:
        """Show a member that is not in our view what leads there."""
        if (member, current.view) in self._shown:
            return
        self._shown.add((member, current.view))
        views = current.views
        if not views.active:
            own = current.own.get(messages.ViewChange.KIND)
            if own is not None and own.durable:
                self._out.send(own.message, member)
        elif views.new_view is not None:
            own = current.own.get(messages.NewView.KIND)
            if own is None or own.durable:
                self._out.send(views.new_view, member)
        elif head.height:
            self._out.send(messages.CertifiedHead(messages.head_pair(
                head.header, head.certificate)), member)

    def first_view(self, h: hashing.Hasher,
                   message: messages.CertifiedHead, head: application.Head,
                   federation: federation_module.Federation) -> int | None:
        """Return in which view a height begins, as a certificate shows.

        :param h: of the chain
        :param head: ours
        :param federation: in force for the height after it
        :returns: None if it is about another head
        :raises LedgerError: it proves nothing
        """
        header, proof = messages.read_head_pair(message.head)
        if header != head.header or not proof:
            return None
        named = block_module.Header.from_bytes(header).federation
        for known in (federation, self._before):
            if known is not None and known.digest == named:
                return certificate_module.check_certificate(
                    h, self._verifier, known,
                    head.height, head.digest, proof).view
        raise errors.UnknownFederation(
            'the head is certified by an earlier federation')

    # Bodies

    def ask_for_body(self, current: rounds.Round) -> None:
        """Ask for a block we lack one of those who have it."""
        wanted = current.wanted()
        if wanted is None:
            self.asked = b''  # as ever
            return
        prefix, holders = wanted
        if prefix == self.asked or not holders:
            return
        self.asked = prefix
        self._out.send(messages.GetBody(current.height, prefix),
                       holders[self._asked_times % len(holders)])
        self._asked_times += 1
