# SPDX-License-Identifier: Apache-2.0
"""Whom to ask for blocks: what members claim, and how they did so far.

Part of catching up (``catch_up``).
"""

import dataclasses


@dataclasses.dataclass(slots=True)
class Source:
    """What is known of a member.

    :param claim: the height it says it has
    :param up: frames can be sent to it
    :param failures: lately; fewer go first
    :param until_ms: it is not asked before
    :param replay: blocks are asked of it, for it gave no snapshot
    """

    claim: int = 0
    up: bool = False
    failures: int = 0
    until_ms: int = 0
    replay: bool = False

    def claims(self, height: int) -> None:
        """It says that it has the block at a height."""
        self.claim = max(height, self.claim)

    def down(self) -> None:
        """Its link is down: it is another process when it comes again."""
        self.up = False
        self.claim = 0
        self.replay = False

    def fails(self, now_ms: int, pause_ms: int, pause_max_ms: int) -> None:
        """It was no good: it is not asked for a while that doubles.

        :param pause_ms: the first time
        """
        self.until_ms = now_ms + min(pause_max_ms,
                                     pause_ms << min(self.failures, 16))
        self.failures += 1

    def helps(self) -> None:
        """It gave an answer that is of use."""
        self.failures = max(0, self.failures - 1)


class Sources:
    """All members that were ever heard of."""

    def __init__(self) -> None:
        self._sources: dict[int, Source] = {}

    def of(self, member: int) -> Source:
        """Return what is known of a member."""
        return self._sources.setdefault(member, Source())

    @property
    def target(self) -> int:
        """Return the highest height that a connected member claims."""
        return max((source.claim for source in self._sources.values()
                    if source.up), default=0)

    def claimed(self, member: int) -> int | None:
        """Return how far a member says it is, None if it says nothing."""
        source = self._sources.get(member)
        return source.claim if source and source.claim else None

    def choose(self, head: int, now_ms: int) -> int | None:
        """Return whom to ask, None if nobody can help now.

        Who failed least goes first, then who may have a snapshot, then who
        claims most.
        """
        usable = [
            (source.failures, source.replay, -source.claim, member)
            for member, source in self._sources.items()
            if source.up and source.claim > head
            and source.until_ms <= now_ms]
        return min(usable)[-1] if usable else None

    def next_ms(self, head: int) -> int | None:
        """Return when the first that claims more may be asked."""
        return min((source.until_ms for source in self._sources.values()
                    if source.up and source.claim > head), default=None)
