# SPDX-License-Identifier: Apache-2.0
"""The curve of Ed25519 in plain integers: for vectors, slow and not secret.

A second implementation of RFC 8032 section 5.1, from the text, so that a
vector says what the RFC says and not what a library does.
"""

import hashlib

from tacker_ledger.core.crypto import ed25519

P = ed25519.P
D = -121665 * pow(121666, -1, P) % P

Point = tuple[int, int]
IDENTITY: Point = (0, 1)


def add(left: Point, right: Point) -> Point:
    """Return the sum of two points in affine coordinates."""
    (x1, y1), (x2, y2) = left, right
    t = D * x1 * x2 * y1 * y2 % P
    return ((x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P,
            (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P)


def multiply(scalar: int, point: Point) -> Point:
    """Return ``scalar`` times a point."""
    total = IDENTITY
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point = add(point, point)
        scalar >>= 1
    return total


def encode(point: Point) -> bytes:
    """Return the 32 bytes of section 5.1.2."""
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, 'little')


def decode(encoded: bytes) -> Point:
    """Return the point of section 5.1.3; ValueError if there is none."""
    number = int.from_bytes(encoded, 'little')
    sign, y = number >> 255, number & ~(1 << 255)
    if y >= P:
        raise ValueError('y is not below p')
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square or (x == 0 and sign):
        raise ValueError('not a point')
    return (P - x if x & 1 != sign else x, y)


def secret_scalar(seed: bytes) -> int:
    """Return the scalar of a seed (section 5.1.5)."""
    low = bytearray(hashlib.sha512(seed).digest()[:32])
    low[0] &= 0xf8
    low[31] = low[31] & 0x7f | 0x40
    return int.from_bytes(low, 'little')


def small_order_point() -> Point:
    """Return a point of order 8: L times a point of full order."""
    for y in range(2, 100):
        try:
            point = multiply(ed25519.L, decode(y.to_bytes(32, 'little')))
        except ValueError:
            continue
        if multiply(4, point) != IDENTITY:
            return point
    raise AssertionError('half of all points have such a multiple')


#: The base point.
BASE = decode(ed25519.BASE_POINT)
