# SPDX-License-Identifier: Apache-2.0
"""May this process sign?  Not while its vote log may have forgotten votes.

A member is *in doubt* if somebody shows a message under its vote key, above
the head that its disk held at the start, which its log lacks: the disk is an
old copy, or lost writes.  A vote log that was damaged or restored is the
same.  It then claims nothing, signs nothing and observes until its chain is
two blocks past the highest certified head which min(quorum, n - 1) other
members have shown: every forgotten vote lies below.  With two members or
one, only an operator can end it.

No clock, no socket: the node and the simulator call it alike.
"""

from collections.abc import Callable
from collections.abc import Iterable

from oslo_log import log as logging

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.node import greeting

LOG = logging.getLogger(__name__)

#: How far past the highest head shown the chain has to be.
BLOCKS_PAST = 2
#: Federations up to this size have nobody to observe.
ALONE_MAX_COUNT = 2


def _signatures(records: Iterable[bytes]) -> Iterable[tuple[int, bytes]]:
    """Yield (height, signature) of what a vote log holds.

    :raises CorruptStore: a record is no message that binds
    """
    for record in records:
        try:
            message = messages.decode(record)
        except errors.FormatError as error:
            raise errors.CorruptStore(
                'The vote log holds what is no message.') from error
        if isinstance(message, messages.PrePrepare | messages.Vote
                      | messages.ViewChange | messages.NewView):
            yield message.height, message.signature


class Doubt:
    """What this process knows about forgotten messages of its own.

    A message is recognised by its signature, which is sent again as it was
    logged.

    :param application: its head is the one the disk held at the start
    :param vote_keys: returns the public vote keys of this member which are
        in force or to come; one that was replaced binds nobody
    :param keep: makes the reason durable, '' removes it
    :param overruled: an operator says that nothing was forgotten
    """

    def __init__(self, application: application_module.LedgerApplication,
                 provider: provider_module.Provider,
                 vote_keys: Callable[[], Iterable[bytes]],
                 keep: Callable[[str], object] | None = None, *,
                 overruled: bool = False) -> None:
        self._application = application
        self._provider = provider
        self._vote_keys = vote_keys
        self._keep = keep
        self._overruled = overruled
        #: Up to here nothing can be forgotten that matters.
        self._base = application.head.height
        #: Signatures in the log as it was at the start.
        self._logged: set[bytes] = set()
        #: signature -> height of what this process has signed or relied on
        self._signed: dict[bytes, int] = {}
        #: The first height of those; below it the log alone knows.
        self._signed_from: int | None = None
        #: member -> height of the certified head it has shown
        self._heads: dict[int, int] = {}
        #: member -> head that cannot be judged here yet
        self._unjudged: dict[int, tuple[int, bytes, bytes]] = {}
        self._told: int | None = None
        #: Why it is in doubt; empty when it is not.
        self.reason = ''

    @property
    def _h(self) -> hashing.Hasher:
        return self._application.h

    @property
    def ends_height(self) -> int | None:
        """The height at which doubt ends; None if that is not known yet.

        It never is in a federation of two or one.
        """
        federation = self._application.federation
        needed = min(federation.quorum, federation.size - 1)
        if (not self.reason or federation.size <= ALONE_MAX_COUNT
                or len(self._heads) < needed):
            return None
        return max(self._heads.values()) + BLOCKS_PAST

    # What is known

    def know(self, records: Iterable[bytes]) -> None:
        """Take note of the vote log as the start finds it.

        :raises CorruptStore: a record is none
        """
        self._logged.update(signature for _, signature
                            in _signatures(records))

    def signed(self, records: Iterable[bytes]) -> None:
        """Take note of what goes into the vote log now."""
        for height, signature in _signatures(records):
            self._signed[signature] = height
            if self._signed_from is None or height < self._signed_from:
                self._signed_from = height

    def begin(self, reason: str) -> None:
        """Sign nothing from now on."""
        if self._overruled:
            LOG.critical('An operator has overruled this doubt: %s', reason)
            self._remember('')
        elif not self.reason:
            LOG.critical('In doubt, this node observes only: %s', reason)
            self.reason = reason
            # what was shown before may be as old as what was forgotten
            self._heads.clear()
            self._unjudged.clear()
            self._remember(reason)

    def end(self) -> None:
        """Sign again; what was forgotten lies below the head."""
        if self.reason:
            LOG.warning('Doubt ends at height %s: %s',
                        self._application.head.height, self.reason)
        self.reason = ''
        self._told = None
        self._base = self._application.head.height
        self._logged.clear()
        self._remember('')

    def _remember(self, reason: str) -> None:
        if self._keep is not None:
            self._keep(reason)

    # What shows doubt

    def shown(self, shown: greeting.Shown) -> None:
        """Look at a member's answer to our hello."""
        self._note_head(shown)
        self._look_at(shown)
        self._look()

    def lost(self, member: int) -> None:
        """A member may take another process: what it showed grows old."""
        self._heads.pop(member, None)
        self._unjudged.pop(member, None)

    def _look_at(self, shown: greeting.Shown) -> None:
        if shown.newest is None:
            return
        try:
            message = messages.decode(shown.newest)
        except errors.FormatError:
            return  # the member's fault, and it proves nothing
        if (isinstance(message, messages.ShownVote | messages.ViewChange
                       | messages.NewView)
                and self._lacks(message.height, message.signature)
                and self._is_own(message)):
            self.begin(f'member {shown.member} shows a message of this '
                       f'member at height {message.height} which its log '
                       'lacks: another process signed it, or the data is '
                       'an old copy')

    def _lacks(self, height: int, signature: bytes) -> bool:
        """Return whether a message, if it is ours, was forgotten.

        Of what this process signed itself, only what may still matter is
        kept; before that, the log was complete.
        """
        return (height > self._base and signature not in self._logged
                and signature not in self._signed
                and (height > self._application.head.height
                     or self._signed_from is None
                     or height < self._signed_from))

    def _is_own(self, message: messages.ShownVote | messages.ViewChange
                | messages.NewView) -> bool:
        if isinstance(message, messages.ShownVote):
            covered = messages.vote_message(
                self._h, message.kind, message.height, message.view,
                message.digest)
        else:
            covered = messages.signed_part(self._h, message)
        return any(self._provider.verify_raw_ed25519(
            key, covered, message.signature) for key in self._vote_keys())

    def certified(self, height: int, certificate: bytes, *,
                  federation: federation_module.Federation | None = None,
                  digest: bytes | None = None) -> None:
        """Look at a valid certificate that came by catching up.

        Before the application moves past its height.

        :param federation: that certified it, if it may be another than the
            one in force here
        :param digest: of the header; needed if that federation is not sure
        """
        if not certificate:
            return
        federation = federation or self._application.federation
        own = {federation.index_of_vote_key(key)
               for key in self._vote_keys()}
        parsed = certificate_module.Certificate.from_bytes(certificate)
        for member, signature in parsed.votes:
            if member in own and self._lacks(height, signature) and (
                    digest is None or self._is_own(messages.ShownVote(
                        height, parsed.view, member, messages.Commit.KIND,
                        digest, signature))):
                self.begin(f'the certificate of height {height} holds a '
                           'vote of this member which its log lacks: '
                           'another process signed it, or the data is an '
                           'old copy')

    # What ends it

    def _note_head(self, shown: greeting.Shown) -> None:
        self._heads.pop(shown.member, None)
        self._unjudged.pop(shown.member, None)
        if self._application.federation.member(shown.member) is None:
            return
        if shown.head is None:
            self._heads[shown.member] = 0
            return
        try:
            height = block_module.Header.from_bytes(shown.head[0]).height
        except errors.LedgerError:
            return  # nothing certified is shown
        self._unjudged[shown.member] = (height, *shown.head)
        self._judge()

    def _judge(self) -> None:
        """Look again at heads which were of a later federation."""
        head = self._application.head.height
        for member, (height, *pair) in list(self._unjudged.items()):
            if height > head:
                try:
                    certificate_module.certify(
                        self._h, self._provider,
                        self._application.federation, *pair)
                except errors.LedgerError:
                    continue  # of a later epoch, or false
            # a head at or below ours claims no more than an old one would
            self._heads[member] = height
            del self._unjudged[member]

    def moved(self) -> None:
        """The chain is longer: perhaps long enough."""
        head = self._application.head.height
        self._signed = {signature: height for signature, height
                        in self._signed.items() if height >= head}
        self._look()

    def _look(self) -> None:
        """End doubt if it is time, and say when it will be."""
        if not self.reason:
            return
        self._judge()
        ends = self.ends_height
        if ends is None:
            return
        if self._application.head.height >= ends:
            self.end()
        elif ends != self._told:
            LOG.warning('Doubt ends when the chain is at height %s, it is '
                        'at %s', ends, self._application.head.height)
            self._told = ends
