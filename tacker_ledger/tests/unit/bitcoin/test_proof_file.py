# SPDX-License-Identifier: Apache-2.0
"""Tests of proof files; the stock client reads them in functional tests."""

import hypothesis
from hypothesis import strategies as st

from tacker_ledger.bitcoin import proof_file
from tacker_ledger.core import errors
from tacker_ledger.core.securelog import anchor_tree
from tacker_ledger.core.securelog import transaction
from tacker_ledger.tests import base
from tacker_ledger.tests import vectors

VECTORS = vectors.load('anchors')
LEAVES = [{key: bytes.fromhex(one[key]) for key in ('hash', 'ots')}
          for one in VECTORS['leaves']]


def merkle_root(txids):
    """Return the root of a block's tree, by its definition."""
    level = [bytes.fromhex(txid)[::-1] for txid in txids]
    while len(level) > 1:
        if len(level) % 2:
            level.append(level[-1])
        level = [transaction.double_sha256(one + two)
                 for one, two in zip(level[::2], level[1::2], strict=True)]
    return level[0]


class TestBuild(base.TestCase):

    def setUp(self):
        super().setUp()
        self.raw = VECTORS['transaction']['raw']
        self.txid = VECTORS['transaction']['txid']
        path = anchor_tree.decode_path(bytes.fromhex(VECTORS['paths'][0]))
        self.entry = path.entries[0]
        self.steps = path.ots_steps(self.entry.writer, self.entry.sequence)

    def test_vectors_lead_to_the_block(self):
        for one in LEAVES:
            found = proof_file.check(one['ots'], one['hash'])
            self.assertEqual(VECTORS['transaction']['height'], found.height)
            self.assertEqual(merkle_root(VECTORS['transaction']['block']),
                             found.merkle_root)

    def test_any_place_in_a_block(self):
        for size in range(1, 12):
            for at in range(size):
                block = [vectors.fixed_bytes(f't{n}', 32).hex()
                         for n in range(size)]
                block[at] = self.txid
                proof = proof_file.build(self.entry.hash, self.steps,
                                         self.raw, block, 5)
                self.assertEqual(
                    merkle_root(block), proof_file.check(
                        proof, self.entry.hash).merkle_root)

    def test_what_does_not_fit(self):
        self.assertRaises(errors.BadProof, proof_file.build, bytes(32),
                          self.steps, self.raw, [self.txid], 5)
        self.assertRaises(errors.BadProof, proof_file.build, self.entry.hash,
                          self.steps, self.raw, ['00' * 32], 5)


class TestCheck(base.TestCase):

    def test_of_another_file(self):
        self.assertRaises(errors.BadHash, proof_file.check,
                          LEAVES[0]['ots'], LEAVES[1]['hash'])
        self.assertRaises(errors.TooLarge, proof_file.check, bytes(70_000),
                          bytes(32))

    @hypothesis.given(st.binary(max_size=200), st.booleans())
    def test_any_bytes(self, data, with_magic):
        if with_magic:
            data = LEAVES[0]['ots'][:32 + 32 + 1] + data
        self.assertRaises(errors.LedgerError, proof_file.check, data,
                          bytes(32))

    @hypothesis.given(st.sampled_from(LEAVES), st.data())
    def test_a_changed_byte_proves_nothing_of_this_block(self, one, data):
        changed = bytearray(one['ots'])
        changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(
            st.integers(1, 255))
        try:
            found = proof_file.check(bytes(changed), one['hash'])
        except errors.LedgerError:
            return
        self.assertNotEqual(proof_file.check(one['ots'], one['hash']), found)
