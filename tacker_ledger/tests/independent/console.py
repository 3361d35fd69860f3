# SPDX-License-Identifier: Apache-2.0
"""The keys that a VNF shows on its console (page *Console block*)."""

import base64
import binascii
import dataclasses
import re

from tacker_ledger.tests.independent import cbor
from tacker_ledger.tests.independent import hashing
from tacker_ledger.tests.independent import keys
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import shapes

MAX_BYTES = 4096
MAX_CHARACTERS = 4_194_304

_BLOCK = re.compile(
    '-----BEGIN TACKER LEDGER VNF KEY-----[ \t]*\r*\n'
    '([A-Za-z0-9+/=\r\n]{1,8192}?)'
    '-----END TACKER LEDGER VNF KEY-----')
_FIELDS = shapes.fields(
    shapes.one_of(1), shapes.text(64),
    shapes.octets(1, keys.MAX_DOCUMENT_BYTES),
    shapes.octets(1, keys.MAX_DOCUMENT_BYTES), shapes.TIME,
    shapes.octets(1, 512), shapes.octets(1, 512))


@dataclasses.dataclass(frozen=True, slots=True)
class ConsoleBlock:
    """A block whose signatures are right."""

    instance: str
    vnf_key: keys.KeyDocument
    receipt_key: keys.KeyDocument
    time_ms: int


def find(text: str) -> list[str]:
    """Return the base64 of each whole block."""
    refusal.require(len(text) <= MAX_CHARACTERS, 'too-large')
    return [re.sub('[\r\n]', '', body) for body in _BLOCK.findall(text)]


def parse(chain_id: bytes, encoded: str) -> ConsoleBlock:
    """Return the block that the base64 holds."""
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise refusal.Refused('malformed', 'base64') from None
    fields = shapes.read(data, MAX_BYTES, _FIELDS)
    vnf_key, receipt_key = keys.parse(fields[2]), keys.parse(fields[3])
    message = hashing.message('console', chain_id, cbor.encode(fields[:5]))
    keys.verify(vnf_key, message, fields[5])
    keys.verify(receipt_key, message, fields[6])
    return ConsoleBlock(fields[1], vnf_key, receipt_key, fields[4])


def read(chain_id: bytes, text: str, instance: str) -> ConsoleBlock:
    """Return the newest block of an instance, if all show the same keys."""
    found = []
    for encoded in find(text):
        try:
            block = parse(chain_id, encoded)
        except refusal.Refused:
            continue
        if block.instance == instance:
            found.append(block)
    refusal.require(bool(found), 'not-found')
    refusal.require(
        len({(block.vnf_key.key_id, block.receipt_key.key_id)
             for block in found}) == 1, 'bad-signature', 'different keys')
    return max(found, key=lambda block: block.time_ms)
