# SPDX-License-Identifier: Apache-2.0
"""What certifies a header."""

import dataclasses

import hypothesis
from hypothesis import strategies

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import certificate
from tacker_ledger.core import limits
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers

PROVIDER = federations.PROVIDER


class TestCertificate(base.TestCase):
    """A block at height 1 of four members."""

    def setUp(self):
        super().setUp()
        self.made = federations.genesis(4)
        self.ledger = ledgers.Ledger(self.made)
        self.committed = self.ledger.commit(
            [ledgers.digest_transaction(self.made.h, 'one')])
        self.header, self.proof = self.committed.pair

    def certify(self, header=None, proof=None, federation=None):
        return certificate.certify(
            self.made.h, PROVIDER, federation or self.made.federation,
            self.header if header is None else header,
            self.proof if proof is None else proof)

    def by(self, *members, view=0, height=1):
        return ledgers.certify(self.made.h, self.made.sites, members, height,
                               self.committed.block.digest, view)

    def test_there_and_back(self):
        parsed = certificate.Certificate.from_bytes(self.proof)
        self.assertEqual((0, (0, 1, 2)), (
            parsed.view, tuple(member for member, _ in parsed.votes)))
        self.assertEqual(self.proof, parsed.to_bytes())

    def test_what_is_certain(self):
        found = self.certify()
        header = self.committed.block.header
        self.assertEqual(
            (1, header.timestamp_ms, header.transactions_root,
             header.state_root, 1, self.header,
             self.committed.block.digest, self.proof),
            dataclasses.astuple(found))

    def test_any_quorum_and_more(self):
        for members in ((0, 1, 3), (1, 2, 3), (0, 1, 2, 3)):
            for view in (0, 7):
                self.certify(proof=self.by(*members, view=view))

    def test_too_few_votes(self):
        for members in ((0,), (1, 3)):
            self.assertRaises(errors.BadCertificate, self.certify,
                              proof=self.by(*members))

    def test_every_vote_has_to_be_valid(self):
        good = certificate.Certificate.from_bytes(self.by(0, 1, 2, 3))
        wrong = certificate.Certificate(
            0, (*good.votes[:3], (3, bytes(64)))).to_bytes()
        self.assertRaises(errors.BadCertificate, self.certify, proof=wrong)

    def test_members_once_and_in_order(self):
        votes = certificate.Certificate.from_bytes(self.proof).votes
        for wrong in (votes[::-1], (votes[0], votes[0], votes[1]),
                      (*votes, (9, votes[0][1]))):
            self.assertRaises(
                errors.BadCertificate, self.certify,
                proof=certificate.Certificate(0, wrong).to_bytes())

    def test_votes_for_something_else(self):
        for proof in (self.by(0, 1, 2, height=2),
                      ledgers.certify(self.made.h, self.made.sites,
                                      range(3), 1, bytes(32))):
            self.assertRaises(errors.BadCertificate, self.certify,
                              proof=proof)
        parsed = certificate.Certificate.from_bytes(self.proof)
        other_view = dataclasses.replace(parsed, view=1).to_bytes()
        self.assertRaises(errors.BadCertificate, self.certify,
                          proof=other_view)

    def test_not_a_certificate(self):
        for wrong in (b'', b'\x00', self.proof + b'\x00',
                      codec.encode((1, 1, 0, ())),
                      bytes(limits.CERTIFICATE_MAX_BYTES + 1)):
            self.assertRaises(errors.BadCertificate, self.certify,
                              proof=wrong)

    def test_of_another_engine_or_version(self):
        votes = certificate.Certificate.from_bytes(self.proof).votes
        for start in ((2, 1), (1, 2)):
            self.assertRaises(errors.UnsupportedVersion, self.certify,
                              proof=codec.encode((*start, 0, votes)))
        other = federations.genesis(4, engine='cometbft')
        ledger = ledgers.Ledger(other)
        header, proof = ledger.commit().pair
        self.assertRaises(
            errors.UnsupportedVersion, certificate.certify, other.h,
            PROVIDER, other.federation, header, proof)

    def test_of_another_chain(self):
        other = ledgers.Ledger(federations.genesis(4, label='other'))
        header, proof = other.commit().pair
        self.assertRaises(errors.WrongFederation, self.certify, header,
                          proof)

    def test_of_another_federation(self):
        following = federations.successor(self.made)
        self.assertRaises(errors.UnknownFederation, self.certify,
                          federation=following.federation)

    def test_not_a_header(self):
        for wrong in (b'', b'\x00', self.header[:-1]):
            self.assertRaises(errors.BadBlock, self.certify, header=wrong)

    @hypothesis.given(strategies.integers(0, 10 ** 6),
                      strategies.integers(1, 255))
    @hypothesis.settings(max_examples=100)
    def test_spoiled_bytes_certify_nothing(self, at, change):
        both = bytearray(self.header + self.proof)
        both[at % len(both)] ^= change
        size = len(self.header)
        self.assertRaises(errors.LedgerError, self.certify,
                          bytes(both[:size]), bytes(both[size:]))


class TestGenesis(base.TestCase):
    """Height 0 needs no votes and takes none."""

    def test_genesis(self):
        made = federations.genesis(4)
        found = certificate.genesis(made.h, made.federation)
        self.assertEqual((0, federations.CREATED_MS, b''), (
            found.height, found.time_ms, found.certificate))
        self.assertEqual(found, certificate.certify(
            made.h, PROVIDER, made.federation, found.header, b''))

    def test_another_block_at_height_0(self):
        made = federations.genesis(4)
        found = certificate.genesis(made.h, made.federation)
        header = certificate.read_header(made.h, found.header)
        other = dataclasses.replace(header, timestamp_ms=1).to_bytes()
        h, sites = made.h, made.sites
        proof = ledgers.certify(h, sites, range(4), 0, found.header_digest)
        for header_bytes, seal in ((other, b''), (found.header, proof)):
            self.assertRaises(
                errors.BadCertificate, certificate.certify, h, PROVIDER,
                made.federation, header_bytes, seal)

    def test_only_genesis_has_none(self):
        ledger = ledgers.Ledger(federations.genesis(1))
        header, _proof = ledger.commit().pair
        self.assertRaises(
            errors.BadCertificate, certificate.certify, ledger.h, PROVIDER,
            ledger.made.federation, header, b'')
