# SPDX-License-Identifier: Apache-2.0
"""How many bytes of strangers a door holds at a time."""

from collections.abc import Iterator
import contextlib

from tacker_ledger.core import errors


class Budget:
    """A number of bytes that requests share; belongs to one loop.

    :param max_bytes: all of them
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._taken_bytes = 0

    @property
    def taken_bytes(self) -> int:
        """Bytes in use now."""
        return self._taken_bytes

    def take(self, size: int) -> None:
        """Reserve bytes; give them back with :meth:`give`.

        :raises Busy: too many are in use
        """
        if self._taken_bytes + size > self._max_bytes:
            raise errors.Busy('Too many large requests at present.')
        self._taken_bytes += size

    def give(self, size: int) -> None:
        """Give bytes back."""
        self._taken_bytes -= size

    @contextlib.contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Reserve bytes for the time of a block.

        :raises Busy: too many are in use
        """
        self.take(size)
        try:
            yield
        finally:
            self.give(size)
