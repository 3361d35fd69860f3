# SPDX-License-Identifier: Apache-2.0
"""Two votes that contradict each other convict their member."""

import dataclasses

import hypothesis
from hypothesis import strategies

from tacker_ledger.core.consensus import evidence
from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests.unit.core.consensus import scene

ONE, OTHER = b'\x01' * 32, b'\x02' * 32


class TestEquivocation(base.TestCase):
    """The record and its check."""

    def setUp(self):
        super().setUp()
        self.made = federations.genesis(4)
        self.votes = scene.Votes(self.made)

    def signed(self, kind, digest, member=2, height=7, view=0):
        return evidence.SignedVote(kind, digest, self.votes.sign(
            member, kind, height, view, digest))

    def record(self, one, other, **fields):
        fields = {'height': 7, 'view': 0, 'member': 2, **fields}
        return evidence.Equivocation.of(
            self.made.federation.digest, one=one, other=other, **fields)

    def check(self, record):
        evidence.check(self.made.h, scene.PROVIDER, self.made.federation,
                       record)

    def test_any_two_kinds_convict(self):
        for one in (3, 4, 5):
            for other in (3, 4, 5):
                record = self.record(self.signed(one, ONE),
                                     self.signed(other, OTHER))
                self.check(record)
                self.assertEqual(record, evidence.Equivocation.from_bytes(
                    record.to_bytes()))

    def test_either_order_is_one_record(self):
        one, other = self.signed(4, OTHER), self.signed(4, ONE)
        self.assertEqual(self.record(one, other), self.record(other, one))

    def test_the_same_block_twice_is_no_fault(self):
        record = self.record(self.signed(4, ONE), self.signed(5, ONE))
        self.assertRaises(errors.BadProof, self.check, record)

    def test_another_place_is_no_fault(self):
        good = self.record(self.signed(4, ONE), self.signed(4, OTHER))
        for change in ({'height': 8}, {'view': 1}, {'member': 1},
                       {'member': 200}):
            self.assertRaises(errors.BadProof, self.check,
                              dataclasses.replace(good, **change))

    def test_votes_of_two_views_are_no_fault(self):
        record = self.record(self.signed(4, ONE),
                             self.signed(4, OTHER, view=1))
        self.assertRaises(errors.BadProof, self.check, record)

    def test_votes_out_of_order_are_refused(self):
        good = self.record(self.signed(4, ONE), self.signed(4, OTHER))
        wrong = dataclasses.replace(good, votes=good.votes[::-1])
        self.assertRaises(errors.BadProof, self.check, wrong)

    def test_another_federation(self):
        record = dataclasses.replace(
            self.record(self.signed(4, ONE), self.signed(4, OTHER)),
            federation=bytes(32))
        self.assertRaises(errors.UnknownFederation, self.check, record)

    @hypothesis.given(strategies.integers(0, 10 ** 6),
                      strategies.integers(1, 255))
    @hypothesis.settings(max_examples=100)
    def test_spoiled_records_convict_nobody(self, at, change):
        data = bytearray(self.record(self.signed(4, ONE),
                                     self.signed(4, OTHER)).to_bytes())
        data[at % len(data)] ^= change
        try:
            self.check(evidence.Equivocation.from_bytes(bytes(data)))
        except errors.LedgerError:
            return
        self.fail('a changed record still convicts')


class TestKinds(base.TestCase):
    """The numbers in records are those of the messages."""

    def test_kinds(self):
        self.assertEqual((3, 4, 5), (
            messages.PrePrepare.KIND, messages.Prepare.KIND,
            messages.Commit.KIND))
