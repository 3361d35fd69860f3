# SPDX-License-Identifier: Apache-2.0
"""A federation put together by hand, for the vectors of its formats."""

import hashlib
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import providers
from tacker_ledger.tests.vectors import by_hand
from tacker_ledger.tests.vectors import keys

_PROVIDER = providers.load('pycryptodome')
CREATED_MS = by_hand.NOW_MS
EXPIRY_MS = CREATED_MS + 365 * 24 * 3600 * 1000
PARAMETERS = (30_000, 20, 300, 8_388_608, 1)
#: The genesis document below founds this chain.
ISSUER = by_hand.Signer('issuer', keys.ed25519_private_bytes('issuer', False))
NEW_ISSUER = by_hand.Signer(
    'new issuer', keys.ed25519_private_bytes('new issuer', False))


class Member:
    """A member; number 1 has an RSA key as its node key."""

    def __init__(self, number: int) -> None:
        self.name = f'node-{number}'
        private = (keys.rsa_private_bytes(0) if number == 1 else
                   keys.ed25519_private_bytes(f'node {number}', False))
        self.node = by_hand.Signer(
            'rsa 0' if number == 1 else self.name, private)
        if number == 1:
            # An RSA node key neither unwraps.
            suite, signing, _encryption = codec.decode(
                self.node.document, _Anything(), 1024)
            self.node.document = codec.encode((suite, signing, None))
        self.vote_seed = by_hand.fixed(f'vote seed {number}', 32)
        self.answer_seed = by_hand.fixed(f'answer seed {number}', 32)
        self.vote_key = _PROVIDER.ed25519_public(self.vote_seed)
        self.answer_key = _PROVIDER.ed25519_public(self.answer_seed)

    def fields(self) -> tuple[Any, ...]:
        """Return the member as a document holds it."""
        return (self.name, f'{self.name}.example:2701',
                f'https://{self.name}.example:2801', self.node.document,
                self.vote_key, self.answer_key, ())

    def vote(self, text: bytes) -> bytes:
        """Sign with the vote key."""
        return _PROVIDER.sign_raw_ed25519(self.vote_seed, text)

    def answer(self, text: bytes) -> bytes:
        """Sign with the answer key."""
        return _PROVIDER.sign_raw_ed25519(self.answer_seed, text)


class _Anything:
    def check(self, value: Any, path: str) -> None:
        pass


MEMBERS = tuple(Member(number) for number in range(4))
NEW_MEMBERS = (*MEMBERS[:3], Member(4), Member(5))


def document(members: tuple[Member, ...] = MEMBERS, *, epoch: int = 0,
             predecessor: bytes = by_hand.ZEROS, quorum: int = 3,
             issuer: by_hand.Signer = ISSUER, **changed: Any
             ) -> tuple[Any, ...]:
    """Return the fields of a document.

    :param changed: fields by position, as ``field_9=...``
    """
    fields: list[Any] = [
        1, by_hand.fixed(f'federation nonce {epoch}', 16), epoch,
        predecessor, CREATED_MS + epoch, EXPIRY_MS + epoch, 'pbft',
        tuple(member.fields() for member in members), quorum,
        ((0, 1),), PARAMETERS, issuer.document]
    for name, value in changed.items():
        fields[int(name.removeprefix('field_'))] = value
    return tuple(fields)


GENESIS = codec.encode(document())
CHAIN_ID = by_hand.hashed('genesis', GENESIS, chain_id=None)


def hashed(tag: str, *parts: bytes) -> bytes:
    """Return a tagged hash of this chain."""
    return by_hand.hashed(tag, *parts, chain_id=CHAIN_ID)


def message(tag: str, *parts: bytes) -> bytes:
    """Return a tagged message of this chain."""
    return by_hand.message(tag, *parts, chain_id=CHAIN_ID)


DIGEST = hashed('federation', GENESIS)
SUCCESSOR = codec.encode(document(
    NEW_MEMBERS, epoch=1, predecessor=DIGEST, quorum=4, issuer=NEW_ISSUER))
SUCCESSOR_DIGEST = hashed('federation', SUCCESSOR)


def approvals(digest: bytes, *sides: tuple[int, tuple[Member, ...]],
              leave_out: tuple[tuple[int, int], ...] = ()
              ) -> list[tuple[int, int, bytes]]:
    """Return everybody's approvals of a document, but a few."""
    text = message('federation-approval', digest)
    return [(side, index, member.node.sign(text))
            for side, members in sides
            for index, member in enumerate(members)
            if (side, index) not in leave_out]


def signed(raw: bytes, given: list[tuple[int, int, bytes]],
           issuer: by_hand.Signer = ISSUER) -> bytes:
    """Return a signed document."""
    text = message('federation-issue', hashed('federation', raw))
    return codec.encode((1, raw, issuer.sign(text), tuple(given)))


def header(height: int = 1, *, parent: bytes | None = None,
           federation: bytes = DIGEST, **changed: Any) -> bytes:
    """Return an encoded header of this chain, without transactions."""
    fields = {
        'transactions_root': hashlib.sha256().digest(),
        'state_root': by_hand.ZEROS,
        'time_ms': CREATED_MS + 1_000 * height, 'proposer': 0, **changed}
    if parent is None:
        parent = (by_hand.ZEROS if height == 0
                  else hashed('block', header(height - 1)))
    return codec.encode((
        1, CHAIN_ID, height, parent, fields['transactions_root'],
        fields['state_root'], fields['time_ms'], fields['proposer'],
        federation))


def digest_of(encoded_header: bytes) -> bytes:
    """Return the digest of an encoded header."""
    return hashed('block', encoded_header)


def vote_message(tag: str, height: int, view: int, digest: bytes) -> bytes:
    """Return what a vote's signature covers."""
    return message(tag, height.to_bytes(8, 'big'), view.to_bytes(8, 'big'),
                   digest)


def vote(tag: str, member: int, height: int, view: int, digest: bytes,
         members: tuple[Member, ...] = MEMBERS) -> bytes:
    """Return the signature of a vote."""
    return members[member].vote(vote_message(tag, height, view, digest))


def certificate(encoded_header: bytes, height: int, voters: tuple[int, ...],
                view: int = 0) -> bytes:
    """Return the certificate that commits of these members make."""
    digest = digest_of(encoded_header)
    return codec.encode((1, 1, view, tuple(
        (index, vote('commit', index, height, view, digest))
        for index in voters)))
