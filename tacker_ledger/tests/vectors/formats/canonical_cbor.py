# SPDX-License-Identifier: Apache-2.0
"""Encodings that are canonical, and near misses that are not."""

from typing import Any

from tacker_ledger.core import codec

NAME = 'canonical-cbor'

_VALUES: tuple[Any, ...] = (
    0, 1, 10, 23, 24, 25, 100, 255, 256, 1000, 65535, 65536, 1000000,
    2 ** 32 - 1, 2 ** 32, 1000000000000, 2 ** 63, 2 ** 64 - 1,
    -1, -10, -24, -25, -100, -256, -257, -1000, -65536, -65537,
    -(2 ** 32), -(2 ** 32) - 1, -(2 ** 63),
    False, True, None,
    b'', b'\x01\x02\x03\x04', bytes(23), bytes(24), bytes(255), bytes(256),
    '', 'a', 'IETF', '"\\', 'ü', '水', '\U00010151', 'a' * 23, 'a' * 24,
    (), (1, 2, 3), (1, (2, 3), (4, 5)), tuple(range(1, 26)),
    (None, True, False, b'\x00', '\x00', -1),
)

_REFUSED = (
    ('', 'nothing'),
    ('00 00', 'a byte after the value'),
    ('18 17', 'integer 23 in two bytes'),
    ('18 18 00', 'a byte after the value'),
    ('19 00ff', 'integer 255 in three bytes'),
    ('1a 0000ffff', 'integer 65535 in five bytes'),
    ('1b 00000000ffffffff', 'integer 2^32 - 1 in nine bytes'),
    ('38 17', 'integer -24 in two bytes'),
    ('3b 8000000000000000', 'integer -2^63 - 1'),
    ('3b ffffffffffffffff', 'integer -2^64'),
    ('18', 'argument missing'),
    ('19 01', 'argument cut'),
    ('1b 00000001000000', 'argument cut'),
    ('1c', 'reserved head'),
    ('1f', 'indefinite integer'),
    ('58 03 010203', 'short byte string with a long head'),
    ('58 18 00', 'byte string cut'),
    ('43 0102', 'byte string cut'),
    ('5b ffffffffffffffff', 'byte string of 2^64 - 1 bytes'),
    ('5f 41 00 ff', 'byte string of indefinite length'),
    ('7f 61 61 ff', 'text of indefinite length'),
    ('61 ff', 'text that is not UTF-8'),
    ('62 c0 80', 'overlong UTF-8'),
    ('63 ed a0 80', 'surrogate in UTF-8'),
    ('64 f4908080', 'beyond the last code point'),
    ('62 e6 b0', 'UTF-8 cut'),
    ('81', 'array cut'),
    ('82 01', 'array cut'),
    ('98 03 010203', 'short array with a long head'),
    ('9b ffffffffffffffff', 'array of 2^64 - 1 items'),
    ('9f 01 ff', 'array of indefinite length'),
    ('a0', 'map'),
    ('a1 01 02', 'map'),
    ('bf ff', 'map of indefinite length'),
    ('c0 60', 'tag'),
    ('c2 49 010000000000000000', 'bignum'),
    ('d9d9f7 00', 'self-described CBOR'),
    ('e0', 'simple value 0'),
    ('f3', 'simple value 19'),
    ('f7', 'undefined'),
    ('f8 18', 'reserved simple value'),
    ('f8 f5', 'true in two bytes'),
    ('f9 3c00', 'half-precision 1.0'),
    ('fa 3f800000', 'single-precision 1.0'),
    ('fb 3ff0000000000000', 'double-precision 1.0'),
    ('fc', 'reserved head'),
    ('ff', 'break'),
    ('81' * 17 + '00', 'an array nested 17 deep'),
)


def described(value: Any) -> Any:
    """Return a value for JSON: bytes as {"bytes": hex}, big integers too."""
    if isinstance(value, bytes):
        return {'bytes': value.hex()}
    if isinstance(value, tuple):
        return [described(item) for item in value]
    if type(value) is int and abs(value) >= 2 ** 53:
        # Readers that know floating point only would lose digits.
        return {'integer': str(value)}
    return value


def restored(value: Any) -> Any:
    """Return what :func:`described` was given."""
    if isinstance(value, dict):
        if 'bytes' in value:
            return bytes.fromhex(value['bytes'])
        return int(value['integer'])
    if isinstance(value, list):
        return tuple(restored(item) for item in value)
    return value


def make() -> dict[str, Any]:
    """Return accepted values with their encoding, and refused encodings."""
    deep: Any = 0
    for _ in range(16):
        deep = (deep,)
    return {
        'accepted': [
            {'value': described(value), 'encoded': codec.encode(value)}
            for value in (*_VALUES, deep)],
        'refused': [
            {'encoded': bytes.fromhex(text), 'why': why}
            for text, why in _REFUSED],
    }
