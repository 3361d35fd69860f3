# SPDX-License-Identifier: Apache-2.0
"""Messages between members (page *Consensus messages*)."""

from typing import Any

from tacker_ledger.tests.independent import blocks
from tacker_ledger.tests.independent import cbor
from tacker_ledger.tests.independent import certificates
from tacker_ledger.tests.independent import federation
from tacker_ledger.tests.independent import hashing
from tacker_ledger.tests.independent import keys
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import shapes

MAX_FRAME_BYTES = 16_777_216
MAX_EVIDENCE_BYTES = 512

HELLO_ANSWER, PRE_PREPARE, PREPARE, COMMIT = 2, 3, 4, 5
VIEW_CHANGE, NEW_VIEW = 6, 7
VOTE_TAGS = {PRE_PREPARE: 'pre-prepare', PREPARE: 'prepare',
             COMMIT: 'commit'}
_SIGNED_TAGS = {HELLO_ANSWER: 'hello', VIEW_CHANGE: 'view-change',
                NEW_VIEW: 'new-view'}

_HEIGHT = shapes.integer(1, (1 << 64) - 1)
_VIEW = certificates.VIEW
_LATER_VIEW = shapes.integer(1, (1 << 32) - 1)
_MEMBER = certificates.MEMBER
_SIGNATURE = shapes.octets(64)
_PREFIX = shapes.octets(8)
_ID = shapes.octets(16)
_BLOCK = shapes.octets(1, blocks.MAX_BLOCK_BYTES)
_HEAD = shapes.octets(1, 33_040)
_HEADER = shapes.octets(0, blocks.MAX_HEADER_BYTES)
_PREPARED = shapes.fields(_VIEW, _HEADER, certificates.VOTES)

_KINDS: dict[int, tuple[shapes.Shape, ...]] = {
    1: (shapes.integer(0, 255), shapes.DIGEST, _MEMBER, _ID, _ID,
        shapes.integer(0, (1 << 32) - 1), shapes.HEIGHT, shapes.DIGEST),
    2: (_ID, _ID, shapes.nullable(_HEAD),
        shapes.nullable(shapes.octets(1, 8_388_608)), _SIGNATURE),
    3: (_HEIGHT, _VIEW, _MEMBER, _BLOCK, _SIGNATURE,
        shapes.nullable(shapes.DIGEST)),
    4: (_HEIGHT, _VIEW, _MEMBER, _PREFIX, _SIGNATURE),
    5: (_HEIGHT, _VIEW, _MEMBER, _PREFIX, _SIGNATURE),
    6: (_HEIGHT, _LATER_VIEW, _MEMBER, _HEAD, shapes.nullable(_PREPARED),
        _SIGNATURE),
    7: (_HEIGHT, _LATER_VIEW, _MEMBER,
        shapes.array(shapes.octets(1, 66_336), 1, 256),
        shapes.nullable(_HEADER), _SIGNATURE),
    8: (shapes.boolean,
        shapes.array(shapes.octets(1, 1_331_216), 1, 300)),
    9: (shapes.UNBOUNDED, _HEIGHT, shapes.integer(1, 256)),
    10: (shapes.UNBOUNDED, shapes.HEIGHT,
         shapes.array(shapes.fields(
             _BLOCK, shapes.octets(0, certificates.MAX_BYTES)), 0, 256)),
    11: (shapes.UNBOUNDED,),
    12: (shapes.UNBOUNDED,),
    13: (_HEIGHT, _PREFIX),
    14: (_BLOCK,),
    15: (_HEIGHT, _VIEW),
    16: (_HEIGHT, _VIEW, _MEMBER, shapes.integer(3, 5), shapes.DIGEST,
         _SIGNATURE),
    17: (_HEAD,),
}


def parse(encoded: bytes) -> list[Any]:
    """Return kind and fields of a message."""
    value = cbor.decode(encoded, MAX_FRAME_BYTES)
    refusal.require(
        type(value) is list and len(value) > 0 and type(value[0]) is int
        and value[0] in _KINDS, 'malformed', 'kind')
    return shapes.fields(shapes.anything, *_KINDS[value[0]])(value)


def signed_part(chain_id: bytes, fields: list[Any]) -> bytes:
    """Return what the signature of a message covers that is no vote."""
    return hashing.message(_SIGNED_TAGS[fields[0]], chain_id,
                           cbor.encode(fields[:-1]))


def _check_sender(chain_id: bytes, document: federation.Document,
                  fields: list[Any]) -> None:
    member = fields[3]
    refusal.require(member < len(document.members), 'bad-signature')
    keys.verify_ed25519(document.members[member].vote_key,
                        signed_part(chain_id, fields), fields[-1])


def leader(document: federation.Document, view: int) -> int:
    """Return the index of the leader of a view."""
    return view % len(document.members)


def check_prepared(chain_id: bytes, document: federation.Document,
                   height: int, prepared: list[Any]) -> None:
    """Refuse a prepared certificate that does not prove what it says."""
    view, header_bytes, votes = prepared
    try:
        header = blocks.parse_header(header_bytes)
    except refusal.Refused as exc:
        raise refusal.Refused('bad-certificate', str(exc)) from None
    refusal.require(
        header.height == height and header.chain_id == chain_id
        and header.federation == document.digest(chain_id),
        'bad-certificate', 'header')
    certificates.check_votes(document, votes)
    refusal.require(leader(document, view) in [vote[0] for vote in votes],
                    'bad-certificate', 'without the leader')
    for member, signature in votes:
        kind = PRE_PREPARE if member == leader(document, view) else PREPARE
        certificates.check_vote(
            document, member, certificates.vote_message(
                chain_id, VOTE_TAGS[kind], height, view, header.digest),
            signature)


def check_view_change(chain_id: bytes, document: federation.Document,
                      head_digest: bytes, fields: list[Any]) -> None:
    """Refuse a view-change that does not count.

    :param head_digest: of the block before the height in flight
    """
    _kind, height, view, _member, head, prepared, _signature = fields
    _check_sender(chain_id, document, fields)
    try:
        header_bytes, _certificate = shapes.read(
            head, 33_040, shapes.fields(
                _HEADER, shapes.octets(0, certificates.MAX_BYTES)))
        digest = blocks.parse_header(header_bytes).digest
    except refusal.Refused as exc:
        raise refusal.Refused('forked-chain', str(exc)) from None
    refusal.require(digest == head_digest, 'forked-chain')
    if prepared is not None:
        refusal.require(prepared[0] < view, 'bad-certificate', 'view')
        check_prepared(chain_id, document, height, prepared)


def check_new_view(chain_id: bytes, document: federation.Document,
                   head_digest: bytes, fields: list[Any]) -> None:
    """Refuse a new-view that does not count."""
    _kind, height, view, member, encoded, header, _signature = fields
    refusal.require(member == leader(document, view), 'bad-signature',
                    'not by the leader')
    _check_sender(chain_id, document, fields)
    changes = [parse(each) for each in encoded]
    members = [change[3] for change in changes]
    refusal.require(
        all(change[:3] == [VIEW_CHANGE, height, view] for change in changes)
        and members == sorted(set(members))
        and len(members) >= document.quorum, 'bad-certificate',
        'view changes')
    for change in changes:
        check_view_change(chain_id, document, head_digest, change)
    prepared = [change[5] for change in changes if change[5] is not None]
    highest = max(prepared, key=lambda each: each[0], default=[0, None])
    refusal.require(header == highest[1], 'bad-certificate', 'header')


def check_evidence(chain_id: bytes, document: federation.Document,
                   encoded: bytes) -> int:
    """Return the member that a record of two votes proves to be faulty."""
    digest, height, view, member, votes = shapes.versioned(
        encoded, MAX_EVIDENCE_BYTES, shapes.DIGEST, _HEIGHT, _VIEW, _MEMBER,
        shapes.array(shapes.fields(
            shapes.integer(3, 5), shapes.DIGEST, _SIGNATURE), 2, 2))
    refusal.require(digest == document.digest(chain_id),
                    'unknown-federation')
    refusal.require(
        member < len(document.members) and votes[0] < votes[1]
        and votes[0][1] != votes[1][1], 'bad-proof')
    for kind, voted, signature in votes:
        message = certificates.vote_message(
            chain_id, VOTE_TAGS[kind], height, view, voted)
        try:
            certificates.check_vote(document, member, message, signature)
        except refusal.Refused:
            raise refusal.Refused('bad-proof', 'vote') from None
    return int(member)
