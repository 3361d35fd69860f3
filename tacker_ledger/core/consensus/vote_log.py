# SPDX-License-Identifier: Apache-2.0
"""The vote log as it is read back when a process starts.

Records are encoded messages: the member's own, and others' that its votes
rely on.  They bind it: what it voted before it stopped, it votes again, and
a view that it left it does not enter any more.
"""

from collections.abc import Iterable
from typing import TypeAlias

from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors

#: A message as it is shown to the member who sent it.
Showable: TypeAlias = (messages.ShownVote | messages.ViewChange
                       | messages.NewView)

#: What a record may hold, and in which order one view speaks: who asks for
#: it, who opens it, proposal, prepares, commits.
_ORDER = {messages.ViewChange.KIND: 0, messages.NewView.KIND: 1,
          messages.PrePrepare.KIND: 2, messages.Prepare.KIND: 3,
          messages.Commit.KIND: 4}


def place(message: messages.Recorded | messages.ShownVote
          ) -> tuple[int, int, int]:
    """Return where a message stands: (height, view, place in the view)."""
    kind = (message.kind if isinstance(message, messages.ShownVote)
            else message.KIND)
    return message.height, message.view, _ORDER[kind]


class Records:
    """Messages by height.

    :param records: as they were given to ``Persist``, in any order
    :raises CorruptStore: one of them does not belong there
    """

    def __init__(self, records: Iterable[bytes] = ()) -> None:
        self._by_height: dict[int, list[messages.Recorded]] = {}
        for record in records:
            try:
                message = messages.decode(record)
            except errors.FormatError as exc:
                raise errors.CorruptStore(
                    'the vote log holds what is no message') from exc
            if not isinstance(message, messages.Recorded):
                raise errors.CorruptStore(
                    'the vote log holds a message that binds nobody',
                    kind=message.KIND)
            self._by_height.setdefault(message.height, []).append(message)

    def take(self, height: int) -> list[messages.Recorded]:
        """Return the messages of a height, in order; forget older ones."""
        if not self._by_height:
            return []
        found = self._by_height.get(height, [])
        self._by_height = {at: votes for at, votes in self._by_height.items()
                           if at > height}
        return sorted(found, key=lambda one: (*place(one), one.member))
