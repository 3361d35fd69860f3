# SPDX-License-Identifier: Apache-2.0
"""Reading the chain: what answers are made of.

A :class:`Query` reads LMDB and the mapped state array of a node directory,
read-only, in the node's process or in any other one on the host.  All
methods are plain functions, safe to call from any thread, and take tens of
microseconds, except :meth:`Query.search`, which asks the SQL index: call
that one in a thread.

Results have the shapes of the answer bodies (``core.ledger.answer``), so a
door encodes them as they are.  ``HeadPair`` is (header bytes, certificate
bytes); the certificate of the genesis block is empty.
"""

from collections.abc import Sequence
from typing import Any
from typing import Protocol

#: (header bytes, certificate bytes)
HeadPair = tuple[bytes, bytes]
#: (index, size, path): the wire form of an inclusion proof
Inclusion = tuple[int, int, tuple[bytes, ...]]
#: (key, value or None, encoded proof)
ProvenValue = tuple[bytes, bytes | None, bytes]
#: (height, index in the block, raw transaction)
HistoryEntry = tuple[int, int, bytes]


class Reader(Protocol):
    """What a door may read; :class:`Query` is the implementation."""

    @property
    def chain_id(self) -> bytes:
        """32 bytes."""

    def height(self) -> int:
        """Return the height of the newest committed block."""

    def head(self) -> HeadPair:
        """Return the newest committed header and its certificate."""

    def state(self, keys: Sequence[bytes]) -> tuple[
            HeadPair, tuple[ProvenValue, ...]]:
        """Return values with proofs, all at one head.

        :param keys: state keys, 32 bytes each, at most
            ``limits.STATE_KEYS_PER_QUERY_MAX_COUNT``
        """

    def changed_since(self, keys: Sequence[bytes], height: int) -> bool:
        """Return whether one of ``keys`` changed above ``height``."""

    def history(self, state_key: bytes, after: int, limit: int) -> tuple[
            HeadPair, bytes, tuple[HistoryEntry, ...]]:
        """Return the entries with a count above ``after``, ascending.

        The page ends early rather than exceed an answer's size.
        """

    def transaction(self, txid: bytes) -> tuple[
            HeadPair, Inclusion, bytes] | None:
        """Return a transaction, its place and its block's head pair."""

    def block(self, height: int, body: bool = True) -> tuple[
            HeadPair, tuple[bytes, ...] | None] | None:
        """Return the block at ``height``; None if it is not there yet.

        A heartbeat block whose successor is committed has lost its
        certificate (empty bytes); its digest stands in the successor.
        """

    def federations(self, from_epoch: int = 0) -> tuple[tuple[
            bytes, HeadPair | None, Inclusion | None, bytes | None], ...]:
        """Return (signed document, head pair, inclusion, transaction).

        In the order of epochs; genesis has no transaction.
        """

    def federation(self) -> Any:
        """Return the ``Federation`` in force for the next block."""

    def search(self, *, sender: bytes | None = None,
               recipient: bytes | None = None, cid: bytes | None = None,
               kind: int | None = None, after_height: int = -1,
               limit: int = 100) -> list[dict[str, Any]]:
        """Ask the SQL index; not proven, and it says so.  Blocks.

        :param kind: the transaction's type number
        :returns: records with ``txid``, ``height``, ``position``, ``type``,
            ``cid``, ``vid``, ``sender``, ``recipient``, ``timestamp_ms``,
            ``description``, ``size``; ascending by (height, position)
        """
