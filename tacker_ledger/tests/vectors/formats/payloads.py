# SPDX-License-Identifier: Apache-2.0
"""Payloads of every kind, their digests, and what is refused."""

from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import by_hand

NAME = 'payloads'

CID = vectors.fixed_bytes('cid', 16)
OTHER_CID = vectors.fixed_bytes('other cid', 16)
TXID = vectors.fixed_bytes('txid', 32)
KEY_ID = vectors.fixed_bytes('key id', 32)
CONTENT_KEY = vectors.fixed_bytes('content key', 32)
_REFERENCE = (CID, 3, TXID, CONTENT_KEY)
_BARE = (OTHER_CID, 1, TXID, None)


def _trust_change(action: int, body: tuple[Any, ...]) -> tuple[Any, ...]:
    encoded = codec.encode(body)
    recovery = by_hand.RECOVERY
    return (action, encoded, recovery.document, recovery.sign(
        by_hand.message('recovery', bytes([action]), encoded)))


def _announcement() -> tuple[bytes, bytes]:
    new = by_hand.AUDITOR.document
    return (new, by_hand.VNF.sign(by_hand.message(
        'key-announcement', by_hand.VNF.key_id, new)))


def _private() -> list[tuple[str, int, tuple[Any, ...]]]:
    return [
        ('configuration', 1, ('nftables', 'inet filter', b'drop', (), ())),
        ('configuration with sealed references', 1,
         ('file', '/etc/x', b'', (_REFERENCE, _BARE), (_REFERENCE,))),
        ('group key, join', 2, (1, KEY_ID, 1, by_hand.RECOVERY.private)),
        ('group key, leave', 2, (2, KEY_ID, 2 ** 32 - 1, None)),
        ('trust change, retire a VNF', 3, (
            1, codec.encode((KEY_ID, 'migrated')), None, None)),
        ('trust change, rotate a tenant key', 3, _trust_change(2, (
            by_hand.TENANT.key_id, by_hand.AUDITOR.document,
            ((CID, 4, OTHER_CID), (OTHER_CID, 0, CID))))),
        ('trust change, revoke a tenant key', 3, _trust_change(3, (
            by_hand.TENANT.key_id, ((CID, 4),)))),
        ('trust change, add a commander', 3, _trust_change(4, (
            by_hand.AUDITOR.document,))),
        ('key replacement', 4, (1, 'order 7')),
        ('receipt, applied', 5, (
            TXID, CID, 3, 1, '', '', 2 ** 64 - 1, ((CID, 3), (OTHER_CID, 1)),
            None)),
        ('receipt, refused', 5, (
            TXID, CID, 3, 3, 'unknown-applier', 'no applier é', 0, (),
            None)),
        ('receipt, key replaced', 5, (
            TXID, CID, 3, 6, '', '', 9, (), _announcement())),
        ('state report', 6, (
            TXID, ((CID, 3, TXID, KEY_ID, CONTENT_KEY),
                   (OTHER_CID, 1, TXID, KEY_ID, None)),
            (('nftables', 'inet filter', b'{}'),), by_hand.NOW_MS)),
        ('withdrawal', 7, (CID,)),
        ('welcome', 8, ('hello',)),
        ('delivery', 9, ((_REFERENCE, _BARE), _REFERENCE)),
        ('delivery of nothing', 9, ((), None)),
    ]


def _public() -> list[tuple[str, int, tuple[Any, ...]]]:
    return [
        ('template', 32, ('file', '/etc/x', b'x = 1', 'a vendor', '1.2')),
        ('template withdrawal', 33, (CID, 2, 2, 'CVE')),
        ('federation document', 34, (b'a signed document',)),
        ('log checkpoint', 35, (CID, b'a record')),
        ('digest, sha256', 36, (
            'sha256', bytes(32), 10, 'application/zip', 'a.csar')),
        ('digest, sha384', 36, ('sha384', bytes(48), 0, '', '')),
        ('digest, sha512', 36, ('sha512', bytes(64), 2 ** 64 - 1, '', '')),
    ]


def _cases(bodies: list[tuple[str, int, tuple[Any, ...]]]
           ) -> list[dict[str, Any]]:
    cases = []
    for why, kind, body in bodies:
        encoded = codec.encode((1, kind, body))
        cases.append({'why': why, 'kind': kind, 'body': body,
                      'encoded': encoded,
                      'digest': by_hand.hashed('payload', encoded)})
    return cases


def _refused() -> list[dict[str, Any]]:
    revoked = codec.encode((KEY_ID, ((CID, 1), (CID, 2))))
    signed = _trust_change(3, (KEY_ID, ()))
    welcome = codec.encode((1, 8, ('hello',)))
    cases: list[tuple[str, str, bool, Any]] = [
        ('version 2', 'unsupported-version', True, (2, 8, ('',))),
        ('kind 0', 'unsupported-version', True, (1, 0, ())),
        ('kind 10', 'unsupported-version', True, (1, 10, ())),
        ('kind 37', 'unsupported-version', False, (1, 37, ())),
        ('a private kind in the open', 'wrong-payload', False, welcome),
        ('a public kind sealed', 'wrong-payload', True,
         (1, 34, (b'a signed document',))),
        ('not three fields', 'malformed', True, (1, 8)),
        ('applier of 65 bytes', 'malformed', True,
         (1, 1, ('a' * 65, '', b'', (), ()))),
        ('sealed reference without a version', 'malformed', True,
         (1, 1, ('', '', b'', ((CID, None, TXID, None),), ()))),
        ('join without a key', 'malformed', True,
         (1, 2, (1, KEY_ID, 1, None))),
        ('leave with a key', 'malformed', True,
         (1, 2, (2, KEY_ID, 1, b'key'))),
        ('unknown trust action', 'malformed', True,
         (1, 3, (5, *signed[1:]))),
        ('revocation without a signature', 'malformed', True,
         (1, 3, (3, signed[1], None, None))),
        ('retirement with a signature', 'malformed', True,
         (1, 3, (1, codec.encode((KEY_ID, '')), *signed[2:]))),
        ('one CID revoked twice', 'malformed', True,
         (1, 3, (3, revoked, *signed[2:]))),
        ('a body of another action', 'malformed', True,
         (1, 3, (4, *signed[1:]))),
        ('a byte after the inner body', 'malformed', True,
         (1, 3, (3, signed[1] + b'\xf6', *signed[2:]))),
        ('a new key that is none', 'bad-key', True,
         (1, 3, (4, codec.encode((b'key',)), *signed[2:]))),
        ('unknown outcome', 'malformed', True,
         (1, 5, (TXID, CID, 1, 8, '', '', 0, (), None))),
        ('withdrawal of versions in the wrong order', 'malformed', False,
         (1, 33, (CID, 2, 1, ''))),
        ('digest of another size', 'malformed', False,
         (1, 36, ('sha256', bytes(48), 0, '', ''))),
        ('unknown digest', 'malformed', False,
         (1, 36, ('sha1', bytes(32), 0, '', ''))),
        ('a byte after the end', 'malformed', True, welcome + b'\x00'),
        ('a longer head', 'malformed', True,
         b'\x83\x01\x18\x08' + welcome[3:]),
    ]
    return [{'why': why, 'code': code, 'sealed': sealed,
             'encoded': data if isinstance(data, bytes)
             else codec.encode(data)}
            for why, code, sealed, data in cases]


def make() -> dict[str, Any]:
    """Return payloads of every kind, and what is refused."""
    return {
        'chain_id': by_hand.CHAIN_ID,
        'recovery_key_id': by_hand.RECOVERY.key_id,
        'announcing_document': by_hand.VNF.document,
        'private': _cases(_private()),
        'public': _cases(_public()),
        'refused': _refused(),
    }
