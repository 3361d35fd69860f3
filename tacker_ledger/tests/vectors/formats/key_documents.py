# SPDX-License-Identifier: Apache-2.0
"""Key documents, key ids and private keys; documents that are refused."""

from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import ed25519
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto import rsa2048
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import keys

NAME = 'key-documents'

_P = ed25519.P
#: y of the points of order 8.
_Y8 = int('7a03ac9277fdc74ec6cc392cfa53202a'
          '0f67100d760b3cba4fd84d3d706a17c7', 16)
#: u of the points of order 8.
_U8 = (int('00b8495f16056286fdb1329ceb8d09da'
           '6ac49ff1fae35616aeb8413b7c7aebe0', 16),
       int('57119fd0dd4e22d8868e1c58c45c4404'
           '5bef839c55b1d0b1248c50a3bc959c5f', 16))


def _point(number: int, sign: int = 0) -> bytes:
    return (number | sign << 255).to_bytes(32, 'little')


def _refused_points() -> list[tuple[str, bytes, bytes | None]]:
    """Return (why, signing, encryption) of refused curve documents."""
    good = vectors.fixed_bytes('any point', 31) + b'\x01'
    signing = ed25519.SIGNING_PREFIX + good
    found: list[tuple[str, bytes, bytes | None]] = []
    for sign in (0, 1):
        for why, y in (('order 1', 1), ('order 2', _P - 1), ('order 4', 0),
                       ('order 8', _Y8), ('order 8', _P - _Y8),
                       ('y = p', _P), ('y = p + 1', _P + 1),
                       ('y = 2^255 - 1', 2 ** 255 - 1)):
            found.append((f'Ed25519 {why}, sign {sign}',
                          ed25519.SIGNING_PREFIX + _point(y, sign), None))
    for why, u in (('u = 0', 0), ('u = 1', 1), ('u = p - 1', _P - 1),
                   ('order 8', _U8[0]), ('order 8', _U8[1]), ('u = p', _P),
                   ('u = p + 1', _P + 1), ('u = 2^255 - 1', 2 ** 255 - 1),
                   ('top bit set', 9 | 1 << 255)):
        found.append((f'X25519 {why}', signing,
                      ed25519.ENCRYPTION_PREFIX + _point(u)))
    found += [
        ('X25519 where Ed25519 belongs', ed25519.ENCRYPTION_PREFIX + good,
         None),
        ('Ed25519 where X25519 belongs', signing, signing),
        ('a byte missing', signing[:-1], None),
        ('a byte too many', signing + b'\x00', None),
        ('NULL parameters',
         bytes.fromhex('302c300706032b65700500032100') + good, None),
    ]
    return found


def _refused_rsa(spki: bytes) -> list[tuple[str, bytes, bytes | None]]:
    """Return (why, signing, encryption) of refused RSA documents."""
    at = len(rsa2048.SPKI_PREFIX)
    head, modulus, tail = spki[:at], spki[at:at + 256], spki[at + 256:]
    return [
        ('even modulus', head + modulus[:-1] + b'\x02' + tail, None),
        ('modulus of 2047 bits',
         head + bytes([modulus[0] & 0x7f]) + modulus[1:] + tail, None),
        ('exponent 3 in three bytes',
         head + modulus + bytes.fromhex('0203000003'), None),
        ('exponent 65539', head + modulus + bytes.fromhex('0203010003'),
         None),
        ('algorithm RSASSA-PSS', spki.replace(
            bytes.fromhex('2a864886f70d010101'),
            bytes.fromhex('2a864886f70d01010a')), None),
        ('no parameters', bytes.fromhex('30820120300b06092a864886f70d010101')
         + spki[19:], None),
        ('another key to encrypt with', spki,
         head + modulus[:-1] + bytes([modulus[-1] ^ 2]) + tail),
        ('a byte too many', spki + b'\x00', None),
    ]


def _accepted(label: str, private: bytes) -> dict[str, Any]:
    document = providers.load('pycryptodome').load_private(private).document
    return {
        'label': label,
        'suite': document.suite,
        'signing': document.signing,
        'encryption': document.encryption,
        'document': document.to_bytes(),
        'key_id': document.key_id,
        'private': private,
    }


def make() -> dict[str, Any]:
    """Return accepted documents with private test keys, and refused ones."""
    accepted = []
    for index in range(keys.RSA_COUNT):
        accepted.append(_accepted(f'TEST KEY rsa {index}',
                                  keys.rsa_private_bytes(index)))
    accepted.append(_accepted('TEST KEY rsa 0, signing only',
                              keys.rsa_private_bytes(0, False)))
    for label in ('a', 'b'):
        accepted.append(_accepted(f'TEST KEY ed25519 {label}',
                                  keys.ed25519_private_bytes(label)))
    accepted.append(_accepted('TEST KEY ed25519 a, signing only',
                              keys.ed25519_private_bytes('a', False)))
    spki = accepted[0]['signing']
    refused = [
        {'why': why, 'document': codec.encode((suite, signing, encryption))}
        for suite, cases in ((1, _refused_rsa(spki)), (2, _refused_points()))
        for why, signing, encryption in cases]
    curve = accepted[-1]['signing']
    refused += [
        {'why': 'suite 0', 'document': codec.encode((0, curve, None))},
        {'why': 'suite 3', 'document': codec.encode((3, curve, None))},
        {'why': 'suite 1 with a curve key',
         'document': codec.encode((1, curve, None))},
        {'why': 'suite 2 with an RSA key',
         'document': codec.encode((2, spki, None))},
        {'why': 'two fields', 'document': codec.encode((2, curve))},
        {'why': 'four fields',
         'document': codec.encode((2, curve, None, None))},
        {'why': 'suite not in the shortest form',
         'document': b'\x83\x18\x02' + codec.encode(curve) + b'\xf6'},
        {'why': 'a byte after the document',
         'document': codec.encode((2, curve, None)) + b'\x00'},
    ]
    return {'accepted': accepted, 'refused': refused}
