# SPDX-License-Identifier: Apache-2.0
"""Tests of the sealed envelope."""

import zlib

from Crypto.Cipher import AES
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tacker_ledger.core.crypto import envelope
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core import limits
from tacker_ledger.tests import base
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import keys

ALL = [providers.load(name) for name in providers.names()]
HASHER = hashing.hasher(bytes(32))
KEY = vectors.fixed_bytes('key', 32)
NONCE = vectors.fixed_bytes('nonce', 16)


def seal(provider, payload, compression=0, key=KEY, nonce=NONCE, aad=b'ad'):
    """Seal under the keys of these tests."""
    return envelope.seal(
        provider, HASHER, payload=payload, compression=compression,
        content_key=key, nonce16=nonce, associated_data=aad)


def open_sealed(provider, ciphertext, compression=0, key=KEY, nonce=NONCE,
                aad=b'ad', commitment=None):
    """Open under the keys of these tests."""
    if commitment is None:
        commitment = envelope.commitment(HASHER, KEY, NONCE)
    return envelope.open_sealed(
        provider, HASHER, ciphertext=ciphertext, compression=compression,
        content_key=key, commitment=commitment, nonce16=nonce,
        associated_data=aad)


class TestPadding(base.TestCase):
    """Sizes fall into few classes and nothing is lost."""

    @given(st.integers(0, 1 << 24))
    @example(0)
    @example(1)
    @example(2)
    def test_padme(self, size):
        padded = envelope.padme(size)
        self.assertGreaterEqual(padded, size)
        self.assertEqual(padded, envelope.padme(padded))
        # At most 12 % more (Nikitin et al., section 4.3).
        self.assertLessEqual(padded - size, size * 0.12)
        if size > 1:
            exponent = size.bit_length() - 1
            free_bits = exponent - exponent.bit_length()
            self.assertEqual(0, padded % (1 << max(0, free_bits)))
            self.assertLess(padded - size, 1 << max(0, free_bits))

    def test_classes_are_few(self):
        classes = {envelope.padme(size) for size in range(1 << 16)}
        # Without padding there are 65536.
        self.assertLess(len(classes), 300)

    @given(st.binary(max_size=3000))
    @example(b'')
    @example(b'\x80')
    @example(b'\x00' * 600)
    @example(b'\x80\x00' * 300)
    def test_round_trip(self, data):
        padded = envelope.pad(data)
        self.assertTrue(envelope.is_padded_size(len(padded)))
        self.assertGreater(len(padded), len(data))
        self.assertEqual(data, envelope.unpad(padded))

    @given(st.binary(max_size=20), st.integers(0, 2000), st.booleans())
    def test_one_padding_for_each_data(self, start, zeros, marked):
        padded = start + (b'\x80' if marked else b'') + bytes(zeros)
        try:
            data = envelope.unpad(padded)
        except errors.Malformed:
            return
        self.assertEqual(padded, envelope.pad(data))

    def test_padded_sizes(self):
        sizes = [size for size in range(1100) if envelope.is_padded_size(size)]
        self.assertEqual(
            [*range(512, 1024, 32), 1024, 1088], sizes)
        for size in (0, 1, 510, 511, 512, 1000, 4095, 4096):
            self.assertEqual(len(envelope.pad(bytes(size))) + 16,
                             envelope.sealed_size(size))
            self.assertTrue(
                envelope.is_sealed_size(envelope.sealed_size(size)))
            self.assertFalse(
                envelope.is_sealed_size(envelope.sealed_size(size) + 1))
        self.assertFalse(envelope.is_sealed_size(0))


class TestCompression(base.TestCase):
    """Small in, bounded out."""

    def test_round_trip(self):
        for number in envelope.compressions():
            for data in (b'', b'x', bytes(100_000), vectors.fixed_bytes(
                    'incompressible', 5000)):
                packed = envelope.compress(number, data)
                self.assertEqual(data, envelope.decompress(number, packed))

    def test_it_compresses(self):
        self.assertLess(len(envelope.compress(1, bytes(100_000))), 1000)

    def test_bombs(self):
        limit = limits.INFLATED_MAX_BYTES
        whole = bytes(limit)
        for number in envelope.compressions():
            self.assertEqual(whole, envelope.decompress(
                number, envelope.compress(number, whole)))
            error = self.assertRaises(
                errors.TooLarge, envelope.decompress, number,
                envelope.compress(number, whole + b'x'))
            self.assertEqual({'limit': limit}, error.details)
        # 200 MiB behind 200 KiB must not be held in memory to be refused.
        packer = zlib.compressobj(9)
        bomb = b''.join(packer.compress(bytes(1 << 20)) for _ in range(200))
        bomb += packer.flush()
        self.assertRaises(errors.TooLarge, envelope.decompress, 1, bomb)

    def test_one_stream_and_nothing_else(self):
        packed = envelope.compress(1, b'payload')
        for data in (b'', packed[:-1], packed[:-5], packed + b'\x00',
                     packed + packed, b'\x00' + packed, b'payload',
                     packed[:-1] + bytes([packed[-1] ^ 1]),
                     zlib.compress(b'payload', wbits=-15),
                     zlib.compress(b'payload', wbits=31)):
            self.assertRaises(errors.Malformed, envelope.decompress, 1, data)

    def test_preset_dictionary(self):
        packer = zlib.compressobj(zdict=b'payload')
        data = packer.compress(b'payload') + packer.flush()
        self.assertRaises(errors.Malformed, envelope.decompress, 1, data)

    def test_unknown(self):
        for function in (envelope.compress, envelope.decompress):
            self.assertRaises(errors.Malformed, function, 2, b'')


class TestSealing(base.TestCase):
    """What is sealed opens for the holder of the key alone."""

    @given(st.binary(max_size=2000), st.sampled_from((0, 1)),
           st.binary(max_size=50))
    @settings(max_examples=50)
    def test_round_trip(self, payload, compression, aad):
        for sealer in ALL:
            ciphertext = seal(sealer, payload, compression, aad=aad)
            self.assertTrue(envelope.is_sealed_size(len(ciphertext)))
            for opener in ALL:
                self.assertEqual(payload, open_sealed(
                    opener, ciphertext, compression, aad=aad))

    def test_every_binding(self):
        for provider in ALL:
            ciphertext = seal(provider, b'payload')
            other = bytes(16)
            other_commitment = envelope.commitment(HASHER, KEY, other)
            self.assertRaises(
                errors.Undecryptable, open_sealed, provider, ciphertext,
                nonce=other, commitment=other_commitment)
            self.assertRaises(
                errors.Undecryptable, open_sealed, provider, ciphertext,
                aad=b'other')
            self.assertRaises(
                errors.Undecryptable, open_sealed, provider, ciphertext[:-1])
            self.assertRaises(
                errors.Malformed, open_sealed, provider, ciphertext, 1)

    def test_the_commitment_comes_before_everything(self):
        class Untouchable:
            def open(self, *args):
                raise AssertionError('decrypted before the commitment')

        good = envelope.commitment(HASHER, KEY, NONCE)
        for key, nonce, commitment in (
                (bytes(32), NONCE, good), (KEY, bytes(16), good),
                (KEY, NONCE, good[:-1]), (KEY, NONCE, b''),
                (KEY[:-1], NONCE, good), (b'', NONCE, good)):
            self.assertRaises(
                errors.WrongContentKey, open_sealed, Untouchable(), b'',
                key=key, nonce=nonce, commitment=commitment)

    def test_a_commitment_is_of_one_chain(self):
        self.assertEqual(
            hashing.tagged_hash(hashing.Tag.CONTENT_KEY, KEY, NONCE,
                                chain_id=bytes(32)),
            envelope.commitment(HASHER, KEY, NONCE))
        self.assertNotEqual(
            envelope.commitment(HASHER, KEY, NONCE),
            envelope.commitment(hashing.hasher(b'\x01' * 32), KEY, NONCE))

    def test_sizes(self):
        provider = ALL[0]
        ciphertext = seal(provider, bytes(10 ** 6))
        self.assertLessEqual(len(ciphertext), limits.CONFIGURATION_MAX_BYTES)
        largest = limits.INFLATED_MAX_BYTES
        ciphertext = seal(provider, bytes(largest), 1)
        self.assertEqual(bytes(largest),
                         open_sealed(provider, ciphertext, 1))
        self.assertRaises(errors.TooLarge, seal, provider,
                          bytes(largest + 1), 1)
        self.assertRaises(errors.TooLarge, seal, provider,
                          bytes(limits.CONFIGURATION_MAX_BYTES), 0)
        self.assertRaises(errors.Malformed, seal, provider, b'', 7)

    def test_equal_sizes_for_small_payloads(self):
        sizes = {len(seal(ALL[0], bytes(size))) for size in range(512)}
        self.assertEqual({512 + 16}, sizes)


class TestWraps(base.TestCase):
    """One wrap a role, in one order."""

    def setUp(self):
        super().setUp()
        self.pairs = [keys.curve(ALL[0], name) for name in 'abcd']
        self.documents = [pair.document for pair in self.pairs]

    def test_each_reader_at_its_place(self):
        wraps = envelope.wraps_for(
            ALL[0], KEY, *self.documents, dummy_suite=2)
        self.assertEqual(limits.WRAP_COUNT, len(wraps))
        self.assertEqual(['RECIPIENT', 'AUTHOR', 'RECOVERY', 'AUDITOR'],
                         [role.name for role in envelope.Role])
        for role in envelope.Role:
            for place, pair in enumerate(self.pairs):
                if place == role:
                    self.assertEqual(KEY, envelope.unwrap(pair, role, wraps))
                else:
                    self.assertRaises(errors.Undecryptable, envelope.unwrap,
                                      pair, role, wraps)

    def test_absent_readers_get_dummies(self):
        for number, size in ((1, 256), (2, 80)):
            wraps = envelope.wraps_for(
                ALL[1], KEY, None, self.documents[1], dummy_suite=number)
            self.assertEqual([size, 80, size, size],
                             [len(wrap) for wrap in wraps])
            self.assertEqual(KEY, envelope.unwrap(
                self.pairs[1], envelope.Role.AUTHOR, wraps))
            self.assertRaises(errors.Undecryptable, envelope.unwrap,
                              self.pairs[0], envelope.Role.RECIPIENT, wraps)
            self.assertEqual(limits.WRAP_COUNT, len(set(wraps)))

    def test_a_reader_that_cannot_read_is_refused(self):
        only = keys.curve(ALL[0], 'a', encryption=False).document
        self.assertRaises(errors.BadKey, envelope.wraps_for, ALL[0], KEY,
                          only, self.documents[1], dummy_suite=2)


# The multiplication of GCM (SP 800-38D section 6.3): the first bit of a
# block is the coefficient of x^0.
_R = 0xe1 << 120


def _times(x, y):
    z = 0
    for bit in range(127, -1, -1):
        if y >> bit & 1:
            z ^= x
        x = x >> 1 ^ (_R if x & 1 else 0)
    return z


def _power(x, n):
    z = 1 << 127
    for _ in range(n):
        z = _times(z, x)
    return z


def _inverse(x):
    # x^(2^128 - 2), the field has 2^128 elements.
    z, square = 1 << 127, x
    for _ in range(127):
        square = _times(square, square)
        z = _times(z, square)
    return z


class _Gcm:
    """What decides a tag under one key, as numbers."""

    def __init__(self, key, nonce12):
        block = AES.new(key, AES.MODE_ECB).encrypt
        self.h = int.from_bytes(block(bytes(16)), 'big')
        self.mask = int.from_bytes(
            block(nonce12 + (1).to_bytes(4, 'big')), 'big')
        self.stream = [
            int.from_bytes(block(nonce12 + (2 + i).to_bytes(4, 'big')), 'big')
            for i in range(32)]

    def tag(self, blocks):
        """Return the tag over 128-bit blocks without associated data."""
        y = 0
        for one in [*blocks, len(blocks) * 128]:
            y = _times(y ^ one, self.h)
        return y ^ self.mask


def two_faced(first, second, nonce16):
    """Return two keys and one ciphertext that opens under both.

    ``first`` shows in the leading blocks under the first key, ``second``
    after it under the second.  One further block makes the tags meet: the
    tag is linear in it, so it solves one linear equation over GF(2^128).
    """
    key1 = vectors.fixed_bytes('first key', 32)
    one = _Gcm(key1, nonce16[:12])
    for attempt in range(100_000):
        key2 = vectors.fixed_bytes(f'second key {attempt}', 32)
        two = _Gcm(key2, nonce16[:12])
        # The padding mark must show at the end under both keys.
        if (one.stream[31] ^ two.stream[31]) & 0xff == 0:
            break
    blocks = []
    for text, gcm in ((first, one), (second, two)):
        for at in range(0, len(text), 16):
            blocks.append(int.from_bytes(text[at:at + 16], 'big')
                          ^ gcm.stream[len(blocks)])
    free = len(blocks)
    blocks += [0] * (31 - free)
    blocks.append(one.stream[31] ^ 0x80)
    exponent = 32 - free + 1
    blocks[free] = _times(
        one.tag(blocks) ^ two.tag(blocks),
        _inverse(_power(one.h, exponent) ^ _power(two.h, exponent)))
    body = b''.join(block.to_bytes(16, 'big') for block in blocks)
    return key1, key2, body + one.tag(blocks).to_bytes(16, 'big')


class TestTwoFacedCiphertext(base.TestCase):
    """One ciphertext must not show two configurations to two readers."""

    FIRST = b'policy drop;'.ljust(32)
    SECOND = b'policy accept;'.ljust(32)

    def test_the_attack_works_on_plain_gcm(self):
        key1, key2, ciphertext = two_faced(self.FIRST, self.SECOND, NONCE)
        for provider in ALL:
            one = provider.open(key1, NONCE[:12], ciphertext, b'')
            two = provider.open(key2, NONCE[:12], ciphertext, b'')
            self.assertEqual(self.FIRST, envelope.unpad(one)[:32])
            self.assertEqual(self.SECOND, envelope.unpad(two)[32:64])

    def test_the_commitment_refuses_the_second_face(self):
        key1, key2, ciphertext = two_faced(self.FIRST, self.SECOND, NONCE)
        commitment = envelope.commitment(HASHER, key1, NONCE)
        for provider in ALL:
            shown = open_sealed(provider, ciphertext, key=key1, aad=b'',
                                commitment=commitment)
            self.assertEqual(self.FIRST, shown[:32])
            self.assertRaises(
                errors.WrongContentKey, open_sealed, provider, ciphertext,
                key=key2, aad=b'', commitment=commitment)
