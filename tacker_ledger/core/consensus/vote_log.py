# SPDX-License-Identifier: Apache-2.0
"""The vote log as it is read back when a process starts.

Records are encoded messages: the member's own, and others' that its votes
rely on.  They bind it: what it voted before it stopped, it votes again.
"""

from collections.abc import Iterable

from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors


class Records:
    """Votes by height.

    :param records: as they were given to ``Persist``, in any order
    :raises CorruptStore: one of them is not a vote
    """

    def __init__(self, records: Iterable[bytes] = ()) -> None:
        self._by_height: dict[int, list[messages.AnyVote]] = {}
        for record in records:
            try:
                message = messages.decode(record)
            except errors.FormatError as exc:
                raise errors.CorruptStore(
                    'the vote log holds what is no message') from exc
            if not isinstance(message, messages.AnyVote):
                raise errors.CorruptStore(
                    'the vote log holds a message that is no vote',
                    kind=message.KIND)
            self._by_height.setdefault(message.height, []).append(message)

    def take(self, height: int) -> list[messages.AnyVote]:
        """Return the votes of a height, proposals first; forget older."""
        found = self._by_height.get(height, [])
        self._by_height = {at: votes for at, votes in self._by_height.items()
                           if at > height}
        return sorted(found, key=lambda vote: (vote.view, vote.KIND,
                                               vote.member))
