# SPDX-License-Identifier: Apache-2.0
"""Tests of the providers: that nothing shows which one was used."""

import copy

from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pss
from cryptography.hazmat.primitives.asymmetric import ed25519 as ed
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives import serialization
import fixtures
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import ed25519
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto import rsa2048
from tacker_ledger.core.crypto import suite
from tacker_ledger.core import errors
from tacker_ledger.tests import base
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import keys

ALL = [providers.load(name) for name in providers.names()]
PAIRS = [(one, other) for one in ALL for other in ALL]
KEY = bytes(range(32))
NONCE = bytes(12)


def a_pair(provider, number, encryption=True):
    """Return a test key pair of a suite."""
    if number == rsa2048.SUITE.number:
        return keys.rsa(provider, 0, encryption)
    return keys.curve(provider, 'a', encryption)


class TestChoice(base.TestCase):
    """Which provider a process uses."""

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MonkeyPatch(
            'tacker_ledger.core.crypto.providers._current', None))

    def test_the_faster_one_is_the_default(self):
        self.assertEqual('cryptography', providers.default().name)
        self.assertIs(providers.default(), providers.default())

    def test_use(self):
        used = providers.use('pycryptodome')
        self.assertIs(used, providers.default())
        other = providers.load('cryptography')
        self.assertIs(used, providers.default())
        self.assertIs(other, providers.use(other))
        self.assertIs(other, providers.default())

    def test_unknown(self):
        for function in (providers.use, providers.load):
            error = self.assertRaises(errors.BadOption, function, 'rot13')
            self.assertEqual(list(providers.names()), error.details['known'])

    def _without(self, *names):
        def missing():
            raise ImportError('no such library')
        makers = {name: missing if name in names else maker
                  for name, maker in providers._MAKERS.items()}
        self.useFixture(fixtures.MonkeyPatch(
            'tacker_ledger.core.crypto.providers._MAKERS', makers))

    def test_an_image_without_the_first_library(self):
        self._without('cryptography')
        self.assertEqual('pycryptodome', providers.default().name)
        self.assertRaises(errors.BadOption, providers.use, 'cryptography')
        self.assertEqual('pycryptodome', providers.default().name)

    def test_an_image_without_any(self):
        self._without(*providers.names())
        self.assertRaises(errors.BadOption, providers.default)


class TestKeyPairs(base.TestCase):
    """Keys made by one serve in the other."""

    def test_generated_pairs(self):
        for maker, other in ((ALL[0], ALL[1]), (ALL[1], ALL[0])):
            for one in suite.suites():
                pair = maker.generate(one.number)
                stored = pair.to_private_bytes()
                back = other.load_private(stored)
                self.assertEqual(pair.document, back.document)
                self.assertEqual(stored, back.to_private_bytes())
                self.assertTrue(maker.verify(
                    pair.document, b'm', back.sign(b'm')))
                self.assertEqual(KEY, back.unwrap(
                    maker.wrap(pair.document, KEY)))

    def test_a_new_pair_is_a_new_pair(self):
        for provider in ALL:
            self.assertNotEqual(provider.generate(2).document,
                                provider.generate(2).document)

    def test_signing_only(self):
        for provider in ALL:
            pair = provider.generate(2, encryption=False)
            self.assertIsNone(pair.document.encryption)
            self._opens_nothing(provider, pair)
            self._opens_nothing(provider, keys.rsa(provider, 0, False))

    def _opens_nothing(self, provider, pair):
        number = pair.document.suite
        error = self.assertRaises(
            errors.BadKey, provider.wrap, pair.document, KEY)
        self.assertEqual(pair.document.key_id.hex(), error.details['key_id'])
        wrap = provider.wrap(a_pair(provider, number).document, KEY)
        self.assertRaises(errors.Undecryptable, pair.unwrap, wrap)
        back = provider.load_private(pair.to_private_bytes())
        self.assertIsNone(back.document.encryption)
        self.assertTrue(provider.verify(
            pair.document, b'm', back.sign(b'm')))

    def test_unknown_suite(self):
        for provider in ALL:
            self.assertRaises(errors.BadKey, provider.generate, 3)
            self.assertRaises(errors.BadKey, provider.dummy_wrap, 3)

    def test_a_pair_shows_no_secret(self):
        for provider in ALL:
            for one in suite.suites():
                pair = a_pair(provider, one.number)
                self.assertEqual(
                    f'<key pair {pair.document.key_id.hex()}>', repr(pair))
                self.assertEqual(repr(pair), str(pair))
                self.assertRaises(TypeError, copy.deepcopy, pair)
                self.assertFalse(hasattr(pair, '__dict__'))

    def test_private_bytes_that_are_none(self):
        rsa_der = keys.rsa_pkcs8(0)
        seed = bytes(range(32))
        ed_der = ed25519.PKCS8_SIGNING_PREFIX + seed
        x_der = ed25519.PKCS8_ENCRYPTION_PREFIX + seed
        cases = [
            b'', b'\x00', codec.encode((1, 2, ed_der)),
            codec.encode((1, 2, ed_der, None)) + b'\x00', bytes(9000),
            codec.encode((1, 3, ed_der, None)),
            codec.encode((1, 1, ed_der, None)),
            codec.encode((1, 2, rsa_der, None)),
            codec.encode((1, 2, x_der, None)),
            codec.encode((1, 2, ed_der, ed_der)),
            codec.encode((1, 2, ed_der[:-1], None)),
            codec.encode((1, 2, ed_der + b'\x00', None)),
            codec.encode((1, 1, rsa_der, keys.rsa_pkcs8(1))),
            codec.encode((1, 1, rsa_der[:-1], None)),
            codec.encode((1, 1, rsa_der[:200], None)),
            codec.encode((1, 1, b'\x30\x00', None)),
            codec.encode((1, 1, bytes(100), None)),
        ]
        public = RSA.import_key(rsa_der).public_key().export_key('DER')
        cases.append(codec.encode((1, 1, public, None)))
        for provider in ALL:
            for data in cases:
                error = self.assertRaises(
                    errors.BadKey, provider.load_private, data)
                self.assertNotIn(seed.hex(), repr(error))
            self.assertRaises(
                errors.UnsupportedVersion, provider.load_private,
                codec.encode((2, 2, ed_der, None)))

    def test_private_keys_against_the_rules(self):
        small = rsa.generate_private_key(65537, 1024)
        exponent = rsa.generate_private_key(3, 2048)
        other = ed.Ed25519PrivateKey.generate()
        for private in (small, exponent, other):
            der = private.private_bytes(
                serialization.Encoding.DER,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption())
            for provider in ALL:
                self.assertRaises(
                    errors.BadKey, provider.load_private,
                    codec.encode((1, 1, der, None)))

    def test_encrypted_private_key(self):
        der = RSA.import_key(keys.rsa_pkcs8(0)).export_key(
            'DER', pkcs=8, passphrase='secret',
            protection='scryptAndAES128-CBC')
        for provider in ALL:
            self.assertRaises(errors.BadKey, provider.load_private,
                              codec.encode((1, 1, der, None)))


class TestSignatures(base.TestCase):
    """What one signs the other verifies."""

    @given(st.binary(max_size=300))
    @settings(max_examples=15)
    def test_interchangeable(self, message):
        for signer, verifier in PAIRS:
            for one in suite.suites():
                pair = a_pair(signer, one.number)
                signature = pair.sign(message)
                self.assertEqual(one.signature_bytes, len(signature))
                self.assertTrue(verifier.verify(
                    pair.document, message, signature))
                self.assertFalse(verifier.verify(
                    pair.document, message + b'\x00', signature))

    @given(st.data())
    @settings(max_examples=60)
    def test_damage(self, draw):
        one = draw.draw(st.sampled_from(suite.suites()))
        pair = a_pair(ALL[0], one.number)
        signature = bytearray(pair.sign(b'm'))
        at = draw.draw(st.integers(0, len(signature) - 1))
        signature[at] ^= draw.draw(st.integers(1, 255))
        for provider in ALL:
            self.assertFalse(provider.verify(
                pair.document, b'm', bytes(signature)))

    @given(st.data())
    @settings(max_examples=60)
    def test_random_signatures(self, draw):
        one = draw.draw(st.sampled_from(suite.suites()))
        document = a_pair(ALL[0], one.number).document
        size = draw.draw(st.sampled_from(
            (0, one.signature_bytes - 1, one.signature_bytes,
             one.signature_bytes + 1)))
        signature = draw.draw(st.binary(min_size=size, max_size=size))
        for provider in ALL:
            self.assertFalse(provider.verify(document, b'm', signature))

    def test_a_key_of_one_suite_does_not_verify_the_other(self):
        rsa_pair, curve = (a_pair(ALL[0], n) for n in (1, 2))
        for provider in ALL:
            self.assertFalse(provider.verify(
                rsa_pair.document, b'm', curve.sign(b'm')))
            self.assertFalse(provider.verify(
                curve.document, b'm', rsa_pair.sign(b'm')))

    def test_ed25519_is_deterministic_and_the_same(self):
        seed = vectors.fixed_bytes('seed', 32)
        public = {provider.ed25519_public(seed) for provider in ALL}
        signed = {provider.sign_raw_ed25519(seed, b'm') for provider in ALL}
        self.assertEqual((1, 1), (len(public), len(signed)))
        for provider in ALL:
            self.assertTrue(provider.verify_raw_ed25519(
                *public, b'm', *signed))
            self.assertFalse(provider.verify_raw_ed25519(
                *public, b'n', *signed))
            self.assertFalse(provider.verify_raw_ed25519(
                b'', b'm', *signed))
            self.assertFalse(provider.verify_raw_ed25519(
                *public, b'm', b''))

    def test_rfc_8032_test_2(self):
        # Section 7.1, TEST 2.
        seed = bytes.fromhex('4ccd089b28ff96da9db6c346ec114e0f'
                             '5b8a319f35aba624da8cf6ed4fb8a6fb')
        public = bytes.fromhex('3d4017c3e843895a92b70aa74d1b7ebc'
                               '9c982ccf2ec4968cc0cd55f12af4660c')
        signature = bytes.fromhex(
            '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da'
            '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00')
        for provider in ALL:
            self.assertEqual(public, provider.ed25519_public(seed))
            self.assertEqual(signature,
                             provider.sign_raw_ed25519(seed, b'\x72'))

    def test_small_order_and_other_forms_are_no_raw_keys(self):
        for y in (0, 1, ed25519.P - 1, ed25519.P, ed25519.P + 1):
            point = y.to_bytes(32, 'little')
            # S = 0 and R = the key: a signature for many messages, if a
            # verifier lets such keys in.
            for r in (point, bytes([1]) + bytes(31)):
                for provider in ALL:
                    self.assertFalse(provider.verify_raw_ed25519(
                        point, b'm', r + bytes(32)))

    def test_a_modulus_that_the_exponent_divides(self):
        # e = 65537 divides the modulus, so a library that asks for
        # gcd(n, e) = 1 would refuse what the other takes.
        modulus, d = _modulus_with_factor(rsa2048.PUBLIC_EXPONENT)
        spki = (rsa2048.SPKI_PREFIX + modulus.to_bytes(256, 'big')
                + rsa2048.SPKI_SUFFIX)
        document = suite.KeyDocument(1, spki, None)
        padded = _pss_encoded(b'm')
        signature = pow(padded, d, modulus).to_bytes(256, 'big')
        self.assertEqual(
            [True, True],
            [one.verify(document, b'm', signature) for one in ALL])


def _modulus_with_factor(factor):
    """Return (n, d) with n of 2048 bits, a prime times ``factor``."""
    private = RSA.import_key(keys.rsa_pkcs8(0))
    candidate = (1 << 2047) // factor + private.n % (1 << 1000) | 1
    while not _is_prime(candidate):
        candidate += 2
    modulus = candidate * factor
    assert modulus.bit_length() == 2048
    return modulus, pow(65537, -1, (candidate - 1) * (factor - 1))


def _is_prime(number):
    """Return whether a random-looking number is a prime (Fermat)."""
    return pow(2, number - 1, number) == 1 == pow(3, number - 1, number)


def _pss_encoded(message):
    """Return the PSS encoding of a message for a 2048-bit key."""
    encoded = pss._EMSA_PSS_ENCODE(
        SHA256.new(message), 2047, lambda size: bytes(size),
        lambda seed, size: pss.MGF1(seed, size, SHA256), 32)
    return int.from_bytes(encoded, 'big')


class TestWraps(base.TestCase):
    """What one wraps the other unwraps."""

    def test_interchangeable(self):
        for wrapper, reader in PAIRS:
            for one in suite.suites():
                pair = a_pair(reader, one.number)
                for key in (KEY, bytes(32), b'\xff' * 32):
                    wrap = wrapper.wrap(pair.document, key)
                    self.assertEqual(one.wrap_bytes, len(wrap))
                    self.assertTrue(one.is_wrap(wrap))
                    self.assertEqual(key, pair.unwrap(wrap))

    def test_wraps_differ_each_time(self):
        for provider in ALL:
            for one in suite.suites():
                document = a_pair(provider, one.number).document
                self.assertNotEqual(provider.wrap(document, KEY),
                                    provider.wrap(document, KEY))

    def test_dummies_look_like_wraps_and_open_for_none(self):
        for provider in ALL:
            for one in suite.suites():
                dummies = {provider.dummy_wrap(one.number)
                           for _ in range(20)}
                self.assertEqual(20, len(dummies))
                for dummy in dummies:
                    self.assertEqual(one.wrap_bytes, len(dummy))
                    self.assertTrue(one.is_wrap(dummy))
                for reader in ALL:
                    self.assertRaises(
                        errors.Undecryptable,
                        a_pair(reader, one.number).unwrap, dummy)

    def test_rsa_wraps_and_dummies_stay_below_every_modulus(self):
        document = keys.rsa(ALL[0]).document
        for provider in ALL:
            for _ in range(40):
                self.assertLess(provider.wrap(document, KEY)[0], 0x80)
                self.assertLess(provider.dummy_wrap(1)[0], 0x80)

    @given(st.data())
    @settings(max_examples=60)
    def test_damage(self, draw):
        one = draw.draw(st.sampled_from(suite.suites()))
        provider = draw.draw(st.sampled_from(ALL))
        pair = a_pair(provider, one.number)
        wrap = bytearray(provider.wrap(pair.document, KEY))
        at = draw.draw(st.integers(0, len(wrap) - 1))
        wrap[at] ^= draw.draw(st.integers(1, 255))
        for reader in ALL:
            self.assertRaises(errors.Undecryptable,
                              a_pair(reader, one.number).unwrap,
                              bytes(wrap))

    def test_another_size(self):
        for provider in ALL:
            for one in suite.suites():
                pair = a_pair(provider, one.number)
                for size in (0, 32, one.wrap_bytes - 1, one.wrap_bytes + 1):
                    self.assertRaises(errors.Undecryptable, pair.unwrap,
                                      bytes(size))

    def test_only_content_keys_are_wrapped(self):
        for provider in ALL:
            document = keys.curve(provider).document
            self.assertRaises(AssertionError, provider.wrap, document, b'x')


class TestSealing(base.TestCase):
    """AES-256-GCM."""

    @given(st.binary(max_size=200), st.binary(max_size=40),
           st.binary(min_size=32, max_size=32),
           st.binary(min_size=12, max_size=12))
    def test_interchangeable(self, plaintext, aad, key, nonce):
        sealed = {one.seal(key, nonce, plaintext, aad) for one in ALL}
        self.assertEqual(1, len(sealed))
        ciphertext = sealed.pop()
        self.assertEqual(len(plaintext) + 16, len(ciphertext))
        for provider in ALL:
            self.assertEqual(
                plaintext, provider.open(key, nonce, ciphertext, aad))
            self.assertRaises(errors.Undecryptable, provider.open, key,
                              nonce, ciphertext, aad + b'x')

    @given(st.data())
    def test_damage(self, draw):
        ciphertext = bytearray(ALL[0].seal(KEY, NONCE, b'payload', b''))
        at = draw.draw(st.integers(0, len(ciphertext) - 1))
        ciphertext[at] ^= draw.draw(st.integers(1, 255))
        for provider in ALL:
            self.assertRaises(errors.Undecryptable, provider.open, KEY,
                              NONCE, bytes(ciphertext), b'')

    def test_cut(self):
        ciphertext = ALL[0].seal(KEY, NONCE, b'payload', b'')
        for provider in ALL:
            for size in range(len(ciphertext)):
                self.assertRaises(errors.Undecryptable, provider.open, KEY,
                                  NONCE, ciphertext[:size], b'')

    def test_gcm_test_case_14(self):
        # McGrew and Viega, The Galois/Counter Mode of Operation.
        expected = bytes.fromhex('cea7403d4d606b6e074ec5d3baf39d18'
                                 'd0d1c8a799996bf0265b98b5d48ab919')
        for provider in ALL:
            self.assertEqual(expected, provider.seal(
                bytes(32), NONCE, bytes(16), b''))

    def test_sizes_are_the_callers_duty(self):
        for provider in ALL:
            for key, nonce in ((bytes(16), NONCE), (KEY, bytes(16))):
                self.assertRaises(AssertionError, provider.seal, key, nonce,
                                  b'', b'')
                self.assertRaises(AssertionError, provider.open, key, nonce,
                                  bytes(16), b'')

    def test_random_bytes(self):
        for provider in ALL:
            self.assertEqual(24, len(provider.random_bytes(24)))
            self.assertNotEqual(provider.random_bytes(24),
                                provider.random_bytes(24))
