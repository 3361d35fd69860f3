# SPDX-License-Identifier: Apache-2.0
"""Tests of proofs that are wrong, or right in another form."""

import random

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import state_proof
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.core.ledger import samples
from tacker_ledger.tests.unit.core.ledger import test_state_map

H = samples.H
key_of = test_state_map.key_of
ZEROS = bytes(32)

_random = random.Random(3)
VALUES = {
    **{_random.randbytes(32): b'v%d' % i for i in range(50)},
    key_of(7, 7, 0x70, 1): b'one', key_of(7, 7, 0x70, 2): b'two',
    key_of(7, 7, 0x70, 2, 1): b'three', key_of(9): b'alone'}
TREE = test_state_map.Tree()
ROOT = TREE.update(VALUES)
#: Present; absent by zeros; by another key; by zeros within a bucket.
KEYS = (key_of(9), key_of(7, 7, 0x70, 2, 1), _random.randbytes(32),
        key_of(9, 0, 0, 1), key_of(7, 7, 0x70, 0x80))


def verify(key, value, proof, root=ROOT):
    """Verify a proof against the tests' map."""
    state_map.verify(H, root, key, value, proof)


class TestLies(base.TestCase):
    """Nothing but the truth verifies."""

    def setUp(self):
        super().setUp()
        self.cases = [(key, VALUES.get(key), TREE.map.prove(key).to_bytes())
                      for key in KEYS]

    def refused(self, *args, **kwargs):
        self.assertRaises(errors.BadProof, verify, *args, **kwargs)

    def test_the_truth(self):
        self.assertEqual([True, True, False, False, False],
                         [value is not None for _, value, _ in self.cases])
        for case in self.cases:
            verify(*case)

    def test_another_value(self):
        for key, value, proof in self.cases:
            self.refused(key, b'another', proof)
            self.refused(key, b'', proof)
            if value is not None:
                self.refused(key, None, proof)

    def test_another_key(self):
        for _, value, proof in self.cases:
            for key in KEYS:
                if VALUES.get(key) != value:
                    self.refused(key, value, proof)
            self.refused(_random.randbytes(32), b'v', proof)

    def test_another_root(self):
        for key, value, proof in self.cases:
            self.refused(key, value, proof, root=ZEROS)
            self.refused(key, value, proof, root=b'\x01' * 32)

    def test_the_key_itself_does_not_stand_in_its_own_way(self):
        key = key_of(9)
        honest = TREE.map.prove(key)
        lie = state_map.Proof(
            honest.bitmap, honest.siblings, honest.depth,
            (key, state_map.value_hash(VALUES[key])))
        self.refused(key, None, lie.to_bytes())

    def test_a_key_elsewhere_does_not_stand_in_the_way(self):
        honest = TREE.map.prove(key_of(9))
        lie = state_map.Proof(
            honest.bitmap, honest.siblings, honest.depth,
            (key_of(9), state_map.value_hash(b'alone')))
        self.refused(key_of(9, 0, 0x10), None, lie.to_bytes())

    def test_presence_names_no_other(self):
        key = key_of(9)
        honest = TREE.map.prove(key)
        lie = state_map.Proof(honest.bitmap, honest.siblings, honest.depth,
                              (key_of(8), ZEROS))
        self.refused(key, VALUES[key], lie.to_bytes())

    def test_another_chain(self):
        for key, value, proof in self.cases[:2]:
            self.assertRaises(errors.BadProof, state_map.verify,
                              samples.OTHER_H, ROOT, key, value, proof)

    @settings(max_examples=200)
    @given(st.data())
    def test_a_changed_byte(self, data):
        key = data.draw(st.sampled_from(KEYS))
        proof = bytearray(TREE.map.prove(key).to_bytes())
        place = data.draw(st.integers(0, len(proof) - 1))
        proof[place] ^= data.draw(st.integers(1, 255))
        self.refused(key, VALUES.get(key), bytes(proof))

    @settings(max_examples=100)
    @given(st.binary(max_size=100))
    def test_junk(self, junk):
        self.refused(key_of(9), None, junk)


class TestOneForm(base.TestCase):
    """A key has one proof under a root, in one encoding."""

    def refused(self, *fields):
        self.assertRaises(errors.BadProof, state_map.Proof.from_bytes,
                          codec.encode(fields))

    def test_one_encoding(self):
        for key in KEYS:
            proof = TREE.map.prove(key)
            self.assertEqual(proof, state_map.Proof.from_bytes(
                proof.to_bytes()))
            for spoiled in samples.spoiled(proof.to_bytes()):
                self.assertRaises(errors.BadProof, verify, key,
                                  VALUES.get(key), spoiled)

    def test_bitmap(self):
        digest = b'\x01' * 32
        state_map.Proof.from_bytes(codec.encode(
            (b'\x80\x00\x00', (digest,), 20, None)))
        self.refused(b'\x80\x00\x08', (digest, digest), 20, None)
        self.refused(b'\x80\x00\x01', (digest,), 20, None)
        self.refused(b'\x80\x00', (digest,), 20, None)
        self.refused(b'\x80\x00\x00\x00', (digest,), 20, None)

    def test_siblings(self):
        digest = b'\x01' * 32
        self.refused(b'\x80\x00\x00', (), 20, None)
        self.refused(b'\x80\x00\x00', (digest, digest), 20, None)
        self.refused(b'\x80\x00\x00', (ZEROS,), 20, None)
        self.refused(b'\x80\x00\x00', (digest[1:],), 20, None)

    def test_depth(self):
        digest = b'\x01' * 32
        for depth in (0, 1, 19, 257):
            self.refused(b'\x80\x00\x00', (digest,), depth, None)
        # Level 20 of 21 is zeros: the walk should have ended before.
        self.refused(b'\x80\x00\x00', (digest,), 21, None)
        state_map.Proof.from_bytes(codec.encode(
            (b'\x00\x00\x08', (digest,), 21, None)))

    def test_walking_on_below_zeros(self):
        key = KEYS[2]
        proof = TREE.map.prove(key)
        self.assertEqual((20, None), (proof.depth, proof.other))
        longer = state_proof.Proof(proof.bitmap, proof.siblings, 21, None)
        # It folds to the root all the same: only its form is wrong.
        self.assertEqual(ROOT, longer.fold(key, ZEROS))
        self.assertRaises(errors.BadProof, verify, key, None,
                          longer.to_bytes())

    def test_an_empty_map(self):
        tree = test_state_map.Tree()
        proof = tree.map.prove(KEYS[0])
        self.assertEqual(state_proof.Proof(bytes(3), (), 20, None), proof)
        state_map.verify(H, ZEROS, KEYS[0], None, proof.to_bytes())
        self.assertRaises(errors.BadProof, state_map.verify, H, ZEROS,
                          KEYS[0], b'v', proof.to_bytes())

    def test_shape_of_other(self):
        for other in ((), (ZEROS,), (ZEROS, ZEROS, ZEROS), b'', 0,
                      (ZEROS[1:], ZEROS)):
            self.refused(bytes(3), (), 20, other)
