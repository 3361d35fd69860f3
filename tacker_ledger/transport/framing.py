# SPDX-License-Identifier: Apache-2.0
"""Frames between processes: u32 big-endian length, then that many bytes.

A length over the bound ends the connection before anything of the frame is
kept.  Used between nodes and on the node's local socket.
"""

from collections.abc import Iterator
import struct

from tacker_ledger.core import errors
from tacker_ledger.core import limits

_LENGTH = struct.Struct('>I')
PREFIX_BYTES = _LENGTH.size


def frame(payload: bytes) -> bytes:
    """Return ``payload`` with its length before it."""
    assert 0 < len(payload) <= limits.FRAME_MAX_BYTES
    return _LENGTH.pack(len(payload)) + payload


class FrameReader:
    """Cuts a stream of bytes into frames.

    :param max_bytes: bound on one frame; it may be changed between frames
    """

    __slots__ = ('max_bytes', '_buffer', '_wanted')

    def __init__(self, max_bytes: int = limits.FRAME_MAX_BYTES) -> None:
        self.max_bytes = max_bytes
        self._buffer = bytearray()
        #: Size of the frame whose head was read, None between frames.
        self._wanted: int | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes as they come, yield each frame they complete.

        :raises TooLarge: a frame announces more than ``max_bytes``
        :raises Malformed: an empty frame
        """
        self._buffer += data
        while True:
            if self._wanted is None:
                if len(self._buffer) < PREFIX_BYTES:
                    return
                self._wanted = self._checked(
                    _LENGTH.unpack_from(self._buffer)[0])
                del self._buffer[:PREFIX_BYTES]
            if len(self._buffer) < self._wanted:
                return
            payload = bytes(memoryview(self._buffer)[:self._wanted])
            del self._buffer[:self._wanted]
            self._wanted = None
            yield payload

    def _checked(self, size: int) -> int:
        if size > self.max_bytes:
            raise errors.TooLarge(
                f'A frame of {size} bytes, at most {self.max_bytes} are '
                'allowed.', size=size, limit=self.max_bytes)
        if not size:
            raise errors.Malformed('An empty frame.')
        return size

    @property
    def pending_bytes(self) -> int:
        """How many bytes of an unfinished frame are held."""
        return len(self._buffer)
