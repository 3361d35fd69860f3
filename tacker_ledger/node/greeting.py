# SPDX-License-Identifier: Apache-2.0
"""Hello and its answer: who is at the other end, and how far.

The transport has checked the node key already (``transport.link``).  Here
the hello's chain, version and member are checked, and the answer, which is
signed by the vote key: it tells a starting process the certified head of
each member, which instance that member holds for our identity, and the
newest message that it has seen under it.  A process in doubt names no
instance: it claims nothing and is held by nobody (``instances``).

Who acts under another federation document than we do has another index
perhaps, or another vote key: then the node key alone says who it is, and
what its answer shows counts for nothing.
"""

from collections.abc import Callable
from collections.abc import Iterable
import dataclasses

from oslo_log import log as logging

from tacker_ledger.core.consensus import instances
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import vote_log
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core import limits
from tacker_ledger.transport import link

LOG = logging.getLogger(__name__)

#: Of what an answer shows; a new-view of 256 members has 4.2 MB.
_NEWEST_MAX_BYTES = limits.FRAME_MAX_BYTES // 2


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """What a member's answer shows, its signature checked.

    :param head: (header, certificate), not checked; None at genesis
    :param newest: encoded, about our own identity, not checked
    """

    member: int
    head: tuple[bytes, bytes] | None
    newest: bytes | None


def remembered(h: hashing.Hasher, height: int, records: Iterable[bytes]
               ) -> dict[int, bytes]:
    """Return what a vote log has of each member, as an answer shows it.

    A process answers hellos before its engine runs.  The log holds of others
    what the own votes relied on.

    :param height: in flight
    :returns: member -> its newest message, encoded
    :raises CorruptStore: the log is damaged
    """
    found = vote_log.Records(records).take(height)
    digests = _digests(h, found)
    newest: dict[int, messages.Message] = {}
    for message in found:
        shown = _showable(message, digests)
        if shown is not None:
            # in the order in which one member says them
            newest[message.member] = shown
    return {member: messages.encode(message)
            for member, message in newest.items()}


def _digests(h: hashing.Hasher, found: Iterable[messages.Recorded]
             ) -> dict[bytes, bytes]:
    """Return the digests of the proposals in a log by their signature."""
    digests = {}
    for message in found:
        if isinstance(message, messages.PrePrepare):
            try:
                block = block_module.Block.from_bytes(h, message.block)
            except errors.LedgerError as error:
                raise errors.CorruptStore(
                    'The vote log holds a proposal of no block.') from error
            digests[message.signature] = block.digest
    return digests


def _showable(message: messages.Recorded, digests: dict[bytes, bytes]
              ) -> messages.Message | None:
    """Return a message so that it can be verified alone, if possible."""
    if isinstance(message, messages.ViewChange | messages.NewView):
        return message
    digest = digests.get(message.signature)
    if isinstance(message, messages.Vote):
        digest = next((one for one in digests.values()
                       if one.startswith(message.prefix)), None)
    if digest is None:
        return None
    return messages.ShownVote(message.height, message.view, message.member,
                              message.KIND, digest, message.signature)


class Greeter:
    """Makes and judges greetings of one process.

    :param application: for the head and the federation in force
    :param claim: what this process has of its identity
    :param vote_seed: signs answers
    :param newest: member -> newest encoded message seen from it
    """

    def __init__(self, application: application_module.LedgerApplication,
                 provider: provider_module.Provider, claim: instances.Claim,
                 member: int, vote_seed: bytes,
                 newest: Callable[[int], bytes | None]) -> None:
        self._application = application
        self._provider = provider
        self._claim = claim
        self._member = member
        self._vote_seed = vote_seed
        self._newest = newest
        #: member -> the epoch that its hello named.
        self._epochs: dict[int, int] = {}
        self._unverified: set[int] = set()

    def moved(self, member: int, vote_seed: bytes) -> list[int]:
        """Act as another member, or with another key, from now on.

        :param member: negative for none
        :returns: whom to greet again, since their answers could not be
            verified and can be now
        """
        self._member = member
        self._vote_seed = vote_seed
        again = [one for one in self._unverified
                 if self._epochs.get(one, 0) <= self._federation.epoch]
        self._unverified.difference_update(again)
        return again

    def is_ahead(self, member: int) -> bool:
        """Return whether a peer knows of epochs that we have yet to reach.

        What it showed could not be looked at, so that it holds us counts
        for nothing: we may have forgotten votes that it has seen.
        """
        return (member in self._unverified
                and self._epochs.get(member, 0) > self._federation.epoch)

    @property
    def _h(self) -> hashing.Hasher:
        return self._application.h

    @property
    def _federation(self) -> federation_module.Federation:
        return self._application.federation

    def hello(self, nonce: bytes) -> bytes:
        """Return our hello."""
        head = self._application.head
        assert self._h.chain_id is not None
        return messages.encode(messages.Hello(
            messages.PROTOCOL_VERSION, self._h.chain_id,
            max(self._member, 0),
            self._claim.offer(), nonce, self._federation.epoch, head.height,
            head.digest))

    def read_hello(self, member: int, frame: bytes) -> messages.Hello:
        """Return a member's hello.

        :raises LedgerError: it is none, or of another chain or protocol
        """
        hello = messages.decode(frame)
        if not isinstance(hello, messages.Hello):
            raise errors.Malformed('A connection starts with a hello.')
        if hello.version != messages.PROTOCOL_VERSION:
            raise errors.UnsupportedVersion(
                f'The peer speaks version {hello.version}.')
        if hello.chain_id != self._h.chain_id:
            raise errors.WrongFederation('The peer is of another chain.')
        self._epochs[member] = hello.epoch
        if hello.member != member and not self._is_elsewhere(member):
            raise errors.Forbidden(
                'The hello names another member than the certificate.')
        return hello

    def _is_elsewhere(self, member: int) -> bool:
        """Return whether a peer acts under another document than we do."""
        return (member >= limits.MEMBERS_MAX_COUNT
                or self._epochs.get(member, self._federation.epoch)
                != self._federation.epoch)

    def answer(self, member: int, greeting: link.Greeting,
               held: bytes) -> bytes:
        """Return the answer to a member's hello."""
        head = self._application.head
        pair = (messages.head_pair(head.header, head.certificate)
                if head.height else None)
        newest = self._newest(member)
        if newest is not None and len(newest) > _NEWEST_MAX_BYTES:
            LOG.error('What member %s sent last is too large to be shown',
                      member)
            newest = None
        unsigned = messages.HelloAnswer(
            held, greeting.nonce, pair, newest,
            bytes(messages.SIGNATURE_BYTES))
        signature = self._provider.sign_raw_ed25519(
            self._vote_seed, messages.signed_part(self._h, unsigned))
        return messages.encode(
            dataclasses.replace(unsigned, signature=signature))

    def check_answer(self, member: int, nonce: bytes, frame: bytes
                     ) -> Shown | None:
        """Return what an answer to our hello shows.

        None: it is by somebody of another epoch and cannot be verified.

        :raises BadSignature: it is not by the member, or not to our hello
        :raises Duplicate: the member holds another process for our
            identity
        :raises Busy: it answers a claim that we do not make any more, or
            lacks the one that we make now: greet again
        """
        answer = messages.decode(frame)
        if not isinstance(answer, messages.HelloAnswer):
            raise errors.Malformed('A hello is answered first.')
        known = self._federation.member(member)
        verified = (known is not None
                    and self._provider.verify_raw_ed25519(
                        known.vote_key, messages.signed_part(
                            self._h, answer), answer.signature))
        if answer.nonce != nonce or not (
                verified or self._is_elsewhere(member)):
            raise errors.BadSignature('The answer is not to this hello.')
        if answer.instance in (self._claim.instance, instances.NOBODY):
            if answer.instance != self._claim.offer():
                raise errors.Busy('The answer is to an earlier offer.')
        else:
            raise errors.Duplicate(
                'The peer holds another process for this identity.',
                held=answer.instance.hex())
        if not verified:
            self._unverified.add(member)
            return None
        self._unverified.discard(member)
        head = (None if answer.head is None
                else messages.read_head_pair(answer.head))
        return Shown(member, head, answer.newest)
