# SPDX-License-Identifier: Apache-2.0
"""Answers of a member, signed: what a node says can be held against it.

The envelope ties a body to the request that it answers (with the client's
nonce in its target), to the process that answered, and to the head that the
process had.  The signature is by the member's answer key, which its API
processes hold.  The envelope proves who said something; whether that is true
is for the body's own certificates and proofs to show.

Bodies are canonical CBOR.  A *head pair* is ``[header, certificate]``.  A
body ``[null]`` means that there is no such object.
"""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
import hashlib
import struct
from typing import Any
from typing import cast
from typing import TypeAlias

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import block
from tacker_ledger.core.ledger import certificate
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core import limits

VERSION = 1
INSTANCE_BYTES = 16
#: The client's nonce in the query, in hex digits.
NONCE_HEX_DIGITS = 32
#: The body of an answer about something that does not exist.
NOT_FOUND = codec.encode((None,))

#: (header, certificate)
HeadPair: TypeAlias = tuple[bytes, bytes]
#: (index, size, path) of :class:`~.block.InclusionProof`
InclusionFields: TypeAlias = tuple[int, int, tuple[bytes, ...]]
#: (state key, value or None, encoded proof)
ProvenValue: TypeAlias = tuple[bytes, bytes | None, bytes]
#: (height, index in the block, raw transaction)
HistoryEntry: TypeAlias = tuple[int, int, bytes]
#: (signed document, head pair, inclusion, raw transaction); genesis has
#: the document alone
FederationEntry: TypeAlias = tuple[
    bytes, HeadPair | None, InclusionFields | None, bytes | None]
#: (transaction id, error code, message); no code when it was accepted
Submitted: TypeAlias = tuple[bytes | None, str | None, str | None]

_U64 = struct.Struct('>Q')
_NO_BODY = hashlib.sha256().digest()
_DIGEST = codec.Bytes.exact(hashing.DIGEST_BYTES)
_SIGNATURE = codec.Bytes.exact(64)
_RAW = codec.Bytes(1, limits.TRANSACTION_MAX_BYTES)
_INDEX = codec.Int(0, limits.BLOCK_MAX_TRANSACTIONS - 1)
_SIGNED = codec.Bytes(1, limits.FEDERATION_SIGNED_MAX_BYTES)

_ANSWER = codec.Record(
    codec.Int(0, 255), codec.Int(0, limits.MEMBERS_MAX_COUNT - 1),
    codec.Bytes.exact(INSTANCE_BYTES), _DIGEST, codec.Int(), _DIGEST,
    codec.Int(), codec.Bytes(1, limits.ANSWER_MAX_BYTES), _SIGNATURE)

HEAD = codec.Record(codec.Bytes(1, limits.HEADER_MAX_BYTES),
                    codec.Bytes(0, limits.CERTIFICATE_MAX_BYTES))
STATE = codec.Record(HEAD, codec.Array(
    codec.Record(
        _DIGEST,
        codec.Optional(codec.Bytes(1, limits.STATE_VALUE_MAX_BYTES)),
        codec.Bytes(1, limits.PROOF_MAX_BYTES)),
    0, limits.STATE_KEYS_PER_QUERY_MAX_COUNT))
HISTORY = codec.Record(HEAD, _DIGEST, codec.Array(
    codec.Record(codec.Int(1), _INDEX, _RAW),
    0, limits.HISTORY_PAGE_MAX_COUNT))
TRANSACTION = codec.Record(HEAD, block.INCLUSION, _RAW)
BLOCK = codec.Record(HEAD, codec.Optional(
    codec.Array(_RAW, 0, limits.BLOCK_MAX_TRANSACTIONS)))
FEDERATION = codec.Array(
    codec.Record(_SIGNED, codec.Optional(HEAD),
                 codec.Optional(block.INCLUSION), codec.Optional(_RAW)),
    0, limits.FEDERATIONS_PER_ANSWER_MAX_COUNT)
SUBMISSION = codec.Array(
    codec.Record(codec.Optional(_DIGEST), codec.Optional(codec.Text(64)),
                 codec.Optional(codec.Text(4096))),
    1, limits.BATCH_SUBMIT_MAX_COUNT)


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """What was asked, as far as an answer is tied to it.

    :param method: of HTTP, in capitals
    :param target: path and query exactly as sent
    :param body_hash: SHA-256 of the request's body
    """

    method: str
    target: str
    body_hash: bytes

    @classmethod
    def of(cls, method: str, target: str, body: bytes = b'') -> 'Request':
        """Return the request with its body hashed."""
        return cls(method, target, hashlib.sha256(body).digest() if body
                   else _NO_BODY)

    def digest(self, h: hashing.Hasher) -> bytes:
        """Return what the answer repeats, 32 bytes."""
        return h.hash(hashing.Tag.REQUEST, codec.encode(
            (self.method, self.target, self.body_hash)))


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """A member's answer, its signature not checked yet.

    :param member: index in the federation document in force
    :param instance: the process that answers, 16 bytes
    :param request_digest: of the request, 32 bytes
    :param head_height: of the newest block that process has
    :param head_digest: of its header, 32 bytes
    :param head_time_ms: its timestamp
    :param body: encoded
    :param signature: Ed25519, 64 bytes
    """

    member: int
    instance: bytes
    request_digest: bytes
    head_height: int
    head_digest: bytes
    head_time_ms: int
    body: bytes
    signature: bytes

    @classmethod
    def from_bytes(cls, data: bytes) -> 'Answer':
        """Return the answer that ``data`` encodes.

        :raises BadAnswer: it is none
        """
        try:
            version, *fields = codec.decode(
                data, _ANSWER, limits.ANSWER_MAX_BYTES)
        except errors.FormatError as exc:
            raise errors.BadAnswer(
                f'not a signed answer: {exc.message}') from exc
        if version != VERSION:
            raise errors.BadAnswer(f'answer of version {version}')
        return cls(*fields)

    def to_bytes(self) -> bytes:
        """Return the canonical encoding."""
        return codec.encode((
            VERSION, self.member, self.instance, self.request_digest,
            self.head_height, self.head_digest, self.head_time_ms,
            self.body, self.signature))

    def message(self, h: hashing.Hasher) -> bytes:
        """Return what the signature covers."""
        return _message(h, self.instance, self.request_digest,
                        self.head_height, self.head_digest,
                        self.head_time_ms, self.body)


def _message(h: hashing.Hasher, instance: bytes, request_digest: bytes,
             head_height: int, head_digest: bytes, head_time_ms: int,
             body: bytes) -> bytes:
    return h.message(
        hashing.Tag.ANSWER, request_digest, instance, _U64.pack(head_height),
        head_digest, _U64.pack(head_time_ms), hashlib.sha256(body).digest())


def sign_answer(h: hashing.Hasher, sign: Callable[[bytes], bytes], *,
                member: int, instance: bytes, request_digest: bytes,
                head_height: int, head_digest: bytes, head_time_ms: int,
                body: bytes) -> Answer:
    """Return a signed answer.

    :param sign: signs with the member's answer key
    """
    return Answer(
        member, instance, request_digest, head_height, head_digest,
        head_time_ms, body, sign(_message(
            h, instance, request_digest, head_height, head_digest,
            head_time_ms, body)))


def check_answer(h: hashing.Hasher, verifier: certificate.Verifier,
                 federation: federation_module.Federation,
                 request_digest: bytes, member: int, data: bytes) -> Answer:
    """Return a member's answer to a request.

    :param federation: names the answer key
    :param request_digest: of the request that was sent
    :param member: who was asked
    :param data: the encoded answer
    :raises BadAnswer: it is none, answers another request, is another
        member's, or its signature is wrong
    """
    answer = Answer.from_bytes(data)
    if answer.request_digest != request_digest:
        raise errors.BadAnswer('it answers another request')
    asked = federation.member(member)
    if asked is None or answer.member != member:
        raise errors.BadAnswer('it is the answer of another member',
                               expected=member, found=answer.member)
    if not verifier.verify_raw_ed25519(asked.answer_key, answer.message(h),
                                       answer.signature):
        raise errors.BadAnswer('the answer is not signed by the member',
                               member=member)
    return answer


def _decode(body: bytes, schema: codec.Schema) -> Any:
    """Return a body's value.

    :raises NotFound: it says so
    :raises BadAnswer: it is not of the schema
    """
    if body == NOT_FOUND:
        raise errors.NotFound('the node has no such object')
    try:
        return codec.decode(body, schema, limits.ANSWER_MAX_BYTES)
    except errors.FormatError as exc:
        raise errors.BadAnswer(
            f'the body is not what was asked for: {exc.message}') from exc


def encode_body(value: object) -> bytes:
    """Return the encoding of a body given in the shapes of this module."""
    return codec.encode(value)


def read_head(body: bytes) -> HeadPair:
    """Return the body of ``/v1/head``; errors as all of these raise.

    :raises NotFound: the node says that there is no such object
    :raises BadAnswer: not such a body
    """
    return cast(HeadPair, _decode(body, HEAD))


def read_state(body: bytes) -> tuple[HeadPair, Sequence[ProvenValue]]:
    """Return the body of ``/v1/state``: a head, proven values at it."""
    return cast(tuple[HeadPair, Sequence[ProvenValue]],
                _decode(body, STATE))


def read_history(body: bytes
                 ) -> tuple[HeadPair, bytes, Sequence[HistoryEntry]]:
    """Return the body of ``/v1/histories/KEY``: head, key, entries."""
    return cast(tuple[HeadPair, bytes, Sequence[HistoryEntry]],
                _decode(body, HISTORY))


def read_transaction(body: bytes
                     ) -> tuple[HeadPair, InclusionFields, bytes]:
    """Return the body of ``/v1/transactions/ID``.

    The head pair is that of the transaction's block.
    """
    return cast(tuple[HeadPair, InclusionFields, bytes],
                _decode(body, TRANSACTION))


def read_block(body: bytes) -> tuple[HeadPair, Sequence[bytes] | None]:
    """Return the body of ``/v1/blocks/HEIGHT``."""
    return cast(tuple[HeadPair, Sequence[bytes] | None],
                _decode(body, BLOCK))


def read_federation(body: bytes) -> Sequence[FederationEntry]:
    """Return the body of ``/v1/federation``, ascending by epoch."""
    return cast(Sequence[FederationEntry], _decode(body, FEDERATION))


def read_submission(body: bytes) -> Sequence[Submitted]:
    """Return the body of an accepted ``POST /v1/transactions``."""
    return cast(Sequence[Submitted], _decode(body, SUBMISSION))
