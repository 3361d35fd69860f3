# SPDX-License-Identifier: Apache-2.0
"""Tests of suites and key documents."""

import dataclasses

from tacker_ledger.core.crypto import ed25519
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto import suite
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core import limits
from tacker_ledger.tests import base
from tacker_ledger.tests.vectors import edwards
from tacker_ledger.tests.vectors import keys
from tacker_ledger.tests.vectors import montgomery


class TestRegistry(base.TestCase):
    """Suites are found by number and by name."""

    def test_suites(self):
        self.assertEqual(
            [(1, 'rsa2048', 256, 256), (2, 'ed25519', 64, 80)],
            [(one.number, one.name, one.signature_bytes, one.wrap_bytes)
             for one in suite.suites()])
        for one in suite.suites():
            self.assertIs(one, suite.by_number(one.number))
            self.assertIs(one, suite.by_name(one.name))

    def test_unknown(self):
        self.assertRaises(errors.BadKey, suite.by_number, 3)
        error = self.assertRaises(errors.BadOption, suite.by_name, 'dsa')
        self.assertEqual(['ed25519', 'rsa2048'], error.details['known'])


class TestKeyDocument(base.TestCase):
    """A key document is checked however it comes to be."""

    def setUp(self):
        super().setUp()
        provider = providers.load('pycryptodome')
        self.rsa = keys.rsa(provider).document
        self.curve = keys.curve(provider).document

    def test_round_trip(self):
        for document in (self.rsa, self.curve):
            data = document.to_bytes()
            self.assertLessEqual(len(data), limits.KEY_DOCUMENT_MAX_BYTES)
            back = suite.KeyDocument.from_bytes(data)
            self.assertEqual(document, back)
            self.assertEqual(document.key_id, back.key_id)
            self.assertEqual(hash(document), hash(back))

    def test_key_id(self):
        self.assertEqual(
            hashing.tagged_hash(hashing.Tag.KEY, self.curve.to_bytes()),
            self.curve.key_id)

    def test_signing_only_is_another_identity(self):
        only = suite.KeyDocument(2, self.curve.signing, None)
        self.assertNotEqual(self.curve, only)
        self.assertNotEqual(self.curve.key_id, only.key_id)

    def test_no_document_escapes_the_rules(self):
        self.assertRaises(errors.BadKey, suite.KeyDocument, 2,
                          self.rsa.signing, None)
        self.assertRaises(errors.BadKey, suite.KeyDocument, 9,
                          self.curve.signing, None)
        self.assertRaises(
            errors.BadKey, dataclasses.replace, self.curve,
            encryption=self.curve.signing)

    def test_frozen(self):
        self.assertRaises(dataclasses.FrozenInstanceError, setattr,
                          self.curve, 'suite', 1)

    def test_malformed_bytes_are_bad_keys(self):
        for data in (b'', b'\x00', b'\xff' * 2000, self.curve.to_bytes()[:-1],
                     self.curve.to_bytes() + b'\x00', bytes(1025)):
            self.assertRaises(errors.BadKey, suite.KeyDocument.from_bytes,
                              data)

    def test_small_order_table_is_complete(self):
        point = edwards.small_order_point()
        encoded = {edwards.encode(edwards.multiply(i, point))
                   for i in range(8)}
        self.assertEqual(8, len(encoded))
        for one in encoded:
            self.assertFalse(ed25519.is_signing_point(one))
        self.assertTrue(ed25519.is_signing_point(ed25519.BASE_POINT))

    def test_small_order_table_of_x25519_is_complete(self):
        # Whatever the scalar, these give zero and nothing else listed does.
        scalar = bytes(range(32))
        for u in ed25519._SMALL_ORDER_U:
            encoded = u.to_bytes(32, 'little')
            self.assertFalse(ed25519.is_agreement_point(encoded))
            self.assertEqual(bytes(32), montgomery.x25519(scalar, encoded))
        self.assertEqual(5, len(ed25519._SMALL_ORDER_U))
        self.assertTrue(ed25519.is_agreement_point(montgomery.BASE))

    def test_points_of_another_length(self):
        for size in (0, 31, 33):
            self.assertFalse(ed25519.is_signing_point(b'\x05' * size))
            self.assertFalse(ed25519.is_agreement_point(b'\x05' * size))
            self.assertFalse(ed25519.is_signature(bytes(size)))
