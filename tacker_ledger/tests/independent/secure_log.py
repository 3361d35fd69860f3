# SPDX-License-Identifier: Apache-2.0
"""One block of a secure log (page *Secure log*)."""

import base64
import hashlib
import hmac
import re
from typing import Any

from cryptography.hazmat.primitives.ciphers import aead

from tacker_ledger.tests.independent import cbor
from tacker_ledger.tests.independent import hashing
from tacker_ledger.tests.independent import keys
from tacker_ledger.tests.independent import refusal

_LINE = re.compile(rb'(.*) \|([1-9]\d*)\.(0|[1-9]\d*) ([A-Za-z0-9+/=]+)\n',
                   re.DOTALL)
_RECORD_MAX_BYTES = 4096


def _split(data: bytes) -> tuple[bytes, int, int, bytes]:
    """Return (text, writer, sequence, record) of one line."""
    found = _LINE.fullmatch(data)
    if found is None or b'\n' in found[1]:
        raise refusal.Refused('malformed', 'not a line of a secure log')
    record = base64.b64decode(found[4], validate=True)
    refusal.require(base64.b64encode(record) == found[4], 'malformed',
                    'another base64')
    return found[1], int(found[2]), int(found[3]), record


def _halves(tag: str, *parts: bytes) -> tuple[bytes, bytes]:
    both = hashlib.sha512(hashing.message(tag, None, *parts)).digest()
    return both[:32], both[32:]


class Reader:
    """Reads a session from its opening to its first checkpoint.

    :param signing: key document of the log signing key
    :param auditor: private form of the auditor's pair
    """

    def __init__(self, signing: bytes, auditor: bytes) -> None:
        self._signing = keys.parse(signing)
        self._auditor = keys.parse_private(auditor)
        self.texts: list[bytes] = []

    def _unseal(self, sealed: bytes, sequence: int) -> tuple[bytes, bytes]:
        key, self._secret = _halves('log-seal', self._secret)
        both = aead.AESGCM(key).decrypt(
            bytes(12), sealed, self._log_id
            + self._writer.to_bytes(4, 'big') + sequence.to_bytes(8, 'big'))
        return both[:32], both[32:]

    def _info(self, kind: bytes, sequence: int, digest: bytes) -> bytes:
        return (kind + self._log_id + self._writer.to_bytes(4, 'big')
                + sequence.to_bytes(8, 'big') + digest)

    def opening(self, data: bytes) -> None:
        """Begin with an opening line."""
        text, writer, sequence, encoded = _split(data)
        fields: Any = cbor.decode(encoded, _RECORD_MAX_BYTES)
        refusal.require(len(fields) == 15 and fields[0] == 1, 'malformed')
        self._log_id, self._writer = fields[1], fields[2]
        refusal.require((writer, sequence) == (fields[2], 0)
                        and text.startswith(b'opening of writer '),
                        'malformed', 'place or text')
        refusal.require(fields[13] == hashing.digest(
            'log-opening', None, cbor.encode(fields[:13])), 'bad-hash')
        keys.verify(self._signing, hashing.message(
            'log-opening-signature', None, fields[13]), fields[14])
        self._chained = fields[13]
        self._previous = hashing.digest('log-previous', None, encoded)
        self._secret = keys.unwrap(self._auditor, fields[11])
        self._key, self._evolving = self._unseal(fields[12], 0)
        self._sequence, self._tags = 1, b''

    def line(self, data: bytes) -> None:
        """Take the next plain or redacted line."""
        text, writer, sequence, record = _split(data)
        refusal.require((writer, sequence) == (self._writer, self._sequence)
                        and len(record) == 81, 'malformed')
        if record[:1] == b'r':
            digest = bytes.fromhex(text[10:-1].decode('ascii'))
        else:
            refusal.require(record[:1] == b'l', 'malformed')
            digest = hashing.digest('log-text', None, record[1:17], text)
        self._advance(self._info(b'l', sequence, digest))
        refusal.require((self._chained, self._tag)
                        == (record[17:49], record[49:]), 'bad-hash')
        self.texts.append(text)

    def _advance(self, said: bytes) -> None:
        self._chained = hmac.digest(self._key, self._chained + said, 'sha256')
        self._tag, self._evolving = _halves(
            'log-evolve', self._evolving, self._chained)
        self._tags += self._tag
        self._sequence += 1

    def checkpoint(self, data: bytes) -> None:
        """Take the checkpoint that closes the block."""
        text, writer, sequence, encoded = _split(data)
        fields: Any = cbor.decode(encoded, _RECORD_MAX_BYTES)
        refusal.require(
            len(fields) == 17 and fields[0] == 1
            and fields[1:4] == [self._log_id, writer, sequence]
            and (writer, sequence) == (self._writer, self._sequence)
            and text.startswith(b'checkpoint '), 'malformed')
        digest = hashing.digest(
            'log-checkpoint', None, fields[4].to_bytes(8, 'big'),
            fields[5].to_bytes(8, 'big'), bytes([fields[6]]),
            fields[7].to_bytes(8, 'big'), self._previous)
        said = self._info(b'c', sequence, digest)
        before = self._chained
        self._advance(self._key + said)
        refusal.require(
            [self._key, before, self._chained, self._tag, hashing.digest(
                'log-tags', None, self._tags), self._previous]
            == [fields[8], *fields[11:16]], 'bad-hash')
        keys.verify(self._signing, hashing.message(
            'log-checkpoint-signature', None, before, self._key,
            self._chained, said, fields[14], fields[9], fields[10] or b''),
            fields[16])
        self.next_key, evolving = self._unseal(fields[9], sequence)
        refusal.require(evolving == self._evolving, 'bad-hash')
