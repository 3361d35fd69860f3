# SPDX-License-Identifier: Apache-2.0
"""What travels between nodes: one frame holds one of these messages.

A frame is a u32 big-endian length (the transport's) and the canonical CBOR
array ``[kind, field...]``; the fields stand in the order of the class.

*Votes* are the pre-prepare, prepare and commit of S0's Fig. 1.  Each is an
Ed25519 signature by the member's vote key over (height, view, header digest)
under its own tag.  The full digest is signed; prepare and commit carry its
first eight bytes, because whoever counts them has the header already.  A
vote frame is at most 100 bytes.
"""

import dataclasses
import struct
from typing import Any
from typing import cast
from typing import ClassVar
from typing import TypeAlias

from tacker_ledger.core import codec
from tacker_ledger.core import hashing
from tacker_ledger.core import limits

#: The version that a hello names.
PROTOCOL_VERSION = 1
PREFIX_BYTES = 8
SIGNATURE_BYTES = 64
INSTANCE_BYTES = 16
NONCE_BYTES = 16
VIEW_MAX = 2 ** 32 - 1

_PLACE = struct.Struct('>QQ')

_DIGEST = codec.Bytes.exact(hashing.DIGEST_BYTES)
_PREFIX = codec.Bytes.exact(PREFIX_BYTES)
_SIGNATURE = codec.Bytes.exact(SIGNATURE_BYTES)
_INSTANCE = codec.Bytes.exact(INSTANCE_BYTES)
_NONCE = codec.Bytes.exact(NONCE_BYTES)
_VIEW = codec.Int(0, VIEW_MAX)
_MEMBER = codec.Int(0, limits.MEMBERS_MAX_COUNT - 1)
_HEADER = codec.Bytes(1, limits.HEADER_MAX_BYTES)
_CERTIFICATE = codec.Bytes(0, limits.CERTIFICATE_MAX_BYTES)
_BLOCK = codec.Bytes(1, limits.BLOCK_MAX_BYTES)
_HEAD = codec.Bytes(1, limits.HEAD_PAIR_MAX_BYTES)
_SIGNED_VOTES = codec.Array(codec.Record(_MEMBER, _SIGNATURE),
                            1, limits.MEMBERS_MAX_COUNT)
_SUBMISSION = codec.Bytes(1, limits.SUBMISSION_MAX_BYTES)
_HEAD_PAIR = codec.Record(_HEADER, _CERTIFICATE)


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """The base of all of them.

    ``KIND`` is the first item on the wire, ``SCHEMA`` what follows it.
    """

    KIND: ClassVar[int]
    SCHEMA: ClassVar[tuple[codec.Schema, ...]]

    def fields(self) -> tuple[Any, ...]:
        """Return the values that follow the kind on the wire."""
        names = cast(tuple[str, ...], self.__slots__)
        return tuple(getattr(self, name) for name in names)


@dataclasses.dataclass(frozen=True, slots=True)
class Hello(Message):
    """The first frame of a connection, in both directions.

    :param version: of this protocol
    :param chain_id: 32 bytes
    :param member: index of the one that greets
    :param instance: 16 random bytes, drawn at the start of its process
    :param nonce: 16 random bytes that the answer repeats
    :param epoch: of the federation it acts under
    :param head_height: of its newest committed block
    :param head_digest: 32 bytes
    """

    KIND = 1
    SCHEMA = (codec.Int(0, 255), codec.Bytes.exact(hashing.CHAIN_ID_BYTES),
              _MEMBER, _INSTANCE, _NONCE, codec.Int(0, 2 ** 32 - 1),
              codec.Int(), _DIGEST)
    version: int
    chain_id: bytes
    member: int
    instance: bytes
    nonce: bytes
    epoch: int
    head_height: int
    head_digest: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class HelloAnswer(Message):
    """What a member knows about the identity that greeted it.

    :param instance: the instance it holds for that identity; another one
        than greeted means that the newcomer does not count here
    :param nonce: that of the hello
    :param head: its own certified head (:func:`head_pair`), None at genesis
    :param newest: the newest consensus message which it has from that
        identity: an encoded :class:`ShownVote`, :class:`ViewChange` or
        :class:`NewView`; None if it has none
    :param signature: by its vote key over :func:`signed_part`
    """

    KIND = 2
    SCHEMA = (_INSTANCE, _NONCE, codec.Optional(_HEAD),
              codec.Optional(codec.Bytes(1, limits.FRAME_MAX_BYTES // 2)),
              _SIGNATURE)
    instance: bytes
    nonce: bytes
    head: bytes | None
    newest: bytes | None
    signature: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class PrePrepare(Message):
    """The leader proposes a block; counts as its prepare.

    :param block: the encoded block
    :param signature: over the digest of the block's header
    :param new_view: digest of the new-view message that this proposal
        follows, None in the first view of a chain
    """

    KIND = 3
    SCHEMA = (codec.Int(1), _VIEW, _MEMBER, _BLOCK, _SIGNATURE,
              codec.Optional(_DIGEST))
    height: int
    view: int
    member: int
    block: bytes
    signature: bytes
    new_view: bytes | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Vote(Message):
    """What prepare and commit have in common.

    :param prefix: first 8 bytes of the header digest
    :param signature: over the whole digest
    """

    SCHEMA = (codec.Int(1), _VIEW, _MEMBER, _PREFIX, _SIGNATURE)
    height: int
    view: int
    member: int
    prefix: bytes
    signature: bytes

    def fields(self) -> tuple[Any, ...]:
        return (self.height, self.view, self.member, self.prefix,
                self.signature)


@dataclasses.dataclass(frozen=True, slots=True)
class Prepare(Vote):
    """A member has validated the proposed block."""

    KIND = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Commit(Vote):
    """A member has seen a quorum prepare the block."""

    KIND = 5


#: The two votes that name a block by its prefix.
ShortVote: TypeAlias = Prepare | Commit
#: The three messages of the normal case.
AnyVote: TypeAlias = PrePrepare | Prepare | Commit


@dataclasses.dataclass(frozen=True, slots=True)
class PreparedCertificate:
    """Proof that a block was prepared in a view.

    :param view: in which
    :param header: of the block, encoded
    :param votes: (member, signature), ascending; that of the view's leader
        is under its pre-prepare, the others under prepares
    """

    view: int
    header: bytes
    votes: tuple[tuple[int, bytes], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class ViewChange(Message):
    """A member leaves its view for a later one.

    :param height: in flight at the sender
    :param view: the view it asks for
    :param head: its certified head (:func:`head_pair`)
    :param prepared: the newest prepared certificate of that height, if any
    :param signature: over :func:`signed_part`
    """

    KIND = 6
    SCHEMA = (codec.Int(1), codec.Int(1, VIEW_MAX), _MEMBER, _HEAD,
              codec.Optional(codec.Record(_VIEW, _HEADER, _SIGNED_VOTES)),
              _SIGNATURE)
    height: int
    view: int
    member: int
    head: bytes
    prepared: PreparedCertificate | None
    signature: bytes

    def fields(self) -> tuple[Any, ...]:
        prepared = self.prepared
        return (self.height, self.view, self.member, self.head,
                prepared and (prepared.view, prepared.header,
                              prepared.votes),
                self.signature)


@dataclasses.dataclass(frozen=True, slots=True)
class NewView(Message):
    """The leader of a view shows the quorum that wants it.

    :param view_changes: a quorum of encoded view changes, ascending by
        their members
    :param header: what has to be proposed again, None if nothing has
    :param signature: over :func:`signed_part`
    """

    KIND = 7
    SCHEMA = (codec.Int(1), codec.Int(1, VIEW_MAX), _MEMBER,
              codec.Array(codec.Bytes(1, limits.VIEW_CHANGE_MAX_BYTES),
                          1, limits.MEMBERS_MAX_COUNT),
              codec.Optional(_HEADER), _SIGNATURE)
    height: int
    view: int
    member: int
    view_changes: tuple[bytes, ...]
    header: bytes | None
    signature: bytes


#: What a member's vote log may hold: messages that bind their signer.
Recorded: TypeAlias = AnyVote | ViewChange | NewView


@dataclasses.dataclass(frozen=True, slots=True)
class Transactions(Message):
    """Submissions that one member tells another.

    :param urgent: a block should have held them by now (censorship)
    :param submissions: encoded submissions
    """

    KIND = 8
    SCHEMA = (codec.Bool(), codec.Array(_SUBMISSION, 1,
                                        limits.BLOCK_MAX_TRANSACTIONS))
    urgent: bool
    submissions: tuple[bytes, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class GetBlocks(Message):
    """Asks for committed blocks, ascending."""

    KIND = 9
    SCHEMA = (codec.Int(), codec.Int(1),
              codec.Int(1, limits.BLOCKS_PER_FRAME_MAX_COUNT))
    request_id: int
    from_height: int
    max_count: int


@dataclasses.dataclass(frozen=True, slots=True)
class Blocks(Message):
    """Answers :class:`GetBlocks` with as many as fit.

    :param head_height: of the sender
    :param blocks: (encoded block, certificate)
    """

    KIND = 10
    SCHEMA = (codec.Int(), codec.Int(),
              codec.Array(codec.Record(_BLOCK, _CERTIFICATE), 0,
                          limits.BLOCKS_PER_FRAME_MAX_COUNT))
    request_id: int
    head_height: int
    blocks: tuple[tuple[bytes, bytes], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Ping(Message):
    """Are you there?"""

    KIND = 11
    SCHEMA = (codec.Int(),)
    number: int


@dataclasses.dataclass(frozen=True, slots=True)
class Pong(Message):
    """Yes."""

    KIND = 12
    SCHEMA = (codec.Int(),)
    number: int


@dataclasses.dataclass(frozen=True, slots=True)
class GetBody(Message):
    """Asks for the block in flight that others voted for.

    Votes show only the first bytes of its digest; who asks checks the
    block by the votes' signatures.
    """

    KIND = 13
    SCHEMA = (codec.Int(1), _PREFIX)
    height: int
    prefix: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Body(Message):
    """Answers :class:`GetBody`; is nobody's proposal."""

    KIND = 14
    SCHEMA = (_BLOCK,)
    block: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Status(Message):
    """Where a member stands.

    :param height: in flight
    :param view: its view
    """

    KIND = 15
    SCHEMA = (codec.Int(1), _VIEW)
    height: int
    view: int


@dataclasses.dataclass(frozen=True, slots=True)
class ShownVote(Message):
    """A vote as it is shown to somebody who may not have the block.

    Only inside :class:`HelloAnswer`: with the whole digest the signature
    can be verified alone.

    :param kind: of the pre-prepare, prepare or commit
    :param digest: of the header, 32 bytes
    :param signature: that of the vote
    """

    KIND = 16
    SCHEMA = (codec.Int(1), _VIEW, _MEMBER,
              codec.Int(PrePrepare.KIND, Commit.KIND), _DIGEST, _SIGNATURE)
    height: int
    view: int
    member: int
    kind: int
    digest: bytes
    signature: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class CertifiedHead(Message):
    """Shows in which view a height begins: that of this certificate.

    Sent to a member of the same height that is in an earlier view; two
    certificates of one block may be of different views.

    :param head: the certified head before that height (:func:`head_pair`)
    """

    KIND = 17
    SCHEMA = (_HEAD,)
    head: bytes


#: Every message by its kind.
BY_KIND: dict[int, type[Message]] = {
    cls.KIND: cls for cls in (
        Hello, HelloAnswer, PrePrepare, Prepare, Commit, ViewChange, NewView,
        Transactions, GetBlocks, Blocks, Ping, Pong, GetBody, Body, Status,
        ShownVote, CertifiedHead)}

_SCHEMA = codec.Tagged({
    kind: codec.Record(codec.Const(kind), *cls.SCHEMA)
    for kind, cls in BY_KIND.items()})

_VOTE_TAGS = {PrePrepare.KIND: hashing.Tag.PRE_PREPARE,
              Prepare.KIND: hashing.Tag.PREPARE,
              Commit.KIND: hashing.Tag.COMMIT}
_SIGNED_TAGS = {HelloAnswer.KIND: hashing.Tag.HELLO,
                ViewChange.KIND: hashing.Tag.VIEW_CHANGE,
                NewView.KIND: hashing.Tag.NEW_VIEW}


def encode(message: Message) -> bytes:
    """Return the payload of a frame, without its length."""
    return codec.encode((message.KIND, *message.fields()))


def decode(data: bytes) -> Message:
    """Return the message that a frame holds; no signature is checked.

    :raises Malformed: not a message of this protocol
    :raises TooLarge: over the bound of a frame
    """
    kind, *fields = codec.decode(data, _SCHEMA, limits.FRAME_MAX_BYTES)
    if kind == ViewChange.KIND and fields[4] is not None:
        fields[4] = PreparedCertificate(*fields[4])
    return BY_KIND[kind](*fields)


def vote_message(h: hashing.Hasher, kind: int, height: int, view: int,
                 digest: bytes) -> bytes:
    """Return what the signature of a vote covers.

    :param kind: of :class:`PrePrepare`, :class:`Prepare` or
        :class:`Commit`
    :param digest: of the header, 32 bytes
    """
    return h.message(_VOTE_TAGS[kind], _PLACE.pack(height, view), digest)


def signed_part(h: hashing.Hasher, message: HelloAnswer | ViewChange | NewView
                ) -> bytes:
    """Return what the signature of a message covers that is no vote.

    All of the message but the signature, as a canonical array.
    """
    return h.message(
        _SIGNED_TAGS[message.KIND],
        codec.encode((message.KIND, *message.fields()[:-1])))


def digest_of(h: hashing.Hasher, message: NewView) -> bytes:
    """Return how a pre-prepare names the new view that it follows."""
    return h.hash(hashing.Tag.NEW_VIEW, encode(message))


def head_pair(header: bytes, certificate: bytes) -> bytes:
    """Return a certified head as the bytes that messages carry."""
    return codec.encode((header, certificate))


def read_head_pair(data: bytes) -> tuple[bytes, bytes]:
    """Return (header, certificate), neither of them looked at.

    :raises FormatError: the bytes are not a head pair
    """
    return cast(tuple[bytes, bytes],
                codec.decode(data, _HEAD_PAIR, limits.HEAD_PAIR_MAX_BYTES))
