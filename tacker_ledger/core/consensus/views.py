# SPDX-License-Identifier: Apache-2.0
"""Which view a member is in at one height, and what takes it to another.

A height begins in the view of the certificate of the block before.  A member
*leaves* its view by asking for a later one, and is *active* in that one from
the moment that its leader shows a quorum which asks for it (a new view).
Views only rise: having left a view, a member votes nothing in it any more.

Certificates of one block may be of different views, so members may begin a
height in different views.  Who sees a certificate of a later view for the
block before enters that view; not who has voted to commit at this height,
for what may be decided already passes from view to view by new views alone.
"""

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import view_change
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import certificate
from tacker_ledger.core.ledger import federation as federation_module


class Views:
    """The views of one height, as one member sees them.

    :param h: of the chain
    :param verifier: of votes
    :param federation: in force at ``height``
    :param height: in flight
    :param head_digest: of the block before it
    :param view: that the height begins in
    """

    def __init__(self, h: hashing.Hasher, verifier: certificate.Verifier,
                 federation: federation_module.Federation, height: int,
                 head_digest: bytes, view: int) -> None:
        self._h = h
        self._verifier = verifier
        self._federation = federation
        self._height = height
        self._head_digest = head_digest
        #: The view this height began in.
        self.first = view
        #: The view we are in, or have asked for.
        self.view = view
        #: Index of the member who leads it.
        self.leader = view_change.leader_of(view, federation.size)
        #: Whether we are in it.
        self.active = True
        #: What opened it; None in the first view.
        self.new_view: messages.NewView | None = None
        #: Digest of :attr:`new_view`, as a pre-prepare names it.
        self.new_view_digest: bytes | None = None
        #: The header that has to be proposed again in this view.
        self.required: bytes | None = None
        #: The newest view change of each member.
        self.wanted: dict[int, messages.ViewChange] = {}
        self._proven: set[messages.PreparedCertificate] = set()

    @property
    def failed(self) -> int:
        """How many views of this height have come to nothing."""
        return self.view - self.first

    # Asking for another view

    def leave(self, view: int) -> None:
        """Leave for a later view."""
        assert view > self.view
        self._move(view, active=False)

    def add_change(self, message: messages.ViewChange, *,
                   trusted: bool = False) -> bool:
        """Take a view change; return whether it is news.

        One is kept for each member: that of the highest view.

        :param trusted: our own
        :raises LedgerError: it does not count
        """
        held = self.wanted.get(message.member)
        if message.view < self.first or (
                held is not None and held.view >= message.view):
            return False
        if not trusted:
            view_change.check_view_change(
                self._h, self._verifier, self._federation, self._head_digest,
                message, self._proven)
        self.wanted[message.member] = message
        return True

    def wanted_by(self, member: int) -> messages.ViewChange | None:
        """Return the newest view change of a member, or None."""
        return self.wanted.get(member)

    def worth_joining(self, own: int | None) -> int | None:
        """Return a later view that somebody honest wants, or None.

        That is the highest one which f + 1 others have asked for, or for a
        later one.
        """
        later = sorted((change.view for member, change
                        in self.wanted.items()
                        if member != own and change.view > self.view),
                       reverse=True)
        faults = self._federation.faults
        return later[faults] if len(later) > faults else None

    def wanted_by_quorum(self) -> bool:
        """Return whether a quorum asks for :attr:`view`, or a later one.

        Members who hurried ahead count here, or those who wait for them
        and those whom they wait for might wait for ever.
        """
        asking = sum(change.view >= self.view
                     for change in self.wanted.values())
        return asking >= self._federation.quorum

    def quorum(self) -> list[messages.ViewChange] | None:
        """Return the view changes for :attr:`view` if they are enough."""
        found = [change for _member, change in sorted(self.wanted.items())
                 if change.view == self.view]
        return found if len(found) >= self._federation.quorum else None

    def holders(self, own: int | None) -> list[int]:
        """Return who else has shown that it saw :attr:`required` prepared.
        """
        return [member for member, change in sorted(self.wanted.items())
                if member != own and change.prepared is not None
                and change.prepared.header == self.required]

    # Entering it

    def may_enter(self, view: int) -> bool:
        """Return whether a view is one that we could enter."""
        return view > self.view or (view == self.view and not self.active)

    def check(self, message: messages.NewView
              ) -> tuple[messages.ViewChange, ...]:
        """Return the view changes of a new view that is entitled to begin.

        :raises LedgerError: see ``view_change.check_new_view``
        """
        changes = view_change.check_new_view(
            self._h, self._verifier, self._federation, self._head_digest,
            message, self._proven)
        for change in changes:
            self.add_change(change, trusted=True)
        return changes

    def enter(self, message: messages.NewView) -> None:
        """Enter the view that a checked new view opens."""
        assert self.may_enter(message.view)
        self._move(message.view, active=True)
        self.new_view = message
        self.new_view_digest = messages.digest_of(self._h, message)
        self.required = message.header

    def enter_first(self, view: int) -> None:
        """Enter a view that the certificate of the block before names."""
        assert self.may_enter(view)
        self._move(view, active=True)
        self.first = view

    def _move(self, view: int, *, active: bool) -> None:
        self.view = view
        self.leader = view_change.leader_of(view, self._federation.size)
        self.active = active
        self.new_view = None
        self.new_view_digest = None
        self.required = None
