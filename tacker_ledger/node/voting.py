# SPDX-License-Identifier: Apache-2.0
"""May this process sign, and can the federation agree on anything?

It signs unless its storage or its place in the federation has failed, it is
in doubt about its own votes, or too few members hold it for its identity.
When others hold another process of the same identity, and neither has a
quorum, it lets go from time to time and asks again.
"""

import asyncio
from collections.abc import Callable
import secrets
import time

from oslo_log import log as logging

from tacker_ledger.core.consensus import instances
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.node import doubt as doubt_module

LOG = logging.getLogger(__name__)

_WATCH_SECONDS = 0.2


class Voting:
    """Whether one process votes.

    :param application: for the federation in force
    :param claim: which members hold this process for its identity
    :param connected: returns how many members are linked, itself included
    :param tell: hears what :meth:`may_vote` returns whenever it may have
        changed
    :param release: closes all links, and dials none for some seconds
    :param retry_seconds: how long others take at most to try again
    """

    def __init__(self, application: application_module.LedgerApplication,
                 doubt: doubt_module.Doubt, claim: instances.Claim,
                 connected: Callable[[], int],
                 tell: Callable[[bool], None],
                 release: Callable[[str, float], None],
                 retry_seconds: float) -> None:
        self._application = application
        self._doubt = doubt
        self._claim = claim
        self._connected = connected
        self._tell = tell
        self._release = release
        self._retry_seconds = retry_seconds
        self._task: asyncio.Task[None] | None = None
        #: Why it has stopped for good, if it has.
        self.problem: errors.LedgerError | None = None
        #: Why the federation in force does not count it, if so.
        self.outside = ''

    def start(self) -> None:
        """Watch for another process of the same identity."""
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """End watching."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def _quorum(self) -> int:
        return self._application.federation.quorum

    def has_quorum(self) -> bool:
        """Return whether enough members are linked to agree on anything."""
        return self._connected() >= self._quorum

    def may_vote(self) -> bool:
        """Return whether this process may sign."""
        return (self.problem is None and not self._doubt.reason
                and not self.outside
                and self._claim.has_quorum(self._quorum))

    def why_not(self) -> str:
        """Return why it signs nothing, for people; '' if it signs."""
        if self.may_vote():
            return ''
        if self.problem is not None:
            return f'{self.problem.code}: {self.problem.message}'
        if self.outside:
            return self.outside
        if self._doubt.reason:
            ends = self._doubt.ends_height
            until = ('' if ends is None
                     else f'; it ends at height {ends}')
            return f'in doubt: {self._doubt.reason}{until}'
        if self._claim.rivals:
            rivals = ', '.join(map(str, sorted(self._claim.rivals)))
            return ('another process of this member runs, it is held by '
                    f'members {rivals}')
        return 'no-quorum: too few members are connected'

    def update(self) -> None:
        """Tell whether it may: a link, the doubt or the like has changed."""
        if self._claim.observe(bool(self._doubt.reason)):
            self._release('this process claims nothing while it is in doubt'
                          if self._doubt.reason else
                          'this process claims its identity again', 0.0)
        self._tell(self.may_vote())

    def refused(self, member: int) -> None:
        """A member holds another process of this identity."""
        if self._claim.refused(member):
            LOG.warning('Member %s holds another process of this identity: '
                        'this one does not count there', member)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if self._claim.release_due(int(time.monotonic() * 1000),
                                       self._quorum, self._draw_ms):
                LOG.warning('Another process of this identity is held too: '
                            'this one lets go and asks again')
                self._release('another process is held by others',
                              self._draw_ms() / 1000)

    def _draw_ms(self) -> int:
        """Return a wait in which all others have tried again."""
        longest_ms = int(self._retry_seconds * 1500) + 1
        return longest_ms + secrets.randbelow(2 * longest_ms)

    def halted(self, code: str, reason: str) -> None:
        """Sign nothing until the process is started again."""
        LOG.critical('This node votes no more: %s: %s', code, reason)
        self.problem = errors.from_dict({'code': code, 'message': reason})
        self.update()

    def refusal(self) -> errors.LedgerError | None:
        """Return why nothing handed in could be agreed on, if so."""
        if self.problem is not None:
            return errors.StorageFailed(
                f'The node has stopped voting: {self.problem.message}')
        if self.outside:
            return errors.NoQuorum(f'No writes here: {self.outside}.')
        if not self.has_quorum():
            return errors.NoQuorum(
                'Too few members are connected to agree on anything.',
                connected=self._connected(),
                quorum=self._application.federation.quorum)
        return None
