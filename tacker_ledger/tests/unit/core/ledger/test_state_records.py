# SPDX-License-Identifier: Apache-2.0
"""Tests of the values of the authenticated state."""

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core import limits
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.core.ledger import samples

_digests = st.binary(min_size=32, max_size=32)
_vids = st.integers(1, 2 ** 32 - 1)
_counts = st.integers(1, 2 ** 64 - 1)
_slots = st.builds(state_records.Slot, _vids, _digests,
                   st.integers(0, 2 ** 64 - 1), _digests, _digests)
CID_RECORDS = st.builds(
    state_records.CidRecord, st.sampled_from(state_records.CidKind),
    _digests, st.integers(2, 2 ** 32), _vids, _digests,
    st.lists(_slots, max_size=16).map(tuple), _counts, _digests)
PAIR_RECORDS = st.builds(state_records.PairRecord, _counts, _digests)


class TestRecords(base.TestCase):
    """One encoding each, below the bound of a value."""

    @settings(max_examples=100)
    @given(CID_RECORDS | PAIR_RECORDS)
    def test_round_trip(self, record):
        value = record.to_bytes()
        self.assertLess(len(value), limits.STATE_VALUE_MAX_BYTES)
        self.assertEqual(record, type(record).from_bytes(value))

    @settings(max_examples=30)
    @given(CID_RECORDS | PAIR_RECORDS)
    def test_one_encoding(self, record):
        for value in samples.spoiled(record.to_bytes()):
            self.assertRaises(errors.FormatError, type(record).from_bytes,
                              value)

    def test_refused(self):
        digest = bytes(32)
        for fields in ((1, 3, digest, 2, 1, digest, (), 1, digest),
                       (1, 1, digest, 1, 1, digest, (), 1, digest),
                       (1, 1, digest, 2, 0, digest, (), 1, digest),
                       (1, 1, digest, 2, 1, digest, (), 0, digest),
                       (1, 2, digest, 2, 1, digest,
                        ((1, digest, 0, digest, digest),) * 17, 1, digest),
                       (1, 1, digest, 2, 1, digest, (), 1)):
            self.assertRaises(
                errors.Malformed, state_records.CidRecord.from_bytes,
                codec.encode(fields))
        for fields in ((1, 0, digest), (1, 1, digest[1:])):
            self.assertRaises(
                errors.Malformed, state_records.PairRecord.from_bytes,
                codec.encode(fields))

    def test_later_versions(self):
        digest = bytes(32)
        self.assertRaises(
            errors.UnsupportedVersion, state_records.PairRecord.from_bytes,
            codec.encode((2, 1, digest)))
        self.assertRaises(
            errors.UnsupportedVersion, state_records.CidRecord.from_bytes,
            codec.encode((2, 1, digest, 2, 1, digest, (), 1, digest)))

    def test_answer_forms_differ(self):
        forms = {state_records.answer_form(samples.H, *form) for form in (
            (0, 1, ''), (1, 1, ''), (0, 0, ''), (0, 1, 'x'))}
        self.assertEqual(4, len(forms))
