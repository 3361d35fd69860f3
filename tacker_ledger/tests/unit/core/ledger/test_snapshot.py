# SPDX-License-Identifier: Apache-2.0
"""The golden snapshot, judged as a joiner does."""

import hypothesis
from hypothesis import strategies as st

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import snapshot_messages
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import federation
from tacker_ledger.core.ledger import snapshot
from tacker_ledger.core.ledger import state_map
from tacker_ledger.tests import base
from tacker_ledger.tests import vectors

unhex = bytes.fromhex
Part = snapshot.Part


class TestVectors(base.TestCase):

    def setUp(self):
        super().setUp()
        self.vectors = vectors.load('snapshot-messages')
        self.h = hashing.hasher(unhex(self.vectors['chain_id']))
        self.federation = federation.Federation.of(
            self.h, unhex(self.vectors['federation']))

    def test_frames(self):
        kinds = set()
        for case in self.vectors['accepted']:
            frame = unhex(case['frame'])
            self.assertTrue(snapshot_messages.is_snapshot(frame))
            self.assertRaises(errors.Malformed, messages.decode, frame)
            found = snapshot_messages.decode(frame)
            self.assertEqual(case['kind'], found.KIND)
            self.assertEqual(frame, messages.encode(found))
            kinds.add(found.KIND)
        self.assertEqual(set(snapshot_messages.BY_KIND), kinds)

    def test_refused_frames(self):
        for case in self.vectors['refused']:
            error = self.assertRaises(errors.Malformed,
                                      snapshot_messages.decode,
                                      unhex(case['frame']))
            self.assertEqual(case['code'], error.code, case['why'])

    @hypothesis.settings(max_examples=100)
    @hypothesis.given(data=st.data())
    def test_any_bytes_are_refused_or_given_back(self, data):
        real = unhex(data.draw(st.sampled_from(
            self.vectors['accepted']))['frame'])
        at = data.draw(st.integers(0, len(real) - 1))
        frame = (real[:at] + data.draw(st.binary(max_size=3))
                 + real[at + data.draw(st.integers(0, 1)):])
        try:
            found = snapshot_messages.decode(frame)
        except errors.FormatError:
            return
        self.assertEqual(frame, messages.encode(found))

    def test_frames_of_others_are_none_of_these(self):
        for name in ('consensus-messages', 'enrolment-frames'):
            for case in vectors.load(name)['accepted']:
                self.assertFalse(snapshot_messages.is_snapshot(
                    unhex(case.get('message') or case['frame'])))

    def judge(self, state, addressed):
        """Judge as a node does, its store apart."""
        made = self.vectors['snapshot']
        state, addressed = (
            [(unhex(one['key']), unhex(one['value'])) for one in items]
            for items in (state, addressed))
        check = snapshot.SnapshotCheck(
            self.h, providers.default(), self.federation,
            application.Head.genesis(self.h, self.federation),
            unhex(made['block']), unhex(made['certificate']), 1)
        check.page(Part.FEDERATIONS, (), False)
        check.page(Part.STATE, state, False)
        check.page(Part.ADDRESSED, addressed, False)
        check.check_state(state, state_map.SparseNodes())
        values = dict(state)
        self.assertEqual(addressed, list(snapshot.check_addressed(
            self.h, addressed, values.get)))
        return check

    def test_the_snapshot(self):
        made = self.vectors['snapshot']
        check = self.judge(made['state'], made['addressed'])
        self.assertEqual((7, 1, self.federation), (
            check.height, check.pairs, check.federation))

    def test_refused_snapshots(self):
        for case in self.vectors['snapshot']['refused']:
            error = self.assertRaises(
                errors.LedgerError, self.judge, case['state'],
                case['addressed'])
            self.assertEqual(case['code'], error.code, case['why'])
