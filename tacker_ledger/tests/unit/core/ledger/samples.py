# SPDX-License-Identifier: Apache-2.0
"""Keys and transactions to test with, and ways to spoil an encoding."""

from collections.abc import Iterator
import itertools

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import envelope
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import transaction
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import keys

H = hashing.hasher(vectors.fixed_bytes('chain id', 32))
OTHER_H = hashing.hasher(vectors.fixed_bytes('another chain', 32))
PROVIDER = providers.default()

RSA_TENANT = keys.rsa(PROVIDER, 0)
RSA_VNF = keys.rsa(PROVIDER, 1)
TENANT = keys.curve(PROVIDER, 'tenant')
VNF = keys.curve(PROVIDER, 'vnf')
STRANGER = keys.curve(PROVIDER, 'stranger')
RECEIPT = keys.curve(PROVIDER, 'receipt', encryption=False)

NOW_MS = 1_700_000_000_000
RULESET = payload.Configuration('nftables', 'inet filter', b'policy drop;')

_counter = itertools.count()


def fresh(size: int = 16) -> bytes:
    """Return bytes that no other call returns."""
    return vectors.fixed_bytes(f'fresh {next(_counter)}', size)


def configuration(pair=TENANT, recipient=VNF, body=RULESET, **fields):
    """Return a sealed configuration; founds a CID unless given one."""
    fields = {'vid': 1, 'timestamp_ms': NOW_MS, 'nonce': fresh(),
              'content_key': fresh(32), **fields}
    if 'recipient_id' not in fields:
        fields['recipient'] = recipient.document
    return authoring.author_configuration(
        H, PROVIDER, pair, payload=body, **fields)


def sealed(*args, **fields):
    """Return the transaction of :func:`configuration` alone."""
    return configuration(*args, **fields).transaction


def public(pair=TENANT, body=None, **fields):
    """Return a public configuration."""
    body = body or payload.Template('file', '/etc/x', b'y', 'vendor', '1')
    fields = {'vid': 1, 'timestamp_ms': NOW_MS, 'nonce': fresh(), **fields}
    return authoring.author_public(H, pair, payload=body, **fields)


def request(pair=TENANT, recipient=VNF, **fields):
    """Return a configuration request."""
    fields = {'vid': 1, 'timestamp_ms': NOW_MS, 'nonce': fresh(),
              'slot_expiry_ms': NOW_MS + 60_000, **fields}
    return authoring.author_request(
        H, pair, recipient_id=recipient.document.key_id, **fields)


def answer(asked, pair=VNF, **fields):
    """Return an answer to a request."""
    report = payload.StateReport(asked.txid, (), (), NOW_MS)
    fields = {'timestamp_ms': NOW_MS, 'nonce': fresh(),
              'content_key': fresh(32), **fields}
    return authoring.author_answer(
        H, PROVIDER, pair, asked, report, **fields).transaction


def resigned(pair, content):
    """Return a transaction of any content that the format allows."""
    return transaction.Transaction.signed_by(H, pair, content)


def raw_of(fields, pair=TENANT) -> bytes:
    """Return a well signed transaction of any fields at all."""
    content = codec.encode(tuple(fields))
    txid = identifiers.transaction_id(H, content)
    return codec.encode((1, txid, pair.sign(
        transaction.signed_message(H, txid)), content))


def role_key(made, pair, role=envelope.Role.RECIPIENT) -> bytes:
    """Return the content key that a pair finds in its wrap."""
    return envelope.unwrap(pair, role, made.content.wraps)


def spoiled(encoded: bytes) -> Iterator[bytes]:
    """Yield encodings that a lenient decoder takes for the same value.

    Every head longer than need be, every array and string of indefinite
    length, and something after the end.
    """
    yield encoded + b'\xf6'
    yield encoded + b'\x00'
    at = 0
    while at < len(encoded):
        major, low = encoded[at] >> 5, encoded[at] & 31
        size = 1 if low < 24 else 1 + (1 << (low - 24))
        argument = (low if low < 24
                    else int.from_bytes(encoded[at + 1:at + size], 'big'))
        before, after = encoded[:at], encoded[at + size:]
        if major != 7:
            for width in range(4):
                if (1 << width) >= size:
                    yield b''.join((
                        before, bytes((major << 5 | 24 + width,)),
                        argument.to_bytes(1 << width, 'big'), after))
        if major == 4:
            yield before + b'\x9f' + after + b'\xff'
        if major in (2, 3):
            text, rest = after[:argument], after[argument:]
            yield b''.join((before, bytes((major << 5 | 31,)),
                            encoded[at:at + size], text, b'\xff', rest))
            at += argument
        at += size
