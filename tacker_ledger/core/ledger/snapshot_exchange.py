# SPDX-License-Identifier: Apache-2.0
"""Asking one member for a snapshot, sans-IO: what next, and is it good.

The driver's contract:

1. It sends :meth:`Exchange.begin` and waits for the answer to it.
2. It gives every answer to :meth:`Exchange.answered` and sends what that
   returns.  While the answer to this is on its way it calls
   :meth:`Exchange.judge` and keeps what that returns.
3. When nothing is to be sent any more and the last page is judged, all has
   come: the state is whole if :meth:`~.snapshot.SnapshotCheck.check_state`
   and :func:`~.snapshot.check_addressed` say so of what was kept.
4. However it ends, the driver sends :attr:`Exchange.end` if there is one.

Any of these may raise: then this exchange is over, and why is in the error.
"""

from collections.abc import Iterator
from collections.abc import Sequence

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import snapshot_messages
from tacker_ledger.core.crypto.providers import base
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.core.ledger import snapshot

_REASON_MAX_CHARACTERS = 40


class Exchange:
    """One snapshot as it comes from one member.

    :param application: whose head and federation are known
    :param lowest: height below which a snapshot is of no use
    :param numbers: of requests, never the same again
    """

    def __init__(self, application: application_module.LedgerApplication,
                 provider: base.Provider, lowest: int,
                 numbers: Iterator[int]) -> None:
        self._application = application
        self._provider = provider
        self._lowest = lowest
        self._numbers = numbers
        #: What judges it, once it is offered.
        self.check: snapshot.SnapshotCheck | None = None
        #: What lets the member let go of it, once it is offered.
        self.end: snapshot_messages.EndSnapshot | None = None
        self._part = snapshot.Part.FEDERATIONS
        #: The page to judge, and of what part it is.
        self._page: tuple[snapshot.Part, snapshot_messages.Page] | None = (
            None)

    def begin(self) -> snapshot_messages.GetSnapshot:
        """Return the first request."""
        return snapshot_messages.GetSnapshot(
            next(self._numbers), self._application.federation.epoch + 1)

    def answered(self, answer: messages.Message
                 ) -> snapshot_messages.GetPage | None:
        """Take the answer to the newest request; return the next request.

        :raises NotFound: the member has none
        :raises Busy: it has none at present
        :raises Malformed: not what was asked for
        :raises LedgerError: what is offered is no good
        """
        if isinstance(answer, snapshot_messages.NoSnapshot):
            if answer.code == errors.Busy.code:
                raise errors.Busy('It holds snapshots for others.')
            raise errors.NotFound('It has no snapshot to give: '
                                  f'{answer.code[:_REASON_MAX_CHARACTERS]}')
        if self.end is None:
            return self._offered(answer)
        if not isinstance(answer, snapshot_messages.Page):
            raise errors.Malformed('Not what was asked for.')
        self._page = self._part, answer
        if answer.more:
            # an empty page says where nothing goes on; judging refuses it
            return (self._request(answer.items[-1][0]) if answer.items
                    else None)
        if self._part == max(snapshot.Part):
            return None
        self._part = snapshot.Part(self._part + 1)
        return self._request(b'')

    def _offered(self, answer: messages.Message
                 ) -> snapshot_messages.GetPage:
        if not isinstance(answer, snapshot_messages.Snapshot):
            raise errors.Malformed('Not what was asked for.')
        self.end = snapshot_messages.EndSnapshot(answer.number)
        application = self._application
        self.check = snapshot.SnapshotCheck(
            application.h, self._provider, application.federation,
            application.head, answer.block, answer.certificate,
            self._lowest)
        return self._request(b'')

    def _request(self, after: bytes) -> snapshot_messages.GetPage:
        assert self.end is not None
        return snapshot_messages.GetPage(
            next(self._numbers), self.end.number, int(self._part), after)

    def judge(self) -> tuple[snapshot.Part, Sequence[snapshot.Item]]:
        """Judge the page that came last; return what is to be kept of it.

        :raises LedgerError: it is no good
        """
        assert self.check is not None and self._page is not None
        part, page = self._page
        self.check.page(part, page.items, page.more)
        # the documents are kept by what judges them
        return part, (() if part == snapshot.Part.FEDERATIONS
                      else page.items)
