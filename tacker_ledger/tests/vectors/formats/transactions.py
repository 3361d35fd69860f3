# SPDX-License-Identifier: Apache-2.0
"""Transactions of both classes, submissions, and what is refused."""

from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import by_hand
from tacker_ledger.tests.vectors.formats import envelope

NAME = 'transactions'

NONCE = vectors.fixed_bytes('nonce', 16)
CONTENT_KEY = vectors.fixed_bytes('content key', 32)
PAYLOAD = codec.encode((1, 1, (
    'nftables', 'inet filter', b'flush ruleset\n', (), ())))
TEMPLATE = codec.encode((1, 32, (
    'file', '/etc/x', b'x = 1\n', 'a vendor', '1.2')))
REPORT = codec.encode((1, 6, (bytes(32), (), (), by_hand.NOW_MS)))
_LISTS = (
    ((bytes(16), None, None),
     (b'\x01' * 16, 7, None),
     (b'\x02' * 16, 2 ** 32 - 1, b'\x03' * 32)),
    ((b'\x04' * 16, 1, None),))
_NAMES = (
    'version', 'type', 'cid', 'vid', 'compression', 'encryption',
    'description', 'sender', 'recipient_id', 'timestamp_ms', 'nonce')
_CONFIGURATION_NAMES = (
    *_NAMES, 'apply_before', 'apply_after', 'commitment', 'wraps',
    'configuration')
_REQUEST_NAMES = (*_NAMES, 'slot_expiry_ms')


def common(signer: by_hand.Signer, kind: int = 1, *, vid: int = 1,
           cid: bytes | None = None, compression: int = 0,
           encryption: int = 1, description: str = '',
           recipient_id: bytes | None = by_hand.VNF.key_id,
           timestamp_ms: int = by_hand.NOW_MS, nonce: bytes = NONCE
           ) -> list[Any]:
    """Return the first eleven fields of a content."""
    return [1, kind, cid or by_hand.cid_of(signer, nonce), vid, compression,
            encryption, description, signer.document, recipient_id,
            timestamp_ms, nonce]


def sealed(signer: by_hand.Signer, readers: tuple[Any, ...],
           packed: bytes = PAYLOAD, lists: tuple[Any, ...] = ((), ()),
           **fields: Any) -> list[Any]:
    """Return a sealed configuration with wraps for readers, or dummies.

    :param readers: four signers, or None or the suite of a dummy each
    """
    wraps = tuple(
        by_hand.dummy(reader, f'wrap {place}') if isinstance(reader, int)
        else reader.wrap(CONTENT_KEY, f'wrap {place}')
        for place, reader in enumerate(readers))
    return by_hand.seal([*common(signer, **fields), *lists], wraps, packed,
                        CONTENT_KEY)


def public(signer: by_hand.Signer, packed: bytes = TEMPLATE,
           lists: tuple[Any, ...] = ((), ()), **fields: Any) -> list[Any]:
    """Return a public configuration."""
    return [*common(signer, encryption=0, recipient_id=None, **fields),
            *lists, None, (), packed]


def request(signer: by_hand.Signer, expiry_ms: int = by_hand.NOW_MS + 1000,
            **fields: Any) -> list[Any]:
    """Return a configuration request."""
    return [*common(signer, 2, **fields), expiry_ms]


def _case(why: str, signer: by_hand.Signer, fields: list[Any],
          payload: bytes | None = None, readers: dict[str, Any] | None = None
          ) -> dict[str, Any]:
    content = codec.encode(tuple(fields))
    txid = by_hand.hashed('transaction', content)
    raw = by_hand.signed(signer, content)
    case = {
        'why': why, 'private': signer.private, 'sender_id': signer.key_id,
        'fields': dict(zip(
            _REQUEST_NAMES if fields[1] == 2 else _CONFIGURATION_NAMES,
            fields, strict=True)),
        'content': content, 'txid': txid,
        'signed_message': by_hand.message('transaction-signature', txid),
        'transaction': raw, 'payload': payload}
    if readers is not None:
        case['content_key'] = CONTENT_KEY
        case['associated_data'] = codec.encode(
            tuple(fields[:by_hand.WRAPS_FIELD]))
        case['readers'] = readers
    return case


def _accepted() -> list[dict[str, Any]]:
    rsa, rsa_vnf = by_hand.RSA_TENANT, by_hand.RSA_VNF
    tenant, vnf = by_hand.TENANT, by_hand.VNF
    all_four = (vnf, tenant, by_hand.RECOVERY, by_hand.AUDITOR)
    return [
        _case('rsa2048, first version, both lists', rsa,
              sealed(rsa, (rsa_vnf, rsa, 1, 1), lists=_LISTS,
                     recipient_id=rsa_vnf.key_id), PAYLOAD,
              {'0': rsa_vnf.private, '1': rsa.private}),
        _case('ed25519, four readers, compressed, described', tenant,
              sealed(tenant, all_four, envelope.stored_zlib(PAYLOAD),
                     compression=1, description='Firewall of é'), PAYLOAD,
              {str(place): reader.private
               for place, reader in enumerate(all_four)}),
        _case('a later version, the largest numbers', tenant,
              sealed(tenant, (vnf, tenant, 2, 2), cid=b'\x05' * 16,
                     vid=2 ** 32 - 1, timestamp_ms=2 ** 64 - 1), PAYLOAD,
              {'0': vnf.private, '1': tenant.private}),
        _case('by a key that only signs, to rsa2048', by_hand.RECEIPT,
              sealed(by_hand.RECEIPT, (rsa, 1, 1, 1),
                     recipient_id=rsa.key_id), PAYLOAD, {'0': rsa.private}),
        _case('public template', tenant, public(tenant), TEMPLATE),
        _case('public template, compressed, with a list', rsa,
              public(rsa, envelope.stored_zlib(TEMPLATE), _LISTS,
                     compression=1), TEMPLATE),
        _case('request', tenant,
              request(tenant, compression=1, description='the state')),
        _case('answer to a request', vnf,
              sealed(vnf, (tenant, vnf, 2, 2), REPORT,
                     cid=by_hand.cid_of(tenant, NONCE),
                     recipient_id=tenant.key_id), REPORT,
              {'0': tenant.private, '1': vnf.private}),
    ]


def _changed(fields: list[Any], place: int, value: Any) -> bytes:
    fields = list(fields)
    fields[place] = value
    return by_hand.transaction(by_hand.TENANT, fields)


def _refused_fields() -> list[tuple[str, str, bytes]]:
    tenant = by_hand.TENANT
    readers = (by_hand.VNF, tenant, 2, 2)
    good, open_, asked = sealed(tenant, readers), public(tenant), request(
        tenant)
    rsa = sealed(by_hand.RSA_TENANT, (by_hand.RSA_VNF, 1, 1, 1))
    own = (good[2], None, None)
    bad = 'malformed'
    cases = [
        ('content of version 2', 'unsupported-version', good, 0, 2),
        ('unknown type', bad, good, 1, 3),
        ('CID of 15 bytes', bad, good, 2, bytes(15)),
        ('VID 0', bad, good, 3, 0), ('VID 2^32', bad, good, 3, 2 ** 32),
        ('unknown compression', bad, open_, 4, 2),
        ('unknown encryption', bad, open_, 5, 2),
        ('description of 257 bytes', bad, good, 6, 'a' * 257),
        ('sender is no key document', 'bad-key', good, 7, b'\x00'),
        ('recipient of 31 bytes', bad, good, 8, bytes(31)),
        ('timestamp below 0', bad, good, 9, -1),
        ('nonce of 17 bytes', bad, good, 10, bytes(17)),
        ('a list names its own CID', bad, good, 11, (own,)),
        ('a list names one CID twice', bad, good, 12,
         ((bytes(16), 1, None), (bytes(16), 2, None))),
        ('a digest without a VID', bad, good, 11,
         ((bytes(16), None, bytes(32)),)),
        ('65 references', bad, good, 11, tuple(
            (bytes([i] * 16), None, None) for i in range(65))),
        ('sealed without recipient', bad, good, 8, None),
        ('sealed without commitment', bad, good, 13, None),
        ('sealed with three wraps', bad, good, 14, good[14][:3]),
        ('sealed with five wraps', bad, good, 14, good[14] + good[14][:1]),
        ('a wrap of 79 bytes', bad, good, 14,
         (good[14][0][:79], *good[14][1:])),
        ('an rsa2048 wrap of 2^2047', bad, rsa, 14,
         (b'\x80' + bytes(255), *rsa[14][1:])),
        ('an ed25519 wrap with u = 0', bad, good, 14,
         (bytes(80), *good[14][1:])),
        ('sealed size of no class', bad, good, 15, bytes(529)),
        ('public with a recipient', bad, open_, 8, bytes(32)),
        ('public with a commitment', bad, open_, 13, bytes(32)),
        ('public with wraps', bad, open_, 14, good[14]),
        ('a request without recipient', bad, asked, 8, None),
        ('a request for a public answer', bad, asked, 5, 0),
    ]
    return [(why, code, _changed(fields, place, value))
            for why, code, fields, place, value in cases]


def _refused_frames() -> list[tuple[str, str, bytes]]:
    tenant = by_hand.TENANT
    content = codec.encode(tuple(public(tenant)))
    txid = by_hand.hashed('transaction', content)
    signature = tenant.sign(by_hand.message('transaction-signature', txid))
    other_chain = by_hand.message('transaction-signature', txid,
                                  chain_id=bytes(32))
    good = codec.encode((1, txid, signature, content))
    longer = b'\x90\x18\x01' + content[2:]

    def frame(*fields: Any) -> bytes:
        return codec.encode(fields)

    return [
        ('transaction of version 2', 'unsupported-version',
         frame(2, txid, signature, content)),
        ('another id', 'bad-hash', frame(1, bytes(32), signature, content)),
        ('id under another tag', 'bad-hash', frame(
            1, by_hand.hashed('block', content), signature, content)),
        ('id on another chain', 'bad-hash', frame(
            1, by_hand.hashed('transaction', content, chain_id=bytes(32)),
            signature, content)),
        ('signed by another key', 'bad-signature', frame(
            1, txid, by_hand.VNF.sign(by_hand.message(
                'transaction-signature', txid)), content)),
        ('signed for another chain', 'bad-signature',
         frame(1, txid, tenant.sign(other_chain), content)),
        ('the bare id signed', 'bad-signature',
         frame(1, txid, tenant.sign(txid), content)),
        ('a signature of 63 bytes', 'malformed',
         frame(1, txid, signature[:63], content)),
        ('a byte after the end', 'malformed', good + b'\x00'),
        ('a byte missing', 'malformed', good[:-1]),
        ('a longer head outside', 'malformed', b'\x98\x04' + good[1:]),
        ('a longer head inside', 'malformed',
         by_hand.signed(tenant, longer)),
        ('a byte after the content', 'malformed',
         by_hand.signed(tenant, content + b'\xf6')),
        ('an array of indefinite length', 'malformed',
         b'\x9f' + good[1:] + b'\xff'),
    ]


def make() -> dict[str, Any]:
    """Return transactions, submissions, and what is refused."""
    raw = by_hand.transaction(by_hand.TENANT, public(by_hand.TENANT))
    return {
        'chain_id': by_hand.CHAIN_ID,
        'cid': {'sender_id': by_hand.TENANT.key_id, 'nonce': NONCE,
                'cid': by_hand.cid_of(by_hand.TENANT, NONCE)},
        'accepted': _accepted(),
        'refused': [{'why': why, 'code': code, 'transaction': data}
                    for why, code, data in
                    _refused_fields() + _refused_frames()],
        'submissions': [
            {'transaction': raw, 'admission': admission,
             'encoded': codec.encode((1, raw, admission))}
            for admission in (None, (0, b''), (1, b'a token'))],
    }
