# SPDX-License-Identifier: Apache-2.0
"""What members tell each other beside the consensus: enrolments, holdings.

==== ==================================== ==================================
kind fields                               meaning
==== ==================================== ==================================
20   key id, label, member                the member lets the key write
21   key id, member                       it takes that back
22   member, digest                       what all its enrolments hash to
23   member                               "tell me all of yours"
24   member, [[key id, label]...]         all of them, by key id
32   member, height, keeps                from where on it has every body,
                                          and whether it is an archive
==== ==================================== ==================================

A member speaks of itself and its own enrolments alone, so what it says is
bound by the link's pinned key and needs no signature; a summary on every
new link mends what was missed.  Enrolments are no rule of validity: a member
that lies here lets keys in at other doors, on its own account.
"""

from collections.abc import Iterable
import dataclasses
import hashlib
from typing import Any
from typing import ClassVar

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import limits

LABEL_MAX_BYTES = 256
#: Enrolments which one member may make: they fit one frame.
ENROLMENTS_PER_MEMBER_MAX_COUNT = 32_768

_KEY_ID = codec.Bytes.exact(32)
_MEMBER = codec.Int(0, limits.MEMBERS_MAX_COUNT - 1)
_LABEL = codec.Text(LABEL_MAX_BYTES)


@dataclasses.dataclass(frozen=True, slots=True)
class Gossip:
    """The base of all of them."""

    KIND: ClassVar[int]
    SCHEMA: ClassVar[tuple[codec.Schema, ...]]


@dataclasses.dataclass(frozen=True, slots=True)
class Enrol(Gossip):
    """A member lets a key write."""

    KIND = 20
    SCHEMA = (_KEY_ID, _LABEL, _MEMBER)
    key_id: bytes
    label: str
    member: int


@dataclasses.dataclass(frozen=True, slots=True)
class Unenrol(Gossip):
    """A member takes an enrolment of its own back."""

    KIND = 21
    SCHEMA = (_KEY_ID, _MEMBER)
    key_id: bytes
    member: int


@dataclasses.dataclass(frozen=True, slots=True)
class Summary(Gossip):
    """What all enrolments of a member hash to; see :func:`digest_of`."""

    KIND = 22
    SCHEMA = (_MEMBER, codec.Bytes.exact(32))
    member: int
    digest: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted(Gossip):
    """The sender lacks some of the receiver's enrolments."""

    KIND = 23
    SCHEMA = (_MEMBER,)
    member: int


@dataclasses.dataclass(frozen=True, slots=True)
class Listing(Gossip):
    """All enrolments of a member: (key id, label), by key id."""

    KIND = 24
    SCHEMA = (_MEMBER, codec.Array(codec.Record(_KEY_ID, _LABEL), 0,
                                   ENROLMENTS_PER_MEMBER_MAX_COUNT))
    member: int
    keys: tuple[tuple[bytes, str], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Holding(Gossip):
    """Which bodies a member has.

    :param first_body: it has those of all blocks from this height on
    :param keeps: it prunes none: its operator wants it to be an archive
    """

    KIND = 32
    SCHEMA = (_MEMBER, codec.Int(), codec.Bool())
    member: int
    first_body: int
    keeps: bool


_BY_KIND: dict[int, type[Gossip]] = {
    cls.KIND: cls for cls in (Enrol, Unenrol, Summary, Wanted, Listing,
                              Holding)}
_SCHEMA = codec.Tagged({
    kind: codec.Record(codec.Const(kind), *cls.SCHEMA)
    for kind, cls in _BY_KIND.items()})


def is_gossip(frame: bytes) -> bool:
    """Return whether a frame is one of these rather than consensus."""
    # an array of less than 24 items, then a number below 24 or 0x18 and it
    return frame[:1] < b'\x98' and (
        frame[1:2] in (b'\x14', b'\x15', b'\x16', b'\x17')
        or frame[1:3] in (b'\x18\x18', b'\x18\x20'))


def is_holding(frame: bytes) -> bool:
    """Return whether a frame of these tells what a member holds."""
    return frame[1:3] == b'\x18\x20'


def encode(message: Gossip) -> bytes:
    """Return the payload of a frame."""
    fields: list[Any] = [getattr(message, field.name)
                         for field in dataclasses.fields(message)]
    return codec.encode((message.KIND, *fields))


def decode(frame: bytes, sender: int) -> Gossip:
    """Return what a frame says.

    :param sender: whose link it came by
    :raises FormatError: it is none of these
    :raises Forbidden: it speaks for another member
    """
    kind, *fields = codec.decode(frame, _SCHEMA, limits.FRAME_MAX_BYTES)
    message = _BY_KIND[kind](*fields)
    if message.member != sender:  # type: ignore[attr-defined]
        raise errors.Forbidden('A member speaks for itself alone.')
    return message


def digest_of(keys: Iterable[tuple[bytes, str]]) -> bytes:
    """Return SHA-256 over (key id, label), by key id, in CBOR."""
    return hashlib.sha256(codec.encode(sorted(keys))).digest()
