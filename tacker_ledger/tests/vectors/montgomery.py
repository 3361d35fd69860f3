# SPDX-License-Identifier: Apache-2.0
"""X25519 in plain integers (RFC 7748 section 5): for vectors only."""

from tacker_ledger.core.crypto import ed25519

P = ed25519.P
_A24 = 121665

#: The base point, u = 9.
BASE = (9).to_bytes(32, 'little')


def x25519(scalar: bytes, point: bytes) -> bytes:
    """Return the X25519 function of 32 and 32 bytes."""
    clamped = bytearray(scalar)
    clamped[0] &= 0xf8
    clamped[31] = clamped[31] & 0x7f | 0x40
    k = int.from_bytes(clamped, 'little')
    u = (int.from_bytes(point, 'little') & ~(1 << 255)) % P
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for bit in reversed(range(255)):
        this = k >> bit & 1
        if swap ^ this:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = this
        a, b = x2 + z2, x2 - z2
        da, cb = (x3 - z3) * a, (x3 + z3) * b
        aa, bb = a * a, b * b
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + _A24 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, 'little')
