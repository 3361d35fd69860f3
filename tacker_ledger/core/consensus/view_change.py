# SPDX-License-Identifier: Apache-2.0
"""What a change of leader is made of, and when to believe it.

The leader of view v is member v modulo n.  Members who want another leader
send view changes; a quorum of them makes a new view.  With one height in
flight a view change carries at most one *prepared certificate*: proof that a
quorum, the leader of that view among it, prepared a block.  A block that may
have been committed anywhere is prepared in some quorum's view, so the new
leader must propose again what the highest view prepared.

Here are the leader's number, the formats' rules and their verification.
"""

from collections.abc import Iterable
from collections.abc import Sequence

from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import block
from tacker_ledger.core.ledger import certificate
from tacker_ledger.core.ledger import federation as federation_module


def leader_of(view: int, n: int) -> int:
    """Return the index of the member that leads a view of ``n`` members."""
    return view % n


def check_prepared(h: hashing.Hasher, verifier: certificate.Verifier,
                   federation: federation_module.Federation, height: int,
                   prepared: messages.PreparedCertificate) -> bytes:
    """Return the digest of the header that was prepared.

    :param federation: in force at ``height``
    :param height: in flight
    :raises BadCertificate: it does not prove that a quorum, the leader of
        its view among it, prepared the header at that height
    """
    try:
        header = block.Header.from_bytes(prepared.header)
    except errors.LedgerError as exc:
        raise errors.BadCertificate('prepared what is no header') from exc
    if (header.chain_id, header.height, header.federation) != (
            h.chain_id, height, federation.digest):
        raise errors.BadCertificate('prepared at another height')
    digest = h.hash(hashing.Tag.BLOCK, prepared.header)
    members = [member for member, _signature in prepared.votes]
    if members != sorted(set(members)):
        raise errors.BadCertificate('members do not ascend')
    if len(members) < federation.quorum:
        raise errors.BadCertificate(
            f'{len(members)} prepares where {federation.quorum} decide')
    leader = leader_of(prepared.view, federation.size)
    if leader not in members:
        raise errors.BadCertificate('the leader did not propose it')
    for index, signature in prepared.votes:
        kind = (messages.PrePrepare.KIND if index == leader
                else messages.Prepare.KIND)
        member = federation.member(index)
        message = messages.vote_message(h, kind, height, prepared.view,
                                        digest)
        if member is None or not verifier.verify_raw_ed25519(
                member.vote_key, message, signature):
            raise errors.BadCertificate('a prepare is not by its member',
                                        member=index)
    return digest


def check_view_change(h: hashing.Hasher, verifier: certificate.Verifier,
                      federation: federation_module.Federation,
                      head_digest: bytes, message: messages.ViewChange,
                      proven: set[messages.PreparedCertificate] | None = None
                      ) -> None:
    """Raise unless a view change for the height in flight counts.

    :param federation: in force at the message's height
    :param head_digest: of the block before that height
    :param proven: prepared certificates of that height which need not be
        verified again: as a rule all view changes carry the same one
    :raises BadSignature: not signed by the member it names
    :raises ForkedChain: it stands on another head
    :raises BadCertificate: its prepared certificate proves nothing, or is
        not of an earlier view
    :raises FormatError: its head is none
    """
    member = federation.member(message.member)
    if member is None or not verifier.verify_raw_ed25519(
            member.vote_key, messages.signed_part(h, message),
            message.signature):
        raise errors.BadSignature('a view change is not by its member',
                                  member=message.member)
    header, _certificate = messages.read_head_pair(message.head)
    if h.hash(hashing.Tag.BLOCK, header) != head_digest:
        raise errors.ForkedChain('a view change stands on another head',
                                 member=message.member)
    if message.prepared is not None:
        if message.prepared.view >= message.view:
            raise errors.BadCertificate('prepared in a view yet to come')
        if proven is None or message.prepared not in proven:
            check_prepared(h, verifier, federation, message.height,
                           message.prepared)
            if proven is not None:
                proven.add(message.prepared)


def select(view_changes: Iterable[messages.ViewChange]) -> bytes | None:
    """Return the header that a new leader must propose again, or None.

    That of the prepared certificate of the highest view: two of one view
    cannot differ, for two quorums share an honest member.
    """
    prepared = [change.prepared for change in view_changes
                if change.prepared is not None]
    if not prepared:
        return None
    return max(prepared, key=lambda one: one.view).header


def check_new_view(h: hashing.Hasher, verifier: certificate.Verifier,
                   federation: federation_module.Federation,
                   head_digest: bytes, message: messages.NewView,
                   proven: set[messages.PreparedCertificate] | None = None
                   ) -> tuple[messages.ViewChange, ...]:
    """Return the view changes of a new view that is entitled to begin.

    :param federation: in force at the message's height
    :param head_digest: of the block before that height
    :param proven: as of :func:`check_view_change`
    :raises BadSignature: the leader of the view did not sign it
    :raises BadCertificate: no quorum of valid view changes for this height
        and view, or another header than they demand
    :raises LedgerError: one of the view changes does not count
    """
    member = federation.member(message.member)
    if (member is None
            or message.member != leader_of(message.view, federation.size)
            or not verifier.verify_raw_ed25519(
                member.vote_key, messages.signed_part(h, message),
                message.signature)):
        raise errors.BadSignature('a new view is not by its leader',
                                  member=message.member)
    changes = _read_changes(message)
    if len(changes) < federation.quorum:
        raise errors.BadCertificate(
            f'{len(changes)} view changes where {federation.quorum} decide')
    for change in changes:
        check_view_change(h, verifier, federation, head_digest, change,
                          proven)
    if select(changes) != message.header:
        raise errors.BadCertificate('a new view begins with another header')
    return tuple(changes)


def _read_changes(message: messages.NewView
                  ) -> Sequence[messages.ViewChange]:
    """Return the embedded view changes if they are of one place."""
    changes = []
    for data in message.view_changes:
        change = messages.decode(data)
        if (not isinstance(change, messages.ViewChange)
                or (change.height, change.view)
                != (message.height, message.view)):
            raise errors.BadCertificate('a view change is for another view')
        changes.append(change)
    members = [change.member for change in changes]
    if members != sorted(set(members)):
        raise errors.BadCertificate('members do not ascend')
    return changes
