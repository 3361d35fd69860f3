# SPDX-License-Identifier: Apache-2.0
"""A ciphertext of AES-GCM that opens under two keys.

GCM does not commit to its key.  A tag is a polynomial over GF(2^128) in a
value that follows from the key, so two keys' tags over one ciphertext are
made to meet by solving one linear equation for one free block (Dodis,
Grubbs, Ristenpart and Woodage, "Fast Message Franking", CRYPTO 2018).
"""

from Crypto.Cipher import AES

BLOCK_BYTES = 16
# The first bit of a block is the coefficient of x^0 (SP 800-38D, 6.3).
_R = 0xe1 << 120
_ONE = 1 << 127


def _times(x: int, y: int) -> int:
    z = 0
    for bit in range(127, -1, -1):
        if y >> bit & 1:
            z ^= x
        x = x >> 1 ^ (_R if x & 1 else 0)
    return z


def _power(x: int, n: int) -> int:
    z = _ONE
    for _ in range(n):
        z = _times(z, x)
    return z


def _inverse(x: int) -> int:
    # The field has 2^128 elements: x^(2^128 - 2).
    z, square = _ONE, x
    for _ in range(127):
        square = _times(square, square)
        z = _times(z, square)
    return z


def _blocks(data: bytes) -> list[int]:
    return [int.from_bytes(data[at:at + BLOCK_BYTES].ljust(16, b'\0'), 'big')
            for at in range(0, len(data), BLOCK_BYTES)]


class _Key:
    """What decides keystream and tag under one key and nonce."""

    def __init__(self, key: bytes, nonce12: bytes, count: int) -> None:
        encrypt = AES.new(key, AES.MODE_ECB).encrypt
        self.h = int.from_bytes(encrypt(bytes(16)), 'big')
        counters = [nonce12 + number.to_bytes(4, 'big')
                    for number in range(1, count + 2)]
        self.mask, *self.stream = [
            int.from_bytes(encrypt(one), 'big') for one in counters]

    def tag(self, associated: bytes, ciphertext: list[int]) -> int:
        y = 0
        sizes = (len(associated) * 8) << 64 | len(ciphertext) * 128
        for one in (*_blocks(associated), *ciphertext, sizes):
            y = _times(y ^ one, self.h)
        return y ^ self.mask


def two_faced(key: bytes, other: bytes, nonce12: bytes, associated: bytes,
              plaintext: bytes, free: int, other_face: bytes,
              at: int) -> bytes:
    """Return ciphertext and tag valid under both keys.

    :param plaintext: what shows under ``key``, whole blocks; blocks
        ``free`` and those of ``other_face`` come out as garbage there
    :param free: index of the block that makes the tags meet
    :param other_face: what shows under ``other``, whole blocks
    :param at: index of its first block
    """
    blocks = _blocks(plaintext)
    one = _Key(key, nonce12, len(blocks))
    two = _Key(other, nonce12, len(blocks))
    cipher = [block ^ stream
              for block, stream in zip(blocks, one.stream, strict=True)]
    for number, block in enumerate(_blocks(other_face), at):
        cipher[number] = block ^ two.stream[number]
    cipher[free] = 0
    exponent = len(cipher) - free + 1
    cipher[free] = _times(
        one.tag(associated, cipher) ^ two.tag(associated, cipher),
        _inverse(_power(one.h, exponent) ^ _power(two.h, exponent)))
    tag = one.tag(associated, cipher)
    return b''.join(block.to_bytes(16, 'big') for block in (*cipher, tag))
