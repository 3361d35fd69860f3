# SPDX-License-Identifier: Apache-2.0
"""Frames by which a member hands the state to one that is far behind.

==== ==================================== ==================================
kind fields                               meaning
==== ==================================== ==================================
25   request, epoch                       "hold your newest state for me",
                                          with the federation documents
                                          from this epoch on
26   request, number, block, certificate  it is held under a number; the
                                          block whose state it is
27   request, number, part, after         a page of a part of it, from the
                                          first key above ``after`` on
28   request, [[key, value]...], more     the page; ``more`` is false at the
                                          end of the part
29   request, code                        there is none: why
30   number                               no more of it is wanted
==== ==================================== ==================================

They stand beside the consensus messages (``messages``) and have the same
form: canonical CBOR ``[kind, field...]``.  Nothing of what they say is
believed: see ``core.ledger.snapshot``.
"""

import dataclasses
import enum

from tacker_ledger.core import codec
from tacker_ledger.core.consensus import messages
from tacker_ledger.core import limits


class Part(enum.IntEnum):
    """The parts of a snapshot, in the order in which they are asked for.

    * ``FEDERATIONS``: u32 epoch -> canonical CBOR [block, certificate] of
      the block that holds its document
    * ``STATE``: state key -> value
    * ``ADDRESSED``: recipient id | sender id -> u64 height | u32 index of
      the first transaction between them
    """

    FEDERATIONS = 0
    STATE = 1
    ADDRESSED = 2


_EPOCH = codec.Int(1, 2 ** 32 - 1)
_BLOCK = codec.Bytes(1, limits.BLOCK_MAX_BYTES)
_CERTIFICATE = codec.Bytes(1, limits.CERTIFICATE_MAX_BYTES)
_KEY = codec.Bytes(1, limits.SNAPSHOT_KEY_MAX_BYTES)
_ITEM = codec.Record(_KEY, codec.Bytes(1, limits.SNAPSHOT_VALUE_MAX_BYTES))
_CERTIFIED_BLOCK = codec.Record(_BLOCK, _CERTIFICATE)


@dataclasses.dataclass(frozen=True, slots=True)
class GetSnapshot(messages.Message):
    """Asks for the newest state.

    :param from_epoch: the first one whose federation document is wanted
    """

    KIND = 25
    SCHEMA = (codec.Int(), _EPOCH)
    request_id: int
    from_epoch: int


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot(messages.Message):
    """The state after a block is held for the one that asked.

    :param number: by which its pages are asked for
    :param block: encoded
    :param certificate: of the block
    """

    KIND = 26
    SCHEMA = (codec.Int(), codec.Int(), _BLOCK, _CERTIFICATE)
    request_id: int
    number: int
    block: bytes
    certificate: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class GetPage(messages.Message):
    """Asks for a page.

    :param after: the last key of the page before; empty for the first page
    """

    KIND = 27
    SCHEMA = (codec.Int(), codec.Int(), codec.Int(min(Part), max(Part)),
              codec.Bytes(0, limits.SNAPSHOT_KEY_MAX_BYTES))
    request_id: int
    number: int
    part: int
    after: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Page(messages.Message):
    """A page: (key, value), ascending by key."""

    KIND = 28
    SCHEMA = (codec.Int(), codec.Array(_ITEM, 0,
                                       limits.SNAPSHOT_PAGE_MAX_COUNT),
              codec.Bool())
    request_id: int
    items: tuple[tuple[bytes, bytes], ...]
    more: bool


@dataclasses.dataclass(frozen=True, slots=True)
class NoSnapshot(messages.Message):
    """Nothing is held.

    :param code: ``busy``: for too many others at present; ``not-found``:
        it is over, or there is nothing yet
    """

    KIND = 29
    SCHEMA = (codec.Int(), codec.Text(64))
    request_id: int
    code: str


@dataclasses.dataclass(frozen=True, slots=True)
class EndSnapshot(messages.Message):
    """What is held may be let go."""

    KIND = 30
    SCHEMA = (codec.Int(),)
    number: int


BY_KIND: dict[int, type[messages.Message]] = {
    cls.KIND: cls for cls in (GetSnapshot, Snapshot, GetPage, Page,
                              NoSnapshot, EndSnapshot)}
_SCHEMA = codec.Tagged({
    kind: codec.Record(codec.Const(kind), *cls.SCHEMA)
    for kind, cls in BY_KIND.items()})


def is_snapshot(frame: bytes) -> bool:
    """Return whether a frame is one of these."""
    # an array of less than 24 items, then a number from 25 to 30
    return (frame[:1] < b'\x98'
            and b'\x18\x19' <= frame[1:3] <= b'\x18\x1e')


def decode(frame: bytes) -> messages.Message:
    """Return the message that a frame holds.

    :raises Malformed: it is none of these
    :raises TooLarge: over the bound of a frame
    """
    kind, *fields = codec.decode(frame, _SCHEMA, limits.FRAME_MAX_BYTES)
    return BY_KIND[kind](*fields)


def certified_block(block: bytes, certificate: bytes) -> bytes:
    """Return a value of the part ``FEDERATIONS``."""
    return codec.encode((block, certificate))


def read_certified_block(value: bytes) -> tuple[bytes, bytes]:
    """Return (encoded block, certificate), neither of them looked at.

    :raises FormatError: the value is no such pair
    """
    block, certificate = codec.decode(value, _CERTIFIED_BLOCK,
                                      limits.SNAPSHOT_VALUE_MAX_BYTES)
    return block, certificate
