# SPDX-License-Identifier: Apache-2.0
"""From one federation document to the next: made, compared, counted.

The issuing party makes a successor (:func:`successor`); whoever is to
approve it reads what it changes (:func:`changes`); and everybody can count
who has approved already (:func:`standing`).
"""

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import hashlib

from tacker_ledger.core.crypto.providers import base
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import federation_document

Federation = federation_module.Federation
Member = federation_document.Member

_FINGERPRINT_DIGITS = 16


def fingerprint(key: bytes) -> str:
    """Return what people compare of a key: 16 digits of its SHA-256."""
    return hashlib.sha256(key).hexdigest()[:_FINGERPRINT_DIGITS]


def changed_members(before: Sequence[Member], *,
                    add: Iterable[Member] = (), remove: Iterable[str] = (),
                    rotate: Iterable[Member] = ()) -> tuple[Member, ...]:
    """Return the members after a change; who stays keeps the order.

    :param remove: names
    :param rotate: members of these names, with new keys or addresses
    :raises BadDocument: a name is there already, or is not there, or is
        changed twice
    """
    members = {member.name: member for member in before}
    touched: set[str] = set()
    rotate, add = list(rotate), list(add)
    for name in (*remove, *(member.name for member in rotate)):
        if name not in members or name in touched:
            raise errors.BadDocument(
                f'{name} is no member, or is changed twice', member=name)
        touched.add(name)
    for member in rotate:
        members[member.name] = member
    for name in remove:
        del members[name]
    for member in add:
        if member.name in members or member.name in touched:
            raise errors.BadDocument(f'{member.name} is a member already',
                                     member=member.name)
        members[member.name] = member
    return tuple(members.values())


def successor(current: Federation, *, nonce: bytes, created_ms: int,
              **fields: object) -> federation_document.Document:
    """Return the document of the next epoch, unsigned.

    :param nonce: 16 random bytes
    :param fields: of the document, where they differ from the current ones
    :raises BadDocument: the document would not agree with itself
    """
    quorum_follows = {'quorum': 0}
    return dataclasses.replace(
        current.document, nonce=nonce, epoch=current.epoch + 1,
        predecessor=current.digest, created_ms=created_ms,
        **{**quorum_follows, **fields})  # type: ignore[arg-type]


def changes(before: federation_document.Document,
            after: federation_document.Document) -> list[str]:
    """Return what differs, one sentence each; empty if nothing does."""
    found: list[str] = []
    old = {member.name: member for member in before.members}
    new = {member.name: member for member in after.members}
    for name in old:
        if name not in new:
            found.append(f'REMOVE member {name}')
    for name, member in new.items():
        if name not in old:
            found += [f'ADD member {name}', *described(member)]
        else:
            found += _member_changes(old[name], member)
    if before.issuer != after.issuer:
        found.append(
            'REPLACE the issuing key: '
            f'{fingerprint(before.issuer.signing)} -> '
            f'{fingerprint(after.issuer.signing)}')
    stay = [name for name in old if name in new]
    if stay != [name for name in new if name in old]:
        found.append('members stand in another order')
    for what, was, becomes in _plain(before, after):
        if was != becomes:
            found.append(f'{what}: {was} -> {becomes}')
    return found


def described(member: Member) -> list[str]:
    """Return a member's addresses and keys, one per line, indented."""
    return [f'  between members  {member.peer_address}',
            f'  door             {member.door_url}',
            f'  node key         {fingerprint(member.node_key.signing)}',
            f'  vote key         {fingerprint(member.vote_key)}',
            f'  answer key       {fingerprint(member.answer_key)}',
            *(f'  key of {engine}  {fingerprint(key)}'
              for engine, key in member.engine_keys)]


def _member_changes(old: Member, new: Member) -> list[str]:
    pairs = [
        (what, fingerprint(was), fingerprint(becomes))
        for what, was, becomes in (
            ('node key', old.node_key.signing, new.node_key.signing),
            ('vote key', old.vote_key, new.vote_key),
            ('answer key', old.answer_key, new.answer_key))]
    pairs += [('address', old.peer_address, new.peer_address),
              ('door', old.door_url, new.door_url),
              ('engine keys', _engine_keys(old), _engine_keys(new))]
    return [f'CHANGE member {new.name}: {what} {was} -> {becomes}'
            for what, was, becomes in pairs if was != becomes]


def _engine_keys(member: Member) -> str:
    return ' '.join(f'{engine}={fingerprint(key)}'
                    for engine, key in member.engine_keys) or 'none'


def _plain(before: federation_document.Document,
           after: federation_document.Document
           ) -> list[tuple[str, object, object]]:
    pairs: list[tuple[str, object, object]] = [
        ('quorum', f'{before.quorum} of {len(before.members)}',
         f'{after.quorum} of {len(after.members)}'),
        ('expires (ms)', before.expiry_ms, after.expiry_ms),
        ('engine', before.engine, after.engine),
        ('rules', before.rules, after.rules)]
    for field in dataclasses.fields(after.parameters):
        pairs.append((field.name, getattr(before.parameters, field.name),
                      getattr(after.parameters, field.name)))
    return pairs


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """The approvals on one side of a document.

    :param needed: the quorum there
    :param given: names of those who have approved, their signatures good
    :param missing: names of those who have not
    """

    needed: int
    given: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def is_enough(self) -> bool:
        """Whether this side agrees."""
        return len(self.given) >= self.needed


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """Who has approved a proposed document.

    :param predecessor: of the members in force
    :param own: of the members that it names
    """

    predecessor: Side
    own: Side

    @property
    def is_enough(self) -> bool:
        """Whether the document may be submitted."""
        return self.predecessor.is_enough and self.own.is_enough


def standing(h: hashing.Hasher, provider: base.Provider, current: Federation,
             signed: federation_module.SignedFederation) -> Standing:
    """Return who has approved what is to follow the current federation.

    :raises FormatError: not a document
    :raises BadDocument: not of the next epoch
    :raises WrongFederation: it follows another document
    :raises BadSignature: the issuer's or an approval is wrong
    """
    proposed = Federation.of(h, signed.document)
    if proposed.epoch != current.epoch + 1:
        raise errors.BadDocument(
            f'epoch {proposed.epoch} does not follow {current.epoch}, which '
            'is in force')
    if proposed.document.predecessor != current.digest:
        raise errors.WrongFederation('it follows another document than the '
                                     'one in force')
    federation_module.check_issuer(h, provider, signed, proposed)
    sides = {federation_module.SIDE_PREDECESSOR: current,
             federation_module.SIDE_OWN: proposed}
    federation_module.check_approvals(h, provider, signed, proposed, sides)
    return Standing(*(
        _side(signed, side, approvers) for side, approvers in sides.items()))


def _side(signed: federation_module.SignedFederation, side: int,
          approvers: Federation) -> Side:
    given = {approval.member for approval in signed.approvals
             if approval.side == side}
    names = [member.name for member in approvers.members]
    return Side(
        approvers.quorum,
        tuple(name for index, name in enumerate(names) if index in given),
        tuple(name for index, name in enumerate(names)
              if index not in given))


def sides_of(current: Federation, proposed: Federation, node_key: bytes
             ) -> list[tuple[int, int]]:
    """Return the places where a node key may approve: (side, member).

    :param node_key: its SubjectPublicKeyInfo
    """
    return [(side, index)
            for side, federation in (
                (federation_module.SIDE_PREDECESSOR, current),
                (federation_module.SIDE_OWN, proposed))
            for index, member in enumerate(federation.members)
            if member.node_key.signing == node_key]
