# SPDX-License-Identifier: Apache-2.0
"""What a replica keeps beside the height in flight: the one before, and the
votes which came too early for the one after.

Bounded by the members: one vote of each kind for the next height, the
messages of one height before, and each member's newest message.
"""

from tacker_ledger.core.consensus import evidence
from tacker_ledger.core.consensus import message_log
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import rounds
from tacker_ledger.core.consensus import vote_log
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import block as block_module


class Memory:
    """The neighbouring heights."""

    def __init__(self) -> None:
        #: Votes for the next height, by kind and sender.
        self._early: dict[tuple[int, int], messages.AnyVote] = {}
        #: By member: of heights before that of the round that ended last,
        #: and what came late.
        self._newest: dict[int, vote_log.Showable] = {}
        self._ended: rounds.Round | None = None
        self._previous: message_log.MessageLog | None = None

    # The height after

    def keep_early(self, message: messages.AnyVote) -> None:
        """Keep a vote for the next height."""
        self._early[message.KIND, message.member] = message

    def early_member(self) -> int | None:
        """Return a member who has voted for the next height, or None."""
        return next((member for _kind, member in self._early), None)

    def take_early(self) -> list[messages.AnyVote]:
        """Return the kept votes: that height is in flight now."""
        early, self._early = self._early, {}
        return list(early.values())

    # The height before

    def remember(self, over: rounds.Round,
                 ledger: application.LedgerApplication) -> None:
        """Keep of the round that ends what others may still ask for."""
        if over.federation != ledger.federation:
            # Indices mean other members from now on.
            self._previous = self._ended = None
            self._newest.clear()
            self._early.clear()
            return
        # Seldom asked for: so it is looked up when it is.
        for member in over.unheard():
            self.note(self.newest(member))
        self._ended = over
        alone = over.height == ledger.head.height
        self._previous = over.log if alone else None
        if not alone:
            self._early.clear()

    def newest(self, member: int) -> vote_log.Showable | None:
        """Return the newest message of a member at heights before."""
        noted = self._newest.get(member)
        found = None if self._ended is None else self._ended.newest(member)
        if noted is None or found is None:
            return noted or found
        return max(found, noted, key=vote_log.place)

    def is_late_news(self, message: messages.AnyVote
                     ) -> tuple[bool, list[evidence.Equivocation]]:
        """Return whether a vote for a height that is over is the first.

        The votes that a quorum did without come late as a rule; a vote
        that comes again shows somebody who still waits.

        :returns: also what convicts its sender
        """
        previous = self._previous
        if (previous is None or previous.height != message.height
                or isinstance(message, messages.PrePrepare)
                or not previous.add_vote(message)):
            return False, []
        return True, previous.take_evidence()

    def note(self, message: vote_log.Showable | None) -> None:
        """Keep a member's message if it is its newest at heights before."""
        if message is None:
            return
        held = self._newest.get(message.member)
        if held is None or vote_log.place(message) > vote_log.place(held):
            self._newest[message.member] = message

    def block(self, height: int, prefix: bytes
              ) -> block_module.Block | None:
        """Return a block of the height before, if we have heard it."""
        previous = self._previous
        if previous is None or previous.height != height:
            return None
        return previous.body(prefix)
