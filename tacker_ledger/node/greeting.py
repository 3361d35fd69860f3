# SPDX-License-Identifier: Apache-2.0
"""Hello and its answer: who is at the other end, and how far.

The transport has checked the node key already (``transport.link``).  Here
the hello's chain, version and member are checked, and the answer, which is
signed by the vote key: it tells a starting process the certified head of
each member, which instance that member holds for our identity, and the
newest vote that it has seen under it.
"""

from collections.abc import Callable
import dataclasses

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.transport import link


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """What a member's answer shows, its signature checked.

    :param head: (header, certificate), not checked; None at genesis
    :param newest: encoded, about our own identity, not checked
    """

    member: int
    head: tuple[bytes, bytes] | None
    newest: bytes | None


class Greeter:
    """Makes and judges greetings of one process.

    :param application: for the head and the federation in force
    :param instance: 16 bytes, of this process
    :param vote_seed: signs answers
    :param newest: member -> newest encoded vote seen from it
    """

    def __init__(self, application: application_module.LedgerApplication,
                 provider: provider_module.Provider, instance: bytes,
                 member: int, vote_seed: bytes,
                 newest: Callable[[int], bytes | None]) -> None:
        self._application = application
        self._provider = provider
        self._instance = instance
        self._member = member
        self._vote_seed = vote_seed
        self._newest = newest

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
            messages.PROTOCOL_VERSION, self._h.chain_id, self._member,
            self._instance, nonce, self._federation.epoch, head.height,
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
        if hello.member != member:
            raise errors.Forbidden(
                'The hello names another member than the certificate.')
        return hello

    def answer(self, member: int, greeting: link.Greeting,
               held: bytes) -> bytes:
        """Return the answer to a member's hello."""
        head = self._application.head
        pair = (messages.head_pair(head.header, head.certificate)
                if head.height else None)
        unsigned = messages.HelloAnswer(
            held, greeting.nonce, pair, self._newest(member),
            bytes(messages.SIGNATURE_BYTES))
        signature = self._provider.sign_raw_ed25519(
            self._vote_seed, messages.signed_part(self._h, unsigned))
        return messages.encode(
            dataclasses.replace(unsigned, signature=signature))

    def check_answer(self, member: int, nonce: bytes, frame: bytes) -> Shown:
        """Return what an answer to our hello shows.

        :raises BadSignature: it is not by the member, or not to our hello
        :raises Duplicate: the member holds another process for our
            identity
        """
        answer = messages.decode(frame)
        if not isinstance(answer, messages.HelloAnswer):
            raise errors.Malformed('A hello is answered first.')
        known = self._federation.member(member)
        if (known is None or answer.nonce != nonce
                or not self._provider.verify_raw_ed25519(
                    known.vote_key, messages.signed_part(self._h, answer),
                    answer.signature)):
            raise errors.BadSignature('The answer is not to this hello.')
        if answer.instance != self._instance:
            raise errors.Duplicate(
                'The peer holds another process for this identity.',
                held=answer.instance.hex())
        head = (None if answer.head is None
                else messages.read_head_pair(answer.head))
        return Shown(member, head, answer.newest)
