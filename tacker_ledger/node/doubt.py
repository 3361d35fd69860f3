# SPDX-License-Identifier: Apache-2.0
"""May this process sign?  Not while its vote log may have forgotten votes.

A member is *in doubt* if somebody shows a vote under its present vote key,
above the head that its disk held at the start, which its log lacks: the disk
is an old copy, or lost writes.  A damaged vote log is the same.  It then
signs nothing and observes until its chain is two blocks past the highest
certified head which min(quorum, n - 1) other members have shown: every
forgotten vote lies below.  With two members or one, only an operator can end
it.
"""

from collections.abc import Iterable

from oslo_log import log as logging

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.node import greeting

LOG = logging.getLogger(__name__)

#: How far past the highest head shown the chain has to be.
BLOCKS_PAST = 2
#: Federations up to this size have nobody to observe.
ALONE_MAX_COUNT = 2

#: (height, view, kind) of a vote
_Place = tuple[int, int, int]


class Doubt:
    """What this process knows about forgotten votes of its own.

    :param application: its head is the one the disk held at the start
    :param member: own index
    :param vote_key: own public key, 32 bytes
    """

    def __init__(self, application: application_module.LedgerApplication,
                 provider: provider_module.Provider, member: int,
                 vote_key: bytes) -> None:
        self._application = application
        self._provider = provider
        self._member = member
        self._vote_key = vote_key
        self._started_at = application.head.height
        self._logged: set[_Place] = set()
        self._heads: dict[int, int] = {}
        #: Why it is in doubt; empty when it is not.
        self.reason = ''

    @property
    def _h(self) -> hashing.Hasher:
        return self._application.h

    def know(self, records: Iterable[bytes]) -> None:
        """Take note of what is in the vote log.

        :raises CorruptStore: a record is none
        """
        for record in records:
            try:
                message = messages.decode(record)
            except errors.FormatError as error:
                raise errors.CorruptStore(
                    'The vote log holds what is no vote.') from error
            if isinstance(message, messages.PrePrepare | messages.Vote):
                if message.member == self._member:
                    self._logged.add(
                        (message.height, message.view, message.KIND))

    def begin(self, reason: str) -> None:
        """Sign nothing from now on."""
        if not self.reason:
            LOG.critical('In doubt, this node observes only: %s', reason)
            self.reason = reason

    def end(self) -> None:
        """Sign again: an operator says that it is right."""
        if self.reason:
            LOG.warning('Doubt ends: %s', self.reason)
        self.reason = ''

    # What shows doubt

    def shown(self, shown: greeting.Shown) -> None:
        """Look at a member's answer to our hello."""
        self._note_head(shown)
        if shown.newest is None:
            return
        try:
            vote = messages.decode(shown.newest)
        except errors.FormatError:
            return  # the member's fault, and it proves nothing
        if not isinstance(vote, messages.ShownVote) or not self._is_own(vote):
            return
        # what was signed at a height that is over can do no harm
        if vote.height > self._application.head.height and (
                vote.height, vote.view, vote.kind) not in self._logged:
            self.begin(f'member {shown.member} shows a vote of this member '
                       f'at height {vote.height} which its log lacks')

    def _is_own(self, vote: messages.ShownVote) -> bool:
        return self._provider.verify_raw_ed25519(
            self._vote_key, messages.vote_message(
                self._h, vote.kind, vote.height, vote.view, vote.digest),
            vote.signature)

    def _note_head(self, shown: greeting.Shown) -> None:
        height = 0
        if shown.head is not None:
            try:
                height = certificate_module.certify(
                    self._h, self._provider, self._application.federation,
                    *shown.head).height
            except errors.LedgerError:
                # of a later epoch, or false: nothing certified is shown
                return
        self._heads[shown.member] = height

    def certified(self, height: int, certificate: bytes) -> None:
        """Look at a certificate that came by catching up; it is valid."""
        if height <= self._started_at or not certificate:
            return
        parsed = certificate_module.Certificate.from_bytes(certificate)
        place = (height, parsed.view, messages.Commit.KIND)
        if place not in self._logged and any(
                member == self._member for member, _ in parsed.votes):
            self.begin(f'the certificate of height {height} holds a vote of '
                       'this member which its log lacks')

    # What ends it

    def moved(self) -> None:
        """The chain is longer: perhaps long enough."""
        head = self._application.head.height
        self._logged = {place for place in self._logged if place[0] >= head}
        if not self.reason:
            return
        federation = self._application.federation
        if federation.size <= ALONE_MAX_COUNT:
            return
        needed = min(federation.quorum, federation.size - 1)
        if len(self._heads) >= needed and (
                head >= max(self._heads.values()) + BLOCKS_PAST):
            self.end()
