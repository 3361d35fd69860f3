# SPDX-License-Identifier: Apache-2.0
"""One voter per identity: which process a member counts, and who counts us.

A process draws an *instance* at its start and names it in each hello.  A
member holds one connection per identity and counts the consensus messages of
that one alone.  It takes another only after the held one is gone; a process
that is in doubt claims nothing, so whoever claims the identity replaces it.

A process signs only while a quorum, itself counted, holds it.  If it is held
by some and others hold another process of the same identity, neither may
ever get a quorum: so it lets go after a wait that differs from process to
process, and asks again.
"""

from collections.abc import Callable

from tacker_ledger.core.consensus import messages

#: The instance in the hello of a process that claims nothing.
NOBODY = bytes(messages.INSTANCE_BYTES)


def replaces(held: bytes | None, offered: bytes) -> bool:
    """Return whether a connection becomes the one held for its identity.

    :param held: instance of the connection that is held, None without one
    :param offered: instance of the new one
    """
    if held is None:
        return True
    # the same process again knows that its old connection is broken
    return offered != NOBODY and held in (offered, NOBODY)


class Claim:
    """What one process has of its identity.

    :param instance: drawn at its start, 16 bytes, not :data:`NOBODY`
    """

    def __init__(self, instance: bytes) -> None:
        assert len(instance) == len(NOBODY) and instance != NOBODY
        self.instance = instance
        self._observing = False
        #: Members that hold this process for its identity.
        self.holders: set[int] = set()
        #: Members that hold another one, as they said.
        self.rivals: set[int] = set()
        self._release_at_ms: int | None = None

    def offer(self) -> bytes:
        """Return the instance that a hello names now."""
        return NOBODY if self._observing else self.instance

    def observe(self, observing: bool) -> bool:
        """Claim nothing from now on, or claim again.

        :returns: whether that is news: connections made under the other
            offer have to be closed
        """
        if observing == self._observing:
            return False
        self._observing = observing
        self.holders.clear()
        self._release_at_ms = None
        return True

    def up(self, member: int, offered: bytes) -> None:
        """A member has taken a connection that was made under an offer."""
        self.rivals.discard(member)
        if offered == self.instance and not self._observing:
            self.holders.add(member)

    def down(self, member: int) -> None:
        """A member's connection is closed."""
        self.holders.discard(member)

    def refused(self, member: int) -> bool:
        """A member holds another process; return whether that is news."""
        news = member not in self.rivals
        self.rivals.add(member)
        return news

    def has_quorum(self, quorum: int) -> bool:
        """Return whether enough members hold this process."""
        return not self._observing and len(self.holders) + 1 >= quorum

    def release_due(self, now_ms: int, quorum: int,
                    draw_ms: Callable[[], int]) -> bool:
        """Return, once, when it is time to let go and ask again.

        :param now_ms: of a clock that never goes back
        :param draw_ms: returns how long to wait, jittered
        """
        if self.has_quorum(quorum):
            self.rivals.clear()
        if not self.rivals or not self.holders or self.has_quorum(quorum):
            self._release_at_ms = None
            return False
        if self._release_at_ms is None:
            self._release_at_ms = now_ms + draw_ms()
        if now_ms < self._release_at_ms:
            return False
        self._release_at_ms = None
        self.rivals.clear()
        return True
