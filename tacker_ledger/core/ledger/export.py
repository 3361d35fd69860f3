# SPDX-License-Identifier: Apache-2.0
"""The exported chain: a stream of bytes that anybody can verify alone.

::

    u32 length | canonical CBOR [1, chain id, signed genesis document]
    u32 length | canonical CBOR [block, certificate]        height 1
    u32 length | canonical CBOR [block, certificate]        height 2
    ...

Lengths are big-endian and count the bytes after them.  Blocks ascend
without gaps.  A heartbeat block may come with an empty certificate: nodes
drop it once the successor is certified, whose header names the heartbeat's
digest.  A directory of files is the same stream cut anywhere, joined in the
order of the files' names.

Writing needs no more than :func:`header_record` and :func:`block_record`;
reading is :class:`ExportReader`.  What the stream says is judged by
:mod:`tacker_ledger.core.ledger.export_verifier`.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import dataclasses
from typing import Any
from typing import Protocol

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import limits

VERSION = 1
#: How an export's files end.
SUFFIX = '.chain'

_LENGTH_BYTES = 4
_SIGNED_MAX_BYTES = 2 * limits.FEDERATION_DOCUMENT_MAX_BYTES
_RECORD_MAX_BYTES = (limits.BLOCK_MAX_BYTES + limits.CERTIFICATE_MAX_BYTES
                     + 64)
_HEADER = codec.Record(
    codec.Const(VERSION), codec.Bytes.exact(32),
    codec.Bytes(1, _SIGNED_MAX_BYTES))
_BLOCK = codec.Record(
    codec.Bytes(1, limits.BLOCK_MAX_BYTES),
    codec.Bytes(0, limits.CERTIFICATE_MAX_BYTES))


class Reader(Protocol):
    """Where the bytes come from: an open file, for instance."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most ``size``; none at the end."""


@dataclasses.dataclass(frozen=True, slots=True)
class Header:
    """What an export says about itself.

    :param chain_id: 32 bytes
    :param genesis: the signed federation document of epoch 0
    """

    chain_id: bytes
    genesis: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One exported block, unchecked.

    :param certificate: empty for a heartbeat that has lost it
    :param end: how many bytes of the stream end with this record
    """

    block: bytes
    certificate: bytes
    end: int


def _framed(value: tuple[Any, ...]) -> bytes:
    body = codec.encode(value)
    return len(body).to_bytes(_LENGTH_BYTES, 'big') + body


def header_record(chain_id: bytes, genesis: bytes) -> bytes:
    """Return the bytes an export starts with.

    :param chain_id: 32 bytes
    :param genesis: encoded signed federation document of epoch 0
    """
    return _framed((VERSION, chain_id, genesis))


def block_record(block: bytes, certificate: bytes) -> bytes:
    """Return the bytes of one block.

    :param block: encoded block
    :param certificate: empty only for a heartbeat that has lost it
    """
    return _framed((block, certificate))


class Joined:
    """Several readers as one, each read to its end.

    :param readers: in order; taken one after the other as they are needed
    """

    def __init__(self, readers: Iterable[Reader]) -> None:
        self._readers = iter(readers)
        self._current: Reader | None = next(self._readers, None)

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most ``size``; none at the end."""
        while self._current is not None:
            data = self._current.read(size)
            if data:
                return data
            self._current = next(self._readers, None)
        return b''


class ExportReader:
    """Frames of one stream, each bounded before it is read.

    :param reader: at the start of an export
    :raises Malformed: it does not start as an export does
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._at = 0
        body = self._frame(_SIGNED_MAX_BYTES + 64)
        if body is None:
            raise errors.Malformed('the export is empty')
        _version, chain_id, genesis = codec.decode(
            body, _HEADER, _SIGNED_MAX_BYTES + 64)
        self.header = Header(chain_id, genesis)

    def records(self) -> Iterator[Record]:
        """Yield the blocks in the order of the stream.

        :raises Malformed: a record is damaged or cut; the details say
            where in the stream it starts
        """
        while True:
            start = self._at
            try:
                body = self._frame(_RECORD_MAX_BYTES)
                if body is None:
                    return
                block, certificate = codec.decode(body, _BLOCK,
                                                  _RECORD_MAX_BYTES)
            except errors.FormatError as exc:
                exc.details['stream_offset'] = start
                raise
            yield Record(block, certificate, self._at)

    def _frame(self, max_bytes: int) -> bytes | None:
        head = self._exactly(_LENGTH_BYTES)
        if not head:
            return None
        size = int.from_bytes(head, 'big')
        if len(head) < _LENGTH_BYTES or size > max_bytes:
            raise errors.Malformed('not a record of an export',
                                   limit=max_bytes)
        body = self._exactly(size)
        if len(body) < size:
            raise errors.Malformed('the export ends within a record')
        return body

    def _exactly(self, size: int) -> bytes:
        """Return ``size`` bytes, fewer only at the end of the stream."""
        parts = []
        left = size
        while left:
            part = self._reader.read(min(left, 1 << 20))
            if not part:
                break
            parts.append(part)
            left -= len(part)
        self._at += size - left
        return b''.join(parts)
