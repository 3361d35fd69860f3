# SPDX-License-Identifier: Apache-2.0
"""The effective configuration: what is in force, as one ordered set.

It is kept by *base*: each base transaction brought its plan, in order.
Bases stand in the order of the chain.  Flattened, there is one version per
CID: the one which the last base that names the CID brought, at the place
where it first stands, so that whatever had to come first still does.

A withdrawal removes a CID; what it alone had brought goes with it.  A
delivery makes every entry a base of its own, so that later versions and
withdrawals work at the destination as they did at the source.
"""

from collections.abc import Iterable
import dataclasses
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.core.configuration import acceptance
from tacker_ledger.core.configuration import trust as trust_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core import limits

_ENTRY = codec.Record(
    identifiers.CID, identifiers.VID, identifiers.DIGEST, identifiers.DIGEST,
    codec.Text(64), codec.Text(256), identifiers.DIGEST,
    codec.Optional(codec.Bytes.exact(32)))
#: Schema of :meth:`Effective.to_fields`.
SCHEMA = codec.Array(codec.Record(
    identifiers.CID, identifiers.VID, codec.Int(), codec.Int(),
    codec.Array(_ENTRY, 0, limits.PLAN_MAX_COUNT)),
    0, limits.EFFECTIVE_MAX_COUNT)


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One configuration in force.

    :param digest: of the payload, as state reports carry it
    :param content_key: opens the transaction; None if it is public
    """

    cid: bytes
    vid: int
    txid: bytes
    sender_id: bytes
    applier: str
    target: str
    digest: bytes
    content_key: bytes | None = dataclasses.field(default=None, repr=False)

    @classmethod
    def of(cls, h: hashing.Hasher, opened: acceptance.Opened) -> 'Entry':
        """Return the entry of a configuration or a template.

        :raises WrongPayload: it is neither
        """
        payload = opened.payload
        if not isinstance(payload, payload_module.Configuration
                          | payload_module.Template):
            raise errors.WrongPayload(
                'Neither a configuration nor a template.',
                kind=payload.KIND)
        located = opened.located
        return cls(
            located.cid, located.vid, located.transaction.txid,
            located.transaction.sender_id, payload.applier, payload.target,
            payload_module.payload_digest(h, opened.encoded),
            opened.content_key)

    def reported(self) -> payload_module.EffectiveEntry:
        """Return the entry as a state report carries it."""
        return payload_module.EffectiveEntry(
            self.cid, self.vid, self.txid, self.digest, self.content_key)


@dataclasses.dataclass(frozen=True, slots=True)
class Base:
    """A base transaction in force and the plan it brought.

    :param plan: in the order in which it applies, its own entry included
    """

    cid: bytes
    vid: int
    position: trust_module.Position
    plan: tuple[Entry, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Effective:
    """The ordered set; every change returns a new one."""

    bases: tuple[Base, ...] = ()

    def entries(self) -> tuple[Entry, ...]:
        """Return one entry per CID in the order in which they apply."""
        found: dict[bytes, Entry] = {}
        for base in self.bases:
            for entry in base.plan:
                found[entry.cid] = entry
        return tuple(found.values())

    def summary(self) -> tuple[tuple[bytes, int], ...]:
        """Return (CID, VID) of all entries, in order."""
        return tuple((entry.cid, entry.vid) for entry in self.entries())

    def vid_of(self, cid: bytes) -> int | None:
        """Return the version of a CID that is in force."""
        return dict(self.summary()).get(cid)

    def with_base(self, base: Base,
                  continued: Iterable[bytes] = ()) -> 'Effective':
        """Return the set with a base, which replaces its older version.

        :param continued: CIDs which the base's CID continues
        :raises PlanTooLarge: more entries than can be reported
        """
        kept = self
        for cid in continued:
            kept = kept.without(cid)
        bases = [one for one in kept.bases if one.cid != base.cid]
        bases.append(base)
        bases.sort(key=lambda one: one.position)
        changed = Effective(tuple(bases))
        if len(changed.entries()) > limits.EFFECTIVE_MAX_COUNT:
            raise errors.PlanTooLarge(
                'There would be too many configurations in force.',
                limit=limits.EFFECTIVE_MAX_COUNT)
        return changed

    def without(self, cid: bytes) -> 'Effective':
        """Return the set without a CID and what it alone had brought."""
        return Effective(tuple(
            dataclasses.replace(base, plan=tuple(
                entry for entry in base.plan if entry.cid != cid))
            for base in self.bases if base.cid != cid))

    def to_fields(self) -> tuple[Any, ...]:
        """Return the fields of :data:`SCHEMA`."""
        return tuple(
            (base.cid, base.vid, *base.position,
             tuple((entry.cid, entry.vid, entry.txid, entry.sender_id,
                    entry.applier, entry.target, entry.digest,
                    entry.content_key) for entry in base.plan))
            for base in self.bases)


def delivered(position: trust_module.Position,
              entries: Iterable[Entry]) -> Effective:
    """Return the effective configuration which a delivery makes."""
    return Effective(tuple(
        Base(entry.cid, entry.vid, position, (entry,)) for entry in entries))


def from_fields(fields: tuple[Any, ...]) -> Effective:
    """Return the set that :meth:`Effective.to_fields` described."""
    return Effective(tuple(
        Base(cid, vid, (height, index), tuple(Entry(*one) for one in plan))
        for cid, vid, height, index, plan in fields))
