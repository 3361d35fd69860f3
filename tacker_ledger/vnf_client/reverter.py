# SPDX-License-Identifier: Apache-2.0
"""The journal: a change is registered before it is made.

It holds what every applier needs to bring back the state before the change,
and the sequence number which the agent's state will have when the change is
confirmed.  So at start it is plain whether the change was confirmed (only
the journal's removal is missing) or must be undone, wherever the process
died.
"""

from collections.abc import Mapping
import dataclasses
import pathlib

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core import limits
from tacker_ledger.vnf_client.appliers import base
from tacker_ledger.vnf_client import files

VERSION = 1
FILE_NAME = 'journal'
JOURNAL_MAX_BYTES = 1024 * 1024 * 1024

_ITEMS = codec.Array(codec.Record(
    identifiers.CID, identifiers.VID, codec.Text(256),
    codec.Bytes(0, limits.INFLATED_MAX_BYTES)),
    0, limits.EFFECTIVE_MAX_COUNT)
_SCHEMA = codec.Record(
    codec.Const(VERSION), codec.Int(), identifiers.DIGEST, identifiers.CID,
    identifiers.VID, identifiers.DIGEST, codec.Array(codec.Record(
        codec.Text(64), _ITEMS, _ITEMS,
        codec.Bytes(0, JOURNAL_MAX_BYTES)), 0, 64))


@dataclasses.dataclass(frozen=True, slots=True)
class Undo:
    """How one applier goes back.

    :param change: what is about to be done (without observed state, which
        going back does not need)
    """

    change: base.Change
    snapshot: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Journal:
    """A change that has begun.

    :param sequence: of the agent's state once it is confirmed
    :param txid: the base transaction
    :param sender_id: of it
    :param undo: by applier, in the order of applying
    """

    sequence: int
    txid: bytes
    cid: bytes
    vid: int
    sender_id: bytes
    undo: Mapping[str, Undo]


class Reverter:
    """Writes the journal, and puts back what it says."""

    def __init__(self, directory: pathlib.Path,
                 appliers: Mapping[str, base.Applier]) -> None:
        self._path = directory / FILE_NAME
        self._appliers = appliers

    def begin(self, journal: Journal) -> None:
        """Register a change that is about to be made.

        :raises StorageFailed: it must not be made
        """
        files.write(self._path, codec.encode((
            VERSION, journal.sequence, journal.txid, journal.cid,
            journal.vid, journal.sender_id, [
                (name, _fields(undo.change.previous),
                 _fields(undo.change.items), undo.snapshot)
                for name, undo in journal.undo.items()])))

    def end(self) -> None:
        """Forget the change: it was confirmed, or undone."""
        files.remove(self._path)

    def pending(self) -> Journal | None:
        """Return the change that was begun and not ended.

        :raises CorruptStore: the journal is damaged
        """
        data = files.read(self._path, JOURNAL_MAX_BYTES)
        if data is None:
            return None
        try:
            fields = codec.decode(data, _SCHEMA, JOURNAL_MAX_BYTES)
        except errors.FormatError as exc:
            raise errors.CorruptStore('The journal is not readable.') from exc
        undo = {name: Undo(base.Change(_items(previous), _items(items)),
                           snapshot)
                for name, previous, items, snapshot in fields[6]}
        _version, sequence, txid, cid, vid, sender_id, _rows = fields
        return Journal(sequence, txid, cid, vid, sender_id, undo)

    def undo(self, journal: Journal) -> None:
        """Bring every applier back, the last one first.

        All are tried, whatever fails; the journal stays until all is back.

        :raises RevertFailed: the first failure
        """
        failures = []
        for name, undo in reversed(list(journal.undo.items())):
            try:
                self._applier(name).restore(undo.snapshot, undo.change)
            except errors.LedgerError as exc:
                failures.append((name, exc))
        if failures:
            name, failure = failures[0]
            raise errors.RevertFailed(
                f'Applier {name} did not bring back what was there: '
                f'{failure.message}', applier=name,
                reason=failure.code) from failure
        self.end()

    def _applier(self, name: str) -> base.Applier:
        try:
            return self._appliers[name]
        except KeyError:
            raise errors.UnknownApplier(
                f'The applier {name!r} is not enabled here any more.'
            ) from None


def _fields(items: tuple[base.Item, ...]) -> list[tuple[object, ...]]:
    return [(item.cid, item.vid, item.target, item.data) for item in items]


def _items(fields: tuple[tuple[bytes, int, str, bytes], ...]
           ) -> tuple[base.Item, ...]:
    return tuple(base.Item(*one) for one in fields)
