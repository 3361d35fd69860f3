# SPDX-License-Identifier: Apache-2.0
"""Federations to test with: members, their keys, signed documents."""

from collections.abc import Iterable
import dataclasses

from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto import suite
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import federation
from tacker_ledger.core.ledger import federation_document
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import keys

PROVIDER = providers.default()
CREATED_MS = 1_700_000_000_000
YEAR_MS = 365 * 24 * 3600 * 1000


@dataclasses.dataclass(frozen=True)
class Site:
    """One member with all its secrets."""

    member: federation_document.Member
    node: suite.KeyPair
    vote_seed: bytes
    answer_seed: bytes

    def sign_vote(self, message: bytes) -> bytes:
        """Sign with the vote key."""
        return PROVIDER.sign_raw_ed25519(self.vote_seed, message)

    def sign_answer(self, message: bytes) -> bytes:
        """Sign with the answer key."""
        return PROVIDER.sign_raw_ed25519(self.answer_seed, message)


def make_site(name: str, port: int = 2701) -> Site:
    """Return a site whose keys follow from its name."""
    node = keys.curve(PROVIDER, f'node key of {name}', encryption=False)
    vote = vectors.fixed_bytes(f'vote key of {name}', 32)
    answer = vectors.fixed_bytes(f'answer key of {name}', 32)
    member = federation_document.Member(
        name, f'{name}.example:{port}', f'https://{name}.example:2801',
        node.document, PROVIDER.ed25519_public(vote),
        PROVIDER.ed25519_public(answer))
    return Site(member, node, vote, answer)


@dataclasses.dataclass(frozen=True)
class Made:
    """A federation with everything that made it."""

    federation: federation.Federation
    signed: federation.SignedFederation
    sites: tuple[Site, ...]
    issuer: suite.KeyPair

    @property
    def h(self) -> hashing.Hasher:
        """Of its chain."""
        return hashing.hasher(self.federation.chain_id)


def make_issuer(label: str = 'issuer') -> suite.KeyPair:
    """Return an issuing party's key pair."""
    return keys.curve(PROVIDER, f'federation {label}', encryption=False)


def genesis(n: int = 4, *, label: str = 'genesis',
            issuer: suite.KeyPair | None = None, **fields) -> Made:
    """Return a signed genesis federation of ``n`` members.

    :param fields: of the document, in place of the usual ones
    """
    issuer = issuer or make_issuer()
    sites = tuple(make_site(f'node-{index}') for index in range(n))
    fields = {'nonce': vectors.fixed_bytes(f'federation {label}', 16),
              'epoch': 0, 'predecessor': federation_document.NO_PREDECESSOR,
              'created_ms': CREATED_MS, 'expiry_ms': CREATED_MS + YEAR_MS,
              'members': tuple(site.member for site in sites),
              'issuer': issuer.document, **fields}
    signed = federation.issue(issuer, federation_document.Document(**fields))
    h = hashing.hasher(federation.chain_id_of(signed.document))
    signed = signed.with_approvals(
        federation.approve(h, site.node, signed, federation.SIDE_OWN, index)
        for index, site in enumerate(sites))
    return Made(federation.check_genesis(PROVIDER, signed), signed, sites,
                issuer)


def successor(made: Made, sites: Iterable[Site] | None = None, *,
              issuer: suite.KeyPair | None = None, **fields) -> Made:
    """Return a federation that may follow another, approved by everybody.

    :param sites: the new members, the same as before if None
    """
    sites = made.sites if sites is None else tuple(sites)
    issuer = issuer or made.issuer
    before = made.federation
    fields = {'nonce': vectors.fixed_bytes(f'epoch {before.epoch + 1}', 16),
              'epoch': before.epoch + 1, 'predecessor': before.digest,
              'created_ms': CREATED_MS + 1,
              'expiry_ms': CREATED_MS + 2 * YEAR_MS,
              'members': tuple(site.member for site in sites),
              'issuer': issuer.document,
              'parameters': before.parameters, **fields}
    signed = federation.issue(issuer, federation_document.Document(**fields),
                              before.chain_id)
    approvals = [
        federation.approve(made.h, site.node, signed, side, index)
        for side, side_sites in ((federation.SIDE_PREDECESSOR, made.sites),
                                 (federation.SIDE_OWN, sites))
        for index, site in enumerate(side_sites)]
    signed = signed.with_approvals(approvals)
    return Made(federation.Federation.of(made.h, signed.document), signed,
                sites, issuer)
