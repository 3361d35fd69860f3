# SPDX-License-Identifier: Apache-2.0
"""What a federation decided (page *Certificates*)."""

from typing import Any

from tacker_ledger.tests.independent import blocks
from tacker_ledger.tests.independent import federation
from tacker_ledger.tests.independent import hashing
from tacker_ledger.tests.independent import keys
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import shapes

MAX_BYTES = 32_768
PBFT = 1

VIEW = shapes.integer(0, (1 << 32) - 1)
MEMBER = shapes.integer(0, 255)
VOTES = shapes.array(shapes.fields(MEMBER, shapes.octets(64)), 1, 256)


def vote_message(chain_id: bytes, tag: str, height: int, view: int,
                 digest: bytes) -> bytes:
    """Return what a vote's signature covers."""
    return hashing.message(tag, chain_id, height.to_bytes(8, 'big'),
                           view.to_bytes(8, 'big'), digest)


def parse(encoded: bytes) -> tuple[int, list[Any]]:
    """Return view and votes of a certificate."""
    try:
        version, engine, view, votes = shapes.read(
            encoded, MAX_BYTES, shapes.fields(
                MEMBER, MEMBER, VIEW, VOTES))
    except refusal.Refused as exc:
        raise refusal.Refused('bad-certificate', str(exc)) from None
    refusal.require(version == 1 and engine == PBFT, 'unsupported-version')
    return view, votes


def check_votes(document: federation.Document, votes: list[Any]) -> None:
    """Refuse unless the voters are a quorum of distinct members."""
    members = [member for member, _signature in votes]
    refusal.require(members == sorted(set(members)), 'bad-certificate',
                    'order of members')
    refusal.require(len(members) >= document.quorum, 'bad-certificate',
                    'no quorum')
    refusal.require(members[-1] < len(document.members), 'bad-certificate',
                    'no such member')


def check_vote(document: federation.Document, member: int, message: bytes,
               signature: bytes) -> None:
    """Refuse unless the member's vote key signed."""
    try:
        keys.verify_ed25519(document.members[member].vote_key, message,
                            signature)
    except refusal.Refused:
        raise refusal.Refused('bad-certificate',
                              f'vote of member {member}') from None


def check(chain_id: bytes, document: federation.Document,
          header_bytes: bytes, certificate: bytes) -> blocks.Header:
    """Return the header if ``certificate`` certifies it."""
    try:
        header = blocks.parse_header(header_bytes)
    except refusal.Refused as exc:
        raise refusal.Refused('bad-block', str(exc)) from None
    refusal.require(header.chain_id == chain_id, 'wrong-federation')
    refusal.require(header.federation == document.digest(chain_id),
                    'unknown-federation')
    if header.height == 0:
        refusal.require(
            certificate == b'' and document.epoch == 0
            and header == blocks.genesis_header(
                chain_id, header.federation, document.created_ms),
            'bad-certificate', 'genesis')
        return header
    refusal.require(document.engine == federation.ENGINE,
                    'unsupported-version')
    view, votes = parse(certificate)
    check_votes(document, votes)
    message = vote_message(chain_id, 'commit', header.height, view,
                           header.digest)
    for member, signature in votes:
        check_vote(document, member, message, signature)
    return header
