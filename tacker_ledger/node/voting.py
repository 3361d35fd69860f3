# SPDX-License-Identifier: Apache-2.0
"""May this process sign, and can the federation agree on anything?

It signs unless its storage or its place in the federation has failed, it is
in doubt about its own votes, or too few members are connected.
"""

from collections.abc import Callable

from oslo_log import log as logging

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.node import doubt as doubt_module

LOG = logging.getLogger(__name__)


class Voting:
    """Whether one process votes.

    :param application: for the federation in force
    :param connected: returns how many members hold this process for its
        member, itself included
    :param tell: hears what :meth:`may_vote` returns whenever it may have
        changed
    """

    def __init__(self, application: application_module.LedgerApplication,
                 doubt: doubt_module.Doubt, connected: Callable[[], int],
                 tell: Callable[[bool], None]) -> None:
        self._application = application
        self._doubt = doubt
        self._connected = connected
        self._tell = tell
        #: Why it has stopped for good, if it has.
        self.problem: errors.LedgerError | None = None

    def has_quorum(self) -> bool:
        """Return whether enough members hold this process for its member."""
        return self._connected() >= self._application.federation.quorum

    def may_vote(self) -> bool:
        """Return whether this process may sign."""
        return (self.problem is None and not self._doubt.reason
                and self.has_quorum())

    def update(self) -> None:
        """Tell whether it may: a link, the doubt or the like has changed."""
        self._tell(self.may_vote())

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
        if not self.has_quorum():
            return errors.NoQuorum(
                'Too few members are connected to agree on anything.',
                connected=self._connected(),
                quorum=self._application.federation.quorum)
        return None
