# SPDX-License-Identifier: Apache-2.0
"""Tests of headers, blocks and inclusion proofs."""

import dataclasses
import types

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import block
from tacker_ledger.core import limits
from tacker_ledger.core import merkle
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.core.ledger import samples

H = samples.H
TRANSACTIONS = (samples.sealed(), samples.public(), samples.request())
RAWS = tuple(made.raw for made in TRANSACTIONS)
HEADER = block.Header(H.chain_id, 5, b'p' * 32,
                      block.transactions_root(H, RAWS), b's' * 32,
                      samples.NOW_MS, 2, b'f' * 32)
BLOCK = block.Block.assembled(H, HEADER, RAWS)

_digests = st.binary(min_size=32, max_size=32)
_uints = st.integers(0, 2 ** 64 - 1)
HEADERS = st.builds(block.Header, _digests, _uints, _digests, _digests,
                    _digests, _uints, st.integers(0, 255), _digests)


class TestHeader(base.TestCase):
    """What is certified."""

    @settings(max_examples=60)
    @given(HEADERS)
    def test_round_trip(self, header):
        raw = header.to_bytes()
        self.assertLessEqual(len(raw), limits.HEADER_MAX_BYTES)
        self.assertEqual(header, block.Header.from_bytes(raw))

    def test_one_encoding(self):
        for raw in samples.spoiled(HEADER.to_bytes()):
            self.assertRaises(errors.FormatError, block.Header.from_bytes,
                              raw)

    def test_bounds(self):
        good = codec.decode(HEADER.to_bytes(), block._HEADER, 256)
        for place, value in ((1, bytes(31)), (2, -1), (3, None), (6, -1),
                             (7, 256), (7, -1), (8, bytes(33))):
            fields = list(good)
            fields[place] = value
            self.assertRaises(errors.Malformed, block.Header.from_bytes,
                              codec.encode(fields))
        self.assertRaises(errors.UnsupportedVersion, block.Header.from_bytes,
                          codec.encode((2, *good[1:])))
        self.assertRaises(errors.TooLarge, block.Header.from_bytes,
                          bytes(257))

    def test_every_field_counts(self):
        digests = {HEADER.digest(H), HEADER.digest(samples.OTHER_H)}
        for change in ({'chain_id': bytes(32)}, {'height': 6},
                       {'parent': bytes(32)}, {'state_root': bytes(32)},
                       {'transactions_root': bytes(32)},
                       {'timestamp_ms': 1}, {'proposer': 3},
                       {'federation': bytes(32)}):
            digests.add(dataclasses.replace(HEADER, **change).digest(H))
        self.assertEqual(10, len(digests))

    def test_genesis(self):
        federation = types.SimpleNamespace(
            digest=b'd' * 32, document=types.SimpleNamespace(created_ms=7))
        header = block.genesis_header(H, federation)
        self.assertEqual(
            block.Header(H.chain_id, 0, bytes(32), merkle.EMPTY_ROOT,
                         bytes(32), 7, 0, b'd' * 32), header)


class TestBlock(base.TestCase):
    """A header and its transactions."""

    def test_round_trip(self):
        for made in (BLOCK, block.Block.assembled(
                H, dataclasses.replace(
                    HEADER, transactions_root=merkle.EMPTY_ROOT), ())):
            back = block.Block.from_bytes(H, made.to_bytes())
            self.assertEqual(made, back)
            self.assertEqual(back.header.digest(H), back.digest)
        self.assertEqual(TRANSACTIONS, BLOCK.transactions())

    def test_the_tree_is_kept(self):
        made = block.Block.from_bytes(H, BLOCK.to_bytes())
        self.assertEqual(block.transactions_tree(H, RAWS), made.tree)
        self.assertEqual([block.transaction_leaf(H, index, 3, raw)
                          for index, raw in enumerate(RAWS)], made.tree[0])
        self.assertEqual(HEADER.transactions_root, made.tree[-1][0])
        self.assertIsNone(BLOCK.tree)

    def test_the_size_is_that_of_the_encoding(self):
        for size in (1, 23, 24, 255, 256, 65535, 65536):
            for count in (0, 1, 23, 24, 256):
                made = block.Block.assembled(H, HEADER, (bytes(size),) * count)
                self.assertEqual(len(made.to_bytes()), made.encoded_size)

    def test_one_encoding(self):
        for raw in samples.spoiled(BLOCK.to_bytes()):
            self.assertRaises(errors.FormatError, block.Block.from_bytes, H,
                              raw)

    def test_other_transactions(self):
        for raws in ((), RAWS[:2], RAWS[::-1], (*RAWS, RAWS[0]),
                     (RAWS[0], RAWS[0], RAWS[2]),
                     (*RAWS[:2], RAWS[2] + b'\x00')):
            raw = codec.encode((1, BLOCK.header_bytes, raws))
            self.assertRaises(errors.BadBlock, block.Block.from_bytes, H,
                              raw)

    def test_bounds(self):
        raws = (b'x',) * (limits.BLOCK_MAX_TRANSACTIONS + 1)
        for fields in ((1, BLOCK.header_bytes, raws),
                       (1, BLOCK.header_bytes, (b'',)),
                       (1, b'', ()), (1, BLOCK.header_bytes),
                       (1, bytes(257), ())):
            self.assertRaises(errors.FormatError, block.Block.from_bytes, H,
                              codec.encode(fields))
        self.assertRaises(
            errors.UnsupportedVersion, block.Block.from_bytes, H,
            codec.encode((2, BLOCK.header_bytes, RAWS)))
        self.assertRaises(errors.TooLarge, block.Block.from_bytes, H,
                          bytes(limits.BLOCK_MAX_BYTES + 1))

    def test_the_header_alone(self):
        raw = BLOCK.to_bytes()
        self.assertEqual(BLOCK.header_bytes, block.peek_header(raw))
        # of a block that is cut off behind it too
        self.assertEqual(BLOCK.header_bytes, block.peek_header(
            raw[:len(BLOCK.header_bytes) + 5]))
        for size in (1, 23, 24, 255, 256):
            self.assertEqual(bytes(size), block.peek_header(
                codec.encode((1, bytes(size), RAWS))))
        for wrong in (b'', b'\x83', raw[:4], raw[:40], b'\x82' + raw[1:],
                      codec.encode((1, b'', RAWS)),
                      codec.encode((1, bytes(257), RAWS)),
                      codec.encode((1, 'text', RAWS)),
                      codec.encode((1, 7, RAWS)),
                      codec.encode((99, BLOCK.header_bytes, RAWS))):
            self.assertRaises(errors.Malformed, block.peek_header, wrong)

    @settings(max_examples=100)
    @given(st.binary(max_size=300))
    def test_the_header_of_anything(self, raw):
        try:
            found = block.peek_header(raw)
        except errors.Malformed:
            return
        self.assertIn(found, raw)

    def test_transactions_that_are_none(self):
        raws = (RAWS[0], b'junk')
        made = block.Block.assembled(
            H, dataclasses.replace(
                HEADER, transactions_root=block.transactions_root(H, raws)),
            raws)
        exc = self.assertRaises(errors.BadBlock, made.transactions)
        self.assertEqual((1, 'malformed'),
                         (exc.details['index'], exc.details['reason']))

    @settings(max_examples=80)
    @given(st.data())
    def test_a_changed_byte(self, data):
        raw = bytearray(BLOCK.to_bytes())
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place] ^= data.draw(st.integers(1, 255))
        try:
            back = block.Block.from_bytes(H, bytes(raw))
        except errors.LedgerError:
            return
        # Only the header itself can change unseen: it is what is certified.
        self.assertEqual(BLOCK.raw_transactions, back.raw_transactions)
        self.assertNotEqual(BLOCK.digest, back.digest)


class TestInclusion(base.TestCase):
    """Where a transaction stands in a block."""

    def test_every_place(self):
        for size in (1, 2, 3, 4, 5, 7, 8, 300):
            raws = [b'%d' % i for i in range(size)]
            root = block.transactions_root(H, raws)
            for index in {0, size // 2, size - 1}:
                proof = block.InclusionProof.of(H, raws, index)
                proof = block.InclusionProof.from_bytes(proof.to_bytes())
                proof.verify(H, raws[index], root)
                for other in {0, size // 2, size - 1} - {index}:
                    self.assertRaises(errors.BadProof, proof.verify, H,
                                      raws[other], root)

    def test_of_a_block(self):
        for index, raw in enumerate(RAWS):
            BLOCK.inclusion(index).verify(
                H, raw, BLOCK.header.transactions_root)

    def test_one_place_and_size(self):
        for size in (1, 2, 3, 4, 6):
            raws = [b'%d' % i for i in range(size)]
            root = block.transactions_root(H, raws)
            for index in range(size):
                path = block.InclusionProof.of(H, raws, index).path
                for other_size in range(1, 9):
                    for other in range(other_size):
                        if (other, other_size) == (index, size):
                            continue
                        proof = block.InclusionProof(other, other_size,
                                                     path)
                        self.assertRaises(errors.BadProof, proof.verify, H,
                                          raws[index], root)

    def test_one_encoding(self):
        for raw in samples.spoiled(BLOCK.inclusion(1).to_bytes()):
            self.assertRaises(errors.FormatError,
                              block.InclusionProof.from_bytes, raw)

    def test_bounds(self):
        for fields in ((-1, 1, ()), (0, 0, ()), (300, 300, ()),
                       (0, 301, ()), (0, 1, (bytes(31),)),
                       (0, 300, (bytes(32),) * 10), (0, 1)):
            self.assertRaises(errors.FormatError,
                              block.InclusionProof.from_bytes,
                              codec.encode(fields))
        for proof in (block.InclusionProof(1, 1, ()),
                      block.InclusionProof(-1, 1, ()),
                      block.InclusionProof(0, 2 ** 32, ())):
            self.assertRaises(errors.BadProof, proof.verify, H, b'x',
                              bytes(32))

    @settings(max_examples=100)
    @given(st.data())
    def test_a_changed_byte(self, data):
        index = data.draw(st.integers(0, 2))
        proof = bytearray(BLOCK.inclusion(index).to_bytes())
        place = data.draw(st.integers(0, len(proof) - 1))
        proof[place] ^= data.draw(st.integers(1, 255))
        with self.assertRaisesRegex(errors.LedgerError, '.'):
            block.InclusionProof.from_bytes(bytes(proof)).verify(
                H, RAWS[index], BLOCK.header.transactions_root)
