# SPDX-License-Identifier: Apache-2.0
"""What a configuration says once it is opened (page *Payloads*)."""

from typing import Any

from tacker_ledger.tests.independent import cbor
from tacker_ledger.tests.independent import hashing
from tacker_ledger.tests.independent import keys
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import shapes

MAX_BYTES = 4_194_304
FEDERATION_DOCUMENT = 34
_FEDERATION_BEGINNING = bytes.fromhex('83011822')
_DIGEST_BYTES = {'sha256': 32, 'sha384': 48, 'sha512': 64}

_U32 = shapes.integer(0, (1 << 32) - 1)
_BYTES = shapes.octets(0, MAX_BYTES)
_REFERENCE = shapes.fields(shapes.CID, shapes.VID, shapes.DIGEST,
                           shapes.nullable(shapes.DIGEST))
_KEY = shapes.octets(0, keys.MAX_DOCUMENT_BYTES)
_SIGNATURE = shapes.octets(1, 256)

_BODIES: dict[int, shapes.Shape] = {
    1: shapes.fields(
        shapes.text(64), shapes.text(256), _BYTES,
        shapes.array(_REFERENCE, 0, 64), shapes.array(_REFERENCE, 0, 64)),
    2: shapes.fields(
        shapes.one_of(1, 2), shapes.DIGEST, _U32,
        shapes.nullable(shapes.octets(1, 8192))),
    3: shapes.fields(
        shapes.integer(1, 4), shapes.octets(0, 524_288),
        shapes.nullable(_KEY), shapes.nullable(_SIGNATURE)),
    4: shapes.fields(shapes.integer(0, 255), shapes.text(256)),
    5: shapes.fields(
        shapes.DIGEST, shapes.CID, shapes.VID, shapes.integer(1, 7),
        shapes.text(64), shapes.text(1024), shapes.HEIGHT,
        shapes.array(shapes.fields(shapes.CID, shapes.VID), 0, 1024),
        shapes.nullable(shapes.fields(_KEY, _SIGNATURE))),
    6: shapes.fields(
        shapes.DIGEST,
        shapes.array(shapes.fields(
            shapes.CID, shapes.VID, shapes.DIGEST, shapes.DIGEST,
            shapes.nullable(shapes.DIGEST)), 0, 1024),
        shapes.array(shapes.fields(
            shapes.text(64), shapes.text(256), _BYTES), 0, 256),
        shapes.TIME),
    7: shapes.fields(shapes.CID),
    8: shapes.fields(shapes.text(256)),
    9: shapes.fields(
        shapes.array(_REFERENCE, 0, 1024), shapes.nullable(_REFERENCE)),
    32: shapes.fields(
        shapes.text(64), shapes.text(256), _BYTES, shapes.text(256),
        shapes.text(64)),
    33: shapes.fields(shapes.CID, shapes.VID, shapes.VID, shapes.text(256)),
    34: shapes.fields(shapes.octets(1, 524_288)),
    35: shapes.fields(shapes.octets(16), shapes.octets(1, 65_536)),
    36: shapes.fields(
        shapes.one_of(*_DIGEST_BYTES), shapes.octets(32, 64), shapes.SIZE,
        shapes.text(128), shapes.text(256)),
}

_CHANGES: dict[int, shapes.Shape] = {
    1: shapes.fields(shapes.DIGEST, shapes.text(256)),
    2: shapes.fields(
        shapes.DIGEST, _KEY,
        shapes.array(shapes.fields(shapes.CID, _U32, shapes.CID), 0, 4096)),
    3: shapes.fields(
        shapes.DIGEST,
        shapes.array(shapes.fields(shapes.CID, _U32), 0, 4096)),
    4: shapes.fields(_KEY),
}


def _check_trust_change(body: list[Any]) -> None:
    action, encoded, document, signature = body
    change = shapes.read(encoded, 524_288, _CHANGES[action])
    refusal.require(
        (document is None) == (signature is None) == (action == 1),
        'malformed', 'signed or not')
    if document is not None:
        keys.parse(document)
    if action in (2, 4):
        keys.parse(change[1 if action == 2 else 0])
    if action in (2, 3):
        named = [each[0] for each in change[-1]]
        refusal.require(len(set(named)) == len(named), 'malformed',
                        'one CID twice')


def _check_body(kind: int, body: list[Any]) -> None:
    if kind == 2:
        refusal.require((body[0] == 1) == (body[3] is not None), 'malformed',
                        'a key to join with, none to leave with')
    elif kind == 3:
        _check_trust_change(body)
    elif kind == 5 and body[8] is not None:
        keys.parse(body[8][0])
    elif kind == 33:
        refusal.require(body[1] <= body[2], 'malformed', 'order of VIDs')
    elif kind == 36:
        refusal.require(len(body[1]) == _DIGEST_BYTES[body[0]], 'malformed',
                        'size of the digest')


def parse(encoded: bytes, sealed: bool) -> tuple[int, list[Any]]:
    """Return kind and body of the payload of a configuration."""
    kind, body = shapes.versioned(
        encoded, MAX_BYTES, shapes.ANY_INTEGER, shapes.anything)
    refusal.require(kind in _BODIES, 'unsupported-version', 'kind')
    refusal.require((kind < 32) == sealed, 'wrong-payload')
    read = _BODIES[kind](body)
    _check_body(kind, read)
    return kind, read


def digest(chain_id: bytes, encoded: bytes) -> bytes:
    """Return the payload digest."""
    return hashing.digest('payload', chain_id, encoded)


def verify_recovery(chain_id: bytes, body: list[Any],
                    recovery_key_id: bytes) -> None:
    """Refuse a trust change that the recovery key did not sign."""
    action, encoded, document, signature = body
    refusal.require(action != 1, 'bad-signature', 'not of the recovery key')
    key = keys.parse(document)
    refusal.require(key.key_id == recovery_key_id, 'bad-signature')
    keys.verify(
        key, hashing.message('recovery', chain_id, bytes([action]), encoded),
        signature)


def verify_announcement(chain_id: bytes, announcement: list[bytes],
                        old_key: keys.KeyDocument) -> None:
    """Refuse a new key that the old one did not announce."""
    document, signature = announcement
    keys.verify(
        old_key, hashing.message('key-announcement', chain_id,
                                 old_key.key_id, document), signature)


def published_federation(fields: tuple[Any, ...]) -> bytes | None:
    """Return the federation document that a content publishes, if any."""
    if fields[1] != 1 or fields[4] != 0 or fields[5] != 0:
        return None
    configuration = fields[15]
    if not configuration.startswith(_FEDERATION_BEGINNING):
        return None
    try:
        _, body = parse(configuration, False)
    except refusal.Refused as exc:
        raise refusal.Refused('malformed', str(exc)) from None
    return bytes(body[0])


def encode(kind: int, body: list[Any]) -> bytes:
    """Return an encoded payload."""
    return cbor.encode([1, kind, body])
