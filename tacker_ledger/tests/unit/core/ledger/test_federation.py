# SPDX-License-Identifier: Apache-2.0
"""Who names a federation, and who may follow whom."""

import dataclasses

import hypothesis
from hypothesis import strategies

from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import federation
from tacker_ledger.core.ledger import federation_document
from tacker_ledger.core import limits
from tacker_ledger.tests import base
from tacker_ledger.tests import federations

PROVIDER = federations.PROVIDER
OWN, PREDECESSOR = federation.SIDE_OWN, federation.SIDE_PREDECESSOR
_SIGNED = federations.genesis(2).signed.to_bytes()


def with_approvals(signed, approvals):
    return dataclasses.replace(signed, approvals=tuple(approvals))


class TestSignedFederation(base.TestCase):
    """The form of a signed document."""

    def test_there_and_back(self):
        made = federations.genesis(4)
        for signed in (made.signed, federations.successor(made).signed,
                       with_approvals(made.signed, ())):
            self.assertEqual(signed, federation.SignedFederation.from_bytes(
                signed.to_bytes()))

    def test_the_largest_fits_its_bound(self):
        made = federations.genesis(256)
        signed = federations.successor(made).signed
        # As large as RSA signatures would make it.
        large = dataclasses.replace(signed, approvals=tuple(
            dataclasses.replace(one, signature=bytes(256))
            for one in signed.approvals), issuer_signature=bytes(256))
        self.assertEqual(512, len(large.approvals))
        self.assertEqual(large, federation.SignedFederation.from_bytes(
            large.to_bytes()))

    def test_approvals_have_an_order(self):
        signed = federations.genesis(4).signed
        for wrong in (signed.approvals[::-1],
                      (*signed.approvals, signed.approvals[-1])):
            self.assertRaises(
                errors.BadDocument, federation.SignedFederation.from_bytes,
                with_approvals(signed, wrong).to_bytes())

    def test_approvals_are_collected(self):
        signed = federations.genesis(4).signed
        none = with_approvals(signed, ())
        collected = none.with_approvals(reversed(signed.approvals))
        self.assertEqual(signed, collected)
        newer = dataclasses.replace(signed.approvals[2],
                                    signature=bytes(64))
        self.assertEqual(newer,
                         signed.with_approvals([newer]).approvals[2])

    @hypothesis.given(strategies.integers(0, len(_SIGNED) - 1),
                      strategies.integers(1, 255))
    @hypothesis.settings(max_examples=150)
    def test_spoiled_bytes_found_nothing(self, at, change):
        data = bytearray(_SIGNED)
        data[at] ^= change
        chain_id = federations.genesis(2).federation.chain_id
        self.assertRaises(
            errors.LedgerError, lambda: federation.check_genesis(
                PROVIDER, federation.SignedFederation.from_bytes(
                    bytes(data)), chain_id))


class TestGenesis(base.TestCase):
    """What founds a chain."""

    def setUp(self):
        super().setUp()
        self.made = federations.genesis(4)

    def check(self, signed, chain_id=None):
        return federation.check_genesis(PROVIDER, signed, chain_id)

    def test_good(self):
        found = self.check(self.made.signed, self.made.federation.chain_id)
        self.assertEqual(self.made.federation, found)
        self.assertEqual(hashing.tagged_hash(
            hashing.Tag.GENESIS, self.made.signed.document), found.chain_id)
        self.assertEqual(hashing.tagged_hash(
            hashing.Tag.FEDERATION, found.raw, chain_id=found.chain_id),
            found.digest)

    def test_a_quorum_of_approvals_will_do(self):
        approvals = self.made.signed.approvals
        self.check(with_approvals(self.made.signed, approvals[1:]))
        self.assertRaises(
            errors.BadDocument, self.check,
            with_approvals(self.made.signed, approvals[2:]))

    def test_a_wrong_approval_spoils_it(self):
        first, *rest = self.made.signed.approvals
        for wrong in (dataclasses.replace(first, signature=bytes(64)),
                      dataclasses.replace(
                          first, signature=rest[0].signature)):
            self.assertRaises(
                errors.BadSignature, self.check,
                with_approvals(self.made.signed, (wrong, *rest)))
        stranger = federation.Approval(OWN, 9, bytes(64))
        self.assertRaises(
            errors.BadSignature, self.check,
            with_approvals(self.made.signed, (first, *rest, stranger)))

    def test_not_issued(self):
        signed = dataclasses.replace(self.made.signed,
                                     issuer_signature=bytes(64))
        self.assertRaises(errors.BadSignature, self.check, signed)

    def test_another_chain(self):
        other = federations.genesis(4, label='other')
        self.assertRaises(errors.WrongFederation, self.check, other.signed,
                          self.made.federation.chain_id)
        # Nor do its signatures help, on the same members.
        signed = dataclasses.replace(
            self.made.signed,
            issuer_signature=other.signed.issuer_signature)
        self.assertRaises(errors.BadSignature, self.check, signed)

    def test_not_a_genesis_document(self):
        successor = federations.successor(self.made)
        self.assertRaises(errors.BadDocument, self.check, successor.signed)

    def test_no_predecessor_approves_it(self):
        extra = federation.Approval(
            PREDECESSOR, 0, self.made.signed.approvals[0].signature)
        self.assertRaises(errors.BadDocument, self.check, with_approvals(
            self.made.signed, (extra, *self.made.signed.approvals)))


class TestSuccessor(base.TestCase):
    """What follows a federation."""

    def setUp(self):
        super().setUp()
        self.made = federations.genesis(4)
        self.next = federations.successor(self.made)

    def check(self, signed, current=None):
        return federation.check_successor(
            self.made.h, PROVIDER, current or self.made.federation, signed)

    def test_good(self):
        found = self.check(self.next.signed)
        self.assertEqual((1, self.next.federation.digest),
                         (found.epoch, found.digest))

    def test_other_members_another_issuer(self):
        sites = [federations.make_site(f'new-{index}')
                 for index in range(6)] + [self.made.sites[1]]
        made = federations.successor(
            self.made, sites, issuer=federations.make_issuer('of old age'))
        found = self.check(made.signed)
        self.assertEqual((7, 5, 2), (found.size, found.quorum,
                                     found.faults))

    def test_both_sides_have_to_approve(self):
        for side in (PREDECESSOR, OWN):
            approvals = list(self.next.signed.approvals)
            mine = [one for one in approvals if one.side == side]
            approvals.remove(mine[0])
            self.check(with_approvals(self.next.signed, approvals))
            approvals.remove(mine[1])
            self.assertRaises(
                errors.BadDocument, self.check,
                with_approvals(self.next.signed, approvals))

    def test_no_single_key_names_a_federation(self):
        # A thief of the issuing key, with members of his own.
        sites = [federations.make_site(f'thief-{index}')
                 for index in range(4)]
        stolen = federations.successor(self.made, sites)
        own = [one for one in stolen.signed.approvals if one.side == OWN]
        forged = [dataclasses.replace(one, side=PREDECESSOR) for one in own]
        self.assertRaises(errors.BadDocument, self.check,
                          with_approvals(stolen.signed, own))
        self.assertRaises(errors.BadSignature, self.check,
                          with_approvals(stolen.signed, forged + own))

    def test_epochs_follow_one_another(self):
        after = federations.successor(self.next)
        self.assertRaises(errors.BadDocument, self.check, after.signed)
        self.check(after.signed, self.next.federation)
        self.assertRaises(errors.BadDocument, self.check, self.next.signed,
                          self.next.federation)

    def test_of_another_predecessor(self):
        rival = federations.successor(self.made, nonce=bytes(16))
        after = federations.successor(rival)
        self.assertRaises(errors.WrongFederation, self.check, after.signed,
                          self.next.federation)

    def test_in_force(self):
        found = federation.check_in_force(self.made.h, PROVIDER,
                                          self.next.signed)
        self.assertEqual(self.next.federation, found)
        signed = with_approvals(self.next.signed,
                                self.next.signed.approvals[:-2])
        self.assertRaises(errors.BadDocument, federation.check_in_force,
                          self.made.h, PROVIDER, signed)


class TestFederation(base.TestCase):
    """What a verifier asks of it."""

    def test_members(self):
        made = federations.genesis(4)
        found = made.federation
        self.assertEqual(made.sites[3].member, found.member(3))
        self.assertIsNone(found.member(4))
        self.assertIsNone(found.member(-1))
        self.assertEqual(2, found.index_of_vote_key(
            made.sites[2].member.vote_key))
        self.assertIsNone(found.index_of_vote_key(bytes(32)))

    def test_rules_in_force(self):
        found = federations.genesis(
            1, rules=((0, 1), (10, 7), (20, 1))).federation
        self.assertEqual([1, 1, 1, 1], [
            found.rules_at(height) for height in (0, 9, 20, 10 ** 9)])
        for height in (10, 19):
            self.assertRaises(errors.UnsupportedVersion, found.rules_at,
                              height)

    def test_equality_is_that_of_digests(self):
        one = federations.genesis(2).federation
        same = federation.Federation.of(
            hashing.hasher(one.chain_id), one.raw)
        self.assertEqual(one, same)
        self.assertEqual(hash(one), hash(same))
        self.assertNotEqual(one, federations.genesis(3).federation)
        self.assertNotEqual(one, one.digest)


class TestTracker(base.TestCase):
    """What the rules of state ask."""

    def test_successors_alone(self):
        made = federations.genesis(4)
        tracker = federation.FederationTracker(made.h, PROVIDER,
                                               made.federation)
        following = federations.successor(made)
        signed = following.signed.to_bytes()
        self.assertEqual(following.federation, tracker.check(signed))
        self.assertEqual(made.federation, tracker.current)
        tracker.current = following.federation
        self.assertRaises(errors.FederationConflict, tracker.check, signed)

    def test_the_reason_is_told(self):
        made = federations.genesis(4)
        tracker = federation.FederationTracker(made.h, PROVIDER,
                                               made.federation)
        found = self.assertRaises(errors.FederationConflict, tracker.check,
                                  made.signed.to_bytes())
        self.assertEqual('bad-document', found.details['reason'])
        found = self.assertRaises(errors.FederationConflict, tracker.check,
                                  b'\x00')
        self.assertEqual('malformed', found.details['reason'])


class TestBounds(base.TestCase):
    """A document with the most and largest members has room."""

    def test_rsa_members(self):
        # An RSA key document and long names, 256 times.
        self.assertLess(256 * (300 + 64 + 64 + 270 + 512 + 80),
                        limits.FEDERATION_DOCUMENT_MAX_BYTES)
        self.assertEqual(1, federation_document.VERSION)
