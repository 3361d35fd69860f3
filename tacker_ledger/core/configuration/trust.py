# SPDX-License-Identifier: Apache-2.0
"""Whom a VNF obeys, and since when: a timeline, not a list.

A position is (height, index) of a transaction on the chain.  A transaction
is obeyed only if the trust at its own position and the trust at the head
both allow it: a thief revoked at 110 is not obeyed at 100 by a VNF that
slept since 90, nor a newcomer at a position where he was none yet.

* *Commanders* send base transactions.  They come from the bootstrap document
  and later only under the recovery key, which outranks them.  A key that was
  replaced or revoked never comes back; up to the last valid VID named for a
  CID its earlier word still counts.
* *References* may only be named in apply before and apply after.
* *Groups* are joined and left at a commander's order; a member obeys what
  was sent to the group while it belonged to it.
* *Own keys*: the newest is current, older ones are kept for what was sealed
  to them.  When the current one is revoked the VNF is *retired*: it obeys
  nobody and enforces what it has.

Nodes know nothing of all this (protocol 6).
"""

from collections.abc import Iterable
from collections.abc import Iterator
import dataclasses
from typing import Any
from typing import TypeAlias

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import trust_change
from tacker_ledger.core import limits

#: (height, index in the block)
Position: TypeAlias = tuple[int, int]

#: Before every transaction: where the bootstrap document stands.
BEGINNING: Position = (0, 0)

COMMANDERS_MAX_COUNT = 128
REFERENCES_MAX_COUNT = 128
MEMBERSHIPS_MAX_COUNT = 128
OWN_KEYS_MAX_COUNT = 16
LAST_VALID_MAX_COUNT = limits.TRUST_CHANGE_CIDS_MAX_COUNT
SUCCESSORS_MAX_COUNT = 4 * LAST_VALID_MAX_COUNT

LastValid: TypeAlias = tuple[tuple[bytes, int], ...]

_POSITION = codec.Record(codec.Int(), codec.Int())
_ID = identifiers.DIGEST
_LAST_VALID = codec.Array(
    codec.Record(identifiers.CID, codec.Int(0, identifiers.VID_MAX)),
    0, LAST_VALID_MAX_COUNT)
#: Schema of :meth:`Trust.to_fields`.
SCHEMA = codec.Record(
    codec.Array(codec.Record(
        codec.Bytes(1, limits.KEY_DOCUMENT_MAX_BYTES), _POSITION,
        codec.Optional(_POSITION), _LAST_VALID), 0, COMMANDERS_MAX_COUNT),
    codec.Array(_ID, 0, REFERENCES_MAX_COUNT), codec.Bool(),
    codec.Optional(_ID),
    codec.Array(_ID, 0, OWN_KEYS_MAX_COUNT),
    codec.Array(codec.Record(
        _ID, codec.Int(), _POSITION, codec.Optional(_POSITION)),
        0, MEMBERSHIPS_MAX_COUNT),
    codec.Array(codec.Record(identifiers.CID, identifiers.CID), 0,
                SUCCESSORS_MAX_COUNT),
    codec.Optional(_POSITION))


@dataclasses.dataclass(frozen=True, slots=True)
class Commander:
    """A key that may send base transactions.

    :param since: obeyed from after this position
    :param until: replaced or revoked there, or None
    :param last_valid: (CID, VID) up to which its word counts after that
    """

    document: suite_module.KeyDocument
    since: Position = BEGINNING
    until: Position | None = None
    last_valid: LastValid = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Membership:
    """A time in a group.

    :param epoch: of the group's key, as its sender counts
    """

    group_id: bytes
    epoch: int
    since: Position
    until: Position | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Trust:
    """The timeline up to the head; every change returns a new one.

    Changes may be told again (after a crash, or when new keys lead to more
    transactions): the second time they change nothing.

    :param own_ids: key ids of the VNF, the current one last
    :param successors: (CID under a replaced key, CID that continues it)
    :param retired: where the current VNF key was revoked, or None
    """

    commanders: tuple[Commander, ...]
    references: tuple[bytes, ...] = ()
    allow_unpinned_references: bool = False
    recovery_id: bytes | None = None
    own_ids: tuple[bytes, ...] = ()
    memberships: tuple[Membership, ...] = ()
    successors: tuple[tuple[bytes, bytes], ...] = ()
    retired: Position | None = None

    # Questions

    def check_addressed(self, recipient_id: bytes | None,
                        position: Position) -> None:
        """Refuse what is not addressed to this VNF or a group of its.

        :raises KeyRevoked: this VNF is retired
        :raises NotForMe: another recipient, or a group it did not belong
            to then or has left since
        """
        if self.retired is not None:
            raise errors.KeyRevoked('The key of this VNF has been revoked; '
                                    'it obeys nobody.')
        if recipient_id in self.own_ids:
            return
        if any(one.group_id == recipient_id and one.until is None
               and one.since < position for one in self.memberships):
            return
        raise errors.NotForMe(
            'The transaction is addressed to another key.',
            recipient=None if recipient_id is None else recipient_id.hex())

    def check_sender(self, sender_id: bytes, position: Position, cid: bytes,
                     vid: int) -> None:
        """Refuse who may not command, at that position or at the head.

        :raises UnknownSender: not a commander, or not one yet
        :raises KeyRevoked: replaced or revoked, and nothing says that this
            version still counts
        """
        one = self.commander(sender_id)
        if one is None or position <= one.since:
            raise errors.UnknownSender(
                'The sender is not one of the commanders of this VNF.',
                sender=sender_id.hex())
        if one.until is None:
            return
        if position < one.until and vid <= dict(one.last_valid).get(cid, 0):
            return
        raise errors.KeyRevoked(
            'The key of the sender has been replaced or revoked.',
            sender=sender_id.hex(), height=one.until[0])

    def check_reference(self, sender_id: bytes, position: Position,
                        cid: bytes, vid: int, *, versioned: bool,
                        pinned: bool) -> None:
        """Refuse a configuration that may not be referred to so.

        :param versioned: the reference names the VID
        :param pinned: it names the digest: then any sender will do
        :raises ReferenceNotAllowed: neither a commander's, nor of a key
            that references may lead to
        :raises KeyRevoked: a commander's that no longer counts
        """
        if pinned:
            return
        if self.commander(sender_id) is not None:
            self.check_sender(sender_id, position, cid, vid)
            return
        if sender_id in self.references and (
                versioned or self.allow_unpinned_references):
            return
        raise errors.ReferenceNotAllowed(
            'A reference leads to a configuration whose sender is not '
            'trusted for it.', sender=sender_id.hex(), cid=cid.hex(),
            versioned=versioned)

    def commander(self, key_id: bytes) -> Commander | None:
        """Return the commander with this key, past ones included."""
        for one in self.commanders:
            if one.document.key_id == key_id:
                return one
        return None

    def is_trusted_now(self, key_id: bytes) -> bool:
        """Return whether a key commands at the head."""
        one = self.commander(key_id)
        return one is not None and one.until is None

    def groups(self) -> tuple[bytes, ...]:
        """Return the ids of the groups the VNF belongs to."""
        return tuple(dict.fromkeys(
            one.group_id for one in self.memberships if one.until is None))

    def continued(self, cid: bytes) -> tuple[bytes, ...]:
        """Return the CIDs which ``cid`` continues after a rotation."""
        return tuple(old for old, new in self.successors if new == cid)

    def pairs(self, handled_height: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield (recipient id, sender id) of every history to follow.

        :param handled_height: up to where all was handled: what a past
            commander sent is of interest until his end only
        """
        senders = [one.document.key_id for one in self.commanders
                   if one.until is None or one.until[0] > handled_height]
        for recipient_id in self.own_ids:
            for sender_id in senders:
                yield recipient_id, sender_id
            if self.recovery_id is not None:
                yield recipient_id, self.recovery_id
        for group_id in self.groups():
            for sender_id in senders:
                yield group_id, sender_id

    # Changes under the recovery key

    def add_commander(self, position: Position,
                      document: suite_module.KeyDocument) -> 'Trust':
        """Return the trust with one more commander.

        :raises KeyRevoked: the key was replaced or revoked before
        :raises WrongPayload: it is the recovery key, or one too many
        """
        known = self.commander(document.key_id)
        if known is not None:
            if known.until is not None:
                raise errors.KeyRevoked(
                    'A key that was replaced or revoked does not come back.',
                    key=document.key_id.hex())
            return self
        if (document.key_id == self.recovery_id
                or len(self.commanders) >= COMMANDERS_MAX_COUNT):
            raise errors.WrongPayload('This key cannot become a commander.')
        return dataclasses.replace(self, commanders=(
            *self.commanders, Commander(document, position)))

    def revoke(self, position: Position, key_id: bytes,
               last_valid: Iterable[tuple[bytes, int]]) -> 'Trust':
        """Return the trust without a commander from a position on.

        :raises UnknownSender: it never was one
        """
        known = self.commander(key_id)
        if known is None:
            raise errors.UnknownSender('The key to revoke is not known.',
                                       key=key_id.hex())
        if known.until is not None:
            return self
        ended = dataclasses.replace(known, until=position,
                                    last_valid=tuple(last_valid))
        return dataclasses.replace(self, commanders=tuple(
            ended if one is known else one for one in self.commanders))

    def rotate(self, position: Position, old_id: bytes,
               document: suite_module.KeyDocument,
               moves: Iterable[tuple[bytes, int, bytes]]) -> 'Trust':
        """Return the trust with a commander's key replaced by another.

        :param moves: (old CID, its last valid VID, CID that continues it)
        :raises UnknownSender: the old key is not known
        :raises KeyRevoked: the new key was replaced or revoked before
        :raises WrongPayload: too many CIDs have been moved
        """
        moves = tuple(moves)
        changed = self.revoke(position, old_id, [
            (old, vid) for old, vid, _new in moves])
        changed = changed.add_commander(position, document)
        successors = dict.fromkeys((
            *self.successors, *((old, new) for old, _vid, new in moves)))
        if len(successors) > SUCCESSORS_MAX_COUNT:
            raise errors.WrongPayload('Too many CIDs have been moved.')
        return dataclasses.replace(changed, successors=tuple(successors))

    def changed_by(self, position: Position,
                   change: trust_change.Change) -> 'Trust':
        """Return the trust after a change whose authority was checked.

        :raises LedgerError: as the method that stands for the change
        """
        if isinstance(change, trust_change.RetireVnf):
            return self.retire(position, change.vnf_key_id)
        if isinstance(change, trust_change.RotateTenant):
            return self.rotate(position, change.old_key_id,
                               change.new_document, change.successors)
        if isinstance(change, trust_change.RevokeTenant):
            return self.revoke(position, change.key_id, change.last_valid)
        return self.add_commander(position, change.document)

    # Changes at a commander's order

    def join(self, position: Position, group_id: bytes,
             epoch: int) -> 'Trust':
        """Return the trust with a membership in a group.

        :raises WrongPayload: too many groups
        """
        if any(one.group_id == group_id and (
                one.until is None or one.since >= position)
                for one in self.memberships):
            return self
        if group_id in self.own_ids:
            raise errors.WrongPayload('A group key is not a VNF key.')
        kept = self.memberships
        if len(kept) >= MEMBERSHIPS_MAX_COUNT:
            kept = tuple(one for one in kept if one.until is None)
        if len(kept) >= MEMBERSHIPS_MAX_COUNT:
            raise errors.WrongPayload('This VNF is in too many groups.')
        return dataclasses.replace(self, memberships=(
            *kept, Membership(group_id, epoch, position)))

    def leave(self, position: Position, group_id: bytes) -> 'Trust':
        """Return the trust with the membership ended."""
        return dataclasses.replace(self, memberships=tuple(
            dataclasses.replace(one, until=position)
            if (one.group_id == group_id and one.until is None
                and one.since < position) else one
            for one in self.memberships))

    def retire(self, position: Position, key_id: bytes) -> 'Trust':
        """Return the trust after a key of this VNF was revoked.

        An older key is forgotten; without the current one the VNF obeys
        nobody any more.

        :raises NotForMe: it is another VNF's
        """
        if self.retired is not None:
            return self
        if key_id not in self.own_ids:
            raise errors.NotForMe('The key to revoke is not of this VNF.',
                                  key=key_id.hex())
        if key_id != self.own_ids[-1]:
            return dataclasses.replace(self, own_ids=tuple(
                one for one in self.own_ids if one != key_id))
        ended = tuple(one if one.until is not None
                      else dataclasses.replace(one, until=position)
                      for one in self.memberships)
        return dataclasses.replace(self, memberships=ended, retired=position)

    def replace_own(self, key_id: bytes) -> 'Trust':
        """Return the trust with a new current key of this VNF."""
        if key_id in self.own_ids:
            return self
        kept = self.own_ids[-(OWN_KEYS_MAX_COUNT - 1):]
        return dataclasses.replace(self, own_ids=(*kept, key_id))

    # Storage

    def to_fields(self) -> tuple[Any, ...]:
        """Return the fields of :data:`SCHEMA`."""
        return (
            tuple((one.document.to_bytes(), one.since, one.until,
                   one.last_valid) for one in self.commanders),
            self.references, self.allow_unpinned_references,
            self.recovery_id, self.own_ids,
            tuple((one.group_id, one.epoch, one.since, one.until)
                  for one in self.memberships),
            self.successors, self.retired)


def from_fields(fields: tuple[Any, ...]) -> Trust:
    """Return the trust that :meth:`Trust.to_fields` described."""
    commanders, references, unpinned, recovery, own, groups, moves, retired = (
        fields)
    return Trust(
        tuple(Commander(suite_module.KeyDocument.from_bytes(document), *rest)
              for document, *rest in commanders),
        references, unpinned, recovery, own,
        tuple(Membership(*one) for one in groups), moves, retired)
