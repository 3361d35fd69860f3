# SPDX-License-Identifier: Apache-2.0
"""Answers signed by the member, so that a false one is evidence.

The signature (by the answer key which the federation document names)
covers the request with the client's nonce, the instance, the head and the
body.  The key is held by every process that answers; the vote key is not.
"""

from collections.abc import Callable
from collections.abc import Sequence
import functools
from typing import Any

from oslo_log import log as logging

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto.providers import base
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import answer as answer_module
from tacker_ledger.core.ledger import block
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.node import query
from tacker_ledger.node import submit

LOG = logging.getLogger(__name__)

Request = answer_module.Request
#: What an answer says when there is no such object.
NOT_FOUND: tuple[None] = (None,)


class Signer:
    """Holds a member's answer key, and the one to follow it.

    :param seed: 32 secret bytes, an Ed25519 private key (RFC 8032)
    :param provider: of cryptography; None: the process's default
    :param reread: returns the seeds that there are now: a later federation
        document may name a key that was made while the process runs
    """

    def __init__(self, seed: bytes, provider: base.Provider | None = None,
                 reread: Callable[[], Sequence[bytes]] | None = None
                 ) -> None:
        self._provider = provider or providers.default()
        self._seeds = {self._provider.ed25519_public(seed): seed}
        self._reread = reread
        self.public_key, = self._seeds

    def holds(self, public_key: bytes) -> bool:
        """Return whether a key is held."""
        return public_key in self._seeds

    def read_again(self) -> None:
        """Look for keys that were made meanwhile."""
        if self._reread is None:
            return
        try:
            seeds = self._reread()
        except errors.BadOption as error:
            LOG.error('The answer keys are not read again: %s',
                      error.message)
            return
        self._seeds |= {self._provider.ed25519_public(one): one
                        for one in seeds}

    def __repr__(self) -> str:
        return f'Signer({self.public_key.hex()})'

    def sign(self, message: bytes, public_key: bytes | None = None) -> bytes:
        """Return the signature of a message, 64 bytes.

        :param public_key: which key signs; None: the first
        """
        return self._provider.sign_raw_ed25519(
            self._seeds[public_key or self.public_key], message)


class Answerer:
    """Makes signed answers out of what was read.

    Its methods may be called from any thread.

    :param signer: of the member's answers
    :param reader: the chain
    :param federation: returns the federation in force
    :param identity: returns who answers: chain, member, instance
    A node that joins has no answer key that clients know before a document
    names it; what it answers until then convinces nobody.
    """

    def __init__(self, signer: Signer, reader: query.Reader,
                 federation: Callable[[], federation_module.Federation],
                 identity: Callable[[], submit.Identity]) -> None:
        self._signer = signer
        self._reader = reader
        self._federation = federation
        self._identity = identity
        self._h = hashing.hasher(reader.chain_id)
        self._member = functools.lru_cache(maxsize=4)(self._index_in)
        # the federation in force changes with a block, not between two
        self._member_at = functools.lru_cache(maxsize=4)(self._index_at)
        self._head = functools.lru_cache(maxsize=16)(self._head_of)
        if self._member(federation()) is None:
            LOG.warning('No member of the federation in force has the answer '
                        'key of this process: clients will not believe it')

    def _index_in(self, federation: federation_module.Federation
                  ) -> tuple[int, bytes] | None:
        self._signer.read_again()
        for index, member in enumerate(federation.members):
            if self._signer.holds(member.answer_key):
                return index, member.answer_key
        return None

    def _index_at(self, _height: int) -> tuple[int, bytes] | None:
        return self._member(self._federation())

    def _head_of(self, header: bytes) -> tuple[int, bytes, int]:
        parsed = block.Header.from_bytes(header)
        return (parsed.height, block.header_digest(self._h, header),
                parsed.timestamp_ms)

    def sign(self, request: Request, body: Any,
             head: query.HeadPair | None = None) -> bytes:
        """Return the encoded, signed answer to a request.

        :param body: of a shape in ``core.ledger.answer``
        :param head: the head that the body was read at; None: the newest
        """
        header = (head or self._reader.head())[0]
        height, digest, time_ms = self._head(header)
        identity = self._identity()
        # a member that left goes on answering with its last index
        member, key = self._member_at(height) or (
            identity.member, self._signer.public_key)
        return answer_module.sign_answer(
            self._h, lambda message: self._signer.sign(message, key),
            member=member,
            instance=identity.instance,
            request_digest=request.digest(self._h),
            head_height=height, head_digest=digest, head_time_ms=time_ms,
            body=codec.encode(body)).to_bytes()
