# SPDX-License-Identifier: Apache-2.0
"""Enrolled keys: kept, told to all members, asked by admission.

``Wanted`` and ``Summary`` mend what a member missed while it was away; each
member is the one source of its own enrolments.
"""

import asyncio
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import functools
from typing import Any

import lmdb
from oslo_log import log as logging

from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.node import gossip
from tacker_ledger.storage import enrolments as enrolments_module
from tacker_ledger.storage import store as store_module

LOG = logging.getLogger(__name__)

_LABEL_OF_CONFIGURED = 'configuration'


class Registry:
    """What a node knows about keys; an ``admission.Access``.

    :param member: own index; negative for none: then nothing is enrolled
        here
    :param send: sends a frame to a member, None for all others
    """

    def __init__(self, store: store_module.LedgerStore, member: int,
                 send: Callable[[bytes, int | None], object]) -> None:
        self._store = store
        self.member = member
        self._send = send
        #: key id -> member -> label
        self._keys: dict[bytes, dict[int, str]] = {}
        with store.env.read() as txn:
            #: Of the federation by whose indices members are meant here.
            self.epoch = store.enrolments.epoch(txn)
            for enrolment in store.enrolments.load(txn):
                self._put(enrolment)

    @property
    def _h(self) -> hashing.Hasher:
        return self._store.h

    def _put(self, enrolment: enrolments_module.Enrolment) -> None:
        self._keys.setdefault(enrolment.key_id, {})[
            enrolment.member] = enrolment.label

    def _drop(self, key_id: bytes, member: int) -> bool:
        members = self._keys.get(key_id, {})
        found = members.pop(member, None) is not None
        if not members:
            self._keys.pop(key_id, None)
        return found

    def moved(self, member: int, places: Mapping[int, int | None],
              epoch: int) -> None:
        """Take other indices, after a change of the federation.

        :param member: own index from now on
        :param places: old index -> new one, None for who has left: what it
            has enrolled ends with it
        :param epoch: of the federation that these indices are of
        """
        self.member = member
        self.epoch = epoch
        before = [enrolments_module.Enrolment(key_id, label, one)
                  for key_id, members in self._keys.items()
                  for one, label in members.items()]
        after = [dataclasses.replace(enrolment, member=place)
                 for enrolment in before
                 if (place := places.get(enrolment.member)) is not None]
        self._keys.clear()
        for enrolment in after:
            self._put(enrolment)

        def job(txn: lmdb.Transaction) -> None:
            for enrolment in before:
                self._store.enrolments.delete(txn, enrolment.key_id,
                                              enrolment.member)
            for enrolment in after:
                self._store.enrolments.put(txn, enrolment)
            self._store.enrolments.set_epoch(txn, epoch)

        self._store.write(job).add_done_callback(_log_failure)

    def _of(self, member: int) -> list[tuple[bytes, str]]:
        return sorted((key_id, members[member])
                      for key_id, members in self._keys.items()
                      if member in members)

    # What admission asks

    def enrolled(self, key_id: bytes) -> bool:
        """See ``admission.Access``."""
        return key_id in self._keys

    def addressers(self, key_id: bytes, limit: int) -> list[bytes]:
        """See ``admission.Access``."""
        with self._store.env.read() as txn:
            return self._store.enrolments.addressers(txn, key_id, limit)

    def answers_open_slot(
            self, transaction: transaction_module.Transaction) -> bool:
        """See ``admission.Access``."""
        content = transaction.content
        if not isinstance(content, transaction_module.Configuration):
            return False
        value = self._store.state.get(
            identifiers.cid_state_key(self._h, content.cid))
        if value is None:
            return False
        record = state_records.CidRecord.from_bytes(value)
        return record.kind == state_records.CidKind.SLOT and any(
            slot.vid == content.vid
            and slot.answerer_id == transaction.sender_id
            for slot in record.open_slots)

    # What the operator does

    async def configure(self, key_ids: Iterable[bytes]) -> None:
        """Make the keys of the configuration file this member's own."""
        wanted = set(key_ids)
        for key_id, label in self._of(self.member):
            if label == _LABEL_OF_CONFIGURED and key_id not in wanted:
                await self.unenrol(key_id)
        for key_id in sorted(wanted):
            if self.member not in self._keys.get(key_id, {}):
                await self.enrol(key_id, _LABEL_OF_CONFIGURED)

    async def enrol(self, key_id: bytes, label: str) -> dict[str, Any]:
        """Let a key write; durable and told to all when it returns."""
        if self.member < 0:
            raise errors.NoQuorum('This node is no member of the federation.')
        if len(key_id) != enrolments_module.KEY_ID_BYTES:
            raise errors.Malformed('A key id has 32 bytes.')
        if len(label.encode()) > gossip.LABEL_MAX_BYTES:
            raise errors.TooLarge('A label has at most 256 bytes.')
        if len(self._of(self.member)) >= (
                gossip.ENROLMENTS_PER_MEMBER_MAX_COUNT):
            raise errors.Busy('This member has enrolled as many keys as it '
                              'may.')
        enrolment = enrolments_module.Enrolment(key_id, label, self.member)
        await asyncio.wrap_future(self._store.write(functools.partial(
            self._store.enrolments.put, enrolment=enrolment)))
        self._put(enrolment)
        self._send(gossip.encode(gossip.Enrol(key_id, label, self.member)),
                   None)
        return self._record(key_id, label, self.member)

    async def unenrol(self, key_id: bytes) -> None:
        """Take an enrolment of this member back.

        :raises NotFound: this member did not enrol the key
        """
        if self.member not in self._keys.get(key_id, {}):
            raise errors.NotFound('This member has not enrolled the key.')
        await asyncio.wrap_future(self._store.write(functools.partial(
            self._store.enrolments.delete, key_id=key_id,
            member=self.member)))
        self._drop(key_id, self.member)
        self._send(gossip.encode(gossip.Unenrol(key_id, self.member)), None)

    def records(self) -> list[dict[str, Any]]:
        """Return all enrolments, for operators."""
        return [self._record(key_id, label, member)
                for key_id, members in sorted(self._keys.items())
                for member, label in sorted(members.items())]

    @staticmethod
    def _record(key_id: bytes, label: str, member: int) -> dict[str, Any]:
        return {'key_id': key_id.hex(), 'label': label, 'member': member}

    # What other members say

    def connected(self, member: int) -> None:
        """Show a member what our enrolments hash to."""
        if self.member < 0:
            return
        self._send(gossip.encode(gossip.Summary(
            self.member, gossip.digest_of(self._of(self.member)))), member)

    def received(self, member: int, frame: bytes) -> None:
        """Take what a member says about its enrolments.

        :raises LedgerError: it is not acceptable
        """
        if self.member < 0:
            return
        match gossip.decode(frame, member):
            case gossip.Enrol(key_id, label, _):
                if len(self._of(member)) < (
                        gossip.ENROLMENTS_PER_MEMBER_MAX_COUNT):
                    self._replace(member, [(key_id, label)], ())
            case gossip.Unenrol(key_id, _):
                self._replace(member, (), [key_id])
            case gossip.Summary(_, digest):
                if digest != gossip.digest_of(self._of(member)):
                    self._send(gossip.encode(gossip.Wanted(self.member)),
                               member)
            case gossip.Wanted():
                self._send(gossip.encode(gossip.Listing(
                    self.member, tuple(self._of(self.member)))), member)
            case gossip.Listing(_, keys):
                listed = dict(keys)
                gone = [key_id for key_id, _ in self._of(member)
                        if key_id not in listed]
                self._replace(member, keys, gone)

    def _replace(self, member: int, put: Iterable[tuple[bytes, str]],
                 gone: Iterable[bytes]) -> None:
        """Change a member's enrolments, in memory at once and on disk."""
        added = [enrolments_module.Enrolment(key_id, label, member)
                 for key_id, label in put]
        for enrolment in added:
            self._put(enrolment)
        dropped = [key_id for key_id in gone if self._drop(key_id, member)]

        def job(txn: lmdb.Transaction) -> None:
            for enrolment in added:
                self._store.enrolments.put(txn, enrolment)
            for key_id in dropped:
                self._store.enrolments.delete(txn, key_id, member)

        self._store.write(job).add_done_callback(_log_failure)


def _log_failure(future: Any) -> None:
    error = future.exception()
    if error is not None:
        LOG.error('Enrolments of another member are not stored: %s', error)
