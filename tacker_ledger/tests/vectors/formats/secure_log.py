# SPDX-License-Identifier: Apache-2.0
"""A secure log of one session, computed step by step as the page says.

Nothing of the writer under test is called: hashes, chains and records are
put together here.
"""

import base64
import hashlib
import hmac
from typing import Any

from Crypto.Cipher import AES

from tacker_ledger.core import codec
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import by_hand
from tacker_ledger.tests.vectors.formats import wraps
from tacker_ledger.tests.vectors import keys

NAME = 'secure-log'

LOG_ID = vectors.fixed_bytes('log id', 16)
WRITER = 5
TIME_MS = 1_700_000_000_123
TEXTS = ('a plain line', 'Grüße', 'Traceback:\n  File "x"\n', 'tab\there',
         '\x1b[31mred', 'back\\slash', 'a byte \udcff', '\u202eturned',
         '', 'forged |5.1 ' + 'A' * 108)
ESCAPED = (b'a plain line', 'Grüße'.encode(),
           b'Traceback:\\n  File "x"\\n', b'tab\\there', b'\\x1b[31mred',
           b'back\\\\slash', b'a byte \\xff', b'\\u202eturned', b'',
           b'forged |5.1 ' + b'A' * 108)

_SIGNER = by_hand.Signer(
    'log', keys.ed25519_private_bytes('log signing', False))
_AUDITOR = by_hand.Signer('auditor', keys.ed25519_private_bytes('auditor'))


def _prefix(label: str) -> bytes:
    name = b'tacker-ledger/1/' + label.encode('ascii')
    return bytes([len(name)]) + name


def _hash(label: str, *parts: bytes) -> bytes:
    return hashlib.sha256(_prefix(label) + b''.join(parts)).digest()


def _halves(label: str, *parts: bytes) -> tuple[bytes, bytes]:
    both = hashlib.sha512(_prefix(label) + b''.join(parts)).digest()
    return both[:32], both[32:]


def _seal(secret: bytes, plain: bytes, sequence: int) -> tuple[bytes, bytes]:
    """Return (sealed, the next secret)."""
    key, following = _halves('log-seal', secret)
    cipher = AES.new(key, AES.MODE_GCM, nonce=bytes(12))
    cipher.update(LOG_ID + WRITER.to_bytes(4, 'big')
                  + sequence.to_bytes(8, 'big'))
    sealed, tag = cipher.encrypt_and_digest(plain)
    return sealed + tag, following


def _line(text: bytes, sequence: int, record: bytes) -> bytes:
    return (text + f' |{WRITER}.{sequence} '.encode()
            + base64.b64encode(record) + b'\n')


def _info(kind: bytes, sequence: int, digest: bytes) -> bytes:
    return (kind + LOG_ID + WRITER.to_bytes(4, 'big')
            + sequence.to_bytes(8, 'big') + digest)


def _opening(sealed: bytes, wrap: bytes) -> tuple[bytes, bytes]:
    """Return (h, record)."""
    body = (1, LOG_ID, WRITER, 2, vectors.fixed_bytes('boot', 16), TIME_MS,
            'host/service', _SIGNER.key_id, _AUDITOR.key_id,
            vectors.fixed_bytes('manifest', 32),
            (4, (6, bytes([1]) * 32), (9, bytes([2]) * 32, bytes([3]) * 32),
             False, 17), wrap, sealed)
    chained = _hash('log-opening', codec.encode(body))
    signature = _SIGNER.sign(_prefix('log-opening-signature') + chained)
    return chained, codec.encode((*body, chained, signature))


def make() -> dict[str, Any]:
    """Return the session, all its secrets and its lines."""
    block_key = vectors.fixed_bytes('block key', 32)
    next_key = vectors.fixed_bytes('next block key', 32)
    evolving = first_evolving = vectors.fixed_bytes('evolving', 32)
    seal_secret = vectors.fixed_bytes('seal', 32)
    wrap = wraps.curve_wrap(
        _AUDITOR.encryption[-32:], seal_secret,
        vectors.fixed_bytes('ephemeral', 32), wraps.LABEL)
    sealed, secret = _seal(seal_secret, block_key + evolving, 0)
    chained, opening = _opening(sealed, wrap)
    lines = []
    tags = b''
    for sequence, text in enumerate(ESCAPED, 1):
        salt = vectors.fixed_bytes(f'salt {sequence}', 16)
        info = _info(b'l', sequence, _hash('log-text', salt, text))
        chained = hmac.digest(block_key, chained + info, 'sha256')
        tag, evolving = _halves('log-evolve', evolving, chained)
        tags += tag
        lines.append({
            'text': TEXTS[sequence - 1].encode('utf-8', 'surrogateescape'),
            'salt': salt, 'log_info': info, 'h': chained, 't': tag,
            'line': _line(text, sequence, b'l' + salt + chained + tag)})
    sequence = len(ESCAPED) + 1
    previous = _hash('log-previous', opening)
    digest = _hash('log-checkpoint', (1).to_bytes(8, 'big'),
                   (TIME_MS + 5).to_bytes(8, 'big'), b'\1',
                   (1).to_bytes(8, 'big'), previous)
    info = _info(b'c', sequence, digest)
    before = chained
    chained = hmac.digest(block_key, before + block_key + info, 'sha256')
    tag, evolving = _halves('log-evolve', evolving, chained)
    all_tags = _hash('log-tags', tags, tag)
    sealed, _ = _seal(secret, next_key + evolving, sequence)
    signature = _SIGNER.sign(
        _prefix('log-checkpoint-signature') + before + block_key + chained
        + info + all_tags + sealed)
    checkpoint = codec.encode((
        1, LOG_ID, WRITER, sequence, 1, TIME_MS + 5, 1, 1, block_key, sealed,
        None, before, chained, tag, all_tags, previous, signature))
    return {
        'log_id': LOG_ID, 'writer': WRITER,
        'signing_key': _SIGNER.document, 'auditor_key': _AUDITOR.document,
        'auditor_private': _AUDITOR.private,
        'block_key': block_key, 'evolving': first_evolving,
        'seal_secret': seal_secret, 'wrap': wrap,
        'opening': _line(
            b'opening of writer 5 in slot 2: host/service, '
            b'2023-11-14T22:13:20.123Z', 0, opening),
        'lines': lines, 'next_key': next_key,
        'checkpoint': _line(
            b'checkpoint 1: 10 lines, closed by count, '
            b'2023-11-14T22:13:20.128Z', sequence, checkpoint),
        'redacted': _line(
            b'[redacted ' + lines[0]['log_info'][-32:].hex().encode() + b']',
            1, b'r' + bytes(16) + lines[0]['h'] + lines[0]['t']),
    }
