# SPDX-License-Identifier: Apache-2.0
"""Tests of identifiers."""

import hashlib

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.core.ledger import samples


class TestIdentifiers(base.TestCase):
    """Each is the hash of what it names, bound to its chain and purpose."""

    def test_cid(self):
        sender, nonce = bytes(32), bytes(16)
        name = b'tacker-ledger/1/cid'
        expected = hashlib.sha256(
            bytes([len(name)]) + name + samples.H.chain_id + sender
            + nonce).digest()[:16]
        self.assertEqual(
            expected, identifiers.cid_for(samples.H, sender, nonce))

    def test_every_input_of_a_cid_counts(self):
        cids = {
            identifiers.cid_for(samples.H, bytes(32), bytes(16)),
            identifiers.cid_for(samples.H, b'\x01' * 32, bytes(16)),
            identifiers.cid_for(samples.H, bytes(32), b'\x01' * 16),
            identifiers.cid_for(samples.OTHER_H, bytes(32), bytes(16))}
        self.assertEqual(4, len(cids))

    def test_state_keys_differ(self):
        one, two = bytes(32), b'\x01' * 32
        found = {
            identifiers.pair_state_key(samples.H, one, two),
            identifiers.pair_state_key(samples.H, two, one),
            identifiers.cid_state_key(samples.H, bytes(16)),
            identifiers.pair_state_key(samples.OTHER_H, one, two)}
        self.assertEqual(4, len(found))
        self.assertEqual({32}, {len(key) for key in found})

    def test_chain_id_has_no_chain(self):
        name = b'tacker-ledger/1/genesis'
        self.assertEqual(
            hashlib.sha256(bytes([len(name)]) + name + b'doc').digest(),
            identifiers.chain_id_of(b'doc'))

    def test_hex(self):
        self.assertEqual(b'\x00\xff', identifiers.parse_hex('00ff', 2))
        for text in ('', '00', '00FF', '00f', '00ff00', ' 00f', '0x00',
                     '00f\n', '٠٠٠٠'):
            self.assertRaises(errors.BadOption,
                              identifiers.parse_hex, text, 2)


class TestReference(base.TestCase):
    """CID, CID and VID, or all three."""

    def test_digest_needs_a_version(self):
        cid = bytes(16)
        for vid, digest in ((None, None), (1, None), (1, bytes(32))):
            reference = identifiers.Reference(cid, vid, digest)
            self.assertEqual((cid, vid, digest), reference.to_fields())
        self.assertRaises(errors.Malformed, identifiers.Reference, cid, None,
                          bytes(32))
